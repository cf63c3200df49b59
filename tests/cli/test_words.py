"""What the words of a command are: presets, files, data that come along, folders of something finished, typos."""

import pytest

from gpunet.cli.options import named_source
from shell import gpunet, refused


@pytest.mark.parametrize(
    ("words", "default", "source", "data"),
    [
        (["mlp", "digits"], "mlp", "mlp", "digits"),
        (["digits", "mlp"], "mlp", "mlp", "digits"),
        (["digits"], "mlp", "digits", None),
        (["digits", "digits"], "mlp", "digits", "digits"),
        (["my.toml", "digits"], "mlp", "my.toml", "digits"),
        (["digits"], "rbm", "rbm", "digits"),
        (["digits"], "dbn", "dbn", "digits"),
        (["dbn", "digits", "lr=0.1"], "dbn", "dbn", "digits"),
        (["mlp", "some/t.csv"], "mlp", "mlp", "some/t.csv"),
    ],
)
def test_data_that_come_along_are_named_like_any_other(words, default, source, data):
    found, overrides = named_source(words, {}, default)
    assert (found, overrides.get("data.source")) == (source, data)


@pytest.mark.parametrize("command", ["train", "search", "ensemble"])
def test_a_preset_and_the_digits_are_words_of_each_command_that_trains(command, tmp_path):
    done = gpunet(command, "mlp", "digits", "--dry-run", "epochs=1", cwd=tmp_path)
    assert "digits" in done.stderr


@pytest.mark.parametrize(("command", "model"), [("pretrain", "rbm"), ("compare", "64-256-256")])
def test_digits_alone_are_data_where_their_preset_is_of_another_kind(command, model, tmp_path):
    assert model in gpunet(command, "digits", "--dry-run", "epochs=1", cwd=tmp_path).stderr


def test_two_data_sets_are_one_too_many(tmp_path):
    (tmp_path / "t.csv").write_text("a,label\n1,x\n")
    refused("train", "mlp", "digits", "t.csv", cwd=tmp_path, code=2, expected="data: must be one file or folder")


@pytest.mark.parametrize(("command", "kind"), [("search", "a search"), ("compare", "a comparison")])
def test_paths_are_called_what_they_are(command, kind, tmp_path):
    refused(
        command,
        "c/1",
        cwd=tmp_path,
        code=3,
        expected=f"c/1: must be an existing file or folder of data, or the folder of {kind}, got nothing there",
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run/best.h5").write_bytes(b"")
    refused(command, "run", cwd=tmp_path, code=2, expected=f"or the folder of {kind}, got a run")
    other, name = ("compare.json", "a comparison") if command == "search" else ("search.toml", "a search")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / other).write_text("")
    refused(command, "other", cwd=tmp_path, code=2, expected=f"got {name}")


@pytest.mark.parametrize(("path", "received"), [("nowhere", "nothing there"), ("run", "a run"), ("f", "a file")])
def test_what_is_no_search_does_not_go_on(path, received, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.h5").write_bytes(b"")
    (tmp_path / "f").write_text("")
    refused(
        "search",
        "--resume",
        path,
        cwd=tmp_path,
        code=2,
        expected=f"{path}: must be the folder of a search, got {received}",
    )
