"""A GPU that cannot be used, or is lost in the middle: one line, exit 5, and what was saved last is kept."""

import sys
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

import gpunet
import recording as stand_in
from emulation import COMPILER
from gpunet.api.training import failures_told
from gpunet.backend import Device, DriverReport, capture, lost, no_memory_for_graph, out_of_memory, resolve_device
from gpunet.backend import device as devices
from gpunet.checkpoint import read
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import DeviceError
from gpunet.experiment import Experiment
from gpunet.persistence import RunFolder
from gpunet.stages import Callbacks, begin, within_memory
from recording import Graph, Stream, recording
from shell import gpunet as command

GONE = [
    "cudaErrorIllegalAddress: an illegal memory access was encountered",
    "cudaErrorLaunchFailure: unspecified launch failure",
    "cudaErrorECCUncorrectable: uncorrectable ECC error encountered",
    "cudaErrorNoDevice: no CUDA-capable device is detected",
    "cudaErrorUnknown: unknown error",
    "CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure",
    "CUDA_ERROR_UNKNOWN: unknown error",
    "cuBLAS failed: 13",
]


@pytest.mark.parametrize("text", GONE)
def test_errors_of_a_device_that_is_gone_are_known(text):
    assert lost(RuntimeError(text)) == text
    assert not out_of_memory(RuntimeError(text))


@pytest.mark.parametrize("error", [
    RuntimeError("cudaErrorInvalidValue: invalid argument"), RuntimeError("cuBLAS failed: 7"), ValueError(GONE[0]),
    RuntimeError("cudaErrorMemoryAllocation: out of memory"), RuntimeError("cudaErrorUnknownNot: x"), MemoryError(),
])  # fmt: skip
def test_other_errors_are_not_taken_for_one(error):
    assert lost(error) == ""


def test_the_cause_of_an_error_counts():
    try:
        try:
            raise RuntimeError(GONE[0])
        except RuntimeError as error:
            raise ValueError("while numbers were read") from error
    except ValueError as error:
        assert lost(error) == GONE[0]


@contextmanager
def cuda_of_its_own(monkeypatch):
    """The few calls of CuPy that making a device the current one takes."""

    class Held(nullcontext):
        def synchronize(self):
            pass

        def __enter__(self):
            return self

    cuda = SimpleNamespace(Device=lambda index: Held(), Stream=lambda non_blocking: Held(), get_current_stream=Held)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, ndarray=type("ndarray", (), {})))
        yield


def test_work_on_a_device_that_is_gone_ends_with_its_name(monkeypatch):
    with cuda_of_its_own(monkeypatch):
        expected = r"device cuda:1: must work to the end, got cudaErrorIll"
        with pytest.raises(DeviceError, match=expected) as caught, Device("cuda", 1).activate():
            raise RuntimeError(GONE[0])
        assert caught.value.exit_code == 5
        assert str(caught.value.__cause__) == GONE[0]
        with pytest.raises(RuntimeError, match="a defect"), Device("cuda").activate():
            raise RuntimeError("a defect")


@pytest.fixture
def older_driver(monkeypatch):
    """A machine whose driver is older than CuPy's toolkit."""

    def refuse(*_):
        raise RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")

    cuda = SimpleNamespace(Device=lambda index: nullcontext(), runtime=SimpleNamespace(runtimeGetVersion=lambda: 13020))
    cupy = SimpleNamespace(cuda=cuda, zeros=refuse, ndarray=type("ndarray", (), {}))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: object())

    def has(version):
        report = DriverReport(gpus=("NVIDIA T4",), cuda_version=version)
        monkeypatch.setattr(devices, "probe_driver", lambda: report)

    return has


def test_a_driver_that_is_older_than_the_toolkit_is_told_with_what_helps(older_driver):
    older_driver("12.4")
    expected = (
        "device cuda: needs a CUDA GPU and CuPy, got the driver of NVIDIA T4 speaks CUDA 12.4, but CuPy was made for "
        "CUDA 13.2: update the driver, or pip install 'gpunet[cuda12]' instead. Use cpu, or run gpunet doctor."
    )
    with pytest.raises(DeviceError) as caught:
        resolve_device("cuda")
    assert str(caught.value) == expected
    assert caught.value.exit_code == 5
    chosen = resolve_device("auto")
    assert chosen.kind == "cpu"
    assert "the driver of NVIDIA T4 speaks CUDA 12.4, but CuPy was made for CUDA 13.2: update the driver" in chosen.note
    older_driver("11.8")  # for which there is no extra
    with pytest.raises(DeviceError, match=r"CUDA 13.2: update the driver\. Use cpu"):
        resolve_device("cuda")


needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


@needs_compiler
@pytest.mark.parametrize("when", ["end_capture", "upload"])
def test_memory_that_ends_at_the_graph_is_named(when, monkeypatch):
    def fail(*_, **__):
        stand_in.STATE.capturing = False
        raise RuntimeError("cudaErrorMemoryAllocation: out of memory")

    with recording() as device:
        run = capture(lambda: None, device)
        run(), run()
        monkeypatch.setattr(Stream if when == "end_capture" else Graph, when, fail)
        with pytest.raises(MemoryError, match="no memory for the graph of a step") as caught:
            run()
    assert no_memory_for_graph(caught.value)
    assert not no_memory_for_graph(MemoryError())


