"""What the layers that move windows over images share: how windows are said, and which images they fit."""

from typing import Annotated, Any, Literal

from annotated_types import Ge

from ..errors import ConfigError
from ..fields import Count
from ..ops.windows import Pair, Windows

Size = Count | tuple[Count, Count]
Padding = Literal["same", "valid"] | Annotated[int, Ge(0)] | tuple[Annotated[int, Ge(0)], Annotated[int, Ge(0)]]


def pair(thing: str, value: Any) -> Pair:
    """One number for both axes, or one for rows and one for columns.

    Args:
        thing: what an error names.
        value: of a field.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(value, int):
        return value, value
    if not (isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(n, int) for n in value)):
        raise ConfigError(thing, "must be a whole number, or one for rows and one for columns", value)
    return value[0], value[1]


def windows_for(
    thing: str, shape: tuple[int, ...], size: Any, stride: Any, padding: Any = "valid", dilation: Any = 1
) -> Windows:
    """The windows of a layer on images of a shape.

    ``same`` adds pixels so that there are as many windows as the image divided by the stride, rounded up; of an odd
    number of pixels the last is below or to the right.  A number is added on every side.

    Args:
        thing: the layer's word, for errors.
        shape: of a sample, (height, width, channels).
        size: of a window.
        stride: distance of windows.
        padding: what is added around.
        dilation: distance of the pixels in a window.

    Raises:
        ConfigError: samples that are no images, a window that is larger than the image with what is added around it,
            pixels at the end of the image that no window would see.

    >>> windows_for("conv2d", (8, 8, 1), 3, 2, "same")
    Windows(size=(3, 3), stride=(2, 2), dilation=(1, 1), before=(0, 0), after=(1, 1))
    """
    image = image_of(thing, shape)
    sizes, strides, dilations = (
        pair(f"{thing}.size", size),
        pair(f"{thing}.stride", stride),
        pair(f"{thing}.dilation", dilation),
    )
    windows = Windows(sizes, strides, dilations)
    if padding == "same":
        down, across = (_around(n, span, s) for n, span, s in zip(image, windows.span, strides))
        return Windows(sizes, strides, dilations, (down[0], across[0]), (down[1], across[1]))
    if padding != "valid":
        around = pair(f"{thing}.padding", padding)
        windows = Windows(sizes, strides, dilations, around, around)
    seen = f"{windows.span[0]}x{windows.span[1]} pixels of {image[0]}x{image[1]}"
    if min(windows.positions(image)) < 1:
        rule = "must see no more than the image and its padding"
        raise ConfigError(f"{thing}.size", rule, seen, 'Use a smaller size, or padding="same"')
    if any(windows.missed(image)):
        rule = f"must see the whole image, whose size does not divide into windows {strides[0]}x{strides[1]} apart"
        rows, columns = windows.missed(image)
        received = f"{image[0]}x{image[1]} with {rows} rows and {columns} columns left over"
        raise ConfigError(f"{thing}.stride", rule, received, 'Use padding="same"')
    return windows


def image_of(thing: str, shape: tuple[int, ...]) -> Pair:
    """Height and width of a sample; raises :class:`ConfigError` where it is no image."""
    if len(shape) != 3:
        remedy = "Use data of images, and put it before flatten and dense layers on features"
        raise ConfigError(thing, "needs images of height x width x channels", _text(shape), remedy)
    return shape[0], shape[1]


def _around(pixels: int, span: int, stride: int) -> Pair:
    missing = max((-(-pixels // stride) - 1) * stride + span - pixels, 0)
    return missing // 2, missing - missing // 2


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) + (" features" if len(shape) == 1 else "")
