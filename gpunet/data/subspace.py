"""A random part of the features."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from ..backend import Context, Purpose, host_generator
from ..backend.arrays import Array
from ..errors import ConfigError
from .preparations import Arrays, Preparation

SITE = 1  # of the stream of splits, so that no two uses of a seed share numbers


@dataclass(frozen=True)
class Subspace(Preparation):
    """Some of the features, chosen at random once, in their order; the others are left out.

    Networks that each see another part of the features differ more, and average to more.

    Ho: The random subspace method for constructing decision forests (1998).

    Args:
        share: of the features that stay, at least one; 0.5 by default.
        seed: of the choice; 0 by default.

    >>> Subspace(share=0.5, seed=1).fit(np.zeros((3, 6), np.float32), 1.0)["kept"].tolist()
    [0, 1, 2]
    """

    share: Annotated[float, Gt(0), Le(1)] = 0.5
    seed: Annotated[int, Ge(0)] = 0
    pixelwise: ClassVar[bool] = False

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Which features stay; it does not depend on their values."""
        count = max(1, round(self.share * x.shape[-1]))
        order = host_generator(self.seed, Purpose.SPLIT, site=SITE).permutation(x.shape[-1])
        return {"kept": np.sort(order[:count]).astype(np.int32)}

    def note(self, arrays: Arrays, features: int) -> str:
        """How many features stay."""
        return f"{len(arrays['kept'])} of {features} features are seen, chosen at random"

    def width(self, arrays: Arrays, features: int) -> int:
        """As many as stay."""
        return len(arrays["kept"])

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Take them."""
        out = ctx.empty((*x.shape[:-1], len(arrays["kept"])), dtype)
        out[...] = x.take(arrays["kept"], axis=-1)
        return out

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """Nobody knows what the other features were.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("subspace", "cannot be undone", None, "Look at the prepared features")
