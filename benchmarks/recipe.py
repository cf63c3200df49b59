"""What the recipes share: the program run as a user runs it, and results written down."""

import json
import subprocess
import sys
from datetime import date
from typing import Any

from timing import RESULTS, machine


def gpunet(*words: Any) -> dict[str, Any]:
    """Run a command in a process of its own, progress on stderr; return the JSON document that it prints."""
    command = [sys.executable, "-m", "gpunet.cli", *map(str, words), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def write_result(name: str, title: str, command: str, text: str, save: bool) -> None:
    """Print a result under its title, command, date and machine; ``save`` writes it to results/ as Markdown."""
    page = f"# {title}\n\n`{command}`, {date.today()}\n\n{machine()}\n\n{text}\n"
    print(page)
    if save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page)
