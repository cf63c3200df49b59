"""gpunet presets."""

import click

from gpunet.errors import ConfigError

from .. import completing


@click.group(invoke_without_command=True)
@click.pass_context
def presets(context: click.Context) -> None:
    """Ready configurations to use, copy and change; alone, it lists them."""
    if context.invoked_subcommand is None:
        _list()


@presets.command("ls")
def ls() -> None:
    """List the presets with what they are.

    \b
    gpunet presets ls
    """
    _list()


def _list() -> None:
    from gpunet.config import preset_names, preset_path

    wide = max(map(len, preset_names()))
    for name in preset_names():
        first = preset_path(name).read_text(encoding="utf-8").splitlines()[0]
        click.echo(f"{name:{wide}}  {first.removeprefix('# ')}")


@presets.command()
@click.argument("name", shell_complete=completing.presets)
@click.argument("target", required=False)
def copy(name: str, target: str | None) -> None:
    """Copy a preset to a TOML file of your own; <NAME>.toml by default.

    \b
    gpunet presets copy mlp my.toml
    """
    from pathlib import Path

    from gpunet.config import preset_path
    from gpunet.config.migration import version_line
    from gpunet.writing import replacing

    first, _, rest = preset_path(name).read_text(encoding="utf-8").partition("\n")
    text, path = f"{first}\n{version_line()}\n{rest}", Path(target or f"{name}.toml")
    if path.suffix != ".toml":
        raise ConfigError(str(path), "must end in .toml", path.suffix or "no ending", f"For example {path.stem}.toml")
    try:
        with replacing(path, fresh=True) as file:
            file.write(text.encode())
    except FileExistsError:
        raise ConfigError(str(path), "must not exist yet", "a file", "Choose another name") from None
    click.echo(f"Wrote {path}. Train it with: gpunet train {path}")
