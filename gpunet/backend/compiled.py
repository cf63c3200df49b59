"""Loops for the processor, compiled by numba where it is installed (extra ``cpu``).

A loop computes in one pass over memory what array functions compute in several.  It uses nothing but what IEEE 754
rounds in one way, sums, products, quotients, roots and comparisons of two numbers, in the order of the array functions;
exponentials, products of matrices and sums of many numbers stay with NumPy.  So its results are those of the array
functions bit by bit, and it does not matter to a training when, or whether, loops are used.

That is why they need not be there from the start: loading numba takes half a second.  They are loaded once a process
has done so much work in operations that have a loop that the rest is likely to be worth it, see :func:`pays`.
"""

import importlib
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .loop_files import alone, clear_damaged, is_sealed, seal

CALL = 4000  # numbers that take as long as what a call of an operation costs beside its numbers
ENOUGH = 400_000_000  # numbers passed through operations with a loop: about two seconds of array functions
ENOUGH_TO_COMPILE = 15 * ENOUGH  # the same where loops must be compiled first, which takes several seconds


class _State:
    """Whether loops are used: what was decided, and the work until then."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.decided: bool | None = None
        self.work = 0
        self.reason = ""  # why there are none


_STATE = _State()


def pays(numbers: int) -> bool:
    """Whether an operation on so many numbers uses its loop; counts the work of the process until that is decided."""
    if _STATE.decided is not None:
        return _STATE.decided
    _STATE.work += numbers + CALL
    if _STATE.work < ENOUGH:
        return False
    if _STATE.work < ENOUGH_TO_COMPILE and not (_installed() and is_sealed(folder())):
        return False
    return load()


def load() -> bool:
    """Load numba now, if it is there; says whether loops are used from here on."""
    with _STATE.lock:
        if _STATE.decided is None:
            _STATE.reason = _why_not()
            _STATE.decided = not _STATE.reason
        return _STATE.decided


def reason() -> str:
    """Why loops are not used; empty where they are, or would be."""
    if _STATE.decided is None:
        return "" if _installed() else "numba is not installed"
    return _STATE.reason


@contextmanager
def loops_used(wanted: bool) -> Iterator[None]:
    """A block in which all operations use their loops, or none does; to compare and to time them.

    Raises:
        RuntimeError: they are wanted, and cannot be loaded.
    """
    before = _STATE.decided
    use_loops(wanted)
    try:
        yield
    finally:
        _STATE.decided = before


def use_loops(wanted: bool) -> None:
    """Decide from here on, see :func:`loops_used`."""
    if wanted and (why := _why_not()):
        raise RuntimeError(f"compiled loops cannot be used: {why}")
    _STATE.decided = wanted


@cache
def loops(module: str) -> ModuleType:
    """A module of loops, imported when it is first needed.

    Args:
        module: its full name.
    """
    return importlib.import_module(module)


def folder() -> Path:
    """Where compiled loops are kept between runs: below ``NUMBA_CACHE_DIR``, or in the user's folder of caches."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given) / "gpunet-loops"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(base).expanduser() / "gpunet" / "loops"
    except RuntimeError:  # nobody's home: a folder that is not there, and cannot be made
        return Path(os.devnull) / "loops"


class Loop:
    """A compiled loop; its first argument is an array, by whose type of numbers it is compiled.

    Args:
        function: the loop as a function of Python.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self._ready: dict[Any, Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Run it; the first time for a type of numbers it is compiled, or taken from the folder of compiled ones."""
        run = self._ready.get(arguments[0].dtype.char)
        return (run or self._prepare(arguments))(*arguments)

    def _prepare(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        with self._lock:
            kind = arguments[0].dtype.char
            if kind not in self._ready:
                self._ready[kind] = self._compiled(arguments)
            return self._ready[kind]

    def _compiled(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        numba = _numba()
        kinds = tuple(numba.typeof(argument) for argument in arguments)
        try:
            with alone(folder()), _STATE.lock:
                made = _kept(self.function)
                made.compile(kinds)
                seal(folder())
        except Exception as error:  # noqa: BLE001  whatever reading and writing files of a cache can raise
            made = numba.njit(**OPTIONS)(self.function)
            made.compile(kinds)  # and what is wrong with the loop itself, once more
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            warnings.warn(
                f"compiled loops are not kept in {folder()} ({what}), so that each run compiles them anew. Set "
                "NUMBA_CACHE_DIR to a folder that can be written",
                RuntimeWarning, stacklevel=4,
            )  # fmt: skip
        return made


OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def loop(function: Callable[..., Any]) -> Loop:
    """Mark a function as a :class:`Loop`."""
    return Loop(function)


def part_of_a_loop(function: Callable[..., Any]) -> Any:
    """Mark a function that loops of the same file call; numba must be installed."""
    return _numba().njit(**OPTIONS)(function)


def _kept(function: Callable[..., Any]) -> Any:
    """A function to be compiled, whose results are kept in :func:`folder`."""
    numba, place = _numba(), folder()
    damaged = clear_damaged(place)
    if damaged:
        warnings.warn(
            f"{len(damaged)} damaged files of compiled loops in {place} were removed; they are compiled anew",
            RuntimeWarning, stacklevel=5,
        )  # fmt: skip
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(place)  # read when a function is marked, for the place of its files
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before


@cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def _numba() -> Any:
    return importlib.import_module("numba")


def _why_not() -> str:
    """Why loops cannot be used, or nothing; loads numba."""
    if not _installed():
        return "numba is not installed"
    try:
        numba = _numba()
    except ImportError as error:  # as where it does not know this version of NumPy
        return f"numba cannot be loaded: {error}".splitlines()[0]
    return "NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else ""


def version() -> str:
    """The version of numba that is installed."""
    from importlib.metadata import version as installed

    return installed("numba")
