"""What gpunet inspect finds out about a checkpoint, on files whose answers are known."""

import builtins
import csv
import io
import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from files import write_unchecked
from gpunet.checkpoint import Group, NamedArray, note, write
from gpunet.cli.app import main

ESCAPE = "\x1b]0;owned\x07\x9b31m"


def inspect(*arguments, code=0):
    done = CliRunner().invoke(main, ["inspect", *map(str, arguments)])
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


def document(*arguments):
    return json.loads(inspect(*arguments, "--json"))


def sample(rate=0.1, seed=0, members=0):
    rng = np.random.default_rng(seed)
    root = Group({"model": "dense(12, 5)", "parameters": 65, "epoch": 4, "step": 40})
    root["config/json"] = note({"optimizer": {"learning_rate": rate, "name": "adam"}, "model": {"hidden": [5]}})
    root["data/json"] = note({"input_shape": [3, 4], "name": "tiny"})
    lead = (members,) if members else ()
    first = "member," if members else ""
    weight = rng.normal(size=(*lead, 12, 5)).astype("f4")
    weight[..., 2] = 0
    root["model/000_dense/weight"] = NamedArray(weight, {"role": "weight", "axes": f"{first}input,output"})
    root["model/000_dense/bias"] = NamedArray(np.zeros((*lead, 5), "f4"), {"role": "bias", "axes": f"{first}output"})
    root["history/epoch"] = NamedArray(np.arange(1, 5))
    root["history/train_loss"] = NamedArray(np.array([8.0, 4, 2, 1]))
    root["history/validation_loss"] = NamedArray(np.array([[8.0, 9], [4, 5], [3, 4], [5, 6]]))
    root["history/seconds"] = NamedArray(np.full(4, 0.5), {"units": "s", "volatile": True})
    root["images/faces"] = NamedArray(np.arange(2 * 6 * 5 * 3, dtype="u1").reshape(2, 6, 5, 3))
    return root


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "a.h5", sample())
    return tmp_path / "a.h5"


def test_statistics_are_those_of_the_numbers(path):
    rows = {row["array"]: row for row in document(path, "--stats")}
    assert set(rows) == {"model/000_dense/weight", "model/000_dense/bias"}
    weight = sample()["model/000_dense/weight"].data.astype("f8")
    row = rows["model/000_dense/weight"]
    assert row["mean"] == pytest.approx(weight.mean())
    assert row["spread"] == pytest.approx(weight.std())
    assert (row["min"], row["max"]) == (weight.min(), weight.max())
    assert (row["zeros"], row["nonfinite"], row["dead_units"]) == (12, 0, 1)
    assert row["norm"] == pytest.approx(np.sqrt((weight**2).sum()))
    assert row["singular_values"] == pytest.approx(np.sqrt(np.linalg.eigvalsh(weight.T @ weight)[::-1][:3]))
    assert 1 < row["effective_rank"] < 4
    table = inspect(path, "--stats")
    assert "model/000_dense/weight" in table
    assert "12x5" in table


