"""Plain data, as JSON can hold it."""

import math
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
