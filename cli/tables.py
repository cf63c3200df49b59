"""Tables that commands write: columns as CSV, TSV, JSON, JSON lines or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gpunet.errors import printable
from gpunet.plain import finite

from .output import Output

Columns = Mapping[str, Sequence[Any]]

DELIMITERS = {".csv": ",", ".tsv": "\t"}
LINES = (".jsonl", ".ndjson")
FORMATS = (".csv", ".tsv", ".json", *LINES, ".parquet")
AT_ONCE = 10_000  # rows of text between two writes


def rows_of(columns: Columns) -> Iterator[dict[str, Any]]:
    """A dict for each row, whose numbers that are not finite are None, as JSON has no word for them."""
    for row in zip(*columns.values()):
        yield {name: finite(value) for name, value in zip(columns, row)}


def write_table(columns: Columns, output: Output) -> None:
    """Write a file in the format that its ending says.

    Raises:
        WriteError: the disk refuses; an old file is untouched.
    """
    if output.ending == ".parquet":
        output.write([_parquet(columns)])
    elif output.ending in DELIMITERS:
        output.write(text.encode("utf-8", "backslashreplace") for text in separated(columns, DELIMITERS[output.ending]))
    elif output.ending in LINES:
        output.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode() for row in rows_of(columns))
    else:
        output.write([json.dumps(list(rows_of(columns)), indent=2, ensure_ascii=False).encode(), b"\n"])


def separated(columns: Columns, delimiter: str = ",") -> Iterator[str]:
    r"""The lines of a table of text, many at a time; what is missing is empty.

    >>> "".join(separated({"id": ["a", None], "price": [1.5, 2.0]}))
    'id,price\na,1.5\n,2.0\n'
    """
    yield _lines([list(columns)], delimiter)
    rows = list(zip(*columns.values()))
    for start in range(0, len(rows), AT_ONCE):
        yield _lines(rows[start : start + AT_ONCE], delimiter)


def latex(names: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> list[str]:
    r"""The lines of a LaTeX table with the rules of booktabs.

    Args:
        names: of the columns.
        rows: of cells.
        right: names of the columns that are aligned at their right side.

    >>> latex(["run", "test"], [["a_1", "5 % ± 1"]], ["test"])[:5]
    ['\\begin{tabular}{lr}', '\\toprule', 'run & test \\\\', '\\midrule', 'a\\_1 & 5 \\% $\\pm$ 1 \\\\']
    """
    columns = "".join("r" if name in right else "l" for name in names)
    lines = [" & ".join(map(_escaped, row)) + r" \\" for row in rows]
    start = rf"\begin{{tabular}}{{{columns}}}"
    return [start, r"\toprule", " & ".join(names) + r" \\", r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"]


def _escaped(text: str) -> str:
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    signs |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    return "".join(signs.get(sign, sign) for sign in printable(text))


def _lines(rows: Iterable[Sequence[Any]], delimiter: str) -> str:
    import csv

    held = io.StringIO()
    csv.writer(held, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return held.getvalue()


def _parquet(columns: Columns) -> bytes:
    import polars

    held = io.BytesIO()
    polars.DataFrame({name: list(values) for name, values in columns.items()}).write_parquet(held)
    return held.getvalue()
