"""What families answer holds together, and nobody above them asks which one it has."""

import ast
import math
from pathlib import Path

import pytest

from gpunet import families as room
from gpunet.backend import Device
from gpunet.config import check, family_name
from gpunet.families import FAMILIES, Family, Layerwise
from gpunet.layers import Layer
from gpunet.models import DBM, DBN
from gpunet.parameter import Parameters

ROOT = Path(__file__).parents[2]
SMALL = {"hidden": (6, 5), "layers": ["relu"], "width": 6, "depth": 8, "widths": (4, 8, 8)}
CONCRETE = {name for name in room.__all__ if name.endswith("Config")}
each = pytest.mark.parametrize("family", FAMILIES, ids=family_name)


def settings(family):
    """A small model of a family."""
    chosen = {key: value for key, value in SMALL.items() if key in family.model_fields}
    if family_name(family) in ("rbm", "classrbm"):
        chosen["hidden"] = 6
    return check({"model": {"name": family_name(family), **chosen}}).model


def sample(family):
    """The shape of a sample that it takes: eight features, or an image."""
    return (4, 4, 2) if settings(family).sees_positions else (8,)


def test_only_the_default_of_the_schema_names_a_family():
    named = {}
    for path in [*(ROOT / "gpunet").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        if path.parent.name == "families":
            continue
        found = {n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)} & CONCRETE
        if found:
            named[path.relative_to(ROOT).as_posix()] = found
    assert named == {"gpunet/config/schema.py": {"MLPConfig"}}


@each
def test_a_family_is_found_by_its_name_and_has_a_file_of_its_own(family):
    assert isinstance(settings(family), family)
    homes = [other.__module__ for other in FAMILIES]
    assert homes.count(family.__module__) == 1


@each
def test_a_model_has_a_summary_and_parameters(family):
    model = settings(family)
    network = model.network(sample(family), 3)
    assert Parameters(network, 0, Device()).count > 0
    trained = network.machines[0] if model.layerwise else network
    first = ("dense(8, 6)", "relu dense(8, 3)", "conv2d(3, 3, 2, 32)", "convolutional autoencoder", model.name)
    assert model.summary(trained, 8).startswith(first)


@each
def test_what_has_outputs_is_a_layer_and_what_has_none_can_be_sampled_from(family, rng):
    model = settings(family)
    shape = sample(family)
    network = model.network(shape, 3)
    assert isinstance(network, Layer) == model.has_outputs
    assert model.has_outputs == (model.command == "train" or model.reconstructs)
    if model.has_outputs:
        assert math.prod(network.output_shape(shape)) == (math.prod(shape) if model.reconstructs else 3)
    else:
        assert isinstance(model.generator(network), DBN | DBM)


@each
def test_layers_are_trained_one_after_the_other_or_all_at_once(family):
    model = settings(family)
    assert (model.layerwise is model) == isinstance(model, Layerwise)
    if model.layerwise is None:
        assert model.whole("model", []) == "model"
        return
    machines = model.layerwise.machines((8,))
    assert [machine.hidden.n for machine in machines] == [6, 5]
    assert model.whole(machines[1], machines[:1]).machines == machines
    assert model.restored((8,), 0, 1).machines[0].hidden.n == 6
    assert len(model.restored((8,), 0, 1).machines) == 1


def test_a_family_must_say_what_it_builds():
    class Empty(Family):
        """Nothing."""

    with pytest.raises(NotImplementedError):
        Empty().network((3,), 2)
