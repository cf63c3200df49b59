"""The pictures of a search: parallel coordinates, learning curves, importances, and the two keys that matter most."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunet.searches import Dimension, space_of

from ..drawing import new_figure, write_figure
from ..output import Output
from .search import ranked

GOOD, BAD, BLUE = "#D55E00", "#BBBBBB", "#0072B2"
CELLS = 60  # of a contour, each way
SMOOTH = 0.18  # width of the kernel of a contour, of its scale


def draw_search(found: dict[str, Any], output: Output) -> None:
    """Write the pictures of a search into one file.

    Raises:
        WriteError: the file cannot be written.
    """
    write_figure(search_figure(found), output, 130)


def search_figure(found: dict[str, Any]) -> Any:
    """Four pictures as one figure of matplotlib."""
    figure = new_figure(11, 7.6)
    (coordinates, curves), (shares, contour) = figure.subplots(2, 2)
    _coordinates(coordinates, found)
    _curves(curves, found)
    _importances(shares, found)
    _contour(figure, contour, found)
    name = found["score"]["name"].replace("_", " ")
    figure.suptitle(
        f"{found['data']}, {found['model']}: {name} of {len(found['trials'])} trials on the {found['score']['part']}",
        fontsize=11,
    )
    return figure


def _complete(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial for trial in ranked(found) if trial["state"] == "complete" and trial["score"] is not None]


def _shades(found: dict[str, Any]) -> dict[int, float]:
    """From 0 for the worst complete trial to 1 for the best, by rank."""
    order = _complete(found)
    return {trial["number"]: 1 - place / max(len(order) - 1, 1) for place, trial in enumerate(order)}


def _scored(found: dict[str, Any], values: Any) -> Any:
    return 100 * np.asarray(values, float) if found["score"]["percent"] else np.asarray(values, float)


def _label(found: dict[str, Any]) -> str:
    return found["score"]["name"].replace("_", " ") + (" (%)" if found["score"]["percent"] else "")


def _coordinates(axes: Any, found: dict[str, Any]) -> None:
    """A line for each complete trial, through its place on the scale of each key, dotted past keys that it has not."""
    from matplotlib import colormaps

    dimensions, shades = list(space_of(found["space"])), _shades(found)
    colours = colormaps["viridis_r"]
    for trial in reversed(_complete(found)):
        shade = shades[trial["number"]]
        places = [one.place(trial["values"][one.key]) if one.key in trial["values"] else np.nan for one in dimensions]
        best = trial["number"] == found["best"]
        style: dict[str, Any] = {"color": GOOD, "linewidth": 2.4, "zorder": 9} if best else {"color": colours(shade)}
        style["alpha"] = 1 if best else 0.25 + 0.6 * shade
        axes.plot(range(len(dimensions)), places, marker="o", markersize=3, **style)
        had = np.flatnonzero(~np.isnan(places))
        for before, after in zip(had, had[1:]):
            if after > before + 1:
                ends = [places[before], places[after]]
                axes.plot([before, after], ends, **{**style, "linestyle": ":", "linewidth": 1})
    for place, one in enumerate(dimensions):
        axes.axvline(place, color="#888888", linewidth=0.6, zorder=0)
        if one.kind == "choice":
            for value in one.choices:
                axes.text(place + 0.03, one.place(value), one.said(value), fontsize=7, va="center")
        else:
            axes.text(place, -0.05, f"{one.low:g}", fontsize=7, ha="center", va="top")
            axes.text(place, 1.05, f"{one.high:g}", fontsize=7, ha="center", va="bottom")
    axes.set_xticks(range(len(dimensions)), [_short(one) for one in dimensions], fontsize=7, rotation=20, ha="right")
    axes.set_xlim(-0.3, len(dimensions) - 0.5)
    axes.set_ylim(-0.12, 1.14)
    axes.set_yticks([])
    axes.tick_params(axis="x", pad=8)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.set_title("parallel coordinates: dark is good, the best one orange", fontsize=9, loc="left")


def _short(one: Dimension) -> str:
    """The key in a few letters, with what is unusual about its scale."""
    return one.label.replace("_", " ") + (" (1 - log)" if one.kind == "one_minus_log" else "")


def _curves(axes: Any, found: dict[str, Any]) -> None:
    """The score of each epoch, of all trials."""
    from matplotlib import colormaps
    from matplotlib.ticker import LogLocator, MaxNLocator

    shades, colours, drawn = _shades(found), colormaps["viridis_r"], []
    for trial in reversed(ranked(found)):
        if not trial["curve"]:
            continue
        curve = _scored(found, trial["curve"])
        best, shade = trial["number"] == found["best"], shades.get(trial["number"])
        colour = GOOD if best else BAD if shade is None else colours(shade)
        style: dict[str, Any] = {"linewidth": 2.2, "zorder": 9} if best else {"linewidth": 0.9, "alpha": 0.7}
        axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, marker="." if len(curve) == 1 else "", **style)
        if trial["state"] == "pruned":
            axes.plot(len(curve), curve[-1], marker="x", color=BAD, markersize=5)
        drawn.append(curve)
    axes.set_title(
        "learning curves of all trials" + ("; crosses: pruned" if _has(found, "pruned") else ""), fontsize=9, loc="left"
    )
    if not drawn:
        _say(axes, "epochs of these trials have no score")
        return
    everything = np.concatenate(drawn)
    if everything.min() > 0 and everything.max() / everything.min() > 8:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _place: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _place: "")
    axes.set(xlabel="epoch", ylabel=_label(found))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _ticks(one: Dimension) -> list[float]:
    """Places of the ticks of a scale: powers of ten where there are three of them, else quarters."""
    if one.kind in ("log", "int_log"):
        low, high = np.log10(one.low), np.log10(one.high)
        powers = np.arange(np.ceil(low - 1e-9), np.floor(high + 1e-9) + 1)
        if len(powers) > 2:
            return [float((power - low) / (high - low)) for power in powers]
    return [0.0, 0.25, 0.5, 0.75, 1.0]


def _has(found: dict[str, Any], state: str) -> bool:
    return any(trial["state"] == state for trial in found["trials"])


def _say(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=9, color="#666666")
    axes.set_axis_off()


def _importances(axes: Any, found: dict[str, Any]) -> None:
    axes.set_title("importances (functional ANOVA)", fontsize=9, loc="left")
    shares = found["importances"]
    if not shares:
        _say(axes, "too few complete trials for importances")
        return
    short = {one.key: _short(one) for one in space_of(found["space"])}
    names = sorted(shares, key=lambda key: shares[key])
    axes.barh([short[key] for key in names], [100 * shares[key] for key in names], color=BLUE)
    axes.set_xlabel("share of the variance between trials (%)")
    axes.spines[["top", "right"]].set_visible(False)


def _contour(figure: Any, axes: Any, found: dict[str, Any]) -> None:
    """Smoothed scores over the two keys that matter most and lie on scales, with the trials as points."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    dimensions = {one.key: one for one in space_of(found["space"]) if one.kind != "choice"}
    order = [key for key in found["importances"] if key in dimensions] or list(dimensions)
    order += [key for key in dimensions if key not in order]
    trials = [t for t in _complete(found) if len(order) > 1 and all(key in t["values"] for key in order[:2])]
    if len(trials) < 5:
        axes.set_title("contour of the two most important keys", fontsize=9, loc="left")
        _say(axes, "needs two keys on scales, and five complete trials")
        return
    first, second = dimensions[order[0]], dimensions[order[1]]
    x = np.array([first.place(trial["values"][first.key]) for trial in trials])
    y = np.array([second.place(trial["values"][second.key]) for trial in trials])
    z = _scored(found, [trial["score"] for trial in trials])
    grid = np.linspace(0, 1, CELLS)
    distance = (grid[None, :, None] - x) ** 2 + (grid[:, None, None] - y) ** 2
    weight = np.exp(-distance / (2 * SMOOTH**2)) + 1e-9
    levels = axes.contourf(
        grid,
        grid,
        (weight * z).sum(-1) / weight.sum(-1),
        14,
        cmap="viridis_r" if found["score"]["higher"] else "viridis",
    )
    axes.scatter(x, y, s=14, color="white", edgecolors="black", linewidths=0.5, zorder=3)
    best = next(place for place, trial in enumerate(trials)) if trials[0]["number"] == found["best"] else None
    if best is not None:
        axes.scatter(x[best], y[best], s=60, marker="*", color=GOOD, edgecolors="black", linewidths=0.5, zorder=4)
    figure.colorbar(levels, ax=axes, label=_label(found))
    for axis, one in ((axes.xaxis, first), (axes.yaxis, second)):
        axis.set_major_locator(FixedLocator(_ticks(one)))
        axis.set_major_formatter(FuncFormatter(lambda place, _, one=one: one.said(one.at(float(place)))))
    axes.tick_params(labelsize=7)
    axes.set(xlabel=_short(first), ylabel=_short(second))
    axes.set_title("smoothed scores over two keys; the star is the best", fontsize=9, loc="left")
