"""A report as it comes back from a file: checked, since the file may be anybody's, and in the order it was made in."""

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Len
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import CheckpointError, printable

ORDER = ("error", "log_loss", "brier", "rmse", "squared_error")  # JSON in a file is sorted by name
Number = float | None  # None where there is none, as JSON has no NaN
Figures = dict[str, float]


class _Part(BaseModel):
    """What must be there; whatever else a later version adds is left as it is."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Interval(_Part):
    mean: float
    low: Number = None
    high: Number = None


class _Gain(_Part):
    over_mean: _Interval
    over_best: _Interval | None = None


class _Squares(_Part):
    members: float
    ambiguity: float
    ensemble: float


class _Diversity(_Part):
    disagreement: Number = None
    error_correlation: Number = None
    squared_error: _Squares | None = None


class _Bins(_Part):
    confidence: list[Number]
    accuracy: list[Number]
    share: list[float]


class _Calibration(_Part):
    log_loss: float
    brier: float
    calibration_error: float
    adaptive_calibration_error: float
    reliability: _Bins


class _Calibrations(_Part):
    temperature: float
    fitted_on: int
    why_not: str
    before: _Calibration
    after: _Calibration
    calibrated_log_likelihood: float
    independent_networks: float | None = None
    independent_beyond: str = ""


class _Parts(_Part):
    total: Number
    data: Number
    model: Number


class _Uncertainty(_Parts):
    of_right: _Parts
    of_wrong: _Parts


class _Spread(_Part):
    model_config = ConfigDict(extra="forbid")  # so that no half of the other is taken for it

    model: float


class _Rejection(_Part):
    rejected: list[float]
    accuracy: list[float]


class _Bag(_Part):
    samples: int


class _Selection(_Part):
    library: int
    step: int
    taken: list[tuple[str, int] | list[str | int]]


class _Facts(_Part):
    out_of_bag: _Bag | None = None
    weighted_errors: list[float] = []
    ended: str = ""
    averaged: list[int] = []
    score: list[float] | None = None
    scores: list[list[float]] = []
    selection: _Selection | None = None


class _Document(_Part):
    combine: str
    samples: int
    task: str
    members: Annotated[list[Figures], Len(1)]
    ensemble: Annotated[Figures, Len(1)]
    gain: Annotated[dict[str, _Gain], Len(1)]
    diversity: _Diversity
    calibration: _Calibrations | None = None
    uncertainty: _Uncertainty | _Spread | None = None
    rejection: _Rejection | None = None


class _Report(_Document):
    data: str
    method: str
    part: str
    size: Annotated[int, Ge(1)]
    facts: _Facts
    seeds: list[int] = []
    settings: list[dict[str, Any]] = []
    repetitions: Annotated[int, Ge(1)] = 1
    over_seeds: dict[str, _Interval] = {}
    control: _Document | None = None


def checked_report(name: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """A report out of a file, with its figures in the order in which it was made.

    Args:
        name: of the file, for messages.
        report: what it says.

    Raises:
        CheckpointError: it is not what a report says.
    """
    try:
        _Report.model_validate(report)
        for held in (report, report.get("control") or report):
            lacking = {name for row in held["members"] for name in {*report["ensemble"], "weight"} - {*row}}
            if lacking := lacking | (held["ensemble"].keys() ^ report["ensemble"].keys()):
                raise ValueError(f"members: no {', '.join(sorted(lacking))}")
        if len(report["members"]) != report["size"]:
            raise ValueError(f"size: {report['size']} of {len(report['members'])} members")
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise _wrong(name, reason) from None
    except (ValueError, RecursionError) as error:
        raise _wrong(name, str(error)) from None
    return _in_order(report)


def _wrong(name: str, reason: str) -> CheckpointError:
    return CheckpointError(name, "must hold the report of an ensemble", printable(reason))


def _in_order(held: Any) -> Any:
    """The same with the figures of every part in their order."""
    if isinstance(held, list):
        return [_in_order(one) for one in held]
    if not isinstance(held, Mapping):
        return held
    names = sorted(held, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return {name: _in_order(held[name]) for name in names}
