"""What a run of the optimizer's length shows: plans of a population, rounding in float32, first steps by hand."""

import numpy as np
import pytest

from driving import drive, quadratic
from gpunet import optimizers
from gpunet.optimizers import EMA, SGD, SWA, Adam, AdamW, Nadam, Optimization, Optimizer, RMSProp, Rule
from gpunet.parameter import Parameters
from gpunet.schedules import (
    Cosine,
    CosineRestarts,
    Exponential,
    InverseRoot,
    InverseTime,
    Join,
    OneCycle,
    Piecewise,
    Ramp,
    Step,
    Triangular,
    WarmUp,
)
from gpunet.testing import examples

RULES = [*examples(Rule, optimizers), RMSProp(centered=True), RMSProp(centered=True, momentum=0.9)]


@pytest.mark.parametrize("rate", [0.1, [0.1, 0.3], Step(0.1, factor=0.5, every=1)], ids=str)
def test_each_member_moves_by_its_own_scaled_rate(rate, device):
    parameters = Parameters(quadratic(), [1, 2], device, np.float64)
    engine, cursor = Optimizer(SGD(rate), parameters), device.zeros((1,), np.int64)
    engine.rate_scale = np.array([1.0, 0.25])
    engine.plan(np.array([0.0, 1.0]), cursor)
    base = np.array([[0.1, 0.1], [0.1, 0.1]])
    if isinstance(rate, list):
        base = np.array([[0.1, 0.1], [0.3, 0.3]])
    elif isinstance(rate, Step):
        base = np.array([[0.1, 0.05], [0.1, 0.05]])
    expected = base * [[1.0], [0.25]]
    assert engine.current("learning_rate") == pytest.approx(expected[:, -1])
    for step in range(2):
        before = device.get(parameters.values).copy()
        parameters.zero_grad()
        parameters.named["weight"].accumulate(None, lambda out: out.fill(1.0))
        engine.step(device.put(np.ones(2, bool)))
        cursor += 1
        moved = (before - device.get(parameters.values))[:, :5]
        assert moved == pytest.approx(np.repeat(expected[:, step, None], 5, axis=1))


def test_a_scale_of_the_rate_leaves_other_numbers_alone(device):
    parameters = Parameters(quadratic(), [1, 2], device, np.float64)
    engine, cursor = Optimizer(AdamW([0.1, 0.2], beta1=0.8), parameters), device.zeros((1,), np.int64)
    engine.rate_scale = np.array([0.5, 1.0])
    engine.plan(np.zeros(1), cursor)
    assert engine.current("learning_rate") == pytest.approx([0.05, 0.2])
    assert engine.current("beta1") == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-3, 123.456, 1e-20])