@pytest.mark.parametrize("width", [50, 80, 200])
def test_tables_of_statistics_fit_the_terminal_and_say_what_is_in_them(width, path, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = inspect(path, "--stats")
    rows = [line for line in shown.splitlines() if ": " not in line]
    assert max(map(len, rows)) <= width
    assert "…" not in shown
    heads = [line.split() for line in rows if line.split()[:1] == ["array"]]
    assert (len(heads) == 1) == (width == 200)
    names = ["shape", "mean", "spread", "min", "max", "zeros", "norm", "singular", "rank", "dead"]
    assert [name for head in heads for name in head[1:] if name != "non-finite"] == names
    assert "rank: effective rank" in shown
    assert "dead: units whose" in shown
    assert "saturated:" not in shown, "it has no such column"


def test_statistics_of_known_matrices():
    from gpunet.inspection.statistics import statistics

    assert statistics(np.eye(7), True)["effective_rank"] == pytest.approx(7)
    assert statistics(np.ones((7, 3)), True)["effective_rank"] == pytest.approx(1)
    assert statistics(np.zeros((7, 3)), True)["dead_units"] == 3
    found = statistics(np.array([[1, np.nan], [np.inf, 3]]), True)
    assert (found["nonfinite"], found["mean"], found["effective_rank"]) == (2, 2, None)
    assert statistics(np.zeros((0, 3)), True)["mean"] is None


def test_members_have_statistics_of_their_own(tmp_path):
    write(tmp_path / "a.h5", sample(members=3))
    rows = document(tmp_path / "a.h5", "--stats")
    weights = sample(members=3)["model/000_dense/weight"].data
    found = [row for row in rows if "weight" in row["array"]]
    assert [row["array"][-8:] for row in found] == ["member 0", "member 1", "member 2"]
    assert [row["mean"] for row in found] == pytest.approx([w.astype("f8").mean() for w in weights])


def test_statistics_of_a_part_and_of_the_worst(tmp_path):
    root = sample()
    root["model/000_dense/weight"].data[0, 0] = np.nan
    write_unchecked(tmp_path / "a.h5", root)
    assert "must be finite" in inspect(tmp_path / "a.h5", "--stats", code=4)
    (row,) = document(tmp_path / "a.h5", "model/000_dense/weight", "--stats", "--allow-nonfinite")
    assert row["nonfinite"] == 1
    rows = document(tmp_path / "a.h5", "history", "--stats", "--allow-nonfinite")
    assert rows[0]["array"] == "history/epoch"


def test_history_as_table_csv_and_json(path):
    table = inspect(path, "--history")
    assert "█▄▂▁" in table
    assert "mean over members" in table
    rows = list(csv.DictReader(io.StringIO(inspect(path, "--history", "--csv"))))
    assert [float(row["train_loss"]) for row in rows] == [8, 4, 2, 1]
    assert [float(row["validation_loss_1"]) for row in rows] == [9, 5, 4, 6]
    assert document(path, "--history")["epoch"] == [1, 2, 3, 4]


def test_curves_of_the_largest_numbers_have_a_line():
    from gpunet.cli.views.history import sparkline

    assert sparkline([1e308] * 30) == "▁" * 12
    assert sparkline([-1.7e308, 0.0, 1.7e308, float("inf"), float("-inf")]) == "▁▅█  "


def test_the_history_is_drawn(path, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    inspect(path, "--history", "-o", tmp_path / "h.png")
    pixels = np.asarray(image.open(tmp_path / "h.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50, "curves, not an empty page"
    assert "must be writable" in inspect(path, "--history", "-o", tmp_path / "none/h.png", code=74)


def test_filters_and_images_are_drawn_where_they_belong(path, tmp_path):
    image = pytest.importorskip("PIL.Image")
    found = document(path, "--image", "model/000_dense/weight", "-o", tmp_path / "w.png")
    assert found["tiles"] == 5
    pixels = np.asarray(image.open(tmp_path / "w.png"))
    assert found["size"] == [pixels.shape[1], pixels.shape[0]]
    assert 300 < max(pixels.shape) <= 600, "small pictures are enlarged"
    assert (pixels == pixels[::4, ::4].repeat(4, 0).repeat(4, 1)).all()
    pixels = pixels[::4, ::4]
    weight = sample()["model/000_dense/weight"].data
    factor, gap = 12, 7  # 3 x 4 pixels become 36 x 48
    for unit, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]):
        top, left = gap + row * (36 + gap), gap + column * (48 + gap)
        tile = pixels[top : top + 36 : factor, left : left + 48 : factor]
        filter_ = weight[:, unit].reshape(3, 4)
        wanted = 127.5 + 127.5 * filter_ / (np.abs(filter_).max() or 1)
        assert np.abs(tile - wanted).max() <= 0.51
    assert "2 images" in inspect(path, "--image", "faces", "-o", tmp_path / "f.png")
    assert np.asarray(image.open(tmp_path / "f.png")).shape[-1] == 3
    shown = inspect(path, "--image", "model/000_dense/bias", "-o", tmp_path / "b.png", code=4)
    assert "must be an image or weights of pixels" in shown
    assert "To draw: images/faces, model/000_dense/weight" in shown
    assert not (tmp_path / "b.png").exists()


def test_weights_whose_file_says_nothing_about_pixels_are_drawn_by_a_shape(path, tmp_path):
    image, numpy = pytest.importorskip("PIL.Image"), pytest.importorskip("safetensors.numpy")
    weight = sample()["model/000_dense/weight"].data
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        file["layers/dense/vars/0"] = weight
    numpy.save_file({"0.weight": np.ascontiguousarray(weight.T)}, tmp_path / "torch.safetensors")
    wanted = document(path, "--image", "model/000_dense/weight", "-o", tmp_path / "own.png")
    for name, array in (("keras.h5", "layers/dense/vars/0"), ("torch.safetensors", "0/weight")):
        options = ("--image", array, "-o", tmp_path / "w.png")
        assert "say their shape with --shape" in inspect(tmp_path / name, *options, code=4).lower()
        found = document(tmp_path / name, *options, "--shape", "3x4")
        assert (found["tiles"], found["size"]) == (wanted["tiles"], wanted["size"])
        own, theirs = (np.asarray(image.open(tmp_path / f"{picture}.png")) for picture in ("own", "w"))
        assert (own == theirs).all()
        assert "for inputs of 5x5" in inspect(tmp_path / name, *options, "--shape", "5x5", code=4)
    turned = document(path, "--image", "model/000_dense/weight", "--shape", "4x3", "-o", tmp_path / "t.png")
    assert turned["size"] != wanted["size"]
    for wrong in ("12", "3x0", "ax4", "2x3x2", ""):
        options = ("--image", "model/000_dense/weight", "-o", tmp_path / "w.png", "--shape", wrong)
        assert "--shape: must be HEIGHTxWIDTH" in inspect(path, *options, code=2)
    assert "--shape: must come with --image" in inspect(path, "--shape", "3x4", code=2)


def test_members_are_drawn_one_at_a_time(tmp_path):
    pytest.importorskip("PIL.Image")
    write(tmp_path / "a.h5", sample(members=3))
    found = document(tmp_path / "a.h5", "--image", "model/000_dense/weight", "-o", tmp_path / "w.png")
    assert (found["tiles"], "member 0 of 3" in found["note"]) == (5, True)


@pytest.mark.parametrize(
    ("missing", "options", "remedy"),
    [
        ("matplotlib", ("--history", "-o", "x.png"), "pip install 'gpunet[plot]'"),
        ("PIL", ("--image", "faces", "-o", "x.png"), "pip install 'gpunet[images]'"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_remedy(missing, options, remedy, path, monkeypatch):
    original = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.split(".")[0] == missing:
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    shown = inspect(path, *options, code=2)
    assert remedy in shown
    assert shown.count("\n") == 1


def test_differences(path, tmp_path):
    other = sample(rate=0.2)
    other["model/000_dense/weight"].data *= 2
    other["model/001_dense/weight"] = NamedArray(np.ones(3))
    other["model/000_dense/bias"] = NamedArray(np.zeros(6, "f4"))
    write(tmp_path / "b.h5", other)
    found = document(path, "--diff", tmp_path / "b.h5")
    assert found["configuration"] == [{"name": "optimizer.learning_rate", "first": 0.1, "second": 0.2}]
    assert {row["name"] for row in found["structure"]} == {
        "model/000_dense/bias", "model/001_dense", "model/001_dense/weight"
    }  # fmt: skip
    (row,) = found["arrays"]
    norm = np.linalg.norm(sample()["model/000_dense/weight"].data.astype("f8"))
    assert row["name"] == "model/000_dense/weight"
    assert (row["distance"], row["relative"], row["cosine"]) == pytest.approx((norm, 1, 1))
    assert row["angle"] == pytest.approx(0, abs=1e-6)
    shown = inspect(path, "--diff", tmp_path / "b.h5")
    assert "optimizer.learning_rate: 0.1 -> 0.2" in shown
    assert "model/000_dense/bias: float32 5 -> float32 6" in shown
    write(tmp_path / "c.h5", sample())
    assert "contents are equal" in inspect(path, "--diff", tmp_path / "c.h5")


def test_the_angle_between_subspaces_is_that_of_what_they_span(rng):
    from gpunet.inspection.differences import angle_between

    basis = np.linalg.qr(rng.normal(size=(9, 9)))[0]
    a = basis[:, :2] @ np.diag([3.0, 1])
    for degrees in (0, 1e-4, 30, 89):
        turned = np.cos(np.radians(degrees)) * basis[:, 1] + np.sin(np.radians(degrees)) * basis[:, 2]
        b = np.stack([basis[:, 0] * 5, turned], axis=1)
        assert angle_between(a, b) == pytest.approx(degrees, abs=1e-6)
    assert angle_between(a, a[:, ::-1] * -1) == pytest.approx(0, abs=1e-6), "order and signs of units"
    assert angle_between(a, a * 0) is None
    assert angle_between(rng.normal(size=(2, 5)), rng.normal(size=(2, 5))) is None, "both span everything"


def test_units_that_say_nothing_on_data_are_counted_beside_their_weights(tmp_path):
    for members in (0, 2):
        root = sample(members=members)
        layer = Group({"units_of": "000_dense", "units": 5})
        counts = np.array([1, 4])[: max(1, members)]
        layer["constant_units"] = NamedArray(counts if members else counts[0])
        layer["saturated_units"] = NamedArray(counts + 1 if members else counts[0] + 1)
        root["activations/001_sigmoid"] = layer
        write(tmp_path / "a.h5", root)
        rows = [row for row in document(tmp_path / "a.h5", "--stats") if "weight" in row["array"]]
        assert [(row["constant_units"], row["saturated_units"]) for row in rows] == [(1, 2), (4, 5)][: len(rows)]
        assert "saturated" in inspect(tmp_path / "a.h5", "--stats")


def test_lineage(path, tmp_path):
    assert "It names no parent" in inspect(path, "--lineage")
    root = sample()
    root.attrs["parent_sha256"] = "ab" * 32
    root["lineage/json"] = note({"parents": [{"path": "runs/rbm-1/best.h5", "layers": 2}]})
    write(tmp_path / "b.h5", root)
    assert "ab" * 32 in inspect(tmp_path / "b.h5", "--lineage")
    assert "runs/rbm-1/best.h5" in inspect(tmp_path / "b.h5", "--lineage")
    assert document(tmp_path / "b.h5", "--lineage")["lineage"]["parents"][0]["layers"] == 2


def test_arrays_are_exported(path, tmp_path):
    root = sample()
    root["file"] = NamedArray(np.arange(3))  # a name that numpy.savez takes for its own argument
    write(path, root)
    inspect(path, "--export-npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert np.array_equal(found["model/000_dense/weight"], root["model/000_dense/weight"].data)
        assert found["file"].tolist() == [0, 1, 2]
        assert json.loads(bytes(found["config/json"][()]))["model"] == {"hidden": [5]}
    inspect(path, "model/000_dense", "--export-npz", tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as found:
        assert sorted(found.files) == ["model/000_dense/bias", "model/000_dense/weight"]


def test_nothing_from_a_file_steers_the_terminal(tmp_path):
    root = sample()
    root.attrs |= {"model": ESCAPE, "parent_sha256": ESCAPE}
    root["model"].attrs["class"] = ESCAPE
    root["model/000_dense/weight"].attrs |= {"units": ESCAPE, "role": ESCAPE}
    root["config/json"] = note({ESCAPE: ESCAPE})
    root["lineage/json"] = note({ESCAPE: ESCAPE})
    root["text"] = NamedArray(np.bytes_(f"one\n{ESCAPE}".encode()))
    path = tmp_path / "a.h5"
    write(path, root)
    write(tmp_path / "b.h5", sample())
    for options in (
        (), ("config/json",), ("text",), ("model",), ("model/000_dense/weight",), ("--lineage",), ("--history",),
        ("--stats",), ("--diff", tmp_path / "b.h5"), ("--json",), ("--lineage", "--json"), ("model", "--json"),
    ):  # fmt: skip
        shown = inspect(path, *options)
        assert all(line.isprintable() for line in shown.split("\n")), options
    assert json.loads(inspect(path, "config/json")) == {ESCAPE: ESCAPE}
    assert document(path)["attributes"]["model"] == ESCAPE


def test_a_large_file_is_looked_at_without_reading_it(tmp_path):
    root = sample()
    for number in range(4):
        root[f"model/{number:03}_big/weight"] = NamedArray(np.full((4_000_000,), number, "f4"))
    path = tmp_path / "a.h5"
    write(path, root)
    content = bytearray(path.read_bytes())
    place = content.index(np.full(8, 3, "f4").tobytes())
    content[place] ^= 1  # unseen, because nobody looks there
    path.write_bytes(content)
    shown = inspect(path, "--no-verify")
    assert "as stated, not verified" in shown
    assert "float32  4000000" in shown
    assert document(path, "--no-verify")["verified"] is False
    assert "must match its hash" in inspect(path, "model/003_big/weight", "--no-verify", code=4)
    assert "1. 1." in inspect(path, "model/001_big/weight", "--no-verify")
    assert "sealed with" in inspect(path, code=4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--stats", "--history"), "must be asked for one view, got --history --stats"),
        (("--image", "faces"), "must be told where to draw"),
        (("--stats", "-o", "x.png"), "must come with --history, --trajectory or --image"),
        (("--csv",), "must come with --history"),
        (("--history", "--csv", "--json"), "must have one form of output"),
    ],
)
def test_options_that_do_not_fit(options, expected, path):
    shown = inspect(path, *options, code=2)
    assert expected in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("config/json", NamedArray(np.arange(3))),
        ("data/json", NamedArray(np.bytes_(b"no json"))),
        ("lineage/json", Group()),
        ("data/json", note([1])),
    ],
)
def test_notes_that_are_none_are_refused_in_one_line(name, array, tmp_path):
    root = sample()
    root[name] = array
    write(tmp_path / "a.h5", root)
    write(tmp_path / "b.h5", sample())
    options = {"config/json": ("--diff", tmp_path / "b.h5"), "lineage/json": ("--lineage",)}
    drawn = ("--image", "model/000_dense/weight", "-o", tmp_path / "x.png")
    assert "must be a note that holds a JSON object" in inspect(tmp_path / "a.h5", *options.get(name, drawn), code=4)


def test_no_gpu_is_needed_and_cupy_is_never_imported(path, tmp_path):
    code = f"""
import sys
from gpunet.cli import main
for options in (["inspect"], ["inspect", "--stats"], ["inspect", "--history"], ["verify"]):
    try:
        main([options[0], {str(path)!r}, *options[1:]])
    except SystemExit as end:
        assert not end.code
assert not {{"cupy", "gpunet.backend", "gpunet.training"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_all_layers_of_a_stack_are_drawn_with_units_at_their_axes(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    from gpunet.cli.views import history

    root = Group({"model": "dbn"})
    root["config"] = Group()
    for number, name in enumerate(("000_rbm", "001_rbm"), 1):
        root[f"pretraining/{name}/history/epoch"] = NamedArray(np.arange(1, 3 + number))
        root[f"pretraining/{name}/history/validation_reconstruction_error"] = NamedArray(np.ones(2 + number))
        root[f"pretraining/{name}/history/learning_rate"] = NamedArray(np.ones(2 + number))
    root["history/epoch"] = NamedArray(np.arange(1, 5))
    root["history/validation_reconstruction_error"] = NamedArray(np.ones(4))
    write(tmp_path / "s.h5", root)
    seen: list[Figure] = []
    real = history.write_figure
    monkeypatch.setattr(history, "write_figure", lambda figure, *rest: seen.append(figure) or real(figure, *rest))
    inspect(tmp_path / "s.h5", "--history", "-o", tmp_path / "h.png")
    bands = seen[0].subfigs
    assert [band.get_suptitle() for band in bands] == ["layer 1 of 2, 000_rbm", "layer 2 of 2, 001_rbm"]
    assert [len(axes.lines[0].get_xdata()) for band in bands for axes in band.axes] == [3, 3, 4, 4]
    labels = {axes.get_title(): axes.get_ylabel() for axes in bands[0].axes}
    assert labels == {"learning rate": "", "reconstruction error": "squared, summed over inputs"}
    assert "squared" in inspect(tmp_path / "s.h5", "--history")
