"""Cross-validation: the interval by hand, and predictions of samples that were not seen."""

import csv
import json
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from gpunet.api.reading import load_split
from gpunet.checkpoint import in_memory, read
from gpunet.cli.folding import FoldTerminal
from gpunet.config import load_config
from gpunet.data import Dataset, Split
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.studies.crossvalidation import (
    FoldCallbacks,
    Judged,
    cross_validate,
    fold_experiment,
    fold_splits,
    judged,
)
from gpunet.studies.foldfiles import Plan, fold_content, kept_fold
from gpunet.studies.paired import corrected_mean
from shell import gpunet, invoked, refused

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
    assert np.ptp(found.figures.scores["accuracy"]) > 0.2
    assert (found.figures.means["accuracy"].low == 0) | (found.figures.means["accuracy"].high == 1)
    assert (found.figures.means["error"].low == 0) | (found.figures.means["error"].high == 1)


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
        assert found.figures.scores["accuracy"][number] == pytest.approx(run.test_scores["accuracy"].mean())
        if number < 3:
            assert (found.fold[split.test] == number).all()
    np.testing.assert_allclose(found.outcome.outputs, outputs)
    np.testing.assert_array_equal(found.outcome.target, Y)
    pooled = {one.name: one.value for one in found.figures.pooled}
    assert pooled["accuracy"] == pytest.approx((found.outcome.predicted == Y).mean())


def test_settings_that_differ_by_member_are_told_one_by_one(device):
    """Each setting is what it is when trained alone; what all say together is the mean of their outputs."""
    rates = {"optimizer.learning_rate": [0.1, 0.001]}
    several = cross_validate(experiment(device, members=2, **rates), 3)
    assert [one.settings for one in several.by_setting] == [{"optimizer.learning_rate": rate} for rate in (0.1, 0.001)]
    assert [one.together for one in several.by_setting] == [2, 2]
    assert several.figures.together == 4
    outputs = []
    for one, rate in zip(several.by_setting, (0.1, 0.001)):
        alone = cross_validate(experiment(device, members=2, **{"optimizer.learning_rate": rate}), 3)
        outputs.append(alone.outcome.outputs)
        assert not alone.by_setting
        for name, values in alone.figures.scores.items():
            np.testing.assert_array_equal(one.scores[name], values)
        assert [vars(figure)["value"] for figure in one.pooled] == pytest.approx(
            [figure.value for figure in alone.figures.pooled], nan_ok=True
        )
    np.testing.assert_allclose(several.outcome.outputs, np.mean(outputs, axis=0))


def test_folds_that_were_kept_are_not_trained_again(device):
    """A cross-validation that goes on comes to what one comes to that was never stopped, bit for bit."""
    whole = experiment(device, members=2)
    found, splits = cross_validate(whole, 3), fold_splits(whole, 3, 1)
    known: dict[int, Judged] = {}

    class Kept(FoldCallbacks):
        def on_fold_end(self, number, found):
            plan = Plan(3, 1, whole.dataset.sha256, "from.h5", "0f", (("a", "b"),))
            content = fold_content(found.network, found.said, splits[number].test, number, plan)
            read = kept_fold(in_memory(content))
            assert read.plan == plan
            np.testing.assert_array_equal(read.rows, splits[number].test)
            known[read.number] = judged(fold_experiment(whole, splits[number]), read.said, read.network)

    cross_validate(whole, 3, callbacks=Kept())
    del known[1]
    trained = []

    class Told(FoldCallbacks):
        def on_fold(self, number, of):
            trained.append(number)

    again = cross_validate(whole, 3, callbacks=Told(), known=known)
    assert trained == [1]
    np.testing.assert_array_equal(again.outcome.outputs, found.outcome.outputs)
    for name, values in found.figures.scores.items():
        np.testing.assert_array_equal(again.figures.scores[name], values)


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


