"""Folds: every sample once, classes spread evenly, groups whole."""

import numpy as np
import pytest

from gpunet.data import Dataset, folded, repeated
from gpunet.errors import ConfigError, DataError

CLASSES = ("a", "b", "c")


def made(samples=50, groups=None):
    y = np.sort(np.arange(samples) % 5 % 3)
    return Dataset(
        "made", np.arange(2.0 * samples, dtype=np.float32).reshape(-1, 2), y, classes=CLASSES, divided_by=groups
    )


def test_each_sample_is_held_out_once_in_each_repetition_and_never_learned_from_there():
    dataset, rows = made(), np.arange(3, 50)
    found = folded(dataset, rows, folds=4, repeats=2, validation=0.2, seed=0)
    assert len(found) == 8
    for repetition in (found[:4], found[4:]):
        assert sorted(np.concatenate([split.test for split in repetition])) == rows.tolist()
        for split in repetition:
            parts = [split.train, split.validation, split.test]
            assert sorted(np.concatenate(parts)) == rows.tolist()
            assert len(split.validation) == round(0.2 * (len(rows) - len(split.test)))
    assert [s.test.tolist() for s in found[:4]] != [s.test.tolist() for s in found[4:]]
    again = folded(dataset, rows, folds=4, repeats=2, validation=0.2, seed=0)
    assert [s.test.tolist() for s in found] == [s.test.tolist() for s in again]


def test_classes_are_spread_so_that_folds_differ_by_one_sample_at_most():
    dataset = made()
    counts = [np.bincount(dataset.y[s.test]) for s in folded(dataset, np.arange(50), folds=4, validation=0, seed=1)]
    assert (np.ptp(counts, axis=0) <= 1).all()
    assert np.ptp(np.sum(counts, axis=1)) <= 1


def test_samples_of_a_group_stay_in_one_fold():
    groups = np.array([f"g{n % 11}" for n in range(50)])
    found = folded(made(groups=groups), np.arange(50), folds=3, validation=0.2, seed=0, order="group")
    for split in found:
        parts = [set(groups[part]) for part in (split.train, split.validation, split.test)]
        assert not parts[0] & parts[1]
        assert not parts[2] & (parts[0] | parts[1])
    assert np.ptp([len(split.test) for split in found]) <= 5


def test_repeated_divisions_differ_and_have_no_test_part():
    found = repeated(made(), np.arange(40), repeats=3, validation=8, seed=0)
    assert [len(split.validation) for split in found] == [8, 8, 8]
    assert all(len(split.test) == 0 for split in found)
    assert len({tuple(split.validation) for split in found}) == 3


def test_folds_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match=r"folds: must be at most the 50 samples, got 51"):
        folded(made(), np.arange(50), folds=51, validation=0, seed=0)
    with pytest.raises(ConfigError, match=r"folds: must be at least 2, got 1"):
        folded(made(), np.arange(50), folds=1, validation=0, seed=0)
    with pytest.raises(ConfigError, match=r"at most the 2 groups"):
        groups = np.array(["a", "b"] * 25)
        folded(made(groups=groups), np.arange(50), folds=3, validation=0, seed=0, order="group")
    with pytest.raises(DataError, match="the past from the future"):
        folded(made(), np.arange(50), folds=3, validation=0, seed=0, order="date")
