"""What a model sees: features and targets of the three parts, preprocessed or as another model represents them."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..backend import Arena, Context, Device, Purpose, host_generator
from ..backend.arrays import Array
from .augmenter import Augmenter
from .description import Parts
from .feed import Feed
from .preprocessing import Preprocessing

Part = Literal["train", "validation", "test"]
BATCH = 1000  # samples at once


class Inputs:
    """Samples on the host with their split and preprocessing, from which feeds are made.

    Args:
        x: (samples, features), or (samples, members, features) where each member has features of its own.
        y: (samples,) labels or (samples, outputs).
        split: sample numbers of the parts.
        preprocessing: applied to each batch.
        device: where feeds live.
        original: what was done to the data's own features, where ``x`` are representations of them.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        split: Parts,
        preprocessing: Preprocessing,
        device: Device,
        original: Preprocessing | None = None,
    ):
        self.x, self.y, self.split, self.preprocessing, self.device = x, y, split, preprocessing, device
        self.original = original or preprocessing

    @property
    def features(self) -> int:
        """Numbers of one sample, as one member sees it."""
        return self.preprocessing.width(self.x.shape[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample, as one member sees it."""
        return (self.features,)

    def feed(
        self,
        part: Part,
        members: tuple[int, ...] = (),
        dtype: Any = np.float32,
        augmenter: Augmenter | None = None,
        rows: np.ndarray | None = None,
    ) -> Feed:
        """One part on the device; with ``members`` each has an order of its own, and ``rows`` say what an epoch is."""
        chosen = getattr(self.split, part)
        kind: Any = np.dtype(dtype)
        return Feed(self.device, self.x[chosen], self.y[chosen], self.preprocessing, kind, members, augmenter, rows)

    def training_part(self) -> np.ndarray:
        """The training part as the model sees it, float32 on the host."""
        return self.preprocessing.on_host(self.x[self.split.train])

    def training_mean(self) -> np.ndarray:
        """Mean of the training part, (features,) or (members, features)."""
        return self.training_part().mean(axis=0, dtype=np.float64)

    def some(self, part: Part, count: int) -> np.ndarray:
        """So many samples of a part, or all, chosen at random but always the same ones, as the model sees them.

        Returns:
            float32 on the host, (count, features) or (members, count, features).
        """
        chosen = getattr(self.split, part)
        chosen = chosen[host_generator(0, Purpose.SAMPLING).permutation(len(chosen))[:count]]
        x = self.preprocessing.on_host(self.x[chosen])
        return x.swapaxes(0, 1) if x.ndim == 3 else x

    def encoded(self, encode: Callable[[Array, Context], Array]) -> "Inputs":
        """All samples as ``encode`` represents them, computed once.

        Args:
            encode: from a batch ([members,] N, features) and a context to ([members,] N, width), without randomness.
        """
        device, p = self.device, self.preprocessing
        placed, kind = p.place(device, np.float32), np.dtype(np.float32)
        ctx, parts = Context(False, Arena(device)), []
        for start in range(0, len(self.x), BATCH):
            ctx.arena.rewind()
            raw = device.put(self.x[start : start + BATCH])
            x = p.apply(raw, placed, ctx, kind)
            h = device.get(encode(x.swapaxes(0, 1) if x.ndim == 3 else x, ctx))
            parts.append(np.array(h.swapaxes(0, 1) if h.ndim == 3 else h, np.float32))
        x = np.concatenate(parts)
        return Inputs(x, self.y, self.split, Preprocessing(), device, self.original)
