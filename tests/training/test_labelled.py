"""Training with fewer labels than samples: which samples those are, and how long an epoch is."""

import ast
import inspect
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run, epoch_rows, stratified_order
from gpunet.objectives import Objective
from gpunet.stages import Stack
from gpunet.testing import make_context


@settings(deadline=None)  # the time of an example says more about the machine than about the order
@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 5), st.data())
def test_every_beginning_of_the_order_is_stratified(labels, seed, data):
    y = np.array(labels, np.int32)
    order = stratified_order(y, 4, seed)
    assert sorted(order) == list(range(len(y)))
    count = data.draw(st.integers(1, len(y)))
    found, whole = np.bincount(y[order[:count]], minlength=4), np.bincount(y, minlength=4)
    present = np.count_nonzero(whole)
    assert np.count_nonzero(found) == min(present, count), "each class is there as soon as there is room"
    if count >= present:
        # The first of each class is given away beforehand, at most one for each of the others.
        assert (abs(found - whole * count / len(y)) <= present).all()
    balanced = np.repeat(np.arange(4), 20)
    assert np.bincount(balanced[stratified_order(balanced, 4, seed)[: 4 * count]], minlength=4).max() == min(count, 20)


def digits(**overrides):
    dataset = load("digits")
    config = load_config("finetune", {"model.hidden": [16], "training.epochs": 1, **overrides}, {})
    return config, dataset, split(dataset, validation=0.15, test=0.15, seed=0)


def rows(**overrides):
    config, dataset, parts = digits(**overrides)
    return epoch_rows(config, dataset.y[parts.train], 10, wants_targets=True)


def test_subsets_are_nested_and_belong_to_the_seed():
    few, many = ({"data.labels": n, "training.updates": None} for n in (30, 200))
    assert set(rows(**few, seed=4)) < set(rows(**many, seed=4))
    assert set(rows(**few, seed=4)) != set(rows(**few, seed=5))
    # Nothing but the seed decides, so networks of any kind share the subset of a seed.
    other = {"optimizer.learning_rate": 0.5, "model.activation": "relu", "training.batch_size": 30}
    assert np.array_equal(rows(**few, seed=4), rows(**few, **other, seed=4))
    members = rows(**few, seed=4, members=2)
    assert np.array_equal(members, [rows(**few, seed=4), rows(**few, seed=5)])


def test_an_epoch_lasts_for_the_wanted_updates_whatever_the_number_of_labels():
    for labels in (20, 100, 1257):
        found = rows(**{"data.labels": labels, "training.updates": 100, "training.batch_size": 20})
        counts = np.bincount(found)
        assert 100 <= len(found) // 20 < 100 + labels / 20, "whole passes, and no more than it takes"
        assert set(counts[counts > 0]) == {len(found) // labels}, "each label counts as much as any other"
    assert len(rows(**{"training.updates": 100, "training.batch_size": 20})) == 2 * 1257
    assert rows(**{"training.updates": 62, "training.batch_size": 20}) is None, "one pass is enough"


@pytest.mark.parametrize("augmentation", [{}, {"augmentation.mixup": True, "augmentation.shift.pixels": 1}])
@pytest.mark.parametrize("members", [1, 2])
def test_only_labelled_samples_teach(members, augmentation, device):
    """What the other samples are makes no difference, nor are they mixed with."""
    weights = []
    for spoilt in (False, True):
        few = {"data.labels": 40, "members": members, "training.updates": 20}
        run = Run(Experiment(*digits(**few, **augmentation), device))
        others = np.setdiff1d(np.arange(1257), run.rows)
        assert len(others) > 1257 - 41 * members
        if spoilt:
            feed = run.trainer.feed
            feed.y[others] = (feed.y[others] + 1) % 10
            feed.x[others] = 16 - feed.x[others]
        run.train()
        weights.append(device.get(run.trainer.parameters.values))
    assert np.array_equal(*weights)


def objectives(base=Objective):
    for kind in base.__subclasses__():
        yield kind
        yield from objectives(kind)


@pytest.mark.parametrize("kind", list(objectives()))
def test_objectives_say_whether_they_look_at_targets(kind):
    """A name that is read anywhere in learn is looked at."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind.learn)))
    looks = any(isinstance(node, ast.Name) and node.id == "target" for node in ast.walk(tree))
    assert kind.wants_targets is looks


def test_what_does_not_look_at_labels_sees_all_samples(device):
    _, dataset, parts = digits()
    for method, samples in (("contrastive_divergence", 1257), ("denoising", 1257), ("supervised", 50)):
        config = load_config("dbn", {"model.hidden": [8], "model.method": method, "data.labels": 50}, {})
        (run,) = Stack(Experiment(config, dataset, parts, device)).stages()
        assert run.trainer.feed.samples == samples


def test_a_sample_that_comes_again_is_augmented_anew(device):
    """Twice in an epoch, shifted by other amounts; its place in the epoch, not its number, is what is drawn for."""
    few = {"data.labels": 20, "training.updates": 2, "training.batch_size": 20, "augmentation.shift.pixels": 2}
    trainer = Run(Experiment(*digits(**few), device)).trainer
    assert trainer.feed.samples == 40
    trainer.begin_epoch(0, 2)
    ctx = make_context(device)
    x, y = (device.get(part) for part in trainer.feed.batch(ctx, trainer.cursor, 40, 40)[:2])
    plain = device.get(trainer.feed.rows)[device.get(trainer.feed.order)]
    pairs = [np.nonzero(plain == number)[0] for number in np.unique(plain)]
    assert all(len(pair) == 2 and y[pair[0]] == y[pair[1]] for pair in pairs)
    assert sum(not np.array_equal(x[a], x[b]) for a, b in pairs) > 15


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"data.labels": 9}, r"labels: must be between the 10 classes and the 1,257 samples .*, got 9"),
        ({"data.labels": 1258}, r"labels: must be between .*, got 1258"),
        ({"data.labels": 15}, r"batch_size: must be at most the 15 labelled samples .*, got 20"),
    ],
)
def test_label_counts_that_cannot_be(overrides, expected, device):
    if overrides["data.labels"] == 9:
        overrides = overrides | {"training.batch_size": 5}
    with pytest.raises(ConfigError, match=expected):
        Run(Experiment(*digits(**overrides), device))
