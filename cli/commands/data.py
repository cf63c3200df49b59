"""gpunet data."""

from __future__ import annotations

from typing import Any

import click

from ..naming import translated
from ..options import is_assignment, json_option, print_json


@click.group()
def data() -> None:
    """Look at data sets."""


@data.command("ls")
def ls() -> None:
    """List the data sets that come with gpunet.

    \b
    gpunet data ls
    """
    from gpunet.datasets import available

    for name, line in available():
        click.echo(f"{name:12}{line}")


@data.command()
@click.argument("source")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--target", "--label", metavar="COLUMN", help="Target column of a table, by name or number.")
@json_option
def info(source: str, words: tuple[str, ...], target: str | None, as_json: bool) -> None:
    """Say what a data set is taken for, and what in it looks wrong.

    KEY=VALUE are those of the section data, as training takes them: delimiter=';', ignore=name, task=regression.

    \b
    gpunet data info digits
    gpunet data info flowers.csv --target species
    gpunet data info wine.csv delimiter=';' ignore=batch
    """
    from gpunet.api.reading import load_split
    from gpunet.data import abridged, duplicates, summarise

    config = asked(source, words, target)
    found, parts = load_split(config)
    summary = summarise(found, parts)
    warnings = list(summary.warnings)
    if double := duplicates(found, parts):
        samples = "1 sample" if double == 1 else f"{double:,} samples"
        warnings.append(
            f"{samples} of the validation and test parts {'is' if double == 1 else 'are'} in the training part as well"
        )
    document: dict[str, Any] = {
        "name": found.name,
        "samples": len(found.x),
        "input_shape": "x".join(map(str, found.input_shape)),
        "type": str(found.x.dtype),
        "range": [float(found.x.min()), float(found.x.max())],
        **summary.document,
        "parts": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "test_part": len(found.x) - found.test_from if found.test_from is not None else 0,
        "sha256": found.sha256,
        "notes": list(found.notes),
        "warnings": warnings,
    }
    if as_json:
        print_json(document)
        return
    click.echo(f"{'name':12}{found.name}")
    sizes = ", ".join(f"{count:,} {name}" for name, count in document["parts"].items())
    click.echo(f"{'samples':12}{len(found.x):,} ({sizes})")
    for word, line in summary.lines:
        click.echo(f"{word:12}{line}")
    click.echo(f"{'inputs':12}{document['input_shape']} of type {document['type']}")
    for line in abridged(found.notes):
        click.echo(f"{'note':12}{translated(line)}")
    for line in abridged(warnings):
        click.echo(f"{'warning':12}{translated(line)}")
    click.echo(f"{'sha256':12}{found.sha256}")


def asked(source: str, words: tuple[str, ...], target: str | None) -> Any:
    """The configuration of a source with the keys of ``data`` that were written, with or without their section."""
    from gpunet.config import load_config, parse_assignments
    from gpunet.errors import ConfigError

    for word in words:
        if not is_assignment(word):
            raise ConfigError("arguments", "must be KEY=VALUE behind the source", repr(word), "For example ignore=id")
    overrides = parse_assignments(words)
    if other := [key for key in overrides if not key.startswith("data.")]:
        raise ConfigError(other[0], "must be a key of the section data", None, "Leave it out")
    overrides["data.source"] = source
    if target is not None:
        overrides["data.target"] = int(target) if target.lstrip("-").isdigit() else target
    return load_config(None, overrides, {})
