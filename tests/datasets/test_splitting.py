"""Splits: disjoint, complete, of the sizes asked for, in proportion, and a function of the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.errors import DataError


def labelled(labels, test_from=None):
    labels = np.asarray(labels, np.int32)
    x = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    return Dataset("d", x, labels, tuple(map(str, range(labels.max() + 1))), test_from=test_from)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=5),
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
    st.sampled_from(["stratified", "tail"]),
)
def test_parts_are_disjoint_complete_and_of_the_right_size(counts, seed, validation, test, order):
    dataset = labelled(np.repeat(np.arange(len(counts)), counts))
    n = len(dataset.x)
    parts = split(dataset, validation=validation, test=test, seed=seed, order=order)
    assert (len(parts.validation), len(parts.test)) == (round(validation * n), round(test * n))
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(n))
    again = split(dataset, validation=validation, test=test, seed=seed, order=order)
    assert np.array_equal(parts.train, again.train)


def test_classes_keep_their_proportions():
    digits = load("digits")
    parts = split(digits, validation=0.15, test=0.15, seed=3)
    for part in (parts.train, parts.validation, parts.test):
        share = np.bincount(digits.y[part]) / len(part)
        assert share == pytest.approx(np.bincount(digits.y) / len(digits.y), abs=1.5 / len(part))


def test_a_rare_class_keeps_a_sample_to_train_on():
    dataset = labelled([0] * 50 + [1] * 2 + [2])
    for seed in range(20):
        parts = split(dataset, validation=0.2, test=0.2, seed=seed)
        assert {1, 2} <= set(dataset.y[parts.train])


def test_another_seed_is_another_split_and_the_test_part_does_not_depend_on_validation():
    digits = load("digits")
    a, b = (split(digits, validation=0.1, test=0.1, seed=seed) for seed in (0, 1))
    assert not np.array_equal(a.test, b.test)
    assert np.array_equal(a.test, split(digits, validation=0.3, test=0.1, seed=0).test)


def test_counts_tail_and_fixed_test_part():
    dataset = labelled([0, 1] * 10, test_from=16)
    parts = split(dataset, validation=5, test=0.9, seed=0, order="tail")
    assert parts.validation.tolist() == [11, 12, 13, 14, 15]
    assert parts.test.tolist() == [16, 17, 18, 19]


def test_parts_that_leave_nothing_are_refused():
    with pytest.raises(
        DataError, match="must have samples left to train on, got 10 for validation and 10 for test of 20"
    ):
        split(labelled([0, 1] * 10), validation=0.5, test=10, seed=0)
