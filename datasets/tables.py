"""Tables of text: CSV and TSV, plain or gzipped, with or without a header."""

import csv
import gzip
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpunet.data import Dataset, encode_targets
from gpunet.errors import DataError, meant, printable

from .opening import open_content
from .words import number_texts

MAX_LABEL = 1000
EXACT = 2.0**53  # up to which a float64 tells whole numbers apart
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity)|[+-]?nan", re.ASCII | re.IGNORECASE)
LABEL_NAMES = ("label", "class", "target", "y")
TEXT_NAMES = ("text", "sentence", "message", "review", "document", "title")
SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")  # in any case


@dataclass(frozen=True)
class Table:
    """The lines of a table that hold cells, with their numbers in the file, and its column names if it has any."""

    path: Path
    delimiter: str
    lines: list[str]
    numbers: list[int]
    names: tuple[str, ...]
    width: int


def read_table(
    path: Path,
    label: str | int | None,
    header: bool | None,
    task: str,
    classes: tuple[str, ...] | None,
    vocabulary: tuple[str, ...] = (),
    length: int | None = None,
) -> Dataset:
    """Read features and the label column: the one named or numbered, else one called label, class, target or y,
    else the last.  A single feature that is no number is a text; ``vocabulary`` and ``length`` are those of a model.

    Raises:
        DataError: naming the line, and the column where it is one cell.
    """
    table = open_table(path, header)
    column = label_column(table, label)
    features = [i for i in range(table.width) if i != column]
    if not features:
        raise DataError(str(path), "needs features beside the label column", "one column", "Check the delimiter")
    raw = np.loadtxt(  # as objects: an array of text gives each cell the room of the longest
        table.lines, object, delimiter=table.delimiter, usecols=column, ndmin=1, comments=None, quotechar='"'
    )
    for row, cell in enumerate(raw):
        if not cell.strip():
            raise _cell_error(table, row, column, "needs a label", "an empty cell")
        if len(cell) > MAX_LABEL:
            raise _cell_error(table, row, column, f"needs a label of at most {MAX_LABEL:,} characters", len(cell))
    values = _label_values(raw, task)
    targets, names = encode_targets(str(path), values, task, classes)
    columns = tuple(table.names[i] for i in features) if table.names else ()
    if vocabulary or (len(features) == 1 and _holds_texts(table, features[0])):
        texts = column_of(table, features[0])
        x, vocabulary, note = number_texts(path.name, texts, vocabulary or None, length)
        notes = (f"texts of {len(vocabulary):,} different words", *([note] if note else []))
        return Dataset(path.name, x, targets, names, columns, vocabulary=vocabulary, notes=notes)
    return Dataset(path.name, read_cells(table, features), targets, names, columns)


def _label_values(raw: np.ndarray, task: str) -> np.ndarray:
    """Labels as numbers where all of them are, but as texts where classes have more digits than a number keeps."""
    try:
        values = raw.astype(np.float64)
    except ValueError:
        return np.char.strip(raw.astype(str))
    exact = np.abs(values).max() <= EXACT or not all(cell.strip().isdecimal() for cell in raw)
    return values if exact or task == "regression" else np.char.strip(raw.astype(str))


def read_inputs(
    path: Path, width: int, columns: tuple[str, ...], label: str | int | None, header: bool | None
) -> np.ndarray:
    """Features alone: named columns are found by name, and one column more than ``width`` is a label to leave out."""
    table = open_table(path, header)
    places = {name: place for place, name in enumerate(table.names)}
    if missing := [name for name in columns if name not in places]:
        if len(missing) < len(columns):  # by their places some would be taken for others
            rule = f"must have the {len(columns)} columns of the model, or none of their names"
            raise DataError(str(path), rule, f"no column {missing[0]!r}", "Rename its columns")
    elif columns:
        return read_cells(table, [places[name] for name in columns])
    if table.width not in (width, width + 1):
        raise DataError(str(path), f"must have the {width} features of the model, with or without a label", table.width)
    drop = label_column(table, label) if table.width == width + 1 else None
    return read_cells(table, [i for i in range(table.width) if i != drop])


def read_texts(
    path: Path, columns: tuple[str, ...], label: str | int | None, header: bool | None, vocabulary: tuple[str, ...],
    length: int,
) -> np.ndarray:  # fmt: skip
    """Texts alone, as word numbers: the named column, else the only one beside a label, else the first."""
    table = open_table(path, header)
    if table.width > 2 and not (columns and columns[0] in table.names):
        raise DataError(str(path), "must have a column of texts, with or without a label", f"{table.width} columns")
    if columns and columns[0] in table.names:
        column = table.names.index(columns[0])
    else:
        column = 0 if table.width == 1 else 1 - label_column(table, label)
    return number_texts(path.name, column_of(table, column), vocabulary, length)[0]


def column_of(table: Table, column: int) -> list[str]:
    """All cells of a column, as they are."""
    return [_cells(line, table.delimiter)[column] for line in table.lines]


