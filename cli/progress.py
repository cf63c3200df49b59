"""Progress on stderr: a bar on a terminal, one line per epoch elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .guidance import MACHINES
from .naming import translated
from .options import decimals
from .remarks import is_quiet, remark

OnEpoch = Callable[[Any], None]
OnStep = Callable[[int, int, int], None]


@contextmanager
def progress(job: Any) -> Iterator[tuple[OnEpoch, OnStep]]:
    """Yield the callbacks for epochs and steps while training runs."""
    from rich.console import Console

    if is_quiet():
        yield (lambda record: None), (lambda epoch, step, steps: None)
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line, lambda epoch, step, steps: None
        return
    from gpunet.api.progress import terminal_bar

    def on_epoch(record: Any) -> None:
        console.print(report(record), markup=False, highlight=False, soft_wrap=True)

    move, close = terminal_bar(job.config.training.epochs, console)
    try:
        yield on_epoch, move
    finally:
        close()


@contextmanager
def working(text: str) -> Iterator[None]:
    """Say on a terminal what is being done, and for how long already, while the block runs; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task(text, total=None)
        yield


def _line(record: Any) -> None:
    remark(report(record))


def report(record: Any) -> str:
    """The line of an epoch, and below it what should be changed, which only machines are measured for."""
    told = (f"  Warning: {translated(text)}; see {MACHINES}." for text in record.warnings)
    return "\n".join([epoch_line(record), *told])


def epoch_line(record: Any) -> str:
    """One line for an epoch, short enough for 80 columns; populations show the mean of members that go well."""
    import numpy as np

    parts = [f"epoch {record.epoch:{len(str(record.epochs))}}/{record.epochs}"]
    gone = list(record.diverged)
    for part, name in (("train", "train"), ("validation", "val")):
        numbers = {
            k.removeprefix(f"{part}_"): np.delete(v, gone).mean()
            for k, v in record.numbers.items()
            if k.startswith(f"{part}_")
        }
        if numbers:
            parts.append(f"{name} {', '.join(_short(measure, value) for measure, value in numbers.items())}")
    parts.append(f"{record.seconds:.2f} s")
    if record.improved.any() and record.selects:
        parts.append(f"best for {record.improved.sum()}" if len(record.improved) > 1 else "best")
    if gone:
        parts.append(f"{len(gone)} of {len(record.improved)} diverged")
    return "  ".join(parts)


def _short(measure: str, value: float) -> str:
    if measure == "accuracy":
        return f"{value * 100:.2f} %"
    return f"{measure.replace('_', ' ').replace('reconstruction error', 'error')} {decimals(value)}"
