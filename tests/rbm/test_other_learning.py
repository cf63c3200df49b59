"""Other ways to learn a machine: with classes, by denoising, with an output on top; against central differences."""

import itertools

import numpy as np
import pytest

from gpunet.errors import ConfigError
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ClassRBM,
    ContrastiveDivergence,
    Denoising,
    Gaussian,
    HybridLearning,
    SupervisedGreedy,
    WithOutput,
    exact_log_z,
    log_likelihood,
)
from gpunet.testing import check_gradients, compare, make_context, numeric_gradient

SEEDS = [0, [1, 2]]


def with_values(model, device, seeds=0, spread=0.7):
    parameters = Parameters(model, seeds, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape) * spread)
    return parameters


def check_objective(objective, parameters, x, target, device, skip=()):
    """The gradient that an objective accumulates is that of the mean of its first measure."""
    ctx = make_context(device, parameters.seeds if parameters.members else 0)

    def loss():
        ctx.arena.rewind()
        ctx.streams.rewind()
        parameters.zero_grad()
        return float(device.get(objective.learn(x, target, None, ctx)[0].mean(axis=-1).sum()))

    loss()
    parameters.finish_grad()
    found = {name: device.get(p.grad).copy() for name, p in parameters.named.items() if p.trainable}
    for name, gradient in found.items():
        if name not in skip:
            compare(name, gradient, numeric_gradient(loss, parameters.named[name].value, device), 1e-6)


@pytest.mark.parametrize("hidden", [Bernoulli(4), Binomial(4, 3), Gaussian(4)], ids=repr)
def test_logits_of_a_classifying_machine_have_the_gradient_they_say(hidden, device, rng):
    check_gradients(ClassRBM(Bernoulli(5), hidden, 3), rng.random((4, 5)), device=device)


def test_logits_of_members(device, rng):
    check_gradients(ClassRBM(Bernoulli(5), Bernoulli(4), 3), rng.random((2, 4, 5)), seeds=[1, 2], device=device)


def test_probabilities_of_classes_are_those_of_the_joint_machine(device):
    model = ClassRBM(Bernoulli(3), Bernoulli(2), 3)
    with_values(model, device, spread=1.5)
    ctx, x = make_context(device), np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    z = device.get(model.forward(device.put(x), ctx)[0])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    joint = np.stack(
        [
            -device.get(model.joint.free_energy(device.put(np.hstack([x, np.tile(row, (8, 1))])), ctx))
            for row in np.eye(3)
        ],
        axis=1,
    )
    literal = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    assert p == pytest.approx(literal)


def test_hybrid_learning_adds_both_gradients_with_their_weights(device, rng):
    """With long chains the sum is the exact gradient of the weighted sum of both losses."""
    model, n = ClassRBM(Bernoulli(3), Bernoulli(2), 2), 20_000
    parameters = with_values(model, device)
    x, y = rng.integers(0, 2, (8, 3)).astype(float), rng.integers(0, 2, 8)
    rows, ctx = device.put(np.hstack([x, np.eye(2)[y]])), make_context(device)
    objective = HybridLearning(model, ContrastiveDivergence(model.joint, k=40, center=False), 0.5, 2.0)

    def loss():
        ctx.arena.rewind()
        z = device.get(model.forward(device.put(x), ctx)[0])
        class_loss = -(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[np.arange(8), y].mean()
        joint = model.joint
        return 0.5 * class_loss - 2.0 * log_likelihood(joint, exact_log_z(joint, parameters), rows, ctx).mean()

    parameters.zero_grad()
    objective.learn(device.put(np.tile(x, (n // 8, 1))), device.put(np.tile(y, n // 8)), None, make_context(device))
    for name in ("joint/weight", "joint/visible_bias", "joint/hidden_bias"):
        expected = numeric_gradient(loss, parameters.named[name].value, device)
        assert np.abs(device.get(parameters.named[name].grad) - expected).max() < 0.06, name


def test_the_generative_weight_holds_for_all_that_the_joint_machine_learns(device, rng):
    x, y = device.put(rng.normal(size=(6, 3))), device.put(rng.integers(0, 2, 6))
    found = []
    for weight in (1.0, 0.01):
        model = ClassRBM(Gaussian(3, learn_variance=True), Bernoulli(2), 2)
        parameters = with_values(model, device)
        objective = HybridLearning(model, ContrastiveDivergence(model.joint), 0.0, weight)
        parameters.zero_grad()
        objective.learn(x, y, None, make_context(device))
        found.append({n: device.get(p.grad) / weight for n, p in parameters.named.items() if p.trainable})
    assert any(name.endswith("log_variance") for name in found[0])
    for name, gradient in found[0].items():
        assert found[1][name] == pytest.approx(gradient), name


def test_hidden_units_of_a_classifying_machine_learn_nothing_of_their_own():
    with pytest.raises(ConfigError, match="must not learn numbers of their own in a classifying machine, got gaussian"):
        ClassRBM(Bernoulli(3), Gaussian(2, learn_variance=True), 2)


def test_without_the_generative_part_learning_is_exact(device, rng):
    model = ClassRBM(Bernoulli(5), Bernoulli(4), 3)
    parameters = with_values(model, device)
    objective = HybridLearning(model, ContrastiveDivergence(model.joint), generative=0.0)
    x, y = device.put(rng.random((6, 5))), device.put(rng.integers(0, 3, 6))
    check_objective(objective, parameters, x, y, device)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("visible", [Bernoulli(5), Gaussian(5)], ids=repr)
def test_denoising_goes_back_through_both_uses_of_the_weight(visible, seeds, device, rng):
    parameters = with_values(rbm := RBM(visible, Bernoulli(4)), device, seeds)
    x = device.put(rng.random((*parameters.members, 6, 5)))
    check_objective(Denoising(rbm, corruption=0.3), parameters, x, None, device)


def test_denoising_corrupts_the_input_but_not_the_target(device):
    """A published mistake is to compare with what was corrupted: then nothing is learned about the rest."""
    rbm = RBM(Bernoulli(4), Bernoulli(2))
    with_values(rbm, device, spread=0.0)
    loss = Denoising(rbm, corruption=0.9).learn(device.put(np.ones((100, 4))), None, None, make_context(device))[0]
    assert device.get(loss) == pytest.approx(np.full(100, 4 * np.log(2)))
    bias = device.get(rbm.visible_bias.grad)
    assert bias == pytest.approx(np.full(4, -0.5)), "every target is 1, however little is seen"


@pytest.mark.parametrize("seeds", SEEDS)
def test_supervised_greedy_learns_the_layer_and_its_output(seeds, device, rng):
    model = WithOutput(RBM(Bernoulli(5), Bernoulli(4)), 3)
    parameters = with_values(model, device, seeds)
    x = device.put(rng.random((*parameters.members, 6, 5)))
    y = device.put(rng.integers(0, 3, (*parameters.members, 6)))
    check_objective(SupervisedGreedy(model), parameters, x, y, device)
