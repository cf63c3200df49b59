"""A table into a data set: roles, targets, parts, and features learned from the training part."""

from collections.abc import Callable

import numpy as np

from ..errors import DataError
from .codes import CategoryCode, Code, ImageCode, NumberCode, TextCode, WordsCode
from .contract import Contract, Given
from .dataset import Dataset, checked_weights
from .description import Description
from .encoding import Coding, encode, fit_codes
from .fulfilling import fulfil
from .media import images_of
from .roles import Roles, Wanted, assign
from .splitting import Split
from .table import Table
from .target_columns import read_targets
from .targets import Targets
from .totals import check_totals
from .words import number_texts

# From class numbers, or None, and the values of the column that parts are made by, or None, to the parts.
Divide = Callable[[int, np.ndarray | None, np.ndarray | None], Split]


def assemble(
    table: Table, wanted: Wanted, coding: Coding, divide: Divide, targets: bool = True, given: Targets | None = None
) -> Dataset:
    """A data set out of a table.

    Args:
        table: of all samples.
        wanted: which columns are what, as far as it was said.
        coding: how columns become features.
        divide: gives the parts for so many samples; what is learned of the columns is learned on the training part.
        targets: whether a column holds the targets; a machine of features alone may do without.
        given: targets that do not come out of the table.

    Raises:
        DataError: whatever is wrong, naming line and column.
    """
    said = given
    roles = assign(table, wanted, targets and given is None)
    check_totals(table, (*roles.features, *roles.targets))
    if given is None and roles.targets:
        given = read_targets(table, roles.targets, wanted.task, wide=coding.wide, partly=wanted.partly)
    by = None if roles.parts is None else _values(table, roles.parts)
    y = np.zeros((table.rows, 0), np.float32) if given is None else given.y
    labels = y if given is not None and given.classes else None
    codes = fit_codes(table, roles, divide(table.rows, labels, by).train, coding)
    notes: list[str] = []
    vocabulary: tuple[str, ...] = ()
    scale = 1.0
    if any(isinstance(code, TextCode) for code in codes):
        texts = [text or "" for text in table.columns[roles.features[0]].texts.tolist()]
        x, vocabulary, note = number_texts(table.name, texts)
        notes += [f"texts of {len(vocabulary):,} different words", *([note] if note else [])]
    elif len(codes) == 1 and isinstance(codes[0], ImageCode):
        x, scale = images_of(table, roles.features[0], codes[0]), codes[0].scale
        notes += table.pictures(roles.features[0]).notes
    else:
        x, notes = encode(table, codes, roles.features, np.float64 if coding.wide else np.float32)

    def again(split: Split) -> Dataset:
        return assemble(table, wanted, coding, lambda samples, labels, by: split, targets, said)

    names = tuple(name for code in codes for name in code.names) if x.ndim == 2 else ()
    contract = Contract(
        codes,
        table.named,
        len(table.columns),
        _references(table, roles.targets),
        _references(table, roles.ids),
        None if roles.weight is None else _references(table, (roles.weight,))[0],
    )
    return Dataset(
        table.name,
        x,
        y,
        () if given is None else given.classes,
        names if table.named else (),
        table.test_from,
        scale=scale,
        vocabulary=vocabulary,
        notes=(*table.notes, *notes),
        label_type="text" if given is None else given.label_type,
        weights=None if roles.weight is None else _weights(table, roles.weight),
        task="none" if given is None else given.task,
        why="" if given is None else _why(table, roles, given),
        targets=() if given is None else given.names,
        contract=contract,
        kinds=tuple((table.called(i), kind) for i, kind in zip(roles.features, roles.kinds)),
        ignored=_left_out(table, roles),
        warnings=(*_doubts(table, roles), *roles.warnings),
        ids={table.columns[i].name: table.columns[i].texts.tolist() for i in roles.ids},
        divided_by=by,
        learned=again if any(map(_is_learned, codes)) else None,
        partly=given is not None and given.partly,
    )


