"""Folders of PNG, JPEG and BMP images, one folder for each class; pillow reads them.

Nothing is decoded before its header was looked at: all images must have one size, and together they may not become
larger than a budget that follows from the size of the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpunet.checkpoint import inflation_budget
from gpunet.data import Dataset, encode_targets, is_text
from gpunet.errors import DataError, printable

from .opening import open_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
FORMATS = ("PNG", "JPEG", "BMP")
GREY = ("1", "L", "LA", "I;16")
PARTS = ("train", "test")


def holds_images(folder: Path) -> bool:
    """Whether there are images in the folder or below it."""
    return any(map(_is_image, folder.rglob("*")))


def read_classes(folder: Path, task: str, classes: tuple[str, ...] | None) -> Dataset:
    """Read ``<class>/*.png``; ``train/<class>/*.png`` and ``test/<class>/*.png`` fix the test part.

    Grey images give samples of shape (height, width), colours (height, width, 3), uint8.

    Raises:
        DataError: an image that is damaged, of another size or in no class, with its path.
    """
    present = [part for part in PARTS if (folder / part).is_dir()]
    fixed = present == list(PARTS)
    files = [file for part in present for file in _images(folder / part)] if fixed else list(_images(folder))
    roots = [folder / part for part in PARTS] if fixed else [folder]
    labels = []
    for file in files:
        inner = next(file.relative_to(root) for root in roots if file.is_relative_to(root))
        if len(inner.parts) < 2:
            raise DataError(str(file), "must lie in a folder named after its class", "no such folder", "Move it there")
        if not is_text(inner.parts[0]):
            rule, received = "must lie in a folder whose name is text in UTF-8", ascii(inner.parts[0])
            raise DataError(printable(str(file)), rule, received, "Rename it")
        labels.append(inner.parts[0])
    x = _read(folder, files)
    y, names = encode_targets(folder.name, np.array(labels), task, classes)
    first_test = sum(file.is_relative_to(folder / "train") for file in files) if fixed else None
    return Dataset(folder.resolve().name, x, y, names, test_from=first_test, scale=255.0)


def read_inputs(path: Path) -> np.ndarray:
    """One image, or all images in a folder and below it in the order of their paths, (samples, height, width[, 3])."""
    return _read(path, list(_images(path)) if path.is_dir() else [path])


def _images(folder: Path) -> Sequence[Path]:
    return sorted(filter(_is_image, folder.rglob("*")))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _read(name: Path, files: Sequence[Path]) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(str(name), "needs pillow to be read", "no pillow", "pip install 'gpunet[images]'") from None
    budget = inflation_budget(sum(file.stat().st_size for file in files))
    size: tuple[int, int] | None = None
    samples: list[np.ndarray] = []
    for file in files:
        try:
            with open_regular(file) as content, Image.open(content, formats=FORMATS) as image:
                if size is None:
                    size = image.size
                    _check_budget(name, files, size, budget)
                if image.size != size:
                    wanted, got = (f"{width}x{height}" for width, height in (size, image.size))
                    raise DataError(str(file), f"must be {wanted} pixels like {files[0].name}", got, "Resize it")
                samples.append(_pixels(image))
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(str(file), "must be a whole PNG, JPEG or BMP image", reason, "Save it again") from None
    if any(sample.ndim == 3 for sample in samples):
        samples = [s if s.ndim == 3 else np.repeat(s[..., None], 3, axis=-1) for s in samples]
    return np.stack(samples) if samples else np.empty((0, 0), np.uint8)


def _check_budget(name: Path, files: Sequence[Path], size: tuple[int, int], budget: int) -> None:
    promised = 3 * size[0] * size[1] * len(files)
    if promised > budget:
        rule = f"may become at most {budget:,} bytes, by the size of its files"
        raise DataError(str(name), rule, f"{len(files):,} images of {size[0]}x{size[1]} pixels", "Make them smaller")


def _pixels(image: Any) -> np.ndarray:
    """Grey (height, width) or colours (height, width, 3), uint8; what is transparent is dropped."""
    if image.mode == "I;16":
        return (np.asarray(image) >> 8).astype(np.uint8)
    return np.array(image.convert("L" if image.mode in GREY else "RGB"))
