"""The group of commands, and what happens to errors.

Nothing is loaded before a command needs it, so that ``gpunet --help`` answers at once.
"""

from __future__ import annotations

import errno
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gpunet import __version__
from gpunet.errors import DivergedError, GpunetError, GpunetWarning, Interrupted, OutputClosed, meant, printable

from .commands import SECTIONS, SUMMARIES, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from .memory import Exhausted

UNLOADED = ("failed to map segment", "annot allocate memory")  # what the system says of a library it has no room for


class Application(click.Group):
    """Turns errors into one line and an exit code, and helps with misspelled commands."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command; a traceback is only ever shown for a defect of gpunet."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
            sys.stdout.flush()  # what cannot be written is found here at the latest
        except click.ClickException as error:
            error = _as_key(error) if isinstance(error, click.NoSuchOption) else error
            error.show()
            code = error.exit_code
        except click.Abort as error:  # what click makes of an interrupt
            code = _tell(_stopped(error.__cause__, "gpunet"))
        except OutputClosed as error:
            code = _tell(error) if error.remedy else error.exit_code  # programs fall silent when nobody listens
        except GpunetError as error:
            code = _tell(error)
        except (MemoryError, OSError, ImportError) as error:
            if (exhausted := _exhausted(error)) is None:
                raise
            code = _tell(exhausted)
        sys.exit(code or 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Name the command that a signal stopped."""
        from .memory import claim_memory

        try:
            claim_memory()
            with warnings.catch_warnings():
                warnings.showwarning = _one_line(warnings.showwarning)
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _stopped(error, ctx.invoked_subcommand or "gpunet") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, loaded now."""
        return load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for the help, by section."""
        widest = max(map(len, SUMMARIES))
        for section, summaries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(widest), summary) for name, summary in summaries.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest the command that was meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"{name!r} is no command. {meant(name, self.list_commands(ctx), 'See gpunet --help.')}")
        return super().resolve_command(ctx, args)


def _tell(error: GpunetError) -> int:
    """Say what is wrong; what a file or a path holds must not steer the terminal."""
    from .guidance import DIVERGED
    from .memory import Exhausted
    from .naming import explained

    said = str(error) if isinstance(error, Exhausted) else explained(error)
    said += f" See {DIVERGED}." if isinstance(error, DivergedError) else ""
    for line in said.split("\n"):
        click.echo(f"gpunet: {printable(line)}", err=True)
    return error.exit_code


def _one_line(otherwise: Callable[..., None]) -> Callable[..., None]:
    """What shows warnings, those of gpunet in one line."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, GpunetWarning):
            click.echo(f"gpunet: {printable(str(message))}", err=True)
        else:
            otherwise(message, category, *place, **more)

    return show


def _as_key(error: click.NoSuchOption) -> click.UsageError:
    """How to write a key of the configuration that was written like an option; other errors stay as they are."""
    from gpunet.config import full_key, is_key

    key = full_key(error.option_name.lstrip("-").replace("-", "_"))
    takes_keys = error.ctx is not None and any(parameter.name == "words" for parameter in error.ctx.command.params)
    if not (takes_keys and is_key(key)):
        return error
    return click.UsageError(f"No such option: {error.option_name}. Keys have no dashes: write {key}=VALUE.", error.ctx)


def _stopped(interrupt: BaseException | None, command: str) -> Interrupted:
    """The error of a command that a signal ended where there was nothing to save."""
    name = interrupt.args[0] if interrupt is not None and interrupt.args else "SIGINT"
    return Interrupted(command, f"was stopped by {name}")


def _exhausted(error: Exception) -> Exhausted | None:
    """What the machine ran out of, where that is what an error is about."""
    from .memory import Exhausted

    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return Exhausted("open files", "must be within the limit", error.strerror, "Raise it, as with ulimit -n")
    words = str(error)
    if isinstance(error, ImportError) and not any(sign in words for sign in UNLOADED):
        return None
    if isinstance(error, OSError) and error.errno != errno.ENOMEM:
        return None
    remedy = "Free some, raise its limit as with ulimit -v, or use smaller batches"
    return Exhausted("memory", "must suffice", words.splitlines()[0][:200] if words else "too little", remedy)


@click.group(cls=Application, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gpunet")
def main() -> None:
    """Train neural networks from the command line, on a CUDA GPU or on the CPU.

    \b
    gpunet train mlp                          train on the bundled digits
    gpunet train mlp --data mnist/ --seeds 3  three seeds at once, on your own files
    gpunet resume runs/digits-mlp-1           go on after an interruption, or for more epochs
    gpunet inspect runs/digits-mlp-1          look into the checkpoint

    \b
    Words are completed by the shell with, in its start-up file:
    eval "$(_GPUNET_COMPLETE=bash_source gpunet)"            bash
    eval "$(_GPUNET_COMPLETE=zsh_source gpunet)"             zsh
    _GPUNET_COMPLETE=fish_source gpunet | source             fish
    """
