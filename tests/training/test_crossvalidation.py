"""Cross-validation: the interval by hand, and predictions of samples that were not seen."""

import csv
import json
from dataclasses import replace
from statistics import mean, stdev

import numpy as np
import pytest

from gpunet.api.reading import load_split
from gpunet.config import load_config
from gpunet.data import Dataset, Split
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.studies.crossvalidation import cross_validate, fold_splits
from gpunet.studies.paired import corrected_mean
from shell import gpunet, refused

RNG = np.random.default_rng(5)
X = RNG.random((60, 3), np.float32)
Y = (X.sum(axis=1) > 1.5).astype(int)


def experiment(device, **keys):
    given = {"model.hidden": [4], "training.epochs": 2, "training.batch_size": 10, "model.dropout": 0.0, **keys}
    split = Split(np.arange(40), np.arange(40, 50), np.arange(50, 60))
    return Experiment(load_config("mlp", given, {}), Dataset("made", X, Y, classes=("no", "yes")), split, device)


def test_the_corrected_interval_by_hand():
    """Five folds of 100 samples: t(4) = 2.776, variance (1/5 + 20/80) s^2; the naive one would have 1/5 alone."""
    scores = [0.10, 0.14, 0.12, 0.09, 0.15]
    found = corrected_mean(scores, 80, 20)
    assert found.mean == pytest.approx(mean(scores))
    assert found.high - found.mean == pytest.approx(2.776 * stdev(scores) * (1 / 5 + 1 / 4) ** 0.5)
    assert corrected_mean([0.3], 80, 20).low is None


def test_intervals_of_shares_end_where_shares_do():
    """Four folds at 100 % and one at 90 %: the plain interval would go up to 106 %."""
    found = corrected_mean([1.0, 1.0, 1.0, 1.0, 0.9], 80, 20)
    assert found.high > 1
    assert found.within(0, 1).high == 1
    assert found.within(0, 1).low == found.low
    assert corrected_mean([0.3], 80, 20).within(0, 1).low is None


def test_folds_show_no_share_beyond_the_whole(device):
    """Four samples a fold: accuracies so far apart that the plain interval leaves 0 to 100 %."""
    data = Dataset("few", X[:12], Y[:12], classes=("no", "yes"))
    parts = Split(np.arange(8), np.arange(8, 10), np.arange(10, 12))
    found = cross_validate(replace(experiment(device, **{"training.batch_size": 4}), dataset=data, split=parts), 3)
    assert np.ptp(found.scores["accuracy"]) > 0.2
    assert (found.means["accuracy"].low == 0) | (found.means["accuracy"].high == 1)
    assert (found.means["error"].low == 0) | (found.means["error"].high == 1)


def test_a_fold_is_an_ordinary_training_on_the_rest(device):
    whole = experiment(device, members=2)
    found = cross_validate(whole, 3, repeats=2)
    splits = fold_splits(whole, 3, 2)
    assert found.rows.tolist() == list(range(60))
    outputs = np.zeros_like(found.outcome.outputs)
    for number, split in enumerate(splits):
        run = Run(Experiment(whole.config, whole.dataset, split, device))
        run.train()
        said = run.outcomes("test")
        outputs[split.test] += np.mean([one.outputs for one in said], axis=0) / 2
        assert found.scores["accuracy"][number] == pytest.approx(run.test_scores["accuracy"].mean())
        if number < 3:
            assert (found.fold[split.test] == number).all()
    np.testing.assert_allclose(found.outcome.outputs, outputs)
    np.testing.assert_array_equal(found.outcome.target, Y)
    pooled = {one.name: one.value for one in found.pooled}
    assert pooled["accuracy"] == pytest.approx((found.outcome.predicted == Y).mean())


def test_what_predicts_no_targets_has_no_folds(device):
    config = load_config("rbm", {}, {})
    with pytest.raises(ConfigError, match=r"folds: need a network that predicts targets, got rbm"):
        cross_validate(experiment(device).configured(config), 3)


def test_train_with_folds_writes_figures_and_predictions(tmp_path):
    rows = [[*map(float, x), "yes" if y else "no"] for x, y in zip(X, Y)]
    with (tmp_path / "made.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "class"], *rows])
    words = ["hidden=[4]", "epochs=2", "--folds", 3]
    done = gpunet("train", "made.csv", *words, "--run", "out", cwd=tmp_path)
    assert "corrected for shared samples" in done.stdout
    found = json.loads((tmp_path / "out/folds.json").read_text())
    assert len(found["scores"]["accuracy"]) == 3
    table = list(csv.DictReader((tmp_path / "out/predictions.csv").read_text().splitlines()))
    assert [row["target"] for row in table] == ["yes" if y else "no" for y in Y]
    right = np.mean([row["target"] == row["predicted"] for row in table])
    assert found["pooled"]["accuracy"]["value"] == pytest.approx(right)
    written = [".lock", "best.h5", "config.toml", "folds.json", "predictions.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == written
    refused("train", "made.csv", "--folds", 61, cwd=tmp_path, code=2, expected="folds: must be at most the 60 samples")
    refused("train", "made.csv", "--repeats", 3, cwd=tmp_path, code=2, expected="Add --folds K")


def test_a_fold_learns_nothing_from_the_samples_that_judge_it(tmp_path, device):
    """Fillings, categories and scales are those of its training part, whatever stands in the fold itself."""
    draw = np.random.default_rng(2)
    rows = [[f"{a:.3f}", "xyz"[k % 3], "yes" if a > 0 else "no"] for k, a in enumerate(draw.normal(size=60))]
    for row in rows[::7]:
        row[0] = ""

    def validated(path, table):
        path.write_text("\n".join(["a,b,class", *map(",".join, table)]) + "\n")
        keys = {"model.hidden": [4], "training.epochs": 1, "training.batch_size": 10, "data.source": str(path)}
        config = load_config("mlp", {**keys, "data.fill": "mean", "data.unseen": "ignore"}, {})
        dataset, parts = load_split(config)
        whole = Experiment(config, dataset, parts, device)
        return cross_validate(whole, 3), fold_splits(whole, 3, 1)

    found, splits = validated(tmp_path / "one.csv", rows)
    other = [list(row) for row in rows]
    for row in splits[0].test.tolist():
        other[row][:2] = ["1000", "q"]
    again, same = validated(tmp_path / "two.csv", other)
    np.testing.assert_array_equal(splits[0].test, same[0].test)

    def known(one):
        about = json.loads(one.networks[0]["data/json"].text)
        weights = {p: a.data for p, a in one.networks[0]["model"].walk() if hasattr(a, "data")}
        return about["contract"]["codes"], weights

    (codes, weights), (others, theirs) = known(found), known(again)
    assert codes == others
    kept = [float(rows[k][0]) for k in splits[0].train.tolist() if rows[k][0]]
    assert codes[0]["fill"] == pytest.approx(np.mean(kept))
    assert weights.keys() == theirs.keys()
    for path, array in weights.items():
        np.testing.assert_array_equal(array, theirs[path], err_msg=path)
