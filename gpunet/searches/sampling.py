"""What Optuna is asked for: the values of a trial by the results so far, and whether one is to end early."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .dimensions import Dimension
from .journal import require_optuna
from .settings import Prune
from .space import Space

COMPLEMENT = "1 - "  # before a key whose distance from 1 is what lies evenly
WARM = 5  # trials before any is pruned, and epochs before its median counts
REDUCTION = 3  # of successive halving: a third goes on


def parameters(space: Space, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Values of a trial as Optuna knows them: (value, distribution) by name.

    Args:
        space: of the search.
        values: by key.
    """
    found = {}
    for one in space:
        if one.key in values:
            value, distribution = values[one.key], _distribution(one)
            if one.kind == "choice":
                value = _word(value)
            elif one.kind == "one_minus_log":
                value = min(max(1 - value, distribution.low), distribution.high)
            found[name_of(one)] = (value, distribution)
    return found


def name_of(dimension: Dimension) -> str:
    """What Optuna calls a key."""
    return f"{COMPLEMENT}{dimension.key}" if dimension.kind == "one_minus_log" else dimension.key


def suggest(space: Space, trial: Any, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Values by key that a trial of Optuna suggests; keys whose conditions do not hold are not asked for."""
    found: dict[str, Any] = {}
    for one in space:
        if not one.applies({**fixed, **found}):
            continue
        name, distribution = name_of(one), _distribution(one)
        if one.kind == "choice":
            word = trial.suggest_categorical(name, distribution.choices)
            found[one.key] = one.choices[distribution.choices.index(word)]
        elif one.kind in ("int", "int_log"):
            found[one.key] = trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
        else:
            value = trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
            found[one.key] = float(f"{1 - value if one.kind == 'one_minus_log' else value:.12g}")
    return found


def tpe(seed: int, number: int) -> Any:
    """Optuna's tree-structured Parzen estimator, with the random numbers of one trial.

    Bergstra, Bardenet, Bengio, Kegl: Algorithms for hyper-parameter optimization (2011).
    """
    digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
    return require_optuna().samplers.TPESampler(seed=int.from_bytes(digest[:4]))


def pruner(kind: Prune) -> Any:
    """Optuna's pruner of a name.

    Median: a trial ends whose best epoch so far is worse than the median of the others at the same epoch.  Halving:
    of all that reached 1, 3, 9, ... epochs the better third goes on (asynchronous successive halving: Li et al., A
    system for massively parallel hyperparameter tuning, 2020).
    """
    pruners = require_optuna().pruners
    if kind == "median":
        return pruners.MedianPruner(n_startup_trials=WARM, n_warmup_steps=WARM)
    if kind == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
    return pruners.NopPruner()


def _distribution(one: Dimension) -> Any:
    kinds = require_optuna().distributions
    if one.kind == "choice":
        return kinds.CategoricalDistribution(tuple(map(_word, one.choices)))
    if one.kind in ("int", "int_log"):
        return kinds.IntDistribution(int(one.low), int(one.high), log=one.kind == "int_log")
    if one.kind == "one_minus_log":
        return kinds.FloatDistribution(1 - one.high, 1 - one.low, log=True)
    return kinds.FloatDistribution(one.low, one.high, log=one.kind == "log")


def _word(value: Any) -> Any:
    """A choice as Optuna can hold it."""
    return value if value is None or isinstance(value, str | bool | int | float) else json.dumps(value)
