"""Ensembles in one file: written, read, used by every command, and refused where they do not fit."""

import json

import numpy as np
import pytest

import gpunet
from gpunet.checkpoint import NamedArray, read, write
from gpunet.ensembles import Temperature, fitted_temperature
from gpunet.errors import CheckpointError, ConfigError
from tests.shell import invoked


@pytest.fixture(scope="module")
def both(net, population):
    return gpunet.Ensemble([net, population], combine="geometric", weights=[1, 2, 0, 1])


@pytest.fixture(scope="module")
def path(both, table, tmp_path_factory):
    return both.calibrated(*table).save(tmp_path_factory.mktemp("ensemble") / "both.h5")


def test_a_file_gives_back_the_same_predictions_and_networks(both, path, table):
    x, y = table
    again = gpunet.load(path)
    t = again.combination.temperature
    assert again.facts["calibration"]["temperature"] == t
    np.testing.assert_array_equal(again.predict_proba(x), both.at(Temperature(t, 200)).outputs(x))
    np.testing.assert_array_equal(again.predict(x), both.predict(x))
    assert again.score(x, y) == both.score(x, y)
    assert [one.checkpoint.content_sha256 for one in again.networks] == [
        one.checkpoint.content_sha256 for one in both.networks
    ]
    assert repr(again).startswith("Ensemble(4 members, geometric combined")


def test_the_temperature_is_that_of_the_averaged_probabilities(both, table):
    x, y = table
    outcome = both.outcome(both.outputs(x), y)
    found = both.calibrated(x, y)
    assert found.combination.temperature == pytest.approx(fitted_temperature(outcome).value)
    again = found.calibrated(x, y)  # begins from no temperature
    assert again.combination.temperature == found.combination.temperature


def test_the_same_ensemble_gives_the_same_content(path, tmp_path):
    again = gpunet.load(path).save(tmp_path / "again.h5")
    assert read(again).content_sha256 == read(path).content_sha256


def test_weights_count_members_and_a_majority_counts_votes(net, population, table):
    x, _ = table
    members = [net, *population.members]
    outputs = np.stack([member.outputs(x).astype(np.float64) for member in members])
    weighted = gpunet.Ensemble([net, population], weights=[0, 1, 1, 2])
    np.testing.assert_allclose(weighted.outputs(x), np.average(outputs, axis=0, weights=[0, 1, 1, 2]))
    votes = gpunet.Ensemble([net, population], combine="majority")
    share = (outputs.argmax(axis=-1)[..., None] == [0, 1]).mean(axis=0)
    np.testing.assert_allclose(votes.outputs(x), share)
    np.testing.assert_array_equal(votes.predict(x), share.argmax(axis=1))
    with pytest.raises(ConfigError, match="predict_proba: needs probabilities of classes or labels, got votes"):
        votes.predict_proba(x)


def test_votes_are_measured_by_decisions_alone(net, population, table, tmp_path):
    """Shares of votes are no probabilities: neither log loss nor calibration, in the table of predictions neither."""
    x, y = table
    votes = gpunet.Ensemble([net, population], combine="majority")
    path = votes.save(tmp_path / "votes.h5")
    rows = [[*(f"x{k}" for k in range(x.shape[1])), "class"], *([*map(str, row), str(k)] for row, k in zip(x, y))]
    (tmp_path / "made.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    said = json.loads(invoked("evaluate", path, tmp_path / "made.csv", "--json").stdout)
    assert said["ensemble_accuracy"] == pytest.approx(np.mean(votes.predict(x) == y))
    assert said["figures"]["accuracy"]["value"] == [pytest.approx(np.mean(votes.predict(x) == y))]
    assert not {"log_loss", "brier", "calibration_error"} & set(said["figures"])
    table_of = json.loads(invoked("predict", path, tmp_path / "made.csv", "--probabilities", "--json").stdout)
    assert not any(name.startswith("p") for name in table_of[0])
    share = votes.outputs(x)
    np.testing.assert_allclose([[row[f"votes({k})"] for k in votes.classes] for row in table_of], share, atol=1e-6)


def test_every_command_reads_it(path, table, tmp_path):
    x, _ = table
    np.savetxt(tmp_path / "x.csv", x, delimiter=",")
    said = json.loads(invoked("predict", path, tmp_path / "x.csv", "--json").stdout)
    np.testing.assert_array_equal([row["class"] for row in said], gpunet.load(path).predict(x).astype(str))
    assert "ensemble of 2 networks with 4 members" in invoked("inspect", path).stdout
    assert "whole" in invoked("verify", path).stdout
    for command in ("likelihood", "sample"):
        found = invoked(command, path, code=4)
        assert "an ensemble of" in found.stderr
        assert len(found.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"combine": "median"}, "combine: must be mean, geometric, logits or majority"),
        ({"weights": [1, 2]}, "weights: must be one for each of the 4 members, got 2"),
        ({"weights": [0, 0, 0, 0]}, "not all 0"),
        ({"temperature": -1.0}, "temperature: must be a number above 0"),
    ],
)
def test_combinations_that_are_none(net, population, options, expected):
    with pytest.raises(ConfigError, match=expected):
        gpunet.Ensemble([net, population], **options)


def test_what_needs_probabilities_is_refused_for_values_and_votes(net, table, small):
    x, y = table
    values = gpunet.train("mlp", x, x[:, 0], **small)
    with pytest.raises(ConfigError, match="majority needs probabilities of classes or labels, got predicted values"):
        gpunet.Ensemble([values, values], combine="majority")
    with pytest.raises(ConfigError, match="calibrated: needs probabilities of classes or labels, got values"):
        gpunet.Ensemble([values, values]).calibrated(x, x[:, 0])
    with pytest.raises(ConfigError, match="got votes"):
        gpunet.Ensemble([net, net], combine="majority").calibrated(x, y)


def test_files_that_are_no_ensembles_or_hold_parts_that_do_not_fit(path, net, tmp_path):
    with pytest.raises(CheckpointError, match="must be a single network, beside others, got an ensemble of 4"):
        gpunet.load(path, path)
    root = read(path).root
    for name, array, expected in (
        ("one.h5", np.ones(3), "must be one for each of its 4 members, got 3"),
        ("two.h5", np.ones((4, 1)), "must be one number for each member"),
        ("three.h5", np.array([1.0, -1, 0, 0]), "must be finite, not negative"),
    ):
        root["ensemble"].children["weights"] = NamedArray(array)
        write(tmp_path / name, root)
        with pytest.raises(CheckpointError, match=expected):
            gpunet.load(tmp_path / name)
    root["ensemble"].attrs["combine"] = "median"
    write(tmp_path / "rule.h5", root)
    with pytest.raises(CheckpointError, match="must be mean, geometric"):
        gpunet.load(tmp_path / "rule.h5")
    root["networks"].children.clear()
    write(tmp_path / "none.h5", root)
    with pytest.raises(CheckpointError, match="must hold a group for each network"):
        gpunet.load(tmp_path / "none.h5")
