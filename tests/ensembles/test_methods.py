"""Members made by every method, by what must hold for them."""

import numpy as np
import pytest

import gpunet
from gpunet.api.training import experiment_of
from gpunet.data import Subspace
from gpunet.ensembles import Temperature, bootstrap, samme
from gpunet.errors import ConfigError
from gpunet.experiment import Run, epoch_rows
from gpunet.persistence import snapshot
from gpunet.stages import carry_out

RNG = np.random.default_rng(0)
X = RNG.random((240, 6), np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 0.7)
SMALL = {"hidden": [8], "epochs": 4, "batch_size": 20, "device": "cpu", "validation": 40}


def made(method, size=3, **more):
    return gpunet.train_ensemble("mlp", X, Y, method=method, size=size, **{**SMALL, **more})


def test_seeds_are_the_population_of_these_seeds():
    found = made("seeds")
    alone = gpunet.train("mlp", X, Y, seeds=3, **SMALL)
    for path, values in alone.weights.items():
        np.testing.assert_array_equal(found.networks[0].weights[path], values)
    np.testing.assert_array_equal(found.member_outputs([X]).mean(axis=0), found.at(Temperature(1.0, 0)).outputs(X))


def test_members_share_the_labelled_samples():
    found = made("seeds", labels=30)
    alone = gpunet.train("mlp", X, Y, labels=30, seed=0, **SMALL)
    first, second, _ = found.members
    np.testing.assert_array_equal(first.weights["001_dense/weight"], alone.weights["001_dense/weight"])
    experiment, _ = experiment_of("mlp", X, Y, labels=30, **SMALL)
    rows = epoch_rows(experiment.config, Y[experiment.split.train], 3, True)
    run = Run(experiment.changed({"seed": 1}), rows=rows)
    carry_out(iter([run]))
    kept = snapshot(run, best=True)["model/001_dense/weight"].data
    np.testing.assert_array_equal(second.weights["001_dense/weight"], kept)
    other = gpunet.train("mlp", X, Y, labels=30, seed=1, **SMALL)
    assert (second.weights["001_dense/weight"] != other.weights["001_dense/weight"]).any()


def test_bagging_is_training_on_the_drawn_samples_and_measures_on_the_others():
    found = made("bagging")
    train = np.sort(np.setdiff1d(np.arange(240), validation_rows()))
    drawn = [bootstrap(np.arange(200), seed) for seed in range(3)]
    assert found.facts["drawn"] == 200
    assert found.facts["seen"] == [len(set(own)) for own in drawn]
    outputs = found.member_outputs([X[train]])
    free = np.stack([~np.isin(np.arange(200), own) for own in drawn])
    covered = free.any(axis=0)
    mean = (outputs * free[..., None]).sum(axis=0)[covered] / free.sum(axis=0)[covered][:, None]
    bag = found.facts["out_of_bag"]
    assert bag["samples"] == covered.sum()
    assert bag["error"] == pytest.approx(np.mean(mean.argmax(axis=1) != Y[train][covered]))


def validation_rows():
    return experiment_of("mlp", X, Y, **SMALL)[0].split.validation


def test_subspaces_see_parts_of_the_features_and_nothing_of_the_others():
    found = made("subspaces", share=0.5)
    assert len(found.networks) == 3
    for seed, network in enumerate(found.networks):
        kept = Subspace(0.5, seed).fit(X, 1.0)["kept"]
        other = X.copy()
        other[:, np.setdiff1d(np.arange(6), kept)] = RNG.random((240, 3))
        np.testing.assert_array_equal(network.outputs(X), network.outputs(other))
        assert network.weights["001_dense/weight"].shape == (3, 8)
    assert len({tuple(n.trained.preprocessing.steps[-1].arrays["kept"]) for n in found.networks}) > 1


def test_snapshots_are_the_weights_at_the_end_of_each_cycle():
    rate = 3.0  # so high that the epochs with the best weights are others
    found = made("snapshots", size=2, optimizer="sgd", lr=rate)
    assert found.facts["epochs_of_a_cycle"] == 2
    cosine = {"name": "sgd", "learning_rate": {"name": "cosine_restarts", "value": rate, "period": 2.0}}
    best = gpunet.train("mlp", X, Y, {"optimizer": cosine}, **SMALL)
    assert best.checkpoint.attrs["epoch"] not in (2, 4)
    for number, network in enumerate(found.networks, 1):
        # Epochs are streams of their own: a shorter training is the beginning of a longer one.
        alone = gpunet.train(
            "mlp", X, Y, {"optimizer": cosine, "training.monitor": "last"}, **{**SMALL, "epochs": 2 * number}
        )
        assert all(np.array_equal(network.weights[path], alone.weights[path]) for path in network.weights)
        assert network.checkpoint.attrs["epoch"] == 2 * number


def test_swa_is_the_mean_of_the_weights_of_the_last_epochs():
    found = made("swa", size=2, optimizer="sgd", lr=0.1)
    ends = [
        gpunet.train(
            "mlp", X, Y, {"training.monitor": "last"}, optimizer="sgd", lr=0.1, **{**SMALL, "epochs": epochs}
        ).weights
        for epochs in (3, 4)
    ]
    (network,) = found.networks
    for path, values in network.weights.items():
        np.testing.assert_allclose(values, (ends[0][path] + ends[1][path]) / 2, rtol=1e-5, atol=1e-7)
    assert found.facts["averaged"] == [3, 4]


