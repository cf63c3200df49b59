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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

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
OLD = b"what was here before"
WRITERS = [
    ["inspect", "mlp/best.h5", "--export-npz", "arrays.npz"],
    ["inspect", "mlp/best.h5", "--export-safetensors", "arrays.safetensors"],
    ["inspect", "mlp/best.h5", "--history", "-o", "history.png"],
    ["inspect", "mlp/best.h5", "--image", "model/000_dense/weight", "-o", "filters.png"],
    ["sample", "rbm/best.h5", "-o", "dreams.png"],
    ["sample", "rbm/best.h5", "-o", "dreams.npz"],
    ["report", "mlp", "-o", "report.html"],
    ["config", "show", "mlp", "--plot-schedule", "--plot-to", "rate.pdf"],
]
READERS = [
    ["--help"], ["train", "--help"], ["doctor"], ["config", "show", "mlp"], ["presets", "ls"],
    ["data", "info", "digits"],
    ["inspect", "mlp/best.h5"], ["inspect", "dbn/best.h5", "--stats"], ["verify", "dbn/last.h5"],
    ["evaluate", "mlp/best.h5"], ["predict", "mlp/best.h5", "digits"], ["likelihood", "rbm/best.h5"],
]  # fmt: skip
SURROUNDINGS: list[tuple[str, Mapping[str, str]]] = [
    ("no home", {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "MPLCONFIGDIR": "/nonexistent"}),
    ("backend of plots", {"MPLBACKEND": "nonsense"}),
    ("driver of HDF5", {"HDF5_DRIVER": "nonsense", "HDF5_VOL_CONNECTOR": "nonsense"}),
    ("plugins of HDF5", {"HDF5_PLUGIN_PATH": "/nonexistent", "HDF5_USE_FILE_LOCKING": "maybe"}),
    ("terminal", {"TERM": "nonsense", "COLUMNS": "-5", "LINES": "abc", "NO_COLOR": "1"}),
    ("encoding", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}),
    ("threads", {"OMP_NUM_THREADS": "many", "OPENBLAS_NUM_THREADS": "-3"}),
    ("key that is none", {"GPUNET_TRAINING__EPOCS": "3"}),
    ("value that is none", {"GPUNET_SEED": "x" * 10_000}),
    ("warnings are errors", {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}),
]
# What words of a command line are made of.
PIECES: list[Callable[[random.Random], str]] = [
    lambda rng: rng.choice(["mlp", "rbm", "digits", "linear", "mlp/best.h5", "dbn/last.h5", ".", "/dev/null", ""]),
    lambda rng: rng.choice(["--seed", "--seeds", "--run", "--data", "--json", "--device", "-o", "--", "--help", "-1"]),
    lambda rng: rng.choice(["seed", "training.epochs", "model.hidden", "optimizer", "data.target", "lr", "model.name",
                            "augmentation", "data.preprocess", "training.monitor"])
    + "=" + rng.choice(["", "0", "-1", "1e999", "nan", "[]", "[1,[2]]", "{}", "{name='x'}", "true", "'", "\"", "[[[[",
                        "adam", "1_000", "0x10", "2026-01-01", "\u00e9\u4e2d", "a\nb", "1" * 400]),
    lambda rng: "".join(chr(rng.choice([*range(33, 127), 0xE9, 0x202E, 0x1F600])) for _ in range(rng.randint(1, 30))),
    lambda rng: rng.choice(["../" * 50, "x" * 300, "~", "*", "%s%n", "$(ls)", "\x1b[31m", "a=b=c", "=", "a.b.c.d=1"]),
]  # fmt: skip
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
        written: the size of each output, and the seconds that it took to write.
        seconds: that a whole run takes here.
    """

    root: Path
    rng: random.Random
    tried: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    written: dict[Path, tuple[int, float]] = field(default_factory=dict)
    seconds: float = 1.0

    def call(
        self,
        *words: str,
        limit: Callable[[], None] | None = None,
        kill: float = 0.0,
        by: signal.Signals = signal.SIGKILL,
        output: int | IO[Any] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command in the root, sent a signal after so many seconds where told."""
        began = time.perf_counter()
        with subprocess.Popen(
            [*PROGRAM, *words], cwd=self.root, env=ENVIRONMENT | dict(env or {}), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=limit,
        ) as process:  # fmt: skip
            try:
                text = process.communicate(timeout=kill or 120)[1]
            except subprocess.TimeoutExpired:
                process.send_signal(by if kill else signal.SIGKILL)
                try:
                    text = process.communicate(timeout=120)[1]
                except subprocess.TimeoutExpired:
                    process.kill()
                    text = process.communicate()[1] + "\nhung for two minutes after a signal"
                text += "" if kill else "\nhung for two minutes"
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
        target = ended.text.rpartition(" resume ")[2].partition(". See ")[0].strip().rstrip(".")
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


