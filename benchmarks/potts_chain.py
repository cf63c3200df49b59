"""A Potts chain of known couplings: 64 sites of 4 states, sampled exactly, learned by a machine of softmax units.

    python benchmarks/potts_chain.py [--hidden 200] [--epochs 10] [--save]

Compared are connected correlations of all pairs of sites and states, of 50,000 samples of the machine with the exact
ones, and the log-likelihood of 10,000 held-out sequences, between AIS up and down, with the exact one.  Everything of
the truth comes from transfer matrices.  The sequences are independent, so all count alike.
"""

import time

import numpy as np
from page import result, saving

import gpunet
from gpunet.data import Sequences

SITES, STATES, LETTERS = 64, 4, "ACGT"


class Chain:
    """Fields (sites, states) and couplings of neighbours (sites - 1, states, states), with all that follows exactly."""

    def __init__(self, rng):
        self.fields = rng.normal(size=(SITES, STATES)) * 0.3
        self.couplings = rng.normal(size=(SITES - 1, STATES, STATES))
        # right[i, a]: log of the sum over everything right of site i, given state a there.
        self.right = np.zeros((SITES, STATES))
        for i in range(SITES - 2, -1, -1):
            self.right[i] = np.logaddexp.reduce(self.couplings[i] + self.fields[i + 1] + self.right[i + 1], axis=1)
        self.log_z = np.logaddexp.reduce(self.fields[0] + self.right[0])
        self.first = np.exp(self.fields[0] + self.right[0] - self.log_z)
        steps = [self.couplings[i] + self.fields[i + 1] + self.right[i + 1] for i in range(SITES - 1)]
        self.steps = [np.exp(step - np.logaddexp.reduce(step, axis=1, keepdims=True)) for step in steps]

    def sample(self, n, rng):
        """Exact independent samples, (n, sites)."""
        found = np.empty((n, SITES), np.uint8)
        found[:, 0] = (rng.random((n, 1)) > self.first.cumsum()).sum(axis=1).clip(max=STATES - 1)
        for i, step in enumerate(self.steps):
            rows = step.cumsum(axis=1)[found[:, i]]
            found[:, i + 1] = (rng.random((n, 1)) > rows).sum(axis=1).clip(max=STATES - 1)
        return found

    def log_likelihood(self, x):
        """Exact, (n,)."""
        sites = np.arange(SITES)
        energy = self.fields[sites, x].sum(axis=1)
        energy += self.couplings[sites[:-1], x[:, :-1], x[:, 1:]].sum(axis=1)
        return energy - self.log_z

    def connected(self):
        """Exact connected correlations of all pairs of sites, (pairs of sites, states, states), i < j."""
        single, found = [self.first], []
        for step in self.steps:
            single.append(single[-1] @ step)
        for i in range(SITES - 1):
            reach = np.eye(STATES)
            for j in range(i + 1, SITES):
                reach = reach @ self.steps[j - 1]
                found.append(single[i][:, None] * reach - np.outer(single[i], single[j]))
        return np.array(found)


def connected_of(x):
    """The same of samples."""
    coded = np.eye(STATES, dtype=np.float32)[x].reshape(len(x), -1)
    mean = coded.mean(axis=0, dtype=np.float64)
    pairs = (coded.T @ coded) / len(x) - np.outer(mean, mean)
    pairs = pairs.reshape(SITES, STATES, SITES, STATES)
    return np.array([pairs[i, :, j] for i in range(SITES) for j in range(i + 1, SITES)])


def main():
    parser = saving(__doc__)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=0.2)
    parser.add_argument("--k", type=int, default=2)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    chain = Chain(rng)
    train, held_out = chain.sample(options.sequences, rng), chain.sample(10_000, rng)
    settings = {"model.chains": options.chains, "optimizer.name": "sgd", "optimizer.momentum": 0.5}
    words = {"hidden": options.hidden, "epochs": options.epochs, "k": options.k, "batch_size": 100, "identity": "none"}
    began = time.monotonic()
    rbm = gpunet.train(
        "rbm", Sequences(train, LETTERS), settings=settings, validation=0, test=0, seed=options.seed,
        lr={"name": "cosine", "value": options.rate, "epochs": options.epochs}, **words,
    )  # fmt: skip
    training = time.monotonic() - began
    began = time.monotonic()
    chains = rbm.sampler(5000, seed=1)
    chains.step(100)
    drawn = np.concatenate([chains.step(10) for _ in range(10)])
    exact = chain.connected()
    of_machine, of_truth = connected_of(drawn), connected_of(chain.sample(50_000, rng))
    pearson, ceiling = (np.corrcoef(exact.ravel(), found.ravel())[0, 1] for found in (of_machine, of_truth))
    slope = float((exact * of_machine).sum() / (exact * exact).sum())
    found = rbm.log_likelihood(Sequences(held_out, LETTERS), runs=100, steps=2000, mixing=300)
    truth = float(chain.log_likelihood(held_out).mean())
    independent = np.log([np.bincount(train[:, i], minlength=STATES) / len(train) for i in range(SITES)])
    alone = float(independent[np.arange(SITES), held_out].sum(axis=1).mean())
    measuring = time.monotonic() - began
    low, high = ((truth - end) / SITES for end in (found.high, found.low))
    lines = [
        f"{options.sequences:,} sequences train {options.hidden} hidden bits for {options.epochs} epochs: "
        f"PCD-{options.k}, {options.chains} chains, batches of 100, rate {options.rate:g} falling as a cosine, "
        f"momentum 0.5, seed {options.seed}; {training:.0f} s, and {measuring:.0f} s to measure.",
        "",
        "| | asked | found |",
        "|---|---|---|",
        "| Pearson of connected pair correlations, 10 looks at 5,000 chains, 10 Gibbs steps apart after 100 from "
        "rest | at least 0.95 | "
        f"**{pearson:.4f}** (exact samples of the chain {ceiling:.4f}), slope {slope:.3f} |",
        f"| held-out log-likelihood below the truth, nats a site | at most 0.02 | "
        f"**{(truth - found.value) / SITES:.4f}**, bracket {low:.4f} to {high:.4f} |",
        f"| the same of fields alone | | {(truth - alone) / SITES:.4f} |",
        "",
        f"The truth is {truth:.2f} nats a sequence, the machine {found.value:.2f} ± {found.standard_error:.2f}"
        f"{'' if found.trusted else ', UNTRUSTED'}.",
    ]
    result("potts_chain", "A Potts chain of 64 sites and 4 states", lines, options.save)


if __name__ == "__main__":
    main()
