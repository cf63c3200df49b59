"""Whether compiled loops compute here what array functions compute, bit by bit."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from .. import optimizers
from ..backend import Arena, Context, Device, Streams, loops_used
from ..backend.arrays import Array
from ..initializers import Normal
from ..layers import Dropout, Layer, LeakyReLU, ReLU, Sigmoid, Tanh
from ..ops.drawing import bernoulli
from ..optimizers import Optimization, Optimizer, Rule
from ..parameter import Parameter, Parameters
from .gradients import examples


def agreement() -> dict[str, bool]:
    """Whether loops give the bits of array functions, by what they compute; compiles those that were not yet.

    Raises:
        RuntimeError: loops cannot be used here.
    """
    checks: dict[str, Callable[[], list[bytes]]] = {
        "optimizer": _updates, "sampling": _states, "activations": _slopes,
    }  # fmt: skip
    found = {}
    for name, compute in checks.items():
        with loops_used(False):
            wanted = compute()
        with loops_used(True):
            found[name] = compute() == wanted
    return found


def _updates() -> list[bytes]:
    """What every rule makes of some gradients."""
    found = []
    for rule in examples(Rule, optimizers):
        layers = SimpleNamespace(
            weight=Parameter((41, 53), Normal(1.0)), bias=Parameter((53,), Normal(1.0), role="bias")
        )
        parameters, cursor = Parameters(layers, 0), np.zeros(1, np.int64)
        given = Optimization(rule) if rule.layerwise else Optimization(rule, l1=0.01, l2=0.1)
        optimizer = Optimizer(given, parameters)
        optimizer.plan(np.zeros(3), cursor)
        rng = np.random.default_rng(0)
        for _ in range(3):
            parameters.grads[...] = rng.standard_normal(parameters.grads.shape, np.float32)
            optimizer.step(np.ones((), bool))
        found += [array.tobytes() for array in (parameters.values, *optimizer.slots.values())]
    return found


def _states() -> list[bytes]:
    """States drawn for some inputs."""
    x = np.random.default_rng(0).normal(scale=3, size=(150, 131)).astype(np.float32)
    return [np.asarray(bernoulli(x, _context())).tobytes()]


def _slopes() -> list[bytes]:
    """Gradients behind layers that have loops."""
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=(150, 131)).astype(np.float32) for _ in range(2))
    layers: list[Layer] = [ReLU(), ReLU(0.5), LeakyReLU(), Sigmoid(), Tanh(), Dropout(0.3)]
    found: list[Array] = []
    for layer in layers:
        y, backward = layer.forward(x, _context())
        found += [y.tobytes(), np.asarray(backward(dy.copy())).tobytes()]
    return found


def _context() -> Context:
    device = Device()
    return Context(True, Arena(device), Streams(device, 3, device.put([7], np.uint64)))
