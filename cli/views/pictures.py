"""Pictures out of a checkpoint: images that it holds, and weights as the filters that they are."""

from __future__ import annotations

import io
import math

import click
import numpy as np

from gpunet.checkpoint import Checkpoint, NamedArray
from gpunet.errors import CheckpointError, ConfigError, printable
from gpunet.inspection.tiles import CHANNELS, enlarged, filters, is_filters
from gpunet.members import of_member

from ..options import print_json
from ..output import Output

TILE = 48  # pixels that a tile should at least have
MOST = 1024  # tiles in one picture


def draw_image(found: Checkpoint, name: str, output: Output, as_json: bool) -> None:
    """Draw ``images/NAME``, an array of bytes, or the filters of a weight array.

    Raises:
        CheckpointError: no such array, or none that is an image.
        ConfigError: pillow is missing.
        WriteError: the picture cannot be written.
    """
    require_pillow("--image")
    path = next((p for p in (f"images/{name}", name.strip("/")) if p in found.root), None)
    array = found[path] if path is not None else None
    if path is None or not isinstance(array, NamedArray):
        rule = f"must hold an array {printable(name)}"
        raise CheckpointError(str(found.path), rule, "no such", f"To draw: {_known(found)}")
    tiles, note = tiles_of(found, path, array)
    picture = grid(tiles[:MOST])
    output.write([png(picture)])
    if len(tiles) > MOST:
        note += f", the first {MOST:,} of {len(tiles):,}"
    if as_json:
        size = [picture.shape[1], picture.shape[0]]
        print_json(
            {"array": path, "tiles": min(MOST, len(tiles)), "size": size, "note": note, "output": str(output.path)}
        )
    else:
        click.echo(f"{printable(path)}: {note}, {picture.shape[1]} x {picture.shape[0]} pixels: {output.path}")


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


def _known(found: Checkpoint) -> str:
    return printable(", ".join(drawable(found))) or "none"


def drawable(found: Checkpoint) -> list[str]:
    """The paths of all arrays that can be drawn."""
    names = []
    for path, child in found.root.walk():
        if isinstance(child, NamedArray) and (path.startswith("images/") or _shows_filters(found, child)):
            names.append(path)
    return names


def tiles_of(found: Checkpoint, path: str, array: NamedArray) -> tuple[np.ndarray, str]:
    """Tiles of bytes, of shape (tiles, height, width) or (tiles, height, width, 3), and what they are.

    Raises:
        CheckpointError: neither bytes in the shape of images, nor weights of pixels.
    """
    if array.dtype == np.uint8 and array.size:
        shape = array.shape
        if len(shape) == 2 or (len(shape) == 3 and shape[-1] in CHANNELS):
            return array.data.reshape(1, *(shape[:2] if shape[-1] == 1 else shape)), "image"
        if len(shape) == 3 or (len(shape) == 4 and shape[-1] in CHANNELS):
            return array.data.reshape(shape[:3]) if shape[-1] == 1 else array.data, f"{shape[0]:,} images"
    if not _shows_filters(found, array):
        got = f"{array.dtype.name} {'x'.join(map(str, array.shape))} for inputs {input_shape(found)}"
        thing = f"{found.path}: {printable(path)}"
        raise CheckpointError(thing, "must be an image or weights of pixels", got, f"To draw: {_known(found)}")
    note = "filters, each scaled by its largest weight"
    if array.members:
        note += f", member 0 of {len(array.data)}"
    tiles = filters(of_member(array.data, array.members), _own_axes(array), input_shape(found))
    return tiles, f"{len(tiles):,} {note}"


def _shows_filters(found: Checkpoint, array: NamedArray) -> bool:
    """Whether an array is a weight into which pixels go."""
    if array.attrs.get("role") != "weight" or array.dtype.kind != "f" or not array.size:
        return False
    return is_filters(array.shape[len(array.members) :], _own_axes(array), input_shape(found))


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
