"""What readers of models and checkpoints make of images, kernels and members, where all three have an axis in front."""

from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner

from convolving import Convolution
from gpunet.backend import Arena, Context
from gpunet.checkpoint import Checkpoint, Group, NamedArray, note, read, write, write_safetensors
from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import Dataset, Inputs, Preprocessing, split
from gpunet.experiment import Experiment, Run, scale_to_unit_variance
from gpunet.initializers import LSUV
from gpunet.inspection.differences import compare
from gpunet.inspection.pictures import image, pictures
from gpunet.inspection.portrait import Seen, activations, outputs_of
from gpunet.inspection.signals import spread_over_samples
from gpunet.inspection.statistics import statistics
from gpunet.inspection.tiles import KERNEL, filters, is_filters
from gpunet.layers import BatchNorm, Dense, Layer, ReLU, Sequential, Tanh
from gpunet.parameter import Parameters
from gpunet.persistence import snapshot
from gpunet.persistence.snapshot import model_tree
from gpunet.persistence.transfer import _donors

MEMBERS = [(), (2,)]


@dataclass(eq=False)
class Rows(Layer):
    """Images as rows of numbers, for tests."""

    axes: int = 3
    size: tuple[int, ...] = (4, 4)

    def forward(self, x, ctx):
        return x.reshape(*x.shape[: -self.axes], -1), lambda dy: dy.reshape(x.shape)


def network(members, device, channels=3):
    layers = [Convolution(2, n_in=channels), ReLU(), Convolution(5, n_in=2), Tanh(), Rows(), Dense(n_out=3, n_in=80)]
    model = Sequential(layers)
    return model, Parameters(model, [3, 4][: len(members) + 1] if members else 3, device)


@pytest.mark.parametrize("members", MEMBERS)
def test_layers_on_positions_are_seen_with_their_channels(members, device, rng):
    model, _ = network(members, device)
    x = device.put(rng.normal(size=(7, 4, 4, 3)).astype("f4"))
    found = list(outputs_of(model, x, members, Context(False, Arena(device)), device))
    assert [(one.name, one.units_of) for one in found] == [
        ("001_relu", "000_convolution"), ("003_tanh", "002_convolution"), ("005_dense", "005_dense")
    ]  # fmt: skip
    assert [one.values.shape for one in found] == [(*members, 7, 4, 4, 2), (*members, 7, 4, 4, 5), (*members, 7, 3)]
    assert {one.members for one in found} == {members}
    tanh = activations(found[1])
    assert tanh.attrs | {"samples": 7, "units": 5, "positions": 16} == tanh.attrs
    assert tanh["counts"].data.sum(axis=-1).tolist() == ([7 * 16 * 5] * 2 if members else 7 * 16 * 5)
    assert tanh["counts"].axes == (("member", "bin") if members else ("bin",))


def test_what_members_share_has_no_members(device, rng):
    model = Sequential([Tanh(), Dense(n_out=4, n_in=4), BatchNorm(4)])
    Parameters(model, [0, 1], device)
    x = device.put(rng.normal(size=(7, 4)).astype("f4"))
    found = list(outputs_of(model, x, (2,), Context(False, Arena(device)), device))
    assert [(one.name, one.members) for one in found] == [("000_tanh", ()), ("002_batch_norm", (2,))]


def test_units_on_positions_are_channels():
    values = np.zeros((2, 3, 4, 4, 2))  # two members, three samples
    values[1, :, 0, 0, 1] = [0, 1, 2]
    found = activations(Seen("relu", values, (2,)))
    assert found["constant_units"].data.tolist() == [2, 1]
    one = activations(Seen("relu", values[1]))
    assert one["constant_units"].data == 1
    assert (one.attrs["samples"], one.attrs["positions"], one["counts"].data.shape) == (3, 16, (64,))


def test_spread_is_over_samples_not_over_rows_of_pixels(rng):
    values = rng.normal(size=(2, 30, 5, 6, 3))
    wanted = np.sqrt(np.mean([np.var(values[m, :, i, j, c]) for m, i, j, c in np.ndindex(2, 5, 6, 3)]))
    assert spread_over_samples(values, (2,)) == pytest.approx(wanted)
    assert spread_over_samples(values[0], ()) == pytest.approx(np.sqrt(values[0].var(axis=0).mean()))


