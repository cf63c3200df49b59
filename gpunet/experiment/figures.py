"""Which figures a run measures, what its samples weigh by their class, and where its decisions change."""

from collections.abc import Sequence

import numpy as np

from ..config import Config
from ..data import Dataset, Split
from ..errors import ConfigError, meant
from ..losses import Loss
from ..metrics import Metric, Outcome, usual_metrics
from ..training import task_of


def known_figures(loss: Loss | None, y: np.ndarray, outputs: int) -> list[Metric]:
    """The usual metrics that say something about such targets.

    Args:
        loss: that a network learns by, or None where there are no targets.
        y: targets of the training part.
        outputs: of the network.
    """
    task = None if loss is None or not len(y) else task_of(loss, y)
    if task is None or loss is None:
        return []
    empty = Outcome(task, np.zeros((1, outputs)), y[:1], probability=loss.meaning == "probability")
    return [metric for metric in usual_metrics() if metric.measures(empty)]


def chosen_figures(config: Config, known: Sequence[Metric], measured: Sequence[str]) -> list[Metric]:
    """What is measured after each epoch beside what the objective measures: as configured, and what is monitored.

    Args:
        config: of the run.
        known: what suits its targets.
        measured: names of what the objective measures already.

    Raises:
        ConfigError: a metric that does not suit the targets.
    """
    chosen = [word.build() for word in config.training.metrics]
    for metric in chosen:
        if not any(isinstance(metric, type(one)) for one in known):
            rule, names = "must suit the targets", [one.name for one in known]
            remedy = meant(metric.name, names, f"There are {', '.join(names) or 'none'}")
            raise ConfigError("metrics", rule, metric.name, remedy)
    by_itself = automatic_monitor(config) if config.training.monitor == "auto" else config.training.monitor
    wanted = by_itself.removeprefix("validation_")
    chosen += [metric for metric in known if metric.name == wanted and metric.name not in [c.name for c in chosen]]
    return [metric for metric in chosen if metric.name not in measured]


def automatic_monitor(config: Config) -> str:
    """What chooses the weights of a classifier that is validated, where nothing is said.

    Where classes are to weigh alike, plain accuracy would choose the epoch in which the rare ones were given up.
    """
    return f"validation_{'balanced_' if config.training.class_weight == 'balanced' else ''}accuracy"


def class_weights(config: Config, dataset: Dataset, split: Split) -> np.ndarray | None:
    """The weight of each sample of the data set, (samples,), its own times that of its class; None where all are 1.

    ``balanced`` gives a class ``samples / (classes * samples of the class)`` in the training part, so that all classes
    weigh the same together and the mean weight is 1.

    Raises:
        ConfigError: targets that are no classes, or a class that there is not.
    """
    wanted, own = config.training.class_weight, dataset.weights
    if wanted is None:
        return own
    if not dataset.classes:
        remedy = "Leave class_weight out"
        raise ConfigError("class_weight", "needs classes", "other targets", remedy)
    if wanted == "balanced":
        counts = np.bincount(dataset.y[dataset.labelled(split.train)], minlength=len(dataset.classes))
        by_class = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        assert isinstance(wanted, dict)
        unknown = [name for name in wanted if name not in dataset.classes]
        if unknown:
            remedy = meant(unknown[0], dataset.classes, f"There are {', '.join(dataset.classes[:20])}")
            raise ConfigError("class_weight", "must name classes", repr(unknown[0]), remedy)
        by_class = np.array([wanted.get(name, 1.0) for name in dataset.classes])
    weights = np.where(dataset.y < 0, 1.0, by_class[dataset.y])  # what has no label is of no class
    return weights if own is None else weights * own


def check_threshold(config: Config, known: Sequence[Metric], classes: int, validates: bool) -> None:
    """Refuse a threshold that cannot be fitted.

    Raises:
        ConfigError: no decision between two, no validation part, or a metric that does not depend on it.
    """
    word = config.training.threshold
    if word is None:
        return
    if not validates:
        raise ConfigError("threshold", "is fitted on a validation part", "none", "Set validation=0.15")
    if classes > 2 or not known or known[0].tasks == ("regression",):
        remedy = "Leave threshold out"
        raise ConfigError("threshold", "needs two classes or several labels", f"{classes} classes", remedy)
    metric = word.build()
    decides = [one.name for one in known if one.percent and one.name != "top_5_accuracy"]
    if metric.name not in decides:
        rule = "must be a metric of decisions"
        raise ConfigError("threshold", rule, metric.name, f"There are {', '.join(decides)}")