def test_three_hundred_steps_of_a_constant_gradient_stay_finite_in_float32(rule, value, device):
    """Averages of equal numbers are equal up to rounding, so that a variance of them may come out below 0."""
    parameters = Parameters(quadratic(), 0, device)
    engine, cursor = Optimizer(rule, parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    for _ in range(300):
        parameters.zero_grad()
        parameters.named["weight"].accumulate(None, lambda out: out.fill(value))
        assert device.get(engine.step(device.put(True)))
    assert np.isfinite(device.get(parameters.values)).all()
    assert all(np.isfinite(device.get(slot)).all() for slot in engine.slots.values())


def test_the_first_step_of_adam_does_not_depend_on_the_size_of_the_gradient(device):
    """Bias correction: from the first step on the quotient is the sign; epsilon is added after the root."""
    for size in (1e-3, 1.0, 1e3):
        for rule in (Adam(0.1, epsilon=1e-12), AdamW(0.1, weight_decay=0.0, epsilon=1e-12)):
            path = drive(rule, device, steps=1, gradient=lambda w, size=size: np.full(5, size))
            assert path[0] - path[1] == pytest.approx(np.full(5, 0.1), rel=1e-6)
    path = drive(Adam(0.1, epsilon=2.0), device, steps=1, gradient=lambda w: np.full(5, 4.0))
    assert path[0] - path[1] == pytest.approx(np.full(5, 0.1 * 4 / 6))
    path = drive(Adam(0.1, epsilon=2.0, eps_inside=True), device, steps=1, gradient=lambda w: np.full(5, 4.0))
    assert path[0] - path[1] == pytest.approx(np.full(5, 0.1 * 4 / np.sqrt(18)))
    path = drive(RMSProp(0.1, decay=0.75, epsilon=2.0), device, steps=1, gradient=lambda w: np.full(5, 4.0))
    assert path[0] - path[1] == pytest.approx(np.full(5, 0.1 * 4 / 4))


def test_decoupled_decay_is_the_rate_times_the_weight_and_a_penalty_goes_through_the_rule(device):
    decoupled = drive(AdamW(0.1, weight_decay=0.5), device, steps=3, gradient=lambda w: np.zeros(5))
    assert decoupled[1:] == pytest.approx(decoupled[:-1] * 0.95)
    coupled = drive(Adam(0.1, epsilon=1e-12), device, steps=1, gradient=lambda w: np.zeros(5), l2=0.5)
    assert coupled[0] - coupled[1] == pytest.approx(0.1 * np.sign(coupled[0]), rel=1e-6)
    nadam = drive(Nadam(0.1, beta1=0.9, epsilon=1e-12), device, steps=1, gradient=lambda w: np.full(5, 2.0))
    assert nadam[0] - nadam[1] == pytest.approx(np.full(5, 0.1 * (0.9 * 0.1 / (1 - 0.81) + 1)), rel=1e-6)


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.3), (0.3, 0.2)])
def test_penalties_are_their_values_and_their_gradients(l1, l2, device):
    parameters = Parameters(quadratic(), [1, 2], device, np.float64)
    engine, cursor = Optimizer(Optimization(SGD(0.1), l1=l1, l2=l2), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    w = device.get(parameters.named["weight"].value).copy()
    w[:, 0] = 0
    device.copy_into(parameters.named["weight"].value, w)
    expected = l1 * np.abs(w).sum(axis=1) + l2 / 2 * (w * w).sum(axis=1)
    assert device.get(engine.penalty()) == pytest.approx(expected)
    parameters.named["weight"].accumulate(None, lambda out: out.fill(0))
    engine.step(device.put(np.ones(2, bool)))
    after = device.get(parameters.named["weight"].value)
    assert after == pytest.approx(w - 0.1 * (l1 * np.sign(w) + l2 * w))


def test_shares_of_averages_by_hand():
    times = 2 + np.arange(4) / 4  # the third epoch, of four steps
    decay = EMA(0.9).shares(times)
    assert decay == pytest.approx([0.1 / (1 - 0.9**n) for n in (9, 10, 11, 12)])
    assert EMA(0.9).shares(np.arange(4) / 4)[0] == pytest.approx(1)
    for start, last in ((1, 1 / 3), (2, 1 / 2), (3, 1), (4, 1), (9, 1)):
        assert SWA(start).shares(times) == pytest.approx([0, 0, 0, last])


BEFORE = np.nextafter(3.0, 0)


@pytest.mark.parametrize(
    ("schedule", "times", "expected"),
    [
        (Step(1.0, factor=0.1, every=3), [0, BEFORE, 3, 6], [1, 1, 0.1, 0.01]),
        (Piecewise([3.0, 2.0, 1.0], [3, 6]), [0, BEFORE, 3, 6, 100], [3, 3, 2, 1, 1]),
        (Exponential(2.0, 0.5), [0, 1, 3], [2, 1, 0.25]),
        (InverseRoot(2.0), [0, 3, 8], [2, 1, 2 / 3]),
        (InverseTime(2.0, 0.5), [0, 2, 6], [2, 1, 0.5]),
        (Ramp(1.0, 4.0, 3), [0, 1, 3, 5], [1, 2, 4, 4]),
        (Cosine(1.0, epochs=4, stop=0.2), [0, 1, 2, 4], [1, 0.6 + 0.4 * 2**-0.5, 0.6, 0.2]),
        (CosineRestarts(1.0, lowest=0.2, period=3), [0, 1.5, 3, 4.5, 6], [1, 0.6, 1, 0.6, 1]),
        (Triangular(1.0, 3.0, period=6), [0, 1.5, 3, 4.5, 6], [1, 2, 3, 2, 1]),
        (WarmUp(Step(1.0, factor=0.1, every=3), epochs=3), [0, 1.5, 3, 6], [0.1, 0.55, 0.1, 0.01]),
        (WarmUp(Exponential(1.0, 0.5), epochs=2, start=0.5), [0, 1, 2], [0.5, 0.375, 0.25]),
        (Join([Ramp(0.0, 3.0, 3), Exponential(8.0, 0.5)], [3]), [0, 1, BEFORE, 3, 4], [0, 1, 3, 8, 4]),
        (OneCycle(1.0, epochs=10, rise=0.3, start=0.1, stop=0.0), [0, 3, 6, 8, 10], [0.1, 1, 0.1, 0.05, 0]),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)
def test_schedules_at_their_edges(schedule, times, expected):
    assert schedule(np.array(times, float)) == pytest.approx(expected, abs=1e-9)
