"""gpunet config."""

import click

from .options import configuration

WORDS = click.argument("words", nargs=-1, metavar="[CONFIG|PRESET] [KEY=VALUE]...")


@click.group()
def config() -> None:
    """Show and check configurations."""


@config.command()
@WORDS
def show(words: tuple[str, ...]) -> None:
    """Print the whole configuration as TOML, defaults filled in.

    \b
    gpunet config show mlp training.epochs=5
    """
    from .folder import dump

    click.echo(dump(configuration(words, {}, "mlp")), nl=False)


@config.command()
@WORDS
def check(words: tuple[str, ...]) -> None:
    """Check a configuration and name all that is wrong at once.

    \b
    gpunet config check my.toml
    """
    checked = configuration(words, {}, "mlp")
    click.echo(f"{checked.name}: good")


@config.command()
def schema() -> None:
    """Print the JSON schema of all configurations, for editors.

    \b
    gpunet config schema > gpunet.schema.json
    """
    from gpunet.config import Config

    from .options import print_json

    print_json(Config.model_json_schema())
