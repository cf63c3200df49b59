"""A table as a value: columns of numbers or texts, before anybody has said what they are for.

A cell is a number where it is written as one: digits with a point, perhaps an exponent, in ASCII; no ``1_000`` and no
``0x10``.  A column is one of numbers where every cell that is not missing is one.  Empty cells are missing; ``NA``,
``N/A``, ``NaN``, ``null``, ``None``, ``?`` and the like are so in columns that hold nothing but numbers otherwise, and
are words elsewhere, unless ``missing`` says which texts stand for nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import DataError, meant, printable
from .pictures import Pictures

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity)|[+-]?nan", re.ASCII | re.IGNORECASE)
NUMBERS = re.compile(rf"[ \t]*({NUMBER.pattern})[ \t]*(\n[ \t]*({NUMBER.pattern})[ \t]*)*+", NUMBER.flags)  # one a line
NOTHING = (
    "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "#NA", "NaN", "nan", "-nan", "NaT", "NULL", "Null", "null", "None",
    "none", "?", "-", ".",
)  # fmt: skip
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?",
    re.ASCII,
)
SHOWN = 20  # names in a message


@dataclass(frozen=True)
class Reading:
    """How a table of text is to be read; what is None is found out, and said.

    Attributes:
        header: whether the first line holds the names of the columns.
        delimiter: between cells: one character, ``tab`` or ``space``, which stands for any number of blanks.
        decimal: ``.`` or ``,``.
        thousands: sign between groups of three digits, ``,``, ``.``, ``'`` or a blank.
        missing: texts that stand for a missing cell, instead of the usual ones; an empty cell always does.
    """

    header: bool | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] | None = None

    @property
    def plain(self) -> bool:
        """Whether numbers are written with a point, and the usual words stand for missing cells."""
        return self.missing is None and self.decimal in (None, ".") and self.thousands is None


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes:
        name: of the column; empty where the file has none for it.
        numbers: float64 (rows,), NaN where a cell is missing; None where not all cells are numbers.
        spell: gives the text of each cell exactly as it stands, an array of objects with None where one is missing.
        type: what the file says that its cells are where they are neither numbers nor texts, such as ``Date``.
        logical: whether its numbers are truth values.
        unclear: how its texts could be read as numbers, where more than one way is possible.
    """

    name: str
    numbers: np.ndarray | None
    spell: Callable[[], np.ndarray]
    type: str = ""
    logical: bool = False
    unclear: str = ""

    @cached_property
    def texts(self) -> np.ndarray:
        """The text of each cell exactly as it stands, None where it is missing."""
        return self.spell()

    @cached_property
    def missing(self) -> np.ndarray:
        """Which cells are missing, bool (rows,)."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        return np.array([text is None for text in self.texts.tolist()], bool)

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """The different texts, sorted."""
        return tuple(sorted({text for text in self.texts.tolist() if text is not None}))

    def taken(self, rows: np.ndarray) -> "Column":
        """Some of the rows alone."""
        numbers = None if self.numbers is None else self.numbers[rows]
        return replace(self, numbers=numbers, spell=lambda: self.texts[rows])

    @property
    def is_date(self) -> bool:
        """Whether its cells are points in time."""
        if self.type:
            return any(word in self.type.lower() for word in ("date", "time", "duration"))
        if self.numbers is not None:
            return False
        known = [text for text in self.texts.tolist() if text is not None]
        return bool(known) and sum(DATE.fullmatch(text.strip()) is not None for text in known) > len(known) / 2

    @cached_property
    def misfits(self) -> np.ndarray:
        """Rows of the cells that are no numbers, where most of them are; none otherwise."""
        if self.numbers is not None or self.type:
            return np.zeros(0, int)
        texts = self.texts.tolist()
        wrong = [row for row, text in enumerate(texts) if text is not None and not is_number(text)]
        known = sum(text is not None for text in texts)
        return np.array(wrong if 2 * len(wrong) <= known else [], int)

    @property
    def counts_up(self) -> bool:
        """Whether each number is that of the row before plus one, as an index does."""
        if self.numbers is None or self.logical or len(self.numbers) < 3 or self.numbers[1] - self.numbers[0] != 1:
            return False
        return bool((np.diff(self.numbers) == 1).all())


@dataclass(frozen=True)
class Doubt:
    """Something that lines leave open, for the user to look at.

    Attributes:
        text: what it is, and what to set.
        column: its number, or None where all are meant.
        of_targets: whether it matters for a target as well as for a feature.
    """

    text: str
    column: int | None = None
    of_targets: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length.

    Attributes:
        name: of the file, or of the data frame.
        columns: in the order of the file.
        named: whether the columns have names.
        place: says where a row stands, such as ``flowers.csv line 7``.
        notes: what was found out while it was read.
        test_from: first row of a test part that is fixed, else None.
        source: path of its file, if it has one.
        missing_given: whether it was said which texts stand for missing cells.
        doubts: what its first lines leave open.
        opener: gives the images that the cells of a column name, by their texts and its number, where there are files.
    """

    name: str
    columns: tuple[Column, ...]
    named: bool
    place: Callable[[int], str]
    notes: tuple[str, ...] = ()
    test_from: int | None = None
    source: str = ""
    missing_given: bool = False
    doubts: tuple[Doubt, ...] = ()
    opener: Callable[[Sequence[str], int], Pictures] | None = None

    @property
    def rows(self) -> int:
        """How many samples there are."""
        if not self.columns:
            return 0
        first = self.columns[0]
        return len(first.numbers) if first.numbers is not None else len(first.texts)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns; none where the file has none."""
        return tuple(column.name for column in self.columns) if self.named else ()

    def called(self, number: int) -> str:
        """A column for messages: ``column 'b'``, or ``column 2`` where there are no names."""
        return f"column {self.columns[number].name!r}" if self.named else f"column {number + 1}"

    def cell(self, row: int, number: int) -> str:
        """A cell for messages."""
        return f"{self.place(row)}, {self.called(number)}"

    def taken(self, rows: np.ndarray) -> "Table":
        """Some of the rows alone, which say where they stand in the file as before."""
        columns = tuple(column.taken(rows) for column in self.columns)
        return replace(self, columns=columns, place=lambda row: self.place(int(rows[row])), test_from=None)

    @cached_property
    def _opened(self) -> dict[int, Pictures]:
        return {}

    def pictures(self, number: int) -> Pictures:
        """The images that a column names, decoded once.

        Raises:
            DataError: cells that name none, or what is no image.
        """
        column = self.columns[number]
        if column.missing.any():
            row = int(column.missing.argmax())
            raise DataError(
                self.cell(row, number), "must name an image", "an empty cell", "Fill it, or remove the line"
            )
        if self.opener is None or column.numbers is not None:
            thing = f"{self.source or self.name}: {self.called(number)}"
            raise DataError(thing, "must name files of images", "none", "Give paths relative to the table")
        if number not in self._opened:
            self._opened[number] = self.opener(column.texts.tolist(), number)
        return self._opened[number]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {column.name: number for number, column in reversed(list(enumerate(self.columns)))}

    def find(self, wanted: str | int, role: str) -> int:
        """The number of a column that was asked for by name or number, from 0 or, below 0, from the end.

        A number is the name of a column where there is one of this name.

        Raises:
            DataError: there is none.
        """
        if self.named and str(wanted) in self._places:
            return self._places[str(wanted)]
        width, thing = len(self.columns), self.source or self.name
        if isinstance(wanted, int):
            if -width <= wanted < width:
                return wanted % width
            raise DataError(thing, f"has {width} columns", f"{role} column {wanted}", f"Set {role}")
        known = printable(", ".join(self.names[:SHOWN])) or "no names; give its number"
        remedy = meant(wanted, self.names, f"The columns have {known}")
        raise DataError(thing, f"must have the {role} column", f"no column {wanted!r}", remedy)

    def find_all(self, wanted: Sequence[str | int], role: str) -> tuple[int, ...]:
        """The numbers of several columns; a text may name several with commas between."""
        found: list[int] = []
        for one in wanted:
            parts = [part.strip() for part in one.strip("[]").split(",")] if isinstance(one, str) else []
            several = isinstance(one, str) and one not in self._places and len(parts) > 1
            words: Sequence[str | int] = parts if several else [one]
            found += [self.find(word, role) for word in words]
        return tuple(dict.fromkeys(found))


def is_number(text: str) -> bool:
    """Whether a text is written as a number.

    >>> is_number(" -1.5e3"), is_number("1_000"), is_number("0x10")
    (True, False, False)
    """
    return NUMBER.fullmatch(text.strip()) is not None


def are_numbers(texts: Sequence[str]) -> bool:
    """Whether all texts are written as numbers; faster than asking for each.

    >>> are_numbers(["1", " -2.5"]), are_numbers(["1", "x"]), are_numbers(["1\\n2"])
    (True, False, False)
    """
    joined = "\n".join(texts)
    at_once = joined.count("\n") == len(texts) - 1 and NUMBERS.fullmatch(joined) is not None
    return at_once or all(map(is_number, texts))


def stacked(tables: Sequence[Table], name: str) -> Table:
    """Tables below each other; columns are found by name where there are names.

    Raises:
        DataError: a column that one of them lacks.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    columns = []
    for number, column in enumerate(first.columns):
        parts = [column]
        for other in tables[1:]:
            at = other.find(column.name, "same") if first.named and other.named else number
            if at >= len(other.columns):
                raise DataError(other.name, f"must have {len(first.columns)} columns", len(other.columns))
            parts.append(other.columns[at])
        columns.append(_below(column.name, parts))
    counts = np.cumsum([0, *(table.rows for table in tables)])

    def place(row: int) -> str:
        number = int(np.searchsorted(counts, row, side="right")) - 1
        return tables[number].place(row - int(counts[number]))

    notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
    return Table(name, tuple(columns), first.named, place, notes, opener=first.opener)


