"""Tables into columns: cells exactly as they stand, numbers as Python reads them, lines that can be named."""

import csv
import gzip
import io

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpunet.data import Reading
from gpunet.datasets import read
from gpunet.errors import DataError


def table(folder, content, name="t.csv", **reading):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(str(path), Reading(**reading))


def shown(found):
    return [column.texts.tolist() for column in found.columns]


PLAIN = "a,b,label\n1.5,2,x\n-3e2,4,y\n"
SAME = [["1.5", "-3e2"], ["2", "4"], ["x", "y"]]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (PLAIN, "t.csv"),
        (PLAIN.replace(",", ";"), "t.csv"),
        (PLAIN.replace(",", "|"), "t.csv"),
        (PLAIN.replace(",", "\t"), "t.csv"),
        (PLAIN.replace(",", "\t"), "t.tsv"),
        (PLAIN.replace(",", " "), "t.data"),
        ("  a   b label\n 1.5   2     x\n-3e2   4     y\n", "t.txt"),
        (PLAIN.replace("\n", "\r\n"), "t.csv"),
        (PLAIN.replace("\n", "\r"), "t.csv"),
        (PLAIN.replace("\n", "\n\n") + "\n  \n", "t.csv"),
        ("# made by hand\n" + PLAIN + "# the end\n", "t.csv"),
        ("#a,b,label\n" + PLAIN.split("\n", 1)[1], "t.csv"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "t.csv"),
        (PLAIN.encode("utf-16"), "t.csv"),
        (PLAIN.encode("utf-16-le").join([b"\xff\xfe", b""]), "t.csv"),
        (gzip.compress(PLAIN.encode(), mtime=0), "t.csv.gz"),
        (PLAIN.replace("x", '"x"').replace("1.5", '"1.5"'), "t.csv"),
        (PLAIN.replace("1.5", " 1.5 ").replace("x", " x"), "t.csv"),
        (PLAIN.rstrip("\n"), "t.csv"),
    ],
)
def test_every_form_of_a_table_has_the_same_cells(content, name, tmp_path):
    found = table(tmp_path, content, name)
    assert (found.names, shown(found)) == (("a", "b", "label"), SAME)
    assert found.columns[0].numbers.tolist() == [1.5, -300.0]
    assert found.columns[2].numbers is None


def test_quoted_cells_hold_delimiters_quotes_and_lines(tmp_path):
    found = table(tmp_path, 'text,label\n"one, ""two""\n\n# three",a\nplain,b\n"x\r\ny",c\n')
    assert found.columns[0].texts.tolist() == ['one, "two"\n\n# three', "plain", "x\ny"]
    assert [found.place(row).rsplit(" ", 1)[1] for row in range(3)] == ["2", "5", "6"]


def test_quotes_inside_cells_are_what_they_are(tmp_path):
    found = table(tmp_path, 'a,label\n5" pipe,x\n7" pipe,y\n5" pipe,x\n')
    assert found.columns[0].texts.tolist() == ['5" pipe', '7" pipe', '5" pipe']


CELLS = st.text(st.sampled_from("ab1,;\"'\n .é"), max_size=5).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6))
def test_cells_are_those_of_the_csv_module(tmp_path_factory, rows):
    """Whatever csv.writer writes is read back, cell for cell."""
    rows = [row for row in rows if any(row)] or [["a", "b", "c"]]
    held = io.StringIO()
    csv.writer(held, lineterminator="\n").writerows(rows)
    found = table(tmp_path_factory.mktemp("law"), held.getvalue(), header=False, delimiter=",", missing=())
    expected = [[cell.strip() or None for cell in column] for column in zip(*rows)]
    assert shown(found) == expected


def test_numbers_are_those_of_python_bit_for_bit(tmp_path, rng):
    values = [repr(v) for v in (rng.standard_normal(500) * 10.0 ** rng.integers(-300, 300, 500)).tolist()]
    values += ["1.", ".5", "+7", "-.25e-3", "1E5", "007", "4.35", "0.1", "123456789012345678"]
    found = table(tmp_path, "a,b\n" + "".join(f"{v},0\n" for v in values))
    assert found.columns[0].numbers.tolist() == [float(v) for v in values]
    assert found.columns[0].texts.tolist() == values


@pytest.mark.parametrize("odd", ["1_10", "0x10", "١٢", "1e", "1,5", "true", "--1", "1d5", "1 2"])
def test_what_is_no_number_makes_a_column_of_texts(odd, tmp_path):
    found = table(tmp_path, f'a,b\n1,0\n"{odd}",1\n')
    assert found.columns[0].numbers is None
    assert found.columns[0].texts.tolist() == ["1", odd]


