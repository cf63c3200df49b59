"""Which column is what: as asked, else by the written rules; each with its reason."""

import numpy as np
import pytest

from files import text
from gpunet.api.reading import load_split
from gpunet.config import load_config
from gpunet.datasets import load
from gpunet.errors import DataError


def made(path, **data):
    return load_split(load_config(None, {f"data.{k}": v for k, v in {"source": str(path), **data}.items()}, {}))


def lines(names, rows=60, **columns):
    """A table whose columns are given as functions of the row, or numbers like any others."""
    default = {name: (lambda i, k=k: round(np.sin(i * (k + 1)), 3)) for k, name in enumerate(names)}
    cells = default | columns
    return "\n".join([",".join(names), *(",".join(str(cells[n](i)) for n in names) for i in range(rows))]) + "\n"


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["x", "y", "label"], "label"),
        (["age", "class", "fare", "target"], "target"),
        (["y", "a", "b"], "y"),
        (["Class", "y", "b"], "Class"),
        (["a", "b", "c"], "c"),
        (["LABEL", "b", "c"], "LABEL"),
    ],
)
def test_the_target_is_found_by_its_name_else_it_is_the_last_column(names, target, tmp_path):
    found = load(text(tmp_path, lines(names, **{target: lambda i: i % 2})))
    assert found.targets == (target,)
    assert found.columns == tuple(name for name in names if name != target)
    assert ("the last column" in found.why) == (target == "c")


def test_other_candidates_are_warned_of(tmp_path):
    found = load(text(tmp_path, lines(["x", "y", "label"], label=lambda i: i % 2)))
    assert found.warnings == (
        "'y' could be the target as well as 'label', and is a feature now; set target=... to choose",
    )


@pytest.mark.parametrize("name", ["", "id", "Id", "index", "Unnamed: 0", "row_id"])
def test_an_index_is_no_feature(name, tmp_path):
    path = text(tmp_path, lines([name, "a", "label"], **{name: lambda i: i, "label": lambda i: i // 30}))
    found = load(path)
    assert found.columns == ("a",)
    assert found.ignored[0][1].startswith("it counts up") or found.ignored[0][1].startswith("all its cells differ")
    assert list(found.ids) == [name]
    dataset, _ = made(path, features=[name, "a"])
    assert dataset.columns == (name, "a"), "what is asked for is taken"


def test_names_of_samples_are_carried_and_years_are_features(tmp_path):
    path = text(
        tmp_path, lines(["id", "year", "label"], id=lambda i: f"H{i}", year=lambda i: 1960 + i, label=lambda i: i % 2)
    )
    found = load(path)
    assert (found.columns, found.ids["id"][:2]) == (("year",), ["H0", "H1"])
    assert "counts up like an index" in found.warnings[0]


def test_roles_that_are_asked_for(tmp_path):
    names = ["a", "b", "c", "w", "who", "out"]
    cells = {"w": lambda i: 1 + i % 3, "who": lambda i: f"p{i % 7}", "out": lambda i: i % 2}
    path = text(tmp_path, lines(names, **cells))
    dataset, _ = made(path, target="b", ignore=["c", "out"], id="who", weight="w")
    assert (dataset.targets, dataset.columns, dataset.task) == (("b",), ("a",), "regression")
    assert dataset.weights.tolist()[:4] == [1, 2, 3, 1]
    assert dataset.ids["who"][:2] == ["p0", "p1"]
    assert dict(dataset.ignored)["column 'c'"] == "as asked"
    assert made(path, target="out", features="a,b", ignore="[c, w]")[0].columns == ("a", "b")
    assert made(path, target=-1, features=["a", 1])[0].columns == ("a", "b")
    kinds, _ = made(path, target="out", features={"w": "category"}, ignore="who")
    assert kinds.columns == ("a", "b", "c", "w=1", "w=2", "w=3")
    several, _ = made(path, target=["a", "b"], ignore="who")
    assert (several.y.shape, several.task, several.targets) == ((60, 2), "regression", ("a", "b"))
    nothing, _ = made(path, target=[], ignore="who")
    assert (nothing.task, nothing.y.shape, len(nothing.columns)) == ("none", (60, 0), 5)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"target": "zzz"}, "must have the target column, got no column 'zzz'"),
        ({"ignore": "labe"}, r"must have the ignore column, got no column 'labe'. Did you mean label\?"),
        ({"target": "label", "ignore": "label"}, "needs one role for each column, got two for column 'label'"),
        ({"target": "label", "features": ["label"]}, "needs one role for each column"),
        ({"weight": 7}, "has 3 columns, got weight column 7"),
        ({"ignore": ["a", "b"]}, "needs features beside the label column, got none"),
        ({"task": "regression", "target": "word"}, "no column 'word'"),
    ],
)
def test_what_cannot_be_is_refused(data, expected, tmp_path):
    path = text(tmp_path, lines(["a", "b", "label"], label=lambda i: i % 2))
    with pytest.raises(DataError, match=expected):
        made(path, **data)


@pytest.mark.parametrize("dtype", ["f8", "i4", "i8", "u2", "f4"])
def test_one_rule_for_every_type_decides_the_task(dtype, rng):
    from gpunet.data import understand

    many = rng.integers(0, 400, 442).astype(dtype)
    assert understand("d", many).task == "regression"
    assert understand("d", (many % 7).astype(dtype)).task == "classification"
    assert understand("d", (np.arange(400) % 40).astype(dtype)).classes == tuple(map(str, range(40)))
    assert understand("d", np.eye(3)[np.arange(60) % 3].astype(dtype)).y.tolist() == [0, 1, 2] * 20
    bits = rng.integers(0, 2, (50, 4)).astype(dtype)
    assert understand("d", bits).task == "multilabel"
    assert understand("d", bits, "regression").task == "regression"


def test_minus_one_and_one_are_two_classes():
    from gpunet.data import understand

    found = understand("d", np.array([-1, 1, 1, -1]))
    assert (found.classes, found.y.tolist()) == (("-1", "1"), [0, 1, 1, 0])


def test_classes_are_called_as_the_file_calls_them(tmp_path):
    def classes(*labels):
        return load(text(tmp_path, "".join(f"{i},{i * i},{labels[i % len(labels)]}\n" for i in range(40)))).classes

    assert classes("01", "02", "10") == ("01", "02", "10")
    assert classes("1_10", "11_0", "1_1") == ("11_0", "1_1", "1_10")
    assert classes("1E2", "30", "4") == ("4", "30", "1E2"), "sorted as numbers"
    assert classes("+1", "-1") == ("-1", "+1")
    assert classes("10", "9", "b") == ("10", "9", "b")


def test_a_label_column_in_front_is_warned_of(tmp_path):
    path = text(tmp_path, "".join(f"{i % 3},{np.sin(i):.3f},{np.cos(i * i):.4f}\n" for i in range(60)))
    assert "column 1 looks like classes" in load(path).warnings[0]
