"""Samples against enumeration, and the pictures that a checkpoint keeps."""

import itertools

import numpy as np
import pytest

from gpunet.inspection.pictures import pictures, tiled
from gpunet.inspection.sampling import Sampler, reconstructions
from gpunet.models import DBN, LabelledDBN
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli
from gpunet.testing import make_context
from runs import make_run

CHAINS = 20_000


def tiny(device, widths, members=None):
    machines = [RBM(Bernoulli(a), Bernoulli(b)) for a, b in zip(widths, widths[1:])]
    dbn = DBN(machines)
    parameters = Parameters(dbn, [0] * members if members else 0, device, np.float64)
    values = np.random.default_rng(5).normal(size=device.get(parameters.values).shape[-1:])
    device.copy_into(parameters.values, np.broadcast_to(values, parameters.values.shape).copy())
    return dbn, parameters


def states(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def exact_mean(dbn, device):
    """E[v] of a stack: the top's distribution by its free energies, then the means one layer down after another."""
    ctx, top = make_context(device), dbn.top
    weights = np.exp(-device.get(top.free_energy(device.put(states(top.visible.n)), ctx)))
    weights /= weights.sum()
    values = states(top.visible.n)
    for machine in reversed(dbn.machines[:-1]):
        given = device.get(machine.decode(device.put(values), ctx))
        values = states(machine.visible.n)
        weights = np.array([np.prod(np.where(v == 1, given, 1 - given), axis=-1) @ weights for v in values])
    return weights @ values


@pytest.mark.parametrize("widths", [(4, 3), (4, 3, 2)])
def test_long_chains_forget_their_start_and_follow_the_model(widths, device):
    dbn, parameters = tiny(device, widths)
    error = 0.5 / np.sqrt(CHAINS)
    for begin in (None, device.put(np.ones((CHAINS, 4)))):
        sampler = Sampler(dbn, parameters, CHAINS, seed=1, start=begin)
        sampler.run(60)
        assert sampler.data().mean(axis=0) == pytest.approx(exact_mean(dbn, device), abs=5 * error)


def test_chains_that_hold_a_class_follow_the_model_given_it(device):
    model = LabelledDBN(Bernoulli(3), (2, 2), 2)
    parameters = Parameters(model, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(5).normal(size=parameters.values.shape))
    joint, ctx, exact = model.top.joint, make_context(device), []
    for held in np.eye(2):
        below = np.concatenate([states(2), np.tile(held, (4, 1))], axis=1)
        weights = np.exp(-device.get(joint.free_energy(device.put(below), ctx)))
        inputs, _ = model.downs[0].forward(device.put(states(2)), ctx)
        exact.append(weights / weights.sum() @ device.get(model.visible.mean(inputs, ctx)))
    sampler = Sampler(model, parameters, CHAINS, seed=1, labels=np.arange(CHAINS) % 2)
    sampler.run(60)
    drawn, error = sampler.data(), 0.5 / np.sqrt(CHAINS / 2)
    assert [drawn[label::2].mean(axis=0) for label in (0, 1)] == pytest.approx(np.array(exact), abs=5 * error)


def test_chains_depend_on_their_seed_alone(device):
    dbn, parameters = tiny(device, (4, 3))
    population, shared = tiny(device, (4, 3), members=2)

    def draw(seed, model=dbn, own=parameters):
        sampler = Sampler(model, own, 50, seed)
        sampler.run(7)
        return sampler.data()

    assert (draw(3) == draw(3)).all()
    assert (draw(3) != draw(4)).any()
    both = draw(3, population, shared)
    assert both[0] == pytest.approx(draw(3))
    assert both[1] == pytest.approx(draw(4))


def test_reconstructions_go_up_and_down_by_means(device):
    dbn, _ = tiny(device, (4, 3, 2))
    v, ctx = device.put(states(4)), make_context(device)
    below, top = dbn.machines
    expected = below.decode(top.decode(top.encode(below.encode(v, ctx), ctx), ctx), ctx)
    assert reconstructions(dbn, v, device) == pytest.approx(device.get(expected))


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("rbm", ["fantasies", "filters", "reconstructions"]),
        ("dbn", ["fantasies", "filters", "reconstructions"]),
        ("classrbm", ["filters", "saliency"]),
        ("autoencoder", ["filters", "reconstructions"]),
        ("mlp", ["filters", "saliency"]),
    ],
)
def test_a_run_on_images_has_pictures_of_itself(preset, expected, device):
    overrides = {"model.hidden": [20, 9]} if preset == "dbn" else {}
    found = pictures(make_run(preset, device, **overrides))
    for image in found.children.values():
        assert image.data.dtype == np.uint8
        assert image.attrs["CLASS"] == "IMAGE"
        assert image.attrs["IMAGE_SUBCLASS"] == "IMAGE_GRAYSCALE"
        assert image.data.std() > 10, "a picture of nothing"
    assert sorted(found.children) == expected


def test_reconstructions_show_the_data_above_what_came_back(device):
    run = make_run("rbm", device, **{"training.epochs": 15})
    shown = pictures(run).children["reconstructions"].data
    height = 9  # of a digit with its line
    rows = [shown[i * height : i * height + 8].astype(float) for i in range(4)]
    for above, below in ((rows[0], rows[1]), (rows[2], rows[3])):
        assert np.corrcoef(above.ravel(), below.ravel())[0, 1] > 0.7


def test_tiles_lie_in_rows():
    tiles = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 2), np.uint8)
    assert tiled(tiles, columns=2).tolist() == [
        [0, 0, 128, 1, 1],
        [0, 0, 128, 1, 1],
        [128] * 5,
        [2, 2, 128, 128, 128],
        [2, 2, 128, 128, 128],
    ]
