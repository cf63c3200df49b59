"""Hyperparameters over the epochs: as a line of blocks in the terminal, or as a figure."""

from typing import Any

import numpy as np

from gpunet.schedules import Schedule, table

from ..drawing import new_figure, write_figure
from ..output import Output

COLUMNS = 60
POINTS = 5000
BLOCKS = "▁▂▃▄▅▆▇█"


def over_epochs(rule: Any, epochs: int, points: int) -> dict[str, np.ndarray]:
    """The learning rate, and each other hyperparameter that has a schedule, at equally spaced times from 0 on."""
    names = ["learning_rate", *(n for n, value in vars(rule).items() if isinstance(value, Schedule))]
    times = np.arange(points) * epochs / points
    return {name: table(getattr(rule, name), times, ()) for name in names}


def blocks(values: np.ndarray) -> str:
    """One block for each value, its height from 0 to the largest.

    >>> blocks(np.array([0.0, 0.5, 1.0, 1.0]))
    '▁▅██'
    """
    top = values.max() or 1.0
    return "".join(BLOCKS[round(7 * v)] for v in (values / top).tolist())


def describe_schedules(rule: Any, epochs: int) -> str:
    """Two lines for each curve: its numbers and its shape."""
    fine, coarse = over_epochs(rule, epochs, POINTS), over_epochs(rule, epochs, min(COLUMNS, 2 * epochs))
    lines = []
    for name, values in fine.items():
        first, last, low, high = (f"{v:.4g}" for v in (values[0], values[-1], values.min(), values.max()))
        lines.append(f"{name}: from {first} to {last} over {epochs} epochs, lowest {low}, highest {high}")
        lines.append(blocks(coarse[name]))
    return "\n".join(lines)


def draw_schedules(rule: Any, epochs: int, output: Output) -> None:
    """Write the curves as a figure; the ending of the file says in which format.

    Raises:
        WriteError: the file cannot be written.
    """
    shown = over_epochs(rule, epochs, POINTS)
    figure = new_figure(6, 2.2 * len(shown))
    panels = figure.subplots(len(shown), squeeze=False)[:, 0]
    for panel, (name, values) in zip(panels, shown.items()):
        panel.plot(np.arange(POINTS) * epochs / POINTS, values)
        panel.set(ylabel=name.replace("_", " "), xlim=(0, epochs))
        panel.set_ylim(bottom=0)
    panels[-1].set_xlabel("epoch")
    write_figure(figure, output, 100)
