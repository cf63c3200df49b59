"""Snapshots on the way of a training, and what they tell."""

import json

import numpy as np
import pytest

import gpunet
from gpunet.api.trajectory import trajectory
from gpunet.interruption import Stop
from shell import gpunet as command

STRENGTHS = (0.62, 0.5, 0.4, 0.32, 0.25)


def planted(samples=3000, units=32):
    """Spins of five orthogonal patterns, each with its own strength and, in each sample, its own sign."""
    hadamard = np.array([[1]])
    while len(hadamard) < units:
        hadamard = np.kron([[1, 1], [1, -1]], hadamard)
    patterns, rng = hadamard[[3, 5, 10, 17, 28]], np.random.default_rng(0)
    fields = (rng.choice([-1, 1], (samples, 5)) * STRENGTHS) @ patterns
    return patterns, np.where(rng.random(fields.shape) < 1 / (1 + np.exp(-2 * fields)), 1, -1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A machine of spins that learned them slowly, with snapshots."""
    folder, (patterns, x) = tmp_path_factory.mktemp("planted") / "run", planted()
    gpunet.train(
        "rbm", x, hidden=12, visible_units="spin", hidden_units="spin", epochs=40, batch_size=100, optimizer="sgd",
        lr=0.02, snapshots=24, run=folder, device="cpu", validation=0, settings={"model.chains": 100},
    )  # fmt: skip
    return folder, patterns


def test_planted_patterns_are_learned_one_by_one_the_strongest_first(run):
    folder, patterns = run
    found, overlaps = trajectory(folder, "cpu"), []
    for path in sorted((folder / "snapshots").glob("*.h5")):
        weight = gpunet.load(path, device="cpu").weights["weight"]
        overlaps.append(np.linalg.norm(patterns @ weight, axis=1) / np.sqrt(32))
    overlaps = np.array(overlaps)
    half = overlaps.max(axis=0) / 2
    first = [int(np.argmax(overlaps[:, k] > half[k])) for k in range(5)]
    assert first == sorted(first)
    assert len(set(found.updates[first])) == 5
    learned = (found.singular_values > 0.5).sum(axis=1)
    assert learned[0] == 0
    assert learned[-1] == 5
    assert (np.diff(learned) >= 0).all()
    assert set(learned) >= {0, 1, 2, 3, 4, 5}


def test_numbers_of_a_trajectory_are_those_of_its_machines(run):
    folder, _ = run
    found = trajectory(folder, "cpu")
    paths = sorted((folder / "snapshots").glob("*.h5"))
    assert [f"update-{update:09d}.h5" for update in found.updates] == [path.name for path in paths]
    steps = np.diff(np.log(found.updates[found.updates > 20]))
    assert steps == pytest.approx(np.full(len(steps), steps.mean()), rel=0.15)
    assert found.updates[-1] == 1200
    last, best = gpunet.load(paths[-1], device="cpu"), gpunet.load(folder, device="cpu")
    np.testing.assert_array_equal(last.weights["weight"], best.weights["weight"])
    singular = np.linalg.svd(last.weights["weight"], compute_uv=False)
    np.testing.assert_allclose(found.singular_values[-1], singular[:10], rtol=1e-4)
    assert found.effective_dimension[-1] == pytest.approx((singular**2).sum() ** 2 / (singular**4).sum(), rel=1e-4)
    assert "no file holds them" in found.missing


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A machine of few hidden units on the bundled digits, with snapshots."""
    folder = tmp_path_factory.mktemp("digits")
    words = ("model.hidden=6", "epochs=2", "snapshots=4", "--device", "cpu", "-q")
    command("pretrain", "rbm", *words, "--run", "run", cwd=folder)
    return folder


def test_likelihoods_of_both_parts_stand_beside_the_updates(digits):
    found = json.loads(command("inspect", "run", "--trajectory", "--json", cwd=digits).stdout)
    assert found["log_z"] == "exact"
    name = f"run/snapshots/update-{found['update'][-1]:09d}.h5"
    for part, key in (("train", "train_log_likelihood"), ("validation", "held_out_log_likelihood")):
        done = command("likelihood", name, "--part", part, "--json", "--device", "cpu", "--cases", 0, cwd=digits)
        expected = json.loads(done.stdout)
        tolerance = 1e-6 if part == "validation" else 0.02  # of the training part a thousand samples are measured
        assert found[key][-1] == pytest.approx(expected["log_likelihood"][0], rel=tolerance)
    assert command("inspect", "run", "--trajectory", "--csv", cwd=digits).stdout.count("\n") == 1 + len(found["update"])
    assert "effective" in command("inspect", "run", "--trajectory", cwd=digits).stdout
    pytest.importorskip("matplotlib")
    command("inspect", "run", "--trajectory", "-o", "t.svg", cwd=digits)
    assert (digits / "t.svg").read_text().count("updates") >= 1


def test_a_run_that_goes_on_keeps_the_snapshots_that_it_would_have_kept(tmp_path):
    x = planted(400)[1]
    rest = {
        "hidden": 4, "visible_units": "spin", "hidden_units": "spin", "batch_size": 50, "snapshots": 6, "epochs": 4,
        "device": "cpu", "validation": 0, "settings": {"model.chains": 20},
    }  # fmt: skip
    gpunet.train("rbm", x, run=tmp_path / "whole", **rest)
    stop = Stop()

    def after_two(record):
        stop.requested = "test" if record.epoch == 2 else ""

    gpunet.train("rbm", x, run=tmp_path / "parts", stop=stop, on_epoch=after_two, **rest)
    gpunet.resume(tmp_path / "parts", x, device="cpu", validation=None)
    names = sorted(path.name for path in (tmp_path / "whole/snapshots").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "parts/snapshots").iterdir())
    for name in names:
        one, other = (gpunet.load(tmp_path / folder / "snapshots" / name) for folder in ("whole", "parts"))
        assert one.checkpoint.content_sha256 == other.checkpoint.content_sha256


def seen(folder):
    done = command("inspect", "plain", "--trajectory", cwd=folder, check=False)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_has_no_trajectory_is_refused(digits, tmp_path):
    x = planted(100)[1]
    with pytest.raises(gpunet.GpunetError, match="snapshots: needs a folder to keep them in, got 3"):
        gpunet.train("rbm", x, visible_units="spin", hidden=3, snapshots=3, epochs=1, device="cpu")
    with pytest.raises(gpunet.GpunetError, match="must be 0 for a stack of layers"):
        gpunet.train("dbn", (x + 1) // 2, hidden=[3, 2], snapshots=3, epochs=1, run=tmp_path / "stack", device="cpu")
    gpunet.train("rbm", x > 0, hidden=3, epochs=1, run=tmp_path / "plain", device="cpu")
    assert not (tmp_path / "stack").exists()
    assert "must hold snapshots, got none" in seen(tmp_path)
    (tmp_path / "plain/snapshots").mkdir()
    for update, source in enumerate((digits / "run/best.h5", tmp_path / "plain/best.h5")):
        (tmp_path / f"plain/snapshots/update-{update:09d}.h5").write_bytes(source.read_bytes())
    assert "must hold machines of one shape, got 32x3, 64x6" in seen(tmp_path)