@needs_compiler
@pytest.mark.timeout(600)
def test_the_batch_whose_graph_fits_is_named(monkeypatch):
    """Graphs of steps of more than 30 samples do not fit."""
    end = Stream.end_capture

    def few(self):
        graph = end(self)
        if trained_on[0] > 30:
            raise RuntimeError("cudaErrorMemoryAllocation: out of memory")
        return graph

    trained_on = [0]
    from gpunet.training import Trainer

    plain = Trainer._step

    def step(self, rows, variant=None):
        trained_on[0] = rows
        plain(self, rows, variant)

    monkeypatch.setattr(Trainer, "_step", step)
    monkeypatch.setattr(Stream, "end_capture", few)
    config = load_config("linear", {"training.batch_size": 100}, {})
    dataset = load("digits")
    parts = split(dataset, validation=0, test=0, seed=0)
    with recording() as device:
        experiment = Experiment(config, dataset, parts, device)
        with pytest.raises(DeviceError) as caught:
            within_memory(lambda: begin(experiment), experiment)
    assert str(caught.value) == (
        f"batch_size: must fit into the memory of {device}, with model, data and the graph of a step, got 100. "
        "Set batch_size=25, which fits."
    )
    assert caught.value.exit_code == 5


class Epochs(Callbacks):
    """Calls something after an epoch."""

    def __init__(self, number, then):
        self.number, self.then = number, then

    def on_epoch(self, run, record):
        if record.epoch == self.number:
            self.then()


def lose(*_, **__):
    raise RuntimeError(GONE[1])


@needs_compiler
@pytest.mark.timeout(600)
def test_what_was_saved_last_outlives_the_device_and_goes_on(tmp_path, monkeypatch):
    config = load_config("linear", {"training.epochs": 3, "training.batch_size": 300}, {})
    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)

    def folder():
        return RunFolder.create(str(tmp_path / "run"), config)

    monkeypatch.setattr("gpunet.stages.saving.PAUSE", 0)  # so that each epoch is saved
    with recording() as device:
        # From then on nothing comes from the device any more, neither steps nor arrays.
        def then():
            monkeypatch.setattr(Graph, "launch", lose)
            monkeypatch.setattr(type(device), "get", lose)

        with pytest.raises(DeviceError) as caught, failures_told():
            begin(Experiment(config, dataset, parts, device), None, (), None, folder, Epochs(2, then))
    monkeypatch.undo()
    assert str(caught.value) == (
        f"device {device}: must work to the end, got {GONE[1]}. "
        f"Go on from what was saved last with gpunet.resume({str(tmp_path / 'run')!r}) in a new process."
    )
    assert caught.value.exit_code == 5
    saved = read(tmp_path / "run" / "last.h5")
    assert saved.attrs["epoch"] == 2
    assert gpunet.resume(tmp_path / "run", device="cpu", progress=False).history["epoch"].tolist() == [1, 2, 3]


def test_the_command_names_the_one_that_goes_on(tmp_path, monkeypatch):
    from gpunet.cli.options import program
    from gpunet.cli.terminal import told

    with pytest.raises(DeviceError) as caught, told():
        error = DeviceError("device cuda:0", "must work to the end", GONE[0], "Look")
        error.kept = tmp_path
        raise error
    assert str(caught.value).endswith(f"Go on from what was saved last with {program()} resume {tmp_path}.")
    with pytest.raises(DeviceError, match=r"got it\. Look\.$"), told():
        raise DeviceError("device cuda:0", "must work to the end", "it", "Look")


REFUSED = {
    "tf32": "needs a CUDA device of compute capability 8.0 for tf32, got cpu",
    "bfloat16": "must be one whose results on a GPU are known, got bfloat16",
}


@pytest.mark.parametrize("precision", REFUSED)
@pytest.mark.parametrize("words", [("train", "linear"), ("pretrain", "rbm")])
def test_a_precision_that_the_device_has_not_is_refused(precision, words, tmp_path):
    done = command(*words, f"precision={precision}", "--device", "cpu", cwd=tmp_path, check=False)
    assert done.returncode == 5
    said = f"gpunet: training.precision: {REFUSED[precision]}. Set training.precision=float32."
    assert done.stderr.splitlines()[-1] == said
    assert not list(tmp_path.iterdir())


def test_an_older_gpu_has_neither_short_format(monkeypatch):
    cuda = SimpleNamespace(Device=lambda index: SimpleNamespace(compute_capability="75"))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, ndarray=type("ndarray", (), {})))
    with pytest.raises(DeviceError, match=r"8.0 for tf32, got cuda:0 of capability 7.5. Set precision=float32"):
        Device("cuda").check_precision("tf32")
    for precision in ("float32", "float64"):
        Device("cuda").check_precision(precision)
    cuda.Device = lambda index: SimpleNamespace(compute_capability="90")
    Device("cuda").check_precision("tf32")
    with pytest.raises(DeviceError, match=r"got bfloat16\. Set precision=tf32"):
        Device("cuda").check_precision("bfloat16")
