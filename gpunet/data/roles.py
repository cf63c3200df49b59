"""What the columns of a table are for: features of some kind, targets, weights, ids, or nothing.

What is asked for comes first.  The rest follows from these rules, each of which says why:

| role | what is taken where nothing is said |
|---|---|
| target | the column named ``label``, ``target``, ``class`` or ``y`` in any case, the first of these; else the last |
| | that is neither an id nor empty |
| id | a first column without a name that counts up; a column named ``id``, ``index``, ``no`` or the like, or with a |
| | name that ends so, as ``customer_id`` or ``PassengerId``, whose whole numbers or texts all differ |
| ignored | a column without a single value |
| feature | every other column: numbers where all cells are some, images where all cells are names of image files, |
| | texts of words where they hardly come again and have three words on average, or are the only feature, and |
| | categories where texts come again |
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import DataError, printable
from .pictures import SUFFIXES
from .table import Column, Table

Kind = Literal["number", "category", "text", "image"]
Name = str | int
TARGETS = ("label", "target", "class", "y")
TEXTS = ("text", "sentence", "message", "review", "document", "title")
IDS = ("", "id", "index", "idx", "key", "no", "nr", "no.", "nr.", "num", "row", "rownames", "row_id", "rowid", "rownum",
       "sample_id", "sampleid", "uid", "uuid", "guid", "identifier", "unnamed: 0")  # fmt: skip
ID_AT_END = re.compile(r"(?i:[ _.\-](id|uuid|guid))|(?<=[a-z0-9])(Id|ID|UUID|Uuid)")  # customer_id, PassengerId
MOST_CATEGORIES = 1000
LONG = 1e9  # whole numbers from which on they rather name than count
CURRENCIES = "$€£¥₹%"
FEW = 20  # categories that nobody takes for texts
SIGNED = re.compile(rf"[-+(]?\s*[{CURRENCIES}]?\s*[-+]?\d[\d., ]*\s*[{CURRENCIES})]{{0,2}}")  # $1,200.50 or 12 %
WORDY = 3.0  # words of a cell on average, from which cells are texts rather than categories


@dataclass(frozen=True)
class Wanted:
    """What was asked for; None and nothing leave it to the rules.

    Attributes:
        target: name or number of the target column, or of several.
        task: ``auto``, ``classification``, ``multilabel`` or ``regression``.
        features: names or numbers of the features alone, or the kind of some of them by name.
        ignore: columns that are left out.
        ids: columns that name the samples.
        weight: the column that says how much each sample counts.
        parts: the column that parts are made by.
        partly: whether labels may be missing.
    """

    target: tuple[Name, ...] = ()
    task: str = "auto"
    features: tuple[Name, ...] | Mapping[str, str] | None = None
    ignore: tuple[Name, ...] = ()
    ids: tuple[Name, ...] = ()
    weight: Name | None = None
    parts: Name | None = None
    partly: bool = False


@dataclass(frozen=True)
class Roles:
    """The columns of a table by role, as their numbers.

    Attributes:
        features: in the order in which a model sees them.
        kinds: of each feature.
        targets: none where a table has no targets.
        why: how the target was found.
        ids: of the samples.
        weight: or None.
        parts: or None.
        ignored: with the reason.
        warnings: what the user should look at.
    """

    features: tuple[int, ...]
    kinds: tuple[Kind, ...]
    targets: tuple[int, ...]
    why: str
    ids: tuple[int, ...] = ()
    weight: int | None = None
    parts: int | None = None
    ignored: tuple[tuple[int, str], ...] = ()
    warnings: tuple[str, ...] = ()


def assign(table: Table, wanted: Wanted, targets: bool = True) -> Roles:
    """Give each column its role.

    Args:
        table: of any kind.
        wanted: what was asked for.
        targets: whether one of the columns is the target; otherwise all may be features.

    Raises:
        DataError: columns that are not there or have two roles, no features, or cells that are no features.
    """
    asked = table.find_all(wanted.target, "target")
    ids, ignored = table.find_all(wanted.ids, "id"), dict.fromkeys(table.find_all(wanted.ignore, "ignore"), "as asked")
    weight = None if wanted.weight is None else table.find(wanted.weight, "weight")
    parts = None if wanted.parts is None else table.find(wanted.parts, "split_column")
    taken = [*asked, *ids, *ignored, *([] if weight is None else [weight])]
    for number in taken:
        if taken.count(number) > 1:
            raise DataError(
                _thing(table), "needs one role for each column", f"two for {table.called(number)}", "Drop one"
            )
    kinds, chosen = _asked_features(table, wanted, taken)
    warnings: list[str] = []
    why = "as asked"
    if not asked and targets:
        free = [i for i in range(len(table.columns)) if i not in taken and i not in (chosen or ()) and i != parts]
        asked, why, warnings = _find_target(table, free)
    used = {*taken, *asked}
    if parts is not None and parts not in (chosen or ()):
        ignored.setdefault(parts, "it says which part a sample belongs to") if parts not in used else None
    found_ids = list(ids)
    for number, column in enumerate(table.columns):
        if number in used or number in ignored or chosen is not None or number in kinds:
            continue
        if _is_id(table, number, column):
            found_ids.append(number)
        elif column.missing.all():
            ignored[number] = "it is empty"
    features = list(chosen) if chosen is not None else [
        i for i in range(len(table.columns)) if i not in used and i not in ignored and i not in found_ids
    ]  # fmt: skip
    if chosen is not None:
        for number in range(len(table.columns)):
            if number not in used and number not in chosen and number not in found_ids:
                ignored.setdefault(number, "it is not among the features that were asked for")
    if not features:
        received = "one column" if len(table.columns) == 1 else "none"
        remedy = "Check the delimiter" if len(table.columns) == 1 else "Set features=..., ignore=... or id=..."
        raise DataError(_thing(table), "needs features beside the label column", received, remedy)
    alone = len(features) == 1
    settled = [kinds.get(i) or _kind(table, i, alone) for i in features]
    for number in features:
        column = table.columns[number]
        if number in kinds or chosen is not None:
            continue
        why_id = "counts up like an index" if column.counts_up else "holds long whole numbers, all different"
        if column.counts_up or _long_names(column):
            warnings.append(f"{table.called(number)} {why_id}; set id={_name(table, number)!r} if it names the samples")
    return Roles(
        tuple(features), tuple(settled), asked, why, tuple(found_ids), weight, parts, tuple(ignored.items()),
        tuple(warnings),
    )  # fmt: skip


def _asked_features(
    table: Table, wanted: Wanted, taken: Sequence[int]
) -> tuple[dict[int, Kind], tuple[int, ...] | None]:
    """The kinds that were asked for, and the features where they were listed."""
    if wanted.features is None:
        return {}, None
    if isinstance(wanted.features, Mapping):
        kinds: dict[int, Kind] = {}
        for name, kind in wanted.features.items():
            kinds[table.find(name, "features")] = kind  # type: ignore[assignment]
        return kinds, None
    chosen = table.find_all(wanted.features, "features")
    for number in chosen:
        if number in taken:
            raise DataError(
                _thing(table), "needs one role for each column", f"two for {table.called(number)}", "Drop one"
            )
    return {}, chosen


def _find_target(table: Table, free: Sequence[int]) -> tuple[tuple[int, ...], str, list[str]]:
    """The target column by its name, else the last of those that are free."""
    if not free:
        raise DataError(_thing(table), "needs a target column", "none that is free", "Set target=...")
    called = {table.columns[i].name.lower(): i for i in reversed(free)}
    named = [called[name] for name in TARGETS if name in called]
    warnings = []
    if len(named) > 1:
        others = ", ".join(repr(table.columns[i].name) for i in named[1:])
        warnings.append(
            f"{others} could be the target as well as {table.columns[named[0]].name!r}, and is a feature now; "
            "set target=... to choose"
        )
    if named:
        return (named[0],), "by its name", warnings
    likely = [i for i in free if not _is_id(table, i, table.columns[i]) and not table.columns[i].missing.all()]
    last = (likely or free)[-1]
    first = table.columns[free[0]]
    if not table.named and len(free) > 2 and _like_classes(first) and not _like_classes(table.columns[last]):
        warnings.append("column 1 looks like classes and the last one, which is taken, does not; set target=0")
    return (last,), "it is the last column", warnings


def _like_classes(column: Column) -> bool:
    if column.numbers is None:
        return not column.type and len(column.distinct) <= max(FEW, len(column.texts) // 10)
    known = column.numbers[~column.missing]
    return bool(len(known)) and bool((known == np.floor(known)).all()) and len(np.unique(known)) <= FEW


def _long_names(column: Column) -> bool:
    """Whether numbers are whole, long and all different, as those of accounts are."""
    x = column.numbers
    if x is None or len(x) < FEW or not x.min() >= LONG or bool((x != np.floor(x)).any()):
        return False
    return len(np.unique(x)) == len(x)


def new_ids(table: Table, taken: Sequence[int]) -> list[int]:
    """Columns beside those that a model takes that name the samples of new data, by the rule that finds ids."""
    return [i for i, column in enumerate(table.columns) if i not in taken and table.named and _is_id(table, i, column)]


def _is_id(table: Table, number: int, column: Column) -> bool:
    name = column.name.strip().lower()
    ends = re.search(rf"({ID_AT_END.pattern})$", column.name.strip()) is not None
    usual = (ends or (name in IDS and (bool(name) or number == 0))) if table.named else number == 0
    if not usual or column.missing.any():
        return False
    if column.counts_up:
        return True
    if not table.named or not name:
        return False
    if column.numbers is not None:
        whole = bool((column.numbers == np.floor(column.numbers)).all())
        return whole and len(column.numbers) > 2 and len(np.unique(column.numbers)) == len(column.numbers)
    return not column.type and len(column.texts) > 2 and len(column.distinct) == len(column.texts)


def _kind(table: Table, number: int, alone: bool) -> Kind:
    """What kind of feature a column is.

    Raises:
        DataError: it is none, with what to do about it.
    """
    column = table.columns[number]
    if column.numbers is not None:
        return "number"
    thing, name = f"{_thing(table)}: {table.called(number)}", _name(table, number)
    if column.is_date:
        shown = next(text for text in column.texts.tolist() if text is not None)
        remedy = f"Leave it out with ignore={name!r}, or put numbers such as the year or days since a day in its place"
        raise DataError(thing, "must be numbers or categories", f"dates such as {printable(repr(shown))}", remedy)
    if column.type:
        raise DataError(thing, "must be numbers or categories", column.type, f"Leave it out with ignore={name!r}")
    check_clear(table, number)
    if len(column.misfits):
        row = int(column.misfits[0])
        received = repr(column.texts[row])
        remedy = "Correct or remove the line, since most of its column are numbers"
        remedy += f', or set missing=[{received}] or features={{"{name}"="category"}}'
        raise DataError(table.cell(row, number), "must be a number", received, remedy)
    known = [text for text in column.texts.tolist() if text is not None]
    if looks := signs(known):
        remedy = f'Write numbers without them, or set features={{"{name}"="category"}}'
        raise DataError(thing, "must be numbers or categories", looks, remedy)
    words = sum(len(text.split()) for text in known) / max(len(known), 1)
    if table.opener is not None and known and all(text.lower().endswith(SUFFIXES) for text in known):
        return "image"
    if words >= WORDY and len(column.distinct) > max(FEW, len(known) / 2):
        return "text"
    if alone and (column.name.lower() in TEXTS or words >= WORDY or len(column.distinct) > max(FEW, len(known) / 2)):
        return "text"
    if len(column.distinct) > max(FEW, len(known) / 2) or len(column.distinct) > MOST_CATEGORIES:
        received = f"{len(column.distinct):,} different texts in {len(known):,} rows, such as {known[0]!r}"
        remedy = f"Leave it out with ignore={name!r}, or keep it beside predictions with id={name!r}"
        raise DataError(thing, "must be numbers, or categories that come again", printable(received), remedy)
    return "category"


def signs(texts: Sequence[str]) -> str:
    """What texts are that are amounts with signs of currencies or percent throughout; empty where they are not.

    >>> signs(["$1,200.50", "$3"])
    "signs of currencies or percent, such as '$1,200.50'"
    >>> signs(["12 %", "many"])
    ''
    """
    if not texts or not all(SIGNED.fullmatch(t) and not set(CURRENCIES).isdisjoint(t) for t in texts):
        return ""
    return printable(f"signs of currencies or percent, such as {texts[0]!r}")


def check_clear(table: Table, number: int) -> None:
    """Refuse a column whose texts could be read as numbers in more than one way.

    Raises:
        DataError: naming the keys that say how.
    """
    column = table.columns[number]
    if column.unclear:
        shown = next(text for text in column.texts.tolist() if text is not None and not text.isdecimal())
        rule = "must hold numbers that can be read in one way"
        raise DataError(f"{_thing(table)}: {table.called(number)}", rule, printable(repr(shown)), column.unclear)


def _name(table: Table, number: int) -> str | int:
    return table.columns[number].name if table.named else number


def _thing(table: Table) -> str:
    return table.source or table.name