def _holds_texts(table: Table, column: int) -> bool:
    """Whether most cells are words; a few that are no numbers are mistakes in a column of numbers."""
    cells = column_of(table, column)
    return sum(not _is_number(cell) and bool(cell.strip()) for cell in cells) > len(cells) / 2


def open_table(path: Path, header: bool | None) -> Table:
    """Read the lines, find the delimiter and the header, and check that all lines have the same number of cells."""
    delimiter = "\t" if ".tsv" in path.name.lower() else ","
    lines, numbers = [], []
    for number, line in enumerate(
        re.split(r"\r\n|\n|\r", _read_text(path)), 1
    ):  # splitlines knows more, editors do not
        if line.strip():
            lines.append(line)
            numbers.append(number)
    if not lines:
        raise DataError(str(path), "must hold lines of cells", "an empty file", "Check the path")
    first: list[str] = []
    for line, number in zip(lines, numbers):
        try:
            first = first or _cells(line, delimiter)
            cells = len(_cells(line, delimiter)) if '"' in line else line.count(delimiter) + 1
        except csv.Error as error:
            raise DataError(f"{path} line {number}", "must be cells", printable(str(error)), "Correct it") from None
        if cells != len(first):
            raise DataError(f"{path} line {number}", f"needs {len(first)} cells as the first line", cells, "Correct it")
    names: tuple[str, ...] = ()
    if header or (header is None and _looks_like_header(first, lines, delimiter)):
        names = tuple(cell.strip() for cell in first)
        lines, numbers = lines[1:], numbers[1:]
        ((name, count),) = Counter(names).most_common(1)
        if count > 1:
            raise DataError(f"{path} line 1", "needs different column names", f"{name!r} twice", "Rename one")
        if not lines:
            raise DataError(str(path), "must hold samples below its header", "none", "Check the file")
    return Table(path, delimiter, lines, numbers, names, len(first))


def _looks_like_header(first: list[str], lines: list[str], delimiter: str) -> bool:
    """A first line without numbers; where the second has none either, both may be texts, and the names decide."""
    if any(_is_number(cell) for cell in first):
        return False
    second = _cells(lines[1], delimiter) if len(lines) > 1 else []
    numbers = any(_is_number(cell) for cell in second) or any(not cell.strip() for cell in second)
    return numbers or any(cell.strip().lower() in (*LABEL_NAMES, *TEXT_NAMES) for cell in first)


def label_column(table: Table, label: str | int | None) -> int:
    """The number of the label column."""
    if isinstance(label, int):
        if not -table.width <= label < table.width:
            raise DataError(str(table.path), f"has {table.width} columns", f"label column {label}", "Set label")
        return label % table.width
    if label is not None:
        if label in table.names:
            return table.names.index(label)
        known = printable(", ".join(table.names[:20])) or "no names; give its number"
        remedy = meant(label, table.names, f"The columns have {known}")
        raise DataError(str(table.path), "must have the label column", f"no column {label!r}", remedy)
    found = [i for i, name in enumerate(table.names) if name.lower() in LABEL_NAMES]
    return found[0] if found else table.width - 1


def read_cells(table: Table, columns: list[int]) -> np.ndarray:
    """Float32 of shape (lines, columns)."""
    try:
        cells = np.loadtxt(
            table.lines, np.float32, delimiter=table.delimiter, usecols=columns, ndmin=2, comments=None, quotechar='"'
        )
    except ValueError:
        raise _first_bad_cell(table, columns) from None
    if not np.isfinite(cells).all():
        row, place = (int(i) for i in np.argwhere(~np.isfinite(cells))[0])
        raise _cell_error(table, row, columns[place], "must be a finite number", cells[row, place])
    return cells


def _first_bad_cell(table: Table, columns: list[int]) -> DataError:
    for row, line in enumerate(table.lines):
        cells = _cells(line, table.delimiter)
        for column in columns:
            if not _is_number(cells[column]):
                shown = repr(cells[column]) if cells[column].strip() else "an empty cell"
                return _cell_error(table, row, column, "must be a number", shown)
    return DataError(str(table.path), "must hold numbers", "cells that cannot be read", "Check the quoting")


def _cell_error(table: Table, row: int, column: int, rule: str, received: object) -> DataError:
    name = f"column {table.names[column]!r}" if table.names else f"column {column + 1}"
    return DataError(f"{table.path} line {table.numbers[row]}, {name}", rule, received, "Correct or remove the line")


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter))


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell.strip()) is not None


def _read_text(path: Path) -> str:
    try:
        with open_content(path) as (file, allowed, inflated):
            content = file.read(allowed + 1 if inflated else -1)
        if inflated and len(content) > allowed:
            raise DataError(str(path), f"must inflate to at most {allowed:,} bytes", "more", "Decompress it first")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(str(path), "must be UTF-8 text", f"byte {error.object[error.start]:#x}", "Convert it") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), "must be a whole gzip file", error, "Fetch it again") from None
    except OSError as error:
        raise DataError(str(path), "must be readable", error.strerror, "Check path and permissions") from None
