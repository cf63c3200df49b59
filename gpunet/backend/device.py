"""Devices: where arrays live, chosen by name."""

import gc
import importlib
import importlib.util
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import DeviceError
from .arrays import Array, address, to_host
from .driver import DriverReport, probe_driver
from .failures import lost
from .pools import sweep
from .products import load_cublas

SHORT_FORMATS = 80  # compute capability of the first GPUs that multiply in tf32
ALIGNMENT = 256  # bytes; a CUDA memory transaction never straddles two arrays


@dataclass(frozen=True)
class Device:
    """A place for arrays: the CPU, or one CUDA device.

    Attributes:
        kind: ``"cpu"`` or ``"cuda"``.
        index: number of the CUDA device.
        note: one line to show the user where ``auto`` chose differently than they may expect, else empty.
    """

    kind: str = "cpu"
    index: int = 0
    note: str = ""

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def xp(self) -> ModuleType:
        """The array module; importing CuPy happens here and nowhere earlier."""
        return np if self.kind == "cpu" else importlib.import_module("cupy")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array that starts on a 256-byte boundary."""
        return self._made(self.xp.empty, shape, np.dtype(dtype))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A zeroed array that starts on a 256-byte boundary."""
        if self.kind == "cuda":
            return self._made(self.xp.zeros, shape, np.dtype(dtype))  # by no kernel, of which each type needs its own
        array = self.empty(shape, dtype)
        array.fill(0)
        return array

    @staticmethod
    def _made(make: Callable[..., Array], shape: tuple[int, ...], dtype: np.dtype) -> Array:
        nbytes = math.prod(shape) * dtype.itemsize
        raw = make(nbytes + ALIGNMENT, np.uint8)
        start = -address(raw) % ALIGNMENT
        return raw[start : start + nbytes].view(dtype).reshape(shape)

    def put(self, host: Any, dtype: Any = None) -> Array:
        """Copy host values into a new array on this device."""
        host = np.asarray(host, dtype)
        array = self.empty(host.shape, host.dtype)
        self.copy_into(array, host)
        return array

    def copy_into(self, array: Array, host: Any) -> None:
        """Copy host values into an existing array of this device, so that its address stays."""
        host = np.broadcast_to(np.asarray(host, array.dtype), array.shape)
        host = np.ascontiguousarray(host).reshape(array.shape)  # which gives a single number an axis
        if self.kind == "cpu":
            array[...] = host
        elif array.flags.c_contiguous:
            array.set(host)
        else:
            array[...] = self.xp.asarray(host)

    def get(self, array: Array) -> np.ndarray:
        """Copy an array of this device to the host; waits for the device."""
        return np.array(array) if self.kind == "cpu" else to_host(array)

    def release(self) -> None:
        """Give back the memory of arrays that nobody holds any more."""
        gc.collect()
        if self.kind == "cuda":
            sweep(self.xp)
            self.xp.get_default_memory_pool().free_all_blocks()

    def check_precision(self, precision: str) -> None:
        """Refuse a precision of products that this device does not have.

        Raises:
            DeviceError: ``tf32`` on a CPU, or on a GPU older than Ampere (compute capability 8.0); ``bfloat16`` on any,
                see decision 0042.
        """
        if precision in ("float32", "float64"):
            return
        if precision == "bfloat16":
            rule, on_cpu = "must be one whose results on a GPU are known", self.kind == "cpu"
            raise DeviceError("precision", rule, precision, f"Set precision={'float32' if on_cpu else 'tf32'}")
        capability = 0 if self.kind == "cpu" else int(self.xp.cuda.Device(self.index).compute_capability)
        if capability < SHORT_FORMATS:
            received = str(self) if self.kind == "cpu" else f"{self} of capability {capability // 10}.{capability % 10}"
            rule = f"needs a CUDA device of compute capability 8.0 for {precision}"
            raise DeviceError("precision", rule, received, "Set precision=float32")

    @contextmanager
    def activate(self) -> Iterator[None]:
        """Make this the current device, on one stream of its own, for as long as the block runs.

        Blocks may stand inside each other: each begins when the work of the one around it is done, and that goes on
        when the work of the inner one is.

        Raises:
            DeviceError: the device is gone.
        """
        if self.kind == "cpu":
            yield
            return
        cuda = self.xp.cuda
        try:
            with cuda.Device(self.index):
                cuda.get_current_stream().synchronize()
            with cuda.Device(self.index), cuda.Stream(non_blocking=True) as stream:
                yield
                stream.synchronize()
        except RuntimeError as error:
            if not (reason := lost(error)):
                raise
            raise gone(self, reason) from error


