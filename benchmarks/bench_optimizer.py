"""One step of optimizers over ten million numbers: gpunet's pass with its guard, textbook NumPy and PyTorch.

gpunet's step watches for numbers that are not finite before it changes anything; the others do not.

    python benchmarks/bench_optimizer.py [--threads 2] [--seconds 8] [--only Adam] [--device cuda] [--save]

On a GPU gpunet's step is the end of its training steps, with its counters, as a graph, and textbook NumPy is left out.
PyTorch comes with the optional extra ``peers`` and is left out where it is missing.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import importlib.util
from functools import partial

import numpy as np
import place
from timing import run_cases

from gpunet.backend import capture
from gpunet.layers import Dense
from gpunet.optimizers import NEVER, SGD, Adam, Counters, Optimizer, end_step
from gpunet.parameter import Parameters

INPUTS, OUTPUTS = 10_000, 1_000  # of a layer of ten million weights
RULES = {"Adam": Adam(1e-3), "momentum": SGD(1e-3, momentum=0.9)}


def gpunet_step(rule):
    layer = Dense(OUTPUTS, n_in=INPUTS)
    layer.build((INPUTS,))
    device = place.device()
    parameters = Parameters(layer, 0, device)
    optimizer, cursor = Optimizer(rule, parameters), device.zeros((1,), np.int64)
    device.copy_into(parameters.grads, np.random.default_rng(0).standard_normal(parameters.grads.shape, np.float32))
    optimizer.plan(np.zeros(1), cursor)
    if place.on_gpu():
        active, failed = device.put(np.ones(1, bool)), device.put(np.full(1, NEVER))
        totals, clock = device.zeros((2, 1), np.float64), device.zeros((1,), np.uint64)
        counters, loss = (
            Counters(active, failed, totals, clock, device.zeros((1,), np.int64)),
            [device.zeros((1,), "f4")],
        )

        def step():
            counters.cursor.fill(0)  # of one step are the rates that were planned
            end_step(parameters.grads, optimizer, counters, loss, None, 1)

        parameters.idle = []
        return capture(step, device)
    allowed = device.put(np.array(True))
    return lambda: optimizer.step(allowed)


def textbook(rule):
    size = (INPUTS + 1) * OUTPUTS
    gradient = np.random.default_rng(0).standard_normal(size, np.float32)
    w, m, s = (np.zeros(size, np.float32) for _ in range(3))
    t = 0

    def adam():
        nonlocal w, m, s, t
        t += 1
        m = 0.9 * m + 0.1 * gradient
        s = 0.999 * s + 0.001 * gradient**2
        w = w - 1e-3 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)

    def momentum():
        nonlocal w, m
        m = 0.9 * m + gradient
        w = w - 1e-3 * m

    return adam if isinstance(rule, Adam) else momentum


def torch_step(rule, fused):
    import torch

    torch.set_num_threads(int(THREADS))
    where = {"device": "cuda" if place.on_gpu() else "cpu"}
    weight = torch.nn.Parameter(torch.zeros((INPUTS + 1) * OUTPUTS, **where))
    weight.grad = torch.randn((INPUTS + 1) * OUTPUTS, **where)
    if isinstance(rule, Adam):
        return torch.optim.Adam([weight], 1e-3, fused=fused).step
    return torch.optim.SGD([weight], 1e-3, momentum=0.9, fused=fused).step


def candidates(rule):
    found = {"gpunet": gpunet_step(rule)}
    if not place.on_gpu():
        found["textbook NumPy"] = textbook(rule)
    if importlib.util.find_spec("torch"):
        found["PyTorch"] = torch_step(rule, False)
        found["PyTorch, fused"] = torch_step(rule, True)
    return found


def main():
    cases = {name: partial(candidates, rule) for name, rule in RULES.items()}
    run_cases(__doc__, "Optimizers over ten million numbers, float32", cases, "PyTorch", "bench_optimizer")


if __name__ == "__main__":
    main()
