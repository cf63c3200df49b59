"""Every exported metric gives one number for each sample, alone and with members, and can choose the best weights."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pytest

from gpunet import metrics as room
from gpunet.config import check
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.families import MLPConfig
from gpunet.metrics import Accuracy, Metric, TopK
from gpunet.testing import examples, make_context

ON_DEVICE = [metric for metric in examples(Metric, room) if not metric.collected]
each = pytest.mark.parametrize("metric", ON_DEVICE, ids=repr)


def numbers(metric, z, target, device):
    return device.get(metric(device.put(z), device.put(target), make_context(device)))


@each
@pytest.mark.parametrize("outputs", [1, 2, 5])
def test_members_are_measured_as_if_alone(metric, outputs, device, rng):
    z, y = rng.normal(size=(3, 40, outputs)).astype(np.float32), rng.integers(max(outputs, 2), size=40)
    together = numbers(metric, z, y, device)
    assert (together.shape, together.dtype) == ((3, 40), np.float32)
    assert np.array_equal(together, np.stack([numbers(metric, one, y, device) for one in z]))
    assert np.array_equal(together, numbers(metric, z, np.stack([y] * 3), device))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_class_counts_where_it_is_among_the_first_k_of_the_sorted_outputs(k, device, rng):
    z = rng.integers(4, size=(200, 5)).astype(np.float32)  # with many ties
    y = rng.integers(5, size=200)
    expected = [float(label in np.argsort(-row, kind="stable")[:k]) for row, label in zip(z, y)]
    assert 0 < sum(expected) < 200
    assert numbers(TopK(k), z, y, device).tolist() == expected
    assert numbers(TopK(k), z, np.eye(5, dtype=np.float32)[y], device).tolist() == expected


def test_the_first_alone_is_the_accuracy(device, rng):
    for outputs in (1, 2, 5):
        z, y = rng.normal(size=(100, outputs)), rng.integers(max(outputs, 2), size=100)
        assert np.array_equal(numbers(TopK(1), z, y, device), numbers(Accuracy(), z, y, device))
    assert numbers(TopK(2), z[:, :1], y % 2, device).all()


def test_names_tell_settings_apart():
    assert (Accuracy().name, TopK().name, TopK(3).name) == ("accuracy", "top_5_accuracy", "top_3_accuracy")
    assert [TopK(3).suits(classes) for classes in (0, 3, 4)] == [False, False, True]
    with pytest.raises(ConfigError, match=r"TopK.k: must be >= 1"):
        TopK(0)


@dataclass(frozen=True)
class Doubt(Metric):
    """The largest output less the smallest, which grows as a network becomes sure of itself."""

    higher_is_better: ClassVar[bool] = False

    def __call__(self, z, target, ctx):
        """Per sample."""
        return z.max(axis=-1) - z.min(axis=-1)


class Watched(MLPConfig):
    """A perceptron that measures more."""

    name: Literal["watched"] = "watched"
    hidden: tuple[int, ...] = (16,)
    k: int = 2

    def metrics(self, about):
        """Three numbers."""
        return (Accuracy(), TopK(self.k), Doubt())


def make_run(device, model=None, **training):
    settings = {"model": model or {"name": "watched"}, "training": {"epochs": 3, "batch_size": 32, **training}}
    dataset = load("digits")
    return Run(
        Experiment(check(settings, [Watched]), dataset, split(dataset, validation=0.15, test=0.15, seed=0), device)
    )


@pytest.mark.parametrize("name", ["top_2_accuracy", "doubt"])
def test_any_metric_can_choose_the_best_weights(name, device):
    run = make_run(device, monitor=f"validation_{name}")
    run.train()
    values = [record.numbers[f"validation_{name}"][0] for record in run.history]
    assert len(set(values)) == 3
    best = max(values) if name == "top_2_accuracy" else min(values)
    assert run.selection.best[0] == best
    assert run.selection.best_epoch[0] == 1 + values.index(best)
    assert run.test_scores.keys() == {"loss", "accuracy", "top_2_accuracy", "doubt"}


def test_a_training_metric_can_be_monitored_too(device):
    run = make_run(device, monitor="train_accuracy")
    run.train()
    assert run.selection.best[0] == max(record.numbers["train_accuracy"][0] for record in run.history)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("validation_top_3_accuracy", "auto or last, got validation_top_3_accuracy. Did you mean validation_top_"),
        ("train_my_own_quantity", "measured, auto or last, got train_my_own_quantity. There are train_loss, train_acc"),
        ("best", "training.monitor: must be auto, last, or train_ or validation_ with a measure"),
    ],
)
def test_a_monitor_must_be_a_number_that_is_measured(monitor, message, device):
    with pytest.raises(ConfigError) as caught:
        make_run(device, monitor=monitor)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_metric_must_suit_the_classes(device):
    message = "metrics of watched: top_10_accuracy must suit the task, got 10 classes"
    with pytest.raises(ConfigError, match=message):
        make_run(device, {"name": "watched", "k": 10})
