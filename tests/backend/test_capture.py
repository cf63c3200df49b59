"""What a captured step does with memory and errors, on a stand-in for CuPy."""

import gc

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import capture, pools, repeat
from gpunet.testing import HostReadError
from recording import RECORDED, STATE, Stream, recording

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


@pytest.fixture
def cuda(monkeypatch):
    monkeypatch.setattr(pools, "_left", [])
    with recording() as device:
        yield device


@pytest.mark.parametrize("value", [np.array(3.0), 3.0, np.float32(3), np.arange(3.0)])
def test_uploads_of_any_shape(cuda, value):
    assert np.array_equal(cuda.get(cuda.put(value)), value)
    array = cuda.zeros(np.shape(value), np.float64)
    cuda.copy_into(array, value)
    assert np.array_equal(cuda.get(array), value)


def test_a_replay_goes_on_where_the_last_one_ended(cuda):
    counter = cuda.zeros((1,), np.float64)

    def step(amount):
        nonlocal counter
        counter += amount

    run = capture(step, cuda)
    for _ in range(5):
        run(1)
    for _ in range(4):
        run(10)
    assert cuda.get(counter)[0] == 45


def test_steps_in_a_row_are_one_graph_once_the_step_is_one(cuda):
    counter, calls = cuda.zeros((1,), np.float64), []

    def step(amount):
        nonlocal counter
        calls.append(amount)
        counter += amount

    run = capture(step, cuda)
    repeat(run, 2, 1)
    assert not RECORDED  # eager ones alone so far
    repeat(run, 3, 1)
    assert [nodes.count for nodes in RECORDED] == [1]
    repeat(run, 3, 1)
    repeat(run, 3, 1)
    assert [nodes.count for nodes in RECORDED] == [1, 3]
    repeat(run, 2, 1)
    run(1)
    repeat(run, 4, 10)
    assert [nodes.count for nodes in RECORDED] == [1, 3, 2, 1]
    assert cuda.get(counter)[0] == 2 + 3 + 3 + 3 + 2 + 1 + 40
    assert len(calls) == 2 + 1 + 3 + 2 + 3  # eager, recorded, three times, twice; and of the other key
    assert len(STATE.pools) == 2  # one for each key


def test_a_captured_step_neither_reads_nor_uploads(cuda):
    array = cuda.zeros((2,), np.float64)
    for step in (
        lambda: cuda.get(array),
        lambda: cuda.copy_into(array, 1),
        lambda: cuda.put(1.0),
        lambda: float(array[0]),
    ):
        run = capture(step, cuda)
        with pytest.raises(HostReadError):
            for _ in range(3):
                run()
        STATE.capturing = False


def test_the_error_of_a_step_is_the_one_that_is_raised(cuda, monkeypatch):
    def end(self):
        STATE.capturing = False
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    monkeypatch.setattr(Stream, "end_capture", end)
    calls = []

    def step():
        calls.append(None)
        if len(calls) == 3:
            raise MemoryError("the step's own")

    run = capture(step, cuda)
    run(), run()
    with pytest.raises(MemoryError, match="the step's own"):
        run()
    assert not STATE.capturing


def test_an_end_that_fails_by_itself_is_raised(cuda, monkeypatch):
    def end(self):
        STATE.capturing = False
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    monkeypatch.setattr(Stream, "end_capture", end)
    run = capture(lambda: None, cuda)
    run(), run()
    with pytest.raises(RuntimeError, match="Invalidated"):
        run()


def test_each_graph_has_a_pool_of_its_own(cuda):
    """CuPy gives free blocks of a pool back when memory ends, while the graph of another key uses them."""
    run = capture(lambda key: None, cuda)
    made = len(STATE.pools)
    for key in (1, 2, 1, 1, 2, 2):
        run(key)
    assert len(STATE.pools) == made + 2
    assert not any(pool.freed for pool in STATE.pools)


def test_pools_of_steps_that_are_gone_are_given_back(cuda):
    array, run = cuda.zeros((1,), np.float64), capture(lambda: None, cuda)
    run()
    pool = STATE.pools[-1]
    cuda.release()
    assert not pool.freed
    in_use = [8]
    pool.total_bytes = lambda: in_use[0]
    del run
    gc.collect()
    assert not pool.freed  # until somebody asks for memory
    cuda.release()
    assert pool.freed == 1
    capture(lambda: None, cuda)
    assert pool.freed == 2  # what was still in use then
    in_use[0] = 0
    cuda.release()
    cuda.release()
    assert pool.freed == 3
    assert array is not None


def test_the_default_pool_is_emptied(cuda):
    cuda.release()
    assert cuda.xp.pool.freed == 1