def _is_learned(code: Code) -> bool:
    """Whether what a column becomes depends on the samples that it was learned on."""
    if isinstance(code, NumberCode):
        return code.fill is not None or code.offset != 0
    return isinstance(code, CategoryCode | WordsCode)


def reassemble(table: Table, about: Description, parts: str | int | None = None, partly: bool = False) -> Dataset:
    """A data set out of a table for a model that knows what its columns are.

    Args:
        table: of all samples.
        about: what the model remembers of its training data.
        parts: the column that parts are made by.
        partly: whether labels may be missing.

    Raises:
        DataError: a table that does not fulfil the contract of the model.
    """
    found = fulfil(about, table, table.name, targets=about.task != "none", partly=partly)
    return known_dataset(found, about, table, parts)


def known_dataset(found: Given, about: Description, table: Table, parts: str | int | None = None) -> Dataset:
    """A data set of what fulfils a contract."""
    targets = found.targets
    return Dataset(
        table.name,
        found.x,
        np.zeros((table.rows, 0), np.float32) if targets is None else targets.y,
        () if targets is None else targets.classes,
        about.columns,
        table.test_from,
        about.scale,
        about.vocabulary,
        found.notes,
        about.label_type,
        None if found.weights is None else checked_weights(found.weights, table.rows),
        task=about.task,
        targets=about.targets,
        contract=about.contract,
        ids=found.ids,
        divided_by=None if parts is None else _values(table, table.find(parts, "split_column")),
        partly=targets is not None and targets.partly,
    )


def _doubts(table: Table, roles: Roles) -> list[str]:
    """Those that matter for the roles of the columns."""
    used = {None, *roles.features}
    return [d.text for d in table.doubts if d.column in used or (d.of_targets and d.column in roles.targets)]


def _references(table: Table, numbers: tuple[int, ...]) -> tuple[str | int, ...]:
    """Columns as a contract names them: by name, or by number where they have none."""
    return tuple(table.columns[i].name if table.named else i for i in numbers)


def _why(table: Table, roles: Roles, given: Targets) -> str:
    if not roles.targets:
        return given.why
    called = ", ".join(table.called(i).removeprefix("column ") for i in roles.targets)
    chosen = {"as asked": "", "by its name": "", "it is the last column": " (the last column)"}[roles.why]
    prefix = "column " if not table.named else ""
    return f"{prefix}{called}{chosen}: {given.why}"


def _left_out(table: Table, roles: Roles) -> tuple[tuple[str, str], ...]:
    ids = [(table.called(i), _names_samples(table, i)) for i in roles.ids]
    weight = [] if roles.weight is None else [(table.called(roles.weight), "it weighs the samples")]
    return (*ids, *weight, *((table.called(i), why) for i, why in roles.ignored))


def _names_samples(table: Table, number: int) -> str:
    """Why a column is taken to name the samples, whoever said so."""
    if table.columns[number].counts_up:
        return "it counts up, as numbers of samples do"
    distinct = len(table.columns[number].distinct) == table.rows
    return "all its cells differ, as names of samples do" if distinct else "it names the samples"


def _values(table: Table, number: int) -> np.ndarray:
    """What parts are made by: numbers, or texts."""
    column = table.columns[number]
    if column.missing.any():
        row = int(column.missing.argmax())
        raise DataError(table.cell(row, number), "must say which part it belongs to", "an empty cell", "Fill it")
    return column.texts if column.numbers is None else column.numbers


def _weights(table: Table, number: int) -> np.ndarray:
    column = table.columns[number]
    if column.numbers is None or column.missing.any():
        row = int(column.missing.argmax()) if column.missing.any() else 0
        shown = "an empty cell" if column.missing.any() else repr(column.texts[row])
        raise DataError(table.cell(row, number), "must be a number, as the weight of a sample", shown, "Correct it")
    return checked_weights(column.numbers, table.rows)
