"""One member of a population that differs, taken out: it is saved and loaded as the run of its own numbers would be."""

import numpy as np
import pytest

import gpunet
from gpunet.layers import Dense, Dropout, Layer, ReLU, Sequential
from gpunet.members import PerMember

# What exists in a network only where its number is not 0.
CASES = {
    "dropout": ("mlp", {"hidden": [5, 4], "model.dropout": [0.0, 0.5]}),
    "dropout on the features": ("mlp", {"hidden": [5], "model.dropout": 0.0, "model.input_dropout": [0.0, 0.3]}),
    "noise beside dropout": (
        "mlp", {"hidden": [5], "model.input_noise": [0.0, 0.3, 0.1], "model.input_dropout": [0.2, 0.0, 0.0]}
    ),
    "classic dropout": (
        "mlp",
        {"hidden": [5], "model.dropout": [0.3, 0.0], "model.dropout_mode": "classic", "model.batch_norm": "after"},
    ),
    "blocks for features": (
        "grown",
        {
            "model.grow": "none", "model.width": 4, "model.blocks": 2,
            "model.dropout": [0.0, 0.5], "model.stochastic_depth": [0.3, 0],
        },
    ),
    "blocks of images": (
        "resnet20",
        {
            "augmentation": {}, "model.widths": [2], "model.depth": 8,
            "model.dropout": [0.5, 0.0], "model.stochastic_depth": [0.0, 0.5],
        },
    ),
    "convolutions": (
        "convnet",
        {
            "model.channels": [2], "model.hidden": [4], "model.spatial_dropout": [0.0, 0.5], "model.dropout": [0.5, 0],
        },
    ),
    "rates": ("mlp", {"hidden": [5], "optimizer.learning_rate": [0.1, 0.01]}),
}  # fmt: skip
IMAGES = ("resnet20", "convnet")


def samples(preset):
    draw = np.random.default_rng(0)
    x = draw.random((80, 4, 4, 1) if preset in IMAGES else (80, 6), np.float32)
    return x, (x.reshape(80, -1)[:, 0] > 0.5).astype(int)


def trained(preset, x, y, **settings):
    common = {"epochs": 1, "batch_size": 20, "validation": 20, "test": 20, "device": "cpu"}
    return gpunet.train(preset, x, y, **common | settings)


@pytest.mark.parametrize("name", CASES)
def test_a_member_by_itself_is_the_run_of_its_own_numbers_in_memory_and_in_a_file(name, tmp_path):
    preset, settings = CASES[name]
    x, y = samples(preset)
    population = trained(preset, x, y, seed=3, **settings)
    places = max(len(value) for key, value in settings.items() if isinstance(value, list) and key not in WIDTHS)
    assert len(population.members) == places
    for number, member in enumerate(population.members):
        own = {
            key: value[number] if isinstance(value, list) and key not in WIDTHS else value
            for key, value in settings.items()
        }
        alone = trained(preset, x, y, seed=3, **own)
        expected = alone.outputs(x)
        np.testing.assert_array_equal(member.outputs(x), expected)
        assert list(member.weights) == list(alone.weights)
        assert member.checkpoint.content_sha256 == alone.checkpoint.content_sha256
        loaded = gpunet.load(member.save(tmp_path / f"{number}.h5"), device="cpu")
        np.testing.assert_array_equal(loaded.outputs(x), expected)
        assert loaded.checkpoint.note("shapes/json") == alone.checkpoint.note("shapes/json")


def test_what_a_file_shows_of_layers_is_named_as_in_a_file_of_the_member_alone(tmp_path):
    x, y = samples("mlp")
    settings = {"hidden": [5, 4], "model.input_noise": [0.0, 0.3], "model.dropout_mode": "classic"}
    both = trained("mlp", x, y, run=tmp_path / "both", **settings, **{"model.dropout": [0.5, 0.0]})
    for number, noise, rate in ((0, 0.0, 0.5), (1, 0.3, 0.0)):
        own = settings | {"model.input_noise": noise, "model.dropout": rate}
        alone = trained("mlp", x, y, run=tmp_path / f"alone{number}", **own).checkpoint.root
        root = both.members[number].checkpoint.root
        shown, theirs = (
            {path: node.attrs.get("units_of") for path, node in one["activations"].walk()} for one in (root, alone)
        )
        assert shown == theirs
        assert root["activations"].children.keys() <= root["model"].children.keys()
        assert ("codes" in root) is (number == 0)  # those of a population are of its first member
        if number == 0:
            assert root["codes"].attrs["layer"] == alone["codes"].attrs["layer"]


WIDTHS = ("hidden", "model.hidden", "model.widths", "model.channels")


class Twice(Layer):
    """A layer that no configuration can name."""

    def forward(self, x, ctx):
        """Return twice the input."""
        return x * 2, lambda dy: dy * 2


def test_a_member_of_layers_by_hand_has_their_numbers_of_its_own():
    x, y = samples("mlp")
    layers = Sequential([Twice(), Dense(4), ReLU(), Dropout(PerMember([0.0, 0.5]), mode="classic"), Dense(2)])
    both = gpunet.fit(layers, x, y, seeds=2, epochs=2, batch_size=20, device="cpu", progress=False)
    for number, rate in enumerate((0.0, 0.5)):
        assert both.members[number]._held.model.layers[3].rate == rate
        np.testing.assert_allclose(both.members[number].outputs(x), both.member_outputs_on(x)[number], rtol=1e-6)
