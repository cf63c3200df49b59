"""Bytes per second of checkpoints, written and read, beside plain h5py; with hashes, and with the hashes left out.

The child that walks the structure takes a tenth of a second of each reading, whatever the size of the file.
Both write the same arrays, flush them to the disk and leave one file; both read every array back into memory, from the
cache of the system.

    python benchmarks/checkpoint_speed.py --rounds 9 --save
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
os.environ.update(OPENBLAS_NUM_THREADS=THREADS, OMP_NUM_THREADS=THREADS)

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
from page import result, saving
from timing import interleave

from gpunet.checkpoint import Group, NamedArray, layout, note, read, reader, stored, write, writer
from gpunet.checkpoint.seal import Seal


def tree(megabytes: int) -> Group:
    """A checkpoint of square weights of 16 MB each."""
    rng, root = np.random.default_rng(0), Group({"model": f"{megabytes} MB"})
    root["config/json"] = note({})
    for number in range(max(1, megabytes // 16)):
        root[f"model/{number:03}_dense/weight"] = NamedArray(rng.random((2000, 2000), np.float32), {"role": "weight"})
    return root


@contextmanager
def without_hashes() -> Iterator[None]:
    """The same program without SHA-256, to see what it costs."""
    stand_in = {"array_sha256": lambda _: "0" * 64, "content_sha256": lambda *_, **__: "0" * 64}
    with (
        mock.patch.multiple(writer, make_seal=lambda *_: FIXED, content_sha256=stand_in["content_sha256"]),
        mock.patch.multiple(layout, array_sha256=stand_in["array_sha256"]),
        mock.patch.multiple(stored, array_sha256=stand_in["array_sha256"]),
        mock.patch.multiple(reader, content_sha256=stand_in["content_sha256"]),
        mock.patch.object(Seal, "check_bytes", return_value=None),
        mock.patch.object(Seal, "check_length", return_value=None),
    ):
        yield


CHILD = "the child alone"
FIXED = f"gpunet-checkpoint 1 1 {'0' * 64}\n".encode().ljust(512, b"\0")


def plain_write(path: Path, root: Group) -> None:
    """What one would write with h5py alone."""
    with h5py.File(path, "w") as file:
        for name, child in root.walk():
            if isinstance(child, NamedArray):
                file[name] = child.data
    with path.open("rb") as written:
        os.fsync(written.fileno())


def replacing_write(path: Path, root: Group) -> None:
    """The same so that the old file stays until the new one is there, as one should."""
    temporary = path.with_suffix(".tmp")
    plain_write(temporary, root)
    temporary.replace(path)


def plain_read(path: Path) -> list[np.ndarray]:
    """Every array of a file by h5py alone."""
    arrays: list[np.ndarray] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, thing: arrays.append(thing[()]) if isinstance(thing, h5py.Dataset) else None)
    return arrays


def candidates(folder: Path, root: Group) -> dict[str, dict[str, Callable[[], object]]]:
    """What is timed against what."""
    own, plain, bare = folder / "own.h5", folder / "plain.h5", folder / "bare.h5"

    def bare_write() -> None:
        with without_hashes():
            write(bare, root)

    def bare_read() -> object:
        with without_hashes():
            return read(bare)

    def look() -> object:
        with without_hashes():
            return read(bare, verify=False)

    return {
        "written": {
            "h5py and fsync": lambda: plain_write(plain, root),
            "h5py into a temporary file, fsync, rename": lambda: replacing_write(folder / "replaced.h5", root),
            "gpunet, hashes left out": bare_write,
            "gpunet": lambda: write(own, root),
        },
        "read": {
            "h5py": lambda: plain_read(plain),
            "gpunet, hashes left out": bare_read,
            CHILD: look,
            "gpunet": lambda: read(own),
        },
    }


def main() -> None:
    """Time and report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=256)
    options = parser.parse_args()
    root = tree(options.megabytes)
    size = sum(child.data.nbytes for _, child in root.walk() if isinstance(child, NamedArray))
    rows = ["| | MB per second, median | 10 % to 90 % | of h5py |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for what, tried in candidates(Path(folder), root).items():
            times = interleave(tried, options.rounds, 1)  # type: ignore[arg-type]
            base = statistics.median(next(iter(times.values())))
            if CHILD in times:
                child = times.pop(CHILD)
                rest = [max(a - b, 1e-9) for a, b in zip(times["gpunet, hashes left out"], child)]
                times["gpunet, hashes left out, beyond the child's start"] = rest
            for name, values in times.items():
                low, *_, high = statistics.quantiles(values, n=10)
                middle = statistics.median(values)
                spread = f"{size / high / 1e6:,.0f} to {size / low / 1e6:,.0f}"
                rows.append(f"| {what}: {name} | {size / middle / 1e6:,.0f} | {spread} | {base / middle:.2f} |")
    title = f"Checkpoints of {size / 1e6:,.0f} MB, written and read, beside plain h5py"
    result("checkpoint_speed", title, rows, options.save, f"{options.rounds} interleaved rounds")


if __name__ == "__main__":
    main()
