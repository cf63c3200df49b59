"""How long the command line takes to start, in processes of their own.

python benchmarks/bench_startup.py [--rounds 20] [--save]
"""

import argparse
import subprocess
import sys

from timing import interleave, report


def starter(*words):
    """Run a Python process and wait for it."""

    def run():
        subprocess.run([sys.executable, *words], check=True, capture_output=True)

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    options = parser.parse_args()
    candidates = {
        "python -c pass": starter("-c", "pass"),
        "import gpunet": starter("-c", "import gpunet"),
        "import gpunet.training": starter("-c", "import gpunet.training"),
        "gpunet --help": starter("-m", "gpunet.cli", "--help"),
        "gpunet config show": starter("-m", "gpunet.cli", "config", "show"),
        "gpunet train --dry-run": starter("-m", "gpunet.cli", "train", "--dry-run"),
    }
    times = interleave(candidates, options.rounds, inner=1)
    report("Start-up", times, "python -c pass", "bench_startup" if options.save else None)


if __name__ == "__main__":
    main()
