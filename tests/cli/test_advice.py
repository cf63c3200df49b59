"""Whoever follows what a divergence advises comes to a training that goes on; nothing healthy is lost meanwhile."""

import re
import shlex

import pytest
from click.testing import CliRunner

import gpunet
from gpunet.checkpoint import read
from gpunet.cli import guidance, main
from gpunet.config import load_config, preset_names
from gpunet.errors import DivergedError

WORDS = ["training.epochs=1", "training.batch_size=100", "data.validation=0.15", "data.test=0.15"]
STACKS = ("dbn", "dbn-mnist", "denoising", "supervised-greedy")
DEEP = ("dbm", "dbm-mnist", "classdbm", "dbm-finetune")
MORE = {"finetune": ["model.hidden=[20]"]} | {name: ["model.hidden=[9,8]"] for name in (*STACKS, *DEEP)}
# A rate at which some steps are made, and one at which the first fails.
RATES = {
    "residual": "1e3", "linear": "1e5", "mlp": "1e10", "digits": "1e10", "rbm": "1e3", "classrbm": "1e2", "dbn": "1e3",
    "dbn-mnist": "1e4", "denoising": "1e4", "supervised-greedy": "1e4",
}  # fmt: skip


def command(*words):
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def advised(done):
    """The words of the command that a message advises."""
    assert done.exit_code == 6, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("gpunet: ")]
    assert "Lower optimizer.learning_rate and go on from before it with " in line
    words = shlex.split(re.search(r" (resume .*)\. See " + re.escape(guidance.DIVERGED) + r"\.$", line)[1])
    assert read(words[1]).attrs if words[1].endswith(".h5") else True
    return words


def start(preset, rate, folder):
    kind = load_config(preset, {}, {}).model.command
    words = [*WORDS, *MORE.get(preset, []), f"optimizer.learning_rate={rate}"]
    return command(kind, preset, *words, "--run", folder)


@pytest.mark.parametrize("preset", preset_names())
def test_the_advice_works_for_every_preset_also_after_rates_that_were_still_too_large(preset, tmp_path):
    done = start(preset, RATES.get(preset, "1e30"), tmp_path / "r")
    first = advised(done)
    healthy = tmp_path / "r/last.previous.h5" if first[1].endswith(".h5") else tmp_path / "r/last.h5"
    before = read(healthy).content_sha256
    words = first
    for _ in range(2 if preset == "residual" else 1):
        words = advised(command(*words, f"optimizer.learning_rate={RATES.get(preset, '1e30')}"))
    named = tmp_path / "r/last.h5" if words[1] == str(tmp_path / "r") else words[1]
    assert read(named).content_sha256 == before, "the healthy state is still there, and named"
    done = command(*words, "optimizer.learning_rate=0.001")
    assert done.exit_code == 0, done.stderr
    assert read(tmp_path / "r/last.h5").attrs["epoch"] == 1
    assert "diverged" not in read(tmp_path / "r/last.h5").attrs


def test_a_folder_goes_on_from_its_healthy_state_and_says_so(tmp_path):
    advised(start("residual", "1e3", tmp_path / "r"))
    assert read(tmp_path / "r/last.h5").attrs["diverged"] is True
    done = command("resume", tmp_path / "r", "optimizer.learning_rate=0.001", "--dry-run")
    assert "last.h5: is the state before a step that diverged." in done.stderr
    assert f"Going on from the one before it, {tmp_path / 'r/last.previous.h5'}." in done.stderr
    done = command("resume", tmp_path / "r/last.h5", "optimizer.learning_rate=0.001", "--dry-run")
    assert "after 2 batches of it" in done.stderr, "who names the file gets it"


def test_python_names_the_healthy_state_too(tmp_path):
    settings = {"training.epochs": 1, "training.batch_size": 100}
    with pytest.raises(DivergedError) as caught:
        gpunet.train("linear", data="digits", settings=settings, lr=1e5, run=tmp_path / "r", progress=False)
    healthy = tmp_path / "r/last.previous.h5"
    assert caught.value.healthy == healthy
    assert f"go on from before it with gpunet.resume({str(healthy)!r}, lr=...)" in str(caught.value)
    for _ in range(2):
        with pytest.raises(DivergedError, match=r"last\.previous\.h5"):
            gpunet.resume(healthy, lr=1e5, progress=False)
    assert gpunet.resume(healthy, lr=0.001, progress=False).run == tmp_path / "r"


def test_a_state_that_is_not_finite_diverges_and_leaves_the_files_that_are_there(tmp_path, monkeypatch):
    """Slots that overflow are seen by no step; whoever saved them could never resume."""
    from gpunet.stages import saving

    def poisoned(run, **options):
        root = real(run, **options)
        if run.history and "optimizer" in root:
            root["optimizer/rate_scale"].data = root["optimizer/rate_scale"].data * float("inf")
        return root

    real = saving.snapshot
    monkeypatch.setattr(saving, "snapshot", poisoned)
    settings = {"training.epochs": 1, "training.batch_size": 100}
    with pytest.raises(DivergedError, match=r"the state after epoch 1: optimizer/rate_scale must be finite"):
        gpunet.train("linear", data="digits", settings=settings, run=tmp_path / "r", progress=False)
    assert read(tmp_path / "r/last.h5").attrs["epoch"] == 0
