"""gpunet repro."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import device_option, json_option, print_json
from ..remarks import quiet_option, remark

if TYPE_CHECKING:
    from ..recipes import Finding, Recipe


@click.command()
@click.argument("name", required=False)
@click.option("--data", metavar="FOLDER", help="Where the files of MNIST are, for recipes that need them.")
@click.option("--folder", metavar="FOLDER", help="Where steps and runs are kept; runs/repro-NAME by default.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Only its first N seeds, which decide nothing.")
@click.option("--show", is_flag=True, help="Say what would be run and compared, and stop.")
@device_option
@quiet_option
@json_option
def repro(
    name: str | None, data: str | None, folder: str | None, seeds: int | None, show: bool, device: str, as_json: bool
) -> None:
    """Run a published experiment, and say whether its number is reproduced.

    Without NAME, list the recipes. Each is a few commands of gpunet with all settings written down. Printed are the
    number with its spread over the seeds, the published one with its citation, how much worse still counts, the time,
    and the verdict: reproduced, not reproduced, or undecided where an interval holds the limit. Steps that are finished
    are kept and not run again, so a recipe can be stopped and called again.

    \b
    gpunet repro
    gpunet repro digits-few-labels
    gpunet repro deep-rectangles --seeds 2 --folder runs/trial
    gpunet repro mnist-rbm-cd1 --data path/to/mnist
    gpunet repro mnist-dbn --data path/to/mnist --show
    """
    from gpunet.errors import ConfigError, meant

    from ..recipes import RECIPES

    if name is None:
        _list(as_json)
        return
    if name not in RECIPES:
        remedy = meant(name, list(RECIPES), "gpunet repro lists them")
        raise ConfigError("NAME", "must be a recipe", repr(name), remedy)
    recipe = RECIPES[name] if seeds is None else RECIPES[name].with_seeds(seeds)
    if show:
        _show(recipe, as_json)
        return
    from ..reproducing import Commands

    run = Commands(Path(folder or f"runs/repro-{name}"), device)
    remark(f"{recipe.title}: about {_time(recipe.minutes)} on two cores")
    finding = recipe.steps(run, _words(recipe, data), recipe.seeds)
    document = _document(recipe) | _came_of(recipe, finding, run.seconds) | {"commands": run.lines}
    if as_json:
        print_json(document)
        return
    for line in _lines(recipe, finding, run.seconds):
        click.echo(line)


def _words(recipe: Recipe, data: str | None) -> list[str]:
    """The words that name the data of a recipe."""
    from gpunet.errors import ConfigError, DataError
    from gpunet.paths import exists

    if recipe.data != "mnist":
        if data is not None:
            what = "the digits come along" if recipe.data == "digits" else "the recipe draws its images"
            raise ConfigError("--data", "belongs to recipes on MNIST", recipe.name, f"Leave it out: {what}")
        return ["--data", "digits"] if recipe.data == "digits" else []
    if data is None:
        rule, remedy = "must name the folder of MNIST", "Add --data path/to/mnist, with its four IDX files"
        raise ConfigError("--data", rule, "nothing", remedy)
    if not exists(data):
        raise DataError(data, "must be an existing folder", "no such file", "Check the path")
    return ["--data", data]


def _document(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name, "title": recipe.title, "quantity": recipe.quantity, "unit": recipe.unit,
        "published": recipe.published, "citation": recipe.citation, "tolerance": recipe.tolerance,
        "limit": recipe.limit, "higher_is_better": recipe.higher, "seeds": list(recipe.seeds), "data": recipe.data,
        "minutes": recipe.minutes,
    }  # fmt: skip


def _came_of(recipe: Recipe, finding: Finding, seconds: float) -> dict[str, Any]:
    return {
        "value": finding.value, "spread": finding.spread, "values": list(finding.values),
        "bracket": finding.bracket, "verdict": recipe.verdict(finding), "seconds": round(seconds, 1),
        "notes": list(finding.lines),
    }  # fmt: skip


def _lines(recipe: Recipe, finding: Finding, seconds: float) -> list[str]:
    spread = "" if finding.spread is None else f" ± {finding.spread:.2f}"
    bracket = "" if finding.bracket is None else f", {finding.bracket[0]:.2f} to {finding.bracket[1]:.2f}"
    least = "at least" if recipe.higher else "at most"
    return [
        f"{recipe.quantity}: {finding.value:.2f}{spread} {recipe.unit}{bracket}",
        *(f"  {line}" for line in finding.lines),
        f"published: {recipe.published:g} {recipe.unit}, {recipe.citation}",
        f"tolerance: {recipe.tolerance:g} {recipe.unit}: {least} {recipe.limit:g} {recipe.unit} counts",
        f"seeds: {', '.join(map(str, recipe.seeds))}; time: {_time(seconds / 60)}",
        f"verdict: {recipe.verdict(finding)}",
    ]


def _show(recipe: Recipe, as_json: bool) -> None:
    """What would be compared."""
    if as_json:
        print_json(_document(recipe))
        return
    least = "at least" if recipe.higher else "at most"
    for line in (
        f"{recipe.name}: {recipe.title}",
        f"{recipe.quantity}: {least} {recipe.limit:g} {recipe.unit} counts as reproduced",
        f"published: {recipe.published:g} {recipe.unit}, {recipe.citation}",
        f"seeds: {', '.join(map(str, recipe.seeds))}; about {_time(recipe.minutes)} on two cores; data: {recipe.data}",
    ):
        click.echo(line)


def _list(as_json: bool) -> None:
    from ..recipes import RECIPES

    if as_json:
        print_json([_document(recipe) for recipe in RECIPES.values()])
        return
    for recipe in RECIPES.values():
        click.echo(f"{recipe.name:20}{recipe.title} ({_time(recipe.minutes)}, {recipe.data})")


def _time(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
