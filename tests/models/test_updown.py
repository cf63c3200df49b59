"""Contrastive wake-sleep against the algorithm of the paper, written out."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import Feed, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.inspection.sampling import Sampler
from gpunet.models import LabelledDBN, UpDown
from gpunet.optimizers import SGD, AdamW, Optimization
from gpunet.parameter import Parameters
from gpunet.persistence import graft, snapshot
from gpunet.rbm import Bernoulli, Gaussian
from gpunet.testing import LOG, TracedDevice, check_gradients, make_context, plain
from gpunet.training import Trainer

SEEDS = [0, [1, 2]]


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def make(device, seeds=0, spread=1.0, greedy=0):
    model = LabelledDBN(Bernoulli(5), (4, 3, 6), 3)
    parameters = Parameters(model, seeds, device, np.float64)
    values = np.random.default_rng(4).normal(size=parameters.values.shape) * spread
    device.copy_into(parameters.values, values)
    return model, parameters, UpDown(model, greedy=greedy)


def certain(x):
    """A state drawn with a total input so large that nothing is left to chance."""
    assert (abs(x) > 15).all(), "the test needs other numbers"
    return (x > 0).astype(float)


def literal(model, host, v, labels):
    """Appendix B of Hinton, Osindero, Teh (2006), with k = 1 and states that are certain: gradients by parameter."""
    (up1, up2), (down1, down2) = model.ups, model.downs
    n = len(v)
    h1 = certain(v @ host(up1.weight) + host(up1.bias))
    h2 = certain(h1 @ host(up2.weight) + host(up2.bias))
    joint = model.top.joint
    w, b, c = host(joint.weight), host(joint.visible_bias), host(joint.hidden_bias)
    data = np.concatenate([h2, np.eye(3)[labels]], axis=1)
    top = certain(data @ w + c)
    back = top @ w.T + b
    dream = certain(back[:, :3])
    best = back[:, 3:].argsort(axis=1)
    assert (np.take_along_axis(back[:, 3:], best, 1)[:, -2:] @ [-1, 1] > 15).all()
    model_states = np.concatenate([dream, np.eye(3)[best[:, -1]]], axis=1)
    top_model = certain(model_states @ w + c)
    gradients = {
        joint.weight: (model_states.T @ top_model - data.T @ top) / n,
        joint.visible_bias: (model_states - data).mean(axis=0),
        joint.hidden_bias: (top_model - top).mean(axis=0),
    }
    # Awake: what lies below is predicted from above.
    for down, above, below in ((down1, h1, v), (down2, h2, h1)):
        error = sigmoid(above @ host(down.weight) + host(down.bias)) - below
        gradients |= {down.weight: above.T @ error / n, down.bias: error.mean(axis=0)}
    # Asleep: what lies above is predicted from below; the features enter as means.
    sleep1 = certain(dream @ host(down2.weight) + host(down2.bias))
    sleep0 = sigmoid(sleep1 @ host(down1.weight) + host(down1.bias))
    for up, below, above in ((up1, sleep0, sleep1), (up2, sleep1, dream)):
        error = sigmoid(below @ host(up.weight) + host(up.bias)) - above
        gradients |= {up.weight: below.T @ error / n, up.bias: error.mean(axis=0)}
    return gradients


@pytest.mark.parametrize("seeds", SEEDS)
def test_one_update_is_the_one_of_the_paper(seeds, device):
    model, parameters, objective = make(device, seeds, spread=1e5)
    objective.top.center = False
    rng = np.random.default_rng(1)
    v, labels = rng.integers(0, 2, (7, 5)).astype(float), rng.integers(0, 3, 7)
    members = parameters.members
    objective.start(device, members, np.float64)
    objective.begin_epoch(0)
    batch = (np.broadcast_to(a, (*members, *a.shape)).copy() for a in (v, labels))
    objective.learn(*(device.put(a) for a in batch), None, make_context(device, seeds))
    parameters.finish_grad()
    for member in range(2 if members else 1):
        chosen = (member,) if members else ()
        expected = literal(model, lambda p: device.get(p.value)[chosen], v, labels)  # noqa: B023 - called at once
        for parameter, gradient in expected.items():
            assert device.get(parameter.grad)[chosen] == pytest.approx(gradient, abs=1e-9)


def test_at_first_the_top_machine_learns_alone(device, rng):
    model, parameters, objective = make(device, greedy=2)
    objective.start(device, (), np.float64)
    lower = [p for layer in (*model.ups, *model.downs) for p in (layer.weight, layer.bias)]
    x, labels = device.put(rng.random((6, 5))), device.put(rng.integers(0, 3, 6))
    for epoch, expected in ((0, False), (1, False), (2, True)):
        key = objective.begin_epoch(epoch)
        parameters.zero_grad()
        objective.learn(x, labels, None, make_context(device))
        parameters.finish_grad()
        assert any(np.abs(device.get(p.grad)).max() > 0 for p in lower) == expected
        assert np.abs(device.get(model.top.joint.weight.grad)).max() > 0
        assert key == (expected, 1)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("greedy", [0, 1])
def test_an_update_can_be_captured(greedy, seeds, rng):
    x, y = rng.integers(0, 256, (40, 5)).astype(np.uint8), rng.integers(0, 3, 40).astype(np.int32)
    trainers = []
    for device in (TracedDevice(), Device()):
        members = () if np.ndim(seeds) == 0 else (len(seeds),)
        feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), members)
        objective = UpDown(LabelledDBN(Bernoulli(5), (4, 3, 6), 3), k=2, greedy=greedy, binarise=True)
        trainers.append(
            Trainer(objective, optimization=SGD(0.1, momentum=0.5), seeds=seeds, feed=feed, batch_size=8, device=device)
        )
        trainers[-1].begin_epoch(0, 5)
    recorded, real = trainers
    LOG.clear()
    recorded.step(8)
    LOG.replay()
    LOG.replay()
    for _ in range(3):
        real.step(8)
    assert np.array_equal(plain(recorded.parameters.values), real.parameters.values)


@pytest.mark.parametrize("visible", [Bernoulli(5), Gaussian(5)], ids=repr)
def test_logits_have_the_gradient_they_say(visible, device, rng):
    check_gradients(LabelledDBN(visible, (4, 3, 6), 3), rng.normal(size=(2, 5)), device=device)


def test_logits_are_the_posterior_of_the_top_machine(device, rng):
    model, _, _ = make(device)
    x = rng.random((4, 5))
    ctx = make_context(device)
    logits = device.get(model.forward(device.put(x), ctx)[0])
    h = x
    for up in model.ups:
        h = sigmoid(h @ device.get(up.weight.value) + device.get(up.bias.value))
    joint = [
        -device.get(model.top.joint.free_energy(device.put(np.concatenate([h, np.tile(c, (4, 1))], axis=1)), ctx))
        for c in np.eye(3)
    ]
    log_joint = np.stack(joint, axis=1)
    shift = (logits - log_joint)[:, :1]
    assert logits - shift == pytest.approx(log_joint)


@pytest.fixture(scope="module")
def trained():
    config = load_config("updown", {"model.hidden": [60, 120], "training.batch_size": 10, "model.greedy": 8}, {})
    dataset = load("digits")
    run = Run(Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), Device()))
    run.train()
    return run


def test_it_learns_to_classify_and_dreams_of_the_class_it_is_given(trained):
    assert trained.test_scores["accuracy"][0] > 0.9
    model, device = trained.objective.model, trained.device
    labels = np.arange(100) % 10
    sampler = Sampler(model, trained.trainer.parameters, 100, labels=labels)
    sampler.run(50)
    dreams = sampler.data()
    seen = device.get(model.forward(device.put(dreams), make_context(device))[0]).argmax(axis=-1)
    assert (seen == labels).mean() > 0.5
    # And in the data those classes look like the dreams.
    x = trained.dataset.x.reshape(-1, 64) / 16
    nearest = [trained.dataset.y[((x - dream) ** 2).sum(axis=1).argmin()] for dream in dreams]
    assert (np.array(nearest) == labels).mean() > 0.4


def test_what_learns_later_does_not_decay_meanwhile(rng):
    x, y = rng.integers(0, 256, (40, 5)).astype(np.uint8), rng.integers(0, 3, 40).astype(np.int32)
    device = Device()
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), ())
    model = LabelledDBN(Bernoulli(5), (4, 3, 6), 3)
    optimization = Optimization(AdamW(0.1, weight_decay=0.5), l2=0.5)
    trainer = Trainer(
        UpDown(model, greedy=1), optimization=optimization, seeds=0, feed=feed, batch_size=8, device=device
    )
    lower = [layer.weight for layer in (*model.ups, *model.downs)]
    for epoch, change in ((0, False), (1, True)):
        before, top = [p.value.copy() for p in lower], model.top.joint.weight.value.copy()
        trainer.begin_epoch(epoch, 5)
        for number in range(5):
            trainer.train_batch(number)
        assert [not np.array_equal(p.value, old) for p, old in zip(lower, before)] == [change] * 4
        assert not np.array_equal(model.top.joint.weight.value, top)


def test_without_validation_the_latest_weights_are_kept(device):
    """Its training measures the free energy, by which no epoch is better than another."""
    small = {"model.hidden": [8, 8], "model.greedy": 0, "training.epochs": 3, "data.validation": 0}
    config, data = load_config("updown", small, {}), load("digits")
    run = Run(Experiment(config, data, split(data, validation=0, test=0.15, seed=0), device))
    run.train()
    assert (run.monitor, run.selection.best_epoch.tolist()) == ("last", [3])
    config = load_config("updown", small | {"training.monitor": "train_loss"}, {})
    with pytest.raises(ConfigError, match=r"monitor: must be a number that is measured, .* got train_loss"):
        Run(Experiment(config, data, split(data, validation=0, test=0.15, seed=0), device))


def test_another_network_of_its_kind_takes_what_points_upwards(trained, tmp_path):
    path = tmp_path / "a.h5"
    write(path, snapshot(trained, best=False))
    config = load_config("updown", {"model.hidden": [60, 120], "seed": 5}, {})
    run = Run(Experiment(config, trained.dataset, trained.split, trained.device))
    graft(run, read(path))
    assert np.array_equal(run.objective.model.ups[0].weight.value, trained.objective.model.ups[0].weight.value)
