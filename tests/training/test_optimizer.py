"""The engine around the rules: clipping, penalties, schedules, rates of members, parameters and units."""

from types import SimpleNamespace

import numpy as np
import pytest

from convolving import Convolution
from driving import CURVATURE, drive, quadratic
from gpunet.errors import ConfigError
from gpunet.initializers import Normal
from gpunet.layers import Dense
from gpunet.optimizers import EMA, LARS, SGD, AdamW, Clipping, Optimization, Optimizer
from gpunet.parameter import Parameter, Parameters
from gpunet.schedules import Step


def two_layers(bias=True):
    model = SimpleNamespace(
        first=Parameter((3, 2), Normal(1.0)), second=Parameter((4,), Normal(0.1)), seen=Parameter((2,), momentum=0.5)
    )
    if bias:
        model.bias = Parameter((2,), Normal(1.0), role="bias")
    return model


def step_once(model, rule, device, gradients, **options):
    """One step with given gradients; returns what was subtracted from each parameter."""
    parameters = Parameters(model, 0, device, np.float64)
    before = {name: device.get(p.value).copy() for name, p in parameters.named.items()}
    engine, cursor = Optimizer(Optimization(rule, **options), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    for name, gradient in gradients.items():
        parameters.named[name].accumulate(None, lambda out, g=gradient: device.copy_into(out, g))
    parameters.finish_grad()
    engine.step(device.put(True))
    return {name: before[name] - device.get(p.value) for name, p in parameters.named.items()}, before


def test_lars_scales_each_weight_by_its_own_length(device, rng):
    gradients = {"first": rng.normal(size=(3, 2)), "second": 100 * rng.normal(size=4), "bias": np.array([1.0, 2.0])}
    moved, before = step_once(two_layers(), LARS(2.0, trust=0.5), device, gradients)
    for name in ("first", "second"):
        ratio = 0.5 * np.linalg.norm(before[name]) / np.linalg.norm(gradients[name])
        assert moved[name] == pytest.approx(2.0 * ratio * gradients[name])
    assert moved["bias"] == pytest.approx(2.0 * gradients["bias"])


def test_lars_moves_a_weight_of_length_zero(device):
    model = SimpleNamespace(weight=Parameter((2,)))
    moved, _ = step_once(model, LARS(0.5), device, {"weight": np.array([1.0, -2.0])})
    assert moved["weight"] == pytest.approx([0.5, -1.0])


def test_lars_refuses_a_penalty_that_it_cannot_scale():
    with pytest.raises(ConfigError, match=r"^l2: must be 0 with LARS, .* Set l2=0 and"):
        Optimization(LARS(), l2=0.1)


def test_a_rule_alone_is_an_optimization_with_nothing_around_it(device):
    """And what stands around it changes the path."""
    plain = drive(SGD(0.05), device)
    parameters = Parameters(quadratic(), 0, device, np.float64)
    assert Optimizer(SGD(0.05), parameters).optimization == Optimization(SGD(0.05))
    for options in ({"l1": 0.1}, {"l2": 0.1}, {"clipping": Clipping(value=0.01)}):
        assert not np.array_equal(drive(SGD(0.05), device, **options), plain)
    assert np.array_equal(drive(SGD(0.05), device, averaging=EMA()), plain)
    with pytest.raises(ConfigError, match=r"Optimization\.l1: must be >= 0, got -1"):
        Optimization(SGD(0.05), l1=-1.0)


def test_decoupled_decay_spares_biases_and_adaptive_scaling(device):
    gradients = {"first": np.zeros((3, 2)), "bias": np.zeros(2)}
    moved, before = step_once(two_layers(), AdamW(0.1, weight_decay=0.5), device, gradients)
    assert moved["first"] == pytest.approx(0.05 * before["first"])
    assert not moved["bias"].any()


def test_clipping_by_value(device):
    gradients = {"first": np.full((3, 2), -7.0), "second": np.array([0.5, 1, 2, -2]), "seen": np.array([50.0, -50.0])}
    moved, _ = step_once(two_layers(False), SGD(1.0), device, gradients, clipping=Clipping(value=1.0))
    assert moved["first"] == pytest.approx(-np.ones((3, 2)))
    assert moved["second"] == pytest.approx([0.5, 1, 1, -1])
    assert moved["seen"].tolist() == [-25, 25], "an observation is no gradient"


def test_clipping_by_norm_keeps_the_direction_of_the_whole_gradient(device):
    gradients = {"first": np.full((3, 2), 2.0), "second": np.full(4, -1.0), "seen": np.array([1e6, 0.0])}
    length = np.sqrt(6 * 4 + 4)
    for bound, factor in ((1.0, 1 / length), (100.0, 1.0)):
        moved, _ = step_once(two_layers(False), SGD(1.0), device, gradients, clipping=Clipping(norm=bound))
        assert moved["first"] == pytest.approx(factor * gradients["first"])
        assert moved["second"] == pytest.approx(factor * gradients["second"])


def test_clipping_by_norm_is_for_each_member(device):
    """A member with a long gradient is not the reason why another is clipped."""
    rule, clipping = SGD(0.05), Clipping(norm=1.0)
    together = drive(rule, device, [3, 4], gradient=lambda w: w * CURVATURE, clipping=clipping)
    for member, seed in enumerate((3, 4)):
        path = drive(rule, device, seed, clipping=clipping)
        assert np.array_equal(together[:, member], path)
        w = path[0]
        for found in path[1:]:
            g = CURVATURE * w
            w = w - 0.05 * g * min(1, 1 / np.linalg.norm(g))
            assert found == pytest.approx(w, rel=1e-12)


def test_penalties_are_added_after_clipping(device):
    gradients = {"first": np.full((3, 2), 1e3)}
    options = {"clipping": Clipping(value=1.0), "l2": 0.5}
    moved, before = step_once(two_layers(False), SGD(1.0), device, gradients, **options)
    assert moved["first"] == pytest.approx(1 + 0.5 * before["first"])


def test_clipping_hides_no_failure(device):
    for clipping in (Clipping(norm=1.0), Clipping(value=1.0)):
        parameters = Parameters(quadratic(), 0, device)
        engine, cursor = Optimizer(Optimization(SGD(0.1), clipping=clipping), parameters), device.zeros((1,), np.int64)
        engine.plan(np.zeros(1), cursor)
        parameters.named["weight"].accumulate(None, lambda out: out.fill(np.nan))
        with np.errstate(invalid="ignore"):
            assert not device.get(engine.step(device.put(True)))
    with pytest.raises(ConfigError, match=r"Clipping\.norm: must be > 0"):
        Clipping(norm=0.0)


def test_schedule_is_followed_step_by_step(device):
    path = drive(SGD(Step(value=0.5, factor=0.1, every=1)), device, steps=20, gradient=lambda w: np.ones(5))
    assert -np.diff(path, axis=0)[:, 0] == pytest.approx([0.5] * 10 + [0.05] * 10)


def test_members_may_have_rates_of_their_own(device):
    path = drive(SGD([0.1, 0.2]), device, [1, 1])
    assert np.array_equal(path[:, 0], drive(SGD(0.1), device, 1))
    assert np.array_equal(path[:, 1], drive(SGD(0.2), device, 1))


def test_l2_shrinks_what_decays_and_was_reached_and_nothing_else(device):
    model = SimpleNamespace(
        weight=Parameter((3,), Normal(1.0)),
        bias=Parameter((3,), Normal(1.0), role="bias"),
        idle=Parameter((3,), Normal(1.0)),
    )
    zeros = {"weight": np.zeros(3), "bias": np.zeros(3)}
    moved, before = step_once(model, SGD(0.1), device, zeros, l2=0.5)
    assert moved["weight"] == pytest.approx(before["weight"] * 0.05)
    assert not moved["bias"].any()
    assert not moved["idle"].any()


def test_rate_factor_and_running_statistics(device):
    model = SimpleNamespace(
        slow=Parameter((2,), rate_factor=0.1), fast=Parameter((2,)), seen=Parameter((2,), momentum=0.25)
    )
    parameters = Parameters(model, 0, device, np.float64)
    engine, cursor = Optimizer(SGD(1.0), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    for parameter in parameters.named.values():
        parameter.accumulate(None, lambda out: out.fill(8.0))
    engine.step(device.put(True))
    moved = {name: device.get(p.value).tolist() for name, p in parameters.named.items()}
    assert moved == {"slow": [-0.8, -0.8], "fast": [-8.0, -8.0], "seen": [2.0, 2.0]}


def test_a_rate_for_each_unit_multiplies_its_step(device, rng):
    model = Dense(4, n_in=3, unit_rates=(1.0, 0.5, 0.0, 2.0))
    parameters = Parameters(model, 0, device, np.float64)
    before = {name: device.get(p.value).copy() for name, p in parameters.named.items()}
    engine, cursor = Optimizer(SGD(0.1), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    gradients = {"weight": rng.normal(size=(3, 4)), "bias": rng.normal(size=4)}
    for name, p in parameters.named.items():
        p.accumulate(None, lambda out, name=name: device.copy_into(out, gradients[name]))
    engine.step(device.put(True))
    for name, p in parameters.named.items():
        expected = before[name] - 0.1 * gradients[name] * [1, 0.5, 0, 2]
        assert device.get(p.value) == pytest.approx(expected)
    with pytest.raises(ConfigError, match="unit_rates: must be one for each of the 4 units, got 2"):
        Dense(4, n_in=3, unit_rates=(1.0, 1.0))


@pytest.mark.parametrize("seeds", [0, [1, 2]], ids=["one", "members"])
def test_the_weights_into_a_unit_of_a_kernel_are_bounded_and_rated_together(seeds, device, rng):
    model = Convolution(3, n_in=2, max_norm=1.5, unit_rates=(1.0, 0.5, 0.0))
    parameters = Parameters(model, seeds, device, np.float64)
    weight, before = model.weight, device.get(model.weight.value).copy()
    engine, cursor = Optimizer(SGD(1.0), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    gradient = rng.normal(size=before.shape)
    weight.accumulate(None, lambda out: device.copy_into(out, gradient))
    parameters.finish_grad()
    engine.step(device.put(np.ones(parameters.members, bool)))
    moved = before - gradient * [1, 0.5, 0]
    length = np.sqrt((moved**2).sum(axis=(-4, -3, -2), keepdims=True))
    assert (length > 1.5).any()
    assert device.get(weight.value) == pytest.approx(moved * np.minimum(1, 1.5 / length))
