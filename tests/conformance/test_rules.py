"""Every exported optimizer rule."""

import itertools

import numpy as np
import pytest

from driving import CURVATURE, curved, drive, quadratic
from gpunet import optimizers
from gpunet.optimizers import (
    LARS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Nadam,
    Optimizer,
    RMSProp,
    Rule,
)
from gpunet.parameter import Parameters
from gpunet.testing import examples

RULES = [*examples(Rule, optimizers), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True)]
each = pytest.mark.parametrize("rule", RULES, ids=repr)


def network_gradient(flat):
    """Gradient of a network's mean squared error, by hand: 3 inputs, 4 tanh units, 2 outputs, 20 samples."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    first, second = flat[:12].reshape(3, 4), flat[12:].reshape(4, 2)
    hidden = np.tanh(x @ first)
    slope = 2 * (hidden @ second - target) / 20
    inner = (slope @ second.T) * (1 - hidden**2)
    return np.concatenate([(x.T @ inner).ravel(), (hidden.T @ slope).ravel()])


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


def literal_adagrad(w, gradient, eps_inside=False):
    s = 0
    while True:
        g = gradient(w)
        s = s + g * g
        w = w - 0.3 * g / (np.sqrt(s + 1e-2) if eps_inside else np.sqrt(s) + 1e-2)
        yield w


def literal_adadelta(w, gradient):
    s, u = 0, 0
    while True:
        g = gradient(w)
        s = 0.95 * s + 0.05 * g * g
        d = np.sqrt(u + 1e-4) / np.sqrt(s + 1e-4) * g
        u = 0.95 * u + 0.05 * d * d
        w = w - d
        yield w


def literal_rmsprop(w, gradient, momentum=0.0, centered=False, eps_inside=False, nesterov=False):
    """With Nesterov: the point, the look-ahead, the gradient there; what is yielded is the look-ahead."""
    s, m, v = 0, 0, 0
    while True:
        g = gradient(w - 0.01 * momentum * v) if nesterov else gradient(w)
        s = 0.9 * s + 0.1 * g * g
        m = 0.9 * m + 0.1 * g
        size = s - m * m if centered else s
        v = momentum * v + g / (np.sqrt(size + 1e-2) if eps_inside else np.sqrt(size) + 1e-2)
        w = w - 0.01 * v
        yield w - 0.01 * momentum * v if nesterov else w


def literal_adam(w, gradient, kind="adam", eps_inside=False):
    m, v, u, largest = 0, 0, 0, 0
    for t in itertools.count(1):
        g = gradient(w)
        m, v, u = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g, np.maximum(0.99 * u, np.abs(g))
        largest = np.maximum(largest, v)
        corrected = m / (1 - 0.9**t)
        if kind == "nadam":
            corrected = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
        size = v / (1 - 0.99**t)
        if kind == "adamax":
            step = corrected / (u + 1e-2)
        elif kind == "amsgrad":
            step = m / (np.sqrt(largest) + 1e-2)
        else:
            step = corrected / (np.sqrt(size + 1e-2) if eps_inside else np.sqrt(size) + 1e-2)
        w = w - 0.05 * step - (0.05 * 0.1 * w if kind == "adamw" else 0)
        yield w


def literal_lars(w, gradient, weight_decay=0.0):
    v = 0
    while True:
        g, size = gradient(w), np.linalg.norm(w)
        ratio = 0.02 * size / (np.linalg.norm(g) + weight_decay * size)
        v = 0.9 * v + 1.5 * ratio * (g + weight_decay * w)
        w = w - v
        yield w


ADAM = {"learning_rate": 0.05, "beta2": 0.99, "epsilon": 1e-2}  # epsilons large enough to be seen
RMS = {"learning_rate": 0.01, "epsilon": 1e-2}
LITERAL = [
    (Adagrad(0.3, epsilon=1e-2), literal_adagrad, {}),
    (Adagrad(0.3, epsilon=1e-2, eps_inside=True), literal_adagrad, {"eps_inside": True}),
    (Adadelta(epsilon=1e-4), literal_adadelta, {}),
    (RMSProp(**RMS), literal_rmsprop, {}),
    (RMSProp(**RMS, eps_inside=True), literal_rmsprop, {"eps_inside": True}),
    (RMSProp(**RMS, centered=True), literal_rmsprop, {"centered": True}),
    (RMSProp(**RMS, momentum=0.8), literal_rmsprop, {"momentum": 0.8}),
    (RMSProp(**RMS, momentum=0.8, nesterov=True), literal_rmsprop, {"momentum": 0.8, "nesterov": True}),
    (
        RMSProp(**RMS, momentum=0.8, nesterov=True, centered=True, eps_inside=True),
        literal_rmsprop,
        {"momentum": 0.8, "nesterov": True, "centered": True, "eps_inside": True},
    ),
    (Adam(**ADAM), literal_adam, {}),
    (Adam(**ADAM, eps_inside=True), literal_adam, {"eps_inside": True}),
    (AdamW(**ADAM, weight_decay=0.1), literal_adam, {"kind": "adamw"}),
    (Adamax(**ADAM), literal_adam, {"kind": "adamax"}),
    (Nadam(**ADAM), literal_adam, {"kind": "nadam"}),
    (AMSGrad(**ADAM), literal_adam, {"kind": "amsgrad"}),
    (LARS(1.5, trust=0.02), literal_lars, {}),
    (LARS(1.5, trust=0.02, weight_decay=0.1), literal_lars, {"weight_decay": 0.1}),
]


@pytest.mark.parametrize(("rule", "algorithm", "options"), LITERAL, ids=[repr(case[0]) for case in LITERAL])
@pytest.mark.parametrize(("gradient", "n"), [(curved, 5), (network_gradient, 20)])
def test_rules_are_their_literal_algorithms(rule, algorithm, options, gradient, n, device):
    path = drive(rule, device, gradient=gradient, n=n)
    for found, expected in zip(path[1:], algorithm(path[0], gradient, **options)):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_defaults_are_those_of_the_papers():
    assert (Adagrad().epsilon, RMSProp().decay, Adadelta().decay, Adadelta().learning_rate) == (1e-7, 0.9, 0.95, 1.0)
    assert (Adam().beta1, Adam().beta2, Adam().epsilon, Adamax().learning_rate) == (0.9, 0.999, 1e-8, 2e-3)
    assert not any(rule().eps_inside for rule in (Adam, AdamW, Nadam, AMSGrad, RMSProp, Adagrad))


@each
def test_a_weight_without_gradient_stays_finite_in_float32(rule, device):
    """Inputs that are always zero, and the padding between parameters, have gradients of exactly zero."""
    parameters = Parameters(quadratic(), 0, device)
    engine, cursor = Optimizer(rule, parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    for _ in range(3):
        parameters.zero_grad()
        parameters.finish_grad()
        assert device.get(engine.step(device.put(True)))
    assert np.isfinite(device.get(parameters.values)).all()


def test_adam_first_steps_by_hand(device):
    """With a constant gradient both corrected averages are exact, so each step is the rate, up to epsilon."""
    path = drive(Adam(0.1), device, steps=3, gradient=lambda w: np.full(5, -2.0))
    assert np.diff(path, axis=0) == pytest.approx(np.full((3, 5), 0.1), rel=1e-7)


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
