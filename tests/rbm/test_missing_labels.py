"""A classifying machine of which some samples have no label: the class is summed out, exactly."""

import numpy as np
import pytest

import gpunet
from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import ConfigError
from gpunet.members import PerMember
from gpunet.parameter import Parameters
from gpunet.rbm import Bernoulli, Chains, ClassRBM, ContrastiveDivergence, HybridLearning, NoisyReLU, exact_log_z
from gpunet.testing import make_context, numeric_gradient

FEATURES, CLASSES = 4, 3
PLAIN = fit_preprocessing("none", np.zeros((1, 1)), 1.0)
X = np.array([[0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0], [0, 1, 0, 1]], np.float64)
Y = np.array([0, 1, 2, 1, 0, 2], np.int32)
ROWS = np.array([0, ~1, 2, ~3, ~4, 5])  # every second label is missing


class AllStates(Chains):
    """Every state of features and class, instead of samples."""

    def draw(self, rbm, data_input, k, ctx):
        bits = np.array([[b >> i & 1 for i in range(FEATURES)] for b in range(2**FEATURES)], np.float64)
        states = np.concatenate([np.hstack([bits, np.tile(label, (len(bits), 1))]) for label in np.eye(CLASSES)])
        v = ctx.arena.device.put(np.broadcast_to(states, (*rbm.weight.value.shape[:-2], *states.shape)).copy())
        self.rbm, self.inputs, self.ctx = rbm, rbm.hidden_input(v, ctx), ctx
        return v, self.inputs


class Exact(ContrastiveDivergence):
    """The mean over states by their probabilities."""

    def _model_share(self, share, states):
        log_p = -self.chains.rbm.free_energy_from(states, self.chains.inputs, self.chains.ctx)
        p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
        return p / p.sum(axis=-1, keepdims=True)


def mean(values, weights):
    return (values * weights).sum() / weights.sum()


@pytest.mark.parametrize("weights", [None, np.array([1, 2, 0.5, 1, 3, 1.0])], ids=["alike", "weighted"])
@pytest.mark.parametrize("hidden", [Bernoulli(3), NoisyReLU(3)], ids=["bernoulli", "noisy_relu"])
@pytest.mark.parametrize(("unlabelled", "entropy"), [(0.5, 0.0), (0.5, 0.4), (0.0, 0.4)])
def test_the_gradient_is_that_of_what_is_promised_with_half_of_the_labels_missing(
    unlabelled, entropy, hidden, weights, rng
):
    from gpunet.backend import Device

    device = Device()
    model = ClassRBM(Bernoulli(FEATURES), hidden, CLASSES)
    generation = Exact(model.joint, chains=AllStates(), center=False)
    objective = HybridLearning(model, generation, 0.7, 0.3, unlabelled=unlabelled, entropy=entropy)
    parameters = Parameters(model, 0, device, np.float64)
    feed = Feed(device, X, Y, PLAIN, np.dtype("f8"), rows=ROWS, weights=weights)
    objective.start_from(feed)
    parameters.values[...] = rng.normal(size=parameters.values.shape) * (0.2 if isinstance(hidden, NoisyReLU) else 1)
    feed.shuffle((0,), 0)
    ctx = make_context(device)
    x, target, weight = feed.batch(ctx, device.zeros((1,), np.int64), 6, 6)
    assert sorted(target.tolist()) == [-1, -1, -1, 0, 2, 2]
    x, target = x.copy(), target.copy()
    known, w = target >= 0, np.ones(6) if weight is None else weight.copy()

    def total():
        fresh = make_context(device)
        z, _ = model.forward(x, fresh)
        log_joint = z + (x @ model.joint.visible_bias.value[:FEATURES])[:, None]
        exact = exact_or_all(model, parameters)
        log_x = np.logaddexp.reduce(log_joint, axis=-1) - exact
        chosen = np.take_along_axis(log_joint, np.maximum(target, 0)[:, None], axis=-1)[:, 0]
        of_class = chosen - np.logaddexp.reduce(log_joint, axis=-1)
        log_p = log_joint - np.logaddexp.reduce(log_joint, axis=-1, keepdims=True)
        unsure = -(np.exp(log_p) * log_p).sum(axis=-1)
        of_known = 0.7 * mean(-of_class, w * known) + 0.3 * mean(exact - chosen, w * known)
        return of_known + unlabelled * mean(-log_x, w * ~known) + entropy * mean(unsure, w * ~known)

    parameters.zero_grad()
    objective.learn(x, target, None if weight is None else w, make_context(device, training=True))
    parameters.finish_grad()
    for name, parameter in parameters.named.items():
        if parameter.trainable:
            expected = numeric_gradient(total, parameter.value, device)
            assert parameter.grad == pytest.approx(expected, abs=2e-6), name


def exact_or_all(model, parameters):
    """log Z from all states of the features and the class, the hidden units summed out."""
    rbm, fresh = model.joint, make_context(parameters.device)
    states, _ = AllStates().draw(rbm, None, 1, fresh)
    log_p = -rbm.free_energy(states, fresh)
    if isinstance(model.hidden, Bernoulli):
        assert np.logaddexp.reduce(log_p) == pytest.approx(exact_log_z(rbm, parameters).value[0])
    return np.logaddexp.reduce(log_p)


def data(rng, n=240):
    """Two patterns with noise, one of each class."""
    y = rng.integers(0, 2, n)
    flipped = rng.random((n, 20)) < 0.3
    return np.abs(np.kron(np.eye(2), np.ones(10))[y] - flipped), y


def test_members_that_differ_in_the_weight_are_what_they_are_alone(rng):
    x, y = data(rng)
    ways = {"hidden": 8, "epochs": 2, "labels": 10, "batch_size": 20, "generative": 0.5}
    together = gpunet.train("classrbm", x, y, unlabelled=[0.2, 1.0], **ways)
    for member, weight in zip(together.members, (0.2, 1.0)):
        alone = gpunet.train("classrbm", x, y, unlabelled=weight, **ways)
        for name, array in alone.weights.items():
            assert (member.weights[name] == array).all(), name


@pytest.mark.parametrize("chains", ["from_data", "persistent"])
def test_samples_without_labels_help(chains):
    rng = np.random.default_rng(0)
    (x, y), (fresh_x, fresh_y) = data(rng, 400), data(rng, 2000)
    ways = {"hidden": 6, "labels": 4, "generative": 1.0, "chains": chains, "validation": 0, "monitor": "last"}
    alone = gpunet.train("classrbm", x, y, lr=0.01, batch_size=4, epochs=20, updates=20, **ways)
    together = gpunet.train("classrbm", x, y, lr=0.01, batch_size=20, epochs=40, unlabelled=1.0, **ways)
    assert alone.score(fresh_x, fresh_y) < 0.9
    assert together.score(fresh_x, fresh_y) > 0.95


def test_what_is_reported_is_of_the_samples_with_labels(rng):
    x, y = data(rng)
    net = gpunet.train("classrbm", x, y, hidden=8, epochs=1, labels=240 - 36 - 24, batch_size=20, unlabelled=1.0,
                       lr=1e-9, validation=36, generative=0, drop_last=False)  # fmt: skip
    z_loss = net.history["train_loss"][0]
    assert z_loss == pytest.approx(np.log(2), rel=0.02)


def test_a_weight_that_is_none_is_refused(rng):
    x, y = data(rng)
    with pytest.raises(ConfigError, match="unlabelled"):
        gpunet.train("classrbm", x, y, unlabelled=-1.0)
    assert PerMember([1.0, 2.0])
