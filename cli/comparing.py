"""A comparison told on the terminal, from its announcement to its table and picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpunet.errors import Interrupted, OutputClosed
from gpunet.interruption import CLOSED, Stop, stops_on_signals
from gpunet.persistence import RunFolder
from gpunet.studies import ComparisonCallbacks, carry_out_comparison, document
from gpunet.studies.execution import RESULTS

from .drawing import require_matplotlib
from .execution import DRY
from .options import Request, print_json
from .output import Output
from .remarks import remark
from .terminal import Terminal
from .views.comparison import show_comparison
from .views.comparison_plot import can_draw, draw_comparison

if TYPE_CHECKING:
    from gpunet.checkpoint import Checkpoint
    from gpunet.studies import Arm, Comparison, Trial

NAME = "compare"


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
) -> None:
    """Carry a comparison out and report it.

    Args:
        comparison: checked.
        checkpoint: of an earlier pretraining, or None to pretrain here.
        request: where to write, and what to print.
        output: where to draw.

    Raises:
        Interrupted: by a signal; what was finished is kept.
    """
    _announce(comparison)
    if request.dry_run:
        remark(DRY)
        return
    stop = Stop()
    named = comparison.pretraining.model_copy(update={"name": NAME})
    with RunFolder.create(request.run, named) as folder, stops_on_signals(stop) as look:
        try:
            results = carry_out_comparison(comparison, folder, checkpoint, ComparisonTerminal(look), stop)
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
    if request.as_json:
        print_json({"folder": str(folder.path), **found})
        return
    show_comparison(found)
    click.echo(f"Results: {folder.path / RESULTS}")
    click.echo(f"Plot: {picture.path}" if picture else "No plot: pip install 'gpunet[plot]' has matplotlib draw one")
    seeds = comparison.pretraining.members
    remark(f"Next: --seeds {2 * seeds} instead of {seeds} narrows the intervals; --labels and --rates try others")


def _announce(comparison: Comparison) -> None:
    config, split = comparison.pretraining, comparison.split
    parts = (("train", split.train), ("validation", split.validation), ("test", split.test))
    sizes = " + ".join(f"{len(part):,} {name}" for name, part in parts)
    widths = "-".join(map(str, (comparison.inputs.features, *comparison.model.hidden)))
    remark(f"{NAME}: {widths}, {comparison.dataset.name} ({sizes}), {comparison.experiment.device}")
    counts = ", ".join(f"{count:,}" for count in comparison.labels)
    rates = ", ".join(f"{rate:g}" for rate in comparison.rates)
    remark(f"  {counts} labels; learning rates {rates}; {config.members} seeds at once")
