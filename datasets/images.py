"""Folders of images as data sets: one folder for each class, in parts or without; see :mod:`.pictures` for decoding."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gpunet.data import PART_WORDS, Dataset, Pictures, encode_targets, is_text
from gpunet.data.pictures import SUFFIXES
from gpunet.errors import DataError, NoTargetsError, printable

from .cache import Cache, decoded
from .pictures import Imaging, decode

SYSTEM = ("__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini")  # what systems leave in folders, beside names with a dot
PARTS = tuple(PART_WORDS)


@dataclass(frozen=True)
class Found:
    """Image files below a folder.

    Attributes:
        files: in natural order, so that ``2.png`` comes before ``10.png``.
        skipped: how many files were left out, by reason.
    """

    files: tuple[Path, ...]
    skipped: Counter[str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, in one line."""
        if not self.skipped:
            return ()
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(self.skipped.items()))
        return (f"{sum(self.skipped.values()):,} files are left out: {reasons}",)


def holds_images(folder: Path) -> bool:
    """Whether there are images in the folder or below it."""
    return next(_walk(folder, Counter()), None) is not None


def find_images(folder: Path, old: bool = False) -> Found:
    """All image files in a folder and below it; links are followed, hidden files and folders are left out.

    Args:
        folder: to look into.
        old: whether names are sorted letter by letter, as before.
    """
    skipped: Counter[str] = Counter()
    files = sorted(_walk(folder, skipped), key=None if old else lambda file: natural(file.relative_to(folder)))
    return Found(tuple(files), skipped)


def natural(path: Path) -> tuple[tuple[tuple[str | int, ...], ...], str]:
    """A key that sorts numbers in names by their value.

    >>> sorted(map(Path, ["b/10.png", "b/9.png", "a/1.png"]), key=natural) == [
    ...     Path("a/1.png"), Path("b/9.png"), Path("b/10.png")]
    True
    """
    return tuple(
        tuple(int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)) for name in path.parts
    ), str(path)


def read_classes(
    folder: Path,
    task: str,
    classes: tuple[str, ...] | None,
    imaging: Imaging,
    cache: Cache | None = None,
    memory: int | None = None,
) -> Dataset:
    """Read ``<class>/*.png``, or such folders in ``train``, ``val`` and ``test``, which then are the parts.

    Parts go by any of their usual names in any case.  A folder that holds nothing but one folder stands for it.

    Args:
        folder: with images.
        task: see :mod:`gpunet.data.targets`.
        classes: names of a trained model, whose numbers the classes get.
        imaging: what becomes of images of several sizes, and of transparent ones.
        cache: where decoded images are kept.
        memory: bytes that they may take, see :func:`~.cache.decoded`.

    Raises:
        DataError: an image that is damaged, of another size or in no class, with its path; folders whose names say
            neither parts nor classes.
    """
    found = find_images(folder, imaging.old)
    root = _root(folder, found.files)
    roots = _parts(root, found.files)
    files, labels, ends = [], [], []
    for part in PARTS if roots else ("",):
        for file in found.files:
            inner = file.relative_to(root)
            if roots and inner.parts[0] not in roots[part]:
                continue
            files.append(file)
            labels.append(_class_of(file, inner.parts[1:] if roots else inner.parts))
        ends.append(len(files))
    pictures = decoded(folder, files, imaging, cache, memory)
    y, names = encode_targets(folder.name, np.array(labels), task, classes)
    fixed = dict(zip(("validation_from", "test_from"), ends)) if roots else {}
    if roots:
        fixed = {name: start for name, start, end in zip(fixed, ends, ends[1:]) if end > start}
    said: tuple[str, ...] = ()
    if roots:
        told = [f"{' and '.join(sorted(roots[part]))} is the {part} part" for part in PARTS if roots[part]]
        said = (f"folders are parts: {', '.join(told)}",)
    notes = (*said, *_without_images(root, files, roots is not None), *found.notes, *pictures.notes)
    return Dataset(
        root.resolve().name,
        pictures.x,
        y,
        names,
        scale=pictures.scale,
        notes=notes,
        **fixed,  # type: ignore[arg-type]
    )


