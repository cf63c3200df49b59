"""Data for a trained model: everything that reads some goes through :func:`fulfil`.

Columns are found by name, in any order and exactly as they are written; categories are coded as in training; numbers
that are all on another scale are refused.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, NoTargetsError, meant, printable
from .arrays import oriented
from .codes import ImageCode, NumberCode, TextCode
from .contract import Contract, Given
from .encoding import encode
from .letters import Sequences, name_of, places_of
from .media import images_of
from .pictures import Pictures, in_colours
from .ranges import check_depth, check_ranges, check_scale
from .roles import TARGETS, new_ids
from .streamed import Features, Streamed, in_blocks
from .table import Table
from .target_columns import read_targets
from .targets import Targets
from .words import number_texts

if TYPE_CHECKING:
    from .description import Description

PREDICT = "Add it, or use gpunet predict"


def fulfil(
    about: "Description",
    offered: Table | Pictures | Sequences | Features,
    name: str,
    targets: bool = False,
    partly: bool = False,
) -> Given:
    """Data as a trained model takes them.

    Args:
        about: what the model remembers of its training data.
        offered: a table, images, sequences, or an array (samples, *shape).
        name: of the data, for messages.
        targets: whether targets are wanted as well; only a table has some.
        partly: whether labels may be missing.

    Raises:
        DataError: columns, categories, shapes or ranges that are not those of training.
    """
    if isinstance(offered, Table):
        return _of_table(about, offered, targets, partly)
    if isinstance(offered, Pictures):
        check_depth(about, offered.scale, name)
        given = _of_array(about, in_colours(offered.x, about.input_shape), name)
        return replace(given, ids={"file": list(offered.files)}, notes=(*offered.notes, *given.notes))
    if isinstance(offered, Sequences):
        if offered.alphabet != about.alphabet:
            wanted = f"sequences of {name_of(about.alphabet)}" if about.alphabet else "numbers"
            received = f"sequences of {name_of(offered.alphabet)}"
            raise DataError(name, f"must be {wanted}, as in training", received, "Choose data of that kind")
        given = _of_array(about, offered.letters, name)
        return replace(given, ids={"name": list(offered.names)}, notes=offered.notes)
    return _of_array(about, offered, name)


def _of_table(about: "Description", table: Table, targets: bool, partly: bool) -> Given:
    contract = about.contract
    if not contract.codes:
        return _plain_table(about, table, targets)
    places, target_places, notes = _places(about, contract, table, targets)
    x: Features
    if any(isinstance(code, TextCode) for code in contract.codes):
        texts = [text or "" for text in table.columns[places[0]].texts.tolist()]
        x, _, note = number_texts(table.name, texts, about.vocabulary, about.features)
        notes += [note] if note else []
    elif len(contract.codes) == 1 and isinstance(contract.codes[0], ImageCode):
        x = _of_array(about, images_of(table, places[0], contract.codes[0]), table.name).x
        notes += table.pictures(places[0]).notes
    else:
        x, more = encode(table, contract.codes, places, contract.dtype)
        notes += more + check_ranges(contract.codes, table, places)
    x = x.reshape(len(x), *about.input_shape)
    ids = {}
    for wanted in contract.ids:
        if table.named and isinstance(wanted, str) and wanted in table.names:
            column = table.columns[table.find(wanted, "id")]
            ids[wanted] = column.texts.tolist()
    ids |= {table.columns[i].name: table.columns[i].texts.tolist() for i in new_ids(table, [*places, *target_places])}
    for code, place in zip(contract.codes, places):
        if isinstance(code, ImageCode):
            ids[code.column or "file"] = table.columns[place].texts.tolist()
    found = _targets(about, table, target_places, partly) if targets else None
    weights = None
    if targets and contract.weight is not None and (not table.named or contract.weight in table.names):
        weights = table.columns[table.find(contract.weight, "weight")].numbers
    return Given(x, found, weights, ids, (*table.notes, *notes))


def _plain_table(about: "Description", table: Table, targets: bool) -> Given:
    """A table for a model whose contract knows no columns: of arrays or images, or of before there were contracts.

    Its columns are found by name where the model has names, else by their places; one more than it has features is the
    label column.
    """
    width, thing = len(table.columns), table.source or table.name
    named = bool(about.columns) and table.named
    if named:
        _check_names(about.columns, table)
        places = [table.find(name, "feature") for name in about.columns]
        label = _label_of(about, table, [i for i in range(width) if i not in places])
    elif about.vocabulary:
        if width > 2:
            raise DataError(thing, "must have a column of texts, with or without a label", f"{width} columns")
        label = _label_of(about, table, list(range(width))) if width == 2 else None
        places = [i for i in range(width) if i != label]
    else:
        if width not in (about.features, about.features + 1):
            rule = f"must have the {about.features} features of the model, with or without a label"
            raise DataError(thing, rule, width)
        label = _label_of(about, table, list(range(width))) if width > about.features else None
        places = [i for i in range(width) if i != label]
    notes: list[str] = []
    x: Features
    if about.vocabulary:
        texts = [text or "" for text in table.columns[places[0]].texts.tolist()]
        x, _, note = number_texts(table.name, texts, about.vocabulary, about.features)
        notes += [note] if note else []
    else:
        codes = [NumberCode(table.columns[i].name, i, None, False, 0.0, 0.0, 0.0) for i in places]
        x, _ = encode(table, codes, places, about.contract.dtype)
        x = _of_array(about, x.reshape(len(x), *about.input_shape), table.name).x
    labels = None
    if targets:
        if label is None:
            raise NoTargetsError(thing, "must have the target column", f"{width} columns", PREDICT)
        labels = _targets(about, table, (label,))
        if about.contract.old and not about.classes:
            labels = replace(labels, y=labels.y.astype(np.float32))
    return Given(x, labels, notes=(*table.notes, *notes))


def _label_of(about: "Description", table: Table, free: Sequence[int]) -> int | None:
    """The label column: the one that was named, else one with a usual name, else the last of those that are free."""
    for wanted in about.contract.targets:
        if isinstance(wanted, int) or not table.named or wanted in table.names:
            return table.find(wanted, "target") if isinstance(wanted, int) or table.named else None
    called = [i for i in free if table.columns[i].name.lower() in TARGETS]
    return called[0] if called else free[-1] if free else None


def _check_names(names: Sequence[str], table: Table) -> None:
    """Refuse a table that lacks a column of the model."""
    held = set(table.names)
    lacking = [name for name in names if name not in held]
    if not lacking:
        return
    near = {name.lower(): name for name in table.names}.get(lacking[0].lower())
    remedy = meant(lacking[0], table.names, "Rename its columns as they were in training")
    if near is not None:
        remedy = f"It has {near!r}, and names are taken as they are written: rename it"
    rule = f"must have the {len(names)} columns of the model"
    raise DataError(table.source or table.name, rule, f"no column {printable(repr(lacking[0]))}", remedy)


def _places(
    about: "Description", contract: Contract, table: Table, targets: bool
) -> tuple[list[int], tuple[int, ...], list[str]]:
    """The column of each code and the columns of the targets."""
    thing, width = table.source or table.name, len(table.columns)
    if contract.named and table.named:
        _check_names([code.column for code in contract.codes], table)
        wanted_names = [str(name) for name in contract.targets or about.targets]
        found = [name for name in wanted_names if name in table.names]
        if targets and len(found) < len(wanted_names):
            lost = next(name for name in wanted_names if name not in table.names)
            raise NoTargetsError(thing, "must have the target column", f"no column {printable(repr(lost))}", PREDICT)
        places = [table.find(code.column, "feature") for code in contract.codes]
        target_places, notes = tuple(table.find(name, "target") for name in found), []
        if targets and not wanted_names:  # targets were passed as an array without a name
            usual = [i for i, column in enumerate(table.columns) if i not in places and column.name.lower() in TARGETS]
            target_places = tuple(usual[:1])
            notes = [f"{table.called(i)} is taken for the target" for i in target_places]
        return places, target_places, notes
    notes = []
    if contract.named != table.named:
        there, here = ("names", "none") if contract.named else ("no names", "some")
        notes.append(f"columns had {there} in training and have {here} now: they are taken by their places")
    wanted = [code.place for code in contract.codes]
    target_places = _target_places(contract)
    without = [i for i in range(contract.width) if i not in target_places]
    if width == contract.width:
        if target_places and not _fits_targets(about, table, target_places):
            if table.columns[0].counts_up and width == len(wanted) + 1 and not targets:
                notes.append("column 1 counts up and is taken for numbers of the samples; there are no targets")
                return list(range(1, width)), (), notes
            place = target_places[0]
            row, shown = _first_misfit(about, table, place)
            rule = f"must be one of the classes of the model, since column {place + 1} held the target in training"
            remedy = f"Leave other columns out: {len(wanted)} features are needed"
            raise DataError(table.cell(row, place), rule, shown, remedy)
        return wanted, target_places, notes
    if targets:
        unlabelled = width in (len(wanted), len(without))
        raise (NoTargetsError if unlabelled else DataError)(
            thing, f"must have the {contract.width} columns of training, one of them the target", width, "Add it"
        )
    if width == len(wanted):
        return [sorted(wanted).index(place) for place in wanted], (), notes
    if width == len(without):
        return [without.index(place) for place in wanted], (), notes
    raise DataError(thing, f"must have the {len(wanted)} features of the model, with or without a label", width)


def _target_places(contract: Contract) -> tuple[int, ...]:
    """Where the targets stood in training: what is neither a feature nor numbered says so by its number."""
    numbers = [target for target in contract.targets if isinstance(target, int)]
    if numbers:
        return tuple(numbers)
    taken = {code.place for code in contract.codes}
    free = [i for i in range(contract.width) if i not in taken]
    return tuple(free) if len(free) == len(contract.targets) else ()


def _fits_targets(about: "Description", table: Table, places: Sequence[int]) -> bool:
    if not about.classes:
        return not table.columns[0].counts_up or not isinstance(about.contract.codes[0], NumberCode)
    return _first_misfit(about, table, places[0])[0] < 0


def _first_misfit(about: "Description", table: Table, place: int) -> tuple[int, str]:
    """The first row whose cell is no class of the model, or -1."""
    known = set(about.classes)
    values = {float(name) for name in known if _number(name) is not None}
    for row, text in enumerate(table.columns[place].texts.tolist()):
        if text is not None and text not in known and _number(text) not in values:
            return row, printable(repr(text))
    return -1, ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _targets(about: "Description", table: Table, places: Sequence[int], partly: bool = False) -> Targets:
    """The targets of a table, as those of training were."""
    columns = [table.columns[place] for place in places]
    if not columns:
        received = "no column that is known to hold them"
        raise NoTargetsError(table.source or table.name, "must have targets", received, PREDICT)
    if all(column.missing.all() for column in columns):
        received = f"nothing in column {printable(repr(columns[0].name))}" if table.named else "an empty target column"
        raise NoTargetsError(table.source or table.name, "must have targets", received, PREDICT)
    return read_targets(table, places, about.task, about.classes or None, about.contract.wide, partly)


def _of_array(about: "Description", x: Features, name: str) -> Given:
    if x.ndim == 4 and x.shape[1:] != about.input_shape and (*x.shape[2:], x.shape[1]) == about.input_shape:
        x, turned = oriented(x, "first")
        found = _of_array(about, x, name)
        return replace(found, notes=(*turned, *found.notes))
    shape = x.shape[1:]
    contract = about.contract
    if shape != about.input_shape:
        flat = shape == (about.features,)
        given, known = ([n for n in s if n > 1] for s in (shape, about.input_shape))
        if not flat and (given != known or len(known) < 2):
            wanted, got = ("x".join(map(str, s)) for s in (about.input_shape, shape))
            rule, remedy = (
                f"must have samples of shape {wanted}, as in training",
                f"Pass an array of shape (samples, {', '.join(wanted.split('x'))})",
            )
            raise DataError(name, rule, f"samples of shape {got}", remedy)
    if about.alphabet:
        return Given(places_of(np.asarray(x[:]), about.alphabet, name).reshape(len(x), *about.input_shape))
    notes = check_scale(about, contract, x, name)
    if contract.offset:
        rows, offset = x.reshape(len(x), -1), np.array(contract.offset)
        x = in_blocks(
            rows, lambda some: (some.astype(np.float64) - offset).astype(contract.dtype), dtype=contract.dtype
        )
    kind = np.dtype(np.uint8) if x.dtype.kind == "b" or x.dtype == np.uint8 else contract.dtype
    if not (isinstance(x, Streamed) and x.dtype == kind):
        x = in_blocks(x, lambda some: some.astype(kind), dtype=kind)
    return Given(x.reshape(len(x), *about.input_shape), notes=tuple(notes))
