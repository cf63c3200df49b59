"""gpunet resume, and what ends a run from outside, as a user sees them."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gpunet.checkpoint import lock, read
from shell import gpunet, refused

COMMAND = [sys.executable, "-m", "gpunet.cli"]
ENDLESS = ["train", "linear", "training.epochs=1000000", "--device", "cpu", "--run", "r"]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A folder with the same training for 3 epochs in three and for 6 in six."""
    folder = tmp_path_factory.mktemp("runs")
    for epochs, name in ((3, "three"), (6, "six")):
        gpunet("train", "linear", f"epochs={epochs}", "--run", name, cwd=folder)
    return folder


@pytest.fixture
def run(three, tmp_path):
    shutil.copytree(three / "three", tmp_path / "r")
    return tmp_path


def content(path):
    return read(path).content_sha256


def test_more_epochs_are_said_trained_and_written_down(run, three):
    done = gpunet("resume", "r", "epochs=6", "--json", cwd=run)
    assert "  training.epochs: 3 -> 6" in done.stderr.splitlines()
    assert "from r/last.h5: epoch 4 of 6" in done.stderr
    assert [line[:10] for line in done.stderr.splitlines() if line.startswith("epoch")] == [
        "epoch 4/6 ", "epoch 5/6 ", "epoch 6/6 ",
    ]  # fmt: skip
    assert json.loads(done.stdout)["epochs"] == 6
    for name in ("best.h5", "last.h5"):
        assert content(run / "r" / name) == content(three / "six" / name)
    assert "epochs = 6" in (run / "r/config.toml").read_text()


def test_a_run_may_go_on_in_another_folder(run, three):
    before = {path.name: path.read_bytes() for path in (run / "r").iterdir()}
    gpunet("resume", "r/last.h5", "epochs=6", "--run", "longer", cwd=run)
    assert {path.name: path.read_bytes() for path in (run / "r").iterdir()} == before
    assert content(run / "longer/best.h5") == content(three / "six/best.h5")


def test_a_finished_run_says_what_would_go_on(run):
    best = content(run / "r/best.h5")
    done = gpunet("resume", "r", cwd=run)
    assert "all 3 epochs are done; training.epochs=6 would go on" in done.stderr
    assert content(run / "r/best.h5") == best


def test_a_damaged_state_gives_way_to_the_one_before_it(run, three):
    """The damaged file is kept, and never becomes the predecessor that the next crash would need."""
    last, before = run / "r/last.h5", read(run / "r/last.previous.h5").attrs["epoch"]
    damaged = bytearray(last.read_bytes())
    damaged[-1] ^= 1
    last.write_bytes(damaged)
    done = gpunet("resume", "r", "epochs=6", cwd=run)
    assert "r/last.h5: must have the content that it was sealed with" in done.stderr
    assert "Going on from the one before it, r/last.previous.h5." in done.stderr
    assert f"epoch {before + 1}/6" in done.stderr
    assert content(run / "r/best.h5") == content(three / "six/best.h5")
    assert (run / "r/last.damaged.h5").read_bytes() == damaged
    assert before <= read(run / "r/last.previous.h5").attrs["epoch"] < 6


def test_a_dry_run_of_a_damaged_one_changes_nothing(run):
    (run / "r/last.h5").write_bytes(b"nothing")
    before, epoch = sorted(run.rglob("*")), read(run / "r/last.previous.h5").attrs["epoch"]
    done = gpunet("resume", "r", "epochs=6", "--dry-run", cwd=run)
    assert f"from r/last.previous.h5: epoch {epoch + 1} of 6" in done.stderr
    assert sorted(run.rglob("*")) == before


