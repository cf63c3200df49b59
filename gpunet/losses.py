"""Losses: ``loss, gradient = rule(z, target, ctx)`` from one formula.

``z`` is the network's last linear output, ([E,] N, K).  Each loss is paired with the output activation under which
its gradient is ``prediction - target``, so the activation is part of the loss while training and of
:meth:`Loss.predict` afterwards.  ``loss`` is per sample, ([E,] N); ``gradient`` is that of each sample's loss with
respect to ``z``, ([E,] N, K); the training step weighs samples and takes the mean.

Targets are integer class labels ([E,] N) or float values ([E,] N, K).
"""

from dataclasses import dataclass

from .backend import Context, array_module
from .backend.arrays import Array
from .ops.activations import log_softmax, sigmoid, softmax, softplus
from .ops.gather import one_hot

__all__ = ["BinaryCrossEntropy", "CategoricalCrossEntropy", "Loss", "SquaredError"]


@dataclass(frozen=True)
class Loss:
    """Base of the losses."""

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Return the loss of each sample and its gradient with respect to ``z``."""
        raise NotImplementedError

    def predict(self, z: Array, out: Array) -> Array:
        """Apply the paired output activation; ``out`` may be ``z``."""
        raise NotImplementedError

    def outputs(self, classes: int) -> int:
        """Number of network outputs for so many classes."""
        return classes

    @classmethod
    def examples(cls) -> list["Loss"]:
        """Instances that the conformance suite checks."""
        return [cls()]


@dataclass(frozen=True)
class SquaredError(Loss):
    """``sum over outputs of (z - target)^2``, halved with ``half``; paired with the identity."""

    half: bool = False

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 (z - target)``, halved with ``half``."""
        xp = array_module(z)
        gradient = xp.subtract(z, _dense(z, target, ctx), out=ctx.like(z))
        loss = xp.multiply(gradient, gradient, out=ctx.like(z)).sum(axis=-1)
        factor = 0.5 if self.half else 1.0
        loss *= factor
        gradient *= 2 * factor
        return loss, gradient

    def predict(self, z: Array, out: Array) -> Array:
        """The identity."""
        array_module(z).copyto(out, z)
        return out

    @classmethod
    def examples(cls) -> list[Loss]:
        """Whole and half."""
        return [cls(), cls(half=True)]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """``sum over outputs of softplus(z) - target z``: independent yes-or-no outputs, paired with the sigmoid.

    Two classes have one output, the logit of the second class.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``sigmoid(z) - target``."""
        xp = array_module(z)
        dense = _dense(z, target, ctx)
        terms = softplus(z, ctx.like(z), ctx.like(z))
        terms -= xp.multiply(z, dense, out=ctx.like(z))
        gradient = sigmoid(z, ctx.like(z))
        gradient -= dense
        return terms.sum(axis=-1), gradient

    def predict(self, z: Array, out: Array) -> Array:
        """The sigmoid: the probability of each output."""
        return sigmoid(z, out)

    def outputs(self, classes: int) -> int:
        """One for two classes, else one for each."""
        return 1 if classes == 2 else classes


@dataclass(frozen=True)
class CategoricalCrossEntropy(Loss):
    """``- sum over classes of target log softmax(z)``: one class of several, paired with the softmax.

    Bishop: Pattern recognition and machine learning (2006), eq. 4.108.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``softmax(z) - target``, for targets that sum to one."""
        xp = array_module(z)
        dense = _dense(z, target, ctx)
        log_p = log_softmax(z, ctx.like(z), ctx.like(z))
        gradient = xp.exp(log_p, out=ctx.like(z))
        gradient -= dense
        log_p *= dense
        return xp.negative(log_p.sum(axis=-1)), gradient

    def predict(self, z: Array, out: Array) -> Array:
        """The softmax: the probability of each class."""
        return softmax(z, out)


def _dense(z: Array, target: Array, ctx: Context) -> Array:
    """Targets as numbers of the shape of ``z``: class labels become a one-hot code, or 0 and 1 for one output."""
    if target.dtype.kind == "f":
        return target
    if z.shape[-1] == 1:
        return target[..., None]
    return one_hot(target, z.shape[-1], ctx.empty((*target.shape, z.shape[-1]), bool))
