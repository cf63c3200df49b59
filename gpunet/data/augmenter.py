"""All augmentations of a training, applied to a batch in one go."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Context, Device, array_module, matmul
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import term
from ..ops.gather import one_hot
from ..ops.resample import warp
from .arrays import channels_first
from .augmentations import Augmentation, Colour, Elastic, Geometric, Pixelwise, Textual
from .mixing import Mixing
from .randaugment import RandAugment

Gather = Callable[[Array], tuple[Array, Array]]
Drawn = tuple[Augmentation, Array]  # with the uniform numbers that it draws for each sample


class Augmenter:
    """Mixes samples, then moves their pixels, all movements in one interpolation, then changes their values.

    Args:
        augmentations: movements and changes happen in this order, elastic displacements after other movements.
        input_shape: of a sample: (height, width), (height, width, channels), or (features,) for a table.
        scale: full scale of the features.
        outputs: of the network, for the targets of mixed samples.
        samples: how many there are to mix with.
        device: where batches live.
        dtype: of the batches.
        texts: whether samples are word numbers.
        bounds: between which changed values stay, as images do between those that they have; between 0 and the full
            scale by default, and without bounds where that is 1.

    Raises:
        ConfigError: samples that are no images, or have no colours, where those are needed.
    """

    def __init__(
        self,
        augmentations: Sequence[Augmentation],
        input_shape: tuple[int, ...],
        scale: float,
        outputs: int,
        samples: int,
        device: Device,
        dtype: Any,
        texts: bool = False,
        bounds: tuple[float, float] | None = None,
    ):
        self.bounds = (0.0, scale) if bounds is None and scale != 1 else bounds
        self.texts = texts
        self.shape = _image_shape(input_shape)
        for augmentation in augmentations:
            _check(augmentation, input_shape, texts)
        self.augmentations, self.scale, self.outputs, self.samples = augmentations, scale, outputs, samples
        self.count = sum(a.draws(self.shape) for a in augmentations)
        height, width, _ = self.shape
        self.rows = device.put(np.arange(height).reshape(-1, 1) - (height - 1) / 2, dtype)
        self.columns = device.put(np.arange(width).reshape(1, -1) - (width - 1) / 2, dtype)
        self.identity = device.put(np.eye(3), dtype)
        self.placed: dict[Augmentation, Any] = {}
        for augmentation in augmentations:
            if isinstance(augmentation, Mixing):
                self.placed[augmentation] = augmentation.place(device, dtype)
            elif isinstance(augmentation, Elastic):
                self.placed[augmentation] = augmentation.place(device, self.shape, dtype)

    def apply(
        self, raw: Array, target: Array, uniform: Callable[[int], Array], gather: Gather, ctx: Context, dtype: Any
    ) -> tuple[Array, Array]:
        """Augment a batch.

        Args:
            raw: ([members,] N, features) as in the data set; left alone.
            target: ([members,] N) labels or ([members,] N, outputs).
            uniform: draws so many numbers for each sample.
            gather: fetches other samples and their targets by number.
            ctx: memory.
            dtype: of the result.

        Returns:
            Features of the same shape, and targets; labels of mixed samples become weights of all classes.
        """
        drawn = uniform(self.count)
        parts: list[Drawn] = []
        start = 0
        for augmentation in self.augmentations:
            count = augmentation.draws(self.shape)
            parts.append((augmentation, drawn[..., start : start + count]))
            start += count
        for augmentation, u in parts:
            if isinstance(augmentation, Mixing):
                raw, target = self._mix(augmentation, u, raw, target, gather, ctx, dtype)
        if self.texts:
            return self._reword(raw, parts), target
        flat = [(a, u.reshape(-1, u.shape[-1])) for a, u in parts]
        images = self._move(raw.reshape(-1, *self.shape), flat, ctx, dtype)
        changed = False
        for augmentation, u in flat:
            if isinstance(augmentation, Pixelwise):
                augmentation.change(images, u, self.scale)
                changed = True
            elif isinstance(augmentation, RandAugment):
                augmentation.change(images, u, self.bounds or (0.0, self.scale))
                changed = True
        if changed and self.bounds is not None:
            xp = array_module(images)
            xp.maximum(images, self.bounds[0], out=images)
            xp.minimum(images, self.bounds[1], out=images)
        return images.reshape(raw.shape), target

    def _reword(self, raw: Array, drawn: Sequence[Drawn]) -> Array:
        texts = raw.reshape(-1, raw.shape[-1])
        for augmentation, u in drawn:
            if isinstance(augmentation, Textual):
                texts = augmentation.rearrange(texts, u.reshape(-1, u.shape[-1]))
        return texts.reshape(raw.shape)

    def _move(self, images: Array, drawn: Sequence[Drawn], ctx: Context, dtype: Any) -> Array:
        """Numbers of the type of the batch, from wherever the pixels come from; a copy where nothing moves."""
        xp = array_module(images)
        moves = [pair for pair in drawn if isinstance(pair[0], Geometric | Elastic | RandAugment)]
        if not moves:
            out = ctx.empty(images.shape, dtype)
            out[...] = images
            return out
        total = xp.broadcast_to(self.identity, (len(images), 3, 3))
        y, x = self.rows, self.columns
        for augmentation, u in moves:
            if isinstance(augmentation, Geometric):
                m = ctx.empty((len(images), 3, 3), dtype)
                m[...] = self.identity
                augmentation.source(u, m)
                total = matmul(total, m)
            elif isinstance(augmentation, RandAugment):
                for m in augmentation.movements(u, self.shape):
                    total = matmul(total, m)
            elif isinstance(augmentation, Elastic):
                field = augmentation.displacement(u, self.shape, self.placed[augmentation])
                y, x = y + field[:, 0], x + field[:, 1]
        whole = all(isinstance(a, Geometric) and a.whole_pixels for a, _ in moves)
        return warp(images, total, y, x, whole, ctx.empty(images.shape, dtype), ctx.empty)

    def _mix(
        self, mixing: Mixing, u: Array, raw: Array, target: Array, gather: Gather, ctx: Context, dtype: Any
    ) -> tuple[Array, Array]:
        xp = array_module(raw)
        # A number next to 1 may be rounded up to the number of samples.
        other = xp.minimum(xp.floor(u[..., 0] * self.samples).astype(np.int64), self.samples - 1)
        within, weight = mixing.portion(u[..., 1:], self.placed[mixing], self.shape)
        found, label = gather(other)
        mixed = ctx.empty(raw.shape, dtype)
        mixed[...] = found
        mixed -= raw
        mixed *= within
        mixed += raw
        own, others = self._weights(target, ctx, dtype), self._weights(label, ctx, dtype)
        others -= own
        others *= weight
        own += others
        return mixed, own

    def _weights(self, target: Array, ctx: Context, dtype: Any) -> Array:
        """A copy of the targets as numbers: labels become a one-hot code, or 0 and 1 for one output."""
        xp = array_module(target)
        if target.dtype.kind != "f" and self.outputs == 1:
            target = target[..., None]
        elif target.dtype.kind != "f":
            target = one_hot(target, self.outputs, ctx.empty((*target.shape, self.outputs), bool))
        out = ctx.empty(target.shape, dtype)
        xp.copyto(out, target)
        return out


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) in (2, 3):
        return (*shape, 1)[:3]  # type: ignore[return-value]
    return (1, int(np.prod(shape)), 1)


def _check(augmentation: Augmentation, shape: tuple[int, ...], texts: bool) -> None:
    name, shown = term(type(augmentation)), "x".join(map(str, shape))
    if texts != (augmentation.of == "texts"):
        raise ConfigError(name, f"needs {augmentation.of}", "texts" if texts else "numbers", "Leave it out")
    if augmentation.of == "images" and len(shape) not in (2, 3):
        raise ConfigError(name, "needs images", f"samples of {shown} features", "Leave it out")
    if augmentation.of == "images" and channels_first(shape):
        remedy = "Set channels=first, or turn arrays by np.moveaxis(x, 1, -1)"
        raise ConfigError(name, "needs channels on the last axis", shown, remedy)
    if isinstance(augmentation, Colour) and (len(shape) != 3 or shape[2] < 2):
        raise ConfigError(name, "needs images of height x width x channels", shown, "Use contrast or brightness")