def test_both_damaged_is_an_error_about_the_newest(run):
    for name in ("last.h5", "last.previous.h5"):
        (run / "r" / name).write_bytes(b"nothing")
    refused("resume", "r", cwd=run, code=4, expected="r/last.h5: must begin with the seal of a gpunet checkpoint")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["none"], 4, "none: must be the folder of a run, or its checkpoint, got no such file"),
        (["."], 4, "must hold the last.h5 of a run, got none"),
        (["r/best.h5"], 2, "must be a run's folder, its last.h5 or last.previous.h5, got best.h5"),
        (["r/best.h5", "--run", "x"], 4, "must hold the state of a run, got weights alone. Resume last.h5."),
        (["r", "model.hidden=[5]"], 2, "overrides: must keep the shape of everything that the run has learned"),
        (["r", "seed=3"], 2, "seed: must stay 0 when a run goes on, got 3. Begin another run with gpunet train."),
        (["r", "epochs=2"], 2, "training.epochs: must be at least the 3 that lie behind, got 2"),
        (["r", "training.epoch=9"], 2, "Did you mean epochs"),
        (["r", "--run", "r"], 2, "--run: must be a new or empty folder"),
        (["r", "--data", "none.csv"], 3, "none.csv: must be an existing file"),
    ],
)
def test_mistakes_when_resuming(words, code, expected, run):
    refused("resume", *words, cwd=run, code=code, expected=expected)


def test_a_stack_keeps_the_layer_that_it_stands_in(tmp_path):
    gpunet("pretrain", "dbn", "epochs=1", "model.hidden=[6,5,4]", "--run", "r", cwd=tmp_path)
    expected = "model.hidden: must keep the 3 layers that the run has begun, got 2 of them. Begin another run"
    refused("resume", "r", "model.hidden=[6,5]", cwd=tmp_path, code=2, expected=expected)


def test_moved_data_are_found_with_an_option_and_other_data_refused(tmp_path):
    rows = [f"{i % 7},{i % 5},{'ab'[i % 7 > i % 5]}" for i in range(90)]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    gpunet("train", "linear", "--data", "t.csv", "epochs=2", "batch_size=10", "--run", "r", cwd=tmp_path)
    (tmp_path / "t.csv").rename(tmp_path / "moved.csv")
    refused("resume", "r", "epochs=3", cwd=tmp_path, code=3, expected="t.csv: must be an existing file")
    gpunet("resume", "r", "epochs=3", "--data", "moved.csv", cwd=tmp_path)
    (tmp_path / "t.csv").write_text("\n".join(rows[1:]))
    expected = "t.csv: must hold the data that the run was trained on"
    refused("resume", "r", "epochs=4", "--data", "t.csv", cwd=tmp_path, code=3, expected=expected)


def hangs_up(how):
    """What a child does about SIGHUP, whatever whoever runs the tests does about it and about SIGINT."""

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, how)

    return prepare


def start(folder, *arguments, hangup=signal.SIG_DFL, **options):
    """A process in training, whose first epoch is behind it."""
    process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, text=True, preexec_fn=hangs_up(hangup), **options)
    while not (folder / "r/best.h5").exists():
        assert process.poll() is None
        time.sleep(0.05)
    return process


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_saves_and_stops_and_the_run_goes_on_exactly(number, tmp_path):
    process = start(tmp_path, *ENDLESS, **PIPES)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"training: was stopped by {number.name}; its state is in r/last.h5. Go on with " in errors
    last = read(tmp_path / "r/last.h5")
    told = [line for line in errors.splitlines() if line.startswith("epoch")]
    assert last.attrs["epoch"] == len(told), "each epoch that was told is saved, and no other was finished"
    epochs = int(last.attrs["epoch"]) + 2
    gpunet("resume", "r", f"epochs={epochs}", cwd=tmp_path)
    gpunet("train", "linear", f"epochs={epochs}", "--run", "whole", cwd=tmp_path)
    for name in ("best.h5", "last.h5"):
        assert content(tmp_path / "r" / name) == content(tmp_path / "whole" / name)


def test_a_hangup_that_is_ignored_stays_so(tmp_path):
    process = start(tmp_path, *ENDLESS, hangup=signal.SIG_IGN, **PIPES)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_output_saves_and_stops(closed, tmp_path):
    process = start(tmp_path, *ENDLESS, **PIPES)
    getattr(process, closed).close()
    other = process.stderr if closed == "stdout" else process.stdout
    with other:
        rest = other.read()
    assert process.wait(timeout=60) == 141
    assert "Traceback" not in rest
    assert closed == "stderr" or "was stopped by a closed output; its state is in r/last.h5" in rest
    assert read(tmp_path / "r/last.h5").group("loop").attrs["batch"] > 0, "inside an epoch, within a step"


