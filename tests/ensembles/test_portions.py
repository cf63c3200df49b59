"""Members of ensembles and arms of comparisons that do not fit into memory together."""

import numpy as np
import pytest

from gpunet import train_ensemble
from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.studies import Comparison
from gpunet.studies.arms import ARMS, Source
from small_device import OutOfMemoryError


def test_bagged_members_keep_their_samples_when_some_are_trained_after_the_others():
    digits = load("digits")
    x, y = digits.x[:300].astype(float), digits.y[:300]
    words = {"method": "bagging", "size": 3, "epochs": 2, "hidden": [8], "validation": 0.2, "progress": False}
    once, found = (
        train_ensemble("mlp", x, y, {"data.labels": 100, **more}, **words) for more in ({}, {"training.together": 2})
    )
    np.testing.assert_array_equal(found.outputs(x), once.outputs(x))
    assert found.facts["out_of_bag"] == once.facts["out_of_bag"]
    assert found.networks[0].seeds == once.networks[0].seeds


@pytest.mark.parametrize("by", ["memory", "key"])
def test_learning_rates_of_an_arm_that_do_not_fit_are_halved_with_the_same_results(by, monkeypatch):
    dataset = load("digits")
    config = load_config("dbn", {"model.hidden": [8], "training.epochs": 1, "members": 2}, {})
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    network = {"training.epochs": 2, "training.patience": None}
    rates, lines, trained = [0.03, 0.01, 0.003], [], []

    def compared(together=None):
        tuned = load_config("finetune", {**network, "training.together": together}, {})
        return Comparison(Experiment(config, dataset, parts, Device()), tuned, [100], rates, widen=0)

    source = Source(None, 0.0)
    once = compared().result(ARMS[2], 100, source)
    from gpunet.studies import comparison

    whole = comparison.train_rates

    def small(run, some, stop):
        trained.append(len(some))
        if by == "memory" and len(some) > 1:
            raise OutOfMemoryError
        return whole(run, some, stop)

    monkeypatch.setattr(comparison, "train_rates", small)
    found = compared(2 if by == "key" else None).result(ARMS[2], 100, source, stop=Stop(), note=lines.append)
    assert trained == ([3, 1, 2, 1, 1] if by == "memory" else [1, 1, 1])
    assert [line.partition(":")[0] for line in lines] == [
        f"{count} learning rates do not fit into memory together" for count in trained if count > 1
    ]
    assert [trial.rate for trial in found.trials] == [trial.rate for trial in once.trials]
    for mine, theirs in zip(found.trials, once.trials):
        np.testing.assert_array_equal(mine.validation_error, theirs.validation_error)
    np.testing.assert_array_equal(found.test_error, once.test_error)
