"""The kernels that end a step, run on the processor in several orders of blocks and threads, against NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest

from emulation import COMPILER, ORDERS, DivergedBarrierError, OutOfBoundsError
from gpunet import optimizers
from gpunet.backend import Device
from gpunet.initializers import Normal
from gpunet.members import PerMember
from gpunet.optimizers import (
    EMA,
    LARS,
    NEVER,
    SGD,
    SWA,
    Adam,
    AdamW,
    Clipping,
    Counters,
    Optimization,
    Optimizer,
    Rule,
    end_step,
    tiles,
)
from gpunet.parameter import Parameter, Parameters
from gpunet.schedules import Step
from gpunet.testing import LOG, examples, plain
from recording import nodes_of, recording

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
STEPS, ROWS = 4, 37


def model():
    """Parameters of all kinds, of sizes that fill no block; one weight is longer than a tile of the tests."""
    return SimpleNamespace(
        weight=Parameter((43, 37), Normal(0.5), max_norm=2.0),
        bias=Parameter((37,), Normal(0.5), role="bias", unit_rates=[k / 18 for k in range(37)]),
        slow=Parameter((250, 3), Normal(0.5), rate_factor=0.1, unit_rates=[1.0, 0.5, 2.0]),
        machine=Parameter((5, 7), Normal(0.5), limit=100.0),
        other=Parameter((7, 5), Normal(0.5), limit=100.0),
        single=Parameter((1,), Normal(0.5), role="bias"),
        mean=Parameter((37,), Normal(0.5), role="running_mean", momentum=0.1),
    )


def trained(device, given, seeds=0, dtype=np.float64, spoil=None, steps=STEPS, make=model, weighted=False):
    """End some steps with random gradients and measures; gives everything that changes."""
    rng, lead = np.random.default_rng(0), () if np.ndim(seeds) == 0 else (len(seeds),)
    parameters = Parameters(make(), seeds, device, dtype)
    optimizer = Optimizer(given, parameters)
    members = max(1, *lead) if lead else 1
    counters = Counters(
        device.put(np.ones(members, bool)),
        device.put(np.full(members, NEVER)),
        device.zeros((3, members), np.float64),
        device.put([5], np.uint64),
        device.put([1], np.int64),
    )
    optimizer.plan(np.arange(STEPS + 1) / 3, counters.cursor)
    kept = []
    for step in range(steps):
        if step == 1:
            LOG.clear()  # of what was launched for the memory of all this
        parameters.zero_grad()
        measures = [rng.random((*lead, ROWS)).astype(dtype) for _ in range(2)]
        weight = rng.random(ROWS).astype(dtype) if weighted else None
        gradients = {name: rng.normal(size=p.value.shape) for name, p in parameters.named.items()}
        if spoil is not None:
            spoil(step, gradients, measures, counters, device)
        for name, p in parameters.named.items():
            p.accumulate(None, lambda out, gradient=gradients[name]: device.copy_into(out, gradient))
        measures = [device.put(measure) for measure in measures]
        placed = None if weight is None else device.put(weight)
        kept.append(end_step(parameters.grads, optimizer, counters, measures, placed, ROWS))
        kept[-1] = np.array(plain(kept[-1]))
    arrays = [parameters.values, *optimizer.slots.values(), optimizer.updates]
    arrays += [counters.failed, counters.totals, counters.clock, counters.cursor]
    return [np.array(plain(a)) for a in arrays] + kept


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


AROUND = {
    "clipping": Optimization(Adam(0.01), l2=0.1, clipping=Clipping(value=0.5, norm=2.0)),
    "clipping by norm": Optimization(LARS(0.1, weight_decay=0.1), clipping=Clipping(norm=2.0)),
    "average": Optimization(AdamW(Step(0.01, factor=0.5, every=1)), averaging=EMA(0.5)),
    "average of epochs": Optimization(SGD(0.1), averaging=SWA(start=1)),
}
OWN = Optimization(
    SGD(PerMember([0.1, 0.2, 0.3]), momentum=PerMember([0.0, 0.5, 0.9])), l1=PerMember([0.1, 0.0, 0.2]),
    l2=PerMember([0.0, 0.1, 0.2]), clipping=Clipping(PerMember([1.0, None, 0.5]), PerMember([None, 3.0, 1.0])),
    averaging=EMA(PerMember([0.9, 0.5, 0.1])),
)  # fmt: skip


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


def spoilers():
    def loss(step, gradients, measures, counters, device):
        if step == 1:
            measures[0][..., 1, 3] = np.nan

    def gradient(step, gradients, measures, counters, device):
        if step == 2:
            gradients["slow"][0, 3, 1] = np.inf

    def large(step, gradients, measures, counters, device):
        if step == 1:
            gradients["machine"][2] *= 1e6  # beyond the limits of these parameters
            gradients["other"][1] *= 1e6

    def inactive(step, gradients, measures, counters, device):
        if step == 1:
            device.copy_into(counters.active, [True, False, True])

    def everyone(step, gradients, measures, counters, device):
        if step == 1:
            measures[0][..., 0] = np.inf

    return [loss, gradient, large, inactive, everyone]


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
