"""Keys that may be written short: a list that grows by decision and never by accident."""

from typing import Literal

import numpy as np
import pytest

import gpunet
from gpunet.config import load_config, parse_assignments, places_of, short_keys
from gpunet.config.shortcuts import NAMES, full_key
from gpunet.families import Family

SHORT = {
    "data": "alphabet background cache categories decimal delimiter features fill header id identity ignore labels "
    "memory missing preprocess rare resize resize_by scale_target source split split_column split_seed target task "
    "test thousands transposed unseen validation weight weights words x y",
    "model": "activation batch_norm binarise block blocks center chains code code_activation convolutions corruption "
    "damping depth discriminative dropout dropout_mode entropy generative greedy grow grown hidden hidden_units "
    "initializer input_dropout input_noise k layers max_norm method norm order output rate_factors "
    "recognition separable shortcut size sparsity spatial_dropout stochastic_depth sweeps tolerance top_units "
    "unlabelled visible_units width widths zero_start",
    "optimizer": "beta1 beta2 centered dampening decay eps_inside epsilon learning_rate momentum nesterov rate_inside "
    "trust weight_decay",
    "training": "averaging batch_size class_weight clip_norm clip_value drop_last epochs l1 l2 metrics monitor plateau "
    "precision snapshots threshold together updates",
}


def test_the_list_of_short_keys_is_frozen():
    listed = {key: f"{section}.{key}" for section, keys in SHORT.items() for key in keys.split()}
    assert short_keys() == listed
    learning_rate = "optimizer.learning_rate"
    assert {"lr": learning_rate, "optimizer.lr": learning_rate, "label": "data.target"} == NAMES


def test_a_mapping_for_a_section_leaves_its_other_keys():
    x = np.random.default_rng(0).random((60, 3), np.float32)
    net = gpunet.train("finetune", x, x[:, 0] > 0.5, settings={"training": {"l2": 0.25, "epochs": 2}}, hidden=[4])
    preset = load_config("finetune", {}, {}).training
    assert (net.config.training.l2, net.config.training.epochs) == (0.25, 2)
    assert net.config.training.patience == preset.patience
    assert preset.patience != type(preset)().patience
    whole = gpunet.train("mlp", x, x[:, 0] > 0.5, optimizer={"name": "sgd", "learning_rate": 0.1}, epochs=1, hidden=[4])
    assert whole.config.optimizer.name == "sgd"


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
