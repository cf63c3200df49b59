"""Columns of texts as numbers: decimal signs, signs between groups of digits, and words that stand for nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpunet.data.table import NOTHING, Reading

if TYPE_CHECKING:
    from polars import Series

COMMA = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"  # a number with a decimal comma
BLANKS = "[\u00a0\u2009\u202f]"  # that stand between groups of digits beside the usual one
SIGNS = (",", ".", " ", "'")  # between groups of digits
GROUPS = re.compile(r"[+-]?\d{1,3}([,. '\u00a0\u2009\u202f]\d{3})+([.,]\d+)?", re.ASCII)


@dataclass(frozen=True)
class Numbers:
    """What a column of texts is as numbers.

    Attributes:
        cells: its texts, null where one is missing.
        values: the numbers, or None where not all of them are some.
        comma: whether they have a decimal comma.
        grouped: whether their digits are in groups.
        notes: what the user should know.
        unclear: what to set where more than one way to read them is possible.
    """

    cells: Series
    values: Series | None = None
    comma: bool = False
    grouped: bool = False
    notes: tuple[str, ...] = ()
    unclear: str = ""


def decimal_signs(reading: Reading, delimiter: str) -> list[str]:
    """The decimal signs that numbers may have; cells between commas have none unless it was said."""
    if reading.decimal is not None:
        return [reading.decimal]
    found = [".", ","] if delimiter != "," else ["."]
    left = [sign for sign in found if sign != reading.thousands]
    return left or [","]


def groups_digits(cell: str) -> bool:
    """Whether a text is a number whose digits are in groups of three.

    >>> groups_digits("206,300"), groups_digits("1 234 567.5"), groups_digits("2063,00")
    (True, True, False)
    """
    return GROUPS.fullmatch(cell.strip()) is not None


def read_numbers(cells: Series, reading: Reading, delimiter: str) -> Numbers:
    """The numbers of a column that :func:`float` does not read one by one.

    Args:
        cells: texts, null where one is empty.
        reading: how they are to be read, as far as it was said.
        delimiter: between the cells of the file.
    """
    import polars

    stripped = cells.str.strip_chars()
    stripped = stripped.set(stripped == "", None)
    nothing = stripped.is_in(list(NOTHING)).fill_null(False) if reading.missing is None else None
    ways: list[tuple[Series, tuple[str, ...]]] = [(stripped, ())]
    if nothing is not None and nothing.any():
        words = stripped.filter(nothing).value_counts(sort=True).rows()
        shown = ", ".join(f"{count:,} {'cell' if count == 1 else 'cells'} {word!r}" for word, count in words)
        are = "is" if sum(count for _, count in words) == 1 else "are"
        ways.append((stripped.set(nothing, None), (f"{shown} {are} taken for missing",)))
    for known, notes in ways:
        if known.null_count() == len(known) and cells.null_count() < len(cells):
            continue
        for sign in decimal_signs(reading, delimiter):
            written = known
            if sign == ",":
                written = known.set(~known.str.contains(COMMA).fill_null(True), "x").str.replace(",", ".", literal=True)
            values = written.cast(polars.Float64, strict=False)
            if values.null_count() == known.null_count():
                return Numbers(known, values, sign == ",", notes=notes)
    known, notes = ways[-1]
    found = _in_groups(known, notes, reading, delimiter) if known.null_count() < len(known) else None
    return found or Numbers(stripped)


def _in_groups(known: Series, notes: tuple[str, ...], reading: Reading, delimiter: str) -> Numbers | None:
    """Numbers whose digits are in groups; those that could be fractions as well say so and stay texts."""
    import polars

    for sign in SIGNS if reading.thousands is None else (reading.thousands,):
        even = known.str.replace_all(BLANKS, " ") if sign == " " else known
        own = re.escape(sign)
        for decimal in [reading.decimal] if reading.decimal is not None else [".", ","]:
            if decimal == sign or (decimal == "," == delimiter and sign != "."):
                continue
            end = rf"(?:{re.escape(decimal)}\d+)?$"
            grouped = even.str.contains(rf"^[+-]?\d{{1,3}}(?:{own}\d{{3}})+{end}").fill_null(False)
            others = even.str.contains(rf"^[+-]?\d+{end}").fill_null(True)
            if not grouped.any() or not (grouped | others).all():
                continue
            twice = even.filter(grouped).str.contains(rf"{own}\d{{3}}{own}|{re.escape(decimal)}")
            if reading.thousands is None and sign in ",." and not twice.any():
                return Numbers(known, unclear=f'Set thousands="{sign}" where it groups digits, or decimal="{sign}"')
            plain = even.str.replace_all(sign, "", literal=True).str.replace(decimal, ".", literal=True)
            shown = {" ": "blanks", "'": "apostrophes", ",": "commas", ".": "points"}[sign]
            return Numbers(
                known, plain.cast(polars.Float64), decimal == "," and bool(even.str.contains(",").any()), True,
                (*notes, f"{shown} group its digits"),
            )  # fmt: skip
    return None
