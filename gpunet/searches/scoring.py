"""What a trial is worth: trained on each part with each seed, and judged by what it is for."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checkpoint import in_memory
from ..config import Config
from ..data import Split
from ..errors import ConfigError
from ..experiment import Experiment, Run
from ..inspection.likelihood import Annealing, is_easy, normaliser, scores, states
from ..interruption import Stop
from ..metrics import metric_named
from ..persistence import graft, open_trained, snapshot, stack_of
from ..stages import Callbacks, carry_out_population, restored_by, runs_of
from ..training import EpochRecord
from .problem import Search

ANNEALING = {"runs": 100, "steps": 1000, "mixing": 100}  # of a likelihood that cannot be summed exactly
OnValue = Callable[[int, float], None]


class Stopped(Exception):
    """A trial was stopped from outside; nothing is known about it."""


class Pruned(Exception):
    """A trial was ended early, since it lags behind others."""


@dataclass(frozen=True)
class Goal:
    """The number that trials are judged by.

    Attributes:
        name: as it is shown: accuracies as ``error``.
        measure: as it is measured.
        higher: whether larger numbers are better.
        percent: whether it is shown in percent.
        part: what it is measured on.
    """

    name: str
    measure: str
    higher: bool = False
    percent: bool = False
    part: str = "validation part"

    def shown(self, values: Any) -> Any:
        """A measured number as it is shown."""
        return 1 - values if self.name == "error" else values

    def loss(self, value: float) -> float:
        """A shown number as one of which less is better."""
        return -value if self.higher else value

    def said(self, value: float) -> str:
        """A shown number in words.

        >>> Goal("error", "accuracy", percent=True).said(0.0123), Goal("loss", "loss").said(0.25)
        ('1.23 %', '0.2500')
        """
        return f"{100 * value:.2f} %" if self.percent else f"{value:.4f}" if abs(value) < 100 else f"{value:.2f}"


@dataclass(frozen=True)
class Measured:
    """What came of a trial.

    Attributes:
        scores: (parts, seeds), as they are shown.
        curve: of the first part, by epoch, the mean over seeds; empty where epochs have no score.
        epochs: that the first part took.
        seconds: of everything.
        models: that were trained.
    """

    scores: np.ndarray
    curve: list[float] = field(default_factory=list)
    epochs: int = 0
    seconds: float = 0.0
    models: int = 0

    @property
    def value(self) -> float:
        """The mean over parts and seeds."""
        return float(self.scores.mean())


class Watching(Callbacks):
    """Takes the scored number of each epoch.

    Args:
        goal: what is scored.
        on_value: told each, by epoch; it ends the training by raising.

    Where memory does not suffice for all seeds at once, it is the number of those that come first.
    """

    def __init__(self, goal: Goal, on_value: OnValue | None = None):
        self.goal, self.on_value, self.epochs = goal, on_value, 0
        self.curve: list[float] = []
        self._seed: int | None = None

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Note the number of an epoch."""
        self._seed = run.config.seed if self._seed is None else self._seed
        if run.config.seed != self._seed:
            return
        self.epochs += 1
        found = record.numbers.get(f"validation_{self.goal.measure}")
        if found is not None:
            self.curve.append(float(self.goal.shown(found.mean())))
            if self.on_value is not None:
                self.on_value(len(self.curve), self.curve[-1])


def goal_of(search: Search) -> Goal:
    """What trials of a search are judged by; it puts the first one together, which finds what is wrong with it.

    Raises:
        ConfigError: no validation part and no folds, or a model that cannot be judged so.
    """
    family, purpose, settings = search.config.model, search.purpose, search.settings
    part = f"{settings.folds} folds" if settings.folds > 1 else "validation part"
    if search.config.model_copy(update={"members": 1}).population > 1:
        remedy = "Write one number, and the others as { choice = [...] } in [space]"
        raise ConfigError("search", "tries one value of a key in each trial", "a list of values for members", remedy)
    if count := search.config.training.snapshots:
        raise ConfigError("snapshots", "are kept by a training, and not by trials", count, "Leave it out")
    if settings.folds == 1 and not len(search.experiment.split.validation):
        raise ConfigError(
            "validation", "must have samples to score trials on", "none", "Set validation=0.15, or folds=5"
        )
    if purpose == "likelihood":
        if family.has_outputs:
            remedy = "Leave search.score out"
            raise ConfigError("search.score", "likelihood is of machines", family.name, remedy)
        if settings.prune != "none":
            remedy = "Leave search.prune out"
            raise ConfigError("search.prune", "needs a score of each epoch", "a likelihood at the end", remedy)
        return Goal("log_likelihood", "log_likelihood", True, part=part)
    config = search.config
    if purpose == "fine_tuning":
        if search.tune is None:
            raise ConfigError("search.score", "fine_tuning needs a network to tune", "none", "Add a table [tune]")
        tuned = search.tuned({}, config)
        assert tuned is not None
        config = tuned
    elif not family.has_outputs:
        remedy = "Set search.score to fine_tuning or likelihood"
        raise ConfigError("search.score", "validation is of networks", family.name, remedy)
    job = Run(search.on(config, search.splits[0]))
    name = job.monitor.removeprefix("validation_")
    if not job.monitor.startswith("validation_"):
        if settings.folds == 1:
            rule = "must be a number of the validation part"
            raise ConfigError("monitor", rule, job.monitor, "Set it to auto")
        name = "accuracy" if "accuracy" in job.objective.scores else "loss"
    if name == "accuracy":
        return Goal("error", "accuracy", False, True, part)
    metric = metric_named(name)
    return Goal(name, name, job.selection.higher, metric is not None and metric.percent, part)


