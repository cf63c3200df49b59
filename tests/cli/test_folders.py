"""A run's folder is one run: what its files say of each other, by the command line and from Python."""

import os
import shutil
import warnings

import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from gpunet.checkpoint import read, replace_file
from gpunet.cli import main
from gpunet.config import load_config, read_text
from gpunet.errors import CheckpointError, ConfigError, WriteError
from gpunet.interruption import Stop
from gpunet.persistence import RunFolder, dump

SHORT = {"training.epochs": 2, "training.batch_size": 100}
WORDS = [f"{key}={value}" for key, value in SHORT.items()]


def command(*words):
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def resumed_by(door, folder, **changes):
    """Exit code, or that of the error, and what was said."""
    if door == "command":
        done = command("resume", folder, *(f"{key}={value}" for key, value in changes.items()))
        return done.exit_code, done.stderr
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            gpunet.resume(folder, progress=False, **changes)
        except gpunet.GpunetError as error:
            return error.exit_code, str(error)
    return 0, "\n".join(str(line.message) for line in said)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of the same configuration but for the hidden layer."""
    folder = tmp_path_factory.mktemp("made")
    for name, hidden in (("a", "[5]"), ("b", "[6]")):
        done = command("train", "mlp", *WORDS, f"hidden={hidden}", "--run", folder / name)
        assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def runs(made, tmp_path):
    for name in "ab":
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def identity(path):
    return read(path).attrs["run_id"]


def without_identity(folder):
    """The folder as it was written before runs had identities."""
    from gpunet.checkpoint import write

    for path in folder.glob("*.h5"):
        root = read(path).root
        del root.attrs["run_id"]
        write(path, root)
    text = read_text(folder / "config.toml")
    replace_file(folder / "config.toml", [text.partition("\n")[2].encode()])


def test_all_files_of_a_run_name_it_and_no_other_run_does(made):
    for name in "ab":
        named = {identity(path) for path in (made / name).glob("*.h5")}
        named.add(read_text(made / name / "config.toml").splitlines()[0].removeprefix("# run "))
        assert len(named) == 1
    assert identity(made / "a/last.h5") != identity(made / "b/last.h5")


def test_the_identity_is_no_content(made, tmp_path):
    command("train", "mlp", *WORDS, "hidden=[5]", "--run", tmp_path / "again")
    for name in ("best.h5", "last.h5"):
        assert read(tmp_path / "again" / name).content_sha256 == read(made / "a" / name).content_sha256
        assert identity(tmp_path / "again" / name) != identity(made / "a" / name)


@pytest.mark.parametrize("door", ["command", "python"])
@pytest.mark.parametrize("name", ["last.h5", "best.h5", "config.toml"])
def test_a_file_of_another_run_is_named_and_nothing_overwritten(name, door, runs):
    shutil.copy(runs / "b" / name, runs / "a" / name)
    before = {path.name: path.read_bytes() for path in (runs / "a").iterdir() if path.name != ".lock"}
    code, said = resumed_by(door, runs / "a", epochs=3)
    assert code == 4
    first = {"last.h5": "last.h5 of run ", "best.h5": "best.h5 of run ", "config.toml": "config.toml of run "}[name]
    assert "must hold the files of one run" in said
    assert first in said
    assert {path.name: path.read_bytes() for path in (runs / "a").iterdir() if path.name != ".lock"} == before


@pytest.mark.parametrize("door", ["command", "python"])
def test_folders_of_before_there_were_identities_go_on_and_get_one(door, runs):
    without_identity(runs / "a")
    code, said = resumed_by(door, runs / "a", epochs=3)
    assert (code, "differs" in said) == (0, False), said
    named = identity(runs / "a/last.h5")
    assert read_text(runs / "a/config.toml").startswith(f"# run {named}\n")
    assert resumed_by(door, runs / "a", epochs=4)[0] == 0
    assert identity(runs / "a/last.h5") == named


@pytest.mark.parametrize("door", ["command", "python"])
def test_what_does_not_fit_without_an_identity_is_said_in_one_line(door, runs):
    without_identity(runs / "a")
    without_identity(runs / "b")
    shutil.copy(runs / "b/last.h5", runs / "a")
    code, said = resumed_by(door, runs / "a", epochs=3)
    assert code == 0
    line = f"{runs / 'a/config.toml'} differs from last.h5: model.hidden is (5,) there, (6,) in the state"
    assert line in said.splitlines()


@pytest.mark.parametrize("removed", ["lock", "folder"])
def test_a_run_whose_lock_is_taken_writes_nothing_more(removed, tmp_path):
    """The second run has the folder to itself; nothing of the first comes in between."""
    folder = tmp_path / "r"
    others: list[bytes] = []

    def take(record):
        if others:
            return
        if removed == "folder":
            shutil.rmtree(folder)
            folder.mkdir()
        else:
            (folder / ".lock").unlink()
        (folder / ".lock").write_text("other")
        (folder / "last.h5").write_bytes(b"other")
        others.append(b"other")

    with pytest.raises(WriteError, match="must keep its lock while a run is at work in it"):
        gpunet.train("linear", data="digits", settings=SHORT, run=folder, on_epoch=take, progress=False)
    assert (folder / "last.h5").read_bytes() == b"other"


def full(folder, preset="linear", **changes):
    """A folder as a run leaves it that ends before its first save."""
    folder.mkdir()
    (folder / "config.toml").write_text(dump(load_config(preset, {**SHORT, **changes}, {})))
    (folder / ".last.h5.4711.tmp").write_bytes(b"part")
    return folder


@pytest.mark.parametrize("door", ["command", "python"])
def test_a_run_that_ended_before_its_first_save_begins_anew(door, tmp_path):
    folder = full(tmp_path / "r", seed=3)
    code, said = resumed_by(door, folder)
    assert code == 0, said
    assert "ended before its first save: it begins anew from its config.toml" in said
    command("train", "linear", *WORDS, "seed=3", "--run", tmp_path / "same")
    assert read(folder / "best.h5").content_sha256 == read(tmp_path / "same/best.h5").content_sha256
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize("door", ["command", "python"])
def test_such_a_folder_can_be_trained_into(door, tmp_path):
    folder = full(tmp_path / "r")
    if door == "command":
        assert command("train", "linear", *WORDS, "--run", folder).exit_code == 0
    else:
        gpunet.train("linear", data="digits", settings=SHORT, run=folder, progress=False)
    assert read(folder / "last.h5").attrs["epoch"] == 2


@pytest.mark.parametrize(
    "content", ["seed = 3\n", "config_version = 2\n# mine\n", "a = 'something else'\n", "\0", "[" * 10_000]
)
def test_a_configuration_that_somebody_wrote_is_not_trained_over(content, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/config.toml").write_text(content)
    done = command("train", "linear", *WORDS, "--run", tmp_path / "r")
    assert (done.exit_code, (tmp_path / "r/config.toml").read_text()) == (2, content)
    assert "must be a new or empty folder" in done.stderr


def test_a_folder_has_no_configuration_before_it_has_a_state(tmp_path, monkeypatch):
    from gpunet import writing

    order = []
    real = os.replace

    def replace(old, new):
        order.append(os.fspath(new).rpartition("/")[2])
        return real(old, new)

    monkeypatch.setattr(writing.os, "replace", replace)
    gpunet.train("linear", data="digits", settings=SHORT, run=tmp_path / "r", progress=False)
    assert order[:2] == ["last.h5", "config.toml"]


@pytest.mark.parametrize("name", ["a\udcff", "x y", "ü", "n" * 200])
def test_folders_of_any_name_are_trained_into_and_resumed(name, tmp_path):
    words = ["linear", *WORDS, "--run", tmp_path / name]
    assert command("train", *words).exit_code == 0
    assert command("resume", tmp_path / name, "epochs=3").exit_code == 0
    assert read(tmp_path / name / "last.h5").attrs["epoch"] == 3


@pytest.mark.parametrize("words", [["train", "linear", "--run"], ["resume"], ["report"], ["evaluate"], ["verify"]])
def test_paths_beyond_what_a_system_takes_are_refused_in_one_line(words):
    done = command(*words, "x" * 5000)
    assert done.exit_code in (2, 3, 4, 74)
    assert len([line for line in done.stderr.splitlines() if line.startswith("gpunet: ")]) == 1


def test_damaged_states_are_kept_beside_each_other(runs):
    for number, name in enumerate(("last.damaged.h5", "last.damaged-2.h5")):
        (runs / "a/last.h5").write_bytes(b"damaged" * (number + 1))
        assert command("resume", runs / "a", f"epochs={number + 3}").exit_code == 0
        assert (runs / "a" / name).read_bytes() == b"damaged" * (number + 1)


def test_a_state_that_cannot_be_written_is_found_before_there_is_a_folder(tmp_path):
    x = np.random.default_rng(0).random((40, 3))
    names = [f"class {number}" + "x" * 70_000_0 for number in range(100)]
    y = np.array(names)[np.arange(40) % 100]
    with pytest.raises(gpunet.GpunetError):
        gpunet.train("linear", x, y, run=tmp_path / "r", epochs=1, batch_size=8, progress=False)
    assert not list(tmp_path.iterdir())


def test_folders_that_are_no_run_are_refused_from_python_too(tmp_path):
    with pytest.raises(CheckpointError, match=r"must hold the last\.h5 of a run"):
        gpunet.resume(tmp_path)
    (tmp_path / "x").write_text("")
    with pytest.raises(ConfigError, match="must be a new or empty folder"):
        RunFolder.create(str(tmp_path), load_config("linear", {}, {}))


def test_a_stop_before_the_first_step_rotates_nothing(runs):
    before = {path.name: path.read_bytes() for path in (runs / "a").glob("*.h5")}
    stop = Stop()
    stop.request("a test")
    gpunet.resume(runs / "a", stop=stop, progress=False)
    assert {path.name: path.read_bytes() for path in (runs / "a").glob("last*.h5")} == {
        name: content for name, content in before.items() if name.startswith("last")
    }


def test_a_state_alone_goes_on_in_another_folder(runs):
    """It may lie anywhere, under any name."""
    shutil.move(runs / "a/last.h5", runs / "state.h5")
    done = command("resume", runs / "state.h5", "epochs=3", "--run", runs / "c")
    assert done.exit_code == 0, done.stderr
    assert read(runs / "c/last.h5").attrs["epoch"] == 3
    assert identity(runs / "c/last.h5") != identity(runs / "state.h5")
