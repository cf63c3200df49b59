"""Paired differences over seeds, with the interval in which their mean may lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist, mean, stdev

# 97.5 % quantiles of Student's t distribution for 1, 2, ... degrees of freedom.
T975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences; with a single pair nothing is known about its error, which then is None.

    Attributes:
        mean: of the first minus the second.
        standard_error: of the mean.
        low: end of the 95 % interval.
        high: the other end.
    """

    mean: float
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None

    def within(self, low: float, high: float) -> "Difference":
        """With the interval cut to where the number can lie, such as 0 to 1 for a share; a t interval knows none."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=min(max(self.low, low), high), high=min(max(self.high, low), high))

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of 0, else 0: the difference is within the spread."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def paired_difference(first: Sequence[float], second: Sequence[float], resolution: float = 0.0) -> Difference:
    """Compare numbers that belong together pair by pair, by Student's t distribution.

    Args:
        first: one number for each seed.
        second: likewise, of the same seeds.
        resolution: what the numbers are rounded to, such as 1 / test samples.  Rounding alone gives a difference a
            standard deviation of resolution / sqrt(6), so a few differences that happen to be equal prove nothing.

    >>> paired_difference([0.1, 0.2, 0.3], [0.0, 0.1, 0.1]).sign
    0
    """
    differences = [float(a) - float(b) for a, b in zip(first, second, strict=True)]
    count, middle = len(differences), mean(differences)
    if count == 1:
        return Difference(middle)
    error = max(stdev(differences), resolution / sqrt(6)) / sqrt(count)
    reach = t_quantile(count - 1) * error
    return Difference(middle, error, middle - reach, middle + reach)


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution; beyond the table by two corrections to the normal one.

    Abramowitz, Stegun: Handbook of mathematical functions, 26.7.5.
    """
    if degrees <= len(T975):
        return T975[degrees - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def corrected_mean(scores: Sequence[float], train: float, test: float) -> Difference:
    """The mean of scores over folds or random splits, with the interval that allows for their shared samples.

    Trainings on folds share most of their samples, so their scores vary less than those of independent trainings would.
    The variance of the mean is ``(1/J + test/train) * s^2`` instead of ``s^2 / J``, with J - 1 degrees of freedom.
    Nadeau, Bengio: Inference for the generalization error (2003).

    Args:
        scores: one for each fold of each repetition.
        train: samples of a training part, of the mean fold.
        test: samples of a fold.

    >>> found = corrected_mean([0.1, 0.2, 0.3, 0.2], 75, 25)
    >>> round(found.mean, 6), round(found.standard_error, 6), round(found.high, 6)
    (0.2, 0.062361, 0.398433)
    """
    count, middle = len(scores), mean(scores)
    if count == 1:
        return Difference(middle)
    error = stdev(scores) * sqrt(1 / count + test / train)
    reach = t_quantile(count - 1) * error
    return Difference(middle, error, middle - reach, middle + reach)
