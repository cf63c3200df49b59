"""Backpropagation against central differences, and the search for what to check."""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, Streams
from ..backend.arrays import Array
from ..layers import Layer
from ..parameter import Parameters

STEP = 1e-5  # of central differences; in float64 both of their errors are then near 1e-10


def examples(base: type, room: ModuleType) -> Iterator[Any]:
    """Instances of every exported subclass of ``base``: what its ``examples`` gives, else one with its defaults."""
    for name in room.__all__:
        cls = getattr(room, name)
        if inspect.isclass(cls) and issubclass(cls, base) and cls is not base:
            yield from cls.examples() if hasattr(cls, "examples") else [cls()]


def make_context(device: Device, seeds: Any = 0, training: bool = True, step: int = 3) -> Context:
    """Surroundings for one pass; random numbers repeat after ``ctx.streams.rewind()``."""
    clock = device.put([step], np.uint64)
    return Context(training, Arena(device), Streams(device, seeds, clock))


def check_gradients(
    layer: Layer,
    x: np.ndarray,
    seeds: Any = 0,
    device: Device | None = None,
    training: bool = True,
    tol: float = 1e-7,
    shared: bool = False,
) -> None:
    """Compare the gradients of a layer's input and parameters with central differences in float64.

    The scalar is the output's product with fixed random numbers; dropout draws the same mask each time.

    Args:
        layer: any layer, without memory yet.
        x: input, ([members,] N, *shape of a sample).
        seeds: one seed, or one for each member.
        device: the CPU by default.
        training: as in :class:`~gpunet.backend.Context`.
        tol: largest accepted difference, relative to the largest gradient.
        shared: whether all members see the same ``x``, which then has no axis of members.

    Raises:
        AssertionError: naming the array and the worst entry.

    >>> from gpunet.layers import Dense
    >>> check_gradients(Dense(2), np.random.default_rng(0).normal(size=(4, 3)))
    """
    device = device or Device()
    layer.build(x.shape[1:] if shared or np.ndim(seeds) == 0 else x.shape[2:])
    parameters = Parameters(layer, seeds, device, np.float64)
    _shake(parameters)
    ctx = make_context(device, seeds, training)
    placed = device.put(x, np.float64)
    weights: Array = None

    def output() -> tuple[Array, Callable]:
        ctx.arena.rewind()
        if ctx.streams is not None:
            ctx.streams.rewind()
        return layer.forward(placed, ctx)

    def scalar() -> float:
        return float(device.get((output()[0] * weights).sum()))

    y, backward = output()
    weights = device.put(np.random.default_rng(1).normal(size=y.shape))
    y, backward = output()
    parameters.zero_grad()
    dx = device.get(backward(device.put(device.get(weights))))
    compare("input", dx, numeric_gradient(scalar, placed, device), tol)
    for name, parameter in parameters.named.items():
        if parameter.trainable:
            numeric = numeric_gradient(scalar, parameter.value, device)
            compare(name, device.get(parameter.grad), numeric, tol)


def numeric_gradient(scalar: Callable[[], float], array: Array, device: Device) -> np.ndarray:
    """Central differences of ``scalar()`` with respect to every entry of ``array``, which is restored."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(*array.shape):
        entry = (*index, None)  # keeps an axis, so that it is an array on every backend
        value = float(device.get(array[entry])[0])
        sides = []
        for offset in (STEP, -STEP):
            array[entry] = value + offset
            sides.append(scalar())
        array[entry] = value
        gradient[index] = (sides[0] - sides[1]) / (2 * STEP)
    return gradient


def compare(name: str, found: np.ndarray, expected: np.ndarray, tol: float) -> None:
    """Raise where two gradients differ by more than ``tol`` of the larger one's largest entry."""
    assert found.shape == expected.shape, f"{name}: gradient of shape {found.shape}, expected {expected.shape}"
    scale = max(np.abs(found).max(initial=0), np.abs(expected).max(initial=0), 1e-3)
    error = np.abs(found - expected)
    worst = np.unravel_index(error.argmax(), error.shape)
    place = f"{name}{tuple(int(i) for i in worst)}"
    assert error.max() <= tol * scale, f"{place}: backpropagation gives {found[worst]:.9g}, not {expected[worst]:.9g}"


def _shake(parameters: Parameters) -> None:
    """Move every parameter off its initial value: zeros and ones hide errors; variances stay positive."""
    for site, (name, parameter) in enumerate(parameters.named.items()):
        view = parameters.view(parameters.values, name)
        noise = np.random.default_rng(site).uniform(0.1, 0.5, view.shape)
        parameters.device.copy_into(view, parameters.device.get(parameter.value) + noise)
