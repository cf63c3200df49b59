"""What the precision of products does to errors and likelihoods: the same trainings in each, over at least six seeds.

- The preset ``digits``, and an RBM of 64 and 100 units on digits, are trained in single and in double precision, on a
  GPU with tf32 too: test error and log-likelihood of each seed, and the paired difference to single precision.
- The machines that were trained in single precision are measured again with products in single precision.

    python benchmarks/precision.py [--seeds 6] [--device cuda] [--save]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from page import result, saving
from recipe import gpunet

from gpunet.studies import paired_difference

USUAL, OTHERS = "float32", ("float64",)
NETWORK = ("train", "digits", "model.hidden=[64]", "training.epochs=30")
MACHINE = (
    "pretrain", "rbm", "digits", "model.hidden=100", "training.epochs=30", "training.batch_size=50",
    "optimizer.learning_rate=0.05", "model.chains=100",
)  # fmt: skip
AIS = ("--runs", 100, "--steps", 2000, "--cases", 0)


def row(name, values, usual, unit):
    """A line: mean and spread over seeds, and how far it lies from single precision, pair by pair."""
    found = np.array(values)
    shown = f"| {name} | {found.mean():.3f} ± {found.std(ddof=1):.3f} {unit} |"
    if values is usual:
        return f"{shown} | |"
    off = paired_difference(values, usual)
    largest = np.abs(found - np.array(usual)).max()
    return f"{shown} {off.mean:+.4f} ({off.low:+.4f} to {off.high:+.4f}) | {largest:.4f} |"


def main():
    parser = saving(__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--device", default="cpu", help="cuda measures tf32 as well")
    options = parser.parse_args()
    if options.seeds < 6:
        parser.error("--seeds must be at least 6: fewer can show no difference")
    precisions = (USUAL, *OTHERS, *(("tf32",) if options.device != "cpu" else ()))
    common = ("--seeds", options.seeds, "--device", options.device)
    errors, likelihoods = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in precisions:
            asked = (f"training.precision={precision}", *common)
            run = Path(folder) / f"network-{precision}"
            said = gpunet(*NETWORK, *asked, "--run", run)
            errors[precision] = [100 * (1 - one) for one in said["test_accuracy"]]
            run = Path(folder) / f"machine-{precision}"
            gpunet(*MACHINE, *asked, "--run", run)
            for products in ("float64", "float32") if precision == USUAL else ("float64",):
                print(f"likelihood of {precision}, products in {products}", file=sys.stderr, flush=True)
                words = ("likelihood", run, *AIS, "--precision", products, "--device", options.device)
                likelihoods[precision, products] = gpunet(*words)["log_likelihood"]
    head = ["mean over seeds", f"minus {USUAL}, 95 % interval", "largest difference"]
    lines = [f"{options.seeds} seeds, {options.device}. Test error of the network:", ""]
    lines += [f"| trained in | {' | '.join(head)} |", "|---|---|---|---|"]
    lines += [row(name, values, errors[USUAL], "%") for name, values in errors.items()]
    lines += ["", "Log-likelihood of the test part under the machine, AIS up and down, nats a sample:", ""]
    lines += [f"| trained in, products of the likelihood in | {' | '.join(head)} |", "|---|---|---|---|"]
    usual = likelihoods[USUAL, "float64"]
    lines += [row(f"{trained}, {products}", v, usual, "nats") for (trained, products), v in likelihoods.items()]
    name = "precision" if options.device == "cpu" else "precision_gpu"
    title = "Precision of products: errors and likelihoods over seeds"
    result(name, title, lines, options.save)


if __name__ == "__main__":
    main()
