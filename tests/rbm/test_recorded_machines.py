"""Whole steps of machines with their CUDA kernels, run on the processor: they give what NumPy gives."""

import copy
from functools import partial

import numpy as np
import pytest

from emulation import COMPILER, ORDERS
from gpunet import rbm as room
from gpunet.backend import Arena, Context, Device, Streams
from gpunet.data import Feed, fit_preprocessing
from gpunet.members import PerMember
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ContrastiveDivergence,
    FastPersistent,
    Gaussian,
    NoisyReLU,
    Persistent,
    Softmax,
    Sparsity,
    Spin,
    Tempered,
    Units,
)
from gpunet.rbm.halves import Inputs, Side, drawn
from gpunet.rbm.joint import Joint
from gpunet.testing import examples, plain
from gpunet.training import Trainer
from recording import RECORDED, recording

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
VISIBLE, HIDDEN, ROWS = 70, 36, 9


def machine(*args, visible=Bernoulli, hidden=Bernoulli, **options):
    return lambda: ContrastiveDivergence(RBM(visible(VISIBLE), hidden(HIDDEN)), *args, **options)


CASES = {
    "from data": machine(1, binarise=True),
    "three steps": machine(3),
    "not centred": machine(2, center=False),
    "persistent": machine(2, chains=Persistent(count=5), binarise=True),
    "sparse": machine(1, sparsity=Sparsity(PerMember([0.1, 0.3]), 0.5), binarise=True),
    "means of visible units": machine(1, chains=Persistent(count=5, mean_field=True)),
    "fast": machine(1, chains=FastPersistent(count=5)),
    "tempered": machine(1, chains=Tempered(count=2, temperatures=3)),
    "tempered, two steps": machine(2, hidden=Spin, chains=Tempered(count=3, temperatures=4)),
}
FUSED = {"from data": 14, "three steps": 21, "persistent": 21, "sparse": 15, "means of visible units": 16,
         "tempered": 26, "tempered, two steps": 30}  # fmt: skip
# Each type of units, as many as are asked for.
UNITS = {
    "bits": Bernoulli,
    "spins": Spin,
    "binomial": partial(Binomial, trials=3),
    "categories": lambda n: Softmax(n, group=n // 2),
    "gaussian": Gaussian,
    "gaussian, variance learned": partial(Gaussian, learn_variance=True),
    "counts": NoisyReLU,
    "rectified": partial(NoisyReLU, sampler="rectified"),
    "beside a class": lambda n: Joint.of(Bernoulli(n - 4), Softmax(4, group=4)),
    "gaussian beside spins": lambda n: Joint.of(Gaussian(n - 3, learn_variance=True), Spin(3)),
}


def states_of(units, rng, rows=40):
    """Samples that the units can take."""
    if isinstance(units, Joint):
        return np.concatenate([states_of(part, rng, rows) for part in (units.first, units.second)], axis=1)
    if isinstance(units, Softmax):
        choices = rng.integers(0, units.group, (rows, units.n // units.group))
        return np.eye(units.group, dtype=np.float32)[choices].reshape(rows, units.n)
    if isinstance(units, Gaussian):
        return rng.normal(size=(rows, units.n)).astype(np.float32)
    return {Spin: 2, Binomial: 3, NoisyReLU: 4}.get(type(units), 1) * rng.random((rows, units.n), np.float32) - (
        type(units) is Spin
    )


def trained(device, make, seeds, weights=None, steps=4):
    members, objective = () if np.ndim(seeds) == 0 else (len(seeds),), make()
    x, y = states_of(objective.model.visible, np.random.default_rng(0)), np.zeros(40, np.int32)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), members, weights=weights)
    optimization = SGD(0.05, momentum=0.5)
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
        assert compare(CASES[name], order, seeds).count <= FUSED[name]


@pytest.mark.parametrize("name", list(CASES)[1:])
def test_every_way_to_learn(name):
    assert compare(CASES[name], "shuffled", [4, 5]).count <= FUSED.get(name, 1000)


@pytest.mark.parametrize("side", ["visible", "hidden"])
@pytest.mark.parametrize("name", UNITS)
def test_units_of_every_type_on_either_side(name, side):
    nodes = compare(machine(1, **{side: UNITS[name]}), "shuffled", [4, 5])
    assert nodes.count <= 13, nodes
    assert nodes.products == 4


def test_persistent_chains_of_other_units():
    nodes = compare(machine(2, Persistent(count=5), visible=UNITS["counts"], hidden=UNITS["spins"]), "backward", 4)
    assert nodes.count <= 20, nodes


@pytest.mark.parametrize("chains", [None, Persistent(count=5)], ids=["from data", "persistent"])
@pytest.mark.parametrize("alone", [False, True], ids=["all", "one sample"])
def test_samples_with_weights(chains, alone):
    """Where one sample alone has weight there are batches without any."""
    given = np.random.default_rng(1).random(40) * (np.arange(40) == 3 if alone else 1)
    make = machine(
        1, copy.copy(chains), visible=UNITS["gaussian, variance learned"], sparsity=Sparsity(0.1, 0.5), center=True
    )
    for seeds in (4, [4, 5]):
        assert compare(make, "forward", seeds, weights=given).count <= (14 if chains is None else 17)


def test_steps_of_each_member():
    compare(machine(PerMember([1, 2])), "backward", [4, 5])


def test_kernels_know_all_units():
    assert all(Side.of(units) for units in examples(Units, room))
    assert {type(make(8)) for make in UNITS.values()} >= {type(units) for units in examples(Units, room)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*UNITS, "many choices"])
