"""The numbers of every epoch of a training."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ..checkpoint import Group, NamedArray
from ..measurement import bare

WIDTH, HEIGHT = 320, 120  # pixels of a curve
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe and Ito's


class History(Mapping[str, np.ndarray]):
    """Numbers by name, each (epochs,), or (epochs, members) for a population.

    Args:
        numbers: by name, such as ``train_loss``, ``validation_accuracy``, ``learning_rate``, ``seconds``.
        units: what they are measured in, by name or by name without ``train_`` and ``validation_``.
        diverged: numbers of the members that diverged; columns have them, and no mean does.

    >>> history = History({"epoch": np.array([1, 2]), "train_loss": np.array([0.9, 0.5])})
    >>> history["train_loss"].tolist(), history.epochs
    ([0.9, 0.5], 2)
    """

    def __init__(
        self, numbers: Mapping[str, np.ndarray], units: Mapping[str, str] | None = None, diverged: Sequence[int] = ()
    ):
        self._numbers, self.diverged = dict(numbers), tuple(diverged)
        known = {"seconds": "s", **(units or {})}
        self._units = {name: known.get(name, known.get(bare(name), "")) for name in self._numbers}

    @classmethod
    def of(cls, group: Group, units: Mapping[str, str] | None = None, diverged: Sequence[int] = ()) -> "History":
        """Out of the group ``history`` of a checkpoint."""
        return cls({n: a.data for n, a in group.children.items() if isinstance(a, NamedArray)}, units, diverged)

    @property
    def units(self) -> dict[str, str]:
        """What each column is measured in; empty for plain numbers such as shares and rates.

        >>> History({"train_loss": np.ones(2), "learning_rate": np.ones(2)}, {"loss": "nats"}).units
        {'train_loss': 'nats', 'learning_rate': ''}
        """
        return dict(self._units)

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(next(iter(self._numbers.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        """The numbers of one name."""
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._numbers)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._numbers)

    def __repr__(self) -> str:
        """One line: how many epochs, and the last value of each number."""
        if not self.epochs:
            return "History(no epochs)"
        last = ", ".join(f"{name} {self._mean(name)[-1]:.4g}" for name in self if name not in ("epoch", "seconds"))
        gone = f", without {len(self.diverged)} that diverged" if self.diverged else ""
        return f"History({self.epochs} epochs; last {last}{gone})"

    def _repr_html_(self) -> str:
        """Curves of losses and of everything else that was measured on both parts, and a table of the last epoch."""
        if not self.epochs:
            return "<p>no epochs</p>"
        measures = [name.removeprefix("train_") for name in self if name.startswith("train_")]
        pictures = "".join(self._curves(measure) for measure in measures)
        last = {self._headed(name): f"{self._mean(name)[-1]:.6g}" for name in self if name != "epoch"}
        return f"<div>{pictures}</div>{table({'epoch': self.epochs} | last)}"

    def _curves(self, measure: str) -> str:
        shown = [(part, f"{part}_{measure}") for part in ("train", "validation") if f"{part}_{measure}" in self]
        lines = [(part, self._mean(name)) for part, name in shown]
        low = min(float(values.min()) for _, values in lines)
        high = max(float(values.max()) for _, values in lines)
        drawn = "".join(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{_points(values, low, high)}"/>'
            for (_, values), colour in zip(lines, COLOURS)
        )
        legend = " ".join(f'<span style="color:{c}">{part}</span>' for (part, _), c in zip(lines, COLOURS))
        unit = f" ({self._units[shown[0][1]]})" if self._units[shown[0][1]] else ""
        title = f"{escape(measure.replace('_', ' ') + unit)} {legend} {low:.4g} to {high:.4g}"
        box = f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{drawn}</svg>'
        return f'<figure style="display:inline-block"><figcaption>{title}</figcaption>{box}</figure>'

    def _mean(self, name: str) -> np.ndarray:
        """Over members that have not diverged, where there are several."""
        values = self[name].reshape(len(self[name]), -1)
        return np.asarray((np.delete(values, self.diverged, axis=1) if values.shape[1] > 1 else values).mean(axis=1))

    def _headed(self, name: str) -> str:
        """A name with its unit."""
        return f"{name} ({self._units[name]})" if self._units[name] else name


def _points(values: np.ndarray, low: float, high: float) -> str:
    across = np.linspace(2, WIDTH - 2, len(values))
    down = HEIGHT - 2 - (HEIGHT - 4) * (values - low) / ((high - low) or 1.0)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down))


def table(rows: Mapping[str, Any]) -> str:
    """A small table of HTML, names at the left."""
    cells = "".join(f"<tr><th>{escape(str(n))}</th><td>{escape(str(v))}</td></tr>" for n, v in rows.items())
    return f"<table>{cells}</table>"
