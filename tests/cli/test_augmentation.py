"""Augmentation from the command line."""

import json

import pytest

from shell import gpunet, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training

TRAIN = ["train", "digits", "model.hidden=[24]", "optimizer.learning_rate=0.01", "--device", "cpu"]


def test_a_file_configures_it_and_training_repeats_bit_by_bit(tmp_path):
    (tmp_path / "my.toml").write_text(
        'name = "my"\n[model]\nhidden = [24]\n[training]\nepochs = 4\n[optimizer]\nlearning_rate = 0.01\n'
        "[augmentation]\nshift = { pixels = 1 }\nelastic = { pixels = 0.5 }\nmixup = true\n[augmentation.rotate]\n"
        "degrees = 10\n"
    )
    for run in ("a", "b"):
        gpunet("train", "my.toml", "--device", "cpu", "--run", run, cwd=tmp_path)
    hashes = {
        json.loads(gpunet("inspect", f"{run}/best.h5", "--json", cwd=tmp_path).stdout)["content_sha256"]
        for run in ("a", "b")
    }
    assert len(hashes) == 1
    shown = gpunet("config", "show", "my.toml", "--toml", cwd=tmp_path).stdout
    assert '\nrotate = { "name" = "rotate", "degrees" = 10.0 }\n' in shown.partition("[augmentation]")[2]
    gpunet("gradcheck", "my.toml", "--steps", "3", "--device", "cpu", cwd=tmp_path)
    error = json.loads(gpunet("evaluate", "a/best.h5", "--json", "--device", "cpu", cwd=tmp_path).stdout)["error"][0]
    assert error < 0.6


def test_members_of_a_population_see_what_each_sees_alone(tmp_path):
    words = [*TRAIN, "augmentation.rotate=true", "augmentation.mixup=true", "training.epochs=2", "--json"]
    together = json.loads(gpunet(*words, "--seeds", "2", cwd=tmp_path).stdout)["best"]
    alone = [json.loads(gpunet(*words, "--seed", seed, cwd=tmp_path).stdout)["best"][0] for seed in (0, 1)]
    assert together == alone


def test_it_helps_against_moved_digits(tmp_path):
    import numpy as np

    from gpunet.datasets import load

    digits = load("digits")
    moved = np.roll(digits.x[:400], 1, axis=2)
    np.savez(tmp_path / "moved.npz", x=moved, y=digits.y[:400])
    errors = []
    for words in ([], ["augmentation.shift.pixels=1"]):
        done = gpunet(*TRAIN, "model.hidden=[64]", "training.epochs=12", *words, "--json", cwd=tmp_path)
        path = json.loads(done.stdout)["checkpoint"]
        found = gpunet("evaluate", path, "--data", "moved.npz", "--json", "--device", "cpu", cwd=tmp_path).stdout
        errors.append(json.loads(found)["error"][0])
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["augmentation.rotat=true"], 2, "augmentation.rotat: is no key here. Did you mean rotate"),
        (["augmentation.rotate.degree=3"], 2, "augmentation.rotate.degree: is no key here. Did you mean degrees"),
        (["augmentation.rotate.degrees=270"], 2, "augmentation.rotate.degrees"),
        (["augmentation.cut_out.pixels=0"], 2, "augmentation.cut_out.pixels"),
        (["augmentation.colour=true"], 2, "needs images of height x width x channels, got 8x8"),
        (["augmentation.mixup=true", "loss=hinge"], 2, "augmentation.mixup: needs a loss for targets between classes"),
    ],
)
def test_mistakes_are_told_before_training(words, code, expected, tmp_path):
    refused("train", "digits", *words, cwd=tmp_path, code=code, expected=expected)


def test_a_stack_is_refused(tmp_path):
    words = ["pretrain", "dbn", "augmentation.shift=true"]
    refused(*words, cwd=tmp_path, code=2, expected="needs a model that sees the samples themselves, got dbn")