def gone(device: Device, reason: str) -> DeviceError:
    """The error of a device that stopped working.

    Args:
        device: which.
        reason: what CUDA said.
    """
    remedy = "Look with nvidia-smi whether it is there, and start again in a new process"
    return DeviceError(f"device {device}", "must work to the end", reason, remedy)


def resolve_device(name: str = "auto") -> Device:
    """Choose a device by name: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` takes the first CUDA device where the driver shows one and CuPy is installed, else the CPU, and says so
    in :attr:`Device.note`.

    Raises:
        DeviceError: for an unknown name, and where CUDA was asked for by name and cannot be had.

    >>> resolve_device("cpu")
    Device(kind='cpu', index=0, note='')
    """
    wanted = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", name) if isinstance(name, str) else None
    if wanted is None:
        raise DeviceError("device", "must be auto, cpu, cuda or cuda:N", repr(name), "Try auto")
    if name == "cpu":
        return Device()
    report, index = probe_driver(), int(wanted[1] or 0)
    if report.gpus and index >= len(report.gpus):
        raise DeviceError(
            f"device {name}", f"must be one of the {len(report.gpus)} GPUs here", f"index {index}", "Run gpunet doctor"
        )
    problem = report.problem or _cupy_problem(report, index)
    if not problem:
        return Device("cuda", index)
    if name == "auto":
        return Device(note=f"Running on the CPU with NumPy: {problem}.")
    remedy = "Use cpu, or run gpunet doctor"
    raise DeviceError(f"device {name}", "needs a CUDA GPU and CuPy", problem, remedy)


def _cupy_problem(report: DriverReport, index: int) -> str:
    """Why CuPy cannot use a GPU that the driver shows, or nothing."""
    if importlib.util.find_spec("cupy") is None:
        extra = "cuda13" if report.cuda_version.startswith("13") else "cuda12"
        return f"{report.gpus[index]} is there, but CuPy is not installed (pip install 'gpunet[{extra}]')"
    cupy: Any = None
    try:
        cupy = importlib.import_module("cupy")
        with cupy.cuda.Device(index):
            cupy.zeros(1)
        load_cublas()
    except (ImportError, OSError, RuntimeError) as error:  # CuPy's CUDA errors are RuntimeErrors
        if "InsufficientDriver" in str(error) or "INSUFFICIENT_DRIVER" in str(error):
            return _older_driver(report, index, cupy.cuda.runtime.runtimeGetVersion())
        return f"CuPy cannot use {report.gpus[index]}: {str(error).splitlines()[0]}"
    return ""


def _older_driver(report: DriverReport, index: int, toolkit: int) -> str:
    """What is wrong where CuPy was made for a newer CUDA than the driver speaks."""
    older, newer = int(report.cuda_version.partition(".")[0]), toolkit // 1000
    instead = f", or pip install 'gpunet[cuda{older}]' instead" if 12 <= older < newer else ""
    return (
        f"the driver of {report.gpus[index]} speaks CUDA {report.cuda_version}, but CuPy was made for CUDA "
        f"{newer}.{toolkit % 1000 // 10}: update the driver{instead}"
    )
