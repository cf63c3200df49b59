"""Whole steps with their CUDA kernels, run on the processor: they give what NumPy gives, in few nodes."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS
from gpunet.backend import Device
from recording import RECORDED, recording
from stepping import CASES, image_trainer, make_trainer, state

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
STEPS = 4  # two before the graph is recorded, and two of it
# The true gradient of a bias before batch norm is 0: rules that divide by its size make steps of its rounding.
NOISE = ("001_dense/bias", "002_batch_norm/mean")


def stepped(make, device, rows=8):
    trainer = make(device)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            trainer.step(rows, trainer.variant)
    return trainer


def compare(make, order, rows=8, tol=2e-4):
    wanted = stepped(make, Device(), rows)
    with recording(order) as device:
        found = stepped(make, device, rows)
        nodes = RECORDED[0]
        for name in wanted.parameters.named:
            if name not in NOISE:
                f, w = (t.device.get(t.parameters.named[name].value) for t in (found, wanted))
                np.testing.assert_allclose(f, w, rtol=tol, atol=tol, err_msg=name)
        for f, w in zip(state(found)[-3:], state(wanted)[-3:]):  # sums, clock and failures
            np.testing.assert_allclose(f, w, rtol=tol)
    return nodes


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_captured_step_gives_what_numpy_gives(number):
    compare(lambda device: make_trainer(device, **CASES[number]), ORDERS[number % 3])


@pytest.mark.parametrize("seeds", [0, [5, 6]])
def test_a_captured_step_on_images(seeds):
    compare(lambda device: image_trainer(device, seeds), "shuffled", 5)
