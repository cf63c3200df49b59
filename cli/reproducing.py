"""The commands of a recipe, one after the other, each in a process of its own; what is finished is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpunet.errors import GpunetError
from gpunet.persistence import LAST
from gpunet.writing import make_folder, replace_file

from .remarks import remark

TRAINS = ("train", "pretrain")  # whose folders can be gone on with
HOST = ("data",)  # which compute on no device


@dataclass
class Commands:
    """Runs the steps of a recipe in a folder.

    Args:
        folder: of all steps; one that holds some already is gone on with.
        device: of all commands.

    Attributes:
        lines: the commands, as one would type them.
        seconds: that their steps took, also before.
    """

    folder: Path
    device: str
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __call__(self, name: str, *words: Any, folder: bool = True) -> dict[str, Any]:
        """The JSON document of a command, which is not run again where a document of that name is there.

        Raises:
            GpunetError: the command has failed; its own message stands before.
        """
        kept = self.folder / f"{name}.json"
        typed = [str(word) for word in words]
        if not kept.exists():
            make_folder(self.folder)
            document, seconds = self._run(name, typed, folder)
            content = {"words": typed, "seconds": seconds, "document": document}
            replace_file(kept, [json.dumps(content).encode()])
        found = json.loads(kept.read_text())
        self.seconds += found["seconds"]
        self.lines.append(" ".join(["gpunet", *found["words"]]))
        return dict(found["document"])

    def path(self, name: str) -> str:
        """The folder of a step's run."""
        return str(self.folder / name)

    def _run(self, name: str, words: list[str], folder: bool) -> tuple[Any, float]:
        place = Path(self.path(name))
        if folder and words[0] in TRAINS and (place / LAST).exists():
            words = ["resume", str(place)]
        elif folder:
            words = [*words, "--run", str(place)]
        remark(f"gpunet {' '.join(words)}")
        began = time.monotonic()
        device = [] if words[0] in HOST else ["--device", self.device]
        command = [sys.executable, "-m", "gpunet.cli", *words, *device, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            remedy = "Mend what it says above and call repro again: what is finished is not run again"
            error = GpunetError(f"step {name}", "must end well", f"exit code {done.returncode}", remedy)
            error.exit_code = done.returncode
            raise error
        return json.loads(done.stdout), time.monotonic() - began
