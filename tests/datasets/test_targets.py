"""Data sets made in Python: their targets are understood, or refused with what to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from gpunet.config import load_config
from gpunet.data import Dataset, describe, split
from gpunet.errors import DataError
from gpunet.experiment import Experiment, Run

X = np.random.default_rng(0).random((12, 3)).astype(np.float32)
LABELS = np.arange(12) % 3


@pytest.mark.parametrize("kind", ["i8", "i4", "u1", "i2"])
def test_whole_numbers_are_classes_that_name_themselves(kind):
    made = Dataset("mine", X, LABELS.astype(kind))
    assert made.classes == ("0", "1", "2")
    assert (made.y.dtype, made.y.tolist()) == (np.int32, LABELS.tolist())
    assert Dataset("mine", X, LABELS > 0).classes == ("0", "1")


def test_text_names_classes():
    made = Dataset("mine", X, np.array(["b", "a", "c"])[LABELS])
    assert (made.classes, made.y[:3].tolist()) == (("a", "b", "c"), [1, 0, 2])


def test_one_real_number_for_each_sample_is_one_output(device):
    made = Dataset("mine", X, np.linspace(0, 1, 12))
    assert (made.classes, made.y.shape, made.y.dtype) == ((), (12, 1), np.float32)
    assert Dataset("mine", X, np.ones((12, 2))).y.shape == (12, 2)


@pytest.mark.parametrize(("y", "outputs"), [(LABELS, 3), (LABELS / 2, 1), (np.stack([LABELS, LABELS / 2], 1), 2)])
def test_a_network_has_an_output_for_each_class_or_target_and_none_for_each_sample(y, outputs, device):
    x = np.tile(X, (10, 1)) + np.arange(120, dtype=np.float32)[:, None] / 100
    made = Dataset("mine", x, np.tile(y, (10, 1)) if y.ndim == 2 else np.tile(y, 10))
    settings = {"model.hidden": [4], "training.batch_size": 8}
    run = Run(Experiment(load_config(None, settings, {}), made, split(made, validation=0.2, test=0.2, seed=0), device))
    assert run.trainer.parameters.named["002_dense/weight"].shape == (4, outputs)
    assert run.description.outputs == (0 if made.classes else outputs)


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        (LABELS - 1, (), r"mine: needs class numbers of 0 or more, got -1 for sample 0. Number the classes"),
        (LABELS * 100, (), r"has too many classes for 12 samples, got whole numbers up to 200. .*y.astype"),
        (np.arange(12), (), "has too many classes for 12 samples, got whole numbers up to 11"),
        (np.eye(12, 3, dtype=int), (), r"or real numbers \(samples, outputs\), got int64 of shape \(12, 3\). Use y"),
        (LABELS, ("a", "b"), "needs class numbers of 0 to 1, got 2 for sample 2"),
        (LABELS / 2, ("a", "b"), r"needs targets that are class numbers \(samples,\), got float64 of shape \(12,\)"),
        (np.full(12, np.nan), (), "must hold finite targets, got nan for sample 0"),
        (np.zeros(12, int), (), "needs at least two classes, got only '0'"),
        (np.zeros((12, 2, 2)), (), r"or real numbers \(samples, outputs\), got float64 of shape \(12, 2, 2\)"),
        (np.array([None] * 12), (), "needs targets of numbers or text, got type object"),
    ],
)  # fmt: skip
def test_what_can_be_neither_is_refused(y, classes, expected):
    with pytest.raises(DataError, match=expected):
        Dataset("mine", X, y, classes)


def test_samples_of_another_make_are_refused_where_their_targets_have_no_axis():
    made = Dataset("mine", X, LABELS)
    about = {name: getattr(made, name) for name in ("name", "x", "columns", "scale", "vocabulary", "input_shape")}
    foreign = SimpleNamespace(**about, sha256="", y=LABELS, classes=())
    with pytest.raises(DataError, match=r"needs targets \(samples, outputs\) without classes, got \(12,\)"):
        describe(foreign, SimpleNamespace(train=LABELS, validation=LABELS, test=LABELS))
