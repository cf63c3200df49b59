"""Image files into arrays; pillow decodes them.

Nothing is decoded before its header was looked at: together images may not become larger than a budget that follows
from the size of their files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gpunet.checkpoint import inflation_budget
from gpunet.data import Extent, Pictures, extent
from gpunet.errors import DataError

from .opening import open_regular

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
GREY = ("1", "L", "LA", "La")
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
DEEPEST = 65535
ORIENTATION = 0x0112  # number of the EXIF tag


@dataclass(frozen=True)
class Imaging:
    """What becomes of images before they are samples.

    Attributes:
        size: (height, width) of all of them, or None where they must have one size.
        how: ``crop`` fills the size and cuts what goes beyond, ``pad`` fits inside and fills the rest with the
            background, ``stretch`` changes the proportions.
        background: grey level from 0 to 255 behind what is transparent, and around what is padded.
        old: read as before there were these rules: 16 bits lose their lower half, what is transparent and how an image
            is to be turned are not looked at, and ``10.png`` comes before ``2.png``.
    """

    size: tuple[int, int] | None = None
    how: Literal["crop", "pad", "stretch"] = "crop"
    background: int = 255
    old: bool = False


def decode(name: Path, files: Sequence[Path], imaging: Imaging) -> Pictures:
    """Images as one array.

    Grey images give samples of shape (height, width), colours (height, width, 3); both together become colours.
    Images of 8 bits are uint8 with the scale 255.  Those of 16 bits keep all of them, as float32, with the largest
    number of the bits that they use as scale: 4095 for the 12 bits of a camera.  Palettes and CMYK become colours, the
    first image stands for an animation, images are turned as their EXIF orientation says, and what is transparent
    shows the background.

    Args:
        name: of all of them, for messages.
        files: to read.
        imaging: sizes and background.

    Raises:
        DataError: an image that is damaged or of another size, or too many bytes for such files.
    """
    said: Counter[str] = Counter()
    samples = list(samples_of(name, files, imaging, said))
    if any(sample.ndim == 3 for sample in samples):
        samples = [coloured(sample) for sample in samples]
    x = np.stack(samples) if samples else np.empty((0, 0), np.uint8)
    return Pictures(x, tuple(file.name for file in files), notes_of(said), _scale(x))


def samples_of(name: Path, files: Sequence[Path], imaging: Imaging, said: Counter[str]) -> Iterator[np.ndarray]:
    """The same images one by one, grey ones (height, width) and coloured ones (height, width, 3).

    Args:
        name: of all of them, for messages.
        files: to read.
        imaging: sizes and background.
        said: counts what the user should know.

    Raises:
        DataError: as :func:`decode`.
    """
    try:
        from PIL import Image
    except ImportError:
        raise DataError(str(name), "needs pillow to be read", "no pillow", "pip install 'gpunet[images]'") from None
    budget, promised = inflation_budget(sum(file.stat().st_size for file in files)), 0
    first: np.ndarray | None = None
    for file in files:
        try:
            with open_regular(file) as content, Image.open(content, formats=FORMATS) as image:
                promised += 3 * image.width * image.height
                if promised > budget or (first is None and 3 * image.width * image.height * len(files) > budget):
                    _too_much(name, len(files), image.size, budget)
                if first is not None and imaging.size is None:
                    _check_size(file, _size(image, imaging), files[0], first.shape)
                sample = _pixels(image, imaging, said)
        except DataError:
            raise
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            rule = "must be a whole PNG, JPEG, BMP, GIF, WebP or TIFF image"
            raise DataError(str(file), rule, reason, "Save it again") from None
        first = sample if first is None else first
        if sample.shape[:2] != first.shape[:2]:  # turned by an EXIF that stands behind the pixels
            _check_size(file, (sample.shape[1], sample.shape[0]), files[0], first.shape)
        if sample.dtype != first.dtype:
            depths = ["8 bits" if one.dtype == np.uint8 else "16 bits" for one in (first, sample)]
            rule = f"must have {depths[0]} a channel like {files[0].name}"
            raise DataError(str(file), rule, depths[1], "Save all of them alike")
        yield sample


def coloured(sample: np.ndarray) -> np.ndarray:
    """An image with three channels, those of a grey one alike."""
    return sample if sample.ndim == 3 else np.repeat(sample[..., None], 3, axis=-1)


def notes_of(said: Counter[str]) -> tuple[str, ...]:
    """What was counted, in lines."""
    return tuple(f"{count:,} {what}" for what, count in sorted(said.items()))


def _size(image: Any, imaging: Imaging) -> tuple[int, int]:
    """Width and height once an image is turned, by its header alone."""
    width, height = image.size
    if imaging.old or image.format == "PNG":  # whose EXIF may stand behind the pixels, which are not decoded here
        return width, height
    return (height, width) if image.getexif().get(ORIENTATION, 1) > 4 else (width, height)


def _check_size(file: Path, size: tuple[int, int], first: Path, wanted: tuple[int, ...]) -> None:
    if size != (wanted[1], wanted[0]):
        rule, got = f"must be {wanted[1]}x{wanted[0]} pixels like {first.name}", f"{size[0]}x{size[1]}"
        raise DataError(str(file), rule, got, "Set resize=[height, width], or resize it")


def _scale(x: np.ndarray) -> float:
    """Full scale of images; see :func:`full_scale`."""
    return full_scale(x.dtype, extent(x)) if x.size else 255.0


def full_scale(dtype: np.dtype, found: Extent) -> float:
    """Full scale of images: 255 for bytes that are not only 0 and 1, else the largest number of the bits in use."""
    if dtype == np.uint8:
        return 255.0 if found.high > 1 else 1.0
    if found.high != np.floor(found.high) or found.high > DEEPEST or found.low < 0:
        return 1.0  # measurements in floating-point numbers
    return float(2 ** int(found.high).bit_length() - 1)


def _pixels(image: Any, imaging: Imaging, said: Counter[str]) -> np.ndarray:
    """Grey (height, width) or colours (height, width, 3), uint8 or float32."""
    from PIL import Image, ImageOps

    if imaging.old:
        deep = image.mode == "I;16"
        return (np.asarray(image) >> 8).astype(np.uint8) if deep else np.array(image.convert(_mode(image)))
    if getattr(image, "n_frames", 1) > 1:
        said["images have several frames, of which the first is taken"] += 1
    if image.getexif().get(ORIENTATION, 1) != 1:
        said["images are turned as their EXIF orientation says"] += 1
        image = ImageOps.exif_transpose(image)
    if image.mode in DEEP:
        return np.asarray(_resized(image.convert("F"), imaging), np.float32)
    if image.mode in ALPHA or "transparency" in image.info:
        flat = image.convert("LA" if image.mode in ("LA", "La", "L", "1") else "RGBA")
        alpha = flat.getchannel("A")
        if alpha.getextrema()[0] < 255:
            said["images are partly transparent, and stand on the background"] += 1
        drawn = flat.convert("L" if flat.mode == "LA" else "RGB")
        ground = Image.new(drawn.mode, drawn.size, _level(drawn, imaging))
        ground.paste(drawn, mask=alpha)
        image = ground
    return np.array(_resized(image.convert(_mode(image)), imaging))


def _mode(image: Any) -> str:
    """What an image of 8 bits becomes: grey, or colours."""
    return "L" if image.mode in (*GREY, "I;16") else "RGB"


def _resized(image: Any, imaging: Imaging) -> Any:
    """The image in the size that was asked for."""
    if imaging.size is None:
        return image
    from PIL import Image, ImageOps

    height, width = imaging.size
    if image.size == (width, height):
        return image
    method = Image.Resampling.BILINEAR
    if imaging.how == "stretch":
        return image.resize((width, height), method)
    if imaging.how == "crop":
        return ImageOps.fit(image, (width, height), method)
    return ImageOps.pad(image, (width, height), method, color=_level(image, imaging))


def _level(image: Any, imaging: Imaging) -> Any:
    """The background as a colour of the image."""
    bands = len(image.getbands())
    return imaging.background if bands == 1 else (imaging.background,) * bands


def _too_much(name: Path, count: int, size: tuple[int, int], budget: int) -> None:
    rule = f"may become at most {budget:,} bytes, by the size of its files"
    raise DataError(str(name), rule, f"{count:,} images of {size[0]}x{size[1]} pixels", "Make them smaller")
