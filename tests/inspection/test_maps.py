"""Maps of features and salient pixels, where it is known what they must show."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.backend import Arena, Context
from gpunet.checkpoint import read, write
from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.experiment import Experiment, Run
from gpunet.inspection.maps import Seen, feature_maps, input_gradient, saliency, shades
from gpunet.inspection.pictures import prepared
from gpunet.inspection.portrait import portrait
from gpunet.members import of_member
from gpunet.persistence import snapshot

SMALL = {"training.epochs": 1, "model.channels": [4, 6], "model.hidden": [8], "training.batch_size": 10}


def trained(device, shape, preset="convnet", **overrides):
    rng = np.random.default_rng(5)
    x = rng.integers(0, 256, (60, *shape)).astype(np.uint8)
    dataset = Dataset("scenes", x, (np.arange(60) % 3).astype(np.int32), ("a", "b", "c"), scale=255.0)
    parts = split(dataset, validation=0.2, test=0.4, seed=0)
    run = Run(Experiment(load_config(preset, SMALL | overrides if preset == "convnet" else overrides, {}), dataset,
                         parts, device))  # fmt: skip
    run.train()
    return run


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("shape", [(8, 8), (8, 6, 3)])
def test_the_gradient_of_the_answer_is_that_of_differences(members, shape, device):
    smooth = [{"name": "conv2d", "n_out": 4}, "batch_norm", "tanh", {"name": "conv2d", "n_out": 5, "stride": 2}, "tanh",
              "flatten"]  # fmt: skip
    settings = {"training.epochs": 1, "training.batch_size": 10, "model": {"name": "layers", "layers": smooth}}
    run = trained(device, shape, "mlp", members=members, **settings)
    x = prepared(run, 4).astype(np.float64)
    found = of_member(input_gradient(run, x.astype(np.float32)), (2,) if members == 2 else ())
    assert found.shape == x.shape
    ctx = Context(False, Arena(device))

    def answers(values):
        z = device.get(run.objective.model.forward(device.put(values, np.float32), ctx)[0])
        return of_member(z, (2,) if members == 2 else ()).astype(np.float64)

    largest = answers(x).argmax(axis=1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        way = rng.standard_normal(x.shape)
        both = [answers(x + sign * 2e-3 * way)[np.arange(4), largest] for sign in (1, -1)]
        along = (found * way).reshape(4, -1).sum(axis=1)
        assert (both[0] - both[1]) / 4e-3 == pytest.approx(along, abs=0.03 * np.abs(along).max() + 1e-3)


def test_looking_leaves_no_gradient_behind(device):
    run = trained(device, (8, 8))
    before = device.get(run.trainer.parameters.values).copy()
    input_gradient(run, prepared(run, 3))
    assert np.array_equal(device.get(run.trainer.parameters.values), before)
    run.trainer.parameters.finish_grad()
    assert not device.get(run.trainer.parameters.grads).any()


def test_salient_pixels_of_a_linear_model_are_its_weights(device):
    run = trained(device, (8, 6, 3), "linear", **{"training.epochs": 1, "training.batch_size": 10})
    x = prepared(run, 3)
    originals = np.zeros((3, 8, 6, 3), np.uint8)
    tiles, note = saliency(run, x, originals)
    weight = next(p for p in run.trainer.parameters.named.values() if p.role == "weight").value
    z = x.reshape(3, -1) @ weight
    assert "largest output" in note
    factor = tiles.shape[1] // 8
    for k in range(3):
        wanted = np.abs(weight[:, z[k].argmax()]).reshape(8, 6, 3).max(axis=-1)
        shown = tiles[10 + k, ::factor, ::factor]
        assert shown[..., 0] == pytest.approx(255 * wanted / wanted.max(), abs=0.6)
        assert (shown == shown[..., :1]).all(), "grey among colours"


def test_maps_show_the_liveliest_channels_beside_their_image(device):
    values = np.zeros((6, 4, 4, 12), np.float32)
    for channel in range(12):
        values[:, channel % 4, channel // 4, channel] = np.arange(6) * (channel if channel != 5 else 0)
    wide = np.repeat(values, 2, axis=1)
    seen = [
        Seen("000_conv", values),
        Seen("001_dense", np.zeros((6, 3))),
        Seen("002_conv", np.stack([wide, -wide]), (2,)),
    ]
    originals = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    run = trained(device, (8, 8))
    tiles, note = feature_maps(run, seen, originals)
    assert "000_conv, 002_conv" in note
    assert tiles.shape == (3 * 2 * 10, 24, 24)
    assert np.array_equal(tiles[20][::6, ::6], originals[2]), "samples 0, 2 and 5; two rows for each"
    channels = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11][1:]
    for place, channel in enumerate(channels, 1):
        assert np.array_equal(tiles[40 + place][::6, ::6], shades(values[5, :, :, channel]))
    assert np.array_equal(tiles[51][::3, ::6], shades(wide[5, :, :, 2])), "of the first member"


@pytest.mark.parametrize("shape", [(8, 8), (8, 6, 3)])
def test_a_portrait_holds_both_and_reports_show_them(shape, device, tmp_path):
    run = trained(device, shape, members=2)
    path = tmp_path / "a.h5"
    write(path, snapshot(run, best=True, portrait=portrait(run)))
    found = read(path)
    for name in ("feature_maps", "saliency", "filters"):
        data = found[f"images/{name}"].data
        assert data.ndim == len(shape)
        assert data.std() > 10
        drawn = CliRunner().invoke(main, ["inspect", str(path), "--image", name, "-o", str(tmp_path / f"{name}.png")])
        assert drawn.exit_code == 0, drawn.stderr
    done = CliRunner().invoke(main, ["report", str(path), "-o", str(tmp_path / "r.html")])
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "r.html").read_text()
    assert "<h2>Feature maps</h2>" in page
    assert "<h2>Saliency</h2>" in page


def test_a_checkpoint_says_the_shapes_on_the_way(device, tmp_path):
    run = trained(device, (8, 6, 3), members=2)
    path = tmp_path / "a.h5"
    content = snapshot(run, best=False)
    write(path, content)
    known = json.loads(read(path)["shapes/json"].text)
    assert known["000_conv2d"] == [8, 6, 4]
    assert list(known.values())[-1] == [3]
    shown = CliRunner().invoke(main, ["inspect", str(path)]).stdout
    assert "000_conv2d  gives 8x6x4  class=conv2d" in shown
    assert "gives 4x3x4  class=max_pool2d" in shown
    part = CliRunner().invoke(main, ["inspect", str(path), "model"]).stdout
    assert "gives 4x3x4  class=max_pool2d" in part
    del content.children["shapes"]
    assert write(tmp_path / "b.h5", content) == read(path).content_sha256, "they follow from the rest"


def test_shapes_inside_blocks_have_their_paths(device):
    run = trained(device, (8, 8, 3), "resnet20", **{"training.epochs": 1, "model.depth": 8, "training.batch_size": 10})
    known = json.loads(snapshot(run, best=True)["shapes/json"].text)
    strided = [path for path, shape in known.items() if shape == [4, 4, 32] and path.endswith("conv2d")]
    assert len(strided) == 3, "both of the body, and the shortcut"
    assert any("/shortcut/" in path for path in strided)


def test_models_without_answers_or_images_have_no_such_pictures(device):
    run = trained(device, (8, 8))
    assert len(saliency(run, np.zeros((0, 8, 8, 1)), np.zeros((0, 8, 8)))[0]) == 0
    machine = trained(device, (8, 8), "rbm", **{"training.epochs": 1, "training.batch_size": 10})
    images = portrait(machine)["images"].children
    assert {"feature_maps", "saliency"}.isdisjoint(images)
    assert "fantasies" in images
    flat = replace(run.dataset, x=run.dataset.x.reshape(60, -1))
    assert flat.x.shape == (60, 64)
