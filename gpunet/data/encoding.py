"""Columns into features: what each becomes is learned on the training part and then kept.

| column | features |
|---|---|
| numbers | one; a missing cell becomes the mean, median or most frequent value of the training part, and with |
| | ``flag`` a second feature says where one was missing |
| category | ``one_hot``: one for each category, in the order of their texts; ``ordinal``: one that counts them |
| text | the numbers of its words; beside other features, whether each of the most frequent words occurs |
| image | its pixels, from 0 to 1 beside other features |

Numbers are computed with in float64.  Where float32 would lose what tells the values of a column apart, such as days
since 1970, a number near their mean is subtracted before.  A category that is rarer than ``rare`` in the training part
is folded into one feature with all such; one that training has not seen becomes that feature too, else zeros, or with
``ordinal`` -1.  A missing cell of a category is a category of its own, but with ``most_frequent`` that one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import DataError, meant, printable
from .codes import CategoryCode, Code, ImageCode, NumberCode, TextCode, WordsCode
from .media import fit_images, fit_words, put_images, put_words
from .roles import Roles
from .table import Column, Table, is_number
from .targets import COARSE

Fill = Literal["auto", "mean", "median", "most_frequent", "flag", "refuse"]
ALL = "*"  # stands for every column that is not named


@dataclass(frozen=True)
class Coding:
    """How columns become features; each may also be a table by name of column, with ``*`` for all others.

    Attributes:
        fill: what becomes of a missing cell; ``auto`` takes the median where the table has some, and refuses one in a
            column that had none.
        categories: ``one_hot`` or ``ordinal``, or the categories themselves in their order.
        unseen: ``ignore`` or ``refuse`` a category that training has not seen.
        rare: a category with fewer samples, or a smaller share of them, is folded with all such; 0 for none.
        words: so many of the most frequent words of a text beside other features are features.
        wide: whether features are float64 instead of float32.
    """

    fill: str | Mapping[str, str] = "auto"
    categories: str | Mapping[str, Any] = "one_hot"
    unseen: str = "ignore"
    rare: float = 0
    words: int = 1000
    wide: bool = False

    def of(self, setting: str, column: str) -> Any:
        """A setting for one column."""
        value = getattr(self, setting)
        if not isinstance(value, Mapping):
            return value
        return value.get(column, value.get(ALL, getattr(Coding(), setting)))


def fit_codes(table: Table, roles: Roles, rows: np.ndarray, coding: Coding) -> tuple[Code, ...]:
    """What each feature column becomes, learned from some rows.

    Args:
        table: all rows.
        roles: of its columns.
        rows: numbers of those of the training part.
        coding: how.

    Raises:
        DataError: missing cells that are refused, or categories that are not those that were listed.
    """
    _check_settings(table, roles, coding)
    found: list[Code] = []
    whole = len(rows) == table.rows and bool((np.diff(rows) == 1).all())
    taken: np.ndarray | slice = slice(None) if whole else rows  # of all rows no column is copied
    for number, kind in zip(roles.features, roles.kinds):
        column = table.columns[number]
        if kind == "text" and len(roles.features) == 1:
            found.append(TextCode(column.name, number))
        elif kind == "text":
            found.append(fit_words(table, number, rows, coding.words))
        elif kind == "image":
            found.append(fit_images(table, number))
        elif kind == "number":
            found.append(_fit_number(table, number, taken, coding))
        else:
            found.append(_fit_category(table, number, rows, coding))
    return tuple(found)


def _check_settings(table: Table, roles: Roles, coding: Coding) -> None:
    """Refuse settings of columns that are no features."""
    known = [table.columns[i].name for i in roles.features]
    for setting in ("fill", "categories"):
        value = getattr(coding, setting)
        for name in value if isinstance(value, Mapping) else ():
            if name != ALL and name not in known:
                remedy = meant(name, known, f"The features are {printable(', '.join(known[:20]))}")
                raise DataError(setting, "must name features", repr(name), remedy)


def _fit_number(table: Table, number: int, rows: np.ndarray | slice, coding: Coding) -> NumberCode:
    column = table.columns[number]
    if column.numbers is None:
        row = int(column.misfits[0]) if len(column.misfits) else 0
        raise DataError(
            table.cell(row, number), "must be a number", repr(column.texts[row]), "Correct or remove the line"
        )
    values = column.numbers[rows]
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    rule: Fill = coding.of("fill", column.name)
    if rule == "auto":
        rule = "median" if column.missing.any() else "refuse"
    name = "median" if rule == "flag" else rule
    fill: float | None = None
    if rule != "refuse" and len(known):
        common, counts = np.unique(known, return_counts=True) if rule == "most_frequent" else (known, known)
        ways = {
            "mean": known.mean,
            "most_frequent": lambda: common[counts.argmax()],
            "median": lambda: np.median(known),
        }
        fill = float(ways[name]())
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    mean = float(known.mean()) if len(known) else 0.0
    missing = 0.0 if known is values else float(np.isnan(values).mean())
    flag = rule == "flag" and missing > 0
    offset = float(np.round(mean)) if _loses(known, mean, high - low) else 0.0
    return NumberCode(column.name, number, fill, flag, offset, low, high, name, missing)


def _loses(known: np.ndarray, mean: float, width: float) -> bool:
    """Whether float32 loses what tells numbers apart that lie around a mean far from 0.

    Their deviation is at least ``width / sqrt(2 n)``, so that most columns need not be gone through for it.
    """
    step = abs(mean) * float(np.finfo(np.float32).eps) / COARSE
    return bool(width > 0) and step > width / (2 * len(known)) ** 0.5 and step > float(known.std()) > 0


def _fit_category(table: Table, number: int, rows: np.ndarray, coding: Coding) -> CategoryCode:
    column = table.columns[number]
    counts = Counter(column.texts[rows].tolist())
    missing = counts.pop(None, 0)
    way, rule = coding.of("categories", column.name), coding.of("fill", column.name)
    least = coding.rare * len(rows) if 0 < coding.rare < 1 else coding.rare
    rare = {level for level, count in counts.items() if count < least}
    if not isinstance(way, str):
        levels = [str(level) for level in way]
        if odd := [level for level in counts if level not in levels]:
            remedy = meant(odd[0], levels, "Add it there, or set categories=...")
            thing = f"{table.source or table.name}: {table.called(number)}"
            raise DataError(thing, "must hold the categories that were listed", repr(odd[0]), remedy)
    else:
        levels = _sorted([level for level in counts if level not in rare])
    own: list[str | None] = [*levels]
    fill = None
    if missing and rule == "refuse":
        row = int(np.flatnonzero(column.missing)[0])
        raise DataError(table.cell(row, number), "must be a category", "an empty cell", "Fill it, or set fill=flag")
    if rule == "most_frequent" and counts:
        fill = min(counts, key=lambda level: (-counts[level], level))
    elif missing:
        own.append(None)
    folded, share = bool(rare) and isinstance(way, str), missing / max(len(rows), 1)
    return CategoryCode(column.name, number, tuple(own), way != "one_hot", folded, fill, coding.unseen, share)


def _sorted(levels: Sequence[str]) -> list[str]:
    """As numbers where all are some, else as texts."""
    return sorted(levels, key=lambda t: (float(t), t)) if all(map(is_number, levels)) else sorted(levels)


def encode(
    table: Table, codes: Sequence[Code], places: Sequence[int], dtype: Any = np.float32
) -> tuple[np.ndarray, list[str]]:
    """The features of a table, (rows, features), and what the user should know about them.

    Args:
        table: of any rows.
        codes: learned before.
        places: the column of the table that each code is for.
        dtype: of the features, float32 or float64.

    Raises:
        DataError: naming the cell that is no number, not finite, missing or of an unknown category.
    """
    width = sum(len(code.names) for code in codes if not isinstance(code, TextCode))
    x, at, notes = np.empty((table.rows, width), dtype), 0, []
    for code, number in zip(codes, places):
        if isinstance(code, TextCode):
            continue
        end = at + len(code.names)
        notes += _put(table, number, code, x[:, at:end])
        at = end
    return x, notes


def _put(table: Table, number: int, code: Code, out: np.ndarray) -> list[str]:
    """The features of one column, written where they belong."""
    if isinstance(code, NumberCode):
        return _numbers(table, number, code, out)
    if isinstance(code, CategoryCode):
        return _categories(table, number, code, out)
    if isinstance(code, WordsCode):
        return put_words(table, number, code, out)
    assert isinstance(code, ImageCode), "texts are numbered elsewhere"
    return put_images(table, number, code, out)


def _numbers(table: Table, number: int, code: NumberCode, out: np.ndarray) -> list[str]:
    column, notes = table.columns[number], []
    if column.numbers is None:
        raise _no_number(table, number, column)
    values, missing = column.numbers, column.missing
    if missing.any():
        if code.fill is None:
            row = int(missing.argmax())
            remedy = "Correct or remove the line, or train with fill=median"
            raise DataError(table.cell(row, number), "must be a number", "an empty cell", remedy)
        values = np.where(missing, code.fill, values)
        what = f"the {code.filled.replace('_', ' ')} of training, {code.fill:g}"
        gaps = int(missing.sum())
        become = "missing cell becomes" if gaps == 1 else "missing cells become"
        notes.append(f"{table.called(number)}: {gaps:,} {become} {what}")
    most = float(np.finfo(np.float32).max)
    if not (values.min(initial=0.0) >= -most and values.max(initial=0.0) <= most):
        row = int((~(np.abs(values) <= most)).argmax())
        remedy = "Correct or remove the line"
        raise DataError(table.cell(row, number), "must be a finite number", f"{column.texts[row]}", remedy)
    out[:, 0] = values - code.offset if code.offset else values
    if code.flag:
        out[:, 1] = missing
    return notes


def _no_number(table: Table, number: int, column: Column) -> DataError:
    row = next(row for row, text in enumerate(column.texts.tolist()) if text is not None and not is_number(text))
    remedy = "Correct or remove the line"
    return DataError(table.cell(row, number), "must be a number", printable(repr(column.texts[row])), remedy)


def _categories(table: Table, number: int, code: CategoryCode, out: np.ndarray) -> list[str]:
    texts = table.columns[number].texts
    places: dict[str | None, int] = {level: place for place, level in enumerate(code.levels)}
    if code.fill is not None:
        places.setdefault(None, places.get(code.fill, len(code.levels)))
    known = {float(level): place for level, place in places.items() if level is not None and is_number(level)}
    distinct = dict.fromkeys(texts.tolist())
    odd: list[str | None] = []
    for level in distinct:
        if level in places:
            continue
        same = known.get(float(level)) if level is not None and is_number(level) else None
        if same is None:
            odd.append(level)
        places[level] = same if same is not None else len(code.levels) if code.other else -1
    notes = []
    if odd and not code.other:
        rows = [row for row, text in enumerate(texts.tolist()) if text in odd]
        shown = "an empty cell" if odd[0] is None else printable(repr(odd[0]))
        if code.unseen == "refuse":
            levels = [level for level in code.levels if level is not None]
            remedy = meant(str(odd[0]), levels, f"Known are {printable(', '.join(levels[:20]))}")
            raise DataError(table.cell(rows[0], number), "must be a category that training has seen", shown, remedy)
        cells = "cell is" if len(rows) == 1 else "cells are"
        notes.append(
            f"{table.called(number)}: {len(rows):,} {cells} of categories that training has not seen, such as {shown}"
        )
    numbers = np.array([places[text] for text in texts.tolist()], np.int64)
    if code.ordinal:
        out[:, 0] = numbers
    else:
        out[...] = numbers[:, None] == np.arange(out.shape[1])
    return notes
