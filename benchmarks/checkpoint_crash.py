"""Kills and starves the writer of checkpoints: the old file or the new one must always be there, whole.

First every call to the system in a save fails in every way: the process is killed before and after it, the disk is
full, broken or read-only, a write is cut short.  Then processes that save without end are killed at random instants.

    python benchmarks/checkpoint_crash.py --kills 1000 --save
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # forking wants one thread

import errno
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from checkpoint_fuzz import forked_walk
from page import result, saving

from gpunet import writing
from gpunet.checkpoint import Group, NamedArray, index, lock, read, write
from gpunet.errors import WriteError

CALLS = ("open", "write", "fsync", "close", "link", "replace", "unlink")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)
NOT_KILLED, FAILED = 0, WriteError.exit_code


class Faulty:
    """``os`` with one call that goes wrong; counts the calls that matter."""

    def __init__(self, at: int = -1, fault: str = "", number: int = 0):
        self.at, self.fault, self.number = at, fault, number
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        original = getattr(os, name)
        return original if name not in CALLS else lambda *arguments: self.call(name, original, *arguments)

    def call(self, name: str, original: Callable[..., Any], *arguments: Any) -> Any:
        """Make the call, or let it go wrong when its turn has come."""
        self.made.append(name)
        if len(self.made) - 1 != self.at:
            return original(*arguments)
        if self.fault == "killed before":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "cut short" and name == "write":
            return original(arguments[0], arguments[1][: max(1, len(arguments[1]) // 3)])
        if self.fault == "error":
            if name == "close":
                original(*arguments)  # the descriptor is gone in any case
            raise OSError(self.number, os.strerror(self.number))
        result = original(*arguments)
        if self.fault == "killed after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def tree(epoch: int) -> Group:
    """A checkpoint that says its epoch in every number."""
    return Group({"epoch": epoch}, {"config": Group(), "weight": NamedArray(np.full(5000, float(epoch)))})


def save(folder: Path, epoch: int) -> None:
    """One save as a run does it."""
    with lock(folder):
        write(folder / "last.h5", tree(epoch), keep_previous=True)


def in_fork(action: Callable[[], None]) -> int:
    """Run something in a process of its own; its exit code, or the signal that ended it as a negative number."""
    child = os.fork()
    if not child:
        code = 1
        try:
            action()
            code = NOT_KILLED
        except WriteError:
            code = FAILED
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def epoch_of(path: Path) -> int:
    """The epoch of a file; reading it verifies all of it."""
    found = read(path)
    weight: Any = found["weight"]
    assert (weight.data == found.attrs["epoch"]).all()
    return int(found.attrs["epoch"])


def leftovers(folder: Path) -> list[str]:
    """Everything in a folder that is no finished checkpoint."""
    return sorted({p.name for p in folder.iterdir()} - {".lock", "last.h5", "last.previous.h5"})


def inject(folder: Path) -> Counter[str]:
    """Let each call of a save go wrong in each way."""
    outcomes: Counter[str] = Counter()
    trial = Faulty()
    writing.os = trial  # type: ignore[assignment]
    for epoch in (1, 2, 3):
        trial.made.clear()
        save(folder, epoch)
    calls = list(trial.made)
    faults = [("killed before", 0), ("killed after", 0), ("cut short", 0), *(("error", n) for n in ERRORS)]
    for at, name in enumerate(calls):
        placed = calls.index("replace")
        for fault, number in faults:
            shutil.rmtree(folder)
            folder.mkdir()
            writing.os = Faulty()  # type: ignore[assignment]
            for epoch in (1, 2):
                save(folder, epoch)
            writing.os = Faulty(at, fault, number)  # type: ignore[assignment]
            code = in_fork(lambda: save(folder, 3))
            where = f"{fault} {errno.errorcode.get(number, '')} at call {at}, {name}"
            assert code in (NOT_KILLED, FAILED, -signal.SIGKILL), f"{where}: ended with {code}"
            now, before = epoch_of(folder / "last.h5"), epoch_of(folder / "last.previous.h5")
            assert (now, before) in ((2, 1), (3, 2), (3, 1)), f"{where}: holds {now} after {before}"
            if code == FAILED:
                assert now == (2 if at <= placed else 3), f"{where}: failed, holds {now}"
            if code == NOT_KILLED:
                assert (now, before) == (3, 2), f"{where}: succeeded, holds {now} after {before}"
            if code != -signal.SIGKILL and name != "unlink":
                assert not leftovers(folder), f"{where}: left {leftovers(folder)}"
            writing.os = os
            save(folder, 4)
            assert epoch_of(folder / "last.h5") == 4, where
            assert not leftovers(folder), f"{where}: after the next save there is still {leftovers(folder)}"
            outcomes[{NOT_KILLED: "saved", FAILED: "refused with exit 74"}.get(code, "killed")] += 1
    outcomes["calls"] = len(calls)
    return outcomes


def soak(folder: Path, kills: int, rng: random.Random) -> Counter[str]:
    """Kill processes that save without end."""
    outcomes: Counter[str] = Counter()
    epoch = 1
    save(folder, epoch)
    for _ in range(kills):
        child = os.fork()
        if not child:
            try:
                for number in range(epoch + 1, epoch + 10_000):
                    save(folder, number)
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        found, left = epoch_of(folder / "last.h5"), leftovers(folder)
        previous = folder / "last.previous.h5"
        before = epoch_of(previous) if previous.exists() else found - 1
        assert found >= epoch, f"went back from {epoch} to {found}"
        assert found - before in (1, 2), f"{found} after {before}"
        outcomes["in the middle of a save"] += bool(left)
        outcomes["saves"] += found - epoch
        epoch = found + 1
        save(folder, epoch)
        assert not leftovers(folder), f"after the next save there is still {leftovers(folder)}"
        outcomes["kills"] += 1
    return outcomes


def main() -> None:
    """Read the options, inject, soak, report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    index.run_walk = forked_walk
    writing.CHUNK = 16_384  # several writes in a small file
    began, base = time.monotonic(), Path(tempfile.mkdtemp())
    for name in ("injected", "killed"):
        (base / name).mkdir()
    injected = inject(base / "injected")
    killed = soak(base / "killed", options.kills, random.Random(options.seed))
    shutil.rmtree(base)  # left where it is when an assertion failed
    faults = injected["saved"] + injected["killed"] + injected["refused with exit 74"]
    lines = [
        f"Faults injected: {faults} into the {injected['calls']} calls of one save; "
        f"{injected['killed']} ended in a kill, {injected['refused with exit 74']} in exit 74, "
        f"{injected['saved']} in a save all the same.",
        "",
        f"Kills at random instants: {killed['kills']:,}, between {killed['saves']:,} saves; "
        f"{killed['in the middle of a save']:,} left a temporary file behind.",
        "",
        "Each time the old file or the new one was there and verified, its predecessor too, and no temporary file "
        "survived the next save.",
    ]
    how = f"seed {options.seed}, {time.monotonic() - began:.0f} s"
    result("checkpoint_crash", "Saves that were interrupted", lines, options.save, how)


if __name__ == "__main__":
    main()
