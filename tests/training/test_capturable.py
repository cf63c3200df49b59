"""The training step can be captured: it reads nothing back, and all that changes lives in arrays."""

import inspect
import tracemalloc

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.layers import Dense, Dropout, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import EMA, Adam
from gpunet.testing import LOG, HostReadError, SelfCopyError, Traced, TracedDevice, plain
from gpunet.training import Trainer
from stepping import CASES, image_trainer, make_trainer, state


@pytest.mark.parametrize("case", CASES, ids=str)
def test_replaying_a_recorded_step_is_running_the_next_one(case):
    recorded, real = make_trainer(TracedDevice(), **case), make_trainer(Device(), **case)
    assert isinstance(recorded.parameters.values, Traced)
    LOG.clear()
    recorded.step(8)
    for _ in range(4):
        LOG.replay()
    for _ in range(5):
        real.step(8)
    for a, b in zip(state(recorded), state(real)):
        assert np.array_equal(a, b)
    assert int(plain(recorded.clock)[0]) == 5


def test_the_stand_in_catches_host_reads_and_python_numbers():
    """The test above can fail: each of these would break a capture."""
    device = TracedDevice()
    array = device.zeros((3,), np.float32)
    for read in (float, bool, lambda a: int(a[0:1]), lambda a: a.tolist(), device.get, lambda a: a[a > 0]):
        with pytest.raises(HostReadError):
            read(array)
    with pytest.raises(SelfCopyError):
        array[1:] += 1
    part = array[1:]
    part += 1
    part -= 1
    counter = 0
    LOG.clear()
    counter += 1
    array += counter
    LOG.replay()
    counter += 1
    assert plain(array)[0] == 2 != 1 + 2


def test_after_the_first_step_nothing_large_is_allocated():
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 784), np.float32), rng.integers(0, 10, 512).astype(np.int32)
    feed = Feed(Device(), x, y, fit_preprocessing("scale", x, 1.0), np.dtype(np.float32))
    model = Sequential([Dropout(0.2), Dense(512), ReLU(), Dropout(0.5), Dense(10)])
    objective = Supervised(model, CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=Adam(), seeds=0, feed=feed, batch_size=128, device=Device())
    trainer.begin_epoch(0, 4)
    trainer.step(128)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        trainer.step(128)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A batch is 400 kB and the parameters 1.6 MB; the largest thing made is a chunk of 32 KiB random words.
    assert peak - before < 64_000
    assert after - before < 8_000


@pytest.mark.filterwarnings("ignore")
def test_every_array_function_of_a_step_exists_in_cupy():
    cupy = pytest.importorskip("cupy", reason="needs the extra 'kernels'")
    LOG.clear()
    for case in [{"seeds": [1, 2]}, *CASES]:
        make_trainer(TracedDevice(), **case).step(8)
    image_trainer(TracedDevice(), [1, 2]).step(5)
    used = set()
    for function, _, kwargs, _ in LOG:
        owner = getattr(function, "__self__", None)
        name = owner.__name__ if isinstance(owner, np.ufunc) else function.__name__
        if function.__name__ == "reduce":
            name, kwargs = {"add": "sum", "maximum": "max", "minimum": "min"}[name], {}
        elif "subok" in kwargs:  # the division inside ndarray.mean
            name, kwargs = "mean", {}
        if name not in (
            "<lambda>",
            "draw_words",
            "draw_sample_words",
            "take_rows",
            "count_into",
            "decide",
            "move_together",
        ):
            used.add((name, tuple(sorted(kwargs))))
    assert len(used) > 10
    for name, keywords in used:
        found = getattr(cupy, name, None) or getattr(cupy.ndarray, name, None)
        assert found is not None, f"CuPy has no {name}"
        if isinstance(found, cupy.ufunc):
            assert set(keywords) <= {"out"}, f"CuPy's {name} has no {keywords}"
        elif inspect.isfunction(found):
            assert set(keywords) <= set(inspect.signature(found).parameters), f"{name}{keywords}"


def test_epochs_of_other_lengths_leave_the_memory_of_a_recorded_step_alone():
    trainer = make_trainer(Device(), averaging=EMA(0.9))
    places, keys = [], []
    for steps in (6, 1, 6):
        trainer.begin_epoch(0, steps)
        places.append((trainer.optimizer.table.ctypes.data, trainer.optimizer.shares.ctypes.data))
        keys.append(trainer.variant)
    assert places[0] == places[2] != places[1]
    assert keys[0] == keys[2] != keys[1]  # each length is a capture of its own


@pytest.mark.parametrize("seeds", [0, [5, 6]])
def test_replaying_a_recorded_step_on_images_is_running_the_next_one(seeds):
    recorded, real = image_trainer(TracedDevice(), seeds), image_trainer(Device(), seeds)
    LOG.clear()
    recorded.step(5)
    for _ in range(2):
        LOG.replay()
    for _ in range(3):
        real.step(5)
    for a, b in zip(state(recorded), state(real)):
        assert np.array_equal(a, b)
