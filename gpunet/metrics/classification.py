"""Metrics of classifiers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import Count
from .base import Metric
from .outcome import Outcome, Task


@dataclass(frozen=True)
class Accuracy(Metric):
    """1 where the largest output is the target's class, else 0; see :func:`accuracy`.

    Of several labels it is the share that is right.
    """

    percent: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multilabel")

    def each(self, outcome: Outcome) -> np.ndarray:
        """1 where the class is right, or the share of right labels."""
        if outcome.task == "classification":
            return (outcome.predicted == outcome.target).astype(np.float64)
        return (outcome.said == outcome.coded).mean(axis=1)

    def by_class(self, outcome: Outcome) -> np.ndarray | None:
        """Of each label by itself."""
        if outcome.task == "classification":
            return None
        return np.average(outcome.said == outcome.coded, axis=0, weights=outcome.weight)

    def __call__(self, z: Array, target: Array, ctx: Context) -> Array:
        """0 or 1."""
        return accuracy(z, target, ctx)

    def suits(self, classes: int) -> bool:
        """Two classes or more."""
        return classes > 1


@dataclass(frozen=True)
class TopK(Metric):
    """1 where the target's class is among the ``k`` largest outputs, else 0; the first of equal ones counts as larger.

    >>> import numpy as np
    >>> from gpunet.backend import Arena, Context, Device
    >>> ctx = Context(training=False, arena=Arena(Device()))
    >>> TopK(2)(np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]), np.array([2, 2]), ctx).tolist()
    [1.0, 0.0]
    """

    percent: ClassVar[bool] = True

    k: Count = 5

    def each(self, outcome: Outcome) -> np.ndarray:
        """1 where the class is among the first ``k``."""
        z, labels = outcome.columns, outcome.target.astype(np.int64)[:, None]
        own = np.take_along_axis(z, labels, axis=1)
        ahead = (z > own) | ((z == own) & (np.arange(z.shape[1]) < labels))
        return (ahead.sum(axis=1) < self.k).astype(np.float64)

    @property
    def name(self) -> str:
        """``top_5_accuracy``."""
        return f"top_{self.k}_accuracy"

    def __call__(self, z: Array, target: Array, ctx: Context) -> Array:
        """0 or 1."""
        xp = array_module(z)
        if z.shape[-1] == 1:  # the sign decides between two classes
            return accuracy(z, target, ctx) if self.k == 1 else xp.ones(z.shape[:-1], z.dtype)
        labels = xp.broadcast_to(_labels(target), z.shape[:-1])[..., None].astype("int64")
        own = xp.take_along_axis(z, labels, axis=-1)
        ahead = xp.logical_or(z > own, xp.logical_and(z == own, xp.arange(z.shape[-1]) < labels))
        out = ctx.empty(z.shape[:-1], z.dtype)
        xp.copyto(out, ahead.sum(axis=-1) < self.k)
        return out

    def suits(self, classes: int) -> bool:
        """More classes than are counted."""
        return classes > self.k

    @classmethod
    def examples(cls) -> list[Metric]:
        """The first alone, and the first two."""
        return [cls(1), cls(2)]


def accuracy(z: Array, target: Array, ctx: Context) -> Array:
    """1 where the largest output, or the sign of a single one, is the target's class, else 0.

    >>> import numpy as np
    >>> from gpunet.backend import Arena, Context, Device
    >>> ctx = Context(training=False, arena=Arena(Device()))
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]), ctx).tolist()
    [1.0, 0.0]
    """
    xp, labels = array_module(z), _labels(target)
    predicted = (z[..., 0] > 0) if z.shape[-1] == 1 else z.argmax(axis=-1)
    out = ctx.empty(predicted.shape, z.dtype)
    xp.copyto(out, predicted == labels)
    return out


def _labels(target: Array) -> Array:
    """Class numbers, also of targets that are probabilities."""
    if target.dtype.kind != "f":
        return target
    return (target[..., 0] > 0.5) if target.shape[-1] == 1 else target.argmax(axis=-1)