def outputs(soak: Soak) -> None:
    """A command that writes a file is killed, or its disk is full: the old file is there or the new one, whole."""
    words = soak.rng.choice(WRITERS)
    target = soak.root / words[-1]
    if target not in soak.written:
        target.unlink(missing_ok=True)
        ended = soak.call(*words)
        soak.expect("output", " ".join(words), ended, 0)
        soak.written[target] = (target.stat().st_size, ended.seconds)
    size, seconds = soak.written[target]
    target.write_bytes(OLD)
    if soak.rng.random() < 0.5:
        most = soak.rng.randrange(size)
        ended = soak.call(*words, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        soak.expect("output", f"{words[0]} on a full disk", ended, 74)
        left = target.read_bytes() == OLD and not list(soak.root.glob(".*.tmp"))
    else:
        ended = soak.call(*words, kill=soak.rng.uniform(0.5, 1.1) * seconds)
        soak.expect("output", f"{words[0]} killed", ended, 0, -signal.SIGKILL)
        left = target.read_bytes() == OLD or target.stat().st_size == size
        for path in soak.root.glob(".*.tmp"):  # as after a kill
            path.unlink()
    if not left:
        soak.faults.append(f"output, {' '.join(words)}: neither the old file nor the new one")


def signalled(soak: Soak) -> None:
    """A signal at any time: the command is done, or ends by the code of a stop; what it trained is there."""
    by = soak.rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
    words = soak.rng.choice([*READERS, [*KINDS["mlp"], "epochs=50", "--run", "stopped"]])
    shutil.rmtree(soak.root / "stopped", ignore_errors=True)
    ended = soak.call(*words, kill=soak.rng.uniform(0.3, 1.5) * soak.seconds, by=by)
    soak.expect("signal", f"{by.name}, {words[0]}", ended, 0, 130)
    if (soak.root / "stopped" / "last.h5").exists():
        soak.whole("signal", by.name, soak.root / "stopped")
        soak.expect("signal", "resume", soak.call("resume", "stopped", "epochs=51"), 0)


def streamed(soak: Soak) -> None:
    """Standard output that is full, or whose reader has left."""
    words = soak.rng.choice(READERS)
    if soak.rng.random() < 0.5:
        with Path("/dev/full").open("wb") as full:
            soak.expect("stream", f"{words[0]}, full", soak.call(*words, output=full), 74)
        return
    reader, writer = os.pipe()
    os.close(reader)
    soak.expect("stream", f"{words[0]}, no reader", soak.call(*words, output=writer), 141)
    os.close(writer)


def surrounded(soak: Soak) -> None:
    """Variables and limits of the environment that make no sense: the command works, or says one line."""
    what, given = soak.rng.choice(SURROUNDINGS)
    words = soak.rng.choice([*READERS, *WRITERS, ["train", "linear", "--dry-run"]])
    soak.expect("environment", f"{what}, {words[0]}", soak.call(*words, env=given), 0, 2, 74)


def fuzzed(soak: Soak) -> None:
    """Words of the command line put together by chance: done, or one line and the code of a mistake."""
    command = soak.rng.choice(["train", "pretrain", "config check", "inspect", "evaluate", "presets copy", "data info"])
    words = [*command.split(), *(soak.rng.choice(PIECES)(soak.rng) for _ in range(soak.rng.randint(0, 4)))]
    if words[0] in ("train", "pretrain"):
        words += ["--dry-run"]
    soak.expect("words", " ".join(words)[:100], soak.call(*words), 0, 2, 3, 4, 74)


CLASSES = (killed, damaged, limited, mixed, diverged, hostile, outputs, signalled, streamed, surrounded, fuzzed)


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
