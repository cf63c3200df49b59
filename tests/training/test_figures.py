"""Figures of runs: measured, monitored, weighed by class, decided by a fitted threshold, kept and shown."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn import metrics as peer

import gpunet
from gpunet.backend import Device
from gpunet.checkpoint import read
from gpunet.cli import main
from gpunet.config import check
from gpunet.data import Dataset, split
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.persistence import snapshot


def rare(n=400, share=0.15, seed=0):
    """Two classes that overlap, one of them rare."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < n * share).astype(np.int32)
    x = rng.normal(size=(n, 3)) + y[:, None] * [1.2, 0.8, 0.0]
    return Dataset("rare", x.astype(np.float32), y, ("often", "rarely"))


def make_run(dataset=None, settings=None, **training):
    dataset = dataset or rare()
    given = {"training": {"epochs": 3, "batch_size": 32, **training}, "model": {"name": "mlp", "hidden": [4]}}
    parts = split(dataset, validation=0.25, test=0.25, seed=0)
    return Run(Experiment(check(given | (settings or {})), dataset, parts, Device()))


def test_a_figure_that_is_monitored_is_measured_and_chooses_the_weights():
    run = make_run(monitor="validation_f1", metrics=["roc_auc", {"name": "calibration_error", "bins": 5}])
    run.train()
    values = [record.numbers["validation_f1"][0] for record in run.history]
    assert run.selection.best[0] == max(values)
    assert {"validation_roc_auc", "validation_calibration_error"} <= run.history[0].numbers.keys()
    (outcome,) = run.outcomes("validation")
    said = outcome.outputs.argmax(axis=1)
    assert run.selection.best[0] == pytest.approx(peer.f1_score(outcome.target, said, average="macro"), abs=1e-6)
    assert {"f1", "roc_auc"} <= run.test_scores.keys()


def test_errors_are_better_when_they_are_lower():
    run = make_run(monitor="validation_log_loss")
    run.train()
    assert run.selection.best[0] == min(record.numbers["validation_log_loss"][0] for record in run.history)


def test_members_are_measured_each_for_itself():
    together = make_run(settings={"members": 2, "seed": 4}, metrics=["roc_auc", "f1"])
    together.train()
    alone = make_run(settings={"seed": 5}, metrics=["roc_auc", "f1"])
    alone.train()
    for name in ("roc_auc", "f1"):
        assert together.test_scores[name][1] == alone.test_scores[name][0]


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"metrics": ["rmse"]}, "metrics: must suit the targets, got rmse. There are accuracy, error"),
        ({"monitor": "validation_f2"}, "got validation_f2. Did you mean validation_f1?"),
        ({"threshold": "roc_auc"}, "threshold: must be a metric of decisions, got roc_auc"),
        ({"class_weight": {"seldom": 2}}, "class_weight: must name classes, got 'seldom'"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(training, message):
    with pytest.raises(ConfigError) as caught:
        make_run(**training)
    assert message in str(caught.value)


def test_weights_of_classes_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    run = make_run(class_weight="balanced")
    y = run.dataset.y[run.split.train]
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=y)[y]
    assert run.trainer.feed.weights == pytest.approx(expected, rel=1e-6)
    by_hand = make_run(class_weight={"rarely": 3.0})
    assert by_hand.trainer.feed.weights == pytest.approx(np.where(y == 1, 3.0, 1.0))
    assert by_hand.validation.feed.weights is None, "evaluation counts samples as they are"
    assert make_run().trainer.feed.weights is None


def test_where_classes_weigh_alike_balanced_accuracy_chooses_the_weights():
    run = make_run(rare(1200, 0.05), class_weight="balanced")
    run.train()
    values = [record.numbers["validation_balanced_accuracy"][0] for record in run.history]
    assert (run.monitor, run.selection.best[0]) == ("validation_balanced_accuracy", max(values))
    assert make_run().monitor == make_run(class_weight={"rarely": 3.0}).monitor == "validation_accuracy"
    assert make_run(class_weight="balanced", monitor="validation_loss").monitor == "validation_loss"


def test_weights_of_classes_and_of_samples_multiply():
    dataset = rare()
    own = np.random.default_rng(1).random(400) + 0.5
    dataset = Dataset("rare", dataset.x, dataset.y, dataset.classes, weights=own)
    run = make_run(dataset, class_weight={"rarely": 3.0})
    rows = run.split.train
    assert run.trainer.feed.weights == pytest.approx(own[rows] * np.where(dataset.y[rows] == 1, 3, 1), rel=1e-6)


def test_a_balanced_training_finds_a_class_that_is_never_predicted_without():
    dataset = rare(1200, 0.05)
    settings = {"optimizer": {"name": "adam", "learning_rate": 0.02}}
    plain, balanced = (make_run(dataset, settings, epochs=20, class_weight=w) for w in (None, "balanced"))
    recalls = []
    for run in (plain, balanced):
        run.train()
        figures = {one.name: one for one in run.test_figures()[0]}
        recalls.append(figures["recall"].by_class[1])
        assert figures["accuracy"].baseline == pytest.approx(0.95)
        assert figures["balanced_accuracy"].baseline == 0.5
    assert recalls[0] < 0.3 < 0.6 < recalls[1]


