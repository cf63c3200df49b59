"""gpunet gradcheck."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import ConfigError, GpunetError

from .. import completing
from ..options import choose_device, configuration, device_option, is_assignment, json_option, print_json

if TYPE_CHECKING:
    from gpunet.testing import Finding

WIDTH = 120  # a table is not squeezed where its reader is no terminal


@click.command()
@click.argument("words", nargs=-1, metavar="[CONFIG|PRESET|CHECKPOINT] [KEY=VALUE]...", shell_complete=completing.words)
@click.option("--data", metavar="SOURCE", help="digits, or a file or folder; stands for data.source=...")
@click.option("--steps", type=click.IntRange(0), default=20, show_default=True, help="Training between the checks.")
@click.option("--seed", type=int, metavar="N", help="Seed of weights, order and random decisions.")
@device_option
@json_option
def gradcheck(
    words: tuple[str, ...], data: str | None, steps: int, seed: int | None, device: str, as_json: bool
) -> None:
    """Check backpropagation against two-sided differences in float64, at the start and after some training.

    Each parameter is probed along random directions, at its largest gradients, at random places and at the place that
    disagrees most. Dropout is frozen, penalties are included, batch norm runs on the statistics of the batch; kinks of
    ReLU and its like are told apart from errors. Ends with exit code 1 where a gradient is wrong.

    \b
    gpunet gradcheck residual
    gpunet gradcheck my.toml --data mnist/ --steps 100
    gpunet gradcheck runs/digits-mlp-1/best.h5
    """
    from gpunet.experiment import Experiment
    from gpunet.inspection.checking import GradientCheck

    place = choose_device(device)
    with place.activate():
        config, checkpoint = _subject(words, {"data.source": data, "seed": seed}, place)
        from gpunet.api.reading import load_split

        dataset, parts = load_split(config)
        check = GradientCheck(Experiment(config, dataset, parts, place), checkpoint)
        stages = {"at the weights of the checkpoint" if checkpoint else "at initialization": list(check.findings())}
        if steps:
            check.train(steps)
            stages[f"after {steps} steps"] = list(check.findings())
    if as_json:
        print_json({stage: [asdict(finding) for finding in findings] for stage, findings in stages.items()})
    else:
        _print(stages)
    for stage, findings in stages.items():
        wrong = [finding.name for finding in findings if not finding.holds]
        if wrong:
            rule = f"must agree with differences {stage}"
            raise GpunetError("gradients", rule, f"errors in {', '.join(wrong)}", "Look at backward of that layer")


def _subject(words: tuple[str, ...], flags: dict[str, Any], device: Any) -> tuple[Any, Any]:
    """The configuration to check, and the checkpoint that it came from, if any."""
    paths = [word for word in words if word.endswith(".h5") and not is_assignment(word)]
    if not paths:
        return configuration(words, flags, "mlp"), None
    if len(words) > 1 or flags["seed"] is not None:
        rule, others = "stands alone: its configuration is inside", " ".join(w for w in words if w != paths[0])
        raise ConfigError(paths[0], rule, others or "--seed", "Leave out the rest")
    from gpunet.api.evaluation import evaluation_data
    from gpunet.persistence import load_model

    model = load_model(paths[0], device)
    if flags["data.source"] is None:
        evaluation_data(model, None, "train")  # says so where the data has changed
    source = flags["data.source"] or model.source
    return model.config.model_copy(
        update={"data": model.config.data.model_copy(update={"source": source})}
    ), model.checkpoint


def _print(stages: dict[str, list[Finding]]) -> None:
    from rich.console import Console
    from rich.table import Table

    for stage, findings in stages.items():
        table = Table(box=None)
        table.add_column("parameter", min_width=max((len(f.name) for f in findings), default=0))
        for title in ("shape", "worst at", "backprop", "difference", "error", "kinks", ""):
            table.add_column(title, no_wrap=True)
        for f in findings:
            shape, at = "x".join(map(str, f.shape)), ",".join(map(str, f.place))
            verdict = "good" if f.holds else "[red]WRONG[/red]"
            numbers = f"{f.found:.4g}", f"{f.expected:.4g}", f"{f.error:.0e}", str(f.kinks or "")
            table.add_row(f.name, shape, at, *numbers, verdict)
        click.echo(f"{stage}:")
        Console(width=WIDTH).print(table)
