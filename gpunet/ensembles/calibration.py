"""Whether probabilities are as large as they should be, and the one number that makes them so."""

from dataclasses import dataclass, replace

import numpy as np

from ..metrics import Brier, CalibrationError, LogLoss, Outcome, bin_counts
from .combining import log_odds, normalised, tempered

BINS = 15
HOTTEST = 20.0  # the highest temperature that is tried, and the inverse of the lowest
EMPTY = 1e-300  # in place of no weight at all
STEPS = 60  # of halving; each finds one more binary digit


@dataclass(frozen=True)
class Temperature:
    """A temperature with what it rests on.

    Attributes:
        value: 1 where none was found.
        samples: that it was fitted on.
        why_not: why none was found, or empty.
    """

    value: float
    samples: int
    why_not: str = ""


def fitted_temperature(outcome: Outcome) -> Temperature:
    """The temperature with the lowest log loss on samples that were not trained on.

    The log loss is convex in the inverse of the temperature, so that its slope is halved in on.  Where every sample is
    predicted right, it falls for ever as the temperature does, and there is none.

    Args:
        outcome: probabilities of classes or labels, after averaging.

    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    >>> round(fitted_temperature(Outcome("classification", p, np.array([0, 0, 1, 1]))).value, 3)
    2.0
    """
    exclusive = outcome.task == "classification"
    z, weights, count = log_odds(outcome.outputs, exclusive), outcome.weights, outcome.samples
    if not count:
        return Temperature(1.0, 0, "no validation part")
    single = exclusive and z.shape[1] == 1
    wanted = outcome.coded[:, 1:] if single else outcome.coded

    def slope(inverse: float) -> float:
        return float(weights @ ((normalised(inverse * z, exclusive) - wanted) * z).sum(axis=1))

    low, high = 1 / HOTTEST, HOTTEST
    if slope(high) <= 0:
        return Temperature(1.0, count, "nearly all samples of the validation part are predicted right")
    if slope(low) >= 0:
        return Temperature(1.0, count, "the validation part is predicted no better than by chance")
    for _ in range(STEPS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return Temperature(float(1 / np.sqrt(low * high)), count)


def at_temperature(outcome: Outcome, temperature: float) -> Outcome:
    """The outcome with its probabilities, and the threshold of its decisions, brought to a temperature."""
    exclusive = outcome.task == "classification"
    threshold = outcome.threshold
    if threshold is not None:
        threshold = float(tempered(np.array([threshold]), temperature, False)[0])
    return replace(outcome, outputs=tempered(outcome.outputs, temperature, exclusive), threshold=threshold)


def calibration(outcome: Outcome) -> dict[str, float]:
    """Log loss and Brier score, and expected calibration error with bins of equal width and of equal size."""
    return {
        "log_loss": LogLoss().value(outcome),
        "brier": Brier().value(outcome),
        "calibration_error": CalibrationError(BINS).value(outcome),
        "adaptive_calibration_error": adaptive_calibration_error(outcome),
    }


def adaptive_calibration_error(outcome: Outcome, bins: int = BINS) -> float:
    """Expected calibration error with bins that hold equally many samples, so that none is nearly empty.

    Nixon et al.: Measuring calibration in deep learning (2019), of the predicted class, or the mean over labels.

    Args:
        outcome: probabilities of classes or labels.
        bins: at most; fewer where there are fewer samples.
    """
    errors = []
    for p, true in _decisions(outcome):
        _, sure, right = equal_counts(p, true, outcome.weights, bins)
        errors.append(float(np.abs(right - sure).sum() / outcome.weights.sum()))
    return float(np.mean(errors))


def equal_counts(
    p: np.ndarray, true: np.ndarray, weight: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In bins of equal weight, by rising probability: the weight of samples, of probability, and of what came true.

    Equal probabilities stay together, so that the bins do not depend on the order of the samples.

    >>> equal_counts(np.array([0.9, 0.2, 0.3, 0.8]), np.array([1, 0, 0, 1]), np.ones(4), 2)
    (array([2., 2.]), array([0.5, 1.7]), array([0., 2.]))
    """
    values, place = np.unique(p, return_inverse=True)
    mass = np.bincount(place, weights=weight, minlength=len(values))
    before = np.cumsum(mass) - mass
    bin_of = np.minimum((before / max(mass.sum(), EMPTY) * bins).astype(np.int64), bins - 1)[place]
    total, sure, right = (np.bincount(bin_of, weights=w, minlength=bins) for w in (weight, weight * p, weight * true))
    return total, sure, right


def reliability(outcome: Outcome, bins: int = BINS) -> dict[str, list[float | None]]:
    """For each bin of equal width the mean probability, the share that came true, and the share of all samples.

    Where there are several labels, all of them together.  Empty bins have None.
    """
    total, sure, right = np.zeros((3, bins))
    for p, true in _decisions(outcome):
        more = bin_counts(p, true, outcome.weights, bins)
        total, sure, right = total + more[0], sure + more[1], right + more[2]
    return {
        "confidence": [float(s / t) if t else None for s, t in zip(sure, total)],
        "accuracy": [float(r / t) if t else None for r, t in zip(right, total)],
        "share": (total / total.sum()).tolist(),
    }


def _decisions(outcome: Outcome) -> list[tuple[np.ndarray, np.ndarray]]:
    """The probability of the predicted class, or of each label, and whether it came true."""
    if outcome.task == "multilabel":
        return list(zip(outcome.columns.T, outcome.coded.T))
    sure = outcome.columns[np.arange(outcome.samples), outcome.predicted]
    return [(sure, outcome.predicted == outcome.target)]
