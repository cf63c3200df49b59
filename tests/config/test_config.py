"""Configuration: one schema out of the classes, every source, and messages that help."""

import inspect

import numpy as np
import pytest

from gpunet import initializers, layers, losses, optimizers, rbm, schedules
from gpunet.backend import Device
from gpunet.config import (
    Config,
    build_averaging,
    build_loss,
    build_rule,
    load_config,
    parse_assignments,
    preset_names,
)
from gpunet.errors import ConfigError
from gpunet.fields import term
from gpunet.initializers import Glorot, He
from gpunet.layers import BatchNorm, Dense, LeakyReLU, ReLU, Residual
from gpunet.optimizers import EMA, SGD, SWA, Adam
from gpunet.parameter import Parameters
from gpunet.schedules import Exponential, Join, Ramp, Step, WarmUp
from gpunet.searches import read_search
from gpunet.vocabulary import words

FAMILIES = [
    (initializers.Initializer, initializers),
    (layers.Layer, layers),
    (losses.Loss, losses),
    (optimizers.Rule, optimizers),
    (optimizers.Averaging, optimizers),
    (schedules.Schedule, schedules),
    (rbm.Units, rbm),
]


def load(*assignments, source=None, environment=None):
    return load_config(source, parse_assignments(assignments), environment or {})


def problems(*assignments, **options):
    with pytest.raises(ConfigError) as caught:
        config = load(*assignments, **options)
        config.model.network((5,), 2)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(("base", "room"), FAMILIES)
def test_every_exported_class_is_a_word(base, room):
    exported = {
        term(c)
        for c in vars(room).values()
        if inspect.isclass(c) and issubclass(c, base) and c.__name__ in room.__all__
    } - {term(base)}
    assert exported <= {word.__name__ for word in words()}
    assert exported


@pytest.mark.parametrize("preset", preset_names())
def test_presets_are_valid_and_buildable(preset):
    config = load(source=preset)
    assert config.name == preset
    parameters = Parameters(config.model.network((8, 8, 1) if config.model.sees_positions else (64,), 10), 0, Device())
    assert parameters.count > 0
    assert isinstance(build_rule(config), optimizers.Rule)
    assert Config.model_validate(config.model_dump(mode="json")) == config


def test_words_become_objects_with_their_settings():
    config = load("optimizer={name='sgd', learning_rate={name='step', value=0.5, every=3}, momentum=0.9}")
    assert build_rule(config) == SGD(Step(0.5, every=3), momentum=0.9)
    assert build_rule(load()) == Adam()


def test_schedules_nest():
    inner = "{name='join', schedules=[{name='ramp', start=0.0, stop=0.1, epochs=2}, {name='exponential', value=0.1}]"
    warm = f"optimizer.learning_rate={{name='warm_up', epochs=3, then={inner}, epochs=[2]}}}}"
    expected = WarmUp(Join((Ramp(0.0, 0.1, 2), Exponential(0.1)), (2,)), epochs=3)
    assert build_rule(load(warm)) == Adam(expected)
    config = load(warm)
    assert Config.model_validate(config.model_dump(mode="json")) == config
    wrong = "optimizer.learning_rate={name='join', epochs=[2], schedules=[{name='rampp'}]}"
    assert "is no known choice, got 'rampp'. Did you mean ramp?" in problems(wrong)


def test_a_schedule_must_cover_the_training():
    cycle = "optimizer={name='sgd', learning_rate=0.1, momentum={name='one_cycle', value=0.9, epochs=15}}"
    assert build_rule(load(cycle, "training.epochs=15")).momentum.ends == 15
    expected = "optimizer.momentum: must cover all 20 epochs of training, got a schedule that ends after 15."
    with pytest.raises(ConfigError, match=expected) as caught:
        build_rule(load(cycle))
    assert str(caught.value).endswith("Make it longer, or set training.epochs=15.")
    assert caught.value.exit_code == 2


def test_averages_are_words_and_must_begin_within_the_training():
    assert build_averaging(load()) is None
    assert build_averaging(load("training.averaging=ema")) == EMA(0.999)
    assert build_averaging(load("training.averaging={name='swa', start=20}")) == SWA(20)
    with pytest.raises(
        ConfigError, match=r"training.averaging.start: must be one of the 20 epochs of training, got 21"
    ):
        build_averaging(load("training.averaging={name='swa', start=21}"))
    assert "training.averaging.start: is needed" in problems("training.averaging=swa")


