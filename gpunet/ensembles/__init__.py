"""Several networks as one: how their outputs are combined, what that gains and why, and how members are made."""

from .boosting import Boost, samme
from .calibration import (
    Temperature,
    adaptive_calibration_error,
    at_temperature,
    calibration,
    equal_counts,
    fitted_temperature,
    reliability,
)
from .combining import RULES, SHARES, Combination, aligned, checked_weights, log_odds, normalised, tempered, votes
from .diversity import ambiguity, disagreement, error_correlation
from .document import checked_report
from .equivalents import calibrated_log_likelihood, equivalent, independent_curve
from .file import FOLDS, GIVEN, OUT_OF_FOLD, OutOfFold, Stored, ensemble_tree, stored_in
from .making import Made, Making, judged
from .methods import METHODS, NAMES, Method, method_named, usual_size
from .remote import made_on
from .report import Evidence, best_member, over_seeds, report
from .resampling import bootstrap, out_of_bag
from .selection import ROUNDS, Selected, greedy_selection
from .uncertainty import entropy, rejection, split_uncertainty
from .weights import averaged_weights, greedy_soup

__all__ = [
    "FOLDS",
    "GIVEN",
    "METHODS",
    "NAMES",
    "OUT_OF_FOLD",
    "ROUNDS",
    "RULES",
    "SHARES",
    "Boost",
    "Combination",
    "Evidence",
    "Made",
    "Making",
    "Method",
    "OutOfFold",
    "Selected",
    "Stored",
    "Temperature",
    "adaptive_calibration_error",
    "aligned",
    "ambiguity",
    "at_temperature",
    "averaged_weights",
    "best_member",
    "bootstrap",
    "calibrated_log_likelihood",
    "calibration",
    "checked_report",
    "checked_weights",
    "disagreement",
    "ensemble_tree",
    "entropy",
    "equal_counts",
    "equivalent",
    "error_correlation",
    "fitted_temperature",
    "greedy_selection",
    "greedy_soup",
    "independent_curve",
    "judged",
    "log_odds",
    "made_on",
    "method_named",
    "normalised",
    "out_of_bag",
    "over_seeds",
    "rejection",
    "reliability",
    "report",
    "samme",
    "split_uncertainty",
    "stored_in",
    "tempered",
    "usual_size",
    "votes",
]
