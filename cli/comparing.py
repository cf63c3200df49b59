"""A comparison told on the terminal, from its announcement to its table and picture."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import click

from gpunet.errors import ClusterError, Interrupted, OutputClosed
from gpunet.interruption import CLOSED, Stop, stops_on_signals
from gpunet.persistence import RunFolder
from gpunet.searches import COMPARISON
from gpunet.studies import ComparisonCallbacks, carry_out_comparison, document, read_comparison
from gpunet.studies.listing import RESULTS

from .clusters import cluster_at, end_dry_run
from .drawing import can_draw, require_matplotlib
from .opening import shown_folder
from .options import Request, print_json
from .output import Output
from .remarks import remark
from .tables import separated, write_table
from .terminal import Terminal
from .views.comparison import comparison_columns, comparison_latex, show_comparison
from .views.comparison_plot import draw_comparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpunet.checkpoint import Checkpoint
    from gpunet.studies import Arm, Comparison, Trial

NAME = "compare"
TABLE = "compare.csv"
Form = Literal["table", "json", "csv", "latex"]


class ComparisonTerminal(Terminal, ComparisonCallbacks):
    """Prints what a comparison tells on stderr."""

    announces_first_layer = False  # a comparison is announced as a whole

    def on_arm(self, arm: Arm, labels: int) -> None:
        """Say which arm comes next."""
        remark(f"{labels:,} labels, {arm.name}: {arm.title}")

    def on_trial(self, trial: Trial) -> None:
        """Say what a learning rate gave."""
        error = trial.validation_error
        said = "diverged" if error is None else f"validation error {100 * error.mean():.2f} %"
        remark(f"  rate {trial.rate:g}: {said}, {trial.epochs} epochs, {trial.seconds:.1f} s")


def run_comparison(
    comparison: Comparison,
    checkpoint: Checkpoint | None,
    request: Request,
    output: Output | None,
    form: Form = "table",
    dask: str | None = None,
) -> None:
    """Carry a comparison out and report it.

    Args:
        comparison: checked.
        checkpoint: of an earlier pretraining, or None to pretrain here.
        request: where to write, and what to print.
        output: where to draw.
        form: what is printed.
        dask: cluster whose workers train, or None.

    Raises:
        ClusterError: the cluster cannot be had, or was lost; what was finished is kept.
        Interrupted: by a signal; what was finished is kept.
    """
    _announce(comparison)
    if request.dry_run:
        if checkpoint is None:
            comparison.check_pretraining()
        end_dry_run(request.run, dask, request.device)
        return
    stop = Stop()
    named = comparison.pretraining.model_copy(update={"name": NAME})
    with ExitStack() as opened:
        cluster = None if dask is None else opened.enter_context(cluster_at(dask, request.device))
        folder = opened.enter_context(RunFolder.create(request.run, named))
        look = opened.enter_context(stops_on_signals(stop))
        try:
            results = carry_out_comparison(comparison, folder, checkpoint, ComparisonTerminal(look), stop, cluster)
        except ClusterError as error:
            remedy = f"What was finished is in {folder.path}"
            raise ClusterError(error.thing, error.rule, error.received, remedy) from None
        except Interrupted as error:
            if stop.requested != CLOSED:
                raise
            raise OutputClosed(error.thing, error.rule, error.received, error.remedy) from None
        found = document(comparison, results)
        picture = output
        if picture is None and can_draw():
            picture = Output("compare.png", folder.path / "compare.png", [".png"], [])
        if picture is not None:
            require_matplotlib("compare.png")
            draw_comparison(found, picture)
        write_table(comparison_columns(found), Output(TABLE, folder.path / TABLE, [".csv"], []))
    say(found, str(folder.path), form)
    if form != "table":
        return
    click.echo(f"Results: {folder.path / RESULTS}")
    click.echo(f"Plot: {picture.path}" if picture else "No plot: pip install 'gpunet[plot]' has matplotlib draw one")
    seeds = comparison.pretraining.members
    remark(f"Next: --seeds {2 * seeds} instead of {seeds} narrows the intervals; --labels and --rates try others")


def finished_comparison(words: Sequence[str]) -> str | None:
    """The folder of a finished comparison, where it is what a command is given, see :func:`~.opening.shown_folder`."""
    return shown_folder(words, COMPARISON)


def show_finished(folder: str, output: Output | None, form: Form) -> None:
    """Show what a comparison came to, and draw it anew where ``output`` says so.

    Raises:
        GpunetError: the folder does not hold what a comparison writes.
        WriteError: the picture cannot be written.
    """
    found = read_comparison(folder)
    if output is not None:
        draw_comparison(found, output)
    say(found, folder, form)


def say(found: dict[str, Any], folder: str, form: Form) -> None:
    """Print the results of a comparison as a table with what follows from it, or in a form for programs."""
    if form == "json":
        print_json({"folder": folder, **found})
    elif form == "csv":
        for text in separated(comparison_columns(found)):
            click.echo(text, nl=False)
    elif form == "latex":
        click.echo("\n".join(comparison_latex(found)))
    else:
        show_comparison(found)


def _announce(comparison: Comparison) -> None:
    config, split = comparison.pretraining, comparison.split
    parts = (("train", split.train), ("validation", split.validation), ("test", split.test))
    sizes = " + ".join(f"{len(part):,} {name}" for name, part in parts)
    widths = "-".join(map(str, (comparison.inputs.features, *comparison.model.hidden)))
    remark(f"{NAME}: {widths}, {comparison.dataset.name} ({sizes}), {comparison.experiment.device}")
    counts = ", ".join(f"{count:,}" for count in comparison.labels)
    rates = ", ".join(f"{rate:g}" for rate in comparison.rates)
    remark(f"  {counts} labels; learning rates {rates}, more where the best is at an end; {config.members} seeds")
