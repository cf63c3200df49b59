"""What the recipes share: the program run as a user runs it, and results written down."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from timing import RESULTS, machine


def gpunet(*words: Any) -> dict[str, Any]:
    """Run a command in a process of its own, progress on stderr; return the JSON document that it prints."""
    command = [sys.executable, "-m", "gpunet.cli", *map(str, words), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def remembered(path: Path, *words: Any) -> dict[str, Any]:
    """The same, kept in a file: a command that was run before is not repeated, so a recipe may be stopped and go on."""
    if not path.exists():
        document = gpunet(*words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    return json.loads(path.read_text())


def write_result(name: str, title: str, command: str, text: str, save: bool) -> None:
    """Print a result under its title, command, date and machine; ``save`` writes it to results/ as Markdown."""
    page = f"# {title}\n\n`{command}`, {date.today()}\n\n{machine()}\n\n{text}\n"
    print(page)
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page)
