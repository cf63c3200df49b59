"""The page that gpunet report writes: what it says, what it holds, and what it never lets in."""

import builtins
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.checkpoint import Group, NamedArray, note, write
from gpunet.cli.app import main
from gpunet.cli.reporting.histories import sections
from gpunet.cli.reporting.ordering import ordered
from gpunet.cli.reporting.page import render
from gpunet.cli.reporting.repetitions import repetitions
from gpunet.cli.reporting.runs import open_run
from shell import gpunet

pytest.importorskip("matplotlib")

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}$\\frac"


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    @property
    def words(self):
        return " ".join(" ".join(self.texts).split())


def report(*arguments, code=0):
    done = CliRunner().invoke(main, ["report", *map(str, arguments)])
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


def sample(name="tiny", seed=0, rate=0.1, accuracy=0.9, text="", seeds=None):
    """A checkpoint with something for every section; ``text`` goes wherever a text can be."""
    rng = np.random.default_rng(seed)
    root = Group({"model": f"dense(12, 3){text}", "parameters": 39, "epoch": 3, "monitor": "validation_accuracy"})
    root.attrs |= {"monitor_value": 0.75, "run_id": text, "parent_sha256": text}
    config = {"name": f"{name}{text}", "seed": seed, "members": 1, "optimizer": {"learning_rate": rate, "note": text}}
    root["config/json"] = note(config | {f"key{text}": text})
    classes = [f"{kind}{text}" for kind in ("rose", "lily", "iris")]
    root["data/json"] = note({"input_shape": [3, 4], "classes": classes, "name": text})
    root["data"].attrs |= {"name": f"flowers{text}", "data_sha256": "ab"}
    root["environment/json"] = note({"python": f"3.11{text}"})
    root["lineage/json"] = note({"grafts": [{"from": text}]})
    root["model/000_dense/weight"] = NamedArray(rng.normal(size=(12, 3)).astype("f4"), {"role": "weight"})
    root["streams/seeds"] = NamedArray(np.array(seeds or [seed], np.uint64))
    root["history/epoch"] = NamedArray(np.arange(1, 5))
    root["history/train_loss"] = NamedArray(np.array([800.0, 40, 2, 1]) + seed)
    root["history/validation_loss"] = NamedArray(np.array([900.0, 50, 4, 3]) + seed)
    root["history/learning_rate"] = NamedArray(np.array([0.0005, 0.0004, 0.0003, 0.0002]))
    root["history/seconds"] = NamedArray(np.full(4, 0.5))
    root["metrics/test_accuracy"] = NamedArray(np.array([accuracy]))
    root["images/reconstructions"] = NamedArray(
        np.arange(30, dtype="u1").reshape(5, 6), {"description": f"pairs{text}"}
    )
    root["activations/000_dense"] = Group({"units": 3, "samples": 2})
    root["activations/000_dense/counts"] = NamedArray(np.array([1, 2, 3]))
    root["activations/000_dense/edges"] = NamedArray(np.array([0.0, 1, 2, 3]))
    root["activations/000_dense/constant_units"] = NamedArray(np.array(2))
    root["confusion/counts"] = NamedArray(np.array([[5, 0, 1], [0, 7, 0], [0, 3, 4]]))
    root["codes/points"] = NamedArray(rng.normal(size=(6, 2)).astype("f4"))
    root["codes/targets"] = NamedArray(np.array([0, 1, 2, 0, 1, 2], "i4"))
    root["codes"].attrs |= {"layer": f"000_dense{text}", "variance_shown": 0.5}
    return root


def run(folder, root, file="best.h5"):
    folder.mkdir(exist_ok=True, parents=True)
    write(folder / file, root)
    return folder


def test_every_section_says_what_the_checkpoint_says(tmp_path):
    text = render([open_run(str(run(tmp_path / "a", sample())))])
    words = Page(text).words
    for expected in (
        "tiny dense(12, 3)", "test error 10.00 %", "best validation accuracy 75.00 % epoch 3", "parameters 39",
        "training time 2.0 s", "Filters", "Reconstructions", "pairs", "2 constant",
        "iris taken for lily (3)", "rose taken for iris (1)",
        "000_dense: two principal components, 50% of their variance",
        "optimizer.learning_rate 0.1", "data.name flowers", "python 3.11", "Dotted: the epoch whose weights were kept.",
    ):  # fmt: skip
        assert expected in words, expected
    assert ">0.00050<" in text or ">0.0005<" in text, "a tick of the learning rate, not rounded to 0.00"


