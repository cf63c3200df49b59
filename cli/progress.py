"""Progress on stderr: a bar on a terminal, one line per epoch elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

OnEpoch = Callable[[Any], None]
OnStep = Callable[[int, int, int], None] | None


@contextmanager
def progress(job: Any) -> Iterator[tuple[OnEpoch, OnStep]]:
    """Yield the callbacks for epochs and steps while training runs."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda record: click.echo(epoch_line(record), err=True)), None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("epoch 1")

        def on_step(epoch: int, step: int, steps: int) -> None:
            epochs = job.config.training.epochs
            bar.update(task, description=f"epoch {epoch + 1}", completed=epoch * steps + step, total=epochs * steps)

        yield (lambda record: bar.console.print(epoch_line(record), highlight=False)), on_step


def epoch_line(record: Any) -> str:
    """One line for an epoch; populations show the mean of their members."""
    width = len(str(record.epochs))
    parts = [f"epoch {record.epoch:{width}}/{record.epochs}"]
    for name, values in record.numbers.items():
        short = name.replace("validation", "val").replace("_", " ")
        if name.endswith("accuracy"):
            parts.append(f"{short} {values.mean() * 100:.2f} %")
        elif name != "learning_rate":
            parts.append(f"{short} {values.mean():.4f}")
    parts.append(f"{record.seconds:.2f} s")
    if record.improved.any():
        several = len(record.improved) > 1
        parts.append(f"best for {record.improved.sum()}" if several else "best")
    return "  ".join(parts)
