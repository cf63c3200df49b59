"""Samples and likelihoods along the training of a machine: frozen versions of a run, and snapshots of any."""

import json
import os
import shutil
import signal
import sys

import numpy as np
import pytest

import gpunet
from gpunet.errors import ConfigError
from gpunet.inspection import tempering
from gpunet.rbm import trajectory
from shell import gpunet as command

FROZEN = {"name": "trajectory", "count": 20, "reservoir": 100, "freeze": 0.7, "every": 2, "sweeps": 60}
ONCE = {"hidden": 6, "epochs": 12, "batch_size": 20, "lr": 0.1, "device": "cpu", "validation": 0, "test": 0}


def samples(count=400):
    """Copies of two opposite patterns with a few flipped bits."""
    rng = np.random.default_rng(0)
    flipped = rng.random((count, 16)) < 0.1
    return ((rng.random((count, 1)) < 0.3) ^ flipped).astype(np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One run with frozen versions, and one of plain chains with snapshots."""
    folder = tmp_path_factory.mktemp("tempering")
    gpunet.train("rbm", samples(), run=folder / "frozen", settings={"model.chains": FROZEN}, **ONCE)
    gpunet.train("rbm", samples(), run=folder / "kept", snapshots=6, settings={"model.chains": 20}, **ONCE)
    np.savez(folder / "x.npz", x=samples())
    return folder


@pytest.mark.parametrize("name", ["frozen", "kept"])
def test_likelihoods_along_a_training_are_the_exact_ones(name, runs):
    machine = gpunet.load(runs / name, device="cpu")
    exact = machine.log_likelihood(samples())
    found = machine.log_likelihood(samples(), runs=100, mixing=150, trajectory=True)
    assert found.method == "trajectory"
    assert found.trusted
    assert found.value == pytest.approx(exact.value, abs=0.1)
    assert found.low - 0.02 < exact.value < found.high + 0.02
    words = "likelihood", name, "--data", "x.npz", "--trajectory", "--mixing", 150, "--cases", 0, "--device", "cpu"
    told = json.loads(command(*words, "--json", cwd=runs).stdout)
    assert told["log_likelihood"][0] == pytest.approx(found.value, abs=1e-6)
    assert "along the training" in command(*words, cwd=runs).stdout


@pytest.mark.parametrize("name", ["frozen", "kept"])
def test_samples_along_a_training_have_the_moments_of_the_machine(name, runs):
    machine = gpunet.load(runs / name, device="cpu")
    drawn = machine.sample(800, steps=40, trajectory=True)
    plain = machine.sample(4000, steps=3000)  # of this small machine plain chains mix as well
    np.testing.assert_allclose(drawn.mean(axis=0), plain.mean(axis=0), atol=0.09)
    np.testing.assert_array_equal(drawn, machine.sample(800, steps=40, trajectory=True))
    command("sample", name, "--trajectory", "-n", 7, "--steps", 10, "-o", f"{name}.npz", "--device", "cpu", cwd=runs)
    assert np.load(runs / f"{name}.npz")["x"].shape == (7, 16)


def test_snapshots_lead_to_the_machine_where_the_straight_way_does_not(runs, monkeypatch):
    machine = gpunet.load(runs / "kept", device="cpu")
    exact, real, ways = machine.log_likelihood(samples()).value, tempering._lead, []

    def blocked(ladder, targets, position):
        ways.append(position)
        if position:
            raise ConfigError("version 7 of 7", "must come to rest", "a wall", "none")
        real(ladder, targets, position)

    monkeypatch.setattr(tempering, "first_on_the_way", lambda rbm, device, targets, seed: len(targets) - 1)
    monkeypatch.setattr(tempering, "_lead", blocked)
    found = machine.log_likelihood(samples(), runs=100, mixing=150, trajectory=True)
    assert ways == [6, 0]
    assert found.value == pytest.approx(exact, abs=0.1)


def test_what_training_kept_says_how_it_went(runs):
    history = gpunet.load(runs / "frozen", device="cpu").history
    assert history["versions"][-1] >= 3
    assert (np.diff(history["gibbs_steps"]) > 0).all()
    assert ((history["exchange_rate"] > 0) & (history["exchange_rate"] <= 1)).all()


def refused(folder, *words):
    done = command("likelihood", *words, "--trajectory", "--cases", 0, "--device", "cpu", cwd=folder, check=False)
    assert done.returncode == 4, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("Error")]) <= 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_versions_of_another_machine_and_out_of_order_are_refused(runs, tmp_path):
    shutil.copytree(runs / "kept", tmp_path / "run")
    for number, path in enumerate(sorted((tmp_path / "run/snapshots").iterdir())):
        if number == 2:
            path.rename(path.with_name("update-000000777.h5"))
    assert "must be named after its update, so that snapshots lie in order" in refused(
        tmp_path, "run", "--data", str(runs / "x.npz")
    )
    shutil.rmtree(tmp_path / "run/snapshots")
    said = refused(tmp_path, "run", "--data", str(runs / "x.npz"))
    assert "must hold snapshots, got none" in said
    assert "chains=trajectory" in said
    narrow = gpunet.train("rbm", samples(), run=tmp_path / "narrow", **ONCE | {"hidden": 5, "epochs": 1})
    (tmp_path / "run/snapshots").mkdir()
    shutil.copy(tmp_path / "narrow/best.h5", tmp_path / "run/snapshots/update-000000020.h5")
    assert "must hold 1 machines of 16x6 units" in refused(tmp_path, "run", "--data", str(runs / "x.npz"))
    with pytest.raises(gpunet.GpunetError, match="must hold snapshots"):
        narrow.sample(3, trajectory=True)
    with pytest.raises(gpunet.GpunetError, match="start: must be left out along a trajectory"):
        narrow.sample(3, trajectory=True, start=samples(3))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_that_is_killed_inside_a_freeze_ends_as_if_it_had_not_been(tmp_path):
    settings = {"model.chains": FROZEN}
    whole = gpunet.train("rbm", samples(), run=tmp_path / "whole", settings=settings, **ONCE)
    if not (child := os.fork()):
        real, calls = trajectory.freeze, []

        def killed(ladder, *rest):
            calls.append(1)
            if len(calls) == 3:
                ladder.run(2)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(ladder, *rest)

        trajectory.freeze = killed
        try:
            gpunet.train("rbm", samples(), run=tmp_path / "killed", settings=settings, **ONCE)
        finally:
            sys.stdout.flush()
            os._exit(7)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    again = gpunet.resume(tmp_path / "killed", samples(), device="cpu", validation=None)
    assert again.checkpoint.content_sha256 == whole.checkpoint.content_sha256
