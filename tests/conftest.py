"""Options and fixtures of all tests."""

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from gpunet.backend import Device, resolve_device
from gpunet.errors import DeviceError, GpunetError
from walking import in_this_process

ROOT = Path(__file__).parents[1]

# Processes of pytest-xdist have it; without it, what goes to a pipe is as wide as it needs to be.
os.environ.pop("COLUMNS", None)

# A shell that starts the tests in its background has interrupts ignored, by them and by all that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where a run must be repeatable the examples are; everywhere else each run tries new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def _no_message_within_another(error, thing, rule, received=None, remedy=None):
    """Some errors are ValueErrors too: whoever catches those of NumPy must let the project's own ones pass."""
    within = sys.exc_info()[1]
    caught = isinstance(within, GpunetError) and str(within) in str(received)
    assert not caught, f"a message stands within another one: {within}"
    _made(error, thing, rule, received, remedy)


_made, GpunetError.__init__ = GpunetError.__init__, _no_message_within_another


def pytest_addoption(parser):
    parser.addoption("--backend", choices=["numpy", "cupy"], default="numpy", help="where device code runs")
    parser.addoption("--draw", action="store_true", help="put the pictures that pages draw into docs/pictures")
    parser.addoption("--slow", action="store_true", help="also run tests that take minutes")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes minutes; run with --slow"))


@pytest.fixture(autouse=True)
def quick(request):
    """Files are read in this process, but by tests that are marked ``confined``."""
    with nullcontext() if "confined" in request.keywords else in_this_process():
        yield


@pytest.fixture
def device(request):
    """The device of --backend."""
    if request.config.getoption("--backend") == "numpy":
        yield Device()
        return
    try:
        chosen = resolve_device("cuda")
    except DeviceError as error:
        pytest.skip(f"--backend cupy: {error}")
    with chosen.activate():
        yield chosen


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def mnist():
    """The folder of the original MNIST files."""
    for folder in (os.environ.get("GPUNET_DATA"), ROOT.parent / "shared/data"):
        if folder and (Path(folder) / "mnist").is_dir():
            return Path(folder) / "mnist"
    return pytest.skip("MNIST is neither in ../shared/data nor in $GPUNET_DATA")
