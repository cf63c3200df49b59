"""The examples of pages in Markdown, run in the order in which they stand, each page in a folder of its own.

- ``python``: runs; a block without a language right behind it, or behind the word "prints", is what it prints.
- ``console``: a transcript. Lines after ``$ `` are commands; what follows is what they print on both streams, in which
  ``...`` stands for lines that were left out.
- ``toml`` that begins with ``# NAME.toml``: a file that later examples read. Other TOML is read.
- ``sh``, and blocks without a language that begin with ``gpunet``: not run; commands, options and keys must exist.

Hashes and times may differ from one machine to another, numbers with a decimal point and the number of effective runs,
which is rounded, by a half, other whole numbers not at all.
"""

import contextlib
import io
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

from forking import SERVER
from gpunet.cli import main
from gpunet.cli.options import is_assignment, named_source
from gpunet.config import load_config, parse_assignments, preset_names

FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"([-+]?\d+\.\d+(?:e[-+]?\d+)?)")
TIME = re.compile(r" m?s\b")
OTHER_KEYS = ("tune.", "search.", "space.")  # of commands that have keys of their own beside the configuration


@dataclass(frozen=True)
class Block:
    """One block of code: its language, text, line, and what stands between it and the block before."""

    language: str
    text: str
    line: int
    between: str


def blocks(page):
    """The blocks of a page, in order."""
    found, end = [], 0
    for match in FENCE.finditer(page):
        between = page[end : match.start()].strip()
        found.append(Block(match[1], match[2], page[: match.start()].count("\n") + 2, between))
        end = match.end()
    return found


def run(page, name, folder):
    """Run the examples of a page in a folder that is the present one."""
    names = {"__name__": name}
    found = blocks(page)
    for number, block in enumerate(found):
        where = f"{name}, line {block.line}"
        if block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), names)
            after = found[number + 1] if number + 1 < len(found) else None
            if after is not None and not after.language and after.between in ("", "prints"):
                compare(after.text, out.getvalue(), where)
        elif block.language == "console":
            for command, printed in transcript(block.text):
                compare(printed, command_output(command, folder, where), f"{where}: {command}")
        elif block.language == "toml":
            tomllib.loads(block.text)
            if file := re.match(r"# ([\w-]+\.toml)\n", block.text):
                (folder / file[1]).write_text(block.text)
        elif block.language == "sh" or (not block.language and block.text.startswith("gpunet ")):
            for line in block.text.splitlines():
                for part in line.partition(" #")[0].split(" && "):
                    check_command(part, where)


def transcript(text):
    """(command, what it prints) of a transcript."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert not parts[0].strip(), "a transcript begins with $"
    return list(zip(parts[1::2], parts[2::2]))


def command_output(command, folder, where):
    """What a command prints on both streams, in its order."""
    program, *words = shlex.split(command)
    if program == "cat":
        return "".join((folder / word).read_text() for word in words)
    if program == "ls":
        return "  ".join(sorted(path.name for path in (folder / words[0]).iterdir())) + "\n"
    assert program == "gpunet", where
    return SERVER.run({"words": words, "err": "joined"}, folder)[1]


def compare(expected, got, where):
    """Fail where a text is not what was expected, up to what machines differ in."""
    pattern, numbers = "", []
    for line in normal(expected):
        if line == "...":
            pattern += "(?:.*\n)*?"  # whatever was left out is as short as it can be
            continue
        parts = NUMBER.split(line)
        pattern += f"({NUMBER.pattern[1:-1]})".join(map(re.escape, parts[::2])) + "\n"
        numbers += [(value, TIME.match(after) is not None) for value, after in zip(parts[1::2], parts[2::2])]
    found = re.fullmatch(pattern, "".join(f"{line}\n" for line in normal(got)))
    if not found:
        raise AssertionError(f"{where} prints\n\n{got}\ninstead of\n\n{expected}")
    for (wanted, is_time), value in zip(numbers, found.groups(), strict=True):
        if not is_time:
            near = abs(float(wanted) - float(value)) <= max(abs(float(wanted)), abs(float(value))) / 2 + 0.02
            assert near, f"{where} prints {value} instead of {wanted}"


def normal(text):
    """Lines without what machines differ in: hashes, dates, widths of columns, a missing GPU."""
    found = []
    for line in text.splitlines():
        if line.startswith("Running on the CPU with NumPy"):
            continue
        line = re.sub(r"\d{4}-\d\d-\d\dT[\d:+.]+", "TIME", line)
        line = re.sub(r"\b[0-9a-f]{12,}\b", "HASH", line)
        line = re.sub(r"\b(\d+) effective runs", r"\1.0 effective runs", line)  # an estimate, like numbers with a point
        line = re.sub(r"text of [\d,]+ bytes", "text", line)  # as long as versions and keys make it
        line = re.sub(r"[─-]{3,}", "---", line)
        if line := " ".join(line.split()):
            found.append(line)
    return found


def check_command(line, where):
    """Command, options and keys of a line must exist; what a line is piped to, or goes into, is left out."""
    words = shlex.split(re.split(r" [|>] ", line)[0])
    if not words or words[0] != "gpunet":
        return
    command, context = main, click.Context(main, info_name="gpunet")
    words = words[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command, name = command.get_command(context, words[0]), words[0]
        assert command is not None, f"{where}: no command {name}"
        words = words[1:]
        if not isinstance(command, click.Group):
            context = command.make_context(name, list(words), parent=context)
        else:
            context = click.Context(command, info_name=name, parent=context)
    given = context.params.get("words", ())
    overrides = [word for word in given if is_assignment(word)]
    own = [word for word in overrides if not word.startswith(OTHER_KEYS)]
    plain = [word for word in given if word in preset_names()]
    if own or plain:
        source, _ = named_source([*plain, *own], {}, "mlp")
        load_config(source if plain else None, parse_assignments(own))


def pictures(page):
    """The pictures that a page shows, by path from the page."""
    return [Path(found) for found in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page)]
