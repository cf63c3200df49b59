"""How long the command line takes to start, in processes of their own.

python benchmarks/bench_startup.py [--rounds 20] [--save]
"""

import subprocess
import sys

from timing import run


def starter(*words):
    """Run a Python process and wait for it."""

    def start():
        subprocess.run([sys.executable, *words], check=True, capture_output=True)

    return start


def main():
    candidates = {
        "python -c pass": starter("-c", "pass"),
        "import gpunet": starter("-c", "import gpunet"),
        "import gpunet.training": starter("-c", "import gpunet.training"),
        "gpunet --help": starter("-m", "gpunet.cli", "--help"),
        "gpunet config show": starter("-m", "gpunet.cli", "config", "show"),
        "gpunet train --dry-run": starter("-m", "gpunet.cli", "train", "--dry-run"),
    }
    run(__doc__, "Start-up", candidates, "python -c pass", "bench_startup", inner=1)


if __name__ == "__main__":
    main()
