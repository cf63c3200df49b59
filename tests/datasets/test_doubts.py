"""First lines that leave something open, comments, and digits in groups: read, said, or refused."""

import numpy as np
import pytest

from files import text
from gpunet.api.reading import load_split
from gpunet.config import load_config
from gpunet.datasets import load
from gpunet.errors import DataError

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 60)).round(3).tolist()
LABELS = ["yes" if a + b > 0 else "no" for a, b in zip(A, B)]


def made(path, **data):
    return load_split(load_config(None, {f"data.{k}": v for k, v in {"source": str(path), **data}.items()}, {}))[0]


def table(*columns, names="", sign=","):
    return "".join(sign.join(map(str, row)) + "\n" for row in [*([names.split(",")] if names else []), *zip(*columns)])


@pytest.mark.parametrize("names", ["2019,2020,label", "2019,2020,2021"])
def test_years_above_fractions_name_columns(names, tmp_path):
    last = LABELS if names.endswith("label") else [int(label == "yes") for label in LABELS]
    found = load(text(tmp_path, table(A, B, [0.5 + i for i in range(60)], last, names=f"2019,2020,2021,{names[10:]}x")))
    assert found.columns == ("2019", "2020", "2021")
    assert found.notes[0].startswith("line 1 counts 2019, 2020, ... and is taken for a header")


def test_numbers_that_count_up_among_whole_numbers_are_a_sample(tmp_path):
    rows = [[i % 7 + k for i in range(60)] for k in (3, 4, 5)]
    found = load(text(tmp_path, table(*rows)))
    assert (len(found.x), found.x[0].tolist()) == (60, [3, 4])


def test_a_sample_that_looks_like_names_and_the_reverse_are_warned_of(tmp_path):
    years = load(text(tmp_path, table(A, B, LABELS, names="2019,2024,outcome")))
    assert any("looks like names of columns; set header=true" in warning for warning in years.warnings)
    path = text(tmp_path, table(A, B, LABELS))
    assert "taken for names, and holds numbers like the lines below" in made(path, header=True).warnings[0]
    assert not made(path).warnings


def test_codes_and_dates_that_are_written_as_numbers_are_warned_of_where_they_are_features(tmp_path):
    codes, days = [f"0{1000 + i % 5}" for i in range(60)], [f"202405{1 + i % 28:02d}" for i in range(60)]
    found = load(text(tmp_path, table(codes, days, LABELS, names="zip,day,label")))
    assert [warning.split(";")[0] for warning in found.warnings] == [
        "column 'zip' has numbers that begin with 0, as codes do",
        "column 'day' looks like dates such as 20240501, taken for numbers",
    ]
    assert made(text(tmp_path, table(A, codes, names="a,zip"))).classes[0] == "01000"
    assert not made(text(tmp_path, table(A, codes, names="a,zip"))).warnings


def test_a_line_with_a_hash_and_as_many_cells_is_a_sample(tmp_path):
    rows = [f"#{i},{a},{label}" for i, (a, label) in enumerate(zip(A, LABELS))]
    found = load(text(tmp_path, "# by hand\nid,a,label\n# in the middle\n" + "\n".join(rows) + "\n"))
    assert (len(found.x), found.ids["id"][:2]) == (60, ["#0", "#1"])
    assert found.notes == ("2 lines of comments are skipped",)
    cells = ["#N/A" if i == 7 else a for i, a in enumerate(A)]
    filled = load(text(tmp_path, table(cells, LABELS, names="a,label")))
    assert (len(filled.x), filled.notes[0]) == (60, "column 'a': 1 cell '#N/A' is taken for missing")


def test_the_delimiter_that_a_spreadsheet_says(tmp_path):
    found = load(text(tmp_path, "sep=;\n" + table(A, B, LABELS, names="a,b,label", sign=";")))
    assert found.columns == ("a", "b")
    assert found.notes == ("line 1 says that cells are separated by semicolons",)


