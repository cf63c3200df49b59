"""Parts beside each other: all are done, errors come out, and the threads of BLAS are as they were."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from gpunet.backend import Device, lanes, run_beside, threads_for
from gpunet.backend import threads_of_blas as measured_with
from gpunet.backend.lanes import _libraries
from runs import make_run


@pytest.fixture
def two_threads():
    """BLAS with two threads, whatever the tests were started with."""
    before = [library.num_threads for library in _libraries()]
    for library in _libraries():
        library.set_num_threads(2)
    yield
    for library, count in zip(_libraries(), before):
        library.set_num_threads(count)


def threads_of_blas():
    return [library.num_threads for library in _libraries()]


def test_numpy_has_a_library_that_is_found():
    assert len(_libraries()) > 0


@pytest.mark.usefixtures("two_threads")
def test_tasks_run_beside_each_other_with_one_thread_each():
    meeting, seen = threading.Barrier(2, timeout=20), []

    def task():
        meeting.wait()  # passed only where both run at once
        seen.append((threads_of_blas(), lanes()))

    assert lanes() == 2
    run_beside([task, task])
    assert seen == [([1] * len(_libraries()), 1)] * 2
    assert threads_of_blas() == [2] * len(_libraries())


@pytest.mark.usefixtures("two_threads")
def test_an_error_comes_out_when_all_are_done():
    done = []

    def fails():
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        run_beside([fails, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
    assert threads_of_blas() == [2] * len(_libraries())


@pytest.mark.usefixtures("two_threads")
def test_several_threads_that_train_leave_the_threads_of_blas_as_they_were():
    def trains():
        for _ in range(50):
            run_beside([lambda: None, lambda: None])

    trainers = [threading.Thread(target=trains) for _ in range(4)]
    for each in trainers:
        each.start()
    for each in trainers:
        each.join()
    assert threads_of_blas() == [2] * len(_libraries())


GRADIENTS = """
import sys, numpy as np
from gpunet.backend import Device
from gpunet.layers import Conv2D, Sequential, MaxPool2D
from gpunet.parameter import Parameters
from gpunet.testing import make_context
model = Sequential([Conv2D(16), Conv2D(16, stride=2, padding=1), Conv2D(groups="depthwise"), MaxPool2D(2)])
model.build((32, 32, 3))
parameters = Parameters(model, 0)
x = np.random.default_rng(0).normal(size=(32, 32, 32, 3)).astype("f4")
y, backward = model.forward(x, make_context(Device()))
dx = backward(np.ones_like(y))
sys.stdout.write(str([float(np.abs(a).astype("f8").sum()) for a in (y, dx, parameters.grads)]))
"""


def test_outputs_do_not_depend_on_how_many_run_at_once():
    found = set()
    for count in ("1", "2", "3"):
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
        done = subprocess.run(
            [sys.executable, "-c", GRADIENTS], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    outputs, inputs, sums = zip(*map(json.loads, found))
    assert len(set(outputs)) == len(set(inputs)) == 1
    assert sums == pytest.approx([sums[0]] * len(sums), rel=1e-6)  # threads of BLAS itself split the sums of biases


@pytest.mark.usefixtures("two_threads")
def test_small_products_and_short_work_have_one_thread_and_lanes_stay():
    for product, work, count in ((1e6, 1e12, 1), (1e8, 1e9, 1), (1e8, 1e12, 2)):
        with threads_for(product, work):
            assert threads_of_blas() == [count] * len(_libraries())
            assert lanes() == 2, "what runs beside each other is not affected"
            seen = []
            run_beside([lambda seen=seen: seen.append(lanes()) for _ in range(2)])
            assert seen == [1, 1]
            assert threads_of_blas() == [count] * len(_libraries())
        assert threads_of_blas() == [2] * len(_libraries())


@pytest.mark.parametrize("preset", ["digits", "mlp", "rbm"])
def test_a_small_training_has_the_same_bits_with_any_number_of_threads(preset):
    found = []
    for count in (1, 2):
        with measured_with(count):
            run = make_run(preset, Device(), **{"data.labels": 400} if preset == "mlp" else {})
            found.append(run.device.get(run.trainer.parameters.values))
    np.testing.assert_array_equal(*found)