def test_layers_get_their_widths_from_the_layer_before():
    config = load(
        "model.name=layers",
        "model.layers=[{name='dense', n_out=7, initializer='he'}, 'batch_norm', {name='leaky_relu', slope=0.2}]",
    )
    dense, norm, leaky, out = config.model.network((5,), 3).layers
    assert (dense.n_in, dense.n_out, norm.n, out.n_in, out.n_out) == (5, 7, 7, 7, 3)
    assert (type(dense.initializer), type(norm), leaky.slope) == (He, BatchNorm, 0.2)
    assert (type(leaky), type(out.initializer)) == (LeakyReLU, Glorot)


def test_residual_blocks_nest():
    block = "{name='residual', body=['relu', {name='dense', n_out=4}], shortcut={name='dense', n_out=4}}"
    model = load("model.name=layers", f"model.layers=[{block}]").model.network((5,), 2)
    residual, out = model.layers
    assert isinstance(residual, Residual)
    assert [type(layer) for layer in residual.body.layers] == [ReLU, Dense]
    assert (residual.shortcut.n_in, out.n_in) == (5, 4)


def test_mlp_initialises_for_its_activation():
    assert isinstance(load().model.network((5,), 2).layers[0].initializer, He)
    assert isinstance(load("model.activation=tanh").model.network((5,), 2).layers[0].initializer, Glorot)


def test_precedence_is_preset_file_environment_overrides(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[training]\nepochs = 5\nbatch_size = 7\n")
    environment = {"GPUNET_TRAINING__EPOCHS": "6", "GPUNET_SEED": "3", "GPUNET_DATA": "/elsewhere", "HOME": "x"}
    config = load("seed=4", source=str(file), environment=environment)
    assert (config.training.epochs, config.training.batch_size, config.seed) == (6, 7, 4)


def test_a_word_for_a_section_leaves_the_keys_inside_whichever_comes_first():
    """Else a learning rate is lost in silence where the rule is named behind it."""
    words = ["lr=0.3", "optimizer=sgd", "model.chains.count=7", "model.chains=persistent"]
    for order in (words, words[::-1]):
        config = load_config("rbm", parse_assignments(order), {})
        assert (config.optimizer.name, config.optimizer.learning_rate) == ("sgd", 0.3)
        assert config.model.chains.build().count == 7


def test_loss_follows_the_task_unless_it_is_named():
    assert term(type(build_loss(load(), 3))) == "categorical_cross_entropy"
    assert term(type(build_loss(load(), 0))) == "squared_error"
    assert term(type(build_loss(load("loss=binary_cross_entropy"), 3))) == "binary_cross_entropy"
    assert build_loss(load("loss={name='huber', delta=0.5}"), 0) == losses.Huber(0.5)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("training.epoch=3", "training.epoch: is no key here. Did you mean epochs?"),
        ("trainin.epochs=3", "trainin: is no key here. Did you mean training?"),
        ("optimizer.learning_rat=1", "optimizer.learning_rat: is no key here. Did you mean learning_rate?"),
        ("optimizer=adamm", "optimizer: is no known choice, got 'adamm'. Did you mean adam?"),
        ("optimizer.learning_rate=-1", "optimizer.learning_rate: must be greater than or equal to 0, got -1."),
        ("optimizer.learning_rate=inf", "optimizer.learning_rate: must be a finite number, got inf."),
        ("training.l1=inf", "training.l1: must be a finite number, got inf."),
        ("training.batch_size=0", "training.batch_size: must be greater than or equal to 1, got 0."),
        ("training.epochs=many", "training.epochs: must be a whole number"),
        ("model.activation=rellu", "model.activation: is no known choice, got 'rellu'. Did you mean relu?"),
        ("model=mpl", "model: is no known choice, got 'mpl'. Did you mean mlp?"),
        ("model.dropout=1", "model.dropout: must be less than 1, got 1."),
        ("name=../up", "name: "),
        ("data.validation=1.5", "data.validation: "),
        ("seed=-1", "seed: must be greater than or equal to 0"),
    ],
)
def test_mistakes_get_one_line_with_path_and_remedy(assignment, expected):
    message = problems(assignment)
    assert expected in message
    assert "\n" not in message


