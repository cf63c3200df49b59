"""Trials that differ only in numbers train as one population: each comes to what it would alone."""

import importlib

import numpy as np
import pytest

import gpunet
from gpunet.searches.populations import Populations

work, outcomes = (importlib.import_module(f"gpunet.searches.{name}") for name in ("work", "outcomes"))

SPACE = {
    "lr": {"log": [1e-3, 1e6]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "momentum": {"choice": [0.0, 0.9], "when": {"optimizer": "sgd"}},
    "dropout": {"choice": [0.0, 0.4]},
    "training.patience": {"int": [1, 3]},
}
HOW = {"trials": 12, "noise": 0, "epochs": 4, "hidden": [5], "seeds": 2, "folds": 2, "batch_size": 20}


def searched(**more):
    x = np.random.default_rng(0).random((100, 4), np.float32)
    with np.errstate(over="ignore"):
        found = gpunet.search("mlp", x, x.sum(axis=1) > 2, SPACE, **HOW, **more)
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in found.trials]


@pytest.fixture(scope="module")
def one_by_one():
    return searched(together=1)


@pytest.fixture
def populations(monkeypatch):
    """How many trials each population had that was trained."""
    sizes, measure = [], outcomes.measure_together

    def noted(search, goal, config, stop):
        sizes.append(config.places)
        if sizes[-1] > most[0]:
            raise MemoryError
        return measure(search, goal, config, stop)

    most = [100]
    monkeypatch.setattr(outcomes, "measure_together", noted)
    return sizes, most


@pytest.mark.filterwarnings("ignore:overflow")
def test_each_comes_to_what_it_would_alone(one_by_one, populations):
    sizes, _ = populations
    assert searched() == one_by_one
    assert {trial["state"] for trial in one_by_one} == {"complete", "failed"}
    assert len({trial["epochs"] for trial in one_by_one}) > 2
    assert sum(sizes) == len(one_by_one)
    assert len(sizes) == 2  # a population of each optimizer


@pytest.mark.filterwarnings("ignore:overflow")
def test_where_memory_ends_populations_are_smaller(one_by_one, populations):
    sizes, most = populations
    most[0] = 2
    assert searched() == one_by_one
    assert max(sizes) > 2
    assert 2 in sizes


def test_what_has_a_shape_opens_another_population(monkeypatch):
    seen = []

    def noted(search, goal, journal, stop, told, *rest):
        seen.append(search)
        return work.work(search, goal, journal, stop, told, *rest)

    monkeypatch.setattr(importlib.import_module("gpunet.searches.execution"), "work", noted)
    x = np.random.default_rng(0).random((60, 4), np.float32)
    space = {"lr": {"log": [1e-3, 1]}, "batch_size": {"choice": [5, 10]}, "optimizer": {"choice": ["sgd", "adam"]}}
    gpunet.search("mlp", x, x.sum(axis=1) > 2, space, trials=1, noise=0, epochs=1, hidden=[3])
    populations = Populations(seen[0])
    first = {"optimizer.learning_rate": 0.1, "training.batch_size": 5, "optimizer": "sgd"}
    assert populations.fit(first, first | {"optimizer.learning_rate": 0.2})
    assert not populations.fit(first, first | {"training.batch_size": 10})
    assert not populations.fit(first, first | {"optimizer": "adam"})
    assert not populations.fit(first, {key: first[key] for key in ("optimizer", "optimizer.learning_rate")})
    assert populations.together([first, first | {"training.batch_size": 10}]) is None
    merged = populations.together([first, first | {"optimizer.learning_rate": 0.2}])
    assert merged.optimizer.learning_rate == (0.1, 0.2)
