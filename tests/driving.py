"""Optimizers driven on a quadratic, outside of any training."""

from types import SimpleNamespace

import numpy as np

from gpunet.initializers import Normal
from gpunet.optimizers import Optimization, Optimizer
from gpunet.parameter import Parameter, Parameters

CURVATURE = np.array([1.0, 0.1, 3.0, 10.0, 0.5])


def curved(w):
    """Gradient of the quadratic that rules are driven on."""
    return CURVATURE * w


def quadratic(n=5):
    """A model that is one parameter, to be driven by gradients from outside."""
    return SimpleNamespace(weight=Parameter((n,), Normal(1.0)))


def drive(rule, device, seeds=0, steps=50, gradient=curved, n=5, **options):
    """Minimise a quadratic and return the trajectory, (steps + 1, [members,] n)."""
    parameters = Parameters(quadratic(n), seeds, device, np.float64)
    engine, cursor = Optimizer(Optimization(rule, **options), parameters), device.zeros((1,), np.int64)
    engine.plan(np.arange(steps) / 10, cursor)
    weight = parameters.named["weight"]
    path = [device.get(weight.value)]
    for _ in range(steps):
        parameters.zero_grad()
        weight.accumulate(None, lambda out: device.copy_into(out, gradient(device.get(weight.value))))
        engine.step(device.put(np.ones(parameters.members, bool)))
        cursor += 1
        path.append(device.get(weight.value))
    return np.array(path)
