"""What of a space can be known to be wrong before a trial is trained: its values are put into the configuration."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ..data import thin_classes
from ..errors import ConfigError, shortened
from ..stages import runs_of
from .dimensions import Dimension, is_one_of
from .outcomes import OWN
from .problem import Search
from .space import Space

MOST = 50  # whole numbers of a range, and combinations of choices, that are all looked at
SHORT = 12  # runs that are put together, to see what the data allow


def check_space(search: Search) -> list[str]:
    """Refuse values that no configuration has, and say which trials will be of no use.

    Every choice and both ends of every range are put into the configuration, choices also with each other; and whole
    models of choices are put together on the data.

    Args:
        search: whose space is looked at.

    Returns:
        A line for each value with which trials will fail on these data, for each key that is never tried, and for folds
        that are too many for the rarest class.

    Raises:
        ConfigError: a value that the configuration cannot have, or values that cannot be together.
    """
    lines = []
    for one in search.space:
        if not _reachable(one, search):
            said = ", ".join(f"{key} is {_said(search, key)}" for key, _ in one.when if key in search.fixed)
            lines.append(f"{one.key} is never tried, since {said}")
            continue
        for value in _values(one):
            _check_one(search, one, value)
    for values in _combinations(search):
        _check_together(search, values)
    return [*_thin(search), *lines, *_failing(search)]


def _thin(search: Search) -> list[str]:
    """A line where folds are too many for the rarest class."""
    split, folds = search.experiment.split, search.settings.folds
    if folds == 1:
        return []
    rows = np.sort(np.concatenate([split.train, split.validation]))
    return thin_classes(search.experiment.dataset, rows, folds, search.config.data.split)


def _values(one: Dimension) -> Iterator[Any]:
    """All values, or the ends of a range."""
    if one.choices:
        yield from one.choices
    elif one.kind in ("int", "int_log") and one.high - one.low < MOST:
        yield from range(int(one.low), int(one.high) + 1)
    else:
        yield from (one.at(0.0), one.at(1.0))


def _wanted(space: Space, one: Dimension, value: Any) -> dict[str, Any]:
    """A value of a key, with values of others under which the key is tried at all."""
    found = {one.key: value}
    by_key = {other.key: other for other in space}
    for key, allowed in one.when:
        if key in by_key:
            fitting = next((v for v in _values(by_key[key]) if is_one_of(v, allowed)), allowed[0])
            found = _wanted(space, by_key[key], fitting) | found
    return found


def _reachable(one: Dimension, search: Search) -> bool:
    """Whether the keys that are not tried are as its conditions ask."""
    own = {other.key for other in search.space}
    return all(key in own or is_one_of(search.fixed.get(key), allowed) for key, allowed in one.when)


def _said(search: Search, key: str) -> str:
    return shortened(str(search.fixed.get(key)), 40)


def _put(search: Search, values: Mapping[str, Any]) -> None:
    """Make the configurations of a trial.

    Raises:
        ConfigError: they cannot be.
    """
    search.tuned(values, search.configured(values))


def _check_one(search: Search, one: Dimension, value: Any) -> None:
    values = _wanted(search.space, one, value)
    try:
        _put(search, values)
    except ConfigError as error:
        if _possible(search, one, values):  # then what it goes with is looked at later
            return
        rule = "must have values alone that the configuration takes"
        raise ConfigError(f"space.{one.key}", rule, _because(one, value, error), _remedy(one, error)) from None


def _possible(search: Search, one: Dimension, values: Mapping[str, Any]) -> bool:
    """Whether a choice of another key makes values possible."""
    for other in search.space:
        for choice in other.choices if other.key not in values else ():
            with suppress(ConfigError):
                _put(search, {other.key: choice, **values})
                return True
    return False


def _because(one: Dimension, value: Any, error: ConfigError) -> str:
    first = str(ConfigError(error.thing, error.rule, error.received)).rstrip(".")
    return f"{one.said(value)} ({first})"


def _remedy(one: Dimension, error: ConfigError) -> str:
    if not one.choices and "a list" in error.rule:
        name, low, high = one.key.rpartition(".")[2], one.said(one.low), one.said(one.high)
        return f"Try lists: {name} = {{ choice = [[{low}], [{high}]] }}"
    if error.remedy is not None and error.rule.startswith("is no key"):
        return error.remedy
    return "Leave that choice out" if one.choices else "Narrow the range"


def _combinations(search: Search) -> Iterator[dict[str, Any]]:
    """Choices with each other, as far as there are not too many, all ranges at one of their ends."""
    choices = [one for one in search.space if one.kind == "choice"]
    others = [one for one in search.space if one.kind != "choice"]
    for number, values in enumerate(itertools.product(*(one.choices for one in choices))):
        if number == MOST:
            return
        chosen = {one.key: value for one, value in zip(choices, values)}
        for place in (0.0, 1.0):
            found: dict[str, Any] = {}
            wanted = chosen | {one.key: one.at(place) for one in others}
            for one in search.space:
                if one.applies({**search.fixed, **found}):
                    found[one.key] = wanted[one.key]
            yield found


def _check_together(search: Search, values: Mapping[str, Any]) -> None:
    try:
        _put(search, values)
    except ConfigError as error:
        named = [one for one in search.space if one.key in values and f"{error.thing}.".startswith(f"{one.key}.")]
        if not named:
            raise
        one = max(named, key=lambda one: len(one.key))
        beside = [
            f"{other.key} = {other.said(values[other.key])}"
            for other in search.space
            if other.kind == "choice" and other.key in values and other.key != one.key
        ]
        rule = f"must be possible with {' and '.join(beside) or 'the other keys'}"
        remedy = 'Give it a condition, as in when = { optimizer = "sgd" }'
        raise ConfigError(f"space.{one.key}", rule, _because(one, values[one.key], error), remedy) from None


def _failing(search: Search) -> list[str]:
    """A line for each choice with which no model can be put together on these data."""
    lines = []
    for one, value in itertools.islice(_structural(search.space), SHORT):
        values = _wanted(search.space, one, value)
        config = search.configured(values, search.settings.seeds)
        try:
            next(iter(runs_of(search.on(config, search.splits[0]), search.start)))
        except OWN as error:
            said = str(error).splitlines()[0].rstrip(".")
            lines.append(f"trials with {one.key} = {one.said(value)} will fail: {said}")
    return lines


def _structural(space: Space) -> Iterator[tuple[Dimension, Any]]:
    """What decides shapes: choices of anything but single numbers between bounds, and whole numbers at their ends."""
    for one in space:
        if one.key.startswith("tune."):
            continue
        if one.kind == "choice":
            yield from ((one, value) for value in one.choices)
        elif one.kind in ("int", "int_log"):
            yield from ((one, value) for value in (one.at(0.0), one.at(1.0)))