def test_runs_of_different_seeds_are_one_experiment_with_a_spread(tmp_path):
    for seed, accuracy in ((0, 0.9), (1, 0.8)):
        run(tmp_path / f"s{seed}", sample(seed=seed, accuracy=accuracy))
    run(tmp_path / "other", sample(rate=0.2, seeds=[0, 1]))
    opened = [open_run(str(tmp_path / name)) for name in ("s0", "s1", "other")]
    first, second = repetitions(opened)
    assert (first.label, len(first.runs), first.members) == ("tiny learning_rate=0.1", 2, 2)
    assert (second.label, second.members) == ("tiny learning_rate=0.2", 2)
    assert first.confusion.tolist() == [[10, 0, 2], [0, 14, 0], [0, 6, 8]]
    words = Page(render(opened)).words
    assert "2 experiments compared" in words
    assert "15.00 % ± 7.1" in words
    assert "all 2 models together" in words
    assert "optimizer.learning_rate 0.2 0.1" in words, "what differs is shown side by side"
    assert "± 7.1" in Page(render(opened[:2])).words


def test_a_seed_is_no_second_sample_of_what_seeds_do(tmp_path):
    places = [run(tmp_path / "a", sample(), file) / file for file in ("best.h5", "last.h5")]
    found = repetitions([open_run(str(path)) for path in places])
    assert [(len(group.runs), group.members) for group in found] == [(1, 1), (1, 1)]
    assert [group.label.rpartition("/")[2] for group in found] == ["best.h5", "last.h5"]


def test_equal_labels_are_told_apart_by_their_runs(tmp_path):
    root = sample()
    root.attrs["model"] = "dense(12, 3) relu"  # no setting differs
    runs = [open_run(str(run(tmp_path / name, tree))) for name, tree in (("a", sample()), ("b", root))]
    assert [group.label.rpartition("/")[2] for group in repetitions(runs)] == ["a", "b"]


def test_nothing_from_a_file_becomes_part_of_the_page(tmp_path):
    folders = [run(tmp_path / f"{HOSTILE.replace('/', '')}{i}", sample(text=HOSTILE, rate=i)) for i in range(2)]
    for chosen in (folders[:1], folders):
        text = render([open_run(str(folder)) for folder in chosen])
        page = Page(text)
        assert not {tag for tag, _ in page.elements} & {"script", "iframe", "object", "embed", "link", "base", "form"}
        for tag, attrs in page.elements:
            assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
            assert attrs.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
            assert attrs.get("xlink:href", "#").startswith("#")
            assert "href" not in attrs
        assert page.words.count("<script>alert(1)</script>") > 10, "shown as the text that it is"
        assert "{{ 7*7 }}" in page.words


def test_the_page_asks_nobody_for_anything(tmp_path):
    text = render([open_run(str(run(tmp_path / "a", sample())))])
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    outside = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert "http" not in outside.replace("http-equiv", "")
    assert "@import" not in text
    assert "#0102" not in text, "a colour that the page does not choose"


def spoilt(**arrays):
    root = sample()
    for path, data in arrays.items():
        root[path.replace("__", "/")] = data if isinstance(data, Group) else NamedArray(np.asarray(data))
    return root


@pytest.mark.parametrize(
    ("tree", "missing"),
    [
        (spoilt(confusion__counts=np.zeros((2, 2), int)), "Confusions"),
        (spoilt(confusion__counts=np.zeros((3, 3), int)), "Confusions"),
        (spoilt(confusion__counts=np.zeros(9)), "Confusions"),
        (spoilt(codes__points=np.zeros((5, 2))), "Codes"),
        (spoilt(codes__targets=np.bytes_(b"x")), "Codes"),
        (spoilt(activations__000_dense__edges=np.zeros(9)), "Activations"),
        (spoilt(activations=Group()), "Activations"),
        (spoilt(activations__000_dense__edges=np.zeros(1), activations__000_dense__counts=np.zeros(0)), "Activations"),
        (spoilt(codes__targets=np.array(3)), "Codes"),
        (spoilt(history__epoch=np.array([b"a"] * 4)), "Curves"),
        (spoilt(images__reconstructions=np.zeros((4, 4))), "Reconstructions"),
        (spoilt(images__reconstructions=np.zeros((4, 4, 2), "u1")), "Reconstructions"),
        (spoilt(history=Group()), "Curves"),
        (spoilt(history__epoch=np.zeros((2, 2))), "Curves"),
    ],
)
def test_what_does_not_fit_is_left_out(tree, missing, tmp_path):
    words = Page(render([open_run(str(run(tmp_path / "a", tree)))])).texts
    assert missing not in words
    assert "Settings" in words


