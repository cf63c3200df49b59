"""Every command with its words, options and examples, as click knows them; exit codes and presets."""

import inspect
import re
from collections.abc import Iterator

import click

from gpunet import errors
from gpunet.cli import main
from gpunet.cli.commands import SECTIONS, load
from gpunet.config import load_config, preset_names, preset_path

from .markdown import code, escaped, joined, marked, table

PROGRAM = "gpunet"


def all_commands() -> str:
    """The commands under the headings of ``gpunet --help``."""
    blocks = []
    for section, summaries in SECTIONS.items():
        blocks.append(f"## {section}")
        for name in summaries:
            command = load(name)
            assert command is not None
            context = click.Context(command, info_name=name, parent=click.Context(main, info_name=PROGRAM))
            blocks += _entry(command, context, 3)
    return joined(*blocks)


def _entry(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield from _described(inspect.cleandoc(command.help or ""))
    yield _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _entry(inner, click.Context(inner, info_name=name, parent=context), level + 1)


def _described(text: str) -> Iterator[str]:
    """The paragraphs of a help; those that keep their lines are examples."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        keeps = paragraph.startswith("\b\n")
        yield f"```sh\n{paragraph.removeprefix(chr(8)).strip()}\n```" if keeps else escaped(paragraph)


def _options(command: click.Command, context: click.Context) -> str:
    rows = []
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and not parameter.hidden and "--help" not in parameter.opts:
            record = parameter.get_help_record(context)
            assert record is not None
            said, beside = re.fullmatch(r"(.*?)\s*(?:\[([^\[\]]*)\])?", record[1], re.DOTALL).groups("")
            marks = [mark.strip() for mark in beside.split(";")]
            default = next((mark.removeprefix("default: ") for mark in marks if mark.startswith("default: ")), "")
            bounds = "".join(f" ({mark})" for mark in marks if "x<" in mark or "x>" in mark)
            rows.append((code(record[0]), escaped(said + bounds), code(default)))
    return table(("option", "meaning", "default"), rows)


def exit_codes() -> str:
    """The codes of :mod:`gpunet.errors`, with the class that has each."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GpunetError)]
    rows: dict[int, list[type]] = {}
    for kind in kinds:
        rows.setdefault(kind.exit_code, []).append(kind)
    return table(
        ("code", "error", "meaning"),
        [
            (str(number), ", ".join(f"`{kind.__name__}`" for kind in found), marked(_first(found[0])))
            for number, found in sorted(rows.items())
        ],
    )


def presets() -> str:
    """Each preset with its first line, what it trains, and the command that does."""
    rows = []
    for name in preset_names():
        about = re.match(r"(?:# .*\n)+", preset_path(name).read_text(encoding="utf-8"))
        said = " ".join(line.removeprefix("#").strip() for line in (about[0] if about else "").splitlines())
        config = load_config(name)
        rows.append((f"`{name}`", f"`gpunet {config.model.command} {name}`", f"`{config.model.name}`", escaped(said)))
    return table(("preset", "command", "model", "what it is"), rows)


def _first(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