def _without_images(root: Path, files: Sequence[Path], in_parts: bool) -> tuple[str, ...]:
    """The folders that would be classes if they held an image."""
    places = sorted({root / file.relative_to(root).parts[0] for file in files}) if in_parts else [root]
    held = {file.relative_to(place).parts[0] for place in places for file in files if file.is_relative_to(place)}
    lost = {
        entry.name
        for place in places
        for entry in os.scandir(place)
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in (*SYSTEM, *held)
    }
    shown = printable(", ".join(sorted(lost)[:5]))
    return (f"folders without images are no classes: {shown}",) if lost else ()


def read_inputs(path: Path, imaging: Imaging, cache: Cache | None = None, memory: int | None = None) -> Pictures:
    """One image, or all images in a folder and below it in natural order."""
    if not path.is_dir():
        return decode(path, [path], imaging)
    found = find_images(path, imaging.old)
    pictures = decoded(path, found.files, imaging, cache, memory)
    names = tuple(str(file.relative_to(path)) for file in found.files)
    return replace(pictures, files=names, notes=(*found.notes, *pictures.notes))


def _walk(folder: Path, skipped: Counter[str]) -> Iterator[Path]:
    """Image files below a folder, which counts what is none; a link back up is not followed a second time."""

    def inside(place: Path, above: frozenset[str]) -> Iterator[Path]:
        real = os.path.realpath(place)
        if real in above:
            skipped["in a folder that links back to one above it"] += 1
            return
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(
                printable(str(place)), "must be readable", error.strerror, "Check its permissions"
            ) from None
        for entry in entries:
            if entry.name.startswith(".") or entry.name in SYSTEM:
                skipped["hidden"] += 1
            elif entry.is_dir():
                yield from inside(Path(entry.path), above | {real})
            elif not entry.name.lower().endswith(SUFFIXES):
                skipped["no images by their names"] += 1
            elif entry.is_file():
                yield Path(entry.path)
            else:
                skipped["links to nothing, or no files"] += 1

    return inside(folder, frozenset())


def _root(folder: Path, files: Sequence[Path]) -> Path:
    """The folder that holds classes or parts: one that is alone in a folder stands for it, as archives unpack."""
    inner = {file.relative_to(folder).parts[0] for file in files}
    if len(inner) != 1 or any(len(file.relative_to(folder).parts) < 3 for file in files):
        return folder
    return _root(folder / inner.pop(), files)


def _parts(root: Path, files: Sequence[Path]) -> dict[str, set[str]] | None:
    """The folders of each part, or None where the folders are classes.

    Raises:
        DataError: folders that are neither.
    """
    below: dict[str, set[str]] = {}
    for file in files:
        inner = file.relative_to(root).parts
        below.setdefault(inner[0], set()).update(inner[1:-1][:1])
    found: dict[str, set[str]] = {
        part: {name for name in below if name.lower() in words} for part, words in PART_WORDS.items()
    }
    named = set().union(*found.values())
    several = len(below) > 1 and all(len(inside) > 1 for inside in below.values())
    same = several and len({frozenset(inside) for inside in below.values()}) == 1
    shown = ", ".join(printable(name) for name in sorted(below)[:4])
    if found["train"] and named == set(below) and len(below) > 1:
        return found
    if (found["train"] and len(named) > 1) or same:
        rule = "must hold folders that are all classes, or all parts named train, val and test"
        inside = f", each with {', '.join(sorted(next(iter(below.values())))[:4])}" if same else ""
        raise DataError(printable(str(root)), rule, f"{shown}{inside}", "Rename or move them")
    return None


def _class_of(file: Path, inner: Sequence[str]) -> str:
    """Name of the folder that says the class; one name, however its letters are put together."""
    if len(inner) < 2:
        raise NoTargetsError(str(file), "must lie in a folder named after its class", "no such folder", "Move it there")
    if not is_text(inner[0]):
        rule, received = "must lie in a folder whose name is text in UTF-8", ascii(inner[0])
        raise DataError(printable(str(file)), rule, received, "Rename it")
    return unicodedata.normalize("NFC", inner[0])
