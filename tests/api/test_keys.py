"""Keys that may be written short: a list that grows by decision and never by accident."""

from typing import Literal

import pytest

from gpunet.config import parse_assignments, places_of, short_keys
from gpunet.config.shortcuts import NAMES, full_key
from gpunet.families import Family

SHORT = {
    "data": "background categories channels decimal delimiter features fill header id ignore labels missing preprocess "
    "rare resize resize_by scale_target source split split_column split_seed target task test unseen validation weight "
    "x y",
    "model": "activation batch_norm binarise center chains code code_activation corruption discriminative dropout "
    "dropout_mode generative greedy hidden hidden_units initializer input_dropout input_noise k layers max_norm method "
    "output rate_factors sparsity top_units visible_units",
    "optimizer": "beta1 beta2 centered dampening decay eps_inside epsilon learning_rate momentum nesterov trust "
    "weight_decay",
    "training": "averaging batch_size clip_norm clip_value drop_last epochs l1 l2 monitor plateau updates",
}


def test_the_list_of_short_keys_is_frozen():
    listed = {key: f"{section}.{key}" for section, keys in SHORT.items() for key in keys.split()}
    assert short_keys() == listed
    learning_rate = "optimizer.learning_rate"
    assert {"lr": learning_rate, "optimizer.lr": learning_rate, "label": "data.target"} == NAMES


def test_what_stands_in_two_places_is_not_short():
    assert places_of("patience") == ["training.patience", "training.plateau.patience"]
    assert full_key("patience") == "patience"
    assert "factor" not in short_keys()


def test_keys_of_a_family_of_ones_own_are_short_too():
    class Wide(Family):
        name: Literal["wide"] = "wide"
        girth: int = 3

    assert short_keys((Wide,))["girth"] == "model.girth"
    assert "girth" not in short_keys()


@pytest.mark.parametrize(("word", "key"), [("epochs=5", "training.epochs"), ("lr=1", "optimizer.learning_rate")])
def test_the_command_line_has_the_same_list(word, key):
    assert list(parse_assignments([word])) == [key]
