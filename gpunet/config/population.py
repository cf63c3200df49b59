"""Values that differ by member: where they stand in a configuration, and what one member has of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ..errors import ConfigError
from ..members import PerMember
from ..vocabulary import by_member


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


def check_lengths(found: Mapping[str, PerMember]) -> None:
    """Refuse lists of different lengths.

    Raises:
        ConfigError: naming each.
    """
    if len({len(values) for values in found.values()}) > 1:
        received = ", ".join(f"{len(values)} of {path}" for path, values in found.items())
        rule, remedy = "must be as many of each, since they go together by place", "Write lists of one length"
        raise ConfigError("values by member", rule, received, remedy)


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
