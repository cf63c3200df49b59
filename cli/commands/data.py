"""gpunet data."""

import click

from ..options import json_option, print_json


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
@click.option("--label", metavar="COLUMN", help="Label column of a table, by name or number.")
@json_option
def info(source: str, label: str | None, as_json: bool) -> None:
    """Check a data set and say what is in it.

    \b
    gpunet data info digits
    gpunet data info flowers.csv --label species
    """
    import numpy as np

    from gpunet.datasets import load

    numbered = int(label) if label is not None and label.lstrip("-").isdigit() else label
    found = load(source, label=numbered)
    document = {
        "name": found.name,
        "samples": len(found.x),
        "input_shape": "x".join(map(str, found.input_shape)),
        "type": str(found.x.dtype),
        "range": [float(found.x.min()), float(found.x.max())],
        "task": "classification" if found.classes else "regression",
        "classes": dict(zip(found.classes, np.bincount(found.y).tolist())) if found.classes else {},
        "test_part": len(found.x) - found.test_from if found.test_from is not None else 0,
        "sha256": found.sha256,
        "notes": list(found.notes),
    }
    if as_json:
        print_json(document)
        return
    for key, value in document.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name}: {count:,}" for name, count in list(value.items())[:20])
        elif isinstance(value, list):
            value = "; ".join(map(str, value)) if key == "notes" else " to ".join(f"{v:g}" for v in value)
        if value not in ("", 0):
            click.echo(f"{key.replace('_', ' '):12} {value}")
