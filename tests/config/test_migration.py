"""Files of earlier versions: what they call by old names, and what they leave out."""

import json

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import note, read, write
from gpunet.config import check, load_config, migrate, migration, stamped
from gpunet.config.migration import CURRENT
from gpunet.errors import CheckpointError, ConfigError
from gpunet.persistence import dump, load_model, open_trained, snapshot
from runs import make_run

OLD = {
    "name": "linear",
    "model": {
        "name": "layers",
        "layers": [
            "linear",
            {"name": "residual", "body": ["linear", {"name": "batch_norm", "averaging": 0.2}], "shortcut": "linear"},
            {"name": "sequential", "layers": [{"name": "linear"}, "relu"]},
        ],
    },
}


def test_old_words_are_accepted_and_named_wherever_they_stand():
    found, notes = migrate(OLD)
    assert found["name"] == "linear", "the name of a run is its own"
    assert found["model"]["layers"] == [
        "identity",
        {"name": "residual", "body": ["identity", {"name": "batch_norm", "momentum": 0.2}], "shortcut": "identity"},
        {"name": "sequential", "layers": [{"name": "identity"}, "relu"]},
    ]
    assert notes == [
        "model.layers.0: linear is called identity now",
        "model.layers.1.body.0: linear is called identity now",
        "model.layers.1.body.1.averaging: is called momentum now",
        "model.layers.1.shortcut: linear is called identity now",
        "model.layers.2.layers.0: linear is called identity now",
    ]
    assert json.dumps(OLD).count("linear") == 5, "the document itself is left as it was"
    heard = []
    config = check(OLD, note=heard.append)
    assert heard == notes
    assert migrate(stamped(config.model_dump(mode="json"))) == (config.model_dump(mode="json"), [])
    assert config.model.layers[1].body.layers[1].build(n=3).momentum == 0.2


@pytest.mark.parametrize("key", ["activation", "code_activation"])
def test_old_activations_are_accepted_on_the_command_line_too(key):
    heard = []
    config = load_config("autoencoder", {f"model.{key}": "linear"}, {}, note=heard.append)
    assert getattr(config.model, key) == "identity"
    assert heard == [f"model.{key}: linear is called identity now"]


def test_what_an_old_file_leaves_out_means_what_it_meant_then(tmp_path, monkeypatch):
    def fill(document):
        document.setdefault("training", {}).setdefault("batch_size", 7)

    monkeypatch.setitem(migration.FILLERS, 2, fill)
    path = tmp_path / "mine.toml"
    path.write_text("seed = 1\n")
    assert load_config(str(path), {}, {}).training.batch_size == 7
    assert load_config(str(path), {"training.batch_size": 9}, {}).training.batch_size == 9
    path.write_text(f"config_version = {CURRENT}\nseed = 1\n")
    assert load_config(str(path), {}, {}).training.batch_size == 64
    assert load_config("mlp", {}, {}).training.batch_size != 7, "presets are of this version"
    assert load_config(None, {}, {}).training.batch_size == 64
    path.write_text(dump(load_config(None, {}, {})))
    assert path.read_text().startswith(f"config_version = {CURRENT}\n")
    assert load_config(str(path), {}, {}) == load_config(None, {}, {})


def test_what_is_learned_of_targets_stays_what_it_was_for_older_documents():
    assert check({"config_version": 2, "data": {}}).data.scale_target is False
    assert check({"config_version": 2, "data": {"scale_target": True}}).data.scale_target is True
    assert check({"config_version": 3}).data.scale_target == load_config("mlp", {}, {}).data.scale_target == "auto"


def test_the_label_column_is_the_target_now():
    heard = []
    config = check({"data": {"label": "species"}}, note=heard.append)
    assert (config.data.target, heard) == ("species", ["data.label: is called data.target now"])
    assert load_config(None, {"data.label": 3}, {}).data.target == 3
    assert migrate({"data": {"label": None}})[1] == []


@pytest.mark.parametrize("version", [CURRENT + 1, 0, "2", True, None])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(
        ConfigError, match=rf"config_version: must be a version from 1 to {CURRENT}, got .*newer gpunet"
    ):
        migrate({"config_version": version})


@pytest.mark.parametrize("document", [{"model": 3}, {"model": {"layers": 3}}, {"model": {"layers": [[None]]}}, {}])
def test_what_makes_no_sense_is_left_to_the_check(document):
    assert migrate(stamped(document)) == (document, [])


def test_runs_of_before_keep_their_arithmetic_and_their_rectified_units():
    model = {"name": "dbn", "visible_units": {"name": "noisy_relu", "n": 3}, "hidden_units": "noisy_relu"}
    found, notes = migrate({"model": model | {"top_units": "bernoulli"}})
    assert (found["numerics"], notes) == (1, [])
    rectified = {"name": "noisy_relu", "sampler": "rectified"}
    assert found["model"]["visible_units"] == rectified | {"n": 3}
    assert (found["model"]["hidden_units"], found["model"]["top_units"]) == (rectified, "bernoulli")
    config = check({"config_version": 2, "model": {"name": "rbm", "hidden_units": "noisy_relu"}})
    assert (config.numerics, config.model.hidden_units.sampler) == (1, "rectified")
    fresh = check({"model": {"name": "rbm", "hidden_units": "noisy_relu"}})
    assert (fresh.numerics, fresh.model.hidden_units.sampler) == (2, "exact")


def test_checkpoints_of_version_1_are_loaded(tmp_path):
    layers = [{"name": "dense", "n_out": 8}, "batch_norm", "identity"]
    run = make_run(None, Device(), **{"model.name": "layers", "model.layers": layers})
    content = snapshot(run, best=True)
    document = json.loads(content["config/json"].text)
    assert document.pop("config_version") == CURRENT
    words = document["model"]["layers"]
    words[1]["averaging"], words[2]["name"] = words[1].pop("momentum"), "linear"
    content["config/json"] = note(document)
    write(tmp_path / "old.h5", content)
    assert open_trained(read(tmp_path / "old.h5")).config == run.config.model_copy(
        update={"data": run.config.data.model_copy(update={"source": "digits"})}
    )
    model = load_model(tmp_path / "old.h5", Device())
    assert np.array_equal(model.parameters.values, run.trainer.parameters.values)
    content["config/json"] = note(document | {"config_version": 99})
    write(tmp_path / "new.h5", content)
    with pytest.raises(CheckpointError, match=r"must hold a known configuration.*config_version: must be a version"):
        open_trained(read(tmp_path / "new.h5"))
