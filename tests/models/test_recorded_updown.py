"""Contrastive wake-sleep with its CUDA kernels, run on the processor: it gives what NumPy gives."""

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.models import LabelledDBN, UpDown
from gpunet.optimizers import SGD
from gpunet.rbm import Bernoulli, Gaussian, Softmax
from gpunet.testing import plain
from gpunet.training import Trainer
from recording import RECORDED, recording

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
VISIBLE = {"bits": Bernoulli(35), "gaussian": Gaussian(35), "categories": Softmax(35, group=5)}


def trained(device, visible, seeds, weights=None, greedy=0):
    rng, members = np.random.default_rng(0), () if np.ndim(seeds) == 0 else (len(seeds),)
    x, y = rng.random((40, 35)).astype(np.float32), rng.integers(0, 3, 40).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), members, weights=weights)
    objective = UpDown(LabelledDBN(visible, (33, 12, 20), 3), greedy=greedy, binarise=True)
    trainer = Trainer(
        objective, optimization=SGD(0.2, momentum=0.5), seeds=seeds, feed=feed, batch_size=9, device=device
    )
    trainer.begin_epoch(0, 4)
    for _ in range(4):
        trainer.step(9, trainer.variant)
    return [np.array(plain(a)) for a in (trainer.parameters.values, trainer.totals, trainer.clock)]


@pytest.mark.parametrize("seeds", [3, [3, 4]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("visible", VISIBLE)
def test_steps_give_what_numpy_gives(visible, weighted, seeds):
    weights = np.random.default_rng(1).random(40) if weighted else None
    wanted = trained(Device(), VISIBLE[visible], seeds, weights)
    with recording("shuffled") as device:
        found = trained(device, VISIBLE[visible], seeds, weights)
        nodes = RECORDED[0]
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, rtol=2e-4, atol=2e-5)
    assert nodes.count <= 35, nodes
    assert nodes.products == 16


def test_the_top_machine_alone():
    """Layers that do not learn yet leave the end of the step to array functions."""
    with recording() as device:
        found = trained(device, VISIBLE["bits"], 3, greedy=2)
        assert (RECORDED[0].products, RECORDED[0].kernels.total()) == (6, 9), RECORDED[0]
    np.testing.assert_allclose(found[0], trained(Device(), VISIBLE["bits"], 3, greedy=2)[0], rtol=2e-4, atol=2e-5)


def test_a_member_is_the_network_alone_bit_by_bit():
    with recording() as device:
        together, alone = (trained(device, VISIBLE["bits"], seeds) for seeds in ([4, 5, 6], 5))
    assert together[0][1].tobytes() == alone[0].tobytes()


def test_an_error_that_counts_a_row_too_many_is_caught():
    old = "column < n && row < rows; row += LANES) {\n        T one"
    new = old.replace("row < rows", "row <= rows")

    def change(text):
        if "free_energy" not in text:
            return text
        assert text.count(old) == 1, "the text has changed"
        return text.replace(old, new).replace("KERNELS(double, double)\n", "")

    wanted = trained(Device(), VISIBLE["bits"], [4, 5])
    with recording() as device:
        device.xp.emulator.change = change
        try:
            found = trained(device, VISIBLE["bits"], [4, 5])
        except AssertionError:  # of bounds
            return
    assert not all(np.allclose(f, w, rtol=2e-4, atol=2e-5) for f, w in zip(found, wanted))
