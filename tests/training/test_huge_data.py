"""Data so large that single precision cannot hold what is made of them: refused before a step, or trained on."""

import inspect

import numpy as np
import pytest

import gpunet
from gpunet.checkpoint import read
from gpunet.data import Preparation, fit_preprocessing, preparations
from gpunet.errors import DataError, DivergedError, GpunetError

KNOWN = [c for c in vars(preparations).values() if inspect.isclass(c) and issubclass(c, Preparation)]
PREPARATIONS = [one for c in KNOWN if c is not Preparation and not c.__name__.startswith("_") for one in c.examples()]


def big(size):
    """Two columns of the report of the fault, times a size."""
    i = np.arange(90)
    return (np.stack([(i * 7919) % 97, (i * 31) % 89, i % 7], axis=1) * size).astype(np.float32)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e10, 1e20, 1e36])
@pytest.mark.parametrize("preparation", PREPARATIONS, ids=repr)
def test_each_preparation_is_finite_or_refuses(preparation, size):
    try:
        fitted = fit_preprocessing([preparation, preparation], big(size), 1.0)
    except (DataError, gpunet.GpunetError) as error:
        assert "\n" not in str(error)
        return
    for step in fitted.steps:
        for name, array in step.arrays.items():
            assert np.isfinite(array).all(), name


def test_what_no_reader_would_take_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"preprocessing zca: needs a variance that single precision can hold, got fea"):
        gpunet.train(
            "linear", big(1e20), np.arange(90) % 2, {"data.preprocess": "zca"}, epochs=2, batch_size=16,
            run=tmp_path / "z", progress=False,
        )  # fmt: skip
    assert not (tmp_path / "z").exists()


@pytest.mark.parametrize("size", [1e10, 1e20, 1e38])
@pytest.mark.parametrize("way", ["none", "standardise", "min_max", "pca", "zca"])
def test_whatever_is_trained_can_be_read(way, size, tmp_path):
    x = np.minimum(big(1.0).astype(float) * size, 3e38).astype(np.float32)
    try:
        gpunet.train(
            "mlp", x, np.arange(90) % 2, {"data.preprocess": way}, epochs=2, batch_size=16, hidden=[4],
            run=tmp_path / "r", progress=False,
        )  # fmt: skip
    except (DataError, DivergedError):
        pass
    except GpunetError as error:  # nothing else is a fault of the data
        pytest.fail(str(error))
    for path in (tmp_path / "r").glob("*.h5"):
        read(path)
