"""Metrics: one number per sample, averaged by whoever evaluates.

A metric takes the network's last linear output ``z``, ([E,] N, K), and the targets, and returns ([E,] N).
"""

from .backend import Context, array_module
from .backend.arrays import Array

__all__ = ["accuracy"]


def accuracy(z: Array, target: Array, ctx: Context) -> Array:
    """1 where the largest output, or the sign of a single one, is the target's class, else 0.

    >>> import numpy as np
    >>> from gpunet.backend import Arena, Context, Device
    >>> ctx = Context(training=False, arena=Arena(Device()))
    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]), ctx).tolist()
    [1.0, 0.0]
    """
    xp = array_module(z)
    labels = target
    if target.dtype.kind == "f":
        labels = (target[..., 0] > 0.5) if target.shape[-1] == 1 else target.argmax(axis=-1)
    predicted = (z[..., 0] > 0) if z.shape[-1] == 1 else z.argmax(axis=-1)
    out = ctx.empty(predicted.shape, z.dtype)
    xp.copyto(out, predicted == labels)
    return out
