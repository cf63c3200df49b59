"""The report of an ensemble as lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gpunet.ensembles import GIVEN

from ..figures import table_lines
from ..options import decimals

MOST = 20  # members that are shown one by one
PERCENT = ("error", "disagreement")
REJECTED = (0.0, 0.1, 0.2, 0.3, 0.5)  # shares that the table shows
FIGURES = ("log_loss", "brier", "calibration_error", "adaptive_calibration_error")
OUT_OF_FOLD = "out of fold"  # a part, of samples that each was predicted by networks that had not learned from it
CALLED = {"calibration_error": "ECE, 15 bins", "adaptive_calibration_error": "ECE, adaptive bins", "brier": "Brier"}


def ensemble_lines(found: Mapping[str, Any]) -> list[str]:
    """All that a report says.

    Args:
        found: a report, as :func:`gpunet.api.ensemble_reports.documented` gives it.
    """
    return [about_line(found), "", *table_lines(member_rows(found)), *more_lines(found)]


def about_line(found: Mapping[str, Any]) -> str:
    """What it is, and what it was measured on."""
    votes = "" if found["combine"] == "mean" else f", {found['combine']} combined"
    origin = "out of finished runs" if found["method"] == GIVEN else f"by {found['method']}"
    return (
        f"{found['data']}: {_count(found['size'], 'member')} {origin}{votes}; "
        f"{found['samples']:,} samples{of_part(found['part'])}"
    )


def of_part(part: str) -> str:
    """Behind a number of samples: of which part they are."""
    return f", {part}" if part == OUT_OF_FOLD else f" of the {part} part"


def more_lines(found: Mapping[str, Any]) -> list[str]:
    """All that stands below the table of the members, an empty line in front of each paragraph."""
    lines: list[str] = []
    for more in (
        _gains(found),
        _facts(found),
        _diversity(found),
        _calibration(found),
        _uncertainty(found),
        _control(found),
    ):
        lines += ["", *more] if more else []
    return lines


def member_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """The table of members, their mean and the ensemble, its head first; some of the members where there are many."""
    members, together = found["members"], found["ensemble"]
    names = list(together)
    uneven = len({row["weight"] for row in members}) > 1
    head = ["", *map(_called, names), *(["weight"] if uneven else [])]
    rows = [head]
    shown = members if 1 < len(members) <= MOST else []
    for number, row in enumerate(shown):
        rows.append([
            _member(found, number), *(_figure(name, row[name]) for name in names),
            *([f"{row['weight']:.3g}"] if uneven else []),
        ])  # fmt: skip
    if len(members) > 1:
        means = {name: mean_member(found, name) for name in names}
        rows.append(["mean member", *(_figure(name, means[name]) for name in names), *([""] if uneven else [])])
    rows.append(["ensemble", *(_figure(name, together[name]) for name in names), *([""] if uneven else [])])
    return rows


def mean_member(found: Mapping[str, Any], name: str) -> float:
    """The mean of a figure over the members, each with its weight in the ensemble, as the gain has it."""
    weights = [row["weight"] for row in found["members"]]
    return float(sum(w * row[name] for w, row in zip(weights, found["members"])) / sum(weights))


def _member(found: Mapping[str, Any], number: int) -> str:
    seeds, count = found.get("seeds", []), len(found["members"])
    settings = found.get("settings") or [{}] * count
    names = [_named(seed, values) for seed, values in zip(seeds, settings)] or found.get("names", [])
    return names[number] if len(set(names)) == count else f"member {number + 1}"


def _named(seed: int, settings: Mapping[str, Any]) -> str:
    """What tells a member from the others."""
    values = {key.rpartition(".")[2].replace("_", " "): value for key, value in settings.items()}
    said = [f"{key} {value.get('name') if isinstance(value, Mapping) else value}" for key, value in values.items()]
    return ", ".join([f"seed {seed}", *said])


def _gains(found: Mapping[str, Any]) -> list[str]:
    if found["size"] < 2:
        return []
    rows = [["gain", "over the mean member", f"over the best {_held_out(found)}", "over seeds"]]
    several = found.get("over_seeds", {})
    for name, gain in found["gain"].items():
        rows.append([
            _called(name), _between(name, gain["over_mean"]), _between(name, gain.get("over_best")),
            _between(name, several.get(name)),
        ])  # fmt: skip
    if not several:
        rows = [row[:-1] for row in rows]
    lines = table_lines(rows)
    count = found.get("repetitions", 1)
    if several:
        lines.append(
            f"Paired 95 % intervals over samples, the last column over {count} whole ensembles of other seeds."
        )
    else:
        more = "; --seeds 6 adds one over seeds" if "repetitions" in found else ""  # of what was trained for it
        lines.append(f"Paired 95 % intervals over samples, of these members{more}.")
    return lines


def _held_out(found: Mapping[str, Any]) -> str:
    """On which samples members were judged before any were measured."""
    on = str(found.get("facts", {}).get("selection", {}).get("on", "validation"))
    return on if on == OUT_OF_FOLD else f"on {on}"


def _facts(found: Mapping[str, Any]) -> list[str]:
    facts, lines = found.get("facts", {}), []
    if bag := facts.get("out_of_bag"):
        figures = ", ".join(
            f"{_called(n)} {_figure(n, bag[n])}" for n in ("error", "log_loss", "squared_error") if n in bag
        )
        lines.append(f"Out of bag: {figures}, {bag['samples']:,} training samples")
    if facts.get("weighted_errors"):
        lines.append(f"Weighted training errors: {', '.join(f'{100 * e:.2f} %' for e in facts['weighted_errors'])}")
    if facts.get("ended"):
        lines.append(f"Boosting ended early: {facts['ended']}")
    if "averaged" in facts:
        of = f", on validation {_score(facts['score'], found)}" if "score" in facts else ""
        epochs = all(isinstance(one, int) for one in facts["averaged"]) and found["method"] == "swa"
        names = [f"epochs {', '.join(map(str, facts['averaged']))}"] if epochs else map(str, facts["averaged"])
        lines.append(f"Weights averaged of {'; '.join(names)}{of}")
        if "scores" in facts:
            alone = "; ".join(_score(score, found) for score in facts["scores"])
            lines.append(f"Each of them alone: {alone}")
    if chosen := facts.get("selection"):
        lines.append(f"Selected from {chosen['library']} {_held_out(found)}, best step {chosen['step']}:")
        lines += [f"  {count} x {name}" for name, count in chosen["taken"]]
        if chosen.get("on") == found["part"]:
            lines.append("All figures are of the samples that it was selected on, and so too good; evaluate others.")
    return lines


def _score(score: Sequence[float], found: Mapping[str, Any]) -> str:
    """What weights were chosen by: the squared error of values, else the error and what decides between equal ones."""
    if found["task"] == "regression":
        return f"{_called('squared_error')} {_figure('squared_error', score[0])}"
    return f"{_called('error')} {_figure('error', score[0])}"


def _diversity(found: Mapping[str, Any]) -> list[str]:
    if found["size"] < 2:
        return []
    diversity, lines = found["diversity"], []
    said = [
        f"{_called(name)} {_figure(name, diversity[name])}"
        for name in ("disagreement", "error_correlation")
        if diversity.get(name) is not None
    ]
    if said:
        lines.append(f"Diversity: {', '.join(said)} (pairs of members)")
    if square := diversity.get("squared_error"):
        members, ambiguity, ensemble = (_number(square[name]) for name in ("members", "ambiguity", "ensemble"))
        lines.append(f"Squared error: {members} of members - {ambiguity} ambiguity = {ensemble} of their mean")
    return lines


def _calibration(found: Mapping[str, Any]) -> list[str]:
    own = found.get("calibration")
    if not own:
        return []
    rows = [["calibration", "before", "after one temperature"]]
    rows += [[_called(name), decimals(own["before"][name]), decimals(own["after"][name])] for name in FIGURES]
    lines, kind = table_lines(rows), _held_out(found).removeprefix("on ")
    if own["why_not"]:
        lines.append(f"No temperature is fitted: {own['why_not']}.")
    else:
        where = f"fitted on {own['fitted_on']:,} {kind} samples after averaging" if own["fitted_on"] else "as stated"
        lines.append(f"Temperature {own['temperature']:.3f}, {where}.")
    score = f"Calibrated log-likelihood: {own['calibrated_log_likelihood']:.4f} nats a sample"
    if "independent_networks" in own:
        beyond = {"<": "less than ", ">": "more than "}.get(own["independent_beyond"], "")
        score += f", as of {beyond}{own['independent_networks']:.1f} independent networks"
    return [*lines, score]


def _uncertainty(found: Mapping[str, Any]) -> list[str]:
    own, lines = found.get("uncertainty", {}), []
    if "total" in own:
        rows = [["uncertainty in nats", "total", "data", "model"]]
        for called, part in (
            ("all samples", own),
            ("decided right", own["of_right"]),
            ("decided wrong", own["of_wrong"]),
        ):
            if part["total"] is not None and not math.isnan(part["total"]):
                rows.append([called, *(decimals(part[name]) for name in ("total", "data", "model"))])
        lines += table_lines(rows)
    elif "model" in own:
        lines.append(f"Spread of members about their mean: {_number(own['model'])} (units of the target)")
    if curve := found.get("rejection"):
        kept = dict(zip(curve["rejected"], curve["accuracy"]))
        rows = [["least sure samples left out", *(f"{100 * share:.0f} %" for share in REJECTED if share in kept)]]
        rows += [["right of the others", *(f"{100 * kept[share]:.2f} %" for share in REJECTED if share in kept)]]
        lines += [*([""] if lines else []), *table_lines(rows)]
    return lines


def _control(found: Mapping[str, Any]) -> list[str]:
    own = found.get("control")
    if not own:
        return []
    name = next(iter(found["ensemble"]))
    rows = [["", f"mean member {_called(name)}", f"ensemble {_called(name)}", "gain", "disagreement", "correlation"]]
    for called, one in (("from the checkpoint", found), ("from random weights", own)):
        mean = mean_member(one, name)
        gain = one["gain"][next(iter(one["gain"]))]["over_mean"]["mean"]
        diversity = one["diversity"]
        rows.append([
            called, _figure(name, mean), _figure(name, one["ensemble"][name]), _figure(next(iter(one["gain"])), gain),
            _figure("disagreement", diversity.get("disagreement")),
            _figure("error_correlation", diversity.get("error_correlation")),
        ])  # fmt: skip
    return table_lines(rows)


def _called(name: str) -> str:
    return CALLED.get(name, name.replace("_", " "))


def _figure(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{100 * value:.2f} %" if name in PERCENT else _number(value)


def _number(value: float) -> str:
    return decimals(value) if abs(value) < 1000 else f"{value:.6g}"


def _between(name: str, gain: Mapping[str, Any] | None) -> str:
    if not gain:
        return "-"
    ends = "" if gain.get("low") is None else f" ({_figure(name, gain['low'])} to {_figure(name, gain['high'])})"
    return f"{_figure(name, gain['mean'])}{ends}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
