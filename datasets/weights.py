"""Weights of samples in a file of their own."""

from pathlib import Path

import numpy as np

from gpunet.errors import DataError, printable, shortened

from .opening import open_content, open_regular

MOST = 1 << 30  # bytes of text
REMEDY = "Write one number from 0 for each sample, each on a line of its own, or an array with numpy.save"


def read_weights(source: str) -> np.ndarray:
    """How much each sample counts: a text file with one number on each line, also gzipped, or a .npy file.

    Returns:
        (samples,), float64, not checked against the samples.

    Raises:
        DataError: missing, or no such numbers, naming the line.
    """
    path = Path(source)
    name = shortened(printable(source), 300)
    if path.suffix.lower() == ".npy":
        return _array(path, name)
    with open_content(path) as (file, allowed, _):
        try:
            held = file.read(min(allowed, MOST) + 1)
        except (OSError, EOFError) as error:
            raise DataError(name, "must be a whole file", printable(str(error)), "Restore it from a copy") from None
    if len(held) > min(allowed, MOST):
        raise DataError(name, f"must hold at most {min(allowed, MOST):,} bytes", "more", REMEDY)
    lines = held.split()
    if len(lines) != len(held.rstrip().splitlines()):
        for number, line in enumerate(held.rstrip().splitlines(), 1):
            if len(line.split()) != 1:
                got = shortened(printable(line.decode("utf-8", "replace")), 60) or "an empty line"
                raise DataError(f"{name} line {number}", "must hold one number", got, REMEDY)
    values = np.empty(len(lines))
    for number, line in enumerate(lines, 1):
        try:
            values[number - 1] = float(line)
        except ValueError:
            got = shortened(printable(line.decode("utf-8", "replace")), 60)
            raise DataError(f"{name} line {number}", "must hold one number", got, REMEDY) from None
    return values


def _array(path: Path, name: str) -> np.ndarray:
    with open_regular(path) as file:
        try:
            found = np.load(file, allow_pickle=False)
        except (ValueError, EOFError, OSError, MemoryError) as error:
            reason = printable(str(error).split("\n")[0])
            raise DataError(name, "must hold a plain array", reason, REMEDY) from None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf" or found.size != len(found.reshape(-1)):
        raise DataError(name, "must hold a plain array of numbers", type(found).__name__, REMEDY)
    if found.ndim != 1:
        raise DataError(name, "must hold one number for each sample", f"an array of shape {found.shape}", REMEDY)
    return found.astype(np.float64)
