"""Preparations of features: each is fitted on the training part and then applied to every batch.

``fit`` runs on the host, in float64, and gives the arrays that a checkpoint keeps; ``apply`` runs on the device, inside
the captured step.  A direction in which the training part does not vary carries nothing: it becomes a constant, so that
a new value seen later cannot blow up, and a note says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Le

from ..backend import Context, array_module, matmul
from ..backend.arrays import Array
from ..errors import ConfigError, DataError
from ..fields import Count, NonNegative, check_fields, term
from .principal import nothing_varies, principal, principal_streamed

if TYPE_CHECKING:
    from .seen import Seen

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Preparation:
    """Base of the preparations; shapes are (..., features) in and (..., width) out.

    Attributes:
        pixelwise: whether every feature stays in its place, so that an image remains one.
        unit_variance: whether the training part has variance 1 afterwards.
        random: whether it draws random numbers in training.
        categorical: whether numbers are categories of which each becomes several units, so that samples are kept as
            they are and prepared batch by batch.
        blind: whether it is fitted without looking at a sample.
    """

    pixelwise: ClassVar[bool] = True
    unit_variance: ClassVar[bool] = False
    random: ClassVar[bool] = False
    categorical: ClassVar[bool] = False
    blind: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Arrays in float32 fitted on the training part ``x`` (samples, features) of full scale ``scale``."""
        raise NotImplementedError

    def fit_weighted(self, x: np.ndarray, scale: float, weights: np.ndarray | None) -> dict[str, np.ndarray]:
        """The same for samples that have weights (samples,), which count where a preparation says so; else alike."""
        return self.fit(x, scale)

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same for samples that are streamed from their file, in one pass over them, or two.

        Raises:
            ConfigError: a preparation that needs all samples at once.
        """
        if self.blind:
            return self.fit(np.zeros((0, seen.features), np.float32), scale)
        rule = "must be fitted in passes over data that stream, as memory asks"
        remedy = "Use standardise, min_max, scale, pca or zca, or raise memory"
        raise ConfigError("preprocess", rule, term(type(self)), remedy)

    def note(self, arrays: Arrays, features: int) -> str:
        """What the user should know about the fit, or nothing."""
        return ""

    def width(self, arrays: Arrays, features: int) -> int:
        """Number of features afterwards."""
        return features

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Return the prepared features; ``arrays`` are on the device, and ``x`` is left alone.

        ``uniform(count)``, where given, draws numbers between 0 and 1 for each sample: it is given in training alone.
        """
        raise NotImplementedError

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """On the host, the features that give ``y``, as far as it tells."""
        return y

    @classmethod
    def examples(cls) -> list["Preparation"]:
        """Instances that the conformance suite checks."""
        return [cls()]


@dataclass(frozen=True)
class _Affine(Preparation):
    """``(x - shift) * factor``, feature by feature; constant features have the factor 0.

    ``per="channel"`` takes all positions of a channel of images together, so that an image keeps its light and shade.
    """

    per: Literal["feature", "channel"] = "feature"

    def note(self, arrays: Arrays, features: int) -> str:
        """How many features are constant."""
        constant = int((arrays["factor"] == 0).sum())
        return f"{constant} of {features} features are constant in the training part and become 0" if constant else ""

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """``(x - shift) * factor``, feature by feature."""
        out = array_module(x).subtract(x, arrays["shift"], out=ctx.empty(x.shape, dtype))
        out *= arrays["factor"]
        return out

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """``x / factor + shift``, feature by feature."""
        return y / np.where(arrays["factor"] == 0, 1, arrays["factor"]) + arrays["shift"]


@dataclass(frozen=True)
class Standardise(_Affine):
    """Mean 0 and standard deviation 1, feature by feature, or ``per="channel"`` of images.

    Args:
        flat: a feature whose standard deviation is at most this part of its mean is constant, and becomes 0; by default
            2^-24, below which float32 holds nothing but rounding.
        weighted: let samples that have weights count by them: one of weight 2 as two; off by default.
    """

    flat: NonNegative = 2.0**-24
    weighted: bool = False
    unit_variance: ClassVar[bool] = True

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Mean and one over the standard deviation; raises :class:`DataError` where no feature varies."""
        return self._by(x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64))

    def fit_weighted(self, x: np.ndarray, scale: float, weights: np.ndarray | None) -> dict[str, np.ndarray]:
        """The same by the weights of samples (samples,), where they are to count."""
        if weights is None or not self.weighted:
            return self.fit(x, scale)
        wide = x.astype(np.float64)
        mean = np.average(wide, axis=0, weights=weights)
        return self._by(mean, np.sqrt(np.average((wide - mean) ** 2, axis=0, weights=weights)))

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same in one pass, in double precision, so that float32 numbers are those of data in memory."""
        found = seen.moments(self.weighted)
        return self._by(found.mean, found.deviation)

    def _by(self, mean: np.ndarray, std: np.ndarray) -> dict[str, np.ndarray]:
        return _float32(shift=mean, factor=_inverse(std, std > self.flat * np.maximum(np.abs(mean), 1e-6)))


