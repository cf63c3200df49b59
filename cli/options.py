"""Options and outputs that several commands share."""

import functools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

import click

from gpunet.errors import ConfigError, printable

from . import completing
from .remarks import quiet_option, remark

device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]", help="Where to compute."
)
memory_option = click.option(
    "--memory", type=click.FloatRange(0, min_open=True), metavar="MB",
    help="Features beyond so many megabytes stream from their file; as in training by default.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@dataclass(frozen=True)
class Request:
    """What every command that trains is asked for.

    Attributes:
        words: the configuration and the keys that override it, as written.
        run: folder to write to, or None for the next free one.
        device: name of the device.
        dry_run: stop before the first step, with nothing written.
        as_json: report one JSON document.
        data: source of the data, where given.
        weights: file with the weights of its samples, where given.
        seed: where given.
        members: how many seeds in a row, where given.
    """

    words: tuple[str, ...]
    run: str | None
    device: str
    dry_run: bool
    as_json: bool
    data: str | None
    seed: int | None
    members: int | None
    weights: str | None = None

    def configuration(self, default: str, words: Sequence[str] | None = None) -> Any:
        """The configuration that is asked for, or that of some of the words; ``default`` is the preset without any."""
        return configuration(self.words if words is None else words, self.flags, default)

    @property
    def flags(self) -> dict[str, Any]:
        """Values by dotted key that options stand for, None where they were not given."""
        return {"data.source": self.data, "data.weights": self.weights, "seed": self.seed, "members": self.members}

    @property
    def place(self) -> str:
        """A folder beside those of the runs, for what is kept there."""
        return self.run or "runs/next"

    @property
    def written(self) -> dict[str, Any]:
        """Values by dotted key that were written as KEY=VALUE."""
        from gpunet.config import parse_assignments

        return parse_assignments(word for word in self.words if is_assignment(word))

    @property
    def names_file(self) -> bool:
        """Whether the configuration is a file, in which everything was chosen, and not a preset for other data."""
        from gpunet.config import is_file_name

        return any(is_file_name(word) for word in self.words if not is_assignment(word))

    @property
    def chooses_batch(self) -> bool:
        """Whether the batch was written by the user, in a file or as a key."""
        return self.names_file or "training.batch_size" in self.written


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options of every command that trains, which it gets as its first argument, a request."""

    @functools.wraps(command)
    def gathered(**given: Any) -> None:
        asked = Request(**{field.name: given.pop(field.name) for field in fields(Request)})
        command(asked, **given)

    for decorate in (
        json_option,
        quiet_option,
        click.option("--dry-run", is_flag=True, help="Check everything, say what would run, and stop."),
        click.option("--seeds", "members", type=click.IntRange(1), metavar="N", help="Train N seeds in a row at once."),
        click.option("--seed", type=int, metavar="N", help="Seed of weights, order and random decisions."),
        device_option,
        click.option("--run", metavar="FOLDER", help="Where to write; runs/<data>-<model>-<n> by default."),
        click.option("--weights", metavar="FILE", help="How much each sample counts: a number on each line, or .npy."),
        click.option("--data", metavar="SOURCE", help="digits, or a file or folder; stands for data.source=..."),
        click.argument(
            "words", nargs=-1, metavar="[CONFIG|PRESET] [DATA] [KEY=VALUE]...", shell_complete=completing.words
        ),
    ):
        gathered = decorate(gathered)
    return gathered


from_option = click.option(
    "--from",
    "source",
    metavar="CHECKPOINT",
    shell_complete=completing.runs,
    help="Take weights from the layers of a checkpoint or .safetensors.",
)

profile_option = click.option(
    "--profile",
    is_flag=True,
    help="Say where the time of a training step goes and what it could be at best, and stop; nothing is written.",
)

dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Train on the workers of a Dask cluster: tcp://HOST:PORT, or local:N for N workers here.",
)


def choose_device(name: str, told: bool = False) -> Any:
    """Resolve a device.

    Args:
        name: as it was asked for.
        told: say on stderr where ``auto`` took the CPU, as before hours of training.
    """
    from gpunet.backend import resolve_device

    device = resolve_device(name)
    if device.note and told:
        remark(device.note)
    return device


def is_assignment(word: str) -> bool:
    """Whether a word is KEY=VALUE; a path may hold an equals sign, but a key no slash."""
    return re.match(r"[\w.]+=", word) is not None


def is_data(word: str) -> bool:
    """Whether a word is the path of data: there or written as one, and neither a preset's name nor a TOML file."""
    from gpunet.config import is_file_name, preset_names
    from gpunet.paths import exists

    return (
        not is_file_name(word) and word not in preset_names() and (exists(word) or re.search(r"[./]", word) is not None)
    )


def configuration(words: Sequence[str], flags: dict[str, Any], default: str) -> Any:
    """The configuration of ``[CONFIG|PRESET] [DATA] [KEY=VALUE ...]`` with flags on top."""
    from gpunet.config import load_config

    source, overrides = named_source(words, flags, default)
    return load_config(source, overrides, note=remark)


def named_source(words: Sequence[str], flags: dict[str, Any], default: str) -> tuple[str, dict[str, Any]]:
    """What ``[CONFIG|PRESET] [DATA] [KEY=VALUE ...]`` names, and the values by dotted key on top of it.

    Raises:
        ConfigError: two of one, or an option that was written like a key.
    """
    from gpunet.config import parse_assignments

    named = [word for word in words if not is_assignment(word)]
    sources = [word for word in named if not is_data(word)]
    found = [word for word in named if is_data(word)]
    if (place := _bundled(sources, default)) is not None:
        found.append(sources.pop(place))
    if found:
        if len(found) > 1 or flags.get("data.source") is not None:
            received = " ".join([*found, *([flags["data.source"]] if flags.get("data.source") else [])])
            raise ConfigError("data", "must be one file or folder", received, "Leave all but one out")
        flags = flags | {"data.source": found[0]}
    if len(sources) > 1:
        raise ConfigError(
            "arguments", "must name one preset or TOML file", " ".join(sources), "Write options as KEY=VALUE"
        )
    overrides = parse_assignments(word for word in words if word not in named)
    _check_options(overrides)
    given = {key: value for key, value in flags.items() if value is not None}
    return sources[0] if sources else default, overrides | given


def _bundled(words: Sequence[str], default: str) -> int | None:
    """Which of the names of a configuration is that of data which come along, although a preset may have it too.

    Of two names the second one, else the first; a name alone where its preset is of another family than ``default``,
    which the command trains.
    """
    from gpunet.config import load_config, preset_names
    from gpunet.datasets.bundled import available

    names = [name for name, _ in available()]
    if len(words) == 2:
        return next((place for place in (1, 0) if words[place] in names), None)
    if len(words) != 1 or words[0] not in names:
        return None
    known = words[0] in preset_names()
    own = load_config(words[0], {}, {}).model.name if known else None
    return 0 if own != load_config(default, {}, {}).model.name else None


def _check_options(overrides: dict[str, Any]) -> None:
    """Refuse an option of the command that was written like a key."""
    from gpunet.config import is_key

    context = click.get_current_context(silent=True)
    options = {name for p in context.command.params for name in p.opts} if context is not None else set()
    for key, value in overrides.items():
        if f"--{key}" in options and not is_key(key):
            written = f"--{key}" if isinstance(value, bool) else f"--{key} {value}"
            raise ConfigError(key, "is an option of the command, and no key", None, f"Write {written}")


def program() -> str:
    """How the user can call this program again: by name where the shell finds it, else as a module or by its path."""
    if shutil.which("gpunet"):
        return "gpunet"
    if PurePath(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m gpunet.cli"
    near = os.path.relpath(sys.argv[0])
    return sys.argv[0] if near.startswith("..") else near


def print_json(document: Any) -> None:
    """One JSON document on stdout; numbers that are not finite become null."""
    from gpunet.plain import finite

    wide = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    text = json.dumps(finite(document), indent=2, ensure_ascii=not wide, allow_nan=False)
    click.echo("\n".join(map(printable, text.split("\n"))))  # texts may come out of a forged file


def decimals(value: float, digits: int = 4) -> str:
    """A number with so many decimals; with three significant digits where these would all be zeros, six of a million.

    >>> decimals(0.25), decimals(8.4e-18), decimals(0.0), decimals(59486524731.9)
    ('0.2500', '8.4e-18', '0.0000', '5.94865e+10')
    """
    if abs(value) >= 1e6:
        return f"{value:.6g}"
    return f"{value:.3g}" if 0 < abs(value) < 0.5 * 10.0**-digits else f"{value:.{digits}f}"


def spread(values: Sequence[float], percent: bool = False) -> str:
    """A mean, with the spread over members where there are several.

    >>> spread([0.015, 0.017], percent=True)
    '1.60 % ± 0.14 over 2 members'
    """
    import statistics

    def written(value: float) -> str:
        return f"{100 * value:.2f}" if percent else decimals(value)

    mean = f"{written(statistics.mean(values))}{' %' if percent else ''}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {written(statistics.stdev(values))} over {len(values)} members"
