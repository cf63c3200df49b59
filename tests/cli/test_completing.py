"""What shells offer when a word is completed, asked as they ask."""

import os
import subprocess
import sys

import pytest

from gpunet.config import preset_names


def ask(instruction, *line, cwd):
    words = {"COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(line) - 1)}
    if instruction.startswith("fish"):
        words["COMP_CWORD"] = line[-1]
    code = "from gpunet.cli.program import run; run()"
    environment = {**os.environ, **words, "_GPUNET_COMPLETE": instruction}
    command = [sys.executable, "-c", f"import sys; sys.argv = ['gpunet']; {code}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def offered(*line, cwd):
    return [tuple(row.split(",", 1)) for row in ask("bash_complete", *line, cwd=cwd).splitlines()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["gpunet", "tr"], [("plain", "train")]),
        (["gpunet", "train", "supervised"], [("plain", "supervised-greedy"), ("file", "supervised")]),
        (["gpunet", "presets", "copy", "resnet2"], [("plain", "resnet20")]),
        (["gpunet", "train", "mlp", "epo"], [("plain", "epochs="), ("file", "epo")]),
        (["gpunet", "config", "show", "training.plateau.f"], [("plain", "training.plateau.factor="),
                                                              ("file", "training.plateau.f")]),
        (["gpunet", "resume", "runs/iris-mlp-1", "lea"], [("plain", "learning_rate=")]),
        (["gpunet", "predict", "runs/i"], [("plain", "runs/iris-mlp-1"), ("file", "runs/i")]),
        (["gpunet", "train", "finetune", "--from", "ru"], [("plain", "runs/digits-dbn-2"),
                                                          ("plain", "runs/iris-mlp-1"), ("file", "ru")]),
    ],
)  # fmt: skip
def test_words_are_completed(line, expected, tmp_path):
    for name in ("iris-mlp-1/best.h5", "digits-dbn-2/last.h5", "empty/nothing"):
        (tmp_path / "runs" / name).parent.mkdir(parents=True)
        (tmp_path / "runs" / name).touch()
    assert offered(*line, cwd=tmp_path) == expected


def test_a_word_that_has_not_begun_is_offered_presets_and_files(tmp_path):
    assert offered("gpunet", "train", "", cwd=tmp_path) == [*(("plain", name) for name in preset_names()), ("file", "")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines(shell, tmp_path):
    source = ask(f"{shell}_source", "", cwd=tmp_path)
    assert f"_GPUNET_COMPLETE={shell}_complete" in source
    if shell != "bash":
        assert "denoising" in ask(f"{shell}_complete", "gpunet", "pretrain", "den", cwd=tmp_path)
