"""The commands of a recipe, one after the other, each in a process of its own; what is finished is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpunet.errors import ConfigError, GpunetError
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
            ConfigError: the folder holds a step of that name with other words, as an older recipe had them.
            GpunetError: the command has failed; its own message stands before.
        """
        kept, begun = self.folder / f"{name}.json", self.folder / f"{name}.begun.json"
        typed = [str(word) for word in words]
        for path, matters in ((kept, True), (begun, folder and (self.folder / name / LAST).exists())):
            if matters and path.exists():
                self._check(name, typed, json.loads(path.read_text())["words"])
        if not kept.exists():
            make_folder(self.folder)
            replace_file(begun, [json.dumps({"words": typed}).encode()])
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

    def _check(self, name: str, words: list[str], before: list[str]) -> None:
        """Refuse results of another command; where files lie does not matter.

        Raises:
            ConfigError: other words.
        """
        now, then = _without_places(words), _without_places(before)
        if now != then:
            other = next((two for one, two in zip(now, then) if one != two), f"{len(then)} words")
            rule, remedy = "must have been run with the words of this recipe", "Choose another --folder, or remove it"
            raise ConfigError(f"{self.folder}: step {name}", rule, other, remedy)

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


def _without_places(words: list[str]) -> list[str]:
    """Words of a command without the folders that its files lie in.

    >>> _without_places(["train", "--data", "runs/a.npz", "--from", "x/dbm", "training.epochs=3"])
    ['train', '--data', '--from', 'dbm', 'training.epochs=3']
    """
    kept = [word for before, word in zip(["", *words], words) if before != "--data"]
    return [word.rsplit("/", 1)[-1] for word in kept]
