"""What looking at a checkpoint costs: the child that walks it, the hashes, the commands.

python benchmarks/checkpoint_read.py --rounds 15 --save
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ.update(OPENBLAS_NUM_THREADS=THREADS, OMP_NUM_THREADS=THREADS)

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from timing import run

from gpunet.checkpoint import Group, NamedArray, note, read, verify, write


def made(path: Path, arrays: int, side: int) -> Path:
    """A checkpoint of square weights."""
    rng = np.random.default_rng(0)
    root = Group({"model": f"{arrays} arrays of {side} x {side}"})
    root["config/json"] = note({})
    for number in range(arrays):
        root[f"model/{number:05}_dense/weight"] = NamedArray(rng.random((side, side), np.float32), {"role": "weight"})
    write(path, root)
    return path


def command(*arguments: object) -> None:
    """Run gpunet as a user does."""
    subprocess.run([sys.executable, "-m", "gpunet.cli", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Make three files, time what reads them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = made(folder / "small.h5", 3, 64)
        many = made(folder / "many.h5", 10_000, 4)
        large = made(folder / "large.h5", 40, 2560)
        run(
            __doc__.splitlines()[0],
            "Reading checkpoints: small (3 arrays, 49 kB), many (10,000 arrays), large (40 arrays, 1.05 GB)",
            {
                "Python importing h5py, nothing else": import_h5py,
                "small, read": lambda: ignore(read(small)),
                "many, read": lambda: ignore(read(many)),
                "large, read without verifying": lambda: ignore(read(large, verify=False)),
                "large, read": lambda: ignore(read(large)),
                "large, verify": lambda: ignore(verify(large)),
                "small, gpunet inspect": lambda: command("inspect", small),
                "large, gpunet inspect --no-verify": lambda: command("inspect", large, "--no-verify"),
                "large, gpunet inspect": lambda: command("inspect", large),
            },
            baseline="small, read",
            save_as="checkpoint_read",
            inner=1,
        )


def import_h5py() -> None:
    """What any child must at least cost."""
    subprocess.run([sys.executable, "-c", "import h5py"], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})


def ignore(_: object) -> None:
    """Let a result go."""


if __name__ == "__main__":
    main()
