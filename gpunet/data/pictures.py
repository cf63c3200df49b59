"""Images that were read out of files, with what they are called."""

from dataclasses import dataclass

import numpy as np

from .streamed import Features, in_blocks

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images as features.

    Attributes:
        x: (samples, height, width) of grey ones, or (samples, height, width, 3); uint8, or float32 of 16 bits; perhaps
            streamed.
        files: their names, in the order of the samples.
        notes: what the user should know about them.
        scale: what their largest natural value is.
    """

    x: Features
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    scale: float = 255.0


def in_colours(x: Features, shape: tuple[int, ...]) -> Features:
    """Grey images as colours where samples of a shape are colours; others as they are.

    >>> in_colours(np.zeros((5, 8, 8), np.uint8), (8, 8, 3)).shape
    (5, 8, 8, 3)
    """
    if x.ndim != 3 or len(shape) != 3 or shape[-1] != 3:
        return x
    found: Features = in_blocks(x, lambda images: np.repeat(images[..., None], 3, axis=-1), (*x.shape[1:], 3))
    return found
