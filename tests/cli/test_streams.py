"""Standard output and error that are closed, full, left or narrow, and signals, for every command."""

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from forking import runs
from gpunet.cli.app import main
from gpunet.cli.commands import SUMMARIES

pytestmark = pytest.mark.timeout(600)  # each test runs every command

TRAINED = ["r/best.h5"]
# Every command, with what makes it print.
LINES = {
    "--help": [],
    "--version": [],
    "train": ["linear", "training.epochs=1", "--run"],
    "pretrain": ["dbn", "model.hidden=[4,4]", "training.epochs=1", "--run"],
    "compare": ["--dry-run"],
    "ensemble": ["linear", "--dry-run"],
    "search": ["linear", "--dry-run"],
    "resume": ["r", "--dry-run"],
    "evaluate": TRAINED,
    "predict": [*TRAINED, "digits"],
    "sample": ["m/best.h5", "-n", "2", "--steps", "1", "-o", "s.npz"],
    "likelihood": ["m/best.h5", "--cases", "0"],
    "inspect": TRAINED,
    "verify": TRAINED,
    "report": ["r", "-o", "r.html"],
    "gradcheck": ["linear"],
    "config": ["show", "linear"],
    "convert": ["j.json", "NEW.h5"],
    "presets": ["ls"],
    "data": ["ls"],
    "doctor": [],
    "depth": ["--layers", "8", "--dry-run"],
    "runs": ["."],
    "repro": [],
}
VIEWS = [["--history"], ["--history", "--csv"], ["--stats"], ["--json"], ["--lineage"], ["config/json"]]
QUIET = {"compare", "depth", "ensemble", "resume", "search"}  # print nothing on standard output in a dry run
HEARD = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained network and a trained machine."""
    place = tmp_path_factory.mktemp("streams")
    narrow = ["training.epochs=1", "--device", "cpu", "--run"]
    for words in (["train", "linear", *narrow, "r"], ["pretrain", "rbm", "model.hidden=4", *narrow, "m"]):
        done = CliRunner().invoke(main, [*words[:-1], str(place / words[-1])])
        assert done.exit_code == 0, done.output
    couplings = ["inspect", str(place / "m/best.h5"), "--export-couplings", str(place / "j.json")]
    assert CliRunner().invoke(main, couplings).exit_code == 0
    return place


def lines(number):
    """All command lines; a training writes to a folder of its own."""
    for name, words in LINES.items():
        words = [word.replace("NEW", f"new-{number}") for word in words]
        yield [name, *words, *([f"run-{number}-{name}"] if "--run" in words else [])]
    yield from (["inspect", *TRAINED, *view] for view in VIEWS)


def test_every_command_is_among_them():
    assert set(SUMMARIES) == {name for name in LINES if not name.startswith("--")}


@pytest.mark.parametrize(("kind", "code"), [("full", 74), ("gone", 141), ("closed", 0)])
def test_an_output_that_takes_nothing_ends_every_command_with_its_code(kind, code, folder):
    cases = [{"words": words, "out": kind} for words in lines(kind)]
    for case, (found, _, said) in zip(cases, runs(cases, folder)):
        expected = 0 if case["words"][0] in QUIET else code
        assert found == expected, (case["words"], found, said)
        assert "Traceback" not in said
        assert ("standard output: must be writable, got No space left" in said) == (expected == 74)
    kept = "last.h5" if kind == "gone" else "best.h5"  # a training whose reader leaves is stopped
    assert (folder / f"run-{kind}-train" / kept).exists()


@pytest.mark.parametrize("kind", ["full", "closed"])
def test_a_log_that_cannot_be_written_ends_nothing(kind, folder):
    cases = [{"words": words, "err": kind} for words in lines(f"log-{kind}")]
    cases.append({"words": ["train", "nosuch"], "err": kind})
    results = runs(cases, folder)
    assert [code for code, _, _ in results] == [0] * (len(cases) - 1) + [2]
    for case, (_, printed, _) in zip(cases, results[:-1]):
        assert (printed == "") == (case["words"][0] in QUIET)


def test_narrow_encodings_get_signs_that_look_alike_and_numbers(folder):
    cases = [{"words": words, "encoding": "ascii"} for words in lines("ascii")]
    cases.append({"words": ["train", "linear", "training.epochs=1", "--run", "ö", "--json"]})
    cases[-1]["encoding"] = "ascii"
    for case, (code, printed, said) in zip(cases, runs(cases, folder)):
        assert code == 0, (case["words"], said)
        assert printed.isascii(), case["words"]
        assert said.isascii(), case["words"]
    assert '"checkpoint": "\\u00f6/best.h5"' in printed


def test_signals_end_commands_that_do_not_train_with_130_and_one_line(folder):
    opened = {"inspect": "r/best.h5", "verify": "r/best.h5", "predict": "r/best.h5", "evaluate": "r/best.h5"}
    opened |= {"report": "r/best.h5", "sample": "m/best.h5", "likelihood": "m/best.h5", "config": "linear.toml"}
    opened |= {"train": "linear.toml", "data": "labels-idx1-ubyte.gz"}
    cases = [
        {
            "words": [name, *(LINES[name] if name != "data" else ["info", "digits"])],
            "signal": number,
            "at": opened[name],
        }
        for name in opened
        for number in HEARD
    ]
    for case in cases:
        case["words"] += ["never"] if "--run" in case["words"] else []
        case["name"], case["sent"] = case["words"][0], signal.Signals(case["signal"]).name
    for case, (code, _, said) in zip(cases, runs(cases, folder)):
        assert code == 130, (case, said)
        assert said.splitlines()[-1] == f"gpunet: {case['name']}: was stopped by {case['sent']}.", case
        assert "Traceback" not in said
    assert not (folder / "never").exists()


def test_ignored_signals_stay_ignored(folder):
    cases = [
        {"words": ["inspect", *TRAINED], "signal": number, "at": "r/best.h5", "ignored": [number]} for number in HEARD
    ]
    trained = ["train", "linear", "training.epochs=1", "--run"]
    cases += [
        {"words": [*trained, f"i{n}"], "signal": n, "at": "linear.toml", "ignored": [n]} for n in HEARD
    ]  # fmt: skip
    assert [code for code, _, _ in runs(cases, folder)] == [0] * len(cases)


SWALLOWED = """
import os, signal, sys, time
from pathlib import Path
from gpunet import interruption, writing
interruption.PATIENCE = 0.1
interruption.Interrupts(writing.abandon).listen()
with writing.replacing(Path("a")) as file:
    file.write(b"half")
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        time.sleep(60)
print("went on")
"""


def test_a_signal_that_gets_lost_inside_a_library_ends_the_program_all_the_same(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", SWALLOWED], cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_signals_are_heard_before_anything_heavy_is_loaded():
    code = "import sys, gpunet.cli.program; print(sorted({'click', 'numpy', 'rich', 'pathlib'} & set(sys.modules)))"
    # -I -S: an editable installation loads pathlib before any code of ours runs.
    paths = f"import sys; sys.path[:0] = {sys.path!r}; sys.modules.pop('pathlib', None); {code}"
    done = subprocess.run([sys.executable, "-c", paths], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout == "[]\n"
