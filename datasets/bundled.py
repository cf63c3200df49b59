"""The data set that comes with gpunet: 1,797 handwritten digits of 8 by 8 pixels."""

from dataclasses import replace
from pathlib import Path

from gpunet.data import Dataset

from .idx import image_dataset, read_idx

FOLDER = Path(__file__).with_name("digits")


def digits() -> Dataset:
    """Optical recognition of handwritten digits, pixels 0..16 (E. Alpaydin, C. Kaynak; UCI, 1998; CC BY 4.0).

    >>> digits().x.shape, digits().scale
    ((1797, 8, 8), 16.0)
    """
    images, labels = (read_idx(FOLDER / f"{what}.gz") for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    return replace(image_dataset("digits", images, labels, "classification", None), scale=16.0, notes=())


def available() -> list[tuple[str, str]]:
    """Name and description of each bundled data set."""
    return [("digits", "1,797 images of 8x8 pixels, ten classes; UCI Optical Recognition of Handwritten Digits")]
