"""A BLAS written out with NumPy, which reads matrices where cuBLAS would."""

from numpy.lib.stride_tricks import as_strided


def columns(x, found, rows, width, count):
    """The matrices that BLAS sees: entry (i, j) of the n-th lies at i + j * leading + n * stride."""
    assert found.leading >= rows, "BLAS refuses columns that overlap"
    size = x.itemsize
    return as_strided(x, (count, rows, width), (found.stride * size, size, found.leading * size))


def gemm(dtype, sizes, left, right, out, count):
    """As :meth:`gpunet.backend.products._Blas.gemm`."""
    m, n, k = sizes
    assert {x.dtype for x, _ in (left, right, out)} == {dtype}
    seen = [
        columns(*side, *((c, r) if side[1].transposed else (r, c)), count)
        for side, (r, c) in zip((left, right), ((m, k), (k, n)))
    ]
    a, b = (s.swapaxes(1, 2) if side[1].transposed else s for s, side in zip(seen, (left, right)))
    columns(*out, m, n, count)[...] = a @ b
