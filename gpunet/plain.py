"""Plain data, as JSON can hold it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


def finite(value: Any) -> Any:
    """A document of dicts, lists and scalars in which numbers that are not finite have become None.

    JSON has no word for NaN and infinity.

    >>> finite({"error": [0.5, float("nan")], "name": "mlp"})
    {'error': [0.5, None], 'name': 'mlp'}
    """
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def repeated(values: Sequence[Any]) -> Any:
    """The first value that comes again, None where each is there once; true is no 1.

    >>> repeated(["a", "b", "a"]), repeated([1, True, 2])
    ('a', None)
    """
    for place, value in enumerate(values):
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values[:place]):
            return value
    return None


def flattened(tables: Mapping[str, Any], ends: tuple[str, ...] = ()) -> dict[str, Any]:
    """Values by dotted key instead of nested tables; a table that has one of ``ends`` is a value.

    >>> flattened({"optimizer": {"lr": {"log": [1, 2]}}, "seed": 3}, ("log",))
    {'optimizer.lr': {'log': [1, 2]}, 'seed': 3}
    """
    found: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping) and value and not any(end in value for end in ends):
            found |= {f"{key}.{inner}": deep for inner, deep in flattened(value, ends).items()}
        else:
            found[key] = value
    return found
