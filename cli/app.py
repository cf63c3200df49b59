"""The group of commands, and what happens to errors.

Modules of commands import nothing heavy before they run, so that ``gpunet --help`` answers at once.
"""

import sys
from contextlib import suppress
from typing import Any

import click

from gpunet import __version__
from gpunet.errors import GpunetError, meant, printable
from gpunet.interruption import BROKEN_PIPE

from .commands.compare import compare
from .commands.config import config
from .commands.data import data
from .commands.doctor import doctor
from .commands.evaluate import evaluate
from .commands.gradcheck import gradcheck
from .commands.inspect import inspect
from .commands.likelihood import likelihood
from .commands.predict import predict
from .commands.presets import presets
from .commands.pretrain import pretrain
from .commands.report import report
from .commands.resume import resume
from .commands.sample import sample
from .commands.train import train
from .commands.verify import verify
from .naming import explained


class Application(click.Group):
    """Turns the project's errors into one line and an exit code, and helps with misspelled commands."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a traceback is only ever shown for a defect of gpunet."""
        try:
            return super().invoke(ctx)
        except GpunetError as error:
            with suppress(OSError):  # whoever read it has left, which changes nothing about the exit code
                for line in explained(error).split("\n"):  # what a file or a path holds must not steer the terminal
                    click.echo(f"gpunet: {printable(line)}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()  # keeps the interpreter from complaining about the pipe as it exits
            ctx.exit(BROKEN_PIPE)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest the command that was meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"{name!r} is no command. {meant(name, self.list_commands(ctx), 'See gpunet --help.')}")
        return super().resolve_command(ctx, args)


@click.group(cls=Application, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gpunet")
def main() -> None:
    """Train neural networks from the command line, on a CUDA GPU or on the CPU.

    \b
    gpunet train mlp                          train on the bundled digits
    gpunet train mlp --data mnist/ --seeds 3  three seeds at once, on your own files
    gpunet resume runs/mlp-1                  go on after an interruption, or for more epochs
    gpunet inspect runs/mlp-1/best.h5         look into the checkpoint
    """


COMMANDS = (
    train, pretrain, compare, resume, evaluate, predict, sample, likelihood, inspect, verify, report, gradcheck,
    config, presets, data, doctor,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
