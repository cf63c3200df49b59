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

from gpunet.data.roles import TARGETS
from gpunet.data.table import NOTHING, Column, Reading, Table, are_numbers, is_number
from gpunet.errors import DataError

from .cache import Cache, opener
from .headers import called, doubts, is_header, names_of
from .numbers import decimal_signs, groups_digits, read_numbers
from .pictures import Imaging
from .text import SAMPLE, Lines, first_rows, read_lines, walk_cells

if TYPE_CHECKING:
    from polars import DataFrame, Series

PLAIN = (".csv", ".tsv", ".tab", ".psv", ".txt", ".data")
SUFFIXES = tuple(f"{suffix}{packed}" for suffix in PLAIN for packed in ("", ".gz"))


def read_table(
    path: Path,
    reading: Reading,
    imaging: Imaging | None = None,
    held: bytes | None = None,
    cache: Cache | None = None,
    memory: int | None = None,
) -> Table:
    """The columns of a file of text, or of the text ``held``, which ``path`` names in messages.

    Images that cells name are kept in a cache where there is one.

    Raises:
        DataError: naming the line, and the column where it is one cell.
    """
    lines = read_lines(path, reading.delimiter, held)
    sample = first_rows(lines)
    even = len(sample) > 1 and len({len(row) for row in sample}) == 1
    frame = None if even else _frame(path, lines)  # which names the line that has another number of cells
    if frame is not None:
        sample = [list(row) for row in frame.head(SAMPLE + 1).rows()]
    commas = lines.delimiter != ","
    header, why = (reading.header, "") if reading.header is not None else is_header(sample, commas)
    notes = [*lines.notes, *([why] if why else [])]
    names, filled = names_of(path, sample[0]) if header else ((), False)
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
        missing_given=reading.missing is not None, doubts=tuple(doubts(sample, bool(header), names, commas)),
        opener=opener(path, imaging or Imaging(), cache, memory),
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
    plain = [bool(cells) and are_numbers(cells) for cells in held]
    if any(not number and any(map(groups_digits, cells)) for number, cells in zip(plain, held)):
        return None
    if not held or sum(plain) < width / 2 or (lines.delimiter != "," and not all(plain)):
        return None
    content = lines.content.lstrip(b"\n")
    likely = {
        width - 1,
        *(i for i, name in enumerate(names) if name.lower() in TARGETS),
    }  # whose texts will be asked for
    kinds = [polars.Float64 if number and i not in likely else polars.String for i, number in enumerate(plain)]

    def read(types: Sequence[Any], columns: list[int] | None = None) -> DataFrame:
        schema = {f"column_{i}": kind for i, kind in enumerate(types)}
        return polars.read_csv(
            content, has_header=False, skip_rows=int(header), schema=schema, separator=lines.delimiter, quote_char=None,
            columns=columns,
        )  # fmt: skip

    try:
        frame = read(kinds)
    except polars.exceptions.PolarsError:
        return None
    rows, kept = frame.height, None
    if frame.to_series(0).null_count():
        kept = frame.select(~polars.all_horizontal(polars.all().is_null())).to_series()
        frame = frame.filter(kept)
    if not frame.height:
        return None
    signs = (frame.height + header) * (width - 1)
    if frame.to_series(-1).null_count() and signs != lines.content.count(lines.delimiter.encode()):
        return None  # a line is too short; polars refuses one that is too long

    def speller(number: int) -> Callable[[], np.ndarray]:
        def spell() -> np.ndarray:
            cells = read([polars.String] * width, [number]).to_series()
            assert len(cells) == rows, "the same lines"
            return _speller(cells if kept is None else cells.filter(kept))()

        return spell

    columns = []
    for number, cells in enumerate(frame.iter_columns()):
        name = names[number] if names else ""
        if plain[number] and number in likely:
            values = cells.str.strip_chars().cast(polars.Float64, strict=False)
            if values.null_count() != cells.null_count():
                return None
            columns.append(Column(name, values.to_numpy(), _speller(cells)))
        elif plain[number]:
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


def _columns(
    path: Path, body: DataFrame, names: tuple[str, ...], reading: Reading, delimiter: str
) -> tuple[tuple[Column, ...], list[str]]:
    import polars

    if reading.missing is not None:
        nothing = polars.all().str.strip_chars().is_in(list(reading.missing))
        if marks := [float(word) for word in reading.missing if is_number(word)]:
            nothing |= polars.all().cast(polars.Float64, strict=False).is_in(marks).fill_null(False)
        body = body.select(polars.when(~nothing).then(polars.all()))
    pointed = decimal_signs(reading, delimiter)[0] == "."
    plain = body.select(polars.all().cast(polars.Float64, strict=False)) if pointed else None
    columns, notes = [], []
    with_comma: list[int] = []
    with_point: list[int] = []
    for number, cells in enumerate(body.iter_columns()):
        name = names[number] if names else ""
        read = None
        if plain is None or plain.to_series(number).null_count() != cells.null_count():
            read = read_numbers(cells, reading, delimiter)
            cells = read.cells
            with_comma += [number] if read.comma else []
            notes += [f"{called(names, number)}: {note}" for note in read.notes]
        values = plain.to_series(number) if read is None and plain is not None else None
        values = read.values if read is not None else values
        if values is not None and reading.decimal is None and delimiter != "," and not with_point:
            ungrouped = read is None or not read.grouped
            with_point += [number] if ungrouped and bool(cells.str.contains(".", literal=True).any()) else []
        numbers = None if values is None else values.cast(polars.Float64).to_numpy()
        columns.append(Column(name, numbers, _speller(cells), unclear=read.unclear if read else ""))
    if with_comma and reading.decimal is None:
        if with_point:
            some = f"points in {called(names, with_point[0])}, commas in {called(names, with_comma[0])}"
            remedy = 'Set decimal="." or decimal=",", and thousands to the other where it groups digits'
            raise DataError(str(path), "must have one decimal sign", some, remedy)
        notes.append("numbers have a decimal comma")
    return tuple(columns), notes


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
