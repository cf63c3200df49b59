"""Two checkpoints compared: what was configured, how they are built, how far their weights are apart."""

import math
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint, Group, NamedArray

ABSENT = "(absent)"  # stands for what only one of the two has
DIRECTIONS = 3  # leading ones, whose spaces are compared


def compare(first: Checkpoint, second: Checkpoint, path: str) -> dict[str, Any]:
    """All differences as one document.

    ``distance`` is the norm of the difference, ``relative`` its ratio to the norm of the first array, ``cosine`` that
    of the angle between the two, None where one of them is zero.  ``angle`` is that between subspaces, see below.
    """
    ours, theirs = _below(first, path), _below(second, path)
    shared = [name for name in ours if name in theirs and _form(ours[name]) == _form(theirs[name])]
    arrays = []
    for name in shared:
        a, b = ours[name], theirs[name]
        if isinstance(a, NamedArray) and isinstance(b, NamedArray) and a.dtype.kind in "iuf":
            arrays.append({"name": name, **distances(a.data, b.data), "angle": _angle(a, b)})
    return {
        "equal_content": bool(first.content_sha256) and first.content_sha256 == second.content_sha256,
        "configuration": _unequal(_configuration(first), _configuration(second)),
        "structure": _unequal({n: _form(x) for n, x in ours.items()}, {n: _form(x) for n, x in theirs.items()}),
        "arrays": arrays,
    }


def distances(a: np.ndarray, b: np.ndarray) -> dict[str, float | None]:
    """How far two arrays of one shape are apart.

    >>> distances(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    {'distance': 5.0, 'relative': 1.6666666666666667, 'cosine': 0.0}
    """
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    distance, own, other = (float(np.linalg.norm(v)) for v in (x - y, x, y))
    return {
        "distance": distance,
        "relative": distance / own if own else None,
        "cosine": float(x @ y) / (own * other) if own and other else None,
    }


def _angle(a: NamedArray, b: NamedArray) -> float | None:
    """Of matrices and of kernels, which are matrices from all that a unit sees to the units; not of populations."""
    kernel = a.attrs.get("role") == "weight" and len(a.shape) > 2
    if a.dtype.kind != "f" or a.members or not (kernel or len(a.shape) == 2):
        return None
    return angle_between(a.data.reshape(-1, a.shape[-1]), b.data.reshape(-1, a.shape[-1]))


def angle_between(a: np.ndarray, b: np.ndarray) -> float | None:
    """The largest principal angle, in degrees, between the spaces that the leading directions of the inputs span.

    The directions are the first left singular vectors of each matrix, so the order and the signs of units do not
    matter.  None where there are none: zero or non-finite matrices, or as many inputs as directions.
    Björck, Golub: Numerical methods for computing angles between linear subspaces (1973).

    >>> round(angle_between(np.eye(5)[:, :2], np.eye(5)[:, 1:3]), 6)
    90.0
    """
    leading = min(DIRECTIONS, a.shape[1])
    if leading >= a.shape[0] or not (np.isfinite(a).all() and np.isfinite(b).all() and a.any() and b.any()):
        return None
    one, other = (np.linalg.svd(m.astype(np.float64), full_matrices=False)[0][:, :leading] for m in (a, b))
    # By the sine, which is exact for small angles where the cosine is not.
    sine = float(np.linalg.norm(other - one @ (one.T @ other), 2))
    return math.degrees(math.asin(min(1.0, sine)))


def _below(found: Checkpoint, path: str) -> dict[str, Group | NamedArray]:
    node = found.root if not path else found.root[path] if path in found.root else Group()
    if isinstance(node, NamedArray):
        return {path: node}
    return dict(node.walk(f"{path}/" if path else ""))


def _form(node: Group | NamedArray) -> str:
    """What must be equal for numbers to be compared: the shape of an array, the settings of a group."""
    if isinstance(node, NamedArray):
        return f"{node.dtype.name} {'x'.join(map(str, node.shape)) or 'one number'}"
    hidden = ("encoding_type", "encoding_version")
    return " ".join(f"{name}={value}" for name, value in sorted(node.attrs.items()) if name not in hidden)


def _configuration(found: Checkpoint) -> dict[str, Any]:
    return flatten(found.note("config/json"))


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level of dotted names; lists of plain values stay as they are.

    >>> flatten({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": 3}]})
    {'a.b': 1, 'a.c': [1, 2], 'd.0.e': 3}
    """
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        items = [(str(number), item) for number, item in enumerate(value)]
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, item in items:
        found |= flatten(item, f"{prefix}.{name}" if prefix else name)
    return found


def _unequal(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    names = [*first, *(name for name in second if name not in first)]
    rows = ({"name": n, "first": first.get(n, ABSENT), "second": second.get(n, ABSENT)} for n in names)
    return [row for row in rows if row["first"] != row["second"]]
