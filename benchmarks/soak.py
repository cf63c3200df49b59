"""A soak in ten minutes: runs are killed, limited, damaged and mixed up, and what they leave is looked at.

Each case is a promise of the manual: it ends with its exit code and at most a few lines, never a traceback, within its
time; every checkpoint that is left verifies unless it was damaged on purpose, and nothing temporary remains.

    python benchmarks/soak.py --minutes 10 --save
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from page import result, saving

from gpunet.checkpoint import verify
from gpunet.errors import GpunetError

PROGRAM = [sys.executable, "-m", "gpunet.cli"]
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
KINDS = {
    "mlp": ["train", "digits", "model.hidden=[16]"],
    "linear": ["train", "linear"],
    "rbm": ["pretrain", "rbm", "model.hidden=16", "model.chains=20"],
    "dbn": ["pretrain", "dbn", "model.hidden=[12,8]"],
}
EPOCHS = "epochs=4"
DEEP, LONG, MANY = "[" * 2000, "9" * 5000, "\n".join(f"key{number} = 1" for number in range(30_000))


@dataclass
class Ended:
    """How a command ended."""

    code: int
    text: str
    seconds: float


@dataclass
class Soak:
    """The cases of a soak, what was tried and what was found.

    Attributes:
        root: of all folders.
        rng: that kills and damages are drawn from.
        tried: how many cases of each class.
        faults: a line for each that broke a promise.
    """

    root: Path
    rng: random.Random
    tried: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 1.0  # that a whole run takes here

    def call(self, *words: str, limit: Callable[[], None] | None = None, kill: float = 0.0) -> Ended:
        """Run a command in the root, killed after so many seconds where told."""
        began = time.perf_counter()
        with subprocess.Popen(
            [*PROGRAM, *words], cwd=self.root, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=limit,
        ) as process:  # fmt: skip
            try:
                text = process.communicate(timeout=kill or 120)[1]
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                text = process.communicate()[1] + ("" if kill else "\nhung for two minutes")
        return Ended(process.returncode, text, time.perf_counter() - began)

    def expect(self, kind: str, what: str, ended: Ended, *codes: int) -> None:
        """Count a case, and note a fault where it ended otherwise."""
        self.tried[kind] += 1
        lines = [line for line in ended.text.splitlines() if line.startswith("gpunet: ")]
        last = ended.text.strip().splitlines()[-1:] or ["nothing was said"]
        if "Traceback" in ended.text or "hung for" in ended.text or len(lines) > 25:
            self.faults.append(f"{kind}, {what}: exit {ended.code}, {last[0][:150]}")
        elif ended.code not in codes:
            self.faults.append(f"{kind}, {what}: exit {ended.code} instead of {codes}, {last[0][:150]}")

    def whole(self, kind: str, what: str, folder: Path) -> None:
        """Note a fault for each checkpoint of a folder that is not whole, and for what is left over."""
        for path in sorted(folder.glob("*.h5")):
            try:
                good = "damaged" in path.name or verify(path).whole
            except GpunetError:
                good = False
            if not good:
                self.faults.append(f"{kind}, {what}: {path.name} is not whole")
        self.faults += [f"{kind}, {what}: {path.name} was left" for path in folder.glob(".*.tmp")]

    def fresh(self, name: str) -> Path:
        """A copy of a finished run."""
        place = self.root / "copy"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.root / name, place)
        return place


def killed(soak: Soak) -> None:
    """A run is killed one to three times at random and resumed; its end is that of a run that was not."""
    name = soak.rng.choice(list(KINDS))
    place = soak.root / "killed"
    shutil.rmtree(place, ignore_errors=True)
    words = [*KINDS[name], EPOCHS, "--run", "killed"]
    for _ in range(soak.rng.randint(1, 3)):
        soak.call(*words, kill=soak.rng.uniform(0.2, 1.1) * soak.seconds)
        if any((place / state).exists() for state in ("last.h5", "last.previous.h5")):
            words = ["resume", "killed"]
    soak.expect("kill", name, soak.call(*words), 0)
    soak.whole("kill", name, place)
    if (place / "best.h5").exists() and _content(place) != _content(soak.root / name):
        soak.faults.append(f"kill, {name}: another end than without a kill")


def damaged(soak: Soak) -> None:
    """A byte of a state is changed, or its end cut off: the state before it takes its place."""
    name = soak.rng.choice(list(KINDS))
    place = soak.fresh(name)
    content = bytearray((place / "last.h5").read_bytes())
    if soak.rng.random() < 0.5:
        content[soak.rng.randrange(len(content))] ^= 1 << soak.rng.randrange(8)
    else:
        del content[soak.rng.randrange(len(content)) :]
    (place / "last.h5").write_bytes(content)
    soak.expect("damage", f"verify {name}", soak.call("verify", "copy/last.h5"), 4)
    soak.expect("damage", f"resume {name}", soak.call("resume", "copy", "epochs=5"), 0)
    soak.whole("damage", name, place)


def limited(soak: Soak) -> None:
    """Too little memory, files that may not grow: the files that were there stay whole."""
    name, place = "mlp", soak.fresh("mlp")
    which, most = soak.rng.choice(
        [(resource.RLIMIT_FSIZE, soak.rng.randrange(200_000)), (resource.RLIMIT_AS, soak.rng.randrange(300, 900) << 20)]
    )
    ended = soak.call("resume", "copy", "epochs=5", limit=lambda: resource.setrlimit(which, (most, most)))
    what = f"{'file size' if which == resource.RLIMIT_FSIZE else 'memory'} {most:,}"
    soak.expect("limit", what, ended, 0, 1, 74)
    soak.whole("limit", name, place)
    soak.expect("limit", f"resume after {what}", soak.call("resume", "copy", "epochs=6"), 0)


def mixed(soak: Soak) -> None:
    """Files of another run, a lock that is a link or a pipe, a folder that holds a configuration alone."""
    place, case = soak.fresh("mlp"), soak.rng.choice(["last.h5", "best.h5", "config.toml", "link", "pipe", "stuck"])
    code = 4 if "." in case else 74
    if "." in case:
        shutil.copy(soak.root / "linear" / case, place)
    elif case == "stuck":
        for path in place.glob("*.h5"):
            path.unlink()
        code = 0
    else:
        (place / ".lock").unlink()
        if case == "link":
            (place / ".lock").symlink_to(soak.root / "victim")
        else:
            os.mkfifo(place / ".lock")
    soak.expect("folder", case, soak.call("resume", "copy", "epochs=5"), code)
    soak.whole("folder", case, place)
    if (soak.root / "victim").exists():
        soak.faults.append("folder, link: a file outside of the folder was written")


def diverged(soak: Soak) -> None:
    """A rate that is too large, and the printed advice."""
    shutil.rmtree(soak.root / "far", ignore_errors=True)
    rate = soak.rng.choice(["1e5", "1e8", "1e12", "1e30"])
    ended = soak.call("train", "linear", f"lr={rate}", EPOCHS, "--run", "far")
    soak.expect("divergence", rate, ended, 6)
    if " resume " in ended.text:
        target = ended.text.rpartition(" resume ")[2].strip().rstrip(".")
        soak.expect("divergence", f"again after {rate}", soak.call("resume", target, "lr=1e30"), 6)
        soak.expect("divergence", f"advice after {rate}", soak.call("resume", target, "lr=0.001"), 0)
    soak.whole("divergence", rate, soak.root / "far")


def hostile(soak: Soak) -> None:
    """Texts and paths beyond use, as words, files and data."""
    (soak.root / "many.toml").write_text(MANY)
    pipe = soak.root / soak.rng.choice(["pipe.csv", "pipe.npz", "pipe.h5", "pipe.toml"])
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    data = ["train", "linear", "--data", pipe.name] if pipe.suffix != ".toml" else ["train", pipe.name]
    cases = {
        "depth": (["train", f"seed={DEEP}"], 2),
        "digits of a number": (["train", f"seed={LONG}"], 2),
        "many keys": (["train", "many.toml"], 2),
        "long key": (["train", "a." * 2000 + "b=1"], 2),
        f"a pipe, {pipe.name}": (data, 2 if pipe.suffix == ".toml" else 3),
        "long path of data": (["train", "--data", "x" * 5000 + ".csv"], 3),
        "long path of a run": (["train", "linear", "epochs=1", "--run", "x" * 5000], 74),
        "long path to resume": (["resume", "x" * 5000], 4),
    }
    what = soak.rng.choice(list(cases))
    words, code = cases[what]
    soak.expect("text", what, soak.call(*words), code)


CLASSES = (killed, damaged, limited, mixed, diverged, hostile)


def _content(place: Path) -> str | None:
    return verify(place / "best.h5").content_sha256


def soaked(minutes: float, seed: int) -> Iterator[str]:
    """Try all classes in turn until the time is over, at least each once, and yield the lines of the page."""
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), random.Random(seed))
        for name, words in KINDS.items():
            ended = soak.call(*words, EPOCHS, "--run", name)
            assert ended.code == 0, ended.text
            soak.seconds = ended.seconds
        end, turns = time.monotonic() + 60 * minutes, 0
        while turns < len(CLASSES) or time.monotonic() < end:
            CLASSES[turns % len(CLASSES)](soak)
            turns += 1
    yield "| class | commands | faults |"
    yield "|---|---|---|"
    for kind, count in sorted(soak.tried.items()):
        yield f"| {kind} | {count:,} | {sum(fault.startswith(f'{kind},') for fault in soak.faults)} |"
    yield ""
    yield f"{len(soak.faults)} faults in {sum(soak.tried.values()):,} commands, seed {seed}."
    yield from (f"- {fault}" for fault in soak.faults)


def main() -> None:
    """Soak, and end with 1 where a promise was broken."""
    parser = saving(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    options = parser.parse_args()
    lines = list(soaked(options.minutes, options.seed))
    result("soak", "What survives a soak", lines, options.save)
    if not any(line.startswith("0 faults") for line in lines):
        sys.exit(1)


if __name__ == "__main__":
    main()
