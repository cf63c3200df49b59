"""Pictures out of a checkpoint: images that it holds, and weights as the filters that they are."""

from __future__ import annotations

import io
import math

import click
import numpy as np

from gpunet.checkpoint import Checkpoint, NamedArray, is_own
from gpunet.errors import CheckpointError, ConfigError, printable
from gpunet.inspection.tiles import CHANNELS, enlarged, filters, is_filters, is_image
from gpunet.members import of_member

from ..options import print_json
from ..output import Output

TILE = 48  # pixels that a tile should at least have
READABLE = 600  # pixels that a smaller picture is enlarged to, or nearly
MOST = 1024  # tiles in one picture


def draw_image(found: Checkpoint, name: str, output: Output, as_json: bool, shape: str | None = None) -> None:
    """Draw ``images/NAME``, an array of bytes, or the filters of a weight array.

    Args:
        found: the checkpoint.
        name: of the array.
        output: file to write.
        as_json: report as JSON.
        shape: of one sample, ``28x28`` or ``32x32x3``, where the file does not say it or is to be seen otherwise.

    Raises:
        CheckpointError: no such array, or none that is an image.
        ConfigError: pillow is missing, or a shape that is none of images.
        WriteError: the picture cannot be written.
    """
    require_pillow("--image")
    pixels = input_shape(found) if shape is None else _shape(shape)
    path = next((p for p in (f"images/{name}", name.strip("/")) if p in found.root), None)
    array = found[path] if path is not None else None
    if path is None or not isinstance(array, NamedArray):
        rule = f"must hold an array {printable(name)}"
        raise CheckpointError(str(found.path), rule, "no such", f"To draw: {_known(found, pixels)}")
    tiles, note = tiles_of(found, path, array, pixels)
    picture = grid(tiles[:MOST])
    zoom = max(1, READABLE // max(picture.shape[:2]))
    output.write([png(picture, zoom)])
    if len(tiles) > MOST:
        note += f", the first {MOST:,} of {len(tiles):,}"
    size = [zoom * picture.shape[1], zoom * picture.shape[0]]
    if as_json:
        print_json(
            {"array": path, "tiles": min(MOST, len(tiles)), "size": size, "note": note, "output": str(output.path)}
        )
    else:
        click.echo(f"{printable(path)}: {note}, {size[0]} x {size[1]} pixels: {output.path}")


def _shape(text: str) -> tuple[int, ...]:
    """What ``--shape`` says."""
    words = text.lower().split("x")
    shape = tuple(int(word) if word.isdecimal() else 0 for word in words)
    if not (all(shape) and is_image(shape)):
        raise ConfigError("--shape", "must be HEIGHTxWIDTH, or HEIGHTxWIDTHx3 in colour", text, "For example 28x28")
    return shape


def require_pillow(thing: str, otherwise: str = "") -> None:
    """Say what to install before anything is computed.

    Raises:
        ConfigError: there is none.
    """
    try:
        from PIL import Image as _  # noqa: F401
    except ImportError:
        remedy = f"pip install 'gpunet[images]'{otherwise}"
        raise ConfigError(thing, "needs pillow to draw", "no pillow", remedy) from None


def png(picture: np.ndarray, zoom: int = 1) -> bytes:
    """Bytes of shape (height, width) or (height, width, 3) as a PNG, each pixel ``zoom`` times as high and wide."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture.repeat(zoom, 0).repeat(zoom, 1)).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _known(found: Checkpoint, pixels: tuple[int, ...]) -> str:
    return printable(", ".join(drawable(found, pixels))) or "none"


def drawable(found: Checkpoint, pixels: tuple[int, ...] | None = None) -> list[str]:
    """The paths of all arrays that can be drawn, where samples have the shape ``pixels``, or that of the data."""
    names = []
    pixels = input_shape(found) if pixels is None else pixels
    for path, child in found.root.walk():
        if isinstance(child, NamedArray) and (path.startswith("images/") or _matrix(found, child, pixels) is not None):
            names.append(path)
    return names


def tiles_of(
    found: Checkpoint, path: str, array: NamedArray, pixels: tuple[int, ...] | None = None
) -> tuple[np.ndarray, str]:
    """Tiles of bytes, of shape (tiles, height, width) or (tiles, height, width, 3), and what they are.

    Args:
        found: the checkpoint.
        path: of the array.
        array: bytes, or a weight.
        pixels: shape of one sample; that of the data by default.

    Raises:
        CheckpointError: neither bytes in the shape of images, nor weights of pixels.
    """
    pixels = input_shape(found) if pixels is None else pixels
    if array.dtype == np.uint8 and array.size:
        shape = array.shape
        if len(shape) == 2 or (len(shape) == 3 and shape[-1] in CHANNELS):
            return array.data.reshape(1, *(shape[:2] if shape[-1] == 1 else shape)), "image"
        if len(shape) == 3 or (len(shape) == 4 and shape[-1] in CHANNELS):
            return array.data.reshape(shape[:3]) if shape[-1] == 1 else array.data, f"{shape[0]:,} images"
    weight = _matrix(found, array, pixels)
    if weight is None:
        inputs = f"inputs of {'x'.join(map(str, pixels))}" if pixels else "inputs of unknown shape"
        got = f"{array.dtype.name} {'x'.join(map(str, array.shape))} for {inputs}"
        thing = f"{found.path}: {printable(path)}"
        remedy = f"To draw: {_known(found, pixels)}" if pixels else "Say their shape with --shape, as 28x28"
        raise CheckpointError(thing, "must be an image or weights of pixels", got, remedy)
    note = "filters, each scaled by its largest weight"
    if array.members:
        note += f", member 0 of {len(array.data)}"
    tiles = filters(weight, _own_axes(array), pixels)
    return tiles, f"{len(tiles):,} {note}"


def _matrix(found: Checkpoint, array: NamedArray, pixels: tuple[int, ...]) -> np.ndarray | None:
    """A weight of one member into which pixels go, (inputs, outputs) or a kernel; None where it is none.

    Files of other programs say nothing about roles and axes: there a matrix is turned so that its inputs are pixels,
    and one that could be seen both ways is taken for (outputs, inputs) in safetensors and (inputs, outputs) in HDF5,
    as PyTorch and Keras have them.
    """
    if array.dtype.kind != "f" or not array.size:
        return None
    if not found.foreign:
        fits = array.attrs.get("role") == "weight" and is_filters(
            array.shape[len(array.members) :], _own_axes(array), pixels
        )
        return of_member(array.data, array.members) if fits else None
    turned = found.foreign == "safetensors" and not is_own(found.root)
    for swap in (turned, not turned):
        if is_filters(array.shape[::-1] if swap else array.shape, (), pixels):
            return array.data.T if swap else array.data
    return None


def _own_axes(array: NamedArray) -> tuple[str, ...]:
    """The names of the axes of one member."""
    return array.axes[len(array.members) :]


def input_shape(found: Checkpoint) -> tuple[int, ...]:
    """The shape of one sample as the data's description says; empty where it says nothing."""
    shape = found.note("data/json").get("input_shape")
    if not isinstance(shape, list) or not all(isinstance(n, int) and n > 0 for n in shape):
        return ()
    return tuple(shape)


def grid(tiles: np.ndarray) -> np.ndarray:
    """Tiles side by side in about a square, each enlarged to be visible, with gaps between them.

    >>> grid(np.zeros((5, 28, 28), np.uint8)).shape
    (118, 176)
    """
    small, tiles = tiles.shape[1], enlarged(tiles, TILE)
    count, height, width = tiles.shape[:3]
    gap = 1 + height // small // 2 if count > 1 else 0
    across = min(count, math.ceil(math.sqrt(count * height / width)))
    down = math.ceil(count / across)
    size = (down * (height + gap) + gap, across * (width + gap) + gap)
    picture = np.full((*size, *tiles.shape[3:]), 60, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (gap + place * (side + gap) for place, side in zip(divmod(number, across), (height, width)))
        picture[top : top + height, left : left + width] = tile
    return picture
