"""What a key or word that is none gets for an answer, and schedules that are named alone."""

import numpy as np
import pytest

from gpunet import schedules
from gpunet.config import Config, load_config, parse_assignments
from gpunet.config.build import build_rule
from gpunet.config.rates import SCHEDULES
from gpunet.config.suggestions import ALSO, ELSEWHERE, for_key
from gpunet.errors import ConfigError
from gpunet.vocabulary import words
from runs import make_run


def problem(*assignments, preset="mlp"):
    with pytest.raises(ConfigError) as caught:
        load_config(preset, parse_assignments(assignments), {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("hidden_size=3", "hidden_size: is no key here. Did you mean hidden (model.hidden)?"),
        ("rate=0.1", "rate: is no key here. Did you mean learning_rate (optimizer.learning_rate)?"),
        ("momentum=0.9", "optimizer.momentum: is no key of adam, but of lars, rmsprop, sgd. Write optimizer=sgd, or"),
        ("k=3", "model.k: is no key of mlp, but of classdbm, classrbm, dbm, dbn, rbm, updown. Write model=rbm, or"),
        ("epoch=3", "epoch: is no key here. Did you mean epochs (training.epochs)?"),
        ("batchsize=3", "batchsize: is no key here. Did you mean batch_size (training.batch_size)?"),
        ("patience=2", "patience: is no key here. Write training.patience or training.plateau.patience."),
        ("shift.pixels=2", "shift: is no key here. Write augmentation.shift."),
        ("train.epochs=2", "train: is no key here. Did you mean training?"),
        ("zzz=1", "zzz: is no key here. gpunet config show lists all keys; the sections are name, seed, members,"),
        ("loss=mse", "loss: is no known choice, got 'mse'. Did you mean squared_error?"),
        ("loss=cross_entropy", "Did you mean categorical_cross_entropy or binary_cross_entropy?"),
        ("model.initializer=xavier", "Did you mean glorot?"),
        ("model.hidden=100", "model.hidden: must be a list, got 100. Write [100]."),
        ("training.plateau=true", "training.plateau: must be a table of keys, got True. Write training.plateau.KEY="),
        ("data=iris.csv", "data: must be a table of keys, got 'iris.csv'. Write data.source=iris.csv."),
        ("drop_last=perhaps", "training.drop_last: must be true or false, got 'perhaps'."),
        ("lr=cosin", "optimizer.learning_rate: must be a number or a schedule, got 'cosin'. Did you mean cosine?"),
        ("lr=falling", "got 'falling'. Known: constant, cosine, cosine_restarts, exponential, inverse_root, inverse_"),
    ],
)
def test_a_mistake_is_answered_by_what_was_meant(assignment, expected):
    message = problem(assignment)
    assert expected in message
    assert "\n" not in message


def test_what_is_suggested_exists():
    """Every key and word that stands for one of another program can be written."""
    keys = {word.partition("=")[0].partition(",")[0] for word in ELSEWHERE.values()}
    known = set(Config.model_fields) | {
        f"{section}.{name}"
        for section in ("data", "training", "augmentation")
        for name in Config.model_fields[section].annotation.model_fields
    }
    known |= {f"model.{name}" for name in ("hidden", "dropout", "activation", "initializer", "batch_norm")}
    assert keys <= known | {"model.visible_units", "optimizer.learning_rate"}
    assert not ELSEWHERE.keys() & known
    named = {word.model_fields["name"].default for word in words()}
    assert {word for meant in ALSO.values() for word in meant} <= named
    assert ALSO.keys() & named == {"log_loss", "mae"}, "which are metrics, and no losses"
    assert for_key("hidden", Config) == "Write model.hidden"


def rate(*assignments, preset="mlp"):
    return build_rule(load_config(preset, parse_assignments(assignments), {})).learning_rate


def test_every_schedule_may_be_named_alone():
    assert SCHEDULES.keys() == {
        word.model_fields["name"].default for word in words() if issubclass_of(word, schedules.Schedule)
    }
    times = np.linspace(0, 8, 161)[:-1]
    for name in SCHEDULES:
        found = rate(f"lr={name}", "epochs=8")
        values = found(times)
        # The preset's highest rate is 1e-3, and every schedule stays below it and comes close.
        assert 0.0009 < values.max() <= 0.001 * (1 + 1e-12), name
        assert (values >= 0).all()
        assert found.ends >= 8


def issubclass_of(word, base):
    from gpunet.vocabulary import target

    return issubclass(target(word), base)


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["lr=cosine", "epochs=8"], schedules.Cosine(1e-3, 8)),
        (["epochs=8", "optimizer.learning_rate.name=cosine"], schedules.Cosine(1e-3, 8)),
        (["lr=cosine", "optimizer.learning_rate.value=0.5"], schedules.Cosine(0.5, 40)),
        (['lr={name="one_cycle",value=0.01}', "epochs=5"], schedules.OneCycle(0.01, 5)),
        (['lr={name="warm_up",then="ramp"}'], schedules.WarmUp(schedules.Ramp(1e-3, 1e-5, 40))),
        (["optimizer=sgd", "lr=ramp", "epochs=2"], schedules.Ramp(0.01, 1e-4, 2)),
        (['lr={name="step",value=0.1}'], schedules.Step(0.1)),
    ],
)
def test_a_name_takes_the_rate_that_stood_there_and_the_epochs(assignments, expected):
    assert rate(*assignments) == expected


def test_a_file_may_name_one_and_what_is_shown_says_it_in_full(tmp_path):
    (tmp_path / "a.toml").write_text(
        'config_version = 3\n[optimizer]\nlearning_rate = "cosine"\n[training]\nepochs = 6\n'
    )
    config = load_config(str(tmp_path / "a.toml"), {}, {})
    assert config.optimizer.model_dump()["learning_rate"] == {"name": "cosine", "value": 1e-3, "epochs": 6.0, "stop": 0}
    assert Config.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_by_its_name_trains(name, device):
    settings = {"optimizer.learning_rate": name, "training.epochs": 3, "training.batch_size": 100}
    run = make_run("linear", device, **settings)
    losses = [float(record.numbers["train_loss"][0]) for record in run.history]
    assert losses[-1] < 0.8 * losses[0]
    expected = build_rule(run.config).learning_rate(np.array([2 + 11 / 12]))[0]
    assert float(run.history[-1].numbers["learning_rate"][0]) == pytest.approx(expected, rel=1e-6)
