"""The kernels that end a step, run on the processor in several orders of blocks and threads, against NumPy."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS, DivergedBarrierError, OutOfBoundsError
from ending import AROUND, OWN, STEPS, spoilers, trained
from gpunet import optimizers
from gpunet.backend import Device
from gpunet.optimizers import SGD, Adam, Clipping, Optimization, Rule, tiles
from gpunet.testing import LOG, examples
from recording import nodes_of, recording

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]


def compare(given, order, tol=1e-11, **options):
    with np.errstate(all="ignore"):
        wanted = trained(Device(), given, **options)
    with recording(order) as device:
        found = trained(device, given, **options)
        launched = nodes_of(LOG)
    for f, w in zip(found, wanted):
        assert f.dtype == w.dtype
        np.testing.assert_allclose(f, w, rtol=tol, atol=tol)
    return launched


RULES = [(number, rule) for number, rule in enumerate(examples(Rule, optimizers))]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several tiles of each weight, as large ones have."""
    monkeypatch.setattr(tiles, "TILE", 600)


@pytest.mark.parametrize(("number", "rule"), RULES, ids=lambda value: repr(value)[:60])
def test_every_rule(number, rule):
    given = Optimization(rule) if rule.layerwise else Optimization(rule, l1=0.01, l2=0.1)
    launched = compare(given, ORDERS[number % 3])
    assert launched.others.total() == 0, launched
    assert launched.kernels.total() == 5 * (STEPS - 1)  # one of them for the weight whose length is bounded


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_a_rule(name, order):
    compare(AROUND[name], order, weighted=True)


@pytest.mark.parametrize("order", ORDERS)
def test_members_with_numbers_of_their_own(order):
    compare(OWN, order, seeds=[1, 2, 3])
    compare(OWN, order, seeds=[1, 2, 3], dtype=np.float32, tol=3e-5)


@pytest.mark.parametrize("name", AROUND)
def test_a_member_is_the_model_alone_bit_by_bit(name, monkeypatch):
    """Members with the same seed and gradients: what is drawn for all of them is drawn for one."""
    make = np.random.default_rng

    class Repeated:
        """Draws for one model, and the same for each member."""

        def __init__(self, seed):
            self.generator = make(seed)

        def random(self, shape):
            return self._same(self.generator.random, shape)

        def normal(self, size):
            return self._same(lambda shape: self.generator.normal(size=shape), size)

        def _same(self, draw, shape):
            lead = shape[:1] if shape[:1] == (3,) else ()
            return np.stack([draw(shape[1:])] * 3) if lead else draw(shape)

    monkeypatch.setattr(np.random, "default_rng", Repeated)
    with recording() as device:
        alone = trained(device, AROUND[name], seeds=9, dtype=np.float32)
        together = trained(device, AROUND[name], seeds=[9, 9, 9], dtype=np.float32)
    for one, several in zip(alone[:-7], together[:-7]):
        for member in range(3):
            assert several[member].tobytes() == one.tobytes()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("spoil", spoilers(), ids=lambda spoil: spoil.__name__)
def test_members_that_fail_are_left_as_they_were(spoil, order):
    for given in (Optimization(SGD(0.1, momentum=0.5)), Optimization(Adam(0.1), clipping=Clipping(norm=1e7))):
        compare(given, order, seeds=[1, 2, 3], spoil=spoil)


def test_gradients_that_single_precision_cannot_square():
    def huge(step, gradients, measures, counters, device):
        gradients["bias"][3] = 1e25

    compare(Optimization(SGD(0.1), clipping=Clipping(norm=1.0)), "forward", dtype=np.float32, tol=1e-5, spoil=huge)
    compare(Optimization(SGD(0.1)), "forward", dtype=np.float32, tol=1e-5, spoil=huge)

    def beyond(step, gradients, measures, counters, device):
        gradients["bias"][3] = 1e250

    compare(Optimization(SGD(0.1), clipping=Clipping(norm=1.0)), "forward", spoil=beyond)


def test_rules_that_the_kernels_do_not_know_are_left_to_array_functions():
    class Own(SGD):
        def update(self, g, slots, c, out, scratch):
            np.multiply(g, c.rate * 2, out=out)

    assert not compare(Optimization(Own(0.1)), "forward").kernels


FAULTS = {
    "index too far": (
        "i < tile.count; i += THREADS) {\n        T g = grads[base + i];",
        "i <= tile.count; i += THREADS) {\n        T g = grads[base + i];",
    ),
    "writes beside its tile": (
        "i < tile.count; i += THREADS) {\n            T w = values",
        "i <= tile.count; i += THREADS) {\n            T w = values",
    ),
    "no barrier in a sum": (
        "        __syncthreads();\n        if (threadIdx.x < half) sums", "        if (threadIdx.x < half) sums"
    ),
    "no barrier before a sum is taken": ("    __syncthreads();\n    return sums[0];", "    return sums[0];"),
    "a barrier for some threads": (
        "    squares[lane][across] = sum;\n    __syncthreads();",
        "    squares[lane][across] = sum;\n    if (inside) __syncthreads();",
    ),
    "a block reads what another one writes": (
        "may = allowed[member];", "may = failed[member] == NEVER && now[member] == (long long)clock[0];"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_caught(name):
    old, new = FAULTS[name]
    given, large = Optimization(SGD(0.1, momentum=0.5), l2=0.1), spoilers()[2]
    if name == "index too far":
        given = Optimization(given.rule, clipping=Clipping(norm=2.0))
    wanted = trained(Device(), given, seeds=[1, 2, 3], steps=2, spoil=large)

    def change(text):
        assert text.count(old), "the text has changed"
        return text.replace(old, new).replace("KERNELS(float, float)\n", "")

    for order in ORDERS:
        with recording(order) as device:
            device.xp.emulator.change = change
            try:
                found = trained(device, given, seeds=[1, 2, 3], steps=2, spoil=large)
            except (OutOfBoundsError, DivergedBarrierError):
                return
        if not all(np.allclose(f, w, rtol=1e-11, atol=1e-12) for f, w in zip(found, wanted)):
            return
    pytest.fail("no order of blocks and threads showed the fault")
