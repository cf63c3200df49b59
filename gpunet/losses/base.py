"""What a loss is, and the forms that targets take."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import DataError
from ..fields import check_fields, term
from ..ops.gather import one_hot

SUM_TOLERANCE = 1e-4  # of rows that sum to one, as decimal fractions of a table do


@dataclass(frozen=True)
class Loss:
    """Base of the losses.

    Attributes:
        meaning: what a prediction for a class is: a probability, or a score that is larger for likelier classes.
        predicts: what outputs are to targets that are no class numbers: the values themselves, labels of which each
            may be there or not, shares of the classes, or only their direction.
        remark: what whoever chooses it should know, said before training.
    """

    meaning: ClassVar[str] = "score"
    predicts: ClassVar[Literal["values", "labels", "distribution", "direction"]] = "values"
    remark: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Return the loss of each sample and its gradient with respect to ``z``."""
        raise NotImplementedError

    def predict(self, z: Array, out: Array) -> Array:
        """Apply the paired output activation, the identity unless a loss has another; ``out`` may be ``z``."""
        array_module(z).copyto(out, z)
        return out

    def activate(self, z: Array, out: Array, ctx: Context) -> Array:
        """:meth:`predict` inside a training, by the rules of arithmetic of its context."""
        return self.predict(z, out)

    def outputs(self, classes: int) -> int:
        """Number of network outputs for so many classes."""
        return classes

    def check_targets(self, y: np.ndarray) -> None:
        """Raise :class:`DataError` where targets, on the host, are none that this loss is defined for.

        Labels suit every loss that does not say otherwise; a loss checks values, (N, K), in ``_check_values``.
        """
        if y.dtype.kind == "f" and y.size:
            self._check_values(y)

    def _check_values(self, y: np.ndarray) -> None:
        """All values are good unless a loss knows better."""

    def _require(self, holds: bool, rule: str, received: object, remedy: str) -> None:
        if not holds:
            raise DataError("targets", f"{rule} for {term(type(self))}", received, remedy)

    @classmethod
    def examples(cls) -> list["Loss"]:
        """Instances that the conformance suite checks."""
        return [cls()]


@dataclass(frozen=True)
class OverOutputs(Loss):
    """Base of the losses that are a sum over the outputs, each with a term of its own.

    Args:
        mean: the mean over the outputs instead of their sum, as other libraries have it; off by default.
    """

    mean: bool = field(default=False, kw_only=True)

    def _over_outputs(self, terms: Array, gradient: Array) -> tuple[Array, Array]:
        """Sum or mean of the terms, ([E,] N, K), with its gradient."""
        loss = terms.sum(axis=-1)
        if self.mean:
            loss *= 1 / terms.shape[-1]
            gradient *= 1 / terms.shape[-1]
        return loss, gradient


def as_outputs(z: Array, target: Array, ctx: Context) -> Array:
    """Targets in the shape of the outputs: class labels become a one-hot code, or 0 and 1 for one output.

    Args:
        z: outputs, ([members,] N, K).
        target: float of the shape of ``z``, which come back as they are, or integer class labels ([members,] N).
        ctx: of the step; gives the memory of the code, which is of type bool.
    """
    if target.dtype.kind == "f":
        return target
    if z.shape[-1] == 1:
        return target[..., None]
    return one_hot(target, z.shape[-1], ctx.empty((*target.shape, z.shape[-1]), bool))


def as_floats(z: Array, target: Array, ctx: Context) -> Array:
    """Targets in the shape and type of the outputs, in memory of their own, which may be overwritten.

    Arguments are those of :func:`as_outputs`.
    """
    coded = as_outputs(z, target, ctx)
    out = ctx.empty(coded.shape, z.dtype)
    array_module(z).copyto(out, coded)
    return out


def span(y: np.ndarray) -> str:
    """Smallest and largest target, for messages."""
    return f"{float(y.min()):.4g} to {float(y.max()):.4g}"
