"""Searches that are over, or under way: whether a folder is one, and what its file says."""

import json
import math
from pathlib import Path
from typing import Any

from ..checkpoint import BEST, LAST
from ..config import read_text
from ..errors import ConfigError, DataError, GpunetError, printable
from ..paths import is_file, kind_of
from ..studies import is_comparison
from .files import NAME, RESULTS

LISTS = ("trials", "notes")
SEARCH, COMPARISON, RUN = OWN = ("a search", "a comparison", "a run")  # folders that gpunet writes
TABLES = ("parts", "score", "settings", "space", "importances")


def is_search(folder: str | Path) -> bool:
    """Whether a folder is one that a search writes to."""
    return is_file(Path(folder) / NAME)


def what_is(path: str | Path) -> str:
    """What lies at a path, in two or three words: one of :data:`OWN`, or something that gpunet did not write.

    >>> what_is("/"), what_is("no/such/path")
    ('a folder', 'nothing there')
    """
    if is_search(path):
        return SEARCH
    if is_comparison(path):
        return COMPARISON
    if any(is_file(Path(path) / name) for name in (BEST, LAST)):
        return RUN
    kind = kind_of(path)
    return "nothing there" if kind == "none" else f"a {kind}" if kind != "other" else "a pipe or device"


def check_search(folder: str | Path, remedy: str = "Begin one with gpunet search") -> None:
    """Refuse what is no folder of a search, and say what it is instead.

    Args:
        folder: that was given for one.
        remedy: what to do about it.

    Raises:
        ConfigError: it is none.
    """
    if not is_search(folder):
        raise ConfigError(f"folder {printable(str(folder))}", "must be the folder of a search", what_is(folder), remedy)


def read_results(folder: str | Path) -> dict[str, Any]:
    """What a search wrote to its folder.

    Raises:
        GpunetError: it is not over.
        DataError: the file is not what a search writes.
    """
    path = Path(folder) / RESULTS
    if not is_file(path):
        raise GpunetError(str(folder), "has no results yet", None, "Resume the search first")
    try:
        held = json.loads(read_text(path))
        for key, kind in (*((name, list) for name in LISTS), *((name, dict) for name in TABLES)):
            if not isinstance(held[key], kind):
                raise ValueError(f"{key} is no {kind.__name__}")
        for trial in held["trials"]:
            _check_trial(trial)
        if held["best"] is not None and not 0 <= held["best"] < len(held["trials"]):
            raise ValueError("best is no trial")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        reason = printable((str(error).splitlines() or ["damaged"])[0])
        raise DataError(printable(str(path)), "must hold what a search wrote", reason) from None
    return dict(held)


def _check_trial(trial: dict[str, Any]) -> None:
    """Refuse a trial that cannot be shown."""
    numbers = [trial["number"], trial["epochs"], trial["seconds"], *trial["curve"]]
    numbers += [trial[name] for name in ("score", "spread") if trial[name] is not None]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers if n is not None):
        raise ValueError("a trial whose numbers are none")
    if not isinstance(trial["values"], dict) or not isinstance(trial["state"], str):
        raise ValueError("a trial without values")
