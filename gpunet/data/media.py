"""Texts and images in columns of a table, beside features of other kinds."""

from collections import Counter

import numpy as np

from ..errors import DataError
from .codes import ImageCode, WordsCode
from .pictures import in_colours
from .table import Table
from .words import words_of

FEWEST = 2  # texts of the training part that a word must occur in


def fit_words(table: Table, number: int, rows: np.ndarray, most: int) -> WordsCode:
    """The words of a column of texts that become features: those that most texts of some rows hold, but two at least.

    Raises:
        DataError: no word comes again.
    """
    texts = table.columns[number].texts[rows].tolist()
    counted = Counter(word for text in texts for word in set(words_of(text or "")))
    words = sorted((word for word in counted if counted[word] >= FEWEST), key=lambda word: (-counted[word], word))
    if not words:
        thing = f"{table.source or table.name}: {table.called(number)}"
        raise DataError(thing, "needs words that come again", "none", f"Set ignore={table.columns[number].name!r}")
    return WordsCode(table.columns[number].name, number, tuple(words[:most]))


def put_words(table: Table, number: int, code: WordsCode, out: np.ndarray) -> list[str]:
    """Whether each word occurs, 0 or 1; returns what the user should know."""
    places = {word: place for place, word in enumerate(code.words)}
    out[...] = 0
    without = 0
    for row, text in enumerate(table.columns[number].texts.tolist()):
        found = [places[word] for word in set(words_of(text or "")) if word in places]
        out[row, found] = 1
        without += not found
    return [f"{table.called(number)}: {without:,} texts have none of the known words"] if without else []


def fit_images(table: Table, number: int) -> ImageCode:
    """Shape and scale of the images that a column names."""
    found = table.pictures(number)
    return ImageCode(table.columns[number].name, number, tuple(found.x.shape[1:]), found.scale)


def images_of(table: Table, number: int, code: ImageCode) -> np.ndarray:
    """The images that a column names, (samples, *shape), of the shape that they had in training.

    Raises:
        DataError: others.
    """
    x = in_colours(table.pictures(number).x, code.shape)
    if x.shape[1:] != code.shape:
        wanted, got = ("x".join(map(str, shape)) for shape in (code.shape, x.shape[1:]))
        thing = f"{table.source or table.name}: {table.called(number)}"
        remedy = "Train with resize=[height, width], or resize them"
        raise DataError(thing, f"must name images of shape {wanted}, as in training", got, remedy)
    found: np.ndarray = x[:]  # which are in memory, as the table is
    return found


def put_images(table: Table, number: int, code: ImageCode, out: np.ndarray) -> list[str]:
    """The pixels of each image over their full scale; returns what the user should know."""
    out[...] = images_of(table, number, code).reshape(len(out), -1) / np.float32(code.scale)
    return list(table.pictures(number).notes)
