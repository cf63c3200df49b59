"""Matrix products: what cuBLAS is told about memory, checked by a BLAS written out with NumPy."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import gpunet
from blas import gemm
from gpunet.backend import COMPUTE, Device, matmul, products_in
from gpunet.backend.products import compute_type, layout, multiply
from gpunet.errors import DeviceError


def alone(x):
    return x


def transposed(x):
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def slices_of_rows(x):
    """As members of a population lie in the flat vector of all parameters."""
    flat = np.zeros((*x.shape[:-2], x[..., :, :].size // int(np.prod(x.shape[:-2])) + 10))
    part = flat[..., 3 : 3 + x.shape[-2] * x.shape[-1]].reshape(x.shape)
    part[...] = x
    return part


def columns_of_wider(x):
    wider = np.zeros((*x.shape[:-1], x.shape[-1] + 4))
    wider[..., 1 : 1 + x.shape[-1]] = x
    return wider[..., 1 : 1 + x.shape[-1]]


def every_second(x):
    wider = np.zeros((*x.shape[:-1], 2 * x.shape[-1]))
    wider[..., ::2] = x
    return wider[..., ::2]


PLACES = [alone, transposed, slices_of_rows, columns_of_wider, every_second]
SHAPES = [((4, 3), (3, 5)), ((2, 4, 3), (2, 3, 5)), ((4, 3), (2, 3, 5)), ((2, 4, 3), (3, 5)), ((3, 1, 4, 3), (2, 3, 5))]
SHAPES += [((1, 3), (3, 1)), ((4, 1), (1, 5)), ((1, 4, 3), (1, 3, 5)), ((2, 1, 3), (2, 3, 5)), ((0, 3), (3, 5))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_products_of_matrices_wherever_they_lie(shapes, rng):
    a, b = (rng.normal(size=shape) for shape in shapes)
    wanted = a @ b
    for first, second, third in itertools.product(PLACES, PLACES, [*PLACES, None]):
        out = third(np.full(wanted.shape, np.nan)) if third and wanted.size else None
        found = multiply(first(a) if a.size else a, second(b), out, gemm)
        assert out is None or found is out
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_populations_and_transposed_weights_are_read_where_they_are(rng):
    x, w = rng.normal(size=(2, 4, 3)), slices_of_rows(rng.normal(size=(2, 3, 5)))
    for array in (x, w, x.swapaxes(1, 2), w.swapaxes(1, 2), x[0], x[:, :, :1], np.broadcast_to(x[0], (2, 4, 3))):
        assert layout(array, (2,)) is not None
    assert layout(every_second(x), (2,)) is None


def test_types_are_promoted_and_shapes_checked(rng):
    a, b = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(3, 5))
    np.testing.assert_allclose(multiply(a, b, None, gemm), a @ b)
    single = multiply(a, b, np.zeros((4, 5), np.float32), gemm)
    np.testing.assert_allclose(single, a @ b, rtol=1e-5)
    with pytest.raises(ValueError, match="do not fit"):
        multiply(a, b, np.zeros((5, 4)), gemm)
    with pytest.raises(ValueError, match="do not fit"):
        multiply(a, b.T, None, gemm)


def test_products_on_the_device(device, rng):
    for first, second in SHAPES:
        a, b = rng.normal(size=first), rng.normal(size=second)
        found = matmul(device.put(a), device.put(b))
        np.testing.assert_allclose(device.get(found), a @ b, rtol=1e-12)
        turned = matmul(device.put(transposed(a)), device.put(b), out=device.zeros((a @ b).shape, np.float64))
        np.testing.assert_allclose(device.get(turned), a @ b, rtol=1e-12)


def test_all_products_of_device_arrays_go_this_way():
    """CuPy's own raise while a stream is captured."""
    folder = Path(gpunet.__file__).parent
    found = [
        path.name
        for path in folder.rglob("*.py")
        if re.search(r"(?<!np)\.(matmul|dot|vdot|inner|einsum|tensordot)\(", path.read_text())
    ]
    assert found == []


def test_products_of_a_step_are_made_in_the_precision_that_was_asked_for():
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    assert compute_type(single) == 68  # CUBLAS_COMPUTE_32F
    with products_in("tf32"):
        assert (compute_type(single), compute_type(double)) == (77, 70)
        with products_in("float64"):
            assert compute_type(single) == 68
        assert compute_type(single) == 77
    assert compute_type(single) == 68


def test_precisions_that_a_device_has_not_are_refused():
    Device("cpu").check_precision("float32")
    for precision in COMPUTE.keys() - {"float32", "float64"}:
        with pytest.raises(DeviceError, match=f"for {precision}, got cpu. Set precision=float32"):
            Device("cpu").check_precision(precision)
