"""gpunet config."""

from collections.abc import Sequence

import click

from gpunet.errors import ConfigError

from .. import completing
from ..options import configuration, is_assignment, json_option, print_json, program

WORDS = click.argument("words", nargs=-1, metavar="[CONFIG|PRESET] [KEY=VALUE]...", shell_complete=completing.words)


@click.group()
def config() -> None:
    """Show and check configurations."""


@config.command()
@click.argument(
    "words", nargs=-1, metavar="[CONFIG|PRESET] [SECTION|KEY] [KEY=VALUE]...", shell_complete=completing.words
)
@click.option("--toml", "as_toml", is_flag=True, help="Print commented TOML, to keep and edit.")
@json_option
@click.option("--plot-schedule", is_flag=True, help="Show the learning rate over the epochs instead.")
@click.option("--plot-to", metavar="FILE", help="Draw it into a PNG, SVG or PDF file; needs the extra 'plot'.")
def show(words: tuple[str, ...], as_toml: bool, as_json: bool, plot_schedule: bool, plot_to: str | None) -> None:
    """Print every key with its value, what it means, what it takes and its default.

    For one section or key alone, also what can be named there.

    \b
    gpunet config show
    gpunet config show digits training.epochs=5 model
    gpunet config show optimizer.learning_rate
    gpunet config show dbn --toml > my.toml
    gpunet config show mlp lr=cosine --plot-schedule
    """
    from gpunet.config import keys

    from ..views.keys import commented, document, listing

    asked = _asked(words)
    if as_toml and (as_json or asked):
        received = "--json" if as_json else asked[0]
        raise ConfigError("--toml", "prints a whole configuration", received, "Leave one of them out")
    words = tuple(word for word in words if word not in asked)
    chosen = configuration(words, {}, "mlp")
    if not (plot_schedule or plot_to):
        found = [key for path in asked or [""] for key in keys(chosen, path)]
        if as_json:
            print_json(document(found))
        elif as_toml:
            click.echo(commented(chosen, found), nl=False)
        else:
            for path in asked or [""]:
                click.echo("\n".join(listing(keys(chosen, path), bool(path))))
        return
    from pathlib import Path

    from gpunet.config import build_rule

    from ..drawing import FORMATS, require_matplotlib
    from ..output import Output
    from ..views.schedules import describe_schedules, draw_schedules

    rule, epochs = build_rule(chosen), chosen.training.epochs
    if plot_to:
        output = Output("--plot-to", Path(plot_to), FORMATS, words)
        require_matplotlib("--plot-to", ", or use --plot-schedule")
        draw_schedules(rule, epochs, output)
        click.echo(f"Figure: {plot_to}", err=True)
    if plot_schedule:
        click.echo(describe_schedules(rule, epochs))


def _asked(words: Sequence[str]) -> list[str]:
    """The sections and keys among the words."""
    from gpunet.config import is_file_name, is_key, preset_names

    named = (word for word in words if not is_assignment(word) and not is_file_name(word))
    return [word for word in named if word not in preset_names() and is_key(word)]


@config.command()
@WORDS
@click.option("--data", "source", required=True, metavar="SOURCE", help="digits, or a file or folder.")
@click.option("-o", "--output", metavar="FILE.toml", help="Where to write; stdout by default.")
def init(words: tuple[str, ...], source: str, output: str | None) -> None:
    """Write a configuration for a data set: what it would be taken for, as TOML to edit.

    \b
    gpunet config init --data house.csv > house.toml
    gpunet config init --data house.csv data.target=price -o house.toml
    gpunet train house.toml
    """
    from pathlib import Path

    from gpunet.api.reading import load_split
    from gpunet.data import summarise
    from gpunet.writing import replacing

    from ..views.initial import initial_toml

    chosen = configuration(words, {"data.source": source}, "mlp")
    found, parts = load_split(chosen)
    preset = next((word for word in words if not is_assignment(word)), "mlp")
    text = initial_toml(chosen, found, summarise(found, parts), preset)
    if output is None:
        click.echo(text, nl=False)
        return
    if Path(output).suffix != ".toml":
        received, example = Path(output).suffix or "no ending", f"For example {Path(output).stem}.toml"
        raise ConfigError(output, "must end in .toml", received, example)
    try:
        with replacing(Path(output), fresh=True) as file:
            file.write(text.encode())
    except FileExistsError:
        raise ConfigError(output, "must not exist yet", "a file", "Choose another name") from None
    click.echo(f"Configuration: {output}", err=True)
    click.echo(f"Next: {program()} train {output}", err=True)


@config.command()
@WORDS
def check(words: tuple[str, ...]) -> None:
    """Check a configuration and name all that is wrong at once.

    \b
    gpunet config check my.toml
    """
    from gpunet.config import build_rule

    checked = configuration(words, {}, "mlp")
    build_rule(checked)
    click.echo(f"{checked.name}: good")


@config.command()
def schema() -> None:
    """Print the JSON schema of all configurations, for editors.

    \b
    gpunet config schema > gpunet.schema.json
    """
    from gpunet.config import Config
    from gpunet.config.migration import CURRENT, FIRST, KEY

    found = Config.model_json_schema()
    about = "what the file was written for; decides what keys mean that it leaves out"
    found["properties"][KEY] = {"type": "integer", "minimum": FIRST, "maximum": CURRENT, "description": about}
    print_json(found)
