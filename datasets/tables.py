"""Tables: CSV, TSV and their like, plain or gzipped, Parquet and Arrow, into columns.

polars reads them, imported when the first table is read.  Text is read as text, so that labels stay what they are;
which columns hold numbers is decided by the rule of :mod:`gpunet.data.table`.  Whatever polars does not take is looked
at again cell by cell, to name the line that is wrong, or to read it after all.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunet.data.roles import TARGETS, TEXTS
from gpunet.data.table import NOTHING, Column, Reading, Table, is_number
from gpunet.errors import DataError, printable

from .text import SAMPLE, Lines, first_rows, read_lines, walk_cells

if TYPE_CHECKING:
    from polars import DataFrame, Series

PLAIN = (".csv", ".tsv", ".tab", ".psv", ".txt", ".data")
SUFFIXES = tuple(f"{suffix}{packed}" for suffix in PLAIN for packed in ("", ".gz"))
COMMA = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"  # a number with a decimal comma


def read_table(path: Path, reading: Reading, held: bytes | None = None) -> Table:
    """The columns of a file of text, or of the text ``held``, which ``path`` names in messages.

    Raises:
        DataError: naming the line, and the column where it is one cell.
    """
    lines = read_lines(path, reading.delimiter, held)
    sample = first_rows(lines)
    frame = None if len(sample) > 1 else _frame(path, lines)
    if frame is not None:
        sample = [list(row) for row in frame.head(SAMPLE + 1).rows()]
    header, why = (reading.header, "") if reading.header is not None else _is_header(sample, lines.delimiter != ",")
    notes = [*lines.notes, *([why] if why else [])]
    names, filled = _names(path, sample[0]) if header else ((), False)
    if filled:
        notes.append("columns without a name are called by their number")
    found = _of_numbers(lines, sample, names, bool(header)) if frame is None and reading.plain else None
    more: list[str] = []
    if found is None:
        frame = _frame(path, lines) if frame is None else frame
        body = frame[1:] if header else frame
        if not body.height:
            raise DataError(str(path), "must hold samples below its header", "none", "Check the file")
        found, more = _columns(path, body, names, reading, lines.delimiter)
    columns, first = found, int(bool(header))

    def place(row: int) -> str:
        _, number = next(itertools.islice(walk_cells(path, lines), row + first, None))
        return f"{path} line {number}"

    return Table(
        path.name, columns, bool(header), place, (*notes, *more), source=str(path),
        missing_given=reading.missing is not None,
    )  # fmt: skip


def _frame(path: Path, lines: Lines) -> DataFrame:
    """All cells as texts, null where one is empty; rows without anything are left out."""
    import polars

    try:
        rows = sum(1 for _ in walk_cells(path, lines)) if lines.quoted else None
        frame = polars.read_csv(
            lines.content, has_header=False, infer_schema=False, separator=lines.delimiter,
            quote_char='"' if lines.quoted else None,
        )  # fmt: skip
        if frame.to_series(0).null_count():
            frame = frame.filter(~polars.all_horizontal(polars.all().is_null()))
        whole = frame.height * (frame.width - 1) == lines.content.count(lines.delimiter.encode())
        if whole if rows is None else rows == frame.height:
            return frame
    except polars.exceptions.PolarsError:
        pass  # what it does not take is read below, or refused there with its line
    cells = [[cell or None for cell in row] for row, _ in walk_cells(path, lines)]
    return polars.DataFrame(cells, schema=[f"column_{i}" for i in range(len(cells[0]))], orient="row")


def _of_numbers(
    lines: Lines, sample: Sequence[Sequence[str | None]], names: tuple[str, ...], header: bool
) -> tuple[Column, ...] | None:
    """The columns of a table most of which are numbers, read as such at once; None where it is no such table.

    Their texts are read when somebody asks for them.
    """
    import polars

    width, below = len(sample[0]), sample[1:] if header else sample
    if lines.quoted or any(len(row) != width for row in below):
        return None
    held = [[cell for cell in column if cell is not None] for column in zip(*below)]
    plain = [bool(cells) and all(is_number(cell) for cell in cells) for cells in held]
    if not held or sum(plain) < width / 2 or (lines.delimiter != "," and not all(plain)):
        return None
    content, kinds = lines.content.lstrip(b"\n"), [polars.Float64 if number else polars.String for number in plain]

    def read(types: Sequence[Any], columns: list[int] | None = None) -> DataFrame:
        schema = {f"column_{i}": kind for i, kind in enumerate(types)}
        return polars.read_csv(
            content, has_header=header, schema=schema, separator=lines.delimiter, quote_char=None, columns=columns
        )

    try:
        frame = read(kinds)
    except polars.exceptions.PolarsError:
        return None
    rows, kept = frame.height, None
    if frame.to_series(0).null_count():
        kept = frame.select(~polars.all_horizontal(polars.all().is_null())).to_series()
        frame = frame.filter(kept)
    if not frame.height or (frame.height + header) * (width - 1) != lines.content.count(lines.delimiter.encode()):
        return None

    def speller(number: int) -> Callable[[], np.ndarray]:
        def spell() -> np.ndarray:
            cells = read([polars.String] * width, [number]).to_series()
            assert len(cells) == rows, "the same lines"
            return _speller(cells if kept is None else cells.filter(kept))()

        return spell

    columns = []
    for number, cells in enumerate(frame.iter_columns()):
        name = names[number] if names else ""
        if plain[number]:
            columns.append(Column(name, cells.to_numpy(), speller(number)))
        elif cells.null_count() == len(cells) or _could_be_numbers(cells):
            return None
        else:
            columns.append(Column(name, None, _speller(cells)))
    return tuple(columns)


def _could_be_numbers(cells: Series) -> bool:
    """Whether a column whose first cells are no numbers might be one of numbers after all."""
    import polars

    known = cells.str.strip_chars()
    numbers = known.cast(polars.Float64, strict=False)
    return len(numbers) > numbers.null_count() and bool(known.is_in([*NOTHING, ""]).any())


def _is_header(sample: Sequence[Sequence[str | None]], commas: bool) -> tuple[bool, str]:
    """Whether the first line holds names, and what the user should know about it.

    It does where half of the cells above columns of numbers are no numbers; where its cells count 0, 1, 2, ..., as
    libraries number columns without names; and, in a table of texts alone, where a cell is a usual name of targets or
    texts, or where no cell comes again below it although others do.
    """

    def number(cell: str) -> bool:
        return is_number(cell) or (commas and is_number(cell.replace(",", ".", 1)))

    first = ["" if cell is None else cell.strip() for cell in sample[0]]
    below = [[cell for cell in column if cell is not None] for column in zip(*sample[1:])]
    below = below or [[] for _ in first]
    counted = [cell for cell in (first[1:] if not first[0] else first) if cell]
    if len(counted) == len(first) - (not first[0]) and len(counted) > 2:
        for start in (0, 1):
            if counted == [str(number) for number in range(start, start + len(counted))] and len(sample) > 1:
                said = f"line 1 counts {start}, {start + 1}, ... and is taken for a header"
                return True, f"{said}; set header=false where it is none"
    numeric = [i for i, cells in enumerate(below) if cells and all(number(c) or c.strip() in NOTHING for c in cells)]
    if numeric:
        words = sum(bool(first[i]) and not number(first[i]) and first[i] not in NOTHING for i in numeric)
        return words >= len(numeric) / 2, ""
    if any(cell and number(cell) for cell in first):
        return False, ""
    if any(cell.lower() in (*TARGETS, *TEXTS) for cell in first):
        return True, ""
    again = [cell in {c.strip() for c in cells} for cell, cells in zip(first, below)]
    repeated = [len(set(cells)) < len(cells) for cells in below if cells]
    empty = any(len(cells) < len(sample) - 1 for cells in below) and len(sample) > 1
    return (len(sample) > 2 and not any(again) and (any(repeated) or empty)), ""


def _names(path: Path, cells: Sequence[str | None]) -> tuple[tuple[str, ...], bool]:
    """Names of columns; of several without one all but the first are called by their number."""
    names = [unicodedata.normalize("NFC", (cell or "").strip()) for cell in cells]
    nameless = [i for i, name in enumerate(names) if not name][1:]
    for number in nameless:
        names[number] = f"column {number + 1}"
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path} line 1", "needs different column names", f"{name!r} twice", "Rename one")
        seen.add(name)
    return tuple(names), bool(nameless)


def _columns(
    path: Path, body: DataFrame, names: tuple[str, ...], reading: Reading, delimiter: str
) -> tuple[tuple[Column, ...], list[str]]:
    import polars

    if reading.missing is not None:
        nothing = polars.all().str.strip_chars().is_in(list(reading.missing))
        body = body.select(polars.when(~nothing).then(polars.all()))
    commas = reading.decimal == ","
    plain = None if commas else body.select(polars.all().cast(polars.Float64, strict=False))
    columns, notes = [], []
    with_comma: list[int] = []
    with_point: list[int] = []
    for number, cells in enumerate(body.iter_columns()):
        name = names[number] if names else ""
        values = None if plain is None else plain.to_series(number)
        if values is None or values.null_count() != cells.null_count():
            cells, values, way = _numbers(cells, reading, delimiter)
            with_comma += [number] if way == "," else []
            if way not in ("", ","):
                notes.append(f"{_called(names, number)}: {way}")
        if values is not None and reading.decimal is None and delimiter != "," and not with_point:
            with_point += [number] if bool(cells.str.contains(".", literal=True).any()) else []
        numbers = None if values is None else values.cast(polars.Float64).to_numpy()
        columns.append(Column(name, numbers, _speller(cells)))
    if with_comma and reading.decimal is None:
        if with_point:
            some = f"points in {_called(names, with_point[0])}, commas in {_called(names, with_comma[0])}"
            raise DataError(str(path), "must have one decimal sign", some, 'Set decimal="." or decimal=","')
        notes.append("numbers have a decimal comma")
    return tuple(columns), notes


def _numbers(cells: Series, reading: Reading, delimiter: str) -> tuple[Series, Series | None, str]:
    """Cells, the numbers that they are or None, and how: ``,`` with a decimal comma, else a note or nothing."""
    import polars

    stripped = cells.str.strip_chars()
    stripped = stripped.set(stripped == "", None)
    signs = {".": ["."], ",": [","]}.get(reading.decimal or "", [".", ","] if delimiter != "," else ["."])
    nothing = stripped.is_in(list(NOTHING)).fill_null(False) if reading.missing is None else None
    for known, note in ((stripped, ""), (None, "without")):
        if known is None:
            if nothing is None or not nothing.any():
                continue
            known = stripped.set(nothing, None)
            words = stripped.filter(nothing).value_counts(sort=True).rows()
            note = ", ".join(f"{count} cells {word!r}" for word, count in words) + " are taken for missing"
        if known.null_count() == len(known) and cells.null_count() < len(cells):
            continue
        for sign in signs:
            written = known
            if sign == ",":
                written = known.set(~known.str.contains(COMMA).fill_null(True), "x").str.replace(",", ".", literal=True)
            values = written.cast(polars.Float64, strict=False)
            if values.null_count() == known.null_count():
                return known, values, note or ("," if sign == "," else "")
    return stripped, None, ""


def _speller(cells: Series) -> Callable[[], np.ndarray]:
    """Gives the texts of cells, in one normal form of Unicode and without blanks around them."""

    def spell() -> np.ndarray:
        held = np.empty(len(cells), object)
        texts = cells.to_list()
        known = {text: None if text is None else _normal(text) for text in dict.fromkeys(texts)}
        held[:] = [known[text] for text in texts]
        return held

    return spell


def _normal(text: str) -> str | None:
    text = text.strip()
    return (text if text.isascii() else unicodedata.normalize("NFC", text)) or None


def _called(names: Sequence[str], number: int) -> str:
    return f"column {printable(repr(names[number]))}" if names else f"column {number + 1}"
