"""The targets in columns of a table."""

from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from .roles import check_clear, signs
from .table import Table, is_number
from .targets import Targets, look_like_classes, understand

MAX_LABEL = 1000
UNLIKELY = ("#N/A", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "?")  # as classes


def read_targets(
    table: Table,
    places: Sequence[int],
    task: str,
    classes: tuple[str, ...] | None = None,
    wide: bool = False,
    partly: bool = False,
) -> Targets:
    """The targets in some columns of a table.

    Args:
        table: that holds them.
        places: of the columns.
        task: as of :func:`.targets.understand`, as are the classes and ``wide``.
        classes: names that a trained model knows.
        wide: keep real numbers in float64.
        partly: whether an empty cell of one column of classes is a label that is missing, whose class number is -1.

    Raises:
        DataError: missing ones, each named with its line, and what does not suit the task.
    """
    if partly and len(places) == 1 and 0 < (known := ~table.columns[places[0]].missing).sum() < table.rows:
        some = np.flatnonzero(known)
        found = read_targets(table.taken(some), places, task, classes, wide)
        if found.classes:
            return found.among(table.rows, some)
    columns = [table.columns[i] for i in places]
    for number, column in zip(places, columns):
        if task != "classification":
            check_clear(table, number)
        if column.missing.any():
            row = int(column.missing.argmax())
            remedy = (
                "Remove the line, set missing=[] where the text itself is a class, or use classrbm with unlabelled=1"
            )
            raise DataError(table.cell(row, number), "needs a label", "an empty cell or one that says nothing", remedy)
        if column.type:
            raise DataError(
                f"{table.source or table.name}: {table.called(number)}",
                "must be numbers or classes",
                column.type,
                "Convert it first",
            )
        if column.numbers is None:
            if task != "classification":
                _check_amounts(table, number, task)
            longest = max(range(len(column.texts)), key=lambda row: len(column.texts[row]))
            if len(column.texts[longest]) > MAX_LABEL:
                rule = f"needs a label of at most {MAX_LABEL:,} characters"
                raise DataError(
                    table.cell(longest, number), rule, len(column.texts[longest]), "Correct or remove the line"
                )
        elif not np.isfinite(column.numbers).all():
            row = int((~np.isfinite(column.numbers)).argmax())
            raise DataError(
                table.cell(row, number), "must be a finite number", column.texts[row], "Correct or remove the line"
            )
    names, thing = tuple(c.name for c in columns) if table.named else (), table.source or table.name
    if len(columns) > 1:
        for number, column in zip(places, columns):
            if column.numbers is None:
                remedy = "Name one column of classes, or columns of numbers"
                raise DataError(
                    f"{thing}: {table.called(number)}",
                    "must be numbers, as one of several targets",
                    repr(column.texts[0]),
                    remedy,
                )
        return understand(thing, np.stack([c.numbers for c in columns], axis=1), task, classes, names, None, wide)  # type: ignore[misc]
    (column,) = columns
    if column.logical and task != "regression":
        return understand(thing, column.numbers.astype(bool), task, classes, names)  # type: ignore[union-attr]
    if column.numbers is None:
        if nothing := [text for text in column.distinct if text in UNLIKELY]:
            row = column.texts.tolist().index(nothing[0])
            remedy = f"Remove such lines, or set missing=[] where {nothing[0]!r} is a class"
            if not table.missing_given:
                raise DataError(table.cell(row, places[0]), "needs a label", repr(nothing[0]), remedy)
        return understand(thing, column.texts, task, classes, names)
    return understand(thing, column.numbers, task, classes, names, column.texts, wide)


def _check_amounts(table: Table, number: int, task: str) -> None:
    """Refuse texts of a target that are amounts, or numbers but for a few cells: as classes they would mislead.

    Raises:
        DataError: naming the column, or the first cell that is no number.
    """
    column = table.columns[number]
    numbers = np.array([float(text) for text in column.texts if is_number(text)])
    if len(column.misfits) and (task == "regression" or not look_like_classes(numbers, None)[0]):
        row = int(column.misfits[0])
        remedy = "Correct or remove the line, since most of its column are numbers, or set task=classification"
        raise DataError(table.cell(row, number), "must be a number", repr(column.texts[row]), remedy)
    if looks := signs(column.texts.tolist()):
        thing = f"{table.source or table.name}: {table.called(number)}"
        remedy = "Write numbers without them, or set task=classification where the texts are classes"
        raise DataError(thing, "must be numbers or classes", looks, remedy)
