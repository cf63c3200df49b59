"""Whole steps with their CUDA kernels, run on the processor: they give what NumPy gives, in few nodes."""

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import Device
from recording import RECORDED, recording
from stepping import CASES, image_trainer, make_trainer, state

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
STEPS = 5  # two before the graph is recorded, and three of it


def stepped(make, device, steps=STEPS, rows=8):
    trainer = make(device)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            trainer.step(rows)
    return trainer


def test_count():
    for case in CASES[:2]:
        with recording(executing=False) as device:
            stepped(lambda d: make_trainer(d, **case), device, 3)
            print(RECORDED[0].count, RECORDED[0])