def test_draws_are_those_of_the_host(name, dtype):
    """The same random numbers, in more than one block; where units take numbers of their own, members have theirs."""
    units = Softmax(600, group=300) if name == "many choices" else UNITS[name](130)
    rng, members, rows = np.random.default_rng(2), 2, 3 if name == "many choices" else 37
    x, bias = rng.normal(0, 3, (members, rows, units.n)), rng.normal(size=(members, units.n))
    found = []
    with recording("shuffled") as recorder:
        for device in (Device(), recorder):
            Parameters(units, [1, 2], device, dtype)
            if Side.of(units).variance is not None:
                device.copy_into(Side.of(units).variance.value, 0.3 * bias[:, : Side.of(units).first.units.n])
            streams = Streams(device, [7, 8], device.put(np.array([5], np.uint64)))
            ctx, lacking = Context(True, Arena(device), streams), device.put(bias, dtype)
            inputs = [Inputs(device.put(x, dtype), lacking) for _ in range(2)]
            first, means = inputs[0].drawn(units, ctx), inputs[1].expected(units, ctx)
            out = device.zeros((members, rows, units.n + 3), dtype)[..., 1:-2]
            second = drawn(inputs[0].x, units, ctx, out=out)
            found.append([np.array(plain(a)) for a in (first, means, second, inputs[0].x)] + [streams.site])
    (first, means, second, x, sites), wanted = found[1], found[0]
    whole = not any(isinstance(part.units, Gaussian | NoisyReLU) for part in Side.of(units).parts)
    near = {"rtol": 2e-5, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for f, w in ((first, wanted[0]), (second, wanted[2])):
        assert np.array_equal(f, w) if whole else np.allclose(f, w, **near)
    np.testing.assert_allclose(means, wanted[1], **near)
    np.testing.assert_allclose(x, wanted[3], rtol=1e-6)
    assert sites == wanted[4]
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", ["from data", "persistent", "not centred"])
def test_a_member_is_the_machine_alone_bit_by_bit(name):
    with recording() as device:
        together = trained(device, CASES[name], [4, 5, 6])
        alone = trained(device, CASES[name], 5)
    assert together[0][1].tobytes() == alone[0].tobytes()
    assert together[1][:, 1].tobytes() == alone[1][:, 0].tobytes()


FAULTS = {
    "no barrier behind the bits": (
        "from data", "words[4 * threadIdx.x + lane] = drawn[lane];\n    __syncthreads();",
    ),
    "no barrier in the statistics": ("from data", "    sums[3][lane][across] = model_squares;\n    __syncthreads();"),
    "an index too far": (
        "from data", "row < s.samples + s.chains; row += LANES", "row <= s.samples + s.chains; row += LANES"
    ),
    "another draw": ("from data", "i < SPAN && start + i < count", "i <= SPAN && start + i <= count"),
    "no barrier in the energy": ("from data", "        __syncthreads();\n        if (threadIdx.x < half)"),
    "a row of another member": (
        "from data", "biases<T>(slope + lag,", "biases<T>(slope + (member + 1) % 2 * stride,"
    ),
    "no barrier between trials": ("trials", "if (trial) __syncthreads();"),
    "no barrier among choices": ("choices", "    places[threadIdx.x] = place;\n    __syncthreads();"),
    "weights that are not summed yet": (
        "weighted", "    sums[lane][across] = sum;\n    __syncthreads();\n    sum = T(0);\n    for (int other = 0;"
    ),
    "the bias twice": ("trials", "column, !trial)", "column, true)"),
    "exchanges with the wrong pair": ("tempered", "rung % 2 == (int)(clock % 2)", "rung % 2 != (int)(clock % 2)"),
}  # fmt: skip
OTHERS = {
    "trials": machine(1, visible=UNITS["binomial"]),
    "choices": machine(1, visible=UNITS["categories"]),
    "weighted": machine(1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_caught(name):
    case, old, *new = FAULTS[name]
    new = new[0] if new else old.replace("__syncthreads();", "", 1)
    make, weights = (CASES | OTHERS)[case], np.random.default_rng(1).random(40) if case == "weighted" else None

    def change(text):
        if "free_energy" not in text:  # another text of the step
            return text
        assert text.count(old), "the text has changed"
        return text.replace(old, new).replace("KERNELS(double, double)\n", "")

    wanted = trained(Device(), make, [4, 5], weights, steps=2)
    for order in ORDERS:
        with recording(order) as device:
            device.xp.emulator.change = change
            try:
                found = trained(device, make, [4, 5], weights, steps=2)
            except AssertionError:  # of bounds or barriers
                return
        if not all(np.allclose(f, w, rtol=2e-4, atol=2e-5) for f, w in zip(found, wanted)):
            return
    pytest.fail("no order of blocks and threads showed the fault")
