"""Objects into the words of a configuration: the inverse of building them."""

from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import ConfigError
from ..fields import term
from ..vocabulary import WIDTHS, has_word


def word_of(thing: Any) -> dict[str, Any]:
    """The word, with its settings, that a layer, loss, rule, schedule, initializer or unit would be built from.

    Raises:
        ConfigError: a thing, or a part of it, that has no word.

    >>> from gpunet.layers import Dense
    >>> word = word_of(Dense(10))
    >>> word["name"], word["n_out"]
    ('dense', 10)
    """
    missing = without_word(thing)
    if missing:
        remedy = "Use one of gpunet's own, see the table in README.md"
        raise ConfigError(missing, "must be something that a configuration can name", type(thing).__name__, remedy)
    found: dict[str, Any] = {"name": term(type(thing))}
    for field in fields(thing):
        value = getattr(thing, field.name)
        if field.name not in WIDTHS and value is not None:
            found[field.name] = _plain(value)
    return found


def without_word(thing: Any) -> str:
    """The class of the first thing, or part of a thing, that no configuration can name; empty where there is none."""
    if not (is_dataclass(thing) and has_word(type(thing))):
        return type(thing).__name__
    for field in fields(thing):
        value = getattr(thing, field.name)
        for part in value if isinstance(value, list | tuple) else (value,):
            if is_dataclass(part) and (missing := without_word(part)):
                return missing
    return ""


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return word_of(value)
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