def test_boosting_weighs_what_the_members_before_got_wrong():
    learning = {"epochs": 30, "lr": 0.02}
    found = made("boosting", size=3, **learning)
    assert len(found.networks) == 3
    train = np.setdiff1d(np.arange(240), validation_rows())
    weights = np.ones(200)
    every = zip(found.networks, found.combination.weights, found.facts["weighted_errors"])
    for seed, (network, worth, error) in enumerate(every):
        of_all = np.ones(240)
        of_all[train] = weights * 200 / weights.sum()
        alone = gpunet.train("mlp", X, Y, weights=of_all, seed=seed, **{**SMALL, **learning})
        np.testing.assert_allclose(network.outputs(X), alone.outputs(X), rtol=1e-3, atol=1e-5)
        boost = samme(weights, network.predict(X[train]) != Y[train], 3)
        assert boost.error == pytest.approx(error)
        assert worth == pytest.approx(boost.weight)
        weights = boost.sample_weights
    votes = np.stack([(network.predict(X)[:, None] == [0, 1, 2]) for network in found.networks])
    share = np.average(votes, axis=0, weights=found.combination.weights)
    np.testing.assert_array_equal(found.predict(X), share.argmax(axis=1))


def test_a_soup_is_the_mean_of_those_that_help_from_one_start():
    start = gpunet.train("mlp", X, Y, **SMALL)
    found = made("soup", start=start)
    assert len(found.networks) == 1
    alone = [gpunet.train("mlp", X, Y, start=start, seed=seed, **SMALL) for seed in range(3)]
    taken = [int(name.removeprefix("seed ")) for name in found.facts["averaged"]]
    for path, values in found.networks[0].weights.items():
        mean = np.mean([alone[k].weights[path] for k in taken], axis=0)
        np.testing.assert_allclose(values, mean, rtol=1e-5, atol=1e-7)
    assert tuple(found.facts["score"]) <= min(map(tuple, found.facts["scores"]))


def test_selection_takes_members_as_often_as_they_help():
    library = [gpunet.train("mlp", X, Y, seed=seed, **SMALL) for seed in range(4)]
    found = gpunet.Ensemble.selected(library, X[:80], Y[:80], rounds=10)
    chosen = found.facts["selection"]
    assert sum(count for _, count in chosen["taken"]) == chosen["step"] == len(chosen["order"])
    alone = [1 - network.score(X[:80], Y[:80]) for network in library]
    assert 1 - found.score(X[:80], Y[:80]) == pytest.approx(min(chosen["scores"]))
    assert min(chosen["scores"]) <= min(alone)


def test_a_report_holds_what_its_parts_say():
    found = made("seeds")
    library = [gpunet.train("mlp", X, Y, seed=seed, **SMALL) for seed in (7, 8)]
    told = found.report(X, Y, validation=(X[:60], Y[:60]), reference=library)
    p = found.member_outputs([X])
    errors = [np.mean(own.argmax(axis=1) != Y) for own in p]
    assert [row["error"] for row in told["members"]] == pytest.approx(errors)
    together = np.mean(p.mean(axis=0).argmax(axis=1) != Y)
    assert told["gain"]["error"]["over_mean"]["mean"] == pytest.approx(np.mean(errors) - together)
    square = told["diversity"]["squared_error"]
    assert square["members"] - square["ambiguity"] == pytest.approx(square["ensemble"])
    assert told["gain"]["brier"]["over_mean"]["mean"] == pytest.approx(square["ambiguity"])
    own = told["uncertainty"]
    assert own["total"] == pytest.approx(own["data"] + own["model"])
    assert len(told["calibration"]["independent_curve"]) == 2


@pytest.mark.parametrize(
    ("method", "more", "expected"),
    [
        ("bag", {}, "method: must be known, got 'bag'"),
        ("seeds", {"share": 0.5}, "share: belongs to bagging and subspaces"),
        ("bagging", {"share": 1.5}, "must be <= 1"),
        ("seeds", {"size": 0}, "size: must be a number of members"),
        ("snapshots", {"size": 3}, "epochs: must be a multiple of the 3 cycles, got 4. Set epochs=6"),
        ("snapshots", {"size": 2, "settings": {"training.patience": 3}}, "patience: does not go with snapshots"),
        ("swa", {"size": 9}, "size: must be at most the 4 epochs"),
        ("swa", {"combine": "mean"}, "combine: has nothing to do with swa"),
        ("soup", {}, "soup: needs members that start from the same weights"),
        ("seeds", {"combine": "median"}, "combine: must be mean, geometric"),
        ("seeds", {"seeds": 2}, "seeds: does not go with an ensemble"),
        ("seeds", {"run": "there"}, "run: does not go with an ensemble"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_trained(method, more, expected):
    with pytest.raises(ConfigError, match=expected):
        made(method, **more)


def test_what_needs_classes_is_refused_for_values_and_machines():
    with pytest.raises(ConfigError, match="boosting: needs classes"):
        gpunet.train_ensemble("mlp", X, X[:, 0], method="boosting", **SMALL)
    with pytest.raises(ConfigError, match="majority needs probabilities"):
        gpunet.train_ensemble("mlp", X, X[:, 0], combine="majority", **SMALL)
    with pytest.raises(ConfigError, match="must be a network that predicts targets, got rbm"):
        gpunet.train_ensemble("rbm", X, hidden=4, epochs=1, device="cpu")