@contextmanager
def signals_heard():
    """Processes of pytest-xdist ignore an interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    """Two runs with folds, and what was selected out of them."""
    place = tmp_path_factory.mktemp("folded")
    rows = [[*map(str, x), "yes" if y else "no"] for x, y in zip(X, Y)]
    text = "\n".join(map(",".join, [["a", "b", "c", "class"], *rows])) + "\n"
    (place / "made.csv").write_text(text)
    for seed in (0, 1):
        words = ("hidden=[4]", "epochs=2", f"seed={seed}", "--folds", 3, "--run", f"f{seed}")
        gpunet("train", "made.csv", *words, cwd=place)
    gpunet("ensemble", "f0", "f1", "--method", "select", "--run", "selected", cwd=place)
    return place


def test_networks_of_folds_are_judged_by_what_they_did_not_learn(folded):
    """No part of the data is held out for all of them: figures are out of fold, and other parts are refused."""
    said = json.loads(gpunet("evaluate", "f0", "--json", cwd=folded).stdout)
    found = json.loads((folded / "f0/folds.json").read_text())
    assert said["part"] == "out of fold"
    assert said["samples"] == 60
    assert said["ensemble_accuracy"] == pytest.approx(found["pooled"]["accuracy"]["value"])
    assert said["figures"]["accuracy"]["value"] == [pytest.approx(found["pooled"]["accuracy"]["value"])]
    learned = "must be samples that no network learned from"
    refused("evaluate", "f0", "--part", "train", cwd=folded, code=3, expected=learned)
    refused("evaluate", "selected", cwd=folded, code=3, expected=learned)
    refused("ensemble", "f0", "--method", "all", cwd=folded, code=4, expected="Use --method select")
    other = json.loads(gpunet("evaluate", "selected", "made.csv", "--json", cwd=folded).stdout)
    assert other["samples"] == 60


def test_runs_with_folds_are_listed_shown_and_reported(folded):
    """The figure that networks were chosen by is none of the test part."""
    listed = {Path(one["run"]).name: one for one in json.loads(gpunet("runs", ".", "--json", cwd=folded).stdout)}
    assert {one["monitor"] for one in listed.values()} == {"out_of_fold_accuracy"}
    assert all(one["test"] == {} for one in listed.values())
    assert listed["f0"]["seconds"] > 0
    shown = gpunet("ensemble", "f0", cwd=folded).stdout
    assert shown.splitlines()[:6] == gpunet("ensemble", "f0", cwd=folded).stdout.splitlines()[:6]
    assert "mean of folds" in shown
    pytest.importorskip("matplotlib")
    gpunet("report", "f0", "f1", "selected", "-o", "report.html", cwd=folded)
    page = (folded / "report.html").read_text()
    assert page.count("Cross-validation: f") == 2
    assert "Ensemble: selected" in page


def test_a_stopped_cross_validation_goes_on(tmp_path, folded, monkeypatch):
    """What was finished is kept as files of folds; the end is what it would have been."""
    monkeypatch.chdir(tmp_path)
    tell = FoldTerminal.on_fold_end

    def on_fold_end(self, number, found):
        tell(self, number, found)
        if number == 1:
            signal.raise_signal(signal.SIGINT)

    words = ("train", folded / "made.csv", "hidden=[4]", "epochs=2", "seed=0", "--folds", 3, "--run", "out")
    with monkeypatch.context() as patched, signals_heard():
        patched.setattr(FoldTerminal, "on_fold_end", on_fold_end)
        rest = invoked(*words, code=130).stderr
    assert "folds: were stopped by SIGINT after 2 of 3. Go on with" in rest
    assert sorted(path.name for path in Path("out").iterdir()) == [".lock", "config.toml", "fold-1.h5", "fold-2.h5"]
    said = "cannot change between the folds of one cross-validation, got epochs=3"
    assert said in invoked("resume", "out", "epochs=3", code=2).stderr
    said = "out: must hold best.h5, got 2 finished folds. Go on with"
    assert said in invoked("predict", "out", folded / "made.csv", code=4).stderr
    alone = json.loads(invoked("evaluate", "out/fold-1.h5", "--json").stdout)
    assert (alone["part"], alone["samples"]) == ("out of fold", 20)
    assert (
        "a run with folds. Use --method select" in invoked("ensemble", folded / "f0", "--method", "all", code=4).stderr
    )
    (listed,) = json.loads(invoked("runs", "out", "--json").stdout)
    assert (listed["state"], listed["data"], listed["model"]) == ("unfinished", "made.csv", "mlp")
    assert "2 of 3 folds are finished" in invoked("resume", "out", "--dry-run").stderr
    moved = tmp_path / "elsewhere/made.csv"
    moved.parent.mkdir()
    moved.write_text((folded / "made.csv").read_text())
    invoked("resume", "out", "--data", moved)
    assert sorted(path.name for path in Path("out").glob("*.h5")) == ["best.h5"]
    assert Path("out/predictions.csv").read_bytes() == (folded / "f0/predictions.csv").read_bytes()
    assert read(Path("out/best.h5")).attrs["content_sha256"] == read(folded / "f0/best.h5").attrs["content_sha256"]


def test_folds_of_other_data_are_no_part_of_it(tmp_path, folded, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = (folded / "made.csv").read_text().splitlines()
    Path("made.csv").write_text("\n".join(lines) + "\n")
    failing = iter((False, True))

    def on_fold(self, number, of):
        if next(failing):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FoldTerminal, "on_fold", on_fold)
        invoked("train", "made.csv", "hidden=[4]", "epochs=1", "--folds", 3, "--run", "out", code=130)
    Path("made.csv").write_text("\n".join(lines[:-1]) + "\n")
    said = "out/fold-1.h5: must be a fold of the same cross-validation, got other data. Begin again in a new folder."
    assert said in invoked("resume", "out", code=4).stderr
    with Path("out/fold-1.h5").open("r+b") as file:
        file.seek(3000)
        file.write(b"damage")
    assert "out/fold-1.h5" in invoked("resume", "out", code=4).stderr


def test_predictions_out_of_fold_carry_ids_and_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [[f"C{1000 + k}", f"{x[0]:.3f}", f"{x[1]:.3f}", int(x[0] > 0.5), int(x[1] > 0.5)] for k, x in enumerate(X)]
    with Path("made.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["customer_id", "a", "b", "rain", "wind"], *rows])
    invoked("train", "made.csv", 'data.target=["rain","wind"]', "hidden=[4]", "epochs=1", "--folds", 3, "--run", "out")
    table = list(csv.DictReader(Path("out/predictions.csv").read_text().splitlines()))
    assert [row["customer_id"] for row in table] == [row[0] for row in rows]
    assert [(row["target(rain)"], row["target(wind)"]) for row in table] == [(f"{r[3]}.0", f"{r[4]}.0") for r in rows]
    said = [(float(row["p(rain)"]) > 0.5, float(row["p(wind)"]) > 0.5) for row in table]
    assert [(row["predicted(rain)"] == "1", row["predicted(wind)"] == "1") for row in table] == said
