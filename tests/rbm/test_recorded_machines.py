"""Whole steps of machines with their CUDA kernels, run on the processor: they give what NumPy gives."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS
from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.members import PerMember
from gpunet.optimizers import SGD
from gpunet.rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ContrastiveDivergence,
    FastPersistent,
    Gaussian,
    Persistent,
    Softmax,
    Sparsity,
    Tempered,
)
from gpunet.testing import plain
from gpunet.training import Trainer
from recording import RECORDED, recording

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
VISIBLE, HIDDEN, ROWS = 70, 37, 9


def machine(*args, visible=Bernoulli, hidden=Bernoulli, **options):
    return lambda: ContrastiveDivergence(RBM(visible(VISIBLE), hidden(HIDDEN)), *args, **options)


CASES = {
    "from data": machine(1, binarise=True),
    "three steps": machine(3),
    "not centred": machine(2, center=False),
    "persistent": machine(2, chains=Persistent(count=5), binarise=True),
    "sparse": machine(1, sparsity=Sparsity(), binarise=True),
    "means of visible units": machine(1, chains=Persistent(count=5, mean_field=True)),
    "fast": machine(1, chains=FastPersistent(count=5)),
    "tempered": machine(1, chains=Tempered(count=2, temperatures=3)),
    "gaussian": machine(1, visible=Gaussian),
    "binomial": machine(1, hidden=Binomial),
}


def trained(device, make, seeds, weights=None, steps=4):
    rng, members = np.random.default_rng(0), () if np.ndim(seeds) == 0 else (len(seeds),)
    x, y = rng.random((40, VISIBLE)).astype(np.float32), np.zeros(40, np.int32)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), members, weights=weights)
    objective, optimization = make(), SGD(0.05, momentum=0.5)
    trainer = Trainer(objective, optimization=optimization, seeds=seeds, feed=feed, batch_size=ROWS, device=device)
    trainer.begin_epoch(0, 4)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            trainer.step(ROWS, trainer.variant)
    arrays = (trainer.parameters.values, trainer.totals, trainer.clock, *trainer.objective.state().values())
    return [np.array(plain(a)) for a in arrays]


def compare(make, order, seeds, **options):
    wanted = trained(Device(), make, seeds, **options)
    with recording(order) as device:
        found = trained(device, make, seeds, **options)
        nodes = RECORDED[0]
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, rtol=2e-4, atol=2e-5)
    return nodes


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["from data", "persistent"])
def test_machines_of_bits(name, order):
    for seeds in (4, [4, 5]):
        nodes = compare(CASES[name], order, seeds)
        assert nodes.kernels["statistics_float"] == 1


@pytest.mark.parametrize("name", list(CASES)[1:])
def test_every_way_to_learn(name):
    compare(CASES[name], "shuffled", [4, 5])


def test_steps_of_each_member_and_weights_of_samples():
    compare(machine(PerMember([1, 2])), "backward", [4, 5])
    compare(machine(1, binarise=True), "backward", 4, weights=np.random.default_rng(1).random(40))


def test_softmax_units():
    def make():
        return ContrastiveDivergence(RBM(Bernoulli(VISIBLE), Softmax(36, group=4)))

    compare(make, "forward", 4)


@pytest.mark.parametrize("name", ["from data", "persistent", "not centred"])
def test_a_member_is_the_machine_alone_bit_by_bit(name):
    with recording() as device:
        together = trained(device, CASES[name], [4, 5, 6])
        alone = trained(device, CASES[name], 5)
    assert together[0][1].tobytes() == alone[0].tobytes()
    assert together[1][:, 1].tobytes() == alone[1][:, 0].tobytes()


FAULTS = {
    "no barrier behind the bits": ("words[4 * threadIdx.x + lane] = drawn[lane];\n    __syncthreads();", ""),
    "no barrier in the statistics": ("    sums[1][lane][across] = model_sum;\n    __syncthreads();", ""),
    "an index too far": ("row < samples + chains; row += LANES", "row <= samples + chains; row += LANES"),
    "another draw": ("i < SPAN && start + i < count", "i <= SPAN && start + i <= count"),
    "no barrier in the energy": (
        "        __syncthreads();\n        if (threadIdx.x < half)", "        if (threadIdx.x < half)"
    ),
    "a row of another member": ("w = slope + member * slope_stride", "w = slope + (member + 1) % 2 * slope_stride"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_caught(name):
    old, new = FAULTS[name]
    new = new or old.replace("    __syncthreads();", "")

    def change(text):
        if "free_energy" not in text:  # another text of the step
            return text
        assert text.count(old), "the text has changed"
        return text.replace(old, new).replace("KERNELS(double, double)\n", "")

    wanted = trained(Device(), CASES["from data"], [4, 5], steps=2)
    for order in ORDERS:
        with recording(order) as device:
            device.xp.emulator.change = change
            try:
                found = trained(device, CASES["from data"], [4, 5], steps=2)
            except AssertionError:  # of bounds or barriers
                return
        if not all(np.allclose(f, w, rtol=2e-4, atol=2e-5) for f, w in zip(found, wanted)):
            return
    pytest.fail("no order of blocks and threads showed the fault")