@dataclass(frozen=True)
class MinMax(_Affine):
    """From 0, the smallest value of each feature in the training part, to 1, the largest; later ones may lie beyond.

    With ``per="channel"`` smallest and largest are those of a channel of images, at any position.
    """

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Smallest value and one over the span; raises :class:`DataError` where no feature varies."""
        return self._between(x.min(axis=0), x.max(axis=0))

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same in one pass."""
        found = seen.extent()
        return self._between(found.lows, found.highs)

    def _between(self, lows: np.ndarray, highs: np.ndarray) -> dict[str, np.ndarray]:
        low, high = lows.astype(np.float64), highs.astype(np.float64)
        fitted = _float32(shift=low, factor=_inverse(high - low, high > low))
        span, factor = high.astype(np.float32) - fitted["shift"], fitted["factor"]
        # Rounded up, a factor would carry the largest value past 1, where units that are bits refuse it.
        while (beyond := span * factor > 1).any():
            factor[beyond] = np.nextafter(factor[beyond], np.float32(0))
        return fitted


@dataclass(frozen=True)
class Scale(_Affine):
    """Division by the full scale of the data set, 255 for 8-bit images; the same for features and channels."""

    blind: ClassVar[bool] = True

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """The factor ``1 / scale``, the same for every feature."""
        return _float32(shift=np.zeros(x.shape[-1]), factor=np.full(x.shape[-1], 1 / scale))

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """``x * factor``; there is nothing to subtract."""
        return array_module(x).multiply(x, arrays["factor"], out=ctx.empty(x.shape, dtype))


