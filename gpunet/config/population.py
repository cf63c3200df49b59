"""Values that differ by member: where they stand in a configuration, and what one member has of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ..errors import ConfigError
from ..members import MEMBERS, PerMember, by_member
from ..plain import repeated


def values_by_member(held: Any, path: str = "") -> Iterator[tuple[str, PerMember]]:
    """Everything that differs by member inside a section or a word, by dotted key."""
    if isinstance(held, PerMember):
        yield path, held
    elif isinstance(held, BaseModel):
        for name in type(held).model_fields:
            yield from values_by_member(getattr(held, name), f"{path}.{name}" if path else name)
    elif isinstance(held, tuple | list):
        for number, part in enumerate(held):
            yield from values_by_member(part, f"{path}.{number}")


def plain_by_member(value: Any, path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Everything that differs by member in the plain values of a configuration, by dotted key.

    >>> dict(plain_by_member({"optimizer": {"learning_rate": {"members": [0.1, 0.01]}}, "seed": 0}))
    {'optimizer.learning_rate': [0.1, 0.01]}
    """
    values = by_member(value)
    if isinstance(values, list):
        yield path, values
    elif isinstance(value, Mapping | list):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from plain_by_member(inner, f"{path}.{key}" if path else str(key))


def at_places(value: Any, places: range) -> Any:
    """Plain values of a configuration as they are at some places of all that differs by member.

    >>> at_places({"learning_rate": {"members": [0.1, 0.03, 0.01]}, "name": "sgd"}, range(1, 3))
    {'learning_rate': {'members': [0.03, 0.01]}, 'name': 'sgd'}
    """
    if len(places) == 1:
        return at_place(value, places.start)
    values = by_member(value)
    if values is not None and isinstance(values, list | tuple):
        return {MEMBERS: [values[place] for place in places]}
    if isinstance(value, Mapping):
        return {key: at_places(inner, places) for key, inner in value.items()}
    return [at_places(inner, places) for inner in value] if isinstance(value, list | tuple) else value


def portions(places: int, seeds: int, most: int) -> list[range]:
    """The members of a population in portions of at most so many: places with all their seeds, or some seeds of one.

    Args:
        places: of all that differs by member.
        seeds: of each.
        most: members of a portion, from 1.

    >>> portions(3, 2, 4), portions(1, 5, 2)
    ([range(0, 4), range(4, 6)], [range(0, 2), range(2, 4), range(4, 5)])
    """
    if most >= seeds:
        step = most // seeds * seeds
        return [range(first, min(first + step, places * seeds)) for first in range(0, places * seeds, step)]
    starts = [(place * seeds, first) for place in range(places) for first in range(0, seeds, most)]
    return [range(place + first, place + min(first + most, seeds)) for place, first in starts]


def check_lengths(found: Mapping[str, PerMember]) -> None:
    """Refuse lists of different lengths.

    Raises:
        ConfigError: naming each.
    """
    if len({len(values) for values in found.values()}) > 1:
        received = ", ".join(f"{len(values)} of {path}" for path, values in found.items())
        rule, remedy = "must be as many of each, since they go together by place", "Write lists of one length"
        raise ConfigError("values by member", rule, received, remedy)


def check_different(found: Mapping[str, PerMember]) -> None:
    """Refuse members that would be the same training: the same values at two places.

    Raises:
        ConfigError: naming the values that come again.
    """
    keys = list(found)
    if (twice := repeated(list(zip(*found.values())))) is None:
        return
    said = " with ".join(f"{key} = {getattr(value, 'name', value)}" for key, value in zip(keys, twice))
    remedy = "Leave one out, or train several seeds of each"
    raise ConfigError(" and ".join(keys), "must differ between members", f"{said} twice", remedy)


def at_place(value: Any, place: int) -> Any:
    """Plain values of a configuration as they are at one place of all that differs by member.

    >>> at_place({"learning_rate": {"members": [0.1, 0.01]}, "name": "sgd"}, 1)
    {'learning_rate': 0.01, 'name': 'sgd'}
    """
    values = by_member(value)
    if values is not None and isinstance(values, list | tuple):
        return at_place(values[place], place)
    if isinstance(value, Mapping):
        return {key: at_place(inner, place) for key, inner in value.items()}
    return [at_place(inner, place) for inner in value] if isinstance(value, list | tuple) else value
