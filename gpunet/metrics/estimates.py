"""Figures with what is needed to read them: an interval over samples, and what the simplest prediction would reach."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .base import Metric
from .outcome import Outcome

GROUPS = 25  # of samples that are left out in turn
OF_GROUPS = 2.064  # as REACH, of Student's distribution with one degree of freedom less than groups
REACH = 1.959963984540054  # standard deviations of a normal number on either side that hold 95 %


@dataclass(frozen=True)
class Estimate:
    """One figure of one model.

    Attributes:
        name: of the metric.
        value: NaN where the samples say nothing about it, as ROC AUC of a single class.
        low: lower end of the 95 % interval over samples, NaN where there is none.
        high: upper end.
        baseline: of the simplest prediction, the same for all samples, or NaN.
        by_class: for each class, label or target, (C,), NaN where it has none; or None.
        higher_is_better: whether more is better.
        percent: whether it is shown in percent.
    """

    name: str
    value: float
    low: float
    high: float
    baseline: float
    by_class: np.ndarray | None
    higher_is_better: bool
    percent: bool


def estimate(metric: Metric, outcome: Outcome, constant: np.ndarray | None = None) -> Estimate:
    """A figure with its interval and its baseline.

    Args:
        metric: that measures the outcome.
        outcome: of one model.
        constant: what the baseline says of every sample, (K,), as :func:`.constant_prediction` finds it.
    """
    value = metric.value(outcome)
    low, high = interval(metric, outcome, value)
    baseline = math.nan if constant is None else metric.value(outcome.constant(constant))
    found = metric.by_class(outcome)
    return Estimate(metric.name, value, low, high, baseline, found, metric.higher_is_better, metric.percent)


def interval(metric: Metric, outcome: Outcome, value: float) -> tuple[float, float]:
    """Where the figure of endlessly many such samples lies, with 95 % confidence; NaN where that cannot be said.

    A share of samples has the interval of Wilson (1927), which holds for shares next to 0 and 1 too; with weights the
    number of samples is that which carries as much, ``sum(w)^2 / sum(w^2)``.  A median has
    that of its ranks.  Any other mean has the normal one.  What
    is no mean is computed anew with one of :data:`GROUPS` groups of samples left out at a time, each with its share of
    every class (the delete-group jackknife; Kott: The delete-a-group jackknife, 2001); where that changes nothing, as
    in a figure of right answers alone, it says nothing about other samples, and there is no interval.
    """
    weight, each = outcome.weights, metric.each(outcome)
    effective = weight.sum() ** 2 / (weight * weight).sum()
    if math.isnan(value) or effective < 2:
        return math.nan, math.nan
    own = metric.interval(outcome, REACH)
    if own is not None:
        return own
    if each is not None and np.isin(each, (0, 1)).all():
        z = REACH**2 / effective
        centre, half = (value + z / 2) / (1 + z), math.sqrt(value * (1 - value) / effective + z / (4 * effective))
        reach = REACH * half / (1 + z)
        return min(centre - reach, value), max(centre + reach, value)
    if each is not None:
        reach = REACH * math.sqrt(np.average((each - value) ** 2, weights=weight) / (effective - 1))
    else:
        reach = OF_GROUPS * _left_out(metric, outcome)
        if reach <= np.finfo(np.float64).eps * abs(value):
            return math.nan, math.nan
    low, high = metric.bounds
    return max(value - reach, low), min(value + reach, high)


def _left_out(metric: Metric, outcome: Outcome) -> float:
    """Standard error, from leaving out groups in turn."""
    key = outcome.target if outcome.task == "classification" else np.zeros(outcome.samples)
    shuffled = np.random.default_rng(0).permutation(outcome.samples)
    order = shuffled[np.argsort(key[shuffled], kind="stable")]
    count = min(GROUPS, outcome.samples)
    group = np.empty(outcome.samples, np.int64)
    group[order] = np.arange(outcome.samples) % count
    weight = outcome.weights
    found = np.array([metric.value(outcome.reweighted(weight * (group != g))) for g in range(count)])
    return float(np.sqrt((count - 1) / count * ((found - found.mean()) ** 2).sum()))


def estimates(metrics: Sequence[Metric], outcome: Outcome, constant: np.ndarray | None = None) -> list[Estimate]:
    """Those of the metrics that measure the outcome, in order."""
    return [estimate(metric, outcome, constant) for metric in metrics if metric.measures(outcome)]