GROUPED = {
    "two groups": ('"1,206,300"', 1206300.0),
    "a group and a point": ('"206,300.50"', 206300.5),
    "blanks": ("206 300", 206300.0),
    "narrow blanks": ("206\u202f300", 206300.0),
    "apostrophes": ("206'300", 206300.0),
}


@pytest.mark.parametrize("name", GROUPED)
def test_digits_in_groups_are_read_where_there_is_one_way_to_do_so(name, tmp_path):
    cell, value = GROUPED[name]
    found = load(text(tmp_path, table(A[:20], [cell, *range(1, 20)], names="a,price")), task="regression")
    assert found.y[0, 0] == np.float32(value)
    assert any("group its digits" in note for note in found.notes)


def test_digits_in_groups_are_refused_with_the_keys_to_set_where_they_might_be_fractions(tmp_path):
    cells = [f'"{200 + i},{300 + i}"' for i in range(20)]
    path = text(tmp_path, table(A[:20], cells, names="a,price"))
    with pytest.raises(DataError, match=r"can be read in one way, got '200,300'\. Set thousands=\",\" where it groups"):
        made(path)
    assert made(path, thousands=",").y[:2, 0].tolist() == [200300, 201301]
    assert made(path, decimal=",").y[1, 0] == np.float32(201.301)
    feature = text(tmp_path, table(cells, A[:20], names="a,b"))
    with pytest.raises(DataError, match="column 'a': must hold numbers that can be read in one way"):
        made(feature)
    assert made(feature, thousands=",").x[0, 0] == 200300
    assert made(text(tmp_path, table(cells, A[:20], A[:20], names="a,b,c")), ignore="a").columns == ("b",)


def test_points_that_group_digits_beside_decimal_commas(tmp_path):
    rows = "a;price\n1,5;950\n2,5;1.200\n3,5;12.500,75\n4,5;820\n"
    found = load(text(tmp_path, rows), task="regression")
    assert found.y[:, 0].tolist() == [950, 1200, 12500.75, 820]
    rows = rows.replace(",75", "")
    with pytest.raises(DataError, match=r'Set decimal="\." or decimal=",", and thousands to the other'):
        load(text(tmp_path, rows))
    assert made(text(tmp_path, rows), thousands=".").y[:, 0].tolist() == [950, 1200, 12500, 820]


def test_points_that_may_group_digits_are_warned_of(tmp_path):
    prices = [950, "1.200", "12.500", 820, "3.100", 999] * 5
    path = text(tmp_path, table(A[:30], prices, names="a,price", sign=";"))
    found = made(path, task="regression")
    assert found.y[1, 0] == np.float32(1.2)
    assert "'1.200' beside whole numbers, taken for a fraction; set thousands='.'" in found.warnings[0]
    assert made(path, task="regression", thousands=".").y[1, 0] == 1200


@pytest.mark.parametrize("name", ["PassengerId", "customer_id", "Order ID", "user.id", "rowID"])
def test_names_that_end_in_id_are_ids_where_all_differ(name, tmp_path):
    numbers = RNG.permutation(9000)[:60].tolist()
    found = load(text(tmp_path, table(numbers, A, LABELS, names=f"{name},a,label")))
    assert (found.columns, list(found.ids)) == (("a",), [name])
    again = load(text(tmp_path, table([i % 9 for i in numbers], A, LABELS, names=f"{name},a,label")))
    assert again.columns == (name, "a")
    assert load(text(tmp_path, table(numbers, A, LABELS, names="humid,a,label"))).columns == ("humid", "a")


def test_the_last_column_is_no_target_where_it_is_an_id_or_empty(tmp_path):
    found = load(text(tmp_path, table(A, LABELS, range(60), names="a,species,id")))
    assert (found.targets, found.columns, list(found.ids)) == (("species",), ("a",), ["id"])
    trailing = load(text(tmp_path, table(A, LABELS, [""] * 60, names="a,species,")))
    assert (trailing.targets, trailing.columns) == (("species",), ("a",))
