"""Networks on images from data to checkpoint and back, by both doors."""

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from gpunet.checkpoint import read
from gpunet.cli.app import main
from gpunet.errors import GpunetError

OPTIONS = {"batch_size": 10, "lr": 0.05, "device": "cpu"}
SMALL = {
    "resnet": {"name": "resnet", "depth": 8, "widths": [4, 8, 8], "stochastic_depth": 0.1},
    "convnet": {"name": "convnet", "channels": [4, 8], "hidden": [16], "separable": True, "spatial_dropout": 0.05},
}


def images(channels=3, side=7):
    """Stripes that lie or stand; an odd size, which halves do not divide."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.random((80, side, side, channels)).astype(np.float32)
    x[y == 0, ::2] += 1
    x[y == 1, :, ::2] += 1
    return x, np.array(["lying", "standing"])[y]


def configured(name):
    return {
        "model": SMALL[name],
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "augmentation": {"flip": {}},
    }


@pytest.fixture(scope="module", params=SMALL)
def trained(request, tmp_path_factory):
    x, y = images()
    folder = tmp_path_factory.mktemp(request.param) / "run"
    return (
        request.param,
        gpunet.train(configured(request.param), x, y, seeds=2, epochs=6, run=folder, **OPTIONS),
        folder,
    )


def test_it_learns_and_its_members_are_the_networks_of_their_seeds(trained):
    name, net, _ = trained
    x, y = images()
    assert net.score(x, y) > 0.9
    alone = gpunet.train(configured(name), x, y, seed=1, epochs=6, **OPTIONS)
    for path, values in alone.weights.items():
        assert np.array_equal(values, net.weights[path][1]), path


def test_it_comes_back_out_of_its_checkpoint_and_goes_on_where_it_stopped(trained, tmp_path):
    name, net, folder = trained
    x, y = images()
    again = gpunet.load(folder, device="cpu")
    assert np.array_equal(again.predict_proba(x), net.predict_proba(x))
    gpunet.train(configured(name), x, y, seeds=2, epochs=2, run=tmp_path / "run", **OPTIONS)
    resumed = gpunet.resume(tmp_path / "run", x, y, epochs=6, device="cpu")
    for path, values in net.weights.items():
        assert np.array_equal(values, resumed.weights[path]), path


def test_every_weight_says_its_axes_and_every_window_its_size(trained):
    _, _, folder = trained
    with h5py.File(folder / "best.h5") as file:
        kernels = []
        file["model"].visititems(lambda path, item: kernels.append(item) if path.endswith("/weight") else None)
        axes = {item.attrs["axes"].decode(): item.ndim for item in kernels}
        first = file["model/000_conv2d"].attrs
        settings = {key: first[key] for key in ("size", "stride", "n_in", "n_out")}
        padding = first["padding"]
    assert axes == {"member,height,width,input,output": 5, "member,input,output": 3}
    assert {key: int(value) for key, value in settings.items()} == {"size": 3, "stride": 1, "n_in": 3, "n_out": 4}
    assert padding.decode() == "same"


def test_inspect_shows_kernels_and_counts_units_of_the_layer_that_has_them(trained):
    name, _, folder = trained
    path = str(folder / "best.h5")
    done = CliRunner().invoke(main, ["inspect", path, "--json", "--stats"])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["inspect", path])
    assert "3x3x3x4" in done.output
    activations = read(folder / "best.h5")["activations"]
    owners = {key: group.attrs["units_of"] for key, group in activations.children.items()}
    assert owners["002_relu"] == "000_conv2d"
    if name == "resnet":
        assert owners["003_residual"] == "003_residual"
        assert owners["004_relu"] == "003_residual"
    pictures = read(folder / "best.h5")["images"]
    assert pictures["filters"].data.shape[-1] == 3, "kernels of colour are pictures in colour"


BAD = [
    (images(1)[0], "resnet", "7x7x3"),
    (images(3, 8)[0], "convnet", "7x7x3"),
]


@pytest.mark.parametrize(("x", "name", "wanted"), BAD, ids=["one channel", "another size"])
def test_other_images_than_those_of_its_training_are_refused(x, name, wanted, trained):
    if trained[0] != name:
        pytest.skip("of the other network")
    with pytest.raises(GpunetError, match=wanted) as raised:
        trained[1].predict(x)
    assert "\n" not in str(raised.value)


def test_images_with_channels_first_are_turned_as_those_of_training_were(trained):
    if trained[0] != "resnet":
        pytest.skip("of the other network")
    x = images(3)[0]
    assert np.array_equal(trained[1].predict(np.moveaxis(x, -1, 1)), trained[1].predict(x))


def test_kernels_for_one_channel_do_not_go_into_a_network_for_three(tmp_path):
    y = images()[1]
    gpunet.train(configured("convnet"), images(1)[0], y, seed=0, epochs=1, run=tmp_path / "grey", **OPTIONS)
    with pytest.raises(
        GpunetError, match="000_conv2d: must be 3x3x1x4, like 000_conv2d of the checkpoint, got 3x3x3x4"
    ):
        gpunet.train(configured("convnet"), images()[0], y, epochs=1, start=tmp_path / "grey", **OPTIONS)


@pytest.mark.parametrize("preset", ["resnet-digits", "convnet", "resnet20"])
def test_presets_start_on_the_bundled_digits(preset, tmp_path):
    done = CliRunner().invoke(main, ["train", preset, "--data", "digits", "--dry-run", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert f"{preset}: " in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resnet20", "--data", "digits", "depth=21"], "model.depth: must be 2 more than a multiple of 6"),
        (["convnet", "--data", "table.csv"], "needs images of height x width x channels, got 3 features"),
        (["resnet20", "--data", "digits", "model.widths=[]"], "model.widths"),
    ],
)
def test_what_does_not_fit_is_one_line_before_any_training(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{i},{i % 7},{i % 5},{i % 3},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    done = CliRunner().invoke(main, ["train", *words, "--device", "cpu"])
    assert done.exit_code in (2, 3)
    lines = [line for line in done.stderr.splitlines() if line.startswith("gpunet: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "runs").exists()


def test_signals_name_the_plain_sigmoid_network_and_not_the_residual_one():
    def said(*words):
        done = CliRunner().invoke(main, ["doctor", "--signal", "resnet-digits", "model.widths=[8]", *words])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()[-1]

    deep = ("depth=20", "activation=sigmoid", "norm=none")
    assert "gradients vanish" in said(*deep, "shortcut=none")
    assert said("depth=20") == "Outputs and gradients keep their size through all layers."