@dataclass(frozen=True)
class Spins(_Affine):
    """From 0 and 1 to -1 and +1, ``2 x - 1``, for units that are spins; behind ``binarise`` or ``scale`` for pixels."""

    blind: ClassVar[bool] = True

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Half and two, the same for every feature."""
        return _float32(shift=np.full(x.shape[-1], 0.5), factor=np.full(x.shape[-1], 2.0))


def is_affine(preparation: Preparation) -> bool:
    """Whether a preparation is ``(x - shift) * factor`` with the two arrays of these names.

    >>> is_affine(Standardise())
    True
    """
    return type(preparation).apply in (_Affine.apply, Scale.apply)


class _Projection(Preparation):
    """``(x - mean) @ matrix``, from the eigenvectors of the covariance."""

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """``(x - mean) @ matrix``."""
        xp, matrix = array_module(x), arrays["matrix"]
        centred = xp.subtract(x, arrays["mean"], out=ctx.empty(x.shape, dtype))
        return matmul(centred, matrix, out=ctx.empty((*x.shape[:-1], matrix.shape[1]), dtype))

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """The point nearest to the mean that gives ``y``."""
        return y @ np.linalg.pinv(arrays["matrix"].astype(np.float64)) + arrays["mean"]


@dataclass(frozen=True)
class PCA(_Projection):
    """The coordinates along the principal axes, the largest spread first.

    ``whiten`` divides each by its standard deviation, ``sqrt(variance + epsilon)``.  Directions without spread, as a
    covariance that is singular has, are left out.

    Args:
        components: so many axes; all that vary by default.
        variance: as many axes as explain this part of the variance.
        whiten: to variance 1.
        epsilon: added to each variance, so that whitening does not blow up noise.
    """

    components: Count | None = None
    variance: Annotated[float, Gt(0), Le(1)] = 1.0
    whiten: bool = False
    epsilon: NonNegative = 0.0
    pixelwise: ClassVar[bool] = False

    @property
    def unit_variance(self) -> bool:  # type: ignore[override]
        """True with ``whiten``: each axis is divided by its standard deviation."""
        return self.whiten

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Mean and scaled axes; raises :class:`ConfigError` where there are fewer axes than asked for."""
        return self._along(*principal(x))

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same in two passes, one for the mean."""
        return self._along(*principal_streamed(seen))

    def _along(self, mean: np.ndarray, variances: np.ndarray, axes: np.ndarray) -> dict[str, np.ndarray]:
        if self.components is not None and self.components > len(variances):
            rule = f"must be at most the {len(variances)} directions in which the training part varies"
            raise ConfigError("pca.components", rule, self.components, f"Set it to {len(variances)}, or leave it out")
        explained = np.cumsum(variances) / variances.sum()
        enough = int(np.searchsorted(explained, self.variance * (1 - 1e-12))) + 1
        kept = slice(0, min(enough, self.components or len(variances), len(variances)))
        factor = 1 / np.sqrt(variances + self.epsilon) if self.whiten else np.ones_like(variances)
        return _float32(mean=mean, matrix=(axes * factor)[:, kept], variance=variances[kept])

    def note(self, arrays: Arrays, features: int) -> str:
        """How many directions are kept."""
        return f"{len(arrays['variance'])} principal components of {features} features are kept"

    def width(self, arrays: Arrays, features: int) -> int:
        """As many features as principal axes are kept."""
        return arrays["matrix"].shape[1]

    @classmethod
    def examples(cls) -> list[Preparation]:
        """Plain and whitening, all and some axes."""
        return [cls(), cls(whiten=True), cls(components=2, whiten=True, epsilon=0.1), cls(variance=0.9)]


@dataclass(frozen=True)
class ZCA(_Projection):
    """Whitening that stays as near to the data as can be: PCA whitening turned back, so that images remain images.

    The matrix is ``U diag(1 / sqrt(variance + epsilon)) U^T``; directions without spread become 0.

    Bell, Sejnowski: The independent components of natural scenes are edge filters (1997).
    """

    epsilon: NonNegative = 1e-3
    unit_variance: ClassVar[bool] = True

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Mean and the symmetric matrix."""
        return self._whitening(*principal(x))

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same in two passes, one for the mean."""
        return self._whitening(*principal_streamed(seen))

    def _whitening(self, mean: np.ndarray, variances: np.ndarray, axes: np.ndarray) -> dict[str, np.ndarray]:
        matrix = (axes / np.sqrt(variances + self.epsilon)) @ axes.T
        return _float32(mean=mean, matrix=matrix, variance=variances)

    def note(self, arrays: Arrays, features: int) -> str:
        """Whether the covariance is singular."""
        missing = features - len(arrays["variance"])
        if not missing:
            return ""
        return f"the covariance is singular: {missing} of {features} directions do not vary, become 0"


@dataclass(frozen=True)
class Binarise(Preparation):
    """1 above ``threshold`` and 0 elsewhere.

    ``stochastic`` takes the value for the probability of a 1 and draws each sample anew in every epoch of training;
    elsewhere the threshold decides.  Salakhutdinov, Murray: On the quantitative analysis of deep belief networks
    (2008), section 7, on binarised digits.
    """

    threshold: float = 0.5
    stochastic: bool = False

    @property
    def random(self) -> bool:  # type: ignore[override]
        """True with ``stochastic``: bits are drawn anew for every batch."""
        return self.stochastic

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Nothing to fit; raises :class:`DataError` for values that are no probabilities where it draws."""
        return self._checked(float(x.min()), float(x.max())) if self.stochastic else {}

    def fit_streamed(self, seen: "Seen", scale: float) -> dict[str, np.ndarray]:
        """The same in one pass."""
        if not self.stochastic:
            return {}
        found = seen.extent()
        return self._checked(found.low, found.high)

    def _checked(self, low: float, high: float) -> dict[str, np.ndarray]:
        if not 0 <= low <= high <= 1:
            span = f"{low:.4g} to {high:.4g}"
            remedy = 'Set preprocess=["scale", {name="binarise", stochastic=true}], or min_max before it'
            raise DataError("training part", "must lie between 0 and 1 to be binarised stochastically", span, remedy)
        return {}

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """Compare with the threshold, or with random numbers."""
        xp, out = array_module(x), ctx.empty(x.shape, dtype)
        limit = self.threshold if uniform is None or not self.stochastic else uniform(x.shape[-1])
        xp.copyto(out, xp.greater(x, limit, out=ctx.empty(x.shape, bool)))
        return out

    @classmethod
    def examples(cls) -> list[Preparation]:
        """By threshold and by chance."""
        return [cls(), cls(stochastic=True)]


def _float32(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}


def _inverse(spread: np.ndarray, varies: np.ndarray) -> np.ndarray:
    if not varies.any():
        raise nothing_varies(len(spread))
    return np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
