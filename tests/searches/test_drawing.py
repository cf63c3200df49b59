"""What a search draws: scales, stages, conditions, and what is refused."""

import math

import numpy as np
import pytest

from gpunet.config import load_config
from gpunet.errors import ConfigError
from gpunet.searches import SHIPPED, Settings, read_search, space_of
from gpunet.searches.drawing import Judged, draw, sizes, zoomed
from gpunet.searches.settings import settings_of
from gpunet.searches.space import TUNE, changed

WIDE = {
    "lr": {"log": [1e-4, 1e-1]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "momentum": {"one_minus_log": [0.5, 0.99], "when": {"optimizer": "sgd"}},
    "dropout": {"uniform": [0.0, 0.6]},
    "batch_size": {"int_log": [8, 128]},
    "epochs": {"int": [3, 6]},
}


def draws(space, count=400, seed=0, region=None):
    return [draw(space, seed, number, region or {}, {}) for number in range(count)]


def test_draws_are_even_on_the_scale_of_each_key():
    """Half of all below the middle of the scale, by the binomial's five standard deviations, and all inside."""
    drawn = draws(space_of(WIDE))
    middles = {"optimizer.learning_rate": math.sqrt(1e-4 * 1e-1), "model.dropout": 0.3, "training.batch_size": 32}
    middles["optimizer.momentum"] = 1 - math.sqrt(0.5 * 0.01)
    for key, middle in middles.items():
        values = np.array([one[key] for one in drawn if key in one])
        assert abs((values < middle).mean() - 0.5) < 5 * 0.5 / math.sqrt(len(values)), key
    counts = np.bincount([one["training.epochs"] for one in drawn], minlength=7)[3:]
    assert len(counts) == 4
    assert (abs(counts - 100) < 5 * math.sqrt(400 * 0.25 * 0.75)).all()


def test_a_key_whose_condition_does_not_hold_is_not_set():
    drawn = draws(space_of(WIDE), 40)
    assert {one["optimizer"] for one in drawn} == {"sgd", "adam"}
    assert all(("optimizer.momentum" in one) == (one["optimizer"] == "sgd") for one in drawn)
    fixed = space_of({"momentum": WIDE["momentum"], "lr": WIDE["lr"]})
    assert "optimizer.momentum" in draw(fixed, 0, 0, {}, {"optimizer": "sgd"})
    assert "optimizer.momentum" not in draw(fixed, 0, 0, {}, {"optimizer": "adam"})


def test_draws_depend_on_seed_trial_and_key_alone():
    whole, alone = space_of(WIDE), space_of({"lr": WIDE["lr"]})
    assert draws(whole, 5) == draws(whole, 5) != draws(whole, 5, seed=1)
    assert [one["optimizer.learning_rate"] for one in draws(whole, 5)] == [
        one["optimizer.learning_rate"] for one in draws(alone, 5)
    ]


@pytest.mark.parametrize("key", [key for key in WIDE if key != "momentum"])
def test_a_place_and_its_value_belong_together(key):
    (one,) = space_of({key: WIDE[key]})
    values = [one.at(place) for place in np.linspace(0, 0.9999, 50)]
    again = [one.at(one.place(value)) for value in values]
    assert again == values if one.kind == "choice" else again == pytest.approx(values)
    ends = [one.choices[0], one.choices[-1]] if one.choices else [one.low, one.high]
    assert [one.at(0.0), one.at(1.0)] == ends


def test_the_second_stage_stays_in_the_region_of_the_best_on_each_scale():
    """The best quarter of 8 is two: lr 1e-3 and 4e-3 span log10 in [-3, -2.4], dropout hardly differs."""
    space = space_of({"lr": {"log": [1e-4, 1e-1]}, "dropout": {"uniform": [0.0, 0.6]}})
    values = [(1e-3, 0.30), (4e-3, 0.31), *((10 ** (-4 + 0.5 * n), 0.1 * n) for n in range(6))]
    judged = [
        Judged(number, {"optimizer.learning_rate": rate, "model.dropout": rest}, number if number < 7 else math.inf)
        for number, (rate, rest) in enumerate(values)
    ]
    region = zoomed(space, judged)
    low, high = (10 ** (-4 + 3 * place) for place in region["optimizer.learning_rate"])
    width = math.log10(4e-3 / 1e-3) * 1.2
    assert (low, high) == pytest.approx((10 ** (-2.699 - width / 2), 10 ** (-2.699 + width / 2)), rel=1e-3)
    assert np.diff(region["model.dropout"]) == pytest.approx(0.2)
    for one in draws(space, 50, region=region):
        assert low <= one["optimizer.learning_rate"] <= high
    assert zoomed(space, [Judged(0, judged[0].values, math.inf)]) == {}


def test_a_choice_that_all_good_trials_share_is_kept_and_others_stay_open():
    space = space_of({"optimizer": {"choice": ["sgd", "adam", "rmsprop"]}})

    def found(words):
        region = zoomed(space, [Judged(n, {"optimizer": word}, n) for n, word in enumerate(words)])
        return {one["optimizer"] for one in draws(space, 60, region=region)}

    assert found(["adam", "adam", "sgd", "sgd"]) == {"adam"}
    assert found(["adam", "sgd", "sgd", "sgd"]) == {"sgd", "adam", "rmsprop"}


def test_stages_share_the_trials():
    assert sizes(7, 2) == [4, 3]
    assert sum(sizes(20, 3)) == 20


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_spaces_fit_their_presets(name):
    written = read_search(name, {}, environment={})
    for one in draws(written.space, 12):
        changed(written.config, {key: value for key, value in one.items() if not key.startswith(TUNE)})
        own = {key.removeprefix(TUNE): value for key, value in one.items() if key.startswith(TUNE)}
        assert not own or changed(written.tune, own)


def test_a_choice_of_the_present_rule_keeps_its_other_keys():
    config = load_config("mlp", {"optimizer": {"name": "sgd", "momentum": 0.7}}, {})
    assert changed(config, {"optimizer": "sgd", "optimizer.learning_rate": 0.3}).optimizer.momentum == 0.7
    assert changed(config, {"optimizer": "adam", "optimizer.learning_rate": 0.3}).optimizer.name == "adam"


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ({}, "space: must have a key to search over"),
        ({"lr": {"log": [1e-1, 1e-4]}}, "space.optimizer.learning_rate.log: must be two numbers, the lower one first"),
        ({"lr": {"log": [0, 1e-1]}}, "must lie above 0, since 0 has no logarithm"),
        ({"lr": {"log": [-1, 1e-1]}}, "must lie above 0"),
        ({"momentum": {"one_minus_log": [0.5, 1]}}, "must lie below 1"),
        ({"epochs": {"int": [1, 2.5]}}, "must be two whole numbers"),
        ({"epochs": {"int": [3, 3]}}, "lower one first"),
        ({"lr": {"logg": [1, 2]}}, "space.lr"),
        ({"lr": {"log": [1, 2], "uniform": [1, 2]}}, "must have one scale, got log, uniform"),
        ({"hidden": {"choice": []}}, "must be a list of values"),
        ({"lr": 0.1}, "space.lr: must be a table with a scale"),
        ({"nothing": {"log": [1, 2]}}, "space.nothing: is no key of a configuration"),
        ({"lr": {"log": [1, 2]}, "optimizer.learning_rate": {"log": [1, 2]}}, "must be there once"),
        ({"lr": {"log": [1, float("nan")]}}, "lower one first"),
        (
            {
                "dropout": {"uniform": [0, 1], "when": {"epochs": 3}},
                "epochs": {"int": [1, 3], "when": {"dropout": 0}},
            },
            "must not depend on itself",
        ),
    ],
)
def test_a_space_that_makes_no_sense_is_refused_in_one_line(space, expected):
    with pytest.raises(ConfigError) as error:
        space_of(space)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.remedy


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"trial": 3}, "search.trial: is no key here. Did you mean trials?"),
        ({"trials": 0}, "search.trials: must be >= 1, got 0"),
        ({"trials": "ten"}, "search.trials: must be a whole number"),
        ({"method": "grid"}, "search.method: is no known choice"),
        ({"method": "coarse_to_fine", "trials": 3}, "search.trials: must be at least 2 for each of 2 stages"),
    ],
)
def test_settings_that_make_no_sense_are_refused(written, expected):
    with pytest.raises(ConfigError) as error:
        settings_of(written)
    assert expected in str(error.value)


def test_what_depends_on_the_order_of_results_says_so():
    assert [Settings(method=m).adaptive for m in ("random", "coarse_to_fine", "tpe")] == [False, False, True]
    assert Settings(prune="median").adaptive