def test_a_threshold_is_fitted_on_validation_kept_and_used(tmp_path):
    run = make_run(rare(1200, 0.1), epochs=15, threshold="f1")
    run.train()
    (limit,) = run.thresholds
    (outcome,) = run.outcomes("validation")
    assert outcome.threshold == limit != 0.5
    scores = outcome.outputs[:, 1]

    def f1(threshold):
        return peer.f1_score(outcome.target, scores > threshold, average="macro")

    assert f1(limit) >= max(f1(t) for t in np.linspace(0.02, 0.98, 97)) - 1e-12
    assert f1(limit) > f1(0.5)
    content = snapshot(run, best=True)
    assert content["decision/threshold"].data.tolist() == [limit]
    x, y = run.dataset.x, run.dataset.y
    net = gpunet.train("linear", x, y, epochs=5, training={"threshold": "f1"}, validation=0.25)
    net.save(tmp_path / "net.h5")
    kept = gpunet.load(tmp_path / "net.h5")
    assert kept.threshold == net.threshold is not None
    wanted = (net.predict_proba(x)[:, 1] > net.threshold).astype(int)
    assert np.array_equal(kept.predict(x), wanted)
    assert kept.figures(x, y)["error"].value == pytest.approx(np.mean(wanted != y))
    assert kept.evaluate(x, y)["accuracy"] == pytest.approx(np.mean(wanted == y)), "one name has one number"
    assert run.test_scores["accuracy"][0] == run.test_figures()[0][0].value


def test_one_score_decides_at_zero_and_one_probability_at_a_half():
    dataset = rare(400, 0.5)
    for loss in ("hinge", "squared_hinge", "binary_cross_entropy"):
        net = gpunet.train("linear", dataset.x, dataset.y, epochs=3, loss=loss)
        assert net.outputs(dataset.x).shape[1] in (1, 2)
        found = net.evaluate(dataset.x, dataset.y)
        assert np.mean(net.predict(dataset.x) == dataset.y) == pytest.approx(found["accuracy"]), loss
        assert net.figures(dataset.x, dataset.y)["accuracy"].value == pytest.approx(found["accuracy"]), loss


def test_several_labels_and_several_targets_have_figures_each(rng):
    x = rng.normal(size=(300, 4)).astype(np.float32)
    labels = (x[:, :3] + rng.normal(size=(300, 3)) > 0.5).astype(np.float32)
    net = gpunet.train("linear", x, labels, epochs=10, loss="binary_cross_entropy")
    found = net.figures(x, labels)
    each = peer.roc_auc_score(labels, net.outputs(x), average=None)
    assert found["roc_auc"].by_class == pytest.approx(each, abs=1e-12)
    assert found["subset_accuracy"].baseline < found["subset_accuracy"].value
    values = np.stack([x[:, 0] * 2 + 1, x[:, 1] - x[:, 2]], axis=1)
    net = gpunet.train("linear", x, values, epochs=10)
    found = net.figures(x, values)
    each = peer.r2_score(values.astype(float), net.outputs(x).astype(float), multioutput="raw_values")
    assert found["r2"].by_class == pytest.approx(each, abs=1e-12)
    assert found["rmse"].baseline == pytest.approx(values.std(axis=0).mean())


def table(path, n=300):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    y = np.where(x[:, 0] + rng.normal(size=n) > 0.5, "yes", "no")
    path.write_text("a,b,c,label\n" + "".join(f"{r[0]},{r[1]},{r[2]},{t}\n" for r, t in zip(x, y)))
    return path


def command(*words):
    place = [] if words[0] == "report" else ["--device", "cpu"]
    done = CliRunner().invoke(main, [*map(str, words), *place], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_line_shows_figures_with_intervals_and_baselines(tmp_path):
    data, run = table(tmp_path / "d.csv"), tmp_path / "run"
    shown = command("train", "linear", "--data", data, "epochs=5", "training.metrics=f1", "--run", run)
    assert "95 % interval" in shown
    assert "baseline" in shown
    document = json.loads(command("evaluate", run / "best.h5", "--json"))
    figure = document["figures"]["accuracy"]
    assert figure["low"][0] <= figure["value"][0] <= figure["high"][0]
    assert figure["value"][0] == pytest.approx(1 - document["error"][0])
    assert document["baseline"] == "training part"
    kept = read(run / "best.h5").root["metrics"].children["figures"].children["accuracy"].data
    assert kept[0].tolist() == [figure["value"][0], figure["low"][0], figure["high"][0], figure["baseline"]]
    other = json.loads(command("evaluate", run / "best.h5", "--data", table(tmp_path / "e.csv", 120), "--json"))
    assert (other["samples"], other["baseline"]) == (120, "evaluated samples")
    text = command("evaluate", run / "best.h5")
    assert "roc auc" in text
    assert "\nyes " in text
    command("report", run, "-o", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "Figures of the test part" in page
    assert "<th>roc auc</th>" in page
