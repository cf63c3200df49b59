"""What each column of a table becomes, as values that a checkpoint keeps; :mod:`.encoding` learns and applies them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Literal

MISSING = "missing"  # what the feature of missing cells is called
OTHER = "other"


@dataclass(frozen=True)
class NumberCode:
    """A column of numbers.

    Attributes:
        column: its name, or nothing.
        place: its number in the table of training.
        fill: what stands in a missing cell; None refuses one.
        flag: whether another feature says where one was missing.
        offset: subtracted in float64.
        low: smallest value of the training part.
        high: largest one.
        filled: the name of what ``fill`` is.
        missing: share of the training part whose cells are missing.
    """

    column: str
    place: int
    fill: float | None
    flag: bool
    offset: float
    low: float
    high: float
    filled: str = "median"
    missing: float = 0.0
    kind: Literal["number"] = "number"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return (self.column, f"{self.column} {MISSING}") if self.flag else (self.column,)


@dataclass(frozen=True)
class CategoryCode:
    """A column of categories.

    Attributes:
        column: its name, or nothing.
        place: its number in the table of training.
        levels: the categories; None is that of missing cells.
        ordinal: whether one feature counts them.
        other: whether the rare ones share a feature.
        fill: the category of missing cells, where that is not one of its own.
        unseen: what becomes of categories that are not known.
        missing: share of the training part whose cells are missing.
    """

    column: str
    place: int
    levels: tuple[str | None, ...]
    ordinal: bool
    other: bool
    fill: str | None
    unseen: str
    missing: float = 0.0
    kind: Literal["category"] = "category"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        if self.ordinal:
            return (self.column,)
        shown = [MISSING if level is None else level for level in self.levels] + ([OTHER] if self.other else [])
        return tuple(f"{self.column}={level}" for level in shown)


@dataclass(frozen=True)
class TextCode:
    """A column of texts that is the only feature."""

    column: str
    place: int
    kind: Literal["text"] = "text"

    @property
    def names(self) -> tuple[str, ...]:
        """Of what becomes word numbers."""
        return (self.column,)


@dataclass(frozen=True)
class WordsCode:
    """A column of texts beside other features, of which each word is one that says whether it occurs.

    Attributes:
        column: its name, or nothing.
        place: its number in the table of training.
        words: the most frequent first.
    """

    column: str
    place: int
    words: tuple[str, ...]
    kind: Literal["words"] = "words"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(f"{self.column}: {word}" for word in self.words)


@dataclass(frozen=True)
class ImageCode:
    """A column of paths of images, whose pixels are the features.

    Attributes:
        column: its name, or nothing.
        place: its number in the table of training.
        shape: of one image.
        scale: full scale of the pixels.
    """

    column: str
    place: int
    shape: tuple[int, ...]
    scale: float
    kind: Literal["image"] = "image"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(f"{self.column} {number}" for number in range(prod(self.shape)))


Code = NumberCode | CategoryCode | TextCode | WordsCode | ImageCode
CODES: dict[str, type] = {
    "number": NumberCode, "category": CategoryCode, "text": TextCode, "words": WordsCode, "image": ImageCode,
}  # fmt: skip


def code_from_json(content: Mapping[str, Any]) -> Code:
    """A code out of plain data."""
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return CODES[str(content["kind"])](**fields)


def code_to_json(code: Code) -> dict[str, Any]:
    """A code as plain data."""
    return asdict(code)
