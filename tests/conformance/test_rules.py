"""Every exported optimizer rule, and the engine around them."""

from types import SimpleNamespace

import numpy as np
import pytest

from gpunet import optimizers
from gpunet.initializers import Normal
from gpunet.optimizers import SGD, Adam, Optimizer, Rule
from gpunet.parameter import Parameter, Parameters
from gpunet.schedules import Step
from gpunet.testing import examples

RULES = [*examples(Rule, optimizers), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True)]
each = pytest.mark.parametrize("rule", RULES, ids=repr)
CURVATURE = np.array([1.0, 0.1, 3.0, 10.0, 0.5])


def quadratic(n=5):
    """A model that is one parameter, to be driven by gradients from outside."""
    return SimpleNamespace(weight=Parameter((n,), Normal(1.0)))


def drive(rule, device, seeds=0, steps=50, l2=0.0, gradient=lambda w: CURVATURE * w):
    """Minimise a quadratic and return the trajectory, (steps + 1, [members,] n)."""
    parameters = Parameters(quadratic(), seeds, device, np.float64)
    engine, cursor = Optimizer(rule, parameters, l2), device.zeros((1,), np.int64)
    engine.plan(np.arange(steps) / 10, cursor)
    weight = parameters.named["weight"]
    path = [device.get(weight.value)]
    for _ in range(steps):
        parameters.zero_grad()
        weight.accumulate(None, lambda out: device.copy_into(out, gradient(device.get(weight.value))))
        engine.step(device.put(np.ones(parameters.members, bool)))
        cursor += 1
        path.append(device.get(weight.value))
    return np.array(path)


@each
def test_a_member_moves_as_it_does_alone(rule, device):
    together = drive(rule, device, [3, 4])
    for member, seed in enumerate((3, 4)):
        assert np.array_equal(together[:, member], drive(rule, device, seed))


@each
def test_descends(rule, device):
    path = drive(rule, device, steps=200)
    assert (CURVATURE * path[-1] ** 2).sum() < (CURVATURE * path[0] ** 2).sum()


def test_sgd_is_the_literal_algorithm(device):
    for momentum, dampening in ((0.0, 0.0), (0.9, 0.0), (0.9, 0.9)):
        path = drive(SGD(0.05, momentum, dampening), device)
        w, v = path[0], np.zeros(5)
        for found in path[1:]:
            v = momentum * v + (1 - dampening) * CURVATURE * w if momentum else CURVATURE * w
            w = w - 0.05 * v
            assert found == pytest.approx(w, rel=1e-12)


def test_nesterov_is_the_literal_two_point_algorithm(device):
    """Sutskever et al. (2013), eq. 3 and 4: the parameters hold the look-ahead point theta + mu v."""
    mu, rate = 0.9, 0.02
    path = drive(SGD(rate, mu, nesterov=True), device)
    theta, v = path[0], np.zeros(5)
    for found in path[1:]:
        v = mu * v - rate * CURVATURE * (theta + mu * v)
        theta = theta + v
        assert found == pytest.approx(theta + mu * v, rel=1e-12)


def test_adam_is_the_literal_algorithm(device):
    """Kingma, Ba (2015), algorithm 1, with an epsilon that is large enough to be seen."""
    path = drive(Adam(0.1, 0.9, 0.99, 1e-2), device)
    w, m, v = path[0], np.zeros(5), np.zeros(5)
    for t, found in enumerate(path[1:], 1):
        g = CURVATURE * w
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-2)
        assert found == pytest.approx(w, rel=1e-10)


def test_adam_first_steps_by_hand(device):
    """With a constant gradient both corrected averages are exact, so each step is the rate, up to epsilon."""
    path = drive(Adam(0.1), device, steps=3, gradient=lambda w: np.full(5, -2.0))
    assert np.diff(path, axis=0) == pytest.approx(np.full((3, 5), 0.1), rel=1e-7)


def test_schedule_is_followed_step_by_step(device):
    path = drive(SGD(Step(value=0.5, factor=0.1, every=1)), device, steps=20, gradient=lambda w: np.ones(5))
    assert -np.diff(path, axis=0)[:, 0] == pytest.approx([0.5] * 10 + [0.05] * 10)


def test_members_may_have_rates_of_their_own(device):
    path = drive(SGD([0.1, 0.2]), device, [1, 1])
    assert np.array_equal(path[:, 0], drive(SGD(0.1), device, 1))
    assert np.array_equal(path[:, 1], drive(SGD(0.2), device, 1))


def test_l2_shrinks_what_decays_and_nothing_else(device):
    model = SimpleNamespace(weight=Parameter((3,), Normal(1.0)), bias=Parameter((3,), Normal(1.0), role="bias"))
    parameters = Parameters(model, 0, device, np.float64)
    before = {name: device.get(p.value) for name, p in parameters.named.items()}
    engine, cursor = Optimizer(SGD(0.1), parameters, l2=0.5), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    parameters.zero_grad()
    parameters.finish_grad()
    engine.step(device.put(True))
    assert device.get(model.weight.value) == pytest.approx(before["weight"] * 0.95)
    assert np.array_equal(device.get(model.bias.value), before["bias"])


def test_rate_factor_and_running_statistics(device):
    model = SimpleNamespace(
        slow=Parameter((2,), rate_factor=0.1), fast=Parameter((2,)), seen=Parameter((2,), averaging=0.25)
    )
    parameters = Parameters(model, 0, device, np.float64)
    engine, cursor = Optimizer(SGD(1.0), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    for parameter in parameters.named.values():
        parameter.accumulate(None, lambda out: out.fill(8.0))
    engine.step(device.put(True))
    moved = {name: device.get(p.value).tolist() for name, p in parameters.named.items()}
    assert moved == {"slow": [-0.8, -0.8], "fast": [-8.0, -8.0], "seen": [2.0, 2.0]}


def one_step(rule, device):
    """A population of two, and a function that takes one step with a constant gradient."""
    parameters = Parameters(quadratic(), [1, 2], device, np.float64)
    engine, cursor = Optimizer(rule, parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)

    def step(allowed, value):
        parameters.zero_grad()
        parameters.named["weight"].accumulate(None, lambda out: out.fill(value))
        with np.errstate(all="ignore"):
            finite = device.get(engine.step(device.put(allowed))).tolist()
        return finite, [device.get(a) for a in (parameters.values, *engine.slots.values(), engine.updates)]

    return step


@each
def test_members_that_are_not_allowed_stay_bit_for_bit(rule, device):
    step = one_step(rule, device)
    _, before = step([True, True], 1.0)
    finite, after = step([True, False], 5.0)
    assert finite == [True, True]
    for old, new in zip(before, after):
        assert np.array_equal(old[1], new[1])
        assert not np.array_equal(old[0], new[0])


@each
def test_an_update_that_is_not_finite_is_not_applied(rule, device):
    step = one_step(rule, device)
    _, before = step([True, True], 1.0)
    finite, after = step([True, True], np.inf)
    assert finite == [False, False]
    assert np.array_equal(before[0], after[0])
