"""Devices, arena, dispatch and capture."""

import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from gpunet.backend import Arena, Device, DriverReport, array_module, capture, op, probe_driver, resolve_device
from gpunet.errors import DeviceError


def test_importing_gpunet_imports_neither_cupy_nor_matplotlib():
    code = "import sys, gpunet, gpunet.training, gpunet.cli; print({'cupy', 'matplotlib', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_arrays_start_on_256_bytes_and_keep_values(device):
    for n in (1, 3, 1000):
        array = device.put(np.arange(n), np.float32)
        address = array.ctypes.data if device.kind == "cpu" else array.data.ptr
        assert address % 256 == 0
        assert (device.get(array) == np.arange(n)).all()


def test_copy_into_keeps_the_address_and_reaches_strided_views(device):
    array = device.zeros((2, 6), np.float32)
    device.copy_into(array[:, 1:4], [[1, 2, 3], [4, 5, 6]])
    assert device.get(array).tolist() == [[0, 1, 2, 3, 0, 0], [0, 4, 5, 6, 0, 0]]


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cpu:1"])
def test_unknown_device_names_are_refused(name):
    with pytest.raises(DeviceError, match="must be auto, cpu, cuda or cuda:N"):
        resolve_device(name)


@pytest.mark.skipif(bool(probe_driver().gpus), reason="this machine has a GPU")
def test_without_a_gpu_auto_says_why_and_cuda_fails():
    assert "Running on the CPU" in resolve_device("auto").note
    with pytest.raises(DeviceError, match="needs a CUDA GPU") as caught:
        resolve_device("cuda")
    assert caught.value.exit_code == 5


@pytest.mark.filterwarnings("ignore")  # importing CuPy without its toolkit warns
@pytest.mark.skipif(bool(probe_driver().gpus), reason="this machine has a GPU")
def test_a_gpu_that_cupy_cannot_use_is_told(monkeypatch):
    """The driver shows a GPU, but CuPy is missing or fails on it: no traceback, and the reason is said."""
    report = DriverReport(gpus=("Test GPU",), cuda_version="13.0")
    monkeypatch.setattr("gpunet.backend.device.probe_driver", lambda: report)
    assert "Test GPU" in resolve_device("auto").note
    with pytest.raises(DeviceError, match="Test GPU"):
        resolve_device("cuda:0")
    with pytest.raises(DeviceError, match="must be one of the 1 GPUs here, got index 3"):
        resolve_device("cuda:3")


def test_work_on_a_stream_begins_when_that_of_the_stream_around_it_is_done(monkeypatch):
    """CuPy's streams in a double that writes down what happens to them, in the order in which it does."""
    events, current = [], ["default"]

    class Stream:
        def __init__(self, non_blocking):
            self.name = f"stream {sum(event.startswith('enter') for event in events)}"

        def __enter__(self):
            events.append(f"enter {self.name}")
            current.append(self.name)
            return self

        def __exit__(self, *_):
            current.pop()

        def synchronize(self):
            events.append(f"wait for {self.name}")

    def get_current_stream():
        return SimpleNamespace(synchronize=lambda: events.append(f"wait for {current[-1]}"))

    cuda = SimpleNamespace(Device=lambda index: nullcontext(), Stream=Stream, get_current_stream=get_current_stream)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, ndarray=type("ndarray", (), {})))
    with Device("cuda").activate(), Device("cuda").activate():
        events.append("work")
    assert events == [
        "wait for default", "enter stream 0", "wait for stream 0", "enter stream 1", "work",
        "wait for stream 1", "wait for stream 0",
    ]  # fmt: skip


def test_arena_repeats_its_addresses(device):
    arena = Arena(device)
    shapes = [((3, 5), "f4"), ((7,), "u2"), ((2000, 2000), "f4"), ((0, 4), "f8"), ((1,), "f8")]
    first = [arena.empty(*s) for s in shapes]
    held = arena.nbytes
    arena.rewind()
    assert all(arena.empty(*s) is f for s, f in zip(shapes, first))
    assert arena.nbytes == held


def test_arena_arrays_do_not_overlap(device):
    arena = Arena(device)
    arrays = [arena.empty((n, 3), "f4") for n in (1, 50, 7, 400_000, 2)]
    for number, array in enumerate(arrays):
        array.fill(number)
    assert all((device.get(array) == number).all() for number, array in enumerate(arrays))


def test_arena_takes_another_sequence_after_a_rewind(device):
    arena = Arena(device)
    arena.empty((10,), "f4")
    later = arena.empty((10,), "f4")
    arena.rewind()
    first, second = arena.empty((20,), "f4"), arena.empty((10,), "f4")
    first.fill(1)
    second.fill(2)
    assert later is not second
    assert device.get(first).sum() == 20


def test_ops_choose_by_the_library_of_the_first_argument():
    @op
    def name(x):
        return "reference"

    @name.override("cupy")
    def _(x):
        return "cupy"

    class ndarray:  # noqa: N801 - stands for CuPy's class of this name
        __module__ = "cupy"

    assert (name(np.zeros(1)), name(ndarray())) == ("reference", "cupy")
    assert array_module(np.zeros(1)) is np


def test_capture_runs_the_step_once_per_call_on_every_device(device):
    counter = device.zeros((1,), np.float64)

    def step(amount):
        nonlocal counter
        counter += amount

    run = capture(step, device)
    for _ in range(5):
        run(1)
    for _ in range(4):
        run(10)
    assert device.get(counter)[0] == 45


def test_capture_on_the_cpu_is_the_step_itself():
    assert capture(print, Device()) is print
