"""Values and categories as one feature each."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError, DataError
from ..fields import term
from .preparations import Arrays, Preparation
from .principal import nothing_varies

MOST_VALUES = 256  # of a feature that is coded one by one


@dataclass(frozen=True)
class OneHot(Preparation):
    """One feature for each value that a feature takes in the training part: 1 where it has that value, else 0.

    Values never seen in training have no feature of their own, so all of theirs are 0; features with one value alone
    are left out.

    Args:
        states: every feature is instead a category from 0 to ``states - 1``, and has as many features whether they are
            seen or not, as softmax units want them: letters of sequences.  Samples stay whole numbers wherever they are
            kept; the ones and zeros are those of one batch.
    """

    states: Annotated[int, Ge(2), Le(MOST_VALUES)] | None = None
    pixelwise: ClassVar[bool] = False

    @property
    def categorical(self) -> bool:  # type: ignore[override]
        """With ``states``."""
        return self.states is not None

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Which value of which feature; raises :class:`DataError` for features of too many values."""
        if self.states is not None:
            return self._fit_states(x, self.states)
        found = [np.unique(column) for column in x.T]
        most = max(range(len(found)), key=lambda i: len(found[i]))
        if len(found[most]) > MOST_VALUES:
            rule = f"must take at most {MOST_VALUES} values for one_hot"
            remedy = "Use standardise or min_max for measurements"
            raise DataError(f"feature {most}", rule, f"{len(found[most])} different ones", remedy)
        found = [values if len(values) > 1 else values[:0] for values in found]
        if not any(map(len, found)):
            raise nothing_varies(x.shape[-1])
        source = np.concatenate([np.full(len(values), i) for i, values in enumerate(found)])
        return {"source": source.astype(np.int32), "value": np.concatenate(found).astype(np.float32)}

    def note(self, arrays: Arrays, features: int) -> str:
        """How many features there are now."""
        if self.states is not None:
            return f"{features} categories become {features * self.states} units, one for each of {self.states} states"
        return f"{features} features become {len(arrays['source'])} of one value each"

    def width(self, arrays: Arrays, features: int) -> int:
        """The number of values, summed over the features."""
        return len(arrays["source"])

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Compare each value with its feature."""
        if self.states is not None:
            xp, each = array_module(x), (*x.shape, self.states)
            found, values = ctx.empty(each, bool), arrays["value"].reshape(each[-2:])
            out = ctx.empty((*x.shape[:-1], x.shape[-1] * self.states), dtype)
            xp.copyto(out.reshape(each), xp.equal(x[..., None], values, out=found))
            return out
        xp, shape = array_module(x), (*x.shape[:-1], len(arrays["source"]))
        out = ctx.empty(shape, dtype)
        xp.copyto(out, xp.equal(x.take(arrays["source"], axis=-1), arrays["value"], out=ctx.empty(shape, bool)))
        return out

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """The most likely state of each category; without ``states`` refuse: what a row means is not known."""
        if self.states is not None:
            return y.reshape(*y.shape[:-1], -1, self.states).argmax(axis=-1).astype(np.uint8)
        raise ConfigError(term(OneHot), "cannot be undone", None, "Look at the coded features instead")

    def _fit_states(self, x: np.ndarray, states: int) -> dict[str, np.ndarray]:
        low, high = float(x.min()), float(x.max())
        if not 0 <= low <= high < states or (x.dtype.kind == "f" and (x % 1).any()):
            rule, got = f"must be whole numbers from 0 to {states - 1} for one_hot", f"{low:.4g} to {high:.4g}"
            raise DataError("training part", rule, got, "Raise states, or use one_hot without them")
        places = np.arange(x.shape[-1] * states)
        return {"source": (places // states).astype(np.int32), "value": (places % states).astype(np.float32)}