@pytest.mark.parametrize("value", [1e308, -1e308, 0.0, 5e-324])
def test_extreme_numbers_are_drawn(value, tmp_path):
    full = {
        "history__train_loss": np.full(4, value), "metrics__test_accuracy": np.full(1, value),
        "codes__points": np.full((6, 2), value), "activations__000_dense__edges": np.full(4, value),
        "activations__000_dense__counts": np.full(3, 2**62),
    }  # fmt: skip
    words = Page(render([open_run(str(run(tmp_path / "a", spoilt(**full))))] * 2)).texts
    assert {"Curves", "Codes", "Activations"} <= set(words)


def test_many_classes_are_a_picture_and_real_targets_a_shade(tmp_path):
    root = sample()
    classes = [f"c{i}" for i in range(30)]
    root["data/json"] = note({"input_shape": [3, 4], "classes": classes})
    root["confusion/counts"] = NamedArray(np.eye(30, dtype=int) * 4)
    text = render([open_run(str(run(tmp_path / "a", root)))])
    assert 'alt="Confusions"' in text
    root["data/json"] = note({"input_shape": [3, 4], "classes": []})
    root["codes/targets"] = NamedArray(np.linspace(0, 1, 6))
    words = Page(render([open_run(str(run(tmp_path / "b", root)))])).words
    assert "Confusions" not in words
    assert "two principal components" in words


