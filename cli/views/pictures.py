"""Pictures out of a checkpoint: images that it holds, and weights as the filters that they are."""

from __future__ import annotations

import math

import click
import numpy as np

from gpunet.checkpoint import Array, Checkpoint
from gpunet.errors import CheckpointError, ConfigError, printable

from ..options import print_json
from .history import save

TILE = 48  # pixels that a tile should at least have
MOST = 1024  # tiles in one picture
CHANNELS = (1, 3)


def draw(found: Checkpoint, name: str, output: str, as_json: bool) -> None:
    """Draw ``images/NAME``, an array of bytes, or the filters of a weight array.

    Raises:
        CheckpointError: no such array, or none that is an image.
        ConfigError: pillow is missing.
        WriteError: the picture cannot be written.
    """
    try:
        from PIL import Image
    except ImportError:
        remedy = "pip install 'gpunet[images]'"
        raise ConfigError("--image", "needs pillow to draw", "no pillow", remedy) from None
    path = next((p for p in (f"images/{name}", name.strip("/")) if p in found.root), None)
    array = found[path] if path is not None else None
    if path is None or not isinstance(array, Array):
        rule = f"must hold an array {printable(name)}"
        raise CheckpointError(str(found.path), rule, "no such", f"To draw: {_known(found)}")
    tiles, note = tiles_of(found, path, array)
    picture = grid(tiles[:MOST])
    save(output, lambda file: Image.fromarray(picture).save(file, format="PNG"))
    if len(tiles) > MOST:
        note += f", the first {MOST:,} of {len(tiles):,}"
    if as_json:
        size = [picture.shape[1], picture.shape[0]]
        print_json({"array": path, "tiles": min(MOST, len(tiles)), "size": size, "note": note, "output": output})
    else:
        click.echo(f"{printable(path)}: {note}, {picture.shape[1]} x {picture.shape[0]} pixels: {output}")


def _known(found: Checkpoint) -> str:
    return printable(", ".join(drawable(found))) or "none"


def drawable(found: Checkpoint) -> list[str]:
    """The paths of all arrays that can be drawn."""
    names = []
    for path, child in found.root.walk():
        if isinstance(child, Array) and (path.startswith("images/") or _filters(found, child) is not None):
            names.append(path)
    return names


def tiles_of(found: Checkpoint, path: str, array: Array) -> tuple[np.ndarray, str]:
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
    pixels = _filters(found, array)
    if pixels is None:
        got = f"{array.dtype.name} {'x'.join(map(str, array.shape))} for inputs {input_shape(found)}"
        thing = f"{found.path}: {printable(path)}"
        raise CheckpointError(thing, "must be an image or weights of pixels", got, f"To draw: {_known(found)}")
    data, note = array.data, "filters, each scaled by its largest weight"
    if data.ndim == 3:
        data, note = data[0], f"{note}, member 0 of {len(data)}"
    filters = data.T.astype(np.float64).reshape(-1, *pixels)
    largest = np.abs(filters).max(axis=tuple(range(1, filters.ndim)), keepdims=True)
    scaled = np.divide(filters, largest, out=np.zeros_like(filters), where=(largest > 0) & np.isfinite(largest))
    return np.rint(127.5 + 127.5 * scaled).astype(np.uint8), f"{len(filters):,} {note}"


def _filters(found: Checkpoint, array: Array) -> tuple[int, ...] | None:
    """The image shape of a weight's input: height, width, and colours where there are any."""
    shape = input_shape(found)
    if array.attrs.get("role") != "weight" or array.dtype.kind != "f" or len(shape) not in (2, 3):
        return None
    if len(shape) == 3 and shape[-1] not in CHANNELS:
        return None
    members = str(array.attrs.get("axes", "")).startswith("member,")
    if len(array.shape) != 2 + members or array.shape[-2] != math.prod(shape) or not array.size:
        return None
    return shape[:2] if shape[-1] == 1 else shape


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
    count, height, width = tiles.shape[:3]
    factor = max(1, math.ceil(TILE / max(height, width))) if max(height, width) < TILE else 1
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width, gap = height * factor, width * factor, 1 + factor // 2 if count > 1 else 0
    across = min(count, math.ceil(math.sqrt(count * height / width)))
    down = math.ceil(count / across)
    size = (down * (height + gap) + gap, across * (width + gap) + gap)
    picture = np.full((*size, *tiles.shape[3:]), 60, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = (gap + place * (side + gap) for place, side in zip(divmod(number, across), (height, width)))
        picture[top : top + height, left : left + width] = tile
    return picture
