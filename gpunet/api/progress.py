"""Progress of a training started from Python: a bar in a terminal or a notebook, nothing elsewhere."""

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..checkpoint import Group
from ..experiment import Run
from ..inspection.portrait import portrait
from ..stages import Callbacks
from ..training import EpochRecord
from .measuring import Measure, measure

OnEpoch = Callable[[EpochRecord], Any]


class Watch(Callbacks):
    """Calls functions of the user, and moves a bar.

    Args:
        on_epoch: called with the record of each epoch.
        bar: whether to show a bar.
        keep_portrait: whether checkpoints keep what makes them worth looking at.
        monitors: functions of the user that measure the model after each epoch.
    """

    def __init__(
        self, on_epoch: Iterable[OnEpoch], bar: bool, keep_portrait: bool, monitors: Mapping[str, Measure] | None = None
    ):
        self._on_epoch, self._keep_portrait, self._monitors = tuple(on_epoch), keep_portrait, monitors or {}
        self._bar = _notebook_bar if bar and in_notebook() else terminal_bar if bar else None
        self._move: Callable[[int, int, int], None] = _nothing
        self._close: Callable[[], None] = _nothing

    def on_run(self, run: Run) -> None:
        """Start the bar."""
        if self._bar is not None:
            self._move, self._close = self._bar(run.config.training.epochs)

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Move the bar."""
        self._move(epoch, step, steps)

    def measure(self, run: Run, record: EpochRecord) -> None:
        """Let the user's monitors look at the model."""
        measure(self._monitors, run, record)

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Tell the user's functions."""
        for tell in self._on_epoch:
            tell(record)

    def on_end(self, run: Run) -> None:
        """Take the bar away."""
        self._close()
        self._move, self._close = _nothing, _nothing

    def portrait(self, run: Run) -> Group | None:
        """Pictures and figures, for the checkpoint in a folder."""
        return portrait(run) if self._keep_portrait else None


def wants_bar(progress: bool | None) -> bool:
    """Whether to show a bar: as asked for, else where somebody can see one."""
    return ((sys.stderr is not None and sys.stderr.isatty()) or in_notebook()) if progress is None else progress


def in_notebook() -> bool:
    """Whether this is a kernel of Jupyter or the like; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _nothing(*_: Any) -> None:
    return None


def terminal_bar(epochs: int, console: Any = None) -> tuple[Callable[[int, int, int], None], Callable[[], None]]:
    """A bar on a terminal, already shown.

    Args:
        epochs: of the training.
        console: of rich, on stderr by default.

    Returns:
        What moves it, called with epoch, step and steps of an epoch, counted from 0; and what takes it away.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    unfailing: Any = _Unfailing(sys.stderr)
    bar = Progress(*columns, console=console or Console(file=unfailing), transient=True)
    task = bar.add_task("epoch 1")
    bar.start()

    def move(epoch: int, step: int, steps: int) -> None:
        bar.update(task, description=f"epoch {epoch + 1}", completed=epoch * steps + step, total=epochs * steps)

    return move, bar.stop


class _Unfailing(io.TextIOBase):
    """A stream for a bar: where it cannot be written, nothing is shown and nothing fails for it."""

    def __init__(self, stream: Any):
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What rich chooses its signs by."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError, AttributeError):  # full or gone, narrow or closed, absent
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As far as possible."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether somebody may be looking."""
        return self._stream is not None and not self._stream.closed and self._stream.isatty()


def _notebook_bar(epochs: int) -> tuple[Callable[[int, int, int], None], Callable[[], None]]:
    from IPython.display import ProgressBar

    bar = ProgressBar(epochs)
    bar.display()
    seen = [-1]

    def move(epoch: int, step: int, steps: int) -> None:
        if epoch != seen[0]:
            seen[0], bar.progress = epoch, epoch

    def close() -> None:
        bar.progress = seen[0] + 1

    return move, close
