"""One CD-1 update of a 784x500 RBM at batch 100 against scikit-learn and PyTorch eager.

All candidates take turns in every round of one process; each does one update of binary data with sampled visible and
hidden states, float32 where the library lets one choose. gpunet's update also gathers the batch, draws it binary,
centres the gradient, keeps momentum and the running means, and watches for numbers that are not finite.

    python benchmarks/bench_rbm.py [--threads 2] [--rounds 60] [--save]

scikit-learn and PyTorch come with the optional extra ``peers`` and are left out where they are missing.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import importlib.util

import numpy as np
from timing import run

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.optimizers import SGD
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence
from gpunet.training import Trainer

VISIBLE, HIDDEN, BATCH = 784, 500, 100


def batch():
    return (np.random.default_rng(0).random((BATCH, VISIBLE)) < 0.13).astype(np.float32)


def products_alone():
    """The floor: three products of states with the weight and the two of the gradient."""
    rng = np.random.default_rng(1)
    v, h = rng.random((BATCH, VISIBLE), np.float32), rng.random((BATCH, HIDDEN), np.float32)
    weight, gradient = rng.random((VISIBLE, HIDDEN), np.float32), np.empty((VISIBLE, HIDDEN), np.float32)
    hidden, visible = np.empty_like(h), np.empty_like(v)

    def step():
        np.matmul(v, weight, out=hidden)
        np.matmul(h, weight.T, out=visible)
        np.matmul(v, weight, out=hidden)
        np.matmul(v.T, h, out=gradient)
        np.matmul(v.T, h, out=gradient)

    return step


def gpunet_step(center=True):
    x = batch()
    feed = Feed(Device(), x, np.zeros(BATCH, np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(VISIBLE), Bernoulli(HIDDEN)), center=center)
    trainer = Trainer(
        objective, optimization=SGD(0.05, momentum=0.5), seeds=0, feed=feed, batch_size=BATCH, device=Device()
    )
    trainer.begin_epoch(0, 1)

    def step():
        trainer.cursor.fill(0)  # the same batch again
        trainer.step(BATCH)

    return step


def sklearn_step():
    from sklearn.neural_network import BernoulliRBM

    x = batch()
    machine = BernoulliRBM(HIDDEN, learning_rate=0.05, batch_size=BATCH, random_state=0)

    def step():
        machine.partial_fit(x)

    return step


def torch_step():
    import torch

    torch.set_num_threads(int(THREADS))
    v0 = torch.from_numpy(batch())
    weight, velocity = torch.randn(VISIBLE, HIDDEN) * 0.01, torch.zeros(VISIBLE, HIDDEN)
    b, c = torch.zeros(VISIBLE), torch.zeros(HIDDEN)

    @torch.no_grad()
    def step():
        p0 = torch.sigmoid(torch.addmm(c, v0, weight))
        h0 = torch.bernoulli(p0)
        v1 = torch.bernoulli(torch.sigmoid(torch.addmm(b, h0, weight.T)))
        p1 = torch.sigmoid(torch.addmm(c, v1, weight))
        velocity.mul_(0.5).add_(v0.T @ p0 - v1.T @ p1, alpha=0.05 / BATCH)
        weight.add_(velocity)
        b.add_((v0 - v1).sum(0), alpha=0.05 / BATCH)
        c.add_((p0 - p1).sum(0), alpha=0.05 / BATCH)

    return step


def main():
    candidates = {
        "products alone": products_alone(),
        "gpunet": gpunet_step(),
        "gpunet, not centred": gpunet_step(center=False),
    }
    if importlib.util.find_spec("sklearn"):
        candidates["scikit-learn BernoulliRBM (PCD-1)"] = sklearn_step()
    if importlib.util.find_spec("torch"):
        candidates["PyTorch eager"] = torch_step()
    run(
        __doc__,
        f"One CD-1 update, RBM {VISIBLE}x{HIDDEN}, batch {BATCH}, float32",
        candidates,
        "PyTorch eager",
        "bench_rbm",
    )


if __name__ == "__main__":
    main()