def _below(name: str, parts: Sequence[Column]) -> Column:
    numbers = None
    if all(part.numbers is not None for part in parts):
        numbers = np.concatenate([part.numbers for part in parts])
    type_ = next((part.type for part in parts if part.type), "")
    return Column(
        name, numbers, lambda: np.concatenate([part.texts for part in parts]), type_, all(p.logical for p in parts)
    )


def text_column(name: str, texts: Sequence[Any]) -> Column:
    """A column of texts, None where a cell is missing."""
    held = np.empty(len(texts), object)
    held[:] = list(texts)
    return Column(name, None, lambda: held)


def number_column(name: str, numbers: np.ndarray, spell: Callable[[], np.ndarray] | None = None) -> Column:
    """A column of numbers; their texts are those of Python unless somebody knows better.

    >>> number_column("a", np.array([1.0, np.nan])).texts.tolist()
    ['1', None]
    """
    values = np.asarray(numbers, np.float64)
    whole = numbers.dtype.kind in "iu"

    def shown() -> np.ndarray:
        found = np.empty(len(values), object)
        exact = numbers.tolist() if whole else values.tolist()
        found[:] = [None if v != v else str(int(v)) if v == int_or_none(v) else repr(v) for v in exact]
        return found

    return Column(name, values, spell or shown)


def int_or_none(value: float) -> int | None:
    """The whole number that a number is, or None."""
    try:
        return int(value) if value == int(value) else None
    except (OverflowError, ValueError):
        return None
