"""Chains of a machine that begins with trained weights begin near the data, since from 0 they may never come there."""

import numpy as np
import pytest

import gpunet


def patterns(rng, count=600):
    """Two opposite patterns and their class; four bits of forty are flipped."""
    y = rng.integers(0, 2, count)
    return np.abs(y[:, None] * np.ones(40) - (rng.random((count, 40)) < 0.1)), y


WAYS = {"hidden": 12, "generative": 0.5, "batch_size": 50, "lr": 0.05, "optimizer": "sgd", "validation": 0, "test": 0}


TEMPERED = {"name": "tempered", "count": 5, "temperatures": 3}


@pytest.mark.parametrize("chains", [30, TEMPERED, "fast_persistent"], ids=["persistent", "tempered", "fast"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_chains_begin_at_the_data_with_their_class(chains, seeds, rng, monkeypatch):
    x, y = patterns(rng)
    trained = gpunet.train("classrbm", x, y, epochs=30, chains=chains, seeds=seeds, **WAYS)
    begun = []
    original = gpunet.training.trainer.Trainer.begin_chains

    def seen(trainer):
        original(trainer)
        begun.append(trainer.device.get(trainer.objective.generation.chains.states).copy())

    monkeypatch.setattr(gpunet.training.trainer.Trainer, "begin_chains", seen)
    gpunet.train("classrbm", x, y, epochs=1, chains=chains, seeds=seeds, start=trained, **WAYS | {"lr": 1e-6})
    (states,) = begun
    bits, classes = states[..., :40], states[..., 40:]
    assert (classes.sum(axis=-1) == 1).all()
    first = bits.mean(axis=-1) > 0.5
    assert 0.2 < first.mean() < 0.8  # both patterns are there
    assert (first == classes.argmax(axis=-1)).mean() > 0.9
    assert np.abs(bits - first[..., None]).mean() < 0.2


def test_a_machine_that_goes_on_with_a_small_rate_stays_what_it_was():
    digits = {"labels": 100, "hidden": 60, "generative": 1.0, "chains": 100, "batch_size": 50, "monitor": "last",
              "updates": 25, "binarise": False, "optimizer": "sgd"}  # fmt: skip
    trained = gpunet.train("classrbm", data="digits", epochs=40, lr=0.1, **digits)
    on = gpunet.train("classrbm", data="digits", epochs=8, lr=0.001, start=trained, **digits)
    before, after = trained.history["validation_loss"][-1], on.history["validation_loss"][-1]
    assert after < before * 1.02
