"""The output beyond which the second of two classes, or a label, is predicted."""

from dataclasses import replace

import numpy as np

from .base import Metric
from .outcome import Outcome

MOST = 200  # thresholds that are tried


def fitted_threshold(metric: Metric, outcome: Outcome) -> float:
    """The threshold that is best by a metric on samples that were not trained on; the usual one where none is better.

    Midpoints between neighbouring outputs are tried, at most :data:`MOST` of them, spread evenly over the samples.  Of
    equally good ones the nearest to the usual threshold is taken.

    Args:
        metric: of decisions, such as :class:`F1`.
        outcome: of two classes or of several labels.

    >>> from gpunet.metrics import Error
    >>> o = Outcome("classification", np.array([[0.1], [0.2], [0.3], [0.4]]), np.array([0, 0, 1, 1]))
    >>> fitted_threshold(Error(), o)
    0.25
    """
    scores = np.unique(outcome.columns[:, 1] if outcome.task == "classification" else outcome.columns)
    between = (scores[1:] + scores[:-1]) / 2
    tried = between[np.unique(np.linspace(0, len(between) - 1, MOST).round().astype(int))] if len(between) else between
    usual = replace(outcome, threshold=None).limit
    sign = 1 if metric.higher_is_better else -1
    values = np.array([sign * metric.value(replace(outcome, threshold=float(t))) for t in tried])
    now = sign * metric.value(replace(outcome, threshold=usual))
    if not len(tried) or np.isnan(values).all() or now >= np.nanmax(values):
        return usual
    best = np.flatnonzero(values == np.nanmax(values))
    return float(tried[best[np.abs(tried[best] - usual).argmin()]])