def test_missing_cells_are_empty_ones_and_usual_words_between_numbers(tmp_path):
    found = table(tmp_path, "a,b,c\n1,NA,x\n,2,NA\n?,null,\n4,3,y\n")
    assert np.isnan(found.columns[0].numbers).tolist() == [False, True, True, False]
    assert np.isnan(found.columns[1].numbers).tolist() == [True, False, True, False]
    assert found.columns[2].texts.tolist() == ["x", "NA", None, "y"]
    assert "column 'b': 1 cell 'NA', 1 cell 'null' are taken for missing" in found.notes
    own = table(tmp_path, "a,b,c\n1,NA,x\n9,2,x\n-9,9,y\n", missing=("-9", "x"))
    assert own.columns[0].numbers.tolist()[:2] == [1, 9]
    assert np.isnan(own.columns[0].numbers[2])
    assert own.columns[1].numbers is None
    assert own.columns[2].texts.tolist() == [None, None, "y"]


def test_decimal_commas_are_found_or_set(tmp_path):
    found = table(tmp_path, "acid;ph;name\n4,64;2,93;a\n7,39;3;b\n,5;-1,5e-2;c\n")
    assert found.columns[0].numbers.tolist() == [4.64, 7.39, 0.5]
    assert found.columns[1].numbers.tolist() == [2.93, 3, -0.015]
    assert "numbers have a decimal comma" in found.notes
    assert found.columns[0].texts.tolist() == ["4,64", "7,39", ",5"]
    points = table(tmp_path, "a;b\n1,5;2\n", decimal=".")
    assert points.columns[0].numbers is None
    commas = table(tmp_path, "a;b\n1,5;2.5\n", decimal=",")
    assert [column.numbers is None for column in commas.columns] == [False, True]


def test_latin_1_is_read_and_said(tmp_path):
    found = table(tmp_path, "größe,label\n1,süß\n2,“x”\n".encode("cp1252"))
    assert found.names == ("größe", "label")
    assert found.columns[1].texts.tolist() == ["süß", "“x”"]
    assert "Windows-1252 (Latin-1)" in found.notes[0]


def test_names_and_cells_are_in_one_normal_form(tmp_path):
    found = table(tmp_path, "cafe\u0301,label\n1,cafe\u0301\n2,caf\u00e9\n")
    assert found.names == ("café", "label")
    assert len(set(found.columns[1].texts.tolist())) == 1


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("a,b\n1,2\n3,4\n", True),
        ("1,2\n3,4\n5,6\n", False),
        ("0,1,2,3\n0.5,0.25,0.5,1\n0.5,0.75,1.5,0\n", True),
        (",0,1,2\n0,0.5,0.25,1\n1,0.75,1.5,0\n", True),
        ("1,2,3\n0.5,7,1\n0.6,8,0\n", True),
        ("0,1\n0.5,1\n0.7,0\n", False),
        ("id,2020,city\n1,5,x\n2,6,y\n", True),
        ("1,x,0\n3,4,1\n5,6,0\n", False),
        ("colour,size\nred,S\nblue,M\nred,S\n", True),
        ("red,S\nblue,M\nred,S\n", False),
        ("?,2\n3,4\n5,6\n", False),
        ("text,kind\nsome words,a\nother words,b\n", True),
    ],
)
def test_a_header_is_told_from_a_sample(content, header, tmp_path):
    found = table(tmp_path, content)
    assert found.named == header
    assert found.rows == content.count("\n") - header
    assert table(tmp_path, content, header=not header).named != header


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n3\n", "line 3: needs 2 cells as the first line, got 1"),
        ("a,b\n1,2,3\n3,4\n", "line 2: needs 2 cells as the first line, got 3"),
        ("a,b,class\n1,2,3,0\n4,5,6,1\n", "line 2: needs 3 cells as the first line, got 4"),  # as R writes row names
        ('a,b\n"1\n2",2\n3\n', "line 4: needs 2 cells as the first line, got 1"),
        ("#c\n\na,b\n1,2\n\n3\n", "line 6: needs 2 cells as the first line, got 1"),
        ("a;b\n1,5;2\n3;4;5\n", "needs 1 cells as the first line, got 2"),
        ("a,b,a\n1,2,3\n", "needs different column names, got 'a' twice"),
    ],
)
def test_a_line_that_differs_is_named(content, expected, tmp_path):
    with pytest.raises(DataError, match=expected):
        table(tmp_path, content)


def test_parquet_and_arrow_keep_their_types(tmp_path):
    dates = polars.Series(["2024-05-01"] * 3).str.to_date()
    frame = polars.DataFrame(
        {
            "a": [1.5, None, 3.0], "n": [1, 2, 2**60], "b": [True, False, None], "t": ["x", None, "01"],
            "c": polars.Series(["u", "v", "u"], dtype=polars.Categorical), "d": dates,
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ipc(tmp_path / "t.arrow")
    for name in ("t.parquet", "t.arrow"):
        found = read(str(tmp_path / name))
        a, n, b, t, c, d = found.columns
        assert (a.numbers[0], np.isnan(a.numbers[1]), a.texts.tolist()) == (1.5, True, ["1.5", None, "3"])
        assert n.texts.tolist() == ["1", "2", str(2**60)]
        assert (b.logical, b.numbers.tolist()[:2], b.texts.tolist()) == (True, [1, 0], ["True", "False", None])
        assert t.texts.tolist() == ["x", None, "01"]
        assert (c.texts.tolist(), d.is_date) == (["u", "v", "u"], True)
        assert found.place(1).endswith(f"{name} row 2")
