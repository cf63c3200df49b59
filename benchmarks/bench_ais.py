"""Annealed importance sampling of a machine of random weights: gpunet against textbook NumPy and PyTorch eager.

One call is a whole estimate: all runs walk along all temperatures, one Gibbs step at each, and their weights are summed
up. Products run in float32 and sums of logarithms in float64 in gpunet; in float32 throughout in the others.

    python benchmarks/bench_ais.py [--only "784x500, 100 runs, 100 temperatures"] [--save]

More: [--threads 2] [--seconds 8] [--device cuda]; on a GPU textbook NumPy is left out.  PyTorch comes with the optional
extra ``peers`` and is left out where it is missing.
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

from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli
from gpunet.rbm.annealing import ais_log_z, even

CASES = [((784, 500), 100, 100), ((784, 500), 1000, 30), ((4096, 1024), 100, 20)]


def gpunet_ais(shape, runs, steps):
    machine = RBM(Bernoulli(shape[0]), Bernoulli(shape[1]))
    parameters, mean, betas = Parameters(machine, 0, place.device()), np.full(shape[0], 0.13), even(steps)
    return lambda: ais_log_z(machine, parameters, mean, runs=runs, betas=betas)


def weights(shape):
    return 0.01 * np.random.default_rng(0).standard_normal(shape, np.float32)


def textbook(shape, runs, steps):
    """As papers write it: the base machine has the visible biases alone, and hidden units are summed out."""
    weight, rng = weights(shape), np.random.default_rng(1)
    base = np.full(shape[0], np.log(0.13 / 0.87), np.float32)
    betas = np.linspace(0, 1, steps + 1, dtype=np.float32)

    def softplus(x):
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def estimate():
        v = (rng.random((runs, shape[0]), np.float32) < 0.13).astype(np.float32)
        log_w = np.zeros(runs, np.float32)
        for low, high in zip(betas, betas[1:]):
            inputs = v @ weight
            log_w += softplus(high * inputs).sum(axis=1) - softplus(low * inputs).sum(axis=1)
            h = (rng.random(inputs.shape, np.float32) < 1 / (1 + np.exp(-high * inputs))).astype(np.float32)
            up = base + high * (h @ weight.T)
            v = (rng.random(up.shape, np.float32) < 1 / (1 + np.exp(-up))).astype(np.float32)
        return log_w

    return estimate


def torch_ais(shape, runs, steps):
    import torch

    torch.set_num_threads(int(THREADS))
    where = {"device": "cuda" if place.on_gpu() else "cpu"}
    weight = torch.from_numpy(weights(shape)).to(**where)
    base = torch.full((shape[0],), float(np.log(0.13 / 0.87)), **where)
    betas = [float(beta) for beta in np.linspace(0, 1, steps + 1)]
    softplus = torch.nn.functional.softplus

    @torch.no_grad()
    def estimate():
        v = torch.bernoulli(torch.full((runs, shape[0]), 0.13, **where))
        log_w = torch.zeros(runs, **where)
        for low, high in zip(betas, betas[1:]):
            inputs = v @ weight
            log_w += softplus(high * inputs).sum(1) - softplus(low * inputs).sum(1)
            h = torch.bernoulli(torch.sigmoid(high * inputs))
            v = torch.bernoulli(torch.sigmoid(base + high * (h @ weight.T)))
        return log_w

    return estimate


def candidates(shape, runs, steps):
    found = {"gpunet": gpunet_ais(shape, runs, steps)}
    if not place.on_gpu():
        found["textbook NumPy"] = textbook(shape, runs, steps)
    if importlib.util.find_spec("torch"):
        found["PyTorch eager"] = torch_ais(shape, runs, steps)
    return found


def main():
    cases = {
        f"{shape[0]}x{shape[1]}, {runs:,} runs, {steps} temperatures": partial(candidates, shape, runs, steps)
        for shape, runs, steps in CASES
    }
    run_cases(__doc__, "Annealed importance sampling", cases, "textbook NumPy", "bench_ais")


if __name__ == "__main__":
    main()