def test_a_second_interrupt_stops_at_once(tmp_path):
    code = """
import time
from gpunet.interruption import stops_on_signals
from gpunet.interruption import Stop
stop = Stop()
with stops_on_signals(stop):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
        if stop.requested:
            print(stop.requested, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):  # the one that repeats is no interrupt
            process.send_signal(number)
            while process.stdout.readline() != f"{number.name}\n":
                assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == -signal.SIGINT


def test_a_running_run_is_not_resumed_and_its_folder_not_shared(tmp_path):
    process = start(tmp_path, *ENDLESS, **PIPES)
    busy = f"r: must have one writer, got process {process.pid} at work in it"
    for words in (["resume", "r"], ["resume", "r/last.previous.h5"]):
        done = gpunet(*words, cwd=tmp_path, check=False)
        assert (done.returncode, busy in done.stderr) == (74, True), done.stderr
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert gpunet("resume", "r", "--dry-run", cwd=tmp_path).returncode == 0


def test_two_runs_that_start_together_do_not_share_a_folder(tmp_path):
    """Named alike, one trains and the others are refused; unnamed, each gets a number of its own."""
    named = [[*COMMAND, "train", "linear", "epochs=3", f"seed={seed}", "--run", "r"] for seed in range(4)]
    running = [subprocess.Popen(command, cwd=tmp_path, **PIPES) for command in named]
    codes = [process.wait(timeout=120) for process in running if process.communicate() is not None]
    assert sorted(codes) in ([0, a, b, c] for a in (2, 74) for b in (2, 74) for c in (2, 74)), codes
    winner = codes.index(0)
    assert f"seed = {winner}" in (tmp_path / "r/config.toml").read_text()
    assert read(tmp_path / "r/best.h5").array("streams/seeds").data.tolist() == [winner]
    unnamed = [*COMMAND, "train", "linear", "epochs=1"]
    running = [subprocess.Popen(unnamed, cwd=tmp_path, **PIPES) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running if process.communicate() is not None] == [0, 0, 0]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        f"digits-linear-{number}" for number in (1, 2, 3)
    ]


def test_stale_temporary_files_are_swept_and_others_left_alone(run):
    for name in (".last.h5.4711.tmp", ".best.h5.12.tmp", ".mine.tmp"):
        (run / "r" / name).write_text("x")
    with lock(run / "r"):  # not while another process is at work
        (run / "r/.last.h5.99.tmp").write_text("x")
        assert gpunet("resume", "r", cwd=run, check=False).returncode == 74
        assert (run / "r/.last.h5.99.tmp").exists()
    gpunet("resume", "r", cwd=run)
    assert sorted(path.name for path in (run / "r").iterdir() if path.suffix == ".tmp") == [".mine.tmp"]


def test_a_stack_goes_on_in_the_middle_of_its_second_layer(tmp_path):
    settings = ["pretrain", "dbn", "model.hidden=[12,8]", "--device", "cpu"]
    expected = gpunet(*settings, "epochs=4", "--run", "whole", cwd=tmp_path)
    process = subprocess.Popen([*COMMAND, *settings, "epochs=4", "--run", "r"], cwd=tmp_path, text=True, **PIPES)
    for line in process.stderr:
        if line.startswith("layer 2"):
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=60)
    assert process.returncode == 130
    done = gpunet("resume", "r", cwd=tmp_path)
    assert "layer 2 of 2: 12 to 8" in done.stderr
    assert "layer 1 of 2" not in done.stderr
    assert "layer 1 of 2" in expected.stderr
    for name in ("best.h5", "last.h5"):
        assert content(tmp_path / "r" / name) == content(tmp_path / "whole" / name)


def test_a_kill_before_the_first_epoch_leaves_something_to_resume(tmp_path):
    process = subprocess.Popen([*COMMAND, *ENDLESS[:2], "epochs=2", *ENDLESS[3:]], cwd=tmp_path, **PIPES)
    while not (tmp_path / "r/last.h5").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.communicate()
    gpunet("resume", "r", cwd=tmp_path)
    gpunet("train", "linear", "epochs=2", "--run", "whole", cwd=tmp_path)
    assert content(tmp_path / "r/best.h5") == content(tmp_path / "whole/best.h5")
