"""A stand-in for a device: arrays that refuse to come to the host, and a log of everything done to them.

A step that runs on these arrays reads nothing back.  Replaying the log does what a captured CUDA graph does: the same
operations on the same memory, with no Python in between.  If that equals a second real step, then every number that
changes between steps lives in arrays.
"""

# mypy: disable-error-code="override"

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Device
from ..backend.arrays import Array
from ..backend.events import decide
from ..backend.sampled import draw_sample_words
from ..backend.streams import draw_words
from ..ops.gather import count_into, take_rows
from ..ops.guard import guarded, lower, mark, put_back, restore, update_and_restore
from ..ops.words import move_together


class HostReadError(AssertionError):
    """A device value was asked for on the host."""


class SelfCopyError(AssertionError):
    """An array was copied onto itself, which a device does in earnest."""


def _same_memory(place: Any, value: np.ndarray) -> bool:
    if not isinstance(place, np.ndarray):
        return False
    where, what = place.__array_interface__["data"][0], plain(value).__array_interface__["data"][0]
    return where == what and place.shape == value.shape and place.strides == value.strides


def _refuse(self: Any, *_: Any, **__: Any) -> Any:
    raise HostReadError("a captured step must not read a device value")


class Log(list):
    """Operations as (function, arguments, keywords, result or None where it was written in place)."""

    def replay(self) -> None:
        """Do everything again, on the same memory, without NumPy's warnings, which were off in the step as well."""
        with np.errstate(all="ignore"):
            for function, args, kwargs, result in self:
                value = function(*args, **kwargs)
                if result is not None:
                    result[...] = value


LOG = Log()


def plain(value: Any) -> Any:
    """The same memory as ordinary NumPy arrays, for looking at it from outside."""
    if isinstance(value, Traced):
        return value.view(np.ndarray)
    if isinstance(value, list | tuple):
        return type(value)(plain(v) for v in value)
    return value


def record(
    function: Callable[..., Any],
    args: Any,
    kwargs: dict[str, Any],
    in_place: bool,
    kind: "type[Traced] | None" = None,
) -> Any:
    """Run one operation and log it; the result is of a kind of traced array, or None where it was written in place."""
    args, kwargs = plain(args), {k: plain(v) for k, v in kwargs.items()}
    value = function(*args, **kwargs)
    if in_place:
        LOG.append((function, args, kwargs, None))
        return None
    result = np.array(value)  # memory of its own, which a replay fills again
    LOG.append((function, args, kwargs, result))
    return result.view(kind or Traced)


class Traced(np.ndarray):
    """An array whose operations are logged and whose values stay on the device."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        function = getattr(ufunc, method)
        if method == "at":
            return record(function, inputs, kwargs, in_place=True)
        if out is None:
            return record(function, inputs, kwargs, in_place=False, kind=type(self))
        assert all(isinstance(o, Traced) for o in out), f"{ufunc} writes into a host array"
        record(function, inputs, {**kwargs, "out": out if method == "__call__" else out[0]}, in_place=True)
        return out[0]

    def __array_function__(self, func, types, args, kwargs):
        out = kwargs.get("out")
        if out is None and func is not np.copyto:
            return record(func, args, kwargs, in_place=False, kind=type(self))
        record(func, args, kwargs, in_place=True)
        return out

    def __setitem__(self, index, value):
        if isinstance(value, Traced) and value.size and _same_memory(plain(self)[index], value):
            raise SelfCopyError("x[i] += y computes x[i] and copies it onto itself: give x[i] a name first")
        record(lambda target, v: target.__setitem__(index, v), (self, value), {}, in_place=True)

    def __getitem__(self, index):
        if any(isinstance(part, np.ndarray) for part in (index if isinstance(index, tuple) else (index,))):
            raise HostReadError("indexing by an array of truth values reads it")
        found = super().__getitem__(index)
        if not isinstance(found, Traced):
            raise HostReadError("indexing gave a host number")
        return found

    def fill(self, value):
        self[...] = value

    def take(self, indices, axis=None):
        return record(np.ndarray.take, (self, indices), {"axis": axis}, in_place=False, kind=type(self))

    def argmax(self, axis=None):
        return record(np.ndarray.argmax, (self,), {"axis": axis}, in_place=False, kind=type(self))

    def astype(self, dtype):
        return record(np.ndarray.astype, (self, dtype), {}, in_place=False, kind=type(self))

    def copy(self):
        return record(np.ndarray.copy, (self,), {}, in_place=False, kind=type(self))

    __bool__ = __int__ = __float__ = __index__ = __array__ = item = tolist = tobytes = _refuse


Traced.__module__ = "traced"  # as the library's name is what ops choose by


@draw_words.override("traced")
def _(*args):
    record(draw_words.reference, args, {}, in_place=True)


@decide.override("traced")
def _(*args):
    record(decide.reference, args, {}, in_place=True)


@draw_sample_words.override("traced")
def _(*args):
    record(draw_sample_words.reference, args, {}, in_place=True)


@take_rows.override("traced")
def _(table, index, out):
    record(take_rows.reference, (table, index, out), {}, in_place=True)
    return out


@count_into.override("traced")
def _(counts, places):
    record(count_into.reference, (counts, places), {}, in_place=True)


@move_together.override("traced")
def _(words, kept, out):
    record(move_together.reference, (words, kept, out), {}, in_place=True)
    return out


guarded.override("traced")(update_and_restore)
put_back.override("traced")(restore)
mark.override("traced")(lower)


@dataclass(frozen=True)
class TracedDevice(Device):
    """The CPU, with traced arrays."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array of this shape that refuses to be read on the host."""
        return super().empty(shape, dtype).view(Traced)

    def copy_into(self, array: Array, host: Any) -> None:
        """Uploads happen between steps and are not logged."""
        super().copy_into(plain(array), host)

    def get(self, array: Array) -> np.ndarray:
        """Refuse: a captured step must not copy to the host."""
        raise HostReadError("a captured step must not copy to the host")
