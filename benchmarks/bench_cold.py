"""From the command to the end of a first epoch on a GPU, with no compiled kernels kept and with them.

An epoch of the bundled digits takes a few milliseconds, so what is measured is the start: loading CuPy, compiling the
kernels of gpunet and what CuPy compiles of its own, or finding them in the caches.

    python benchmarks/bench_cold.py --device cuda [--rounds 5] [--save]
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import place
from page import result, saving
from timing import interleave, table

WORDS = {"network": ("train", "digits"), "machine": ("pretrain", "rbm")}


def starter(words, cache):
    """Train for an epoch, in a process that keeps what it compiles in a folder."""

    def start():
        with TemporaryDirectory() as folder:
            kept = cache or folder
            environment = os.environ | {"XDG_CACHE_HOME": f"{kept}/ours", "CUPY_CACHE_DIR": f"{kept}/cupy"}
            command = [sys.executable, "-m", "gpunet.cli", *words, "epochs=1", "--device", f"{place.device()}"]
            run = str(Path(folder) / "run")
            subprocess.run([*command, "--run", run], check=True, capture_output=True, env=environment)

    return start


def main():
    parser = saving(__doc__)
    parser.add_argument("--device", default="cpu", help="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not place.on_gpu():
        parser.error("there is nothing to compile on a processor; add --device cuda")
    with TemporaryDirectory() as cache:
        candidates = {}
        for name, words in WORDS.items():
            candidates |= {f"{name}, nothing kept": starter(words, None), f"{name}, kept": starter(words, cache)}
        times = interleave(candidates, options.rounds, 1)
    lines = table(times, "network, kept")
    result(
        "bench_cold_gpu", f"Cold and warm start, {place.gpu_name()}", lines, options.save, f"{options.rounds} rounds"
    )


if __name__ == "__main__":
    main()
