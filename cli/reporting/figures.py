"""Figures as SVG text whose colours are variables of the page, so that one drawing serves light and dark.

No text out of a file enters a figure: names stand beside it, where Jinja2 escapes them, and only numbers are drawn.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunet.metrics import metric_named

from ..drawing import drawn, new_figure
from ..views.pictures import png

INK, PAPER = "#010203", "#010204"  # stand for colours of the page
COLOURS = 10
POINTS = 400  # of one curve
SIZE = (4.2, 2.6)

# One curve: its colour, its style, and for each member its epochs and values.
Curve = tuple[int, str, list[tuple[np.ndarray, np.ndarray]]]


def colour(number: int) -> str:
    """A colour that the page will choose."""
    return f"#0102{0x10 + number % COLOURS:02x}"


def curves(drawn: Sequence[Curve], best: float | None = None, log: bool = False) -> str:
    """Numbers over epochs: members as thin lines, their mean as a bold one, a band of one standard deviation."""
    figure, axes = axes_of()
    for number, style, members in drawn:
        if len(members) > 1:
            for epochs, values in members[:50]:
                axes.plot(*_thin(epochs, values), color=colour(number), linewidth=0.5, alpha=0.3, linestyle=style)
        length = min(len(epochs) for epochs, _ in members)
        table = np.stack([values[:length] for _, values in members])
        epochs, mean = _thin(members[0][0][:length], table.mean(axis=0))
        marker = "o" if length == 1 else None
        axes.plot(epochs, mean, color=colour(number), linewidth=1.6, linestyle=style, marker=marker, markersize=4)
        if len(members) > 1:
            _, spread = _thin(members[0][0][:length], table.std(axis=0, ddof=1))
            axes.fill_between(epochs, mean - spread, mean + spread, color=colour(number), alpha=0.15, linewidth=0)
    if best is not None:
        axes.axvline(best, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    if log:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    _fitted(axes, [(epochs, values) for _, _, members in drawn for epochs, values in members])
    return svg_of(figure)


def _fitted(axes: Any, members: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Ticks for what does not vary: one at the only epoch, and one at the only value."""
    epochs, values = (np.unique(np.concatenate(one)) for one in zip(*members))
    if len(epochs) == 1:
        axes.set_xticks([int(epochs[0])])
    if len(values) == 1:
        axes.set_yticks([float(values[0])], [f"{values[0]:.6g}"])


def histogram(counts: np.ndarray, edges: np.ndarray, number: int) -> str:
    """How values are spread; a peak that would hide all else is cut off at ten times the median of the filled bins."""
    figure, axes = axes_of((3.2, 1.7))
    total = max(float(counts.sum()), 1.0)
    share = counts / total
    axes.stairs(share, edges, fill=True, color=colour(number), alpha=0.75)
    filled = np.sort(share[share > 0])
    if len(filled) > 1 and filled[-1] > 10 * np.median(filled):
        top = max(10 * float(np.median(filled)), float(filled[-2]) * 1.15)
        axes.set_ylim(0, top)
        if filled[-1] > top:
            axes.text(edges[int(share.argmax()) + 1], top, f" {filled[-1]:.0%}", va="top", color=INK, fontsize=8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return svg_of(figure)


def scatter(points: np.ndarray, targets: np.ndarray, classed: bool) -> str:
    """Points in the plane, each class in its colour, or a number as the strength of one."""
    figure, axes = axes_of((3.6, 2.8))
    if classed:
        for each in np.unique(targets):
            axes.plot(
                *points[targets == each].T, "o", color=colour(int(each)), markersize=3, alpha=0.75, markeredgewidth=0
            )
    else:
        low, high = float(targets.min()), float(targets.max())
        strength = (targets - low) / (high - low) if high > low else np.ones(len(targets))
        for step in range(8):
            chosen = np.clip((strength * 8).astype(int), 0, 7) == step
            axes.plot(
                *points[chosen].T, "o", color=colour(0), markersize=3, alpha=0.15 + 0.11 * step, markeredgewidth=0
            )
    axes.set_aspect("equal", "datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    return svg_of(figure)


def shown(value: float, name: str) -> str:
    """A figure as people read it, by the kind that its name says.

    >>> shown(0.91234, "recall"), shown(0.5, "roc_auc"), shown(12345.678, "rmse"), shown(float("nan"), "f1")
    ('91.2 %', '0.500', '1.235e+04', '–')
    """
    if not np.isfinite(value):
        return "–"
    metric = metric_named(name)
    if metric is not None and metric.percent:
        return f"{100 * value:.1f} %"
    return f"{value:.4g}" if name in ("rmse", "mae", "median_error") else f"{value:.3f}"


def picture(data: np.ndarray) -> str:
    """Bytes of shape (height, width) or (height, width, 3) as the address of a PNG in itself."""
    return f"data:image/png;base64,{base64.b64encode(png(data)).decode()}"


def axes_of(size: tuple[float, float] = SIZE, whole: bool = True) -> tuple[Any, Any]:
    """A figure and its axes in the style of the page; ``whole`` puts ticks at whole numbers alone."""
    figure = new_figure(*size)
    return figure, styled(figure, figure.add_subplot(), whole)


def styled(figure: Any, axes: Any, whole: bool = False) -> Any:
    """Axes in the style of the page; ``whole`` puts ticks at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    axes.tick_params(colors=INK, labelsize=8, length=3, width=0.6)
    axes.xaxis.label.set(color=INK, size=8)
    axes.yaxis.get_offset_text().set(color=INK, size=8)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=whole))
    for name, side in axes.spines.items():
        side.set(color=INK, linewidth=0.6, visible=name in ("left", "bottom"))
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def svg_of(figure: Any) -> str:
    """The drawing alone: no prologue, no size of its own, no metadata, colours as variables, identifiers of its own."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gpunet", "path.simplify_threshold": 0.2}):
        text = drawn(figure, "svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )
    text = text.replace(INK, "var(--ink)").replace(PAPER, "var(--paper)")
    for number in range(COLOURS):
        text = text.replace(colour(number), f"var(--c{number})")
    # In attributes a hundredth of a point is finer than any screen; the numbers at the axes are texts and stay.
    text = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\d\.\d\d)\d+", r"\1", found[0]), text)
    return re.sub(r"\n\s*", "\n", text).replace("<svg ", '<svg role="img" ', 1)


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most ``POINTS`` of them, with the first and the last."""
    if len(x) <= POINTS:
        return x, y
    chosen = np.unique(np.linspace(0, len(x) - 1, POINTS).astype(int))
    return x[chosen], y[chosen]
