"""Images that were read out of files, with what they are called."""

from dataclasses import dataclass

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images as features.

    Attributes:
        x: (samples, height, width) of grey ones, or (samples, height, width, 3); uint8, or float32 of 16 bits.
        files: their names, in the order of the samples.
        notes: what the user should know about them.
        scale: what their largest natural value is.
    """

    x: np.ndarray
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    scale: float = 255.0


def in_colours(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Grey images as colours where samples of a shape are colours; others as they are.

    >>> in_colours(np.zeros((5, 8, 8), np.uint8), (8, 8, 3)).shape
    (5, 8, 8, 3)
    """
    return np.repeat(x[..., None], 3, axis=-1) if x.ndim == 3 and len(shape) == 3 and shape[-1] == 3 else x
