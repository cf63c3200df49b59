"""A family of models that does not come with gpunet: one class in this file, passed where files are read."""

from typing import ClassVar, Literal

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.cli.app import main
from gpunet.config import Config, check, load_config, override, schema
from gpunet.data import Feed, split
from gpunet.datasets import load
from gpunet.errors import CheckpointError, ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.families import DBNConfig, Family
from gpunet.fields import Count
from gpunet.inspection.portrait import portrait
from gpunet.layers import Dense, ReLU, Sequential, Tanh
from gpunet.persistence import held_in, load_model, load_stack, open_trained, snapshot
from gpunet.stages import Stack, resume, resumed_config
from gpunet.training import Evaluator


class Bottleneck(Family):
    """A network that becomes narrow in the middle."""

    name: Literal["bottleneck"] = "bottleneck"
    wide: Count = 24
    narrow: Count = 6

    def network(self, shape, outputs):
        """Wide, narrow, out."""
        return Sequential([Dense(self.wide), ReLU(), Dense(self.narrow), Tanh(), Dense(outputs)])


class Tower(DBNConfig):
    """A stack of machines under a name of its own."""

    transfer: ClassVar[str] = "bottom_up"

    name: Literal["tower"] = "tower"
    hidden: tuple[Count, ...] = (12, 8)


OWN = [Bottleneck, Tower]
SETTINGS = {"training": {"epochs": 3, "batch_size": 32}, "optimizer": {"learning_rate": 0.01}}


@pytest.fixture(scope="module")
def digits():
    dataset = load("digits")
    return dataset, split(dataset, validation=0.15, test=0.15, seed=0)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """A run of an own family, and the file of its best weights."""
    config = check({**SETTINGS, "members": 2, "model": {"name": "bottleneck", "wide": 30}}, OWN)
    run = Run(Experiment(config, *digits, Device()))
    run.train()
    path = tmp_path_factory.mktemp("own") / "best.h5"
    write(path, snapshot(run, best=True, portrait=portrait(run)))
    return run, path


def test_it_learns_and_a_checkpoint_says_what_it_is(trained):
    run, path = trained
    assert (run.test_scores["accuracy"] > 0.8).all()
    found = read(path)
    assert found.attrs["model"] == "dense(64, 30) relu dense(30, 6) tanh dense(6, 10)"
    assert found["model/002_dense/weight"].data.shape == (2, 30, 6)
    assert "activations/003_tanh" in found.root
    assert run.config.model.followed_by == ("predict", "report")


def test_it_is_loaded_and_evaluated_as_it_was_trained(trained, digits, device):
    run, path = trained
    dataset, parts = digits
    model = load_model(path, device, families=OWN)
    assert model.config == run.config
    x = dataset.x[parts.test].reshape(-1, 64)
    feed = Feed(device, x, dataset.y[parts.test], model.preprocessing, np.dtype("f4"))
    scores = Evaluator(model.objective, feed, 2, device).scores()
    assert scores["accuracy"].tolist() == run.test_scores["accuracy"].tolist()
    assert scores["loss"] == pytest.approx(run.test_scores["loss"], rel=1e-6)


@pytest.mark.parametrize("view", [[], ["--stats"], ["--history"], ["--json"], ["model/002_dense/weight"]])
def test_its_checkpoint_can_be_inspected_without_its_class(view, trained):
    done = CliRunner().invoke(main, ["inspect", str(trained[1]), *view])
    assert done.exit_code == 0, done.output
    assert done.output


def test_its_run_goes_on_bit_for_bit(digits, tmp_path):
    config = check({**SETTINGS, "model": "bottleneck"}, OWN)
    whole = Run(Experiment(config, *digits, Device()))
    whole.train()
    half = Run(Experiment(override(config, {"training.epochs": 1}), *digits, Device()))
    half.train()
    write(tmp_path / "last.h5", snapshot(half, best=False))
    saved = open_trained(read(tmp_path / "last.h5"), OWN)
    again = resumed_config(saved, {"training.epochs": 3}, "digits")
    (rest,) = resume(Experiment(again, *digits, Device()), saved)
    rest.train()
    assert np.array_equal(rest.trainer.parameters.values, whole.trainer.parameters.values)


