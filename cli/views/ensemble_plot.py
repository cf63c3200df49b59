"""The picture of an ensemble: members beside it, reliability, rejection, and how unsure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..drawing import new_figure, write_figure
from ..output import Output
from .ensemble import mean_member

# Okabe and Ito's colours, which colour-blind readers can tell apart.
MEMBER, TOGETHER, OTHER = "#56B4E9", "#D55E00", "#009E73"
FEWEST = 10  # samples that must remain, so that a share of them says something
NAMES = {"error": "error", "log_loss": "log loss", "rmse": "root mean squared error", "brier": "Brier score"}


def draw_ensemble(found: Mapping[str, Any], output: Output) -> None:
    """Write the picture.

    Raises:
        WriteError: the file cannot be written.
    """
    write_figure(ensemble_figure(found), output, 150)


def ensemble_figure(found: Mapping[str, Any]) -> Any:
    """The picture of a report, a figure of matplotlib."""
    panels = [_members]
    panels += [_reliability] if "calibration" in found else []
    panels += [_rejection] if "rejection" in found else []
    panels += [_parts] if "total" in found.get("uncertainty", {}) else []
    panels += [_squares] if len(panels) < 4 and "squared_error" in found["diversity"] else []
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.6 * columns, 3.7 * rows)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(places, panels):
        panel(axes, found)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    members = "member" if found["size"] == 1 else "members"
    figure.suptitle(
        f"{found['data']}: {found['size']} {members} by {found['method']}, {found['samples']:,} samples", fontsize=10
    )
    return figure


def _members(axes: Any, found: Mapping[str, Any]) -> None:
    name = next(iter(found["ensemble"]))
    percent = name == "error"
    factor = 100 if percent else 1
    values = [factor * row[name] for row in found["members"]]
    axes.bar(range(len(values)), values, color=MEMBER, label="each member")
    axes.axhline(factor * mean_member(found, name), color="#0072B2", linestyle=":", label="mean member")
    axes.axhline(factor * found["ensemble"][name], color=TOGETHER, linewidth=2, label="ensemble")
    step = max(1, len(values) // 10)
    axes.set_xticks(range(0, len(values), step), [str(k + 1) for k in range(0, len(values), step)])
    axes.set_ylim(0, 1.35 * max(*values, factor * found["ensemble"][name], 1e-12))
    axes.set(xlabel="member", ylabel=f"{NAMES.get(name, name)}{' in %' if percent else ''}")
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=3)


def _reliability(axes: Any, found: Mapping[str, Any]) -> None:
    own = found["calibration"]
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
    shown = [("before", MEMBER, "o")]
    shown += [] if own["why_not"] else [("after", TOGETHER, "s")]
    for name, colour, marker in shown:
        bins = own[name]["reliability"]
        points = [(c, a, s) for c, a, s in zip(bins["confidence"], bins["accuracy"], bins["share"]) if c is not None]
        sizes = [10 + 250 * share for _, _, share in points]
        label = f"{name}, ECE {100 * own[name]['calibration_error']:.1f} %"
        style = {"color": colour, "marker": marker, "alpha": 0.75, "label": label}
        axes.scatter([p[0] for p in points], [p[1] for p in points], s=sizes, **style)
        axes.plot([p[0] for p in points], [p[1] for p in points], color=colour, linewidth=1, alpha=0.6)
    axes.set(
        xlim=(0, 1.02), ylim=(-0.02, 1.02), xlabel="probability of the predicted class", ylabel="share that is right"
    )
    if found["task"] == "multilabel":
        axes.set(xlabel="probability of a label", ylabel="share that has it")
    title = "one temperature" if own["why_not"] == "" else "no temperature fitted"
    legend = axes.legend(frameon=False, fontsize=8, loc="lower right", title=title, title_fontsize=8)
    for handle in legend.legend_handles:
        handle.set_sizes([30])


def _rejection(axes: Any, found: Mapping[str, Any]) -> None:
    curve = found["rejection"]
    points = [
        (100 * share, 100 * right)
        for share, right in zip(curve["rejected"], curve["accuracy"])
        if not share or (1 - share) * found["samples"] >= FEWEST
    ]
    axes.plot(*zip(*points), color=TOGETHER, marker=".")
    axes.set(xlabel="least sure samples left out, in %", ylabel="right of the others, in %", xlim=(0, 95))
    axes.grid(axis="y", alpha=0.3)


def _parts(axes: Any, found: Mapping[str, Any]) -> None:
    own = found["uncertainty"]
    groups = [("all", own), ("right", own["of_right"]), ("wrong", own["of_wrong"])]
    groups = [(name, part) for name, part in groups if part["total"] is not None]
    data, model = ([part[key] for _, part in groups] for key in ("data", "model"))
    axes.bar(range(len(groups)), data, color=MEMBER, label="data")
    axes.bar(range(len(groups)), model, bottom=data, color=OTHER, label="model")
    axes.set_xticks(range(len(groups)), [f"{name} samples" for name, _ in groups])
    axes.set(ylabel="uncertainty in nats", ylim=(0, 1.2 * max(*(d + m for d, m in zip(data, model)), 1e-12)))
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)


def _squares(axes: Any, found: Mapping[str, Any]) -> None:
    own = found["diversity"]["squared_error"]
    axes.bar([0, 1], [own["members"], own["ensemble"]], color=[MEMBER, TOGETHER])
    axes.bar(
        [1], [own["ambiguity"]], bottom=[own["ensemble"]], color="none", edgecolor=OTHER, hatch="//", label="ambiguity"
    )
    axes.set_xticks([0, 1], ["mean of members", "of their mean"])
    axes.set(ylabel="squared error", ylim=(0, 1.2 * max(own["members"], own["ensemble"], 1e-12)))
    axes.legend(frameon=False, fontsize=8, loc="upper right")