@pytest.mark.parametrize("members", MEMBERS)
def test_kernels_that_start_by_lsuv_give_unit_variance(members, device, rng):
    model = Sequential([Convolution(6, n_in=3, initializer=LSUV()), Tanh(), Convolution(4, n_in=6, initializer=LSUV())])
    parameters = Parameters(model, [0, 1] if members else 0, device)
    parts = split(Dataset("x", x := rng.normal(size=(40, 4, 4, 3)).astype("f4"), np.arange(40, dtype="i4") % 2,
                          ("a", "b")), validation=0.1, test=0.1, seed=0)  # fmt: skip
    inputs = Inputs(x, np.zeros(40, "i4"), parts, Preprocessing(), device)
    scale_to_unit_variance(model, parameters, inputs)
    h, ctx = device.put(inputs.some("train", 500)), Context(False, Arena(device))
    for layer in model.layers:
        h, _ = layer.forward(h, ctx)
        if isinstance(layer, Convolution):
            std = device.get(h).std(axis=(-4, -3, -2, -1))
            assert std == pytest.approx(np.ones(members), abs=1e-4)


def test_filters_are_kernels_and_columns_by_hand():
    kernel = np.zeros((2, 3, 3, 4), "f4")
    kernel[1, 2, :, 0] = [-4, 2, 1]
    kernel[..., 1] = 5
    found = filters(kernel, KERNEL, ())
    assert found.shape == (4, 2, 3, 3)
    assert found[0, 1, 2].tolist() == [0, 191, 159]
    assert (found[1] == 255).all()
    assert (found[2] == 128).all()
    assert filters(kernel[:, :, :1], KERNEL, ()).shape == (4, 2, 3)
    columns = filters(kernel.reshape(18, 4), ("input", "output"), (2, 3, 3))
    assert (columns == found).all()
    assert not is_filters((3, 3, 5, 2), KERNEL, (8, 8, 3))
    assert not is_filters((3, 4, 2), ("member", "input", "output"), (2, 2))
    assert is_filters((12, 2), (), (2, 2, 3))


def test_pictures_in_colour_say_so_to_viewers():
    colour, grey = image(np.zeros((2, 4, 5, 3), np.uint8), "c"), image(np.zeros((2, 4, 5), np.uint8), "g")
    assert colour.attrs["IMAGE_SUBCLASS"] == "IMAGE_TRUECOLOR"
    assert colour.attrs["INTERLACE_MODE"] == "INTERLACE_PIXEL"
    assert (colour.shape, grey.shape) == ((4, 59, 3), (4, 59))
    assert grey.attrs["IMAGE_SUBCLASS"] == "IMAGE_GRAYSCALE"


def colour_run(device, rng, model="rbm", **overrides):
    x = rng.integers(0, 256, (60, 5, 4, 3)).astype("u1")
    dataset = Dataset("paint", x, np.arange(60, dtype="i4") % 3, ("a", "b", "c"), scale=255.0)
    settings = {"model.name": model, "model.hidden": 12, "training.epochs": 1, "training.batch_size": 10} | overrides
    run = Run(
        Experiment(load_config(None, settings, {}), dataset, split(dataset, validation=0.2, test=0.2, seed=0), device)
    )
    run.train()
    return run


