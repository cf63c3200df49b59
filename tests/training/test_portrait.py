"""What a checkpoint keeps for the eye, against what it should be where the answer is known."""

import numpy as np
import pytest

from gpunet.checkpoint import write
from gpunet.inspection.portrait import Seen, activations, plane, portrait
from gpunet.persistence import snapshot
from runs import make_run

LAYERS = ["001_sigmoid", "002_dense", "005_sigmoid", "006_dense"]  # the code is linear


@pytest.mark.parametrize(
    ("preset", "overrides", "groups", "layers"),
    [
        (
            "mlp",
            {"model.hidden": [20]},
            {"activations", "codes", "confusion", "images", "judgement"},
            ["002_relu", "004_dense"],
        ),
        ("dbn", {"model.hidden": [20, 9]}, {"activations", "codes", "images"}, ["000_rbm", "001_rbm"]),
        ("classrbm", {}, {"confusion", "images", "judgement"}, []),
        ("autoencoder", {"model.hidden": [20], "model.code": 3}, {"activations", "codes", "images"}, LAYERS),
    ],
)
def test_a_run_has_a_portrait(preset, overrides, groups, layers, device):
    found = portrait(make_run(preset, device, **overrides))
    assert set(found.children) == groups
    shown = found["activations"].children if layers else {}
    assert sorted(shown) == layers
    for name, layer in shown.items():
        owner = layer.attrs["units_of"]
        assert owner.endswith(("dense", "rbm"))
        assert owner <= name
        assert layer["counts"].data.sum() == layer.attrs["samples"] * layer.attrs["units"]
        assert (np.diff(layer["edges"].data) > 0).all()
    if "codes" in found:
        assert found["codes/points"].data.shape == (len(found["codes/targets"].data), 2)
        assert found["codes/points"].data.std(axis=0).min() > 0
    if preset == "autoencoder":
        assert found["codes"].attrs["units"] == 3, "the code, not a wider layer"


def test_confusions_agree_with_the_measured_accuracy(device):
    run = make_run("mlp", device, **{"members": 2, "model.hidden": [20]})
    counts = portrait(run)["confusion/counts"].data
    assert counts.shape == (2, 10, 10)
    assert (counts.sum(axis=2) == np.bincount(run.dataset.y[run.split.test])).all(), "rows are true classes"
    share = np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
    assert share == pytest.approx(run.test_scores["accuracy"])


def test_two_classes_with_one_output_are_confused_by_its_sign(device):
    run = make_run("linear", device, two_classes=True, **{"loss": "binary_cross_entropy"})
    counts = portrait(run)["confusion/counts"].data
    assert counts.shape == (2, 2)
    assert np.trace(counts) / counts.sum() == pytest.approx(run.test_scores["accuracy"][0])


def test_the_content_hash_leaves_the_portrait_out(device, tmp_path):
    run = make_run("linear", device)
    plain = write(tmp_path / "a.h5", snapshot(run, best=True))
    assert write(tmp_path / "b.h5", snapshot(run, best=True, portrait=portrait(run))) == plain


def test_units_that_say_nothing_are_counted():
    samples = 100
    moving = np.linspace(-1, 1, samples)
    units = np.stack([moving, np.zeros(samples), np.sign(moving), np.full(samples, 0.99)], axis=1)
    found = activations(Seen("tanh", units, ends=(-1, 1)))
    assert found["constant_units"].data == 2
    assert found["saturated_units"].data == 2
    assert "saturated_units" not in activations(Seen("dense", units)).children
    both = activations(Seen("tanh", np.stack([units, units * 0]), (2,), (-1, 1)))
    assert both["constant_units"].data.tolist() == [2, 4]
    assert both["counts"].data.sum(axis=1).tolist() == [400, 400]


def test_the_plane_keeps_distances_of_codes_that_lie_in_one(rng):
    points = rng.normal(size=(30, 2)) @ np.linalg.qr(rng.normal(size=(7, 2)))[0].T + 5
    shown, share = plane(points)
    assert share == pytest.approx(1)
    distances = [np.linalg.norm(p[:, None] - p, axis=-1) for p in (points, shown)]
    assert distances[1] == pytest.approx(distances[0], abs=1e-5)
    assert plane(points + 3)[0] == pytest.approx(shown, abs=1e-5)
    assert plane(np.ones((4, 3)))[1] == 1
