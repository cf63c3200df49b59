"""Compiled loops of the processor that end a step: bit by bit what array functions compute."""

import numpy as np
import pytest

from ending import AROUND, OWN, model, spoilers, trained
from gpunet import optimizers
from gpunet.backend import Device, loops_used
from gpunet.members import PerMember
from gpunet.optimizers import EMA, SGD, Adam, AdamW, Clipping, Optimization, RMSProp, Rule, coefficients
from gpunet.parameter import Parameter
from gpunet.testing import examples

pytest.importorskip("numba")
pytestmark = pytest.mark.timeout(600)  # compiling takes seconds, and longer on a busy machine
RULES = list(examples(Rule, optimizers))


def plain_model():
    """Without what only array functions know; more numbers than a piece of the loops, none a multiple of it."""
    made = model()
    made.weight = Parameter((43, 61), made.weight.initializer)
    made.bias = Parameter((61,), made.bias.initializer, role="bias")
    made.slow = Parameter((250, 3), made.slow.initializer, rate_factor=0.1)
    return made


def both(given, **options):
    with np.errstate(all="ignore"):
        with loops_used(False):
            wanted = trained(Device(), given, **options)
        with loops_used(True):
            found = trained(Device(), given, **options)
    return found, wanted


def same(given, **options):
    found, wanted = both(given, **options)
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        assert f.dtype == w.dtype
        assert f.tobytes() == w.tobytes()


@pytest.fixture
def used(monkeypatch):
    """How often the loops were run, and found all without a doubt."""
    from gpunet.optimizers.looping import Looped

    verdicts, run = [], Looped.run
    monkeypatch.setattr(Looped, "run", lambda self, optimizer: verdicts.append(run(self, optimizer)) or verdicts[-1])
    return verdicts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule)[:70])
def test_every_rule(rule, used):
    given = Optimization(rule) if rule.layerwise else Optimization(rule, l1=0.01, l2=0.1)
    same(given, make=plain_model, dtype=np.float32)
    same(Optimization(rule), dtype=np.float32, seeds=[1, 2, 3], make=plain_model)
    assert used == [True] * 8


def test_double_precision(used):
    for rule in (Adam(0.01), RMSProp(0.01, momentum=0.9, centered=True)):
        same(Optimization(rule, l1=0.01, l2=0.1), make=plain_model)
    assert used == [True] * 8


@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_a_rule(name):
    same(AROUND[name], weighted=True, dtype=np.float32)
    same(AROUND[name], weighted=True, make=plain_model, dtype=np.float32)


def test_members_with_numbers_of_their_own(used):
    same(OWN, seeds=[1, 2, 3], dtype=np.float32, make=plain_model)
    rule = RMSProp(PerMember([0.1, 0.01, 0.2]), momentum=PerMember([0.5, 0.0, 0.9]), centered=True)
    same(Optimization(rule, averaging=EMA(0.5)), seeds=[1, 2, 3], dtype=np.float32, make=plain_model)
    assert all(used)


def test_a_member_is_the_model_alone():
    """All learn from the same gradients, from weights of their own."""

    def weights(given, seeds):
        lead = np.ndim(seeds)

        def own(step, gradients, measures, counters, device):
            for name, drawn in gradients.items():
                shape = drawn.shape[lead:]
                gradients[name] = np.broadcast_to(np.cos(step + np.arange(np.prod(shape)).reshape(shape)), drawn.shape)

        with loops_used(True):
            return trained(Device(), given, seeds=seeds, dtype=np.float32, make=plain_model, spoil=own)[0]

    for given in (Optimization(Adam(0.01), l2=0.1), Optimization(AdamW(0.01), averaging=EMA(0.9))):
        together = weights(given, [4, 5])
        for member in range(2):
            assert together[member].tobytes() == weights(given, 4 + member).tobytes()


@pytest.mark.parametrize("spoil", spoilers(), ids=lambda spoil: spoil.__name__)
def test_members_that_fail_are_left_as_they_were(spoil):
    for given in (Optimization(SGD(0.1, momentum=0.5)), Optimization(Adam(0.1), clipping=Clipping(norm=1e7))):
        for make in (model, plain_model):
            same(given, seeds=[1, 2, 3], spoil=spoil, make=make, dtype=np.float32)


@pytest.mark.parametrize("size", [1e17, 1e18, 4e18, 1e19, 1.7e19, 1e20, 1e30])
def test_updates_near_the_largest_number_are_judged_as_by_array_functions(size, used):
    """Sums of squares that are finite, and that are not, and a limit that is passed and one that is not."""

    def huge(step, gradients, measures, counters, device):
        if step == 2:
            gradients["weight"][..., 3, 5] = size

    same(Optimization(SGD(1.0)), spoil=huge, make=plain_model, dtype=np.float32)
    for factor in (20, 40, 60, 80, 120):

        def large(step, gradients, measures, counters, device, factor=factor):
            if step == 2:
                gradients["machine"][...] = factor

        same(Optimization(SGD(1.0)), spoil=large, make=plain_model, dtype=np.float32)
    assert True in used
    assert False in used


def test_numbers_that_are_computed_ahead_are_those_of_each_update():
    for rule in RULES:
        for times in (3, 7):
            found, wanted = [], []
            for ahead, kept in ((64, found), (1, wanted)):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(coefficients, "AHEAD", ahead)
                    kept += trained(Device(), Optimization(rule), dtype=np.float32, make=plain_model, steps=times)
            assert [f.tobytes() for f in found] == [w.tobytes() for w in wanted]
