"""Kills training at random instants: each time it goes on from its last acknowledged save and ends in the same hash.

Runs of several kinds are killed with SIGKILL, a third of them shortly after a SIGTERM that asks for a save inside an
epoch, and resumed until they end.  A save is acknowledged through a pipe once the call that wrote it has returned.

    python benchmarks/training_crash.py --kills 1000 --save
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # forking wants one thread

import importlib
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checkpoint_fuzz import forked_walk
from page import result, saving

from gpunet.checkpoint import Group, index, read
from gpunet.cli.app import main as program
from gpunet.persistence import LAST, RunFolder, newest

# What the program imports when it needs it; imported here once, it need not be in each of the processes.
WARM = ("gpunet.datasets", "gpunet.training", "h5py", "rich.progress", "tomli_w", "gpunet.cli.progress")

KINDS = {
    "softmax regression": ["train", "linear", "epochs=20"],
    "mlp, dropout, Adam, two seeds": ["train", "digits", "model.hidden=[16]", "epochs=8", "--seeds", "2"],
    "machine, persistent chains": ["pretrain", "rbm", "model.hidden=16", "model.chains=20", "epochs=8"],
    "stack of two layers": ["pretrain", "dbn", "model.hidden=[12,8]", "epochs=5"],
}


@dataclass
class Ended:
    """How a process ended: its exit code, or the signal as a negative number; the step of its last known save."""

    code: int
    saved: int


def run(folder: Path, arguments: list[str], kill_after: float = 1e9, ask_first: float = 0.0) -> Ended:
    """Run the program in a process of its own and kill it, where told with a SIGTERM so many seconds before."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            code = _run_here(folder, arguments, writing)
        finally:
            os._exit(code)
    os.close(writing)
    began = time.monotonic()
    ended = _wait(child, kill_after)
    if ended is None and ask_first:
        os.kill(child, signal.SIGTERM)
        ended = _wait(child, ask_first)
    if ended is None:
        os.kill(child, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert time.monotonic() - began < 300, "it hung"
    with os.fdopen(reading) as acknowledged:
        steps = [int(line) for line in acknowledged]
    return Ended(ended, max(steps, default=-1))


def _run_here(folder: Path, arguments: list[str], writing: int) -> int:
    os.chdir(folder.parent)
    errors = os.open(folder.parent / "errors.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(errors, 2)
    original = RunFolder.write

    def write(self: RunFolder, name: str, content: Group) -> None:
        original(self, name, content)
        if name == LAST:
            os.write(writing, f"{_progress(content)}\n".encode())

    RunFolder.write = write  # type: ignore[method-assign]
    try:
        program([*arguments, "--device", "cpu"])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _progress(content: Any) -> int:
    """Finished layers and steps as one number that only grows."""
    layers = len(content["pretraining"].children) if "pretraining" in content else 0
    return layers * 1_000_000 + int(content.attrs["step"])


def _wait(child: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(0.0005, left))
    return None


def hashes(folder: Path) -> list[str]:
    """Content of both checkpoints of a finished run; reading verifies them."""
    return [read(folder / name).content_sha256 for name in ("best.h5", LAST)]


def soak(base: Path, kills: int, rng: random.Random) -> Counter[str]:
    """Kill and resume until so many processes were killed and the last run has come to its end."""
    outcomes: Counter[str] = Counter()
    expected, seconds = {}, {}
    for number, (kind, arguments) in enumerate(KINDS.items()):
        began = time.monotonic()
        assert run(base / f"whole-{number}", [*arguments, "--run", f"whole-{number}"]).code == 0
        expected[kind], seconds[kind] = hashes(base / f"whole-{number}"), time.monotonic() - began
    while outcomes["kills"] < kills:
        kind = rng.choice(list(KINDS))
        _one_run(base / "killed", kind, expected[kind], seconds[kind], rng, outcomes)
    return outcomes


def _one_run(
    folder: Path, kind: str, expected: list[str], seconds: float, rng: random.Random, outcomes: Counter[str]
) -> None:
    saved = -1
    while True:
        begun = (folder / LAST).exists()
        if not begun:
            assert saved < 0, f"{kind}: nothing is there, though {saved} was saved"
        words = ["resume", folder.name] if begun else [*KINDS[kind], "--run", folder.name]
        ask = rng.uniform(0, 0.3) if rng.random() < 1 / 3 else 0.0
        ended = run(folder, words, rng.uniform(0, seconds), ask)
        saved = max(saved, ended.saved)
        # Until training begins, a SIGTERM ends a process as it ends any other.
        assert ended.code in (0, 130, -signal.SIGKILL, -signal.SIGTERM), (
            f"{kind}: ended with {ended.code}: {(folder.parent / 'errors.txt').read_text()}"
        )
        if ended.code == 0:
            break
        outcomes["kills"] += ended.code == -signal.SIGKILL
        outcomes["stops"] += ended.code == 130
        outcomes["too early"] += ended.code == -signal.SIGTERM
        if folder.exists():
            outcomes["in a save"] += any(path.suffix == ".tmp" for path in folder.iterdir())
        if (folder / LAST).exists():
            found, damage = newest(folder, diverged=True)
            assert not damage, f"{kind}: {damage}"
            assert _progress(found.root) >= saved, f"{kind}: went back from {saved} to {_progress(found.root)}"
            outcomes["inside an epoch"] += bool(found.group("loop").attrs["batch"])
        else:
            outcomes["before the first save"] += 1
    assert hashes(folder) == expected, f"{kind}: another end than without a kill"
    left = sorted(path.name for path in folder.iterdir() if path.suffix == ".tmp")
    assert not left, f"{kind}: {left} was not swept"
    outcomes["ends"] += 1
    shutil.rmtree(folder)


def main() -> None:
    """Read the options, soak, report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    index.run_walk = forked_walk
    for name in WARM:
        importlib.import_module(name)
    began, base = time.monotonic(), Path(tempfile.mkdtemp())
    found = soak(base, options.kills, random.Random(options.seed))
    shutil.rmtree(base)  # left where it is when an assertion failed
    lines = [
        f"Runs: {'; '.join(KINDS)}.",
        "",
        f"Killed at random instants: {found['kills']:,} processes, {found['in a save']:,} of them in a save, "
        f"{found['before the first save']:,} before the first one. Stopped by SIGTERM before the kill came: "
        f"{found['stops']:,} after saving, {found['too early']:,} before training began. "
        f"States inside an epoch that were gone on from: {found['inside an epoch']:,}.",
        "",
        "Each time the newest checkpoint verified and was no older than the last acknowledged save. "
        f"All {found['ends']:,} runs came to the same content hashes as without a kill and left nothing temporary.",
    ]
    how = f"seed {options.seed}, {time.monotonic() - began:.0f} s"
    result("training_crash", "Training that was killed", lines, options.save, how)


if __name__ == "__main__":
    main()
