"""What the shell offers when a word is completed: presets and keys, runs, and files.

Nothing is loaded for presets and runs; keys load the configuration, once a word has begun.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

RUNS = Path("runs")


def presets(context: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Names of presets."""
    import gpunet

    folder = Path(gpunet.__file__).parent / "config/presets"
    names = sorted(path.stem for path in folder.glob("*.toml") if path.stem.startswith(incomplete))
    return [CompletionItem(name) for name in names]


def runs(context: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Folders of runs, and files."""
    found = sorted(path for path in RUNS.glob("*") if (path / "best.h5").is_file() or (path / "last.h5").is_file())
    items = [CompletionItem(str(path)) for path in found if str(path).startswith(incomplete)]
    return [*items, CompletionItem(incomplete, type="file")]


def words(context: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Presets, keys once a word has begun, and files of configurations and data."""
    items = presets(context, parameter, incomplete)
    return [*items, *_keys(incomplete), CompletionItem(incomplete, type="file")]


def keys(context: click.Context, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Keys, once a word has begun."""
    return _keys(incomplete)


def _keys(incomplete: str) -> list[CompletionItem]:
    """Short keys, and dotted ones below what stands there, each with an equals sign behind it."""
    if not incomplete.replace(".", "").isidentifier():
        return []
    from gpunet.config import dotted_keys, short_keys

    named = dotted_keys() if "." in incomplete else [*short_keys(), "lr", "seed", "members"]
    return [CompletionItem(f"{key}=") for key in sorted(named) if key.startswith(incomplete)]
