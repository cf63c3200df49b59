"""What the recipes share: the program run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


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
