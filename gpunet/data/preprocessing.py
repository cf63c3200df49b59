"""Preprocessing of features: a chain of preparations, fitted on the training part alone."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device
from ..backend.arrays import Array
from ..errors import ConfigError, DataError
from ..fields import term
from . import preparations as known
from . import robust
from .bags import BagOfWords
from .onehot import OneHot
from .preparations import Arrays, Preparation, is_affine
from .seen import Seen
from .streamed import Features, Streamed

BATCH = 1000  # samples at once on the host
SAID = {
    "standardise": "standardised to mean 0 and deviation 1",
    "scale": "divided by their full scale",
    "min_max": "scaled to 0..1",
    "robust": "scaled to median 0 and interquartile range 1",
    "log1p": "their logarithms",
    "clip": "outliers held back",
}


@dataclass(frozen=True)
class Fitted:
    """A preparation with what it learned from the training part.

    Attributes:
        preparation: what is done.
        arrays: float32 or int32, on the host.
        features: how many it takes.
    """

    preparation: Preparation
    arrays: Arrays
    features: int

    @property
    def width(self) -> int:
        """How many features it gives."""
        return self.preparation.width(self.arrays, self.features)


@dataclass(frozen=True)
class Preprocessing:
    """Everything that is done to features, in this order; nothing at all where ``steps`` is empty."""

    steps: tuple[Fitted, ...] = ()

    @property
    def kind(self) -> str:
        """The names of the steps, ``"scale"`` or ``"scale+pca"``; ``"none"`` without any."""
        return "+".join(term(type(step.preparation)) for step in self.steps) or "none"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the fits."""
        notes = ((step.preparation, step.preparation.note(step.arrays, step.features)) for step in self.steps)
        return tuple(f"{term(type(preparation))}: {note}" for preparation, note in notes if note)

    @property
    def said(self) -> str:
        """The steps in words, for whoever reads what is going to be trained."""
        names = [term(type(step.preparation)) for step in self.steps]
        return ", then ".join(SAID.get(name, name) for name in names)

    @property
    def unit_variance(self) -> bool:
        """Whether the training part has variance 1 afterwards."""
        return bool(self.steps) and self.steps[-1].preparation.unit_variance

    @property
    def pixelwise(self) -> bool:
        """Whether every feature stays in its place, so that an image remains one."""
        return all(step.preparation.pixelwise for step in self.steps)

    @property
    def affine(self) -> bool:
        """Whether it is nothing but ``(x - shift) * factor``, feature by feature, or nothing at all."""
        return not self.steps or (len(self.steps) == 1 and is_affine(self.steps[0].preparation))

    @property
    def random(self) -> bool:
        """Whether samples differ from epoch to epoch of training."""
        return any(step.preparation.random for step in self.steps)

    @property
    def categorical(self) -> bool:
        """Whether samples are categories, which are prepared batch by batch rather than all at once."""
        return any(step.preparation.categorical for step in self.steps)

    def width(self, features: int) -> int:
        """How many features a model sees for so many of the data set."""
        return self.steps[-1].width if self.steps else features

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample that a model sees, for that of the data set: its own while features stay in their places.

        >>> Preprocessing().shape((8, 8, 3))
        (8, 8, 3)
        """
        return shape if self.pixelwise else (self.width(prod(shape)),)

    def place(self, device: Device, dtype: Any) -> list[Arrays]:
        """The arrays of each step on a device, numbers in the type of the batches."""
        return [
            {name: device.put(a, dtype if a.dtype.kind == "f" else a.dtype) for name, a in step.arrays.items()}
            for step in self.steps
        ]

    def apply(self, raw: Array, placed: Sequence[Arrays], ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Prepare a batch (..., features); ``placed`` is this object's, see :meth:`place`."""
        x = raw
        for step, arrays in zip(self.steps, placed):
            x = step.preparation.apply(x, arrays, ctx, dtype, uniform)
        if x is raw:
            x = ctx.empty(raw.shape, dtype)
            x[...] = raw
        return x

    def on_host(self, x: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        """Prepare samples (..., features) on the host, as at inference."""
        device = Device()
        placed, ctx, parts = self.place(device, dtype), Context(False, Arena(device)), []
        for start in range(0, len(x), BATCH):
            ctx.arena.rewind()
            parts.append(self.apply(x[start : start + BATCH], placed, ctx, np.dtype(dtype)).copy())
        return np.concatenate(parts)

    def undo(self, y: np.ndarray) -> np.ndarray:
        """The features (..., features), on the host, whose preparation is ``y``, as far as it tells."""
        for step in reversed(self.steps):
            y = step.preparation.undo(y, step.arrays)
        return y


def fit_preprocessing(
    chain: str | Iterable[Preparation], x: Features, scale: float, weights: np.ndarray | None = None
) -> Preprocessing:
    """Fit a chain of preparations on the training part, each on what the one before makes of it.

    Args:
        chain: preparations, or the name of a single one with its defaults; ``"none"`` for none.
        x: (samples, *shape of a sample) on the host; its last axis are the channels of images.  Where samples are
            streamed, each preparation that looks at them takes a pass over them, or two.
        scale: full scale of the data set.
        weights: (samples,), how much each sample counts for preparations that look at it; None where all count alike.

    Raises:
        ConfigError: a name that no preparation has, or statistics per channel of what has no channels.
        DataError: features that a preparation cannot take.

    >>> p = fit_preprocessing("standardise", np.array([[0.0, 5.0], [2.0, 5.0]], "f4"), 1.0)
    >>> p.kind, p.on_host(np.array([[3.0, 9.0]])).tolist(), p.notes
    ('standardise', [[2.0, 0.0]], ('standardise: 1 of 2 features are constant in the training part and become 0',))
    """
    fitted: tuple[Fitted, ...] = ()
    preparations = _named(chain) if isinstance(chain, str) else list(chain)
    if isinstance(x, Streamed):
        for preparation in preparations:
            fitted = (*fitted, _fit_streamed(preparation, Preprocessing(fitted), x, scale, weights))
        return Preprocessing(fitted)
    shape, x = x.shape[1:], x.reshape(len(x), -1)
    for preparation in preparations:
        seen = Preprocessing(fitted[-1:]).on_host(x) if fitted else x
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # looked for below
            arrays = _fit(preparation, seen, Preprocessing(fitted).shape(shape), scale if not fitted else 1.0, weights)
        _check_fit(preparation, arrays, lambda: np.abs(seen).max(axis=0))  # noqa: B023  called at once
        fitted = (*fitted, Fitted(preparation, arrays, seen.shape[-1]))
        x = seen
    return Preprocessing(fitted)


def _fit_streamed(
    preparation: Preparation, before: Preprocessing, x: Streamed, scale: float, weights: np.ndarray | None
) -> Fitted:
    """Fit one preparation to samples that are streamed."""
    channels = _channels(preparation, before.shape(x.row))
    features = before.width(prod(x.row))
    seen = Seen(x, before.on_host if before.steps else None, features, weights, channels)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # looked for below
        arrays = preparation.fit_streamed(seen, scale if not before.steps else 1.0)

    def sizes() -> np.ndarray:
        found = seen.extent()
        larger: np.ndarray = np.maximum(np.abs(found.lows), np.abs(found.highs))
        return larger

    _check_fit(preparation, arrays, sizes)
    if channels:
        arrays = {name: np.tile(array, features // channels) for name, array in arrays.items()}
    return Fitted(preparation, arrays, features)


def _check_fit(preparation: Preparation, arrays: Arrays, sizes: Callable[[], np.ndarray]) -> None:
    """Refuse statistics that single precision cannot hold, and numbers that it cannot hold once they are prepared."""
    lost = [name for name, array in arrays.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if not lost:
        return
    found = sizes()
    largest = int(found.argmax())
    rule = f"needs a {lost[0]} that single precision can hold"
    received = f"feature {largest} as large as {found[largest]:.2g}"
    raise DataError(f"preprocessing {term(type(preparation))}", rule, received, "Scale the data before")


def _channels(preparation: Preparation, shape: tuple[int, ...]) -> int:
    """Of how many channels the numbers are those, 0 where they are those of features."""
    if getattr(preparation, "per", "feature") == "feature":
        return 0
    if len(shape) == 1:
        name, received = f"{term(type(preparation))}.per", f"samples of {shape[0]} features"
        raise ConfigError(name, "channel needs images", received, "Leave it out")
    return shape[-1]


def _fit(
    preparation: Preparation, x: np.ndarray, shape: tuple[int, ...], scale: float, weights: np.ndarray | None
) -> Arrays:
    """Fit to features one by one, or to channels, whose numbers then stand at every position."""
    channels = _channels(preparation, shape)
    if not channels:
        return preparation.fit_weighted(x, scale, weights)
    positions = prod(shape[:-1])
    each = None if weights is None else np.repeat(weights, positions)
    arrays = preparation.fit_weighted(x.reshape(-1, channels), scale, each)
    return {name: np.tile(array, positions) for name, array in arrays.items()}


def _named(name: str) -> list[Preparation]:
    known_here = (*vars(known).values(), *vars(robust).values())
    exported = [c for c in known_here if inspect.isclass(c) and issubclass(c, Preparation)]
    classes = {
        term(c): c for c in (*exported, BagOfWords, OneHot) if c is not Preparation and not c.__name__.startswith("_")
    }
    if name == "none":
        return []
    if name not in classes:
        raise ConfigError("preprocessing", f"must be none, {', '.join(sorted(classes))}", repr(name))
    return [classes[name]()]
