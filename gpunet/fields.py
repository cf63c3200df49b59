"""Fields with bounds: how a layer, loss, rule or schedule states which values it accepts.

The bounds stand in the annotation, once: :func:`check_fields` enforces them for who writes Python, and the config
schema reads the same annotations for who writes TOML.
"""

import inspect
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from .errors import ConfigError
from .members import values_of

Count = Annotated[int, Ge(1)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Lt(1)]

_RELATIONS = {Gt: (">", operator.gt, "gt"), Ge: (">=", operator.ge, "ge"), Lt: ("<", operator.lt, "lt")}
_RELATIONS[Le] = ("<=", operator.le, "le")


def check_fields(instance: Any) -> None:
    """Raise :class:`ConfigError` where a field, or a number in one, is outside the bounds of its annotation.

    A field that is annotated as a ``bool`` takes nothing else: 1,000 in its place is another argument in the wrong one.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Rule:
    ...     learning_rate: Positive = 0.1
    >>> check_fields(Rule(-1.0))
    Traceback (most recent call last):
    gpunet.errors.ConfigError: Rule.learning_rate: must be > 0, got -1.0.
    """
    cls: Any = type(instance)
    for name, switch, of_number, of_items in _bounds(cls):
        for value in values_of(getattr(instance, name)):
            if switch and not isinstance(value, bool):
                raise ConfigError(f"{cls.__name__}.{name}", "must be True or False", value)
            listed = isinstance(value, list | tuple)
            for number in value if listed else (value,):
                if isinstance(number, int | float):
                    _check(f"{cls.__name__}.{name}", number, of_items if listed else of_number)


def _check(name: str, number: float, bounds: tuple[Any, ...]) -> None:
    for bound in bounds:
        symbol, holds, attribute = _RELATIONS[type(bound)]
        limit = getattr(bound, attribute)
        if not holds(number, limit):
            raise ConfigError(name, f"must be {symbol} {limit}", number)


@cache
def _bounds(cls: Any) -> tuple[tuple[str, bool, tuple[Any, ...], tuple[Any, ...]], ...]:
    """Name of each field, whether it is a switch, the bounds of the number that it may be and of those it may hold."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        (f.name, hints[f.name] is bool, tuple(_numeric(hints[f.name], False)), tuple(_numeric(hints[f.name], True)))
        for f in fields(cls)
    )


def _numeric(hint: Any, listed: bool) -> Iterator[Any]:
    """Bounds in an annotation, inside or outside of its sequences."""
    if get_origin(hint) is Annotated:
        yield from () if listed else (m for m in get_args(hint)[1:] if type(m) in _RELATIONS)
    elif get_origin(hint) not in (tuple, list, Sequence):
        for part in get_args(hint):
            yield from _numeric(part, listed)
    elif listed:
        for part in get_args(hint):
            yield from _numeric(part, False)


def described(cls: type) -> dict[str, str]:
    """What docstrings say about the fields of a class and of its bases, under ``Args:`` or ``Attributes:``.

    >>> class Rule:
    ...     '''A rule.
    ...
    ...     Args:
    ...         rate: size of
    ...             a step.
    ...     '''
    >>> described(Rule)
    {'rate': 'size of a step.'}
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(vars(base).get("__doc__") or "")
        section = re.search(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)*)", text, re.MULTILINE)
        lines = section[1] if section else ""
        for name, meaning in re.findall(r"^    (\w+): ((?:.*\n?)(?:     +.*\n?)*)", lines, re.MULTILINE):
            found[name] = " ".join(meaning.split())
    return found


def term(cls: type) -> str:
    """The name of a class in configurations, checkpoints and on the command line.

    >>> class LeakyReLU: ...
    >>> term(LeakyReLU)
    'leaky_relu'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
