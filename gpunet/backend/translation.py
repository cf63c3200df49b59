"""CUDA text as it is compiled: a file with what it includes, for one precision."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
INCLUDE = re.compile(r'^#include "(.+)"\n', re.MULTILINE)
# Lines at the left margin that make kernels: a macro that is called with the type of their numbers as its last word.
MAKES = re.compile(r"^[A-Z_]+\((?:[^()\n]*, )?(float|double)\)\n", re.MULTILINE)


@cache
def sources() -> tuple[Path, ...]:
    """All files of CUDA text, by name."""
    return tuple(sorted(ROOT.rglob("*.cu"), key=lambda path: (path.stem, path)))


@cache
def text(path: Path) -> str:
    """A file with those that it includes in their places, so that what is compiled is known whole by its text.

    What is included is so between ``#define GPUNET_INCLUDED`` and its end, where it can leave its kernels out.
    """

    def included(found: re.Match[str]) -> str:
        return f"#define GPUNET_INCLUDED 1\n{text((path.parent / found[1]).resolve())}\n#undef GPUNET_INCLUDED\n"

    return INCLUDE.sub(included, path.read_text(encoding="utf-8"))


def precision_of(name: str) -> str:
    """Of the numbers that a kernel computes with, as its name says.

    >>> precision_of("update_double"), precision_of("update_float"), precision_of("put_back")
    ('double', 'float', 'float')
    """
    return "double" if name.endswith("_double") else "float"


@cache
def unit(path: Path, precision: str) -> str:
    """The text of a file with kernels of one precision alone, which halves what a training has to wait for.

    Args:
        path: of the file.
        precision: ``float`` or ``double``; kernels that name none are in both.
    """
    return MAKES.sub(lambda found: found[0] if found[1] == precision else "", text(path))
