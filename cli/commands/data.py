"""gpunet data."""

from __future__ import annotations

from typing import Any

import click

from ..naming import translated
from ..options import is_assignment, json_option, print_json


@click.group()
def data() -> None:
    """Look at data sets, and draw some."""


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
    from gpunet.data import abridged, duplicates, extent, summarise

    config = asked(source, words, target)
    found, parts = load_split(config)
    summary = summarise(found, parts)
    warnings = list(summary.warnings)
    if double := duplicates(found, parts):
        samples = "1 sample" if double == 1 else f"{double:,} samples"
        warnings.append(
            f"{samples} of the validation and test parts {'is' if double == 1 else 'are'} in the training part as well"
        )
    span = extent(found.x)
    document: dict[str, Any] = {
        "name": found.name,
        "samples": len(found.x),
        "input_shape": "x".join(map(str, found.input_shape)),
        "type": str(found.x.dtype),
        "range": [span.low, span.high],
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


@data.command()
@click.argument("name", metavar="NAME")
@click.option("-o", "output", metavar="FILE", help="An .npz file; NAME.npz by default.")
@click.option("--train", type=click.IntRange(1), metavar="N", help="Images to train and validate; the paper's number.")
@click.option("--test", type=click.IntRange(1), metavar="N", help="Images of the test part; the paper's number.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of all that is drawn.")
@click.option("--data", "source", metavar="SOURCE", help="Digits to turn or to put on noise, such as MNIST's folder.")
@json_option
def make(
    name: str, output: str | None, train: int | None, test: int | None, seed: int, source: str | None, as_json: bool
) -> None:
    """Draw one of the data sets of Larochelle et al. 2007: rectangles, convex, rotated or background.

    Rectangles are higher or wider; convex regions and others; digits of --data turned by any angle, or on random grey
    levels. As many images as in the paper by default, or as there are digits; no digit comes twice. The file holds
    x_train, y_train, x_test and y_test, which training takes as they are, test part included.

    \b
    gpunet data make rectangles
    gpunet data make convex --train 2000 --test 2000 -o convex.npz
    gpunet data make rotated --data path/to/mnist
    gpunet train mlp --data rectangles.npz
    """
    from pathlib import Path

    import numpy as np

    from gpunet.data.drawn import DRAWINGS, drawn
    from gpunet.errors import ConfigError, meant

    from ..output import Output

    if name not in DRAWINGS:
        raise ConfigError(
            "NAME", f"must be {', '.join(DRAWINGS)}", repr(name), meant(name, list(DRAWINGS), "Choose one")
        )
    file = Output("-o", Path(output or f"{name}.npz"), [".npz"], [source])
    found: dict[str, Any] = drawn(name, train, test, seed, _digits(name, source, DRAWINGS[name].of_digits))
    with file.opened() as opened:
        np.savez_compressed(opened, **found)
    sizes = {part: len(found[f"y_{part}"]) for part in ("train", "test")}
    shape = "x".join(map(str, found["x_train"].shape[1:]))
    if as_json:
        print_json({"output": str(file.path), "name": name, "shape": shape, "seed": seed, **sizes})
        return
    click.echo(f"{DRAWINGS[name].about}: {sizes['train']:,} to train, {sizes['test']:,} to test, {shape}: {file.path}")


def _digits(name: str, source: str | None, wanted: bool) -> Any:
    """Images and classes of digits out of a data set."""
    import numpy as np

    from gpunet.datasets import load
    from gpunet.errors import ConfigError, DataError

    if not wanted:
        if source is not None:
            raise ConfigError("--data", "belongs to rotated and background", name, "Leave it out")
        return None
    if source is None:
        rule, remedy = "must name digits", "Add --data path/to/mnist, or --data digits for those of 8x8 that come along"
        raise ConfigError("--data", rule, "nothing", remedy)
    found = load(source)
    if found.x.ndim != 3 or not found.classes:
        shape = "x".join(map(str, found.x.shape[1:]))
        raise DataError(source, "must be grey images with classes", f"samples of shape {shape}", "Name such images")
    # Digits of fewer grey levels are brought to those of 8 bits.
    x = np.rint(found.x / found.scale * 255).astype(np.uint8) if found.scale != 255 else found.x
    return x, np.array([int(c) if c.isdigit() else i for i, c in enumerate(found.classes)])[found.y]


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
