"""Columns into features: everything is learned on the training part, and new data fulfil what was learned."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from files import text
from gpunet.data import (
    Coding,
    Contract,
    Description,
    Split,
    Wanted,
    assemble,
    describe,
    fulfil,
    number_column,
    text_column,
)
from gpunet.data.table import Table
from gpunet.errors import DataError

NONE = np.zeros(0, np.int64)


def table(**columns):
    made = [
        text_column(name, cells) if any(isinstance(cell, str) for cell in cells)
        else number_column(name, np.array([np.nan if cell is None else cell for cell in cells], float))
        for name, cells in columns.items()
    ]  # fmt: skip
    return Table("t", tuple(made), True, lambda row: f"t line {row + 2}")


def learned(made, train=None, coding=None, **wanted):
    """A data set whose first rows train, with its description."""
    train = made.rows if train is None else train
    parts = Split(np.arange(train), NONE, np.arange(train, made.rows))
    dataset = assemble(made, Wanted(**wanted), coding or Coding(), lambda n, labels, by: parts)
    return dataset, describe(dataset, parts)


LABEL = [0, 1] * 4


@pytest.mark.parametrize(
    ("fill", "value"), [("auto", 3.0), ("median", 3.0), ("mean", 4.0), ("most_frequent", 2.0), ("flag", 3.0)]
)
def test_missing_numbers_become_what_the_training_part_says(fill, value):
    """The training part is 2, 2, 4, 8; what lies behind it, 100, has no say."""
    made = table(a=[2, 2, 4, 8, None, 100, 100, None], b=[1, 2, 3, 4, 5, 6, 7, 8], label=LABEL)
    dataset, about = learned(made, 5, Coding(fill=fill))
    assert dataset.x[[4, 7], 0].tolist() == [value, value]
    assert dataset.x[:4, 0].tolist() == [2, 2, 4, 8]
    assert dataset.columns == (("a", "a missing", "b") if fill == "flag" else ("a", "b"))
    if fill == "flag":
        assert dataset.x[:, 1].tolist() == [0, 0, 0, 0, 1, 0, 0, 1]
    new = fulfil(about, table(b=[9.0], a=[None]), "new")
    assert new.x[0, 0] == value
    assert "1 missing cell becomes" in new.notes[0]


def test_missing_numbers_are_refused_where_training_had_none_or_where_that_was_asked():
    full = table(a=[1, 2, 3, 4, 5, 6, 7, 8], label=LABEL)
    _, about = learned(full)
    with pytest.raises(DataError, match="t line 3, column 'a': must be a number, got an empty cell"):
        fulfil(about, table(a=[1.0, None]), "new")
    _, about = learned(full, coding=Coding(fill="mean"))
    assert fulfil(about, table(a=[1.0, None]), "new").x[1, 0] == 4.5
    gaps = table(a=[1, None, 3, 4, 5, 6, 7, 8], b=[1, None, 3, 4, 5, 6, 7, 8], label=LABEL)
    with pytest.raises(DataError, match="t line 3, column 'a'"):
        learned(gaps, coding=Coding(fill="refuse"))
    with pytest.raises(DataError, match="t line 3, column 'b'"):
        learned(gaps, coding=Coding(fill={"a": "mean", "*": "refuse"}))
    with pytest.raises(DataError, match="fill: must name features, got 'c'"):
        learned(gaps, coding=Coding(fill={"c": "mean"}))


def test_a_missing_target_is_refused():
    with pytest.raises(DataError, match="t line 4, column 'label': needs a label"):
        learned(table(a=[1, 2, 3, 4], label=[0, 1, None, 1]))


COLOURS = ["red", "blue", "red", "green", "blue", None, "red", "blue"]


def test_categories_are_one_hot_in_the_order_of_their_texts():
    dataset, about = learned(table(c=COLOURS, label=LABEL))
    assert dataset.columns == ("c=blue", "c=green", "c=red", "c=missing")
    assert dataset.x.argmax(axis=1).tolist() == [2, 0, 2, 1, 0, 3, 2, 0]
    assert (dataset.x.sum(axis=1) == 1).all()
    new = fulfil(about, table(c=["green", "pink", None]), "new")
    assert new.x.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert "1 cell is of categories that training has not seen, such as 'pink'" in new.notes[0]


def test_categories_may_be_counted_listed_folded_filled_and_refused():
    made = table(c=COLOURS, label=LABEL)
    ordinal, about = learned(made, coding=Coding(categories="ordinal", fill="most_frequent"))
    assert ordinal.x[:, 0].tolist() == [2, 0, 2, 1, 0, 0, 2, 0], "blue is the commonest, and first of the two"
    assert fulfil(about, table(c=["pink", "red"]), "new").x.tolist() == [[-1], [2]]
    sizes = table(c=["S", "L", "M", "S", "L", "M", "S", "L"], label=LABEL)
    listed, _ = learned(sizes, coding=Coding(categories={"c": ("S", "M", "L")}))
    assert listed.x[:, 0].tolist() == [0, 2, 1, 0, 2, 1, 0, 2]
    with pytest.raises(DataError, match="must hold the categories that were listed, got 'L'"):
        learned(sizes, coding=Coding(categories={"c": ("S", "M")}))
    rare, about = learned(made, coding=Coding(rare=2, fill="most_frequent"))
    assert rare.columns == ("c=blue", "c=red", "c=other")
    assert rare.x[3].tolist() == fulfil(about, table(c=["pink"]), "new").x[0].tolist() == [0, 0, 1]
    _, about = learned(made, coding=Coding(unseen="refuse"))
    with pytest.raises(DataError, match="t line 3, column 'c': must be a category that training has seen, got 'pink'"):
        fulfil(about, table(c=["red", "pink"]), "new")


def test_levels_that_only_other_parts_hold_are_unseen():
    made = table(c=["a", "b", "a", "b", "a", "b", "z", "a"], label=LABEL)
    dataset, _ = learned(made, 6)
    assert dataset.columns == ("c=a", "c=b")
    assert dataset.x[6].tolist() == [0, 0]


def test_numbers_far_from_zero_are_centred_before_they_lose_their_digits():
    seconds = 1.7e9 + np.arange(40) * 0.25
    made = table(a=seconds.tolist(), label=[0, 1] * 20)
    dataset, about = learned(made)
    assert np.array_equal(np.diff(dataset.x[:, 0]), np.full(39, 0.25))
    assert len(np.unique(seconds.astype(np.float32))) == 1, "which float32 alone would make of them"
    assert np.array_equal(fulfil(about, table(a=seconds[:3].tolist()), "new").x, dataset.x[:3])
    small = learned(table(a=[1, 2, 3, 4], label=[0, 1, 0, 1]))[0]
    assert small.x[:, 0].tolist() == [1, 2, 3, 4]


FULL = {"a": [float(i) for i in range(40)], "b": [i / 7 for i in range(40)], "c": ["u", "v"] * 20, "label": [0, 1] * 20}


@pytest.fixture
def about():
    found = learned(table(**FULL), ids=())[1]
    return Description.from_json(json.loads(json.dumps(found.to_json())))


def test_a_description_survives_as_text(about):
    assert about == learned(table(**FULL))[1]
    assert about.contract.codes[0].high == 39


def test_columns_are_found_by_name_in_any_order_among_others(about):
    new = {"z": [9] * 40, **{name: FULL[name] for name in ("c", "b", "a")}}
    assert np.array_equal(fulfil(about, table(**new), "new").x, learned(table(**FULL))[0].x)


@pytest.mark.parametrize(
    ("rename", "expected"),
    [
        ({"a": "A"}, r"no column 'a'. It has 'A', and names are taken as they are written"),
        ({"a": "A", "b": "B", "c": "C"}, "no column 'a'"),
        ({"b": "beta"}, "no column 'b'"),
        ({"a": "x", "b": "y", "c": "z"}, "no column 'a'"),
    ],
)  # fmt: skip
def test_all_columns_must_be_there_as_they_are_written(rename, expected, about):
    new = {rename.get(name, name): FULL[name] for name in ("a", "b", "c")}
    with pytest.raises(DataError, match=expected):
        fulfil(about, table(**new), "new")


def test_a_file_without_targets_says_so(about):
    with pytest.raises(DataError, match="must have the target column, got no column 'label'"):
        fulfil(about, table(**{name: FULL[name] for name in "abc"}), "new", targets=True)


def test_numbers_on_another_scale_are_refused_or_said(about):
    far = FULL | {"a": [v * 1000 + 5000 for v in FULL["a"]]}
    assert "column 'a' goes from 5000 to 4.4e+04" in fulfil(about, table(**far), "new").notes[0]
    sliver = FULL | {"a": [v / 1000 for v in FULL["a"]], "b": [v / 1000 for v in FULL["b"]]}
    with pytest.raises(DataError, match=r"on the scale of training, got column 'a' goes from 0 to 0\.039"):
        fulfil(about, table(**sliver), "new")
    wide = FULL | {"a": [v * 1e4 for v in FULL["a"]], "b": [(v - 20) * 1e4 for v in FULL["b"]]}
    with pytest.raises(DataError, match="on the scale of training, got column 'a' goes from 0 to"):
        fulfil(about, table(**wide), "new")
    moved = FULL | {"a": [v + 30 for v in FULL["a"]]}
    assert re.fullmatch(
        r"column 'a': \d+ % are beyond what training saw, since it went from .*",
        fulfil(about, table(**moved), "new").notes[0],
    )
    one = {name: FULL[name][:1] for name in "abc"}
    assert fulfil(about, table(**one), "new").notes == ()


@pytest.mark.parametrize(
    ("trained", "new", "fits"),
    [
        ((0, 255, True), (0, 1), False),
        ((0, 16, True), (0, 1), False),
        ((0, 1, False), (0, 255), False),
        ((0, 16, True), (0, 255), False),
        ((0, 255, True), (0, 200), True),
        ((0, 1, False), (0, 0.3), True),
        ((-3, 3, False), (-4, 4), True),
    ],
)
def test_arrays_must_be_on_the_scale_of_training(trained, new, fits, rng):
    low, high, whole = trained
    about = Description(
        "t", "", ("a", "b"), (), (64,), 0, 1.0, (9, 0, 0), contract=Contract(low=low, high=high, whole=whole)
    )
    x = rng.uniform(*new, (30, 64))
    if fits:
        assert fulfil(about, x, "x").x.dtype == np.float32
    else:
        with pytest.raises(DataError, match="x: must be on the scale of training"):
            fulfil(about, x, "x")
    black = fulfil(about, np.zeros((1, 64)), "x")
    assert not black.x.any(), "a single black image is one"


def nameless(about, *rows):
    columns = [number_column("", np.array(cells, float)) for cells in zip(*rows)]
    return fulfil(about, Table("t", tuple(columns), False, lambda row: f"t line {row + 1}"), "new")


def test_columns_without_names_go_by_their_places(tmp_path, rng):
    from gpunet.datasets import load

    rows = [[*rng.normal(size=3).round(3), i % 2] for i in range(40)]
    dataset = load(text(tmp_path, "".join(",".join(map(str, row)) + "\n" for row in rows)))
    about = describe(dataset, Split(np.arange(40), NONE, NONE))
    assert np.array_equal(nameless(about, *rows).x, dataset.x)
    assert np.array_equal(nameless(about, *[row[:3] for row in rows]).x, dataset.x)
    counted = nameless(about, *[[i, *row[:3]] for i, row in enumerate(rows)])
    assert np.array_equal(counted.x, dataset.x)
    assert "column 1 counts up" in counted.notes[0]
    with pytest.raises(DataError, match="t line 1, column 4: must be one of the classes of the model"):
        nameless(about, *[[7.5, *row[:3]] for row in rows])
    with pytest.raises(DataError, match="must have the 3 features of the model"):
        nameless(about, *[row[:2] for row in rows])


def test_a_class_is_known_by_its_text_or_its_number():
    found = learned(table(a=[1.0, 2, 3, 4], label=["01", "02", "01", "02"]))[1]
    assert fulfil(found, table(a=[1.0], label=["02"]), "new", targets=True).targets.y.tolist() == [1]
    numbers = replace(found, classes=("1", "2"))
    assert fulfil(numbers, table(a=[1.0, 2.0], label=[2.0, 1.0]), "new", targets=True).targets.y.tolist() == [1, 0]
    with pytest.raises(DataError, match="must hold classes that the model knows, got '3'"):
        fulfil(numbers, table(a=[1.0], label=[3.0]), "new", targets=True)


def test_words_keep_their_marks_in_every_form():
    texts = ["le cafe\u0301 noir est bon", "le the\u0301 vert est bon"] * 10
    composed = [__import__("unicodedata").normalize("NFC", t) for t in texts]
    _, about = learned(table(text=texts, label=[0, 1] * 10))
    assert "café" in about.vocabulary
    assert np.array_equal(*(fulfil(about, table(text=form), "new").x for form in (texts, composed)))


def test_ids_that_only_new_data_have_come_back():
    _, about = learned(table(a=[2, 2, 4, 8, 1, 3, 5, 7], b=[1, 2, 3, 4, 5, 6, 7, 8], label=LABEL))
    new = fulfil(about, table(user_id=["u1", "u2", "u3"], b=[9, 8, 7], other=["x", "y", "z"], a=[1, 2, 3]), "new")
    assert dict(new.ids) == {"user_id": ["u1", "u2", "u3"]}
    assert new.x.tolist() == [[1, 9], [2, 8], [3, 7]]
    assert not fulfil(about, table(user_id=["u1", "u1", "u3"], b=[9, 8, 7], a=[1, 2, 3]), "new").ids, "one comes twice"
