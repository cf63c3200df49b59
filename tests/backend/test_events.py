"""Events happen as often as they should, however rare, and alike for members, types and both ways of asking."""

import numpy as np
import pytest

from gpunet.backend import Arena, Context, Streams


def context(device, seeds=0, numerics=2, step=0):
    return Context(True, Arena(device), Streams(device, seeds, device.put([step], np.uint64)), numerics=numerics)


def share(probability, device, steps, numerics=2, kind=np.float32):
    """How many of a million events of each step happened."""
    total = 0
    for step in range(steps):
        ctx = context(device, numerics=numerics, step=step)
        total += int(device.get(ctx.events(device.put(np.full(1_000_000, probability), kind))).sum())
    return total / steps / 1e6


@pytest.mark.parametrize("probability", [1e-4, 1e-5, 5e-6, 1 - 1e-5])
def test_rare_events_happen_as_often_as_they_should(probability, device):
    steps = 10
    error = np.sqrt(probability * (1 - probability) / (steps * 1e6))
    assert share(probability, device, steps) == pytest.approx(probability, abs=4 * error)


def test_runs_of_older_rules_round_to_16_bits(device):
    assert share(7e-6, device, 3, numerics=1) == 0, "what is rarer than half a step never happened"
    assert share(7e-6, device, 3) > 0


def test_certain_events_are_certain(device):
    for numerics in (1, 2):
        p = device.put([0.0, 1.0] * 100_000, np.float32)
        assert device.get(context(device, numerics=numerics).events(p)).reshape(-1, 2).mean(axis=0).tolist() == [0, 1]


def test_a_tie_is_decided_by_bits_of_its_own(device):
    """All events tie: with a probability of (word + 1/2) / 65536 half of them happen."""
    ctx = context(device)
    bits = device.get(ctx.bits16((20_000,)))
    ctx.streams.rewind()
    happened = device.get(ctx.events(device.put((bits + 0.5) / 65536)))
    assert happened.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(20_000))
    assert abs(np.corrcoef(happened, bits)[0, 1]) < 0.03


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_each_member_has_the_events_of_its_seed_alone(kind, device):
    rng = np.random.default_rng(1)
    bits = device.get(context(device, [4, 5]).bits16((2, 3, 7)))
    p = (bits + rng.random((2, 3, 7))) / 65536  # ties everywhere
    together = device.get(context(device, [4, 5]).events(device.put(p, kind)))
    assert 0 < together.mean() < 1
    for member, seed in enumerate((4, 5)):
        alone = context(device, seed).events(device.put(p[member], kind))
        assert np.array_equal(together[member], device.get(alone))


@pytest.mark.parametrize("rate", [0.3, 1e-5, 0.999])
def test_one_probability_for_all_gives_the_events_of_each(rate, device):
    shape = (300_000,)
    dropped, said = context(device).dropped(shape, rate)
    assert said == rate
    assert np.array_equal(device.get(dropped), device.get(context(device).events(device.put(np.full(shape, rate)))) > 0)
