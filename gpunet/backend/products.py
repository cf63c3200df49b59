"""Matrix products, written into memory that is there.

CuPy's own products refuse to run while a stream is captured, and copy operands with a batch axis that are views or
transposed.  So on CUDA cuBLAS is called directly: one call reads any matrices whose rows or columns are contiguous and
that lie at equal distances, which members of a population and transposed weights do, and its workspace is memory of
its own, so a captured graph stays valid.
"""

import ctypes
import importlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .arrays import Array, array_module
from .dispatch import op
from .forks import is_beside

WORKSPACE = 32 << 20  # bytes; what NVIDIA recommends for its largest GPUs
# How cuBLAS may multiply numbers of single precision (cublasComputeType_t); it sums in single precision each time.
COMPUTE = {"float32": 68, "float64": 68, "tf32": 77}
IN_DOUBLE = 70

_precision = ContextVar("precision", default="float32")


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Let products on CUDA round their factors to a shorter format, for as long as the block runs.

    Args:
        precision: ``float32``; or ``tf32``, 10 bits behind the point instead of 23.  Products on the host, and those of
            double precision, stay as they are, and so do all with ``float64``.
    """
    before = _precision.set(precision)
    try:
        yield
    finally:
        _precision.reset(before)


def compute_type(dtype: np.dtype) -> int:
    """The number by which cuBLAS is told how to multiply.

    >>> with products_in("tf32"):
    ...     compute_type(np.dtype(np.float32)), compute_type(np.dtype(np.float64))
    (77, 70)
    """
    return IN_DOUBLE if dtype == np.float64 else COMPUTE[_precision.get()]


@op
def matmul(a: Array, b: Array, out: Array = None) -> Array:
    """``a @ b`` of the last two axes; axes before those broadcast.

    Args:
        a: (..., n, k).
        b: (..., k, m), of the same type.
        out: (..., n, m), overlapping neither; a new array by default.
    """
    return np.matmul(a, b, out=out)


@dataclass(frozen=True)
class Layout:
    """Where BLAS finds the matrices of an array, in numbers rather than bytes.

    Attributes:
        transposed: whether columns are contiguous instead of rows.
        leading: distance of rows, or of columns where those are contiguous.
        stride: distance of matrices, 0 where one serves all.
    """

    transposed: bool
    leading: int
    stride: int


def layout(x: Array, batch: tuple[int, ...]) -> Layout | None:
    """How the matrices of an array, broadcast to the axes ``batch``, can be read in place; None where they cannot."""
    stride = _distance(x, batch)
    if stride is None:
        return None
    rows, columns = x.shape[-2:]
    down, across = (s // x.itemsize for s in x.strides[-2:])
    if (columns == 1 or across == 1) and (rows == 1 or down >= columns):
        return Layout(False, down if rows > 1 else columns, stride)
    if (rows == 1 or down == 1) and (columns == 1 or across >= rows):
        return Layout(True, across if columns > 1 else rows, stride)
    return None


def _distance(x: Array, batch: tuple[int, ...]) -> int | None:
    """Distance of the matrices in the order of ``batch``, or None where it differs from one to the next."""
    own = [0 if size == 1 else s // x.itemsize for size, s in zip(x.shape[:-2], x.strides)]
    steps = [(n, s) for n, s in zip(batch, [0] * (len(batch) - len(own)) + own) if n > 1]
    even = all(outer == n * inner for (_, outer), (n, inner) in itertools.pairwise(steps))
    return (steps[-1][1] if steps else 0) if even else None


def readable(x: Array, batch: tuple[int, ...]) -> tuple[Array, Layout]:
    """The array, or a copy of it, with its layout."""
    found = layout(x, batch)
    if found is None:
        xp = array_module(x)
        x = xp.ascontiguousarray(xp.broadcast_to(x, (*batch, *x.shape[-2:])))
        found = layout(x, batch)
        assert found is not None
    return x, found


@matmul.override("cupy")
def _matmul_cuda(a: Array, b: Array, out: Array = None) -> Array:
    device = array_module(a).cuda.Device().id
    return multiply(a, b, out, _blas(device, threading.get_ident(), is_beside()).gemm)


def multiply(a: Array, b: Array, out: Array, gemm: Callable[..., None]) -> Array:
    """:func:`matmul` by a BLAS ``gemm``, which takes what :meth:`_Blas.gemm` does."""
    xp, kind = array_module(a), np.result_type(a.dtype, b.dtype)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    out = xp.empty(shape, kind) if out is None else out
    if a.shape[-1] != b.shape[-2] or out.shape != shape:
        raise ValueError(f"shapes do not fit: {a.shape} @ {b.shape} into {out.shape}")
    if not (a.size and b.size):
        out.fill(0)
        return out
    left, right = (readable(x.astype(kind, copy=False), batch) for x in (a, b))
    place = layout(out, batch) if out.dtype == kind else None
    direct = place is not None and not place.transposed
    target = out if direct else xp.empty(shape, kind)
    rows = place if place is not None and direct else Layout(False, shape[-1], shape[-2] * shape[-1])
    # BLAS reads columns, so it sees all matrices transposed, and (a b)^T = b^T a^T.
    gemm(kind, (shape[-1], shape[-2], a.shape[-1]), right, left, (target, rows), math.prod(batch))
    if target is not out:
        out[...] = target
    return out


class _Blas:
    """cuBLAS on one device for one thread and stream, with a workspace of its own: the default one belongs to no graph.

    Products on two streams may be made at the same time, so those on the second one have a workspace that others leave
    alone.
    """

    def __init__(self) -> None:
        cupy: Any = importlib.import_module("cupy")
        self.library, self.handle, self.stream = load_cublas(), ctypes.c_void_p(), -1
        self.workspace = cupy.cuda.Memory(WORKSPACE)
        self.numbers = {np.dtype(np.float32): (0, ctypes.c_float), np.dtype(np.float64): (1, ctypes.c_double)}
        self._check(self.library.cublasCreate_v2(ctypes.byref(self.handle)))

    def gemm(
        self,
        dtype: np.dtype,
        sizes: tuple[int, int, int],
        left: tuple[Array, Layout],
        right: tuple[Array, Layout],
        out: tuple[Array, Layout],
        count: int,
    ) -> None:
        """``count`` products ``out = left @ right`` of matrices as BLAS sees them, by columns; sizes are m, n, k."""
        cupy: Any = importlib.import_module("cupy")
        stream = cupy.cuda.get_current_stream().ptr
        if stream != self.stream:  # a change of stream takes the workspace away
            self._check(self.library.cublasSetStream_v2(self.handle, ctypes.c_void_p(stream)))
            memory = ctypes.c_void_p(self.workspace.ptr)
            self._check(self.library.cublasSetWorkspace_v2(self.handle, memory, ctypes.c_size_t(WORKSPACE)))
            self.stream = stream
        kind, number = self.numbers[dtype]
        places = [
            (ctypes.c_void_p(x.data.ptr), kind, found.leading, ctypes.c_longlong(found.stride))
            for x, found in (left, right, out)
        ]
        turned = int(left[1].transposed), int(right[1].transposed)
        one, zero = ctypes.byref(number(1)), ctypes.byref(number(0))
        self._check(
            self.library.cublasGemmStridedBatchedEx(
                self.handle,
                *turned,
                *sizes,
                one,
                *places[0],
                *places[1],
                zero,
                *places[2],
                count,
                compute_type(dtype),
                -1,
            )
        )

    @staticmethod
    def _check(status: int) -> None:
        if status:
            # 3 is CUBLAS_STATUS_ALLOC_FAILED
            raise MemoryError("cuBLAS has no memory") if status == 3 else RuntimeError(f"cuBLAS failed: {status}")


@cache
def _blas(_device: int, _thread: int, _beside: bool) -> _Blas:
    return _Blas()


@cache
def load_cublas() -> ctypes.CDLL:
    """cuBLAS, from wherever CuPy takes it; raises :class:`RuntimeError` where it is not installed."""
    finder: Any = importlib.import_module("cuda.pathfinder")
    return ctypes.CDLL(finder.load_nvidia_dynamic_lib("cublas").abs_path)