def measure(
    search: Search,
    goal: Goal,
    config: Config,
    tune: Config | None,
    splits: Sequence[Split],
    stop: Stop | None = None,
    on_value: OnValue | None = None,
) -> Measured:
    """Train a trial on all parts, with all seeds at once, and score it.

    Args:
        search: what it belongs to.
        goal: what it is judged by.
        config: of the trial.
        tune: the network that is fine-tuned from it, or None.
        splits: parts.
        stop: ends it after the present step.
        on_value: told the scored number of each epoch of the first part.

    Raises:
        Stopped: ``stop`` was requested.
        GpunetError: it cannot be trained so, or diverged.
    """
    began, found = time.perf_counter(), []
    first = Watching(goal, on_value)
    for number, split in enumerate(splits):
        run = trained(search, config, tune, split, stop, first if not number else Watching(goal))
        found.append(goal.shown(score_of(search, goal, run, split)))
    seconds = time.perf_counter() - began
    return Measured(np.array(found), first.curve, first.epochs, seconds, len(splits) * config.members)


def trained(
    search: Search, config: Config, tune: Config | None, split: Split, stop: Stop | None, watching: Callbacks
) -> Run:
    """The run that a trial is judged by, trained on some parts: of the network, or of what is fine-tuned in the end.

    Raises:
        Stopped: ``stop`` was requested.
    """
    experiment, stop = search.on(config, split), stop or Stop()
    told = Callbacks() if tune is not None else watching
    carried = carry_out_population(lambda own, _: runs_of(own, search.start), experiment, told, stop)
    if not carried.finished:
        raise Stopped
    if tune is None:
        return carried.run
    return fine_tuned(carried.run, search, tune, split, stop, watching)


def fine_tuned(stack: Run, search: Search, tune: Config, split: Split, stop: Stop, watching: Callbacks) -> Run:
    """A network that starts from what was pretrained, trained.

    Raises:
        Stopped: ``stop`` was requested.
    """
    experiment = search.on(tune, split)
    inputs, source = search.on(stack.config, split).inputs, in_memory(snapshot(stack, best=True))

    def made(own: Experiment, _: range | None = None) -> Run:
        return Run(own, inputs.on(own.device))

    def runs(own: Experiment, _: Callbacks) -> Iterator[Run]:
        run = made(own)
        graft(run, source)
        yield run

    carried = carry_out_population(runs, experiment, watching, stop, restored=restored_by(made))
    if not carried.finished:
        raise Stopped
    return carried.run


def score_of(search: Search, goal: Goal, run: Run, split: Split) -> np.ndarray:
    """The measured number of a trained run, (seeds,): on the fold where there is one, else on the validation part."""
    part = split.test if len(split.test) else split.validation
    if goal.measure == "log_likelihood":
        return likelihood(run, part)
    if len(split.test):
        return np.asarray(run.test_scores[goal.measure], np.float64)
    return np.asarray(run.selection.best_so_far, np.float64)


def likelihood(run: Run, rows: np.ndarray) -> np.ndarray:
    """Mean log-likelihood of some samples in nats, (seeds,): exact, or the lower end of its bracket."""
    model = stack_of(open_trained(in_memory(snapshot(run, best=True)), run.config.families), run.device)
    v = states(model, run.dataset.x[rows], False)
    way = None if is_easy(model) else Annealing.of(model, run.device, ANNEALING["steps"])
    log_z = normaliser(model, v, run.device, way, ANNEALING["runs"], ANNEALING["mixing"])
    return np.asarray(scores(model, v, run.device)["unnormalised"].mean(axis=1) - log_z.high)
