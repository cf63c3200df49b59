"""The content of a checkpoint in memory: groups and arrays with attributes."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..members import MEMBER

Scalar = str | int | float | bool


@dataclass
class NamedArray:
    """An array of fixed-size numbers, or a single text, with attributes; it has its name in a :class:`Group`."""

    data: np.ndarray
    attrs: dict[str, Scalar] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return self.data.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.data.shape

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes, as the attribute ``axes`` says; empty where it names others than there are.

        >>> NamedArray(np.zeros((2, 3)), {"axes": "member,output"}).axes
        ('member', 'output')
        """
        names = tuple(str(self.attrs.get("axes", "")).split(","))
        return names if len(names) == len(self.shape) and all(names) else ()

    @property
    def members(self) -> tuple[int, ...]:
        """``(E,)`` where the first axis counts the members of a population, else ``()``."""
        return self.shape[:1] if self.axes[:1] == (MEMBER,) else ()

    @property
    def text(self) -> str:
        """The text of a note."""
        return bytes(self.data[()]).decode("utf-8")


@dataclass
class Group:
    """Named children with attributes; paths such as ``"model/000_dense/weight"`` reach down.

    >>> group = Group()
    >>> group["a/b"] = NamedArray(np.arange(3))
    >>> [path for path, _ in group.walk()]
    ['a', 'a/b']
    """

    attrs: dict[str, Scalar] = field(default_factory=dict)
    children: dict[str, "Group | NamedArray"] = field(default_factory=dict)

    def __getitem__(self, path: str) -> Any:
        """The child at a path; KeyError where there is none."""
        node: Any = self
        for name in path.split("/"):
            node = node.children[name]
        return node

    def __setitem__(self, path: str, child: "Group | NamedArray") -> None:
        """Put a child at a path, making the groups on the way."""
        *groups, last = path.split("/")
        node = self
        for name in groups:
            inner = node.children.setdefault(name, Group())
            assert isinstance(inner, Group), f"{name} is an array, so nothing can lie below it"
            node = inner
        node.children[last] = child

    def __contains__(self, path: str) -> bool:
        """Whether something lies at a path."""
        node: Group | NamedArray = self
        for name in path.split("/"):
            if not isinstance(node, Group) or name not in node.children:
                return False
            node = node.children[name]
        return True

    def walk(self, prefix: str = "") -> Iterator[tuple[str, "Group | NamedArray"]]:
        """Yield ``(path, child)`` for everything below, by name, parents first."""
        for name in sorted(self.children):
            child, path = self.children[name], f"{prefix}{name}"
            yield path, child
            if isinstance(child, Group):
                yield from child.walk(f"{path}/")


def note(content: Any) -> NamedArray:
    """JSON as one fixed-length text, which HDF5 viewers show as text.

    Names of files need not be text; what is none in them becomes an escape of JSON, and comes back as it was.

    >>> note({"a": 1}).text
    '{"a":1}'
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    encoded = text.encode("utf-8", "backslashreplace")
    return NamedArray(np.array(encoded, f"S{len(encoded)}"), {"media_type": "application/json"})