def test_a_trained_run_fills_the_page(tmp_path):
    gpunet("train", "digits", "training.epochs=2", "--device", "cpu", "--run", "d", cwd=tmp_path)
    document = json.loads(gpunet("report", "d", "--json", cwd=tmp_path).stdout)
    text = (tmp_path / "report.html").read_text()
    assert document["bytes"] == len(text.encode()) < 1_000_000
    shown = Page(text).texts
    for section in ("Curves", "Filters", "Confusions", "Codes", "Activations", "Settings", "Lineage", "Environment"):
        assert section in shown, section
    gpunet("pretrain", "rbm", "training.epochs=1", "--device", "cpu", "--run", "r", cwd=tmp_path)
    words = ("report", "d", "r/best.h5", "--steps", 20, "-o", "two.html")
    assert "Report of 2 runs" in gpunet(*words, cwd=tmp_path).stdout
    assert {"Fantasies", "Reconstructions", "Results"} <= set(Page((tmp_path / "two.html").read_text()).texts)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Runs of a machine, of a population of two, and of a stack, on a table of bits."""
    import gpunet as library

    folder, rng = tmp_path_factory.mktemp("machines"), np.random.default_rng(0)
    bits = (rng.random((300, 12)) < rng.choice([0.2, 0.8], (300, 1))).astype(np.uint8)
    np.savez(folder / "bits.npz", x=bits, y=bits[:, 0])
    common = {"data": str(folder / "bits.npz"), "epochs": 4, "device": "cpu", "validation": 0.2, "test": 0.2}
    for name, model, more in (("one", "rbm", {}), ("two", "rbm", {"members": 2}), ("stack", "dbn", {"hidden": [5, 4]})):
        library.train(model, **common | {"hidden": 5} | more, run=folder / name, progress=False)
    return folder


def test_samples_of_machines_are_judged_as_evaluate_judges_them(machines, tmp_path):
    said = gpunet("evaluate", "one", "--steps", 40, "--device", "cpu", cwd=machines).stdout.splitlines()
    report(machines / "one", "--steps", 40, "-o", tmp_path / "x.html")
    page = Page((tmp_path / "x.html").read_text())
    assert "Trust in samples" in page.texts
    verdicts = [line for line in said if line.startswith(("pass", "FAIL"))]
    assert len(verdicts) == 8
    for line in verdicts:
        assert line.partition(": ")[2] in page.words or line[6:] in page.words, line
    titles = ("Principal components", "Correlations of three features", "Adversarial accuracy")
    for title in (
        *titles,
        "Chains from two starts",
        "Distance to the nearest training row",
        "Free energies",
        "Share of each part of the data",
    ):
        assert title in page.texts, title
    assert "#0102" not in (tmp_path / "x.html").read_text(), "a colour that is not of the page"
    report(machines / "one", "--steps", 0, "-o", tmp_path / "y.html")
    assert "Trust in samples" not in (tmp_path / "y.html").read_text()


def test_of_populations_the_first_member_is_judged_and_of_stacks_what_they_draw(machines, tmp_path):
    report(machines / "two", machines / "stack", "--steps", 30, "-o", tmp_path / "x.html")
    page = Page((tmp_path / "x.html").read_text())
    assert page.texts.count("Trust in samples") == 2
    assert "Of seed 0." in page.words
    assert page.texts.count("Principal components") == 2
    assert page.texts.count("Free energies") == page.texts.count("Chains from two starts") == 1


def test_a_machine_whose_data_are_gone_is_not_judged_and_the_page_says_why(machines, tmp_path):
    shutil.copytree(machines, tmp_path / "moved")
    data = Path(machines / "bits.npz")
    kept = data.read_bytes()
    data.unlink()
    try:
        report(tmp_path / "moved/one", "-o", tmp_path / "x.html")
    finally:
        data.write_bytes(kept)
    page = Page((tmp_path / "x.html").read_text())
    assert "Not judged. " in page.words
    assert "bits.npz" in page.words
    assert {"Trust in samples", "Settings"} <= set(page.texts)
    assert "Principal components" not in page.texts


def test_the_best_checkpoint_of_a_run_is_shown_else_its_last(tmp_path):
    folder = run(tmp_path / "a", sample(name="last"), "last.h5")
    assert open_run(str(folder)).settings["name"] == "last"
    run(folder, sample(name="best"))
    assert open_run(str(folder)).settings["name"] == "best"


def test_mistakes_get_one_line_and_their_code(tmp_path, monkeypatch):
    folder = run(tmp_path / "a", sample())
    (tmp_path / "empty").mkdir()
    assert "must hold best.h5 or last.h5, got neither" in report(tmp_path / "empty", code=4)
    assert "must be an existing checkpoint" in report(tmp_path / "none", code=4)
    assert "must be writable" in report(folder, "-o", tmp_path / "none/x.html", code=74)
    content = bytearray((folder / "best.h5").read_bytes())
    content[-1] ^= 1
    (folder / "best.h5").write_bytes(content)
    assert "sealed with" in report(folder, "-o", tmp_path / "x.html", code=4)
    original = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    shown = report(folder, "-o", tmp_path / "x.html", code=2)
    assert "pip install 'gpunet[plot]'" in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "x.html").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of two classes, of regression and of several labels, and two runs on other data."""
    import gpunet as library

    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = (x[:, 0] + 0.5 * rng.normal(size=300) > 0).astype(int)
    small = {"device": "cpu", "test": 0.3, "validation": 0.2}
    library.train("linear", x, y, epochs=1, run=folder / "short", **small)
    library.train("linear", x, y, epochs=20, learning_rate=0.5, run=folder / "long", **small)
    library.train("linear", x, 100 * x[:, :2], epochs=3, run=folder / "values", **small)
    library.train(
        "linear", x, np.stack([y, 1 - y, x[:, 1] > 0], axis=1).astype(int), {"data.task": "multilabel"},
        epochs=3, run=folder / "labels", **small,
    )  # fmt: skip
    return folder


def test_curves_calibration_values_and_figures_one_by_one_are_on_the_page(trained):
    words = {name: Page(render([open_run(trained / name)])).words for name in ("long", "values", "labels")}
    for expected in ("ROC", "Precision and recall", "Calibration", "came true", "1: area 0."):
        assert expected in words["long"], expected
    assert "One by one" in words["long"]
    for expected in ("predicted against true", "residuals", "rmse", "Predicted less true: mean"):
        assert expected in words["values"], expected
    assert "ROC" not in words["values"]
    assert "each label" in words["labels"]
    assert "predicted against true" not in words["labels"]


def test_experiments_on_the_same_data_are_sorted_and_the_best_is_marked(trained):
    names = ("short", "values", "long", "labels")
    text = render([open_run(trained / name) for name in names])
    scores = {name: float(open_run(trained / name).scores["test_accuracy"][0]) for name in ("short", "long")}
    assert scores["long"] > scores["short"]
    assert text.count(">best</span>") == 1
    groups, best = ordered(repetitions([open_run(trained / name) for name in names]))
    assert best == {0}
    assert [group.first.name.rsplit("/", 1)[1] for group in groups] == ["long", "short", "values", "labels"]
    titles = [history["title"] for history in sections(groups)]
    assert len(titles) == len(set(titles)) == 3, "each data set has axes of its own"
