"""One update of an RBM against scikit-learn and PyTorch eager.

All candidates take turns in every round of one process; each does one update of binary data with sampled visible and
hidden states, float32 where the library lets one choose. gpunet's update also gathers the batch, draws it binary,
centres the gradient, keeps momentum and the running means, and watches for numbers that are not finite. scikit-learn's
machine knows PCD with one step alone.

    python benchmarks/bench_rbm.py [--threads 2] [--seconds 8] [--only "784x500, CD-1, batch 100"] [--save]

With --device cuda scikit-learn is left out, PyTorch has its update as one CUDA graph as well, and gpunet has ten
updates in a graph, and for persistent chains its products on one stream alone. scikit-learn and PyTorch come with the
optional extra ``peers`` and are left out where they are missing.
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

from gpunet.data import Feed, fit_preprocessing
from gpunet.optimizers import SGD
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent
from gpunet.training import Trainer

SMALL, LARGE = (784, 500), (4096, 1024)
CASES = [
    *((SMALL, samples, k, persistent) for samples in (100, 1000) for k, persistent in (
        (1, False), (10, False), (25, False), (1, True)
    )),
    *((LARGE, samples, 1, persistent) for samples in (100, 1000) for persistent in (False, True)),
]  # fmt: skip


def batch(shape, samples):
    return (np.random.default_rng(0).random((samples, shape[0])) < 0.13).astype(np.float32)


def products_alone(shape, samples, k):
    """The floor: the products of states with the weight and the two of the gradient."""
    if place.on_gpu():
        (visible, hidden), up, down = shape, (samples, *shape), (samples, *shape[::-1])
        return place.products_alone([up, *[down, up] * k, *[(visible, samples, hidden)] * 2])
    rng = np.random.default_rng(1)
    v, h = (rng.random((samples, n), np.float32) for n in shape)
    weight, gradient = rng.random(shape, np.float32), np.empty(shape, np.float32)
    hidden, visible = np.empty_like(h), np.empty_like(v)

    def step():
        np.matmul(v, weight, out=hidden)
        for _ in range(k):
            np.matmul(h, weight.T, out=visible)
            np.matmul(v, weight, out=hidden)
        np.matmul(v.T, h, out=gradient)
        np.matmul(v.T, h, out=gradient)

    return step


def gpunet_step(shape, samples, k, persistent, center=True, steps=1):
    x = batch(shape, steps * samples)
    feed = Feed(place.device(), x, np.zeros(len(x), np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    machine = RBM(Bernoulli(shape[0]), Bernoulli(shape[1]))
    objective = ContrastiveDivergence(machine, k, Persistent(count=samples) if persistent else None, center=center)
    rule = SGD(0.05, momentum=0.5)
    trainer = Trainer(objective, optimization=rule, seeds=0, feed=feed, batch_size=samples, device=place.device())
    trainer.begin_epoch(0, steps)
    return place.several(trainer, samples, steps)


def sklearn_step(shape, samples):
    from sklearn.neural_network import BernoulliRBM

    x = batch(shape, samples)
    machine = BernoulliRBM(shape[1], learning_rate=0.05, batch_size=samples, random_state=0)

    def step():
        machine.partial_fit(x)

    return step


def torch_step(shape, samples, k, persistent, graph=False):
    import torch

    torch.set_num_threads(int(THREADS))
    where = {"device": "cuda" if place.on_gpu() else "cpu"}
    v0 = torch.from_numpy(batch(shape, samples)).to(**where)
    weight, velocity = torch.randn(*shape, **where) * 0.01, torch.zeros(*shape, **where)
    b, c = torch.zeros(shape[0], **where), torch.zeros(shape[1], **where)
    chains = torch.bernoulli(torch.full((samples, shape[1]), 0.5, **where))

    @torch.no_grad()
    def step():
        p0 = torch.sigmoid(torch.addmm(c, v0, weight))
        h = chains if persistent else torch.bernoulli(p0)
        for number in range(k):
            v = torch.bernoulli(torch.sigmoid(torch.addmm(b, h, weight.T)))
            p = torch.sigmoid(torch.addmm(c, v, weight))
            if persistent or number + 1 < k:
                h = torch.bernoulli(p)
        chains.copy_(h)
        velocity.mul_(0.5).add_(v0.T @ p0 - v.T @ p, alpha=0.05 / samples)
        weight.add_(velocity)
        b.add_((v0 - v).sum(0), alpha=0.05 / samples)
        c.add_((p0 - p).sum(0), alpha=0.05 / samples)

    return place.graph_of(step) if graph else step


def candidates(shape, samples, k, persistent):
    found = {
        "products alone": products_alone(shape, samples, k),
        "gpunet": gpunet_step(shape, samples, k, persistent),
        "gpunet, not centred": gpunet_step(shape, samples, k, persistent, center=False),
    }
    if place.on_gpu():
        found["gpunet, ten steps a graph"] = gpunet_step(shape, samples, k, persistent, steps=10)
        if persistent:  # of which two products do not depend on each other
            found["gpunet, one stream"] = place.on_one_stream(gpunet_step(shape, samples, k, persistent))
    if persistent and k == 1 and not place.on_gpu() and importlib.util.find_spec("sklearn"):
        found["scikit-learn"] = sklearn_step(shape, samples)
    if importlib.util.find_spec("torch"):
        found["PyTorch eager"] = torch_step(shape, samples, k, persistent)
        if place.on_gpu():
            found["PyTorch, CUDA graph"] = torch_step(shape, samples, k, persistent, graph=True)
    return found


def main():
    cases = {
        f"{shape[0]}x{shape[1]}, {'P' if persistent else ''}CD-{k}, batch {samples:,}": partial(
            candidates, shape, samples, k, persistent
        )
        for shape, samples, k, persistent in CASES
    }
    run_cases(__doc__, "One update of a Boltzmann machine, float32", cases, "PyTorch eager", "bench_rbm")


if __name__ == "__main__":
    main()
