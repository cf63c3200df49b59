"""Texts as bags of words."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import DataError
from ..fields import Count
from ..ops.gather import count_into
from .preparations import Arrays, Preparation


@dataclass(frozen=True)
class BagOfWords(Preparation):
    """How often each word occurs in a text, whatever the order: from word numbers (..., length) to (..., words).

    A dense layer without bias that follows ``weighting="mean"`` gives the mean of the words' embeddings, which are the
    rows of its weight.

    Args:
        words: so many of the most frequent words of the training part have a feature.
        minimum: but only those that occur at least so many times.
        weighting: ``binary`` for 1 where a word occurs, ``count`` for how often, ``mean`` for its share of those of the
            text's words that have a feature, ``tfidf`` for counts times
            ``log((1 + texts) / (1 + texts with the word)) + 1``, scaled to length 1.
    """

    words: Count = 5000
    minimum: Count = 1
    weighting: Literal["binary", "count", "mean", "tfidf"] = "binary"
    pixelwise: ClassVar[bool] = False

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """The feature of each word number, the last one for words without one, and the weight of each feature."""
        numbers = x.astype(np.int64)
        counts = np.bincount(numbers.ravel(), minlength=2)
        counts[0] = 0  # fills up texts
        order = np.argsort(-counts, kind="stable")[: self.words]
        order = order[counts[order] >= self.minimum]
        if not len(order):
            rule, most = f"needs a word that occurs {self.minimum} times", f"{counts.max()} times at most"
            raise DataError("training part", rule, most, "Lower minimum")
        feature = np.full(len(counts) + 1, len(order), np.int32)
        feature[order] = np.arange(len(order))
        texts = np.zeros(len(counts))
        for text in numbers:
            texts[np.unique(text)] += 1
        weight = np.log((1 + len(x)) / (1 + texts[order])) + 1
        return {"feature": feature, "weight": weight.astype(np.float32)}

    def note(self, arrays: Arrays, features: int) -> str:
        """How many words there are."""
        return f"{len(arrays['weight']):,} words of the training part are counted"

    def width(self, arrays: Arrays, features: int) -> int:
        """As many features as there are words in the bag."""
        return len(arrays["weight"])

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Count the words of each text, then weigh the counts."""
        xp, feature, width = array_module(x), arrays["feature"], len(arrays["weight"])
        numbers = xp.minimum(x.reshape(-1, x.shape[-1]).astype(np.int64), len(feature) - 1)
        counts = ctx.empty((len(numbers), width + 1), dtype)
        counts.fill(0)
        count_into(counts, feature.take(numbers))
        out = ctx.empty((*x.shape[:-1], width), dtype)
        out[...] = counts[:, :width].reshape(out.shape)
        if self.weighting == "binary":
            xp.minimum(out, 1, out=out)
        elif self.weighting == "mean":
            out /= xp.maximum(out.sum(axis=-1, keepdims=True), 1)
        elif self.weighting == "tfidf":
            out *= arrays["weight"]
            length = xp.sqrt((out * out).sum(axis=-1, keepdims=True))
            out /= length + (length == 0)
        return out

    @classmethod
    def examples(cls) -> list[Preparation]:
        """One instance for each weighting."""
        return [cls(), cls(weighting="count"), cls(weighting="mean"), cls(weighting="tfidf")]
