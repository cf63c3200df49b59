"""Affine maps and their gradients, on the last two axes; a leading members axis broadcasts."""

from ..backend import matmul
from ..backend.arrays import Array


def affine(x: Array, weight: Array, bias: Array | None, out: Array) -> Array:
    """``out = x @ weight + bias``: ``x`` ([E,] N, n_in), ``weight`` ([E,] n_in, n_out), ``bias`` ([E,] n_out)."""
    matmul(x, weight, out=out)
    if bias is not None:
        out += bias[..., None, :]
    return out


def affine_grad_input(dy: Array, weight: Array, out: Array) -> Array:
    """``out = dy @ weight^T``, ([E,] N, n_in)."""
    return matmul(dy, weight.swapaxes(-1, -2), out=out)


def affine_grad_weight(x: Array, dy: Array, out: Array) -> Array:
    """``out = x^T @ dy``, ([E,] n_in, n_out), summed over the N samples."""
    return matmul(x.swapaxes(-1, -2), dy, out=out)


def affine_grad_bias(dy: Array, out: Array) -> Array:
    """``out = sum of dy over the samples``, ([E,] n_out)."""
    return dy.sum(axis=-2, out=out)
