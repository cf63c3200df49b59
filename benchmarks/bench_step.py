"""The training step of networks against its products alone, textbook NumPy and PyTorch.

All candidates take turns in every round of one process, so that a busy machine slows all of them alike; what counts is
the ratio of medians.  Each does the same work: forward, softmax cross-entropy, backward, Adam, in float32 on the same
batch, without dropout.

    python benchmarks/bench_step.py [--threads 2] [--seconds 8] [--only "784-512-512-10, batch 128"] [--save]

With --device cuda the textbook is left out, PyTorch has its step as one CUDA graph as well, and gpunet has its products
on one stream alone, and ten steps in a graph.  PyTorch comes with the optional extra ``peers`` and is left out where it
is missing.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import importlib.util
from functools import partial
from itertools import pairwise

import numpy as np
import place
from timing import run_cases

from gpunet.data import Feed, fit_preprocessing
from gpunet.initializers import He
from gpunet.layers import Dense, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import Adam
from gpunet.training import Trainer

NETWORKS = {
    (30, 64, 10): (20, 32, 1024),
    (64, 256, 256, 10): (20, 128, 1024),
    (784, 512, 512, 10): (20, 128, 1024),
    (784, 1024, 1024, 10): (20, 128, 1024),
}


def batch(widths, samples):
    rng = np.random.default_rng(0)
    return rng.random((samples, widths[0]), np.float32), rng.integers(0, 10, samples).astype(np.int32)


def products_alone(widths, samples):
    """The floor: the matrix products of the step into fixed memory, and nothing else."""
    if place.on_gpu():
        pairs = list(pairwise(widths))
        back = [(samples, n_out, n_in) for n_in, n_out in pairs[1:]]
        forward, learned = ([(samples, *pair) for pair in pairs], [(a, samples, b) for a, b in pairs])
        return place.products_alone([*forward, *learned, *back])
    rng = np.random.default_rng(1)
    values = [rng.standard_normal((samples, n), np.float32) for n in widths]
    weights = [rng.standard_normal(pair, np.float32) for pair in pairwise(widths)]
    gradients = [np.empty_like(w) for w in weights]
    results = [np.empty_like(v) for v in values]

    def step():
        for i, w in enumerate(weights):
            np.matmul(values[i], w, out=results[i + 1])
        for i in reversed(range(len(weights))):
            np.matmul(values[i].T, results[i + 1], out=gradients[i])
            if i:
                np.matmul(results[i + 1], weights[i].T, out=results[i])

    return step


def textbook(widths, samples):
    """NumPy as tutorials write it: new arrays everywhere, one optimizer loop over the parameters."""
    rng = np.random.default_rng(1)
    x, y = batch(widths, samples)
    parameters = [(rng.standard_normal(p) * np.sqrt(2 / p[0])).astype(np.float32) for p in pairwise(widths)]
    parameters += [np.zeros(n, np.float32) for n in widths[1:]]
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    count = len(widths) - 1
    t = 0

    def step():
        nonlocal t
        t += 1
        hidden = [x]
        for i in range(count):
            z = hidden[-1] @ parameters[i] + parameters[count + i]
            hidden.append(np.maximum(z, 0) if i < count - 1 else z)
        e = np.exp(hidden[-1] - hidden[-1].max(axis=1, keepdims=True))
        d = e / e.sum(axis=1, keepdims=True)
        d[np.arange(samples), y] -= 1
        d /= samples
        gradients = [None] * (2 * count)
        for i in reversed(range(count)):
            gradients[i], gradients[count + i] = hidden[i].T @ d, d.sum(axis=0)
            if i:
                d = (d @ parameters[i].T) * (hidden[i] > 0)
        for i, g in enumerate(gradients):
            means[i] = 0.9 * means[i] + 0.1 * g
            squares[i] = 0.999 * squares[i] + 0.001 * g**2
            corrected = means[i] / (1 - 0.9**t), squares[i] / (1 - 0.999**t)
            parameters[i] = parameters[i] - 1e-3 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)

    return step


def gpunet_step(widths, samples, members=0, steps=1):
    """The project's own step, with all that belongs to it: gathering the batch, metrics, guards; or several at once."""
    x, y = batch(widths, steps * samples)
    shape = (members,) if members else ()
    feed = Feed(place.device(), x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), shape)
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [Dense(n_out, n_in=n_in, initializer=He()), ReLU()]
    seeds = list(range(members)) if members else 0
    objective = Supervised(Sequential(layers[:-1]), CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=Adam(), seeds=seeds, feed=feed, batch_size=samples, device=place.device())
    trainer.begin_epoch(0, steps)
    return place.several(trainer, samples, steps)


def torch_step(widths, samples, fused=False, compiled=False, graph=False):
    """PyTorch: eager with its default Adam, its fused Adam, that on a compiled network, or as a CUDA graph."""
    import torch

    torch.set_num_threads(int(THREADS))
    where = "cuda" if place.on_gpu() else "cpu"
    x, y = (torch.from_numpy(a).to(where) for a in batch(widths, samples))
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1]).to(where)
    optimizer = torch.optim.Adam(network.parameters(), fused=fused, capturable=graph)
    loss, y = torch.nn.CrossEntropyLoss(), y.long()
    forward = torch.compile(lambda: loss(network(x), y)) if compiled else lambda: loss(network(x), y)

    def step():
        optimizer.zero_grad()
        forward().backward()
        optimizer.step()

    return place.graph_of(step) if graph else step


def candidates(widths, samples):
    found = {
        "products alone": products_alone(widths, samples),
        "gpunet": gpunet_step(widths, samples),
    }
    if place.on_gpu():
        found["gpunet, one stream"] = place.on_one_stream(gpunet_step(widths, samples))
        found["gpunet, ten steps a graph"] = gpunet_step(widths, samples, steps=10)
    else:
        found["textbook NumPy"] = textbook(widths, samples)
    if importlib.util.find_spec("torch"):
        found["PyTorch eager"] = torch_step(widths, samples)
        found["fused Adam"] = torch_step(widths, samples, fused=True)
        found["compiled, fused Adam"] = torch_step(widths, samples, fused=True, compiled=True)
        if place.on_gpu():
            found["CUDA graph, fused Adam"] = torch_step(widths, samples, fused=True, graph=True)
    return found


def main():
    cases = {
        f"{'-'.join(map(str, widths))}, batch {samples:,}": partial(candidates, widths, samples)
        for widths, batches in NETWORKS.items()
        for samples in batches
    }
    run_cases(__doc__, "Training step of networks, float32", cases, "PyTorch eager", "bench_step")


if __name__ == "__main__":
    main()
