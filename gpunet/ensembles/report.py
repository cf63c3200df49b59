"""What an ensemble gains over its members, and why, as one document of plain data.

Figures are of samples that no member was trained on; the temperature is fitted on others, after combining.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..metrics import RMSE, Brier, Error, LogLoss, Metric, Outcome
from ..studies import paired_difference
from .calibration import at_temperature, calibration, fitted_temperature, reliability
from .combining import Combination, weighted_mean
from .diversity import ambiguity, disagreement, error_correlation
from .equivalents import calibrated_log_likelihood, equivalent, independent_curve
from .uncertainty import doubt_of, rejection, split_uncertainty

REACH = 1.959963984540054  # standard deviations of a normal number on either side that hold 95 %


@dataclass(frozen=True, eq=False)
class Evidence:
    """What members said about samples.

    Attributes:
        outputs: of each member, (members, samples, K), activated.
        outcome: any outcome of the samples, whose task, targets, weights and threshold are used.
    """

    outputs: np.ndarray
    outcome: Outcome

    def said(self, outputs: np.ndarray) -> Outcome:
        """An outcome of one member, or of all together."""
        return replace(self.outcome, outputs=outputs)

    @property
    def each(self) -> list[Outcome]:
        """The outcome of each member."""
        return [self.said(own) for own in self.outputs]

    def together(self, combination: Combination) -> Outcome:
        """What they say together, at no temperature."""
        plain = combination.calibrated(1.0)
        about = self.outcome
        outputs = plain(self.outputs, about.task, about.probability, about.threshold)
        votes = combination.rule == "majority"
        threshold = None if votes else about.threshold
        return replace(about, outputs=outputs, threshold=threshold, probability=about.probability or votes)


def report(
    test: Evidence,
    validation: Evidence | None,
    combination: Combination,
    reference: tuple[Evidence, Evidence] | None = None,
) -> dict[str, Any]:
    """All that is said about an ensemble.

    Args:
        test: what is measured on.
        validation: what the temperature is fitted on, and the best member is chosen by; None where there is none.
        combination: of the members.
        reference: of independently trained networks on validation and test, to count what the ensemble is worth in.
    """
    found = test.together(combination)
    votes = combination.rule == "majority"
    metrics = [Error()] if votes else metrics_of(found)  # shares of votes are no probabilities to be held to
    members = [{metric.name: metric.value(own) for metric in metrics} for own in test.each]
    weights = combination.weights
    for number, row in enumerate(members):
        row["weight"] = 1.0 if weights is None else float(weights[number])
    document: dict[str, Any] = {
        "task": found.task,
        "combine": combination.rule,
        "samples": found.samples,
        "validation_samples": 0 if validation is None else validation.outcome.samples,
        "members": members,
        "ensemble": {metric.name: metric.value(found) for metric in metrics},
        "gain": gains(test, found, validation, weights, [metric.name for metric in metrics] if votes else None),
        "diversity": diversity(test, weights),
    }
    if found.task == "regression":
        document["uncertainty"] = {"model": float(np.sqrt(found.mean(_variance(test.outputs, weights))))}
        return document
    document["rejection"] = rejection(_right(found), _doubt(found), found.weights)
    if test.outcome.probability:
        parts = split_uncertainty(test.outputs, found.task == "classification", weights)
        right = _right(found) == 1
        document["uncertainty"] = {name: found.mean(each) for name, each in parts.items()}
        document["uncertainty"] |= {"of_right": _means(parts, right), "of_wrong": _means(parts, ~right)}
        if not votes:
            before = None if validation is None else validation.together(combination)
            document["calibration"] = calibrated(found, before, combination.temperature)
            if before is not None and reference is not None:
                document["calibration"] |= _independent(before, found, reference)
    return document


def metrics_of(outcome: Outcome) -> list[Metric]:
    """What members and ensemble are compared by, the first of them first."""
    if outcome.task == "regression":
        return [RMSE()]
    return [Error(), LogLoss(), Brier()] if outcome.probability else [Error()]


def losses_of(outcome: Outcome) -> dict[str, np.ndarray]:
    """A number for each sample whose means are compared, by name; lower is better."""
    if outcome.task == "regression":
        return {"squared_error": ((outcome.outputs - outcome.target) ** 2).sum(axis=1)}
    found = {metric.name: metric.each(outcome) for metric in metrics_of(outcome)}
    return {name: each for name, each in found.items() if each is not None}


def gains(
    test: Evidence,
    found: Outcome,
    validation: Evidence | None,
    weights: np.ndarray | None,
    names: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """How much lower each loss is than that of the mean member and of the best one, with its interval over samples.

    The best member is the one with the lowest first loss on validation; without that part there is none.

    Args:
        test: what is measured on.
        found: the outcome of all together.
        validation: what the best member is chosen by.
        weights: of the members in their mean.
        names: of the losses that are compared; all by default.
    """
    own, each = losses_of(found), [losses_of(one) for one in test.each]
    best = None if validation is None or not validation.outcome.samples else best_member(validation)
    gain: dict[str, dict[str, Any]] = {}
    for name, loss in own.items():
        if names is not None and name not in names:
            continue
        mean = weighted_mean(np.stack([one[name] for one in each]), weights)
        gain[name] = {"over_mean": over_samples(mean - loss, found.weights)}
        if best is not None:
            gain[name]["over_best"] = over_samples(each[best][name] - loss, found.weights) | {"member": best}
    return gain


def best_member(validation: Evidence) -> int:
    """The number of the member with the lowest losses on validation; ties by the next loss, then by number."""
    scores = [[one.mean(loss) for loss in losses_of(one).values()] for one in validation.each]
    return min(range(len(scores)), key=lambda number: scores[number])


def over_samples(differences: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """The mean of paired differences with its 95 % interval over samples.

    >>> over_samples(np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4))["mean"]
    0.5
    """
    mean = float(np.average(differences, weights=weight))
    effective = weight.sum() ** 2 / (weight * weight).sum()
    if effective < 2:
        return {"mean": mean, "low": math.nan, "high": math.nan}
    spread = np.average((differences - mean) ** 2, weights=weight)
    reach = REACH * math.sqrt(spread / (effective - 1))
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def over_seeds(reports: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """The mean gain over the mean member of several whole ensembles of other seeds, with its 95 % interval.

    Args:
        reports: of :func:`report`, one for each.
    """
    found: dict[str, dict[str, float | None]] = {}
    for name in reports[0]["gain"]:
        values = [one["gain"][name]["over_mean"]["mean"] for one in reports]
        difference = paired_difference(values, [0.0] * len(values))
        found[name] = {"mean": difference.mean, "low": difference.low, "high": difference.high, "seeds": len(values)}
    return found


def diversity(test: Evidence, weights: np.ndarray | None) -> dict[str, Any]:
    """How members differ: in decisions, in errors, and by the squared error that their mean gains."""
    about, outputs = test.outcome, test.outputs
    if about.task == "regression":
        off = (outputs - about.target).reshape(len(outputs), -1)
        many = None if about.weight is None else np.repeat(about.weight, outputs.shape[2])
        found: dict[str, Any] = {"error_correlation": error_correlation(off, many)}
        wanted = about.target
    else:
        wrong = np.stack([1 - _right(one) for one in test.each])
        found = {"disagreement": disagreement(test.each), "error_correlation": error_correlation(wrong, about.weight)}
        columns = np.stack([one.columns for one in test.each])
        outputs, wanted = columns, about.coded
    if about.task == "regression" or about.probability:
        found["squared_error"] = ambiguity(outputs, wanted, weights, about.weight)
    return found


def calibrated(found: Outcome, validation: Outcome | None, stated: float = 1.0) -> dict[str, Any]:
    """How well probabilities fit before and after one temperature.

    Args:
        found: on the samples to measure on, at no temperature.
        validation: on those to fit on; None where there are none, so that the stated temperature is taken.
        stated: of the ensemble.
    """
    fitted = None if validation is None else fitted_temperature(validation)
    temperature = stated if fitted is None else fitted.value
    after = at_temperature(found, temperature)
    document: dict[str, Any] = {
        "temperature": temperature,
        "fitted_on": 0 if fitted is None else fitted.samples,
        "why_not": "" if fitted is None else fitted.why_not,
        "before": calibration(found) | {"reliability": reliability(found)},
        "after": calibration(after) | {"reliability": reliability(after)},
    }
    document["calibrated_log_likelihood"] = -document["after"]["log_loss"]
    return document


def _independent(validation: Outcome, test: Outcome, reference: tuple[Evidence, Evidence]) -> dict[str, Any]:
    """How many independent networks would give the same calibrated log-likelihood."""
    of_validation, of_test = reference
    curve = independent_curve(of_validation.outputs, of_test.outputs, of_validation.outcome, of_test.outcome)
    number, beyond = equivalent(curve, calibrated_log_likelihood(validation, test))
    return {"independent_networks": number, "independent_beyond": beyond, "independent_curve": curve}


def _right(outcome: Outcome) -> np.ndarray:
    """1 where a sample is decided right, or the share of its labels that are."""
    each = losses_of(outcome)["error"]
    return np.asarray(1 - each)


def _doubt(outcome: Outcome) -> np.ndarray:
    """What samples are rejected by: the probability that the decision is wrong, or how near scores are."""
    if outcome.probability:
        return doubt_of(outcome)
    ordered = np.sort(outcome.columns, axis=1)
    return np.asarray(-(ordered[:, -1] - ordered[:, -2]) if ordered.shape[1] > 1 else -np.abs(ordered[:, 0]))


def _variance(outputs: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Of the members about their mean, summed over targets, (samples,)."""
    middle = weighted_mean(outputs, weights)
    return weighted_mean((outputs - middle) ** 2, weights).sum(axis=-1)


def _means(parts: Mapping[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    return {name: float(each[chosen].mean()) if chosen.any() else math.nan for name, each in parts.items()}
