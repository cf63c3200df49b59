"""Schedules by their bare names: ``optimizer.learning_rate = "cosine"`` starts from the rate that stood there before.

What a name stands for, each schedule says itself (:meth:`~gpunet.schedules.Schedule.over`), from a peak and the epochs
of the training.  It is filled in before anything is checked, so that what is saved says it in full.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from .. import optimizers, schedules
from ..fields import term
from ..members import MEMBERS, by_member
from ..schedules import Schedule
from ..vocabulary import word_of

PEAK = "peak"  # of a schedule that is named, until it is filled in


def _named(room: Any, base: type) -> dict[str, Any]:
    classes = (getattr(room, name) for name in room.__all__)
    return {term(c): c for c in classes if isinstance(c, type) and issubclass(c, base) and c is not base}


SCHEDULES: dict[str, type[Schedule]] = _named(schedules, Schedule)
RULES: dict[str, Any] = _named(optimizers, optimizers.Rule)


def in_place_of(before: Any, word: Any) -> Any:
    """What takes the place of a value: of a number or a schedule, the named schedule with its highest value.

    >>> in_place_of(0.1, "cosine"), in_place_of({"name": "step", "value": 0.3, "factor": 0.1}, "ramp")
    ({'name': 'cosine', 'peak': 0.1}, {'name': 'ramp', 'peak': 0.3})
    """
    values = _by_member(before)
    if values is not None:
        found = [in_place_of(value, word) for value in values]
        return word if all(value == word for value in found) else {MEMBERS: found}
    named = {"name": word} if isinstance(word, str) else word
    peak = _peak(before)
    if not (isinstance(named, Mapping) and named.get("name") in SCHEDULES) or peak is None or _peak(named) is not None:
        return word
    return {**named, PEAK: peak}


def filled(optimizer: Mapping[str, Any], epochs: Any) -> dict[str, Any]:
    """The section ``optimizer`` with all settings of the schedules that it names.

    Args:
        optimizer: with the name of its rule.
        epochs: of the training, as far as that is known to be a number.
    """
    rule = RULES.get(str(optimizer.get("name")))
    usual = {field.name: field.default for field in fields(rule)} if rule is not None else {}
    length = float(epochs) if _is_number(epochs) and epochs > 0 else 1.0
    return {key: _filled(value, usual.get(key), length) for key, value in optimizer.items() if key != "name"} | {
        "name": optimizer.get("name")
    }


def _by_member(value: Any) -> list[Any] | tuple[Any, ...] | None:
    """The values of what differs by member: a list of them, in the place of a number or a schedule."""
    found = value if isinstance(value, list | tuple) else by_member(value)
    return found if isinstance(found, list | tuple) else None


def _filled(value: Any, usual: Any, epochs: float) -> Any:
    values = _by_member(value)
    if values is not None:
        return {MEMBERS: [_filled(one, usual, epochs) for one in values]}
    given = {"name": value} if isinstance(value, str) else value
    if not (isinstance(given, Mapping) and isinstance(given.get("name"), str) and given["name"] in SCHEDULES):
        return value
    own = {key: inner for key, inner in given.items() if key != PEAK}
    own_peak = _peak(given)
    peak = usual if own_peak is None else own_peak
    if "then" in own:
        own["then"] = _filled(own["then"], peak, epochs)
    kind = SCHEDULES[given["name"]]
    missing = [field.name for field in fields(kind) if field.name not in own]
    if not (set(own) <= {"name"} or _lacks(kind, own)) or not _is_number(peak):
        return own
    full = word_of(kind.over(peak, epochs))
    return own | {name: full[name] for name in missing if name in full}


def _lacks(kind: type[Schedule], own: Mapping[str, Any]) -> bool:
    """Whether a setting is missing that has no default."""
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    return any(name not in own for name in needed)


def _peak(value: Any) -> float | None:
    """The highest value of a number or of a schedule as a configuration holds it."""
    if _is_number(value):
        return float(value)
    if isinstance(value, list | tuple):
        found = [peak for peak in map(_peak, value) if peak is not None]
        return max(found, default=None)
    if not isinstance(value, Mapping):
        return None
    if _is_number(value.get(PEAK)):
        return float(value[PEAK])
    parts = ["value", "values", "high", "then", "schedules"]
    parts += ["start", "stop"] if value.get("name") == "ramp" else []
    return _peak([value[part] for part in parts if part in value])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
