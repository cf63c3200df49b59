"""What a model sees: features and targets of the three parts, preprocessed or as another model represents them."""

import copy
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, Literal

import numpy as np

from ..backend import NUMERICS, Arena, Context, Device, Purpose, host_generator
from ..backend.arrays import Array
from .augmenter import Augmenter
from .feed import Feed
from .preprocessing import Preprocessing
from .spilled import Spilled
from .splitting import Split
from .streamed import Features, Streamed, some_of
from .streaming import feed_of

Part = Literal["train", "validation", "test"]
BATCH = 1000  # samples at once


class Inputs:
    """Samples on the host with their split and preprocessing, from which feeds are made.

    Args:
        x: (samples, *shape of a sample), or (samples, members, *shape of a sample) with ``members_own``; perhaps
            streamed from a file.
        y: (samples,) labels or (samples, outputs).
        split: sample numbers of the parts.
        preprocessing: applied to each batch.
        device: where feeds live.
        original: what was done to the data's own features, where ``x`` are representations of them.
        members_own: whether each member of a population has features of its own.
        weights: (samples,), from 0, how much each sample counts; None where all count alike.
        dtype: of what the model sees, float32 or float64.
        seed: of the order in which chunks of samples come that are streamed.
    """

    def __init__(
        self,
        x: Features,
        y: np.ndarray,
        split: Split,
        preprocessing: Preprocessing,
        device: Device,
        original: Preprocessing | None = None,
        members_own: bool = False,
        weights: np.ndarray | None = None,
        dtype: Any = np.float32,
        seed: int = 0,
    ):
        self.dtype, self.seed = np.dtype(dtype), seed
        self.x, self.y, self.split, self.preprocessing, self.device = x, y, split, preprocessing, device
        self.members_own, self.weights = members_own, weights
        self.original = original or preprocessing

    def on(self, device: Device) -> "Inputs":
        """The same for feeds on another device."""
        found = copy.copy(self)
        found.device = device
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample, as one member sees it."""
        return self.preprocessing.shape(self.x.shape[2:] if self.members_own else self.x.shape[1:])

    @property
    def features(self) -> int:
        """Numbers of one sample, as one member sees it."""
        return prod(self.shape)

    def feed(
        self,
        part: Part,
        members: tuple[int, ...] = (),
        dtype: Any = None,
        augmenter: Augmenter | None = None,
        rows: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        training: bool = False,
    ) -> Feed:
        """One part on the device; with ``members`` each has an order of its own, and ``rows`` say what an epoch is.

        ``weights``, (samples,) of the data set, stand for its own where they are given, and ``dtype`` for the type.
        ``training`` says that it is what is trained on, which has most of the memory where samples are streamed.
        """
        weights = self.weights if weights is None else weights
        chosen = getattr(self.split, part)
        kind: Any = self.dtype if dtype is None else np.dtype(dtype)
        x, y, own = some_of(self.x, chosen), self.y[chosen], None if weights is None else weights[chosen]
        if isinstance(x, Streamed):
            return feed_of(
                self.device, x, y, self.preprocessing, kind, members, augmenter, rows, self.members_own, own,
                self.seed, training,
            )  # fmt: skip
        return Feed(self.device, x, y, self.preprocessing, kind, members, augmenter, rows, self.members_own, own)

    def training_blocks(self) -> Iterator[np.ndarray]:
        """The training part as the model sees it, (samples, [members,] *shape) on the host.

        It comes at once, but block by block where samples are streamed, or are categories, which become wide.
        """
        train = self.split.train
        if isinstance(self.x, Streamed):
            yield from map(self._prepared, self.x.selected(train).blocks())
            return
        if not self.preprocessing.categorical:
            yield self._on_host(train)
            return
        for start in range(0, len(train), BATCH):
            yield self._on_host(train[start : start + BATCH])

    def some(self, part: Part, count: int) -> np.ndarray:
        """So many samples of a part, or all, chosen at random but always the same ones, as the model sees them.

        Samples of weight 0 are none.

        Returns:
            On the host, ([members,] count, *shape).
        """
        x = self._on_host(self._some(part, count))
        return x.swapaxes(0, 1) if self.members_own else x

    def some_weights(self, part: Part, count: int) -> np.ndarray | None:
        """Weights of the same samples, (count,), or None where all count alike."""
        return None if self.weights is None else self.weights[self._some(part, count)]

    def _some(self, part: Part, count: int) -> np.ndarray:
        chosen: np.ndarray = getattr(self.split, part)
        if self.weights is not None and self.weights[chosen].any():
            chosen = chosen[self.weights[chosen] > 0]
        if isinstance(self.x, Streamed):  # which become numbers of four bytes, or of eight
            count = min(count, max(1, self.x.most // (16 * self.x.bytes_of_one)))
        return chosen[host_generator(0, Purpose.SAMPLING).permutation(len(chosen))[:count]]

    def _on_host(self, chosen: np.ndarray) -> np.ndarray:
        return self._prepared(self.x[chosen])

    def _prepared(self, x: np.ndarray) -> np.ndarray:
        leading = x.shape[: 2 if self.members_own else 1]
        return self.preprocessing.on_host(x.reshape(*leading, -1), self.dtype).reshape(*leading, *self.shape)

    def encoded(
        self, encode: Callable[[Array, Context], Array], members_own: bool = False, numerics: int = NUMERICS
    ) -> "Inputs":
        """All samples as ``encode`` represents them, computed once, and kept in a temporary file where they stream.

        Args:
            encode: from a batch ([members,] N, *shape) and a context to ([members,] N, width), without randomness.
            members_own: whether ``encode`` gives a representation for each member of a population.
            numerics: by which rules of arithmetic.
        """
        device, p = self.device, self.preprocessing
        placed, kind = p.place(device, self.dtype), self.dtype
        ctx, parts = Context(False, Arena(device), numerics=numerics), []
        streams, spilled = isinstance(self.x, Streamed), None
        count = min(BATCH, self.x.rows_of_block) if isinstance(self.x, Streamed) else BATCH
        for start in range(0, len(self.x), count):
            ctx.arena.rewind()
            raw = self.x[start : start + count]
            leading = raw.shape[: 2 if self.members_own else 1]
            x = p.apply(device.put(raw.reshape(*leading, -1)), placed, ctx, kind).reshape(*leading, *self.shape)
            h = device.get(encode(x.swapaxes(0, 1) if self.members_own else x, ctx))
            h = np.array(h.swapaxes(0, 1) if members_own else h, kind)
            if not streams:
                parts.append(h)
                continue
            spilled = spilled or Spilled(h.shape[1:], kind)
            spilled.add(h)
        if isinstance(self.x, Streamed) and spilled is not None:
            whole: Features = spilled.streamed(f"{self.x.name}, as layers represent it", self.x.most)
        else:
            whole = np.concatenate(parts)
        found = Inputs(
            whole, self.y, self.split, Preprocessing(), device, self.original, members_own, self.weights, kind
        )
        found.seed = self.seed
        return found