def test_a_stack_of_its_own_is_trained_layer_by_layer(digits, tmp_path, device):
    config = check({**SETTINGS, "model": "tower", "optimizer": {"name": "sgd", "learning_rate": 0.05}}, OWN)
    for run in Stack(Experiment(config, *digits, device)).stages():
        run.train()
    write(tmp_path / "best.h5", snapshot(run, best=True))
    assert read(tmp_path / "best.h5").attrs["model"] == "tower(64-12-8)"
    stack = load_stack(tmp_path / "best.h5", device, families=OWN)
    assert [machine.hidden.n for machine in stack.dbn.machines] == [12, 8]
    assert len(held_in(read(tmp_path / "best.h5"), device, OWN).dbn.machines) == 2
    with pytest.raises(CheckpointError, match="must hold a network with outputs, got tower"):
        load_model(tmp_path / "best.h5", device, OWN)


def test_a_toml_file_may_name_it_where_it_is_passed(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('[model]\nname = "bottleneck"\nnarrow = 3\n')
    config = load_config(str(file), {"model.wide": 9}, {}, families=OWN)
    assert isinstance(config.model, Bottleneck)
    assert (config.model.narrow, config.model.wide) == (3, 9)
    assert override(config, {"model.narrow": 4}).model == Bottleneck(narrow=4, wide=9)
    assert load_config("mlp", {}, {}, families=OWN).model == load_config("mlp", {}, {}).model
    for line in ("narow = 3", "narrow = 0"):
        file.write_text(f'[model]\nname = "bottleneck"\n{line}\n')
        with pytest.raises(ConfigError, match=r"model.narr?ow: (is no key here. Did you mean narrow\?|must be gr)"):
            load_config(str(file), {}, {}, families=OWN)


def test_an_unknown_family_is_refused_with_the_argument_that_is_missing(tmp_path, trained):
    file = tmp_path / "own.toml"
    file.write_text('[model]\nname = "bottleneck"\n')
    with pytest.raises(ConfigError, match=r"model: is no known choice, got 'bottleneck'\. .*families=\[\.\.\.\]\.$"):
        load_config(str(file), {}, {})
    for opened in (lambda: load_model(trained[1], Device()), lambda: open_trained(read(trained[1]), [Tower])):
        with pytest.raises(CheckpointError) as caught:
            opened()
        assert str(caught.value) == (
            f"{trained[1]}: must be of a family of models that is known, got 'bottleneck'. "
            "Pass the class of that name in families=[...]."
        )
    done = CliRunner().invoke(main, ["evaluate", str(trained[1]), "--device", "cpu"])
    assert (done.exit_code, done.stdout) == (4, "")
    assert "families=[...]" in done.stderr


def test_families_have_names_of_their_own():
    class Other(Family):
        name: Literal["mlp"] = "mlp"

    class Nameless(Family):
        name: str = "nameless"

    for families, message in (
        ([Other], "families: Other: must have a name of its own, got 'mlp'. MLPConfig has that one."),
        ([Bottleneck, Bottleneck], "families: Bottleneck: must have a name of its own, got 'bottleneck'."),
        ([Nameless], "families: Nameless: must have a name that is a Literal."),
        ([dict], "families: must be classes of families, got <class 'dict'>."),
    ):
        with pytest.raises(ConfigError) as caught:
            schema(families)
        assert str(caught.value).startswith(message)


def test_the_schema_is_the_same_for_the_same_families():
    assert schema() is Config
    assert schema(OWN) is schema(tuple(OWN))
    assert check({}, OWN) == check({}, OWN)
    assert Config.families == ()
    assert check({"model": "mlp"}).model_dump() == check({"model": "mlp"}, OWN).model_dump()
