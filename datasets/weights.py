"""Weights of samples in a file of their own."""

import os
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
    """The numbers of a .npy file; its header is compared with its length before any memory is asked for."""
    with open_regular(path) as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](file)
        except (ValueError, KeyError, SyntaxError, TypeError, OSError) as error:
            raise DataError(name, "must hold a plain array", printable(str(error).split("\n")[0]), REMEDY) from None
        if dtype.kind not in "biuf" or len(shape) != 1:
            received = f"an array of {dtype} and shape {shape}"
            raise DataError(name, "must hold one number for each sample", received, REMEDY)
        promised, held = shape[0] * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
        if promised != held or shape[0] < 0:
            rule = f"must hold the {promised:,} bytes that its header promises"
            raise DataError(name, rule, f"{held:,}", "Restore it from a copy")
        file.seek(0)
        found: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return found.astype(np.float64)