def test_all_mistakes_are_reported_at_once():
    lines = problems("training.epoch=3", "optimizer=adamm", "seed=x").splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["optimizer", "seed", "training.epoch"]


def test_mistakes_inside_layers_name_their_place():
    message = problems("model.name=layers", "model.layers=['relu', {name='residual', body=['droput']}]")
    assert message == "model.layers.1.body.0: is no known choice, got 'droput'. Did you mean dropout?"
    block = "{name='residual', body={name='dense', n_out=4}}"
    assert "must end in the same width, got 4 and 5" in problems("model.name=layers", f"model.layers=[{block}]")
    wrong = problems("model.name=layers", "model.layers=[{name='batch_norm', n=9}]")
    assert "batch_norm.n: must be the width of the layer before, 5, got 9" in wrong


def test_unknown_presets_and_files_are_refused(tmp_path):
    assert "preset: must be a known name or a TOML file, got 'mpl'. Did you mean mlp?" in problems(source="mpl")
    assert "must be an existing TOML file" in problems(source=str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text("a = [1,\n")
    assert "must be a readable TOML file" in problems(source=str(tmp_path / "bad.toml"))
    assert "must be KEY=VALUE" in problems("epochs")


def test_nothing_is_run_or_imported_from_a_file(tmp_path):
    (tmp_path / "a.toml").write_text('[optimizer]\nname = "os.system"\n')
    assert "is no known choice" in problems(source=str(tmp_path / "a.toml"))


def test_schema_is_json_and_describes_the_words():
    schema = Config.model_json_schema()
    assert "learning_rate" in schema["$defs"]["adam"]["properties"]
    assert "Kingma" in schema["$defs"]["adam"]["description"]


def test_bounds_hold_in_python_too():
    for make in (lambda: SGD(-0.1), lambda: Adam(beta1=1.0), lambda: LeakyReLU(1.5), lambda: Step(0.1, factor=-1)):
        with pytest.raises(ConfigError, match="must be"):
            make()
    with pytest.raises(ConfigError, match=r"SGD.learning_rate: must be >= 0, got -0.2"):
        SGD([0.1, -0.2])
    with pytest.raises(ConfigError, match=r"BatchNorm.momentum: must be <= 1, got 5"):
        BatchNorm(4, momentum=5)
    with pytest.raises(ConfigError, match="needs momentum > 0"):
        SGD(nesterov=True)
    assert np.isfinite(Adam().learning_rate)


def test_a_file_may_stand_on_a_preset(tmp_path):
    path = tmp_path / "my.toml"

    def loaded(text, environment=None):
        path.write_text(text)
        return load_config(str(path), {}, environment or {})

    assert loaded('preset = "mlp"\n') == load_config("mlp", {}, {})
    text = 'preset = "mlp"\nseed = 3\n[model]\ndropout = 0.1\n[optimizer.learning_rate]\nvalue = 0.01\n'
    changes = {"seed": 3, "model.dropout": 0.1, "optimizer.learning_rate.value": 0.01}
    assert loaded(text) == load_config("mlp", changes, {})
    found = loaded('preset = "mlp"\n[optimizer]\nname = "sgd"\n[model]\nname = "resmlp"\nwidth = 8\n')
    assert (found.optimizer.name, found.model.width, found.training.batch_size) == ("sgd", 8, 128)
    assert loaded(text, {"GPUNET_SEED": "5"}).seed == 5
    assert loaded('preset = "mlp"\noptimizer.learning_rate = "cosine"\n').optimizer.learning_rate.value == 1e-3
    for wrong, expected in (('preset = "mpl"\n', "Did you mean mlp"), ("preset = 3\n", "must be the name of a preset")):
        with pytest.raises(ConfigError, match=expected):
            loaded(wrong)


def test_files_of_searches_stand_on_presets_likewise(tmp_path):
    (tmp_path / "s.toml").write_text(
        'preset = "finetune"\n[optimizer]\nname = "adam"\n[space]\nlr = { log = [1e-3, 0.1] }\n'
    )
    found = read_search(str(tmp_path / "s.toml"), environment={"GPUNET_TRAINING__EPOCHS": "7"}).config
    assert (found.optimizer.name, found.training.updates, found.training.epochs) == ("adam", 100, 7)
