"""What a network says about the samples of a feed, for figures that need all of it together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Device
from ..data import Feed, TargetScale
from ..errors import DataError
from ..layers import Layer
from ..losses import Loss
from ..metrics import Metric, Outcome, Task, usual_metrics
from .prediction import Predictor


def task_of(loss: Loss, target: np.ndarray) -> Task | None:
    """What targets are to a loss, or None where there are no figures of them, as of distributions.

    >>> from gpunet.losses import BinaryCrossEntropy, SquaredError
    >>> task_of(BinaryCrossEntropy(), np.array([[0.0, 1.0]])), task_of(SquaredError(), np.array([[0.5]]))
    ('multilabel', 'regression')
    """
    if target.dtype.kind != "f":
        return "classification"
    if not target.size or loss.predicts in ("distribution", "direction"):
        return None
    if loss.predicts == "labels":
        return "multilabel" if np.isin(target, (0, 1)).all() or np.isin(target, (-1, 1)).all() else None
    return "regression"


def outcomes(
    model: Layer,
    loss: Loss,
    feed: Feed,
    device: Device,
    thresholds: np.ndarray | None = None,
    scale: TargetScale | None = None,
) -> list[Outcome]:
    """What each member of a population, or the one model, says about all samples of a feed.

    Args:
        model: layers with a linear output; the parameters must have memory.
        loss: gives the output activation, and says what outputs are.
        feed: the samples with their targets and weights.
        device: where the model lives.
        thresholds: of each member's decisions; the usual ones by default.
        scale: by what the targets of the feed are standardised; figures are of values in their own units.

    Returns:
        One for each member; none where there are no figures of such targets.
    """
    target = feed.targets()
    task = task_of(loss, target)
    if task is None:
        return []
    known = feed.target_weights()
    weight = None if known is None else known.astype(feed.dtype).astype(np.float64)
    parts = [np.array(part, np.float64) for part in Predictor(model, loss, feed, device).batches()]
    outputs = np.concatenate(parts, axis=-2)
    if scale is not None:
        outputs, target = scale.undo(outputs), scale.undo(target)
    probable = loss.meaning == "probability"
    limits: list[Any] = (
        thresholds.tolist() if thresholds is not None else [None] * (outputs.size // outputs[..., :1].size)
    )
    rows = outputs.reshape(-1, *outputs.shape[-2:])
    limits = limits if len(limits) == len(rows) else [None] * len(rows)
    return [Outcome(task, row, target, weight, probable, limit) for row, limit in zip(rows, limits)]


def decided(scores: dict[str, np.ndarray], found: Sequence[Outcome]) -> dict[str, np.ndarray]:
    """Scores by name, those of decisions as the thresholds of outcomes make them; all others as they are."""
    known = [metric for metric in usual_metrics() if found and metric.measures(found[0])]
    return scores | {metric.name: figure(metric, found) for metric in known if metric.name in scores}


def figure(metric: Metric, found: Sequence[Outcome]) -> np.ndarray:
    """A metric of each member, (members,).

    Raises:
        DataError: samples that say nothing about it.
    """
    values = np.array([metric.value(outcome) for outcome in found])
    if np.isnan(values).any() and all(np.isfinite(outcome.outputs).all() for outcome in found):
        rule = f"must say something about {metric.name}, as samples of one class do not"
        raise DataError("evaluated samples", rule, f"{len(found[0].outputs):,} samples", "Measure something else")
    return values