def test_machines_of_colour_images_have_pictures_and_samples(device, rng, tmp_path):
    reader = pytest.importorskip("PIL.Image")
    run = colour_run(device, rng)
    found = pictures(run)
    assert set(found.children) == {"filters", "reconstructions", "fantasies"}
    factor = 3  # tiles of 5 x 4 pixels are enlarged to be seen
    assert found["filters"].shape == (2 * (5 * factor + 1) - 1, 10 * (4 * factor + 1) - 1, 3)
    assert found["fantasies"].shape == (10 * 6 - 1, 10 * 5 - 1, 3)
    shown = found["reconstructions"].data[:5, :4]
    assert (shown == run.dataset.x[run.split.test[0]]).all(), "data above what came back"
    write(tmp_path / "best.h5", snapshot(run, best=True))
    output = tmp_path / "dreams.png"
    done = CliRunner().invoke(main, ["sample", str(tmp_path / "best.h5"), "-n", "4", "--steps", "2", "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert np.asarray(reader.open(output)).shape[-1] == 3


def checkpoint(members=(), root=None):
    """A convolution, a one-dimensional kernel, and a dense layer, as a checkpoint holds them."""
    lead, first = members, "member," if members else ""
    root = root or Group()
    for name, shape, axes in [
        ("model/000_convolution", (3, 3, 3, 4), "height,width,input,output"),
        ("model/001_series", (5, 4, 4), "width,input,output"),
        ("model/002_dense", (4, 2), "input,output"),
    ]:
        numbers = np.arange(np.prod((*lead, *shape)), dtype="f4").reshape(*lead, *shape)
        root[f"{name}/weight"] = NamedArray(numbers, {"role": "weight", "axes": first + axes})
        root[f"{name}/bias"] = NamedArray(
            np.zeros((*lead, shape[-1]), "f4"), {"role": "bias", "axes": f"{first}output"}
        )
    root["model/003_norm/weight"] = NamedArray(np.ones((*lead, 2), "f4"), {"role": "scale", "axes": f"{first}feature"})
    root["config/json"] = note({})
    root["data/json"] = note({"input_shape": [8, 8, 3]})
    return root


@pytest.mark.parametrize("members", [(), (2,)])
def test_layers_of_a_checkpoint_are_donors_whatever_their_rank(members, tmp_path):
    from gpunet.checkpoint import read_safetensors
    from gpunet.cli.views.exporting import below

    write(tmp_path / "a.h5", checkpoint(members))
    found = {donor.name: donor for donor in _donors(read(tmp_path / "a.h5"))}
    shapes = {"000_convolution": (3, 3, 3, 4), "001_series": (5, 4, 4), "002_dense": (4, 2)}
    assert {name: donor.shape for name, donor in found.items()} == shapes
    assert {donor.members for donor in found.values()} == {members}
    pytest.importorskip("safetensors")
    arrays = below(checkpoint(members)["model"], "model", bare=True)
    del arrays["003_norm/weight"]
    write_safetensors(tmp_path / "own.safetensors", arrays, {})
    own = {donor.name: donor for donor in _donors(read_safetensors(tmp_path / "own.safetensors"))}
    assert {name: donor.shape for name, donor in own.items()} == shapes
    assert {donor.members for donor in own.values()} == {members}


def test_kernels_of_other_programs_are_turned(rng):
    kernel, series, matrix = rng.normal(size=(8, 3, 5, 5)), rng.normal(size=(6, 8, 7)), rng.normal(size=(2, 6))
    root = Group()
    for name, weight in {"1": kernel, "2": series, "10": matrix, "11": np.ones(4)}.items():
        root[f"{name}/weight"] = NamedArray(weight)
        root[f"{name}/bias"] = NamedArray(np.zeros(len(weight)))
    found = list(_donors(Checkpoint(None, root, "", False, "safetensors")))
    assert [donor.name for donor in found] == ["1", "2", "10"]
    assert [donor.shape for donor in found] == [(5, 5, 3, 8), (7, 8, 6), (6, 2)]
    assert (found[0].weight[1, 2, 2, 4] == kernel[4, 2, 1, 2]).all()
    assert not any(donor.members for donor in found)


def test_settings_of_several_numbers_are_attributes(device):
    model = Sequential([Rows(), Dense(n_out=2, n_in=48, unit_rates=(1.0, 0.5)), Dense(n_out=2, n_in=2)])
    parameters = Parameters(model, 0, device)
    found = model_tree(model, parameters, device.get(parameters.values))
    assert found["000_rows"].attrs["size"] == "[4, 4]"
    assert found["001_dense"].attrs["unit_rates"] == "[1.0, 0.5]"
    assert "unit_rates" not in found["002_dense"].attrs


@pytest.mark.parametrize("members", [(), (2,)])
def test_kernels_are_drawn_and_measured_from_a_checkpoint(members, tmp_path):
    reader = pytest.importorskip("PIL.Image")
    write(tmp_path / "a.h5", checkpoint(members))
    words = [
        "inspect",
        str(tmp_path / "a.h5"),
        "--image",
        "model/000_convolution/weight",
        "-o",
        str(tmp_path / "k.png"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("model/000_convolution/weight: 4 filters")
    pixels = np.asarray(reader.open(tmp_path / "k.png"))
    weight = checkpoint()["model/000_convolution/weight"].data
    unit = weight[..., 0]
    gap, factor = 36, 64  # four times 9 and 16, for a picture that can be seen
    tile = pixels[gap : gap + 192 : factor, gap : gap + 192 : factor]
    assert np.abs(tile - (127.5 + 127.5 * unit / unit.max())).max() <= 0.51
    words[3] = "model/002_dense/weight"
    assert "must be an image or weights of pixels" in CliRunner().invoke(main, words).output


def test_the_angle_between_kernels_is_that_of_their_matrices(tmp_path, rng):
    paths = []
    for number, members in enumerate([(), (), (2,), (2,)]):
        root = checkpoint(members)
        root["model/000_convolution/weight"].data[...] = rng.normal(size=(*members, 3, 3, 3, 4))
        write(tmp_path / f"{number}.h5", root)
        paths.append(read(tmp_path / f"{number}.h5"))
    name = "model/000_convolution/weight"
    (angle,) = [row["angle"] for row in compare(*paths[:2], "model")["arrays"] if row["name"] == name]
    a, b = (p[name].data.astype("f8").reshape(27, 4) for p in paths[:2])
    spaces = [np.linalg.svd(m)[0][:, :3] for m in (a, b)]
    cosines = np.linalg.svd(spaces[0].T @ spaces[1])[1]
    assert angle == pytest.approx(np.degrees(np.arccos(cosines.min())), abs=1e-6)
    assert {row["angle"] for row in compare(*paths[2:], "model")["arrays"]} == {None}
    assert len(statistics(a.reshape(3, 3, 3, 4), True)["singular_values"]) == 3
