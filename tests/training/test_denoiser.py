"""The convolutional autoencoder: what it gives back, what it does not see, and what a network takes over from it."""

import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from gpunet.backend import Arena, Context, Purpose, Streams
from gpunet.checkpoint import read
from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.errors import ConfigError, DataError
from gpunet.experiment import Experiment, Run
from gpunet.layers import Dense, Sequential, Upsample2D
from gpunet.losses import SquaredError
from gpunet.models import convolutional_autoencoder
from gpunet.objectives import Reconstruction
from gpunet.parameter import Parameters
from gpunet.persistence import graft

SMALL = {"model.channels": [4, 6], "training.epochs": 1, "training.batch_size": 20}


def experiment(device, shape=(8, 6, 3), preset="denoiser", **more):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (90, *shape)).astype(np.uint8)
    dataset = Dataset("scenes", x, (np.arange(90) % 3).astype(np.int32), ("a", "b", "c"), scale=255.0)
    config = load_config(preset, SMALL | more, {})
    return Experiment(config, dataset, split(dataset, validation=0.2, test=0.2, seed=0), device)


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3), (1, 9, 2), (28, 28, 1)])
@pytest.mark.parametrize("channels", [(4,), (4, 6), (2, 3, 5)])
def test_an_image_of_any_size_comes_back_as_large(shape, channels):
    model = convolutional_autoencoder(shape, channels)
    assert model.output_shape(shape) == (int(np.prod(shape)),)
    code = Sequential(model.layers[: model.encoder_layers]).output_shape(shape)
    assert code == (-(-shape[0] // 2 ** len(channels)), -(-shape[1] // 2 ** len(channels)), channels[-1])


@pytest.mark.parametrize(("factor", "crop"), [(2, (0, 0)), (2, (1, 1)), (3, (0, 2))])
def test_each_pixel_becomes_a_square(factor, crop, device, rng):
    x = rng.random((2, 3, 4, 5, 2))
    y, backward = Upsample2D(factor, crop).forward(device.put(x), Context(True, Arena(device)))
    wanted = np.kron(x.transpose(0, 1, 4, 2, 3), np.ones((factor, factor))).transpose(0, 1, 3, 4, 2)
    wanted = wanted[:, :, : wanted.shape[2] - crop[0], : wanted.shape[3] - crop[1]]
    assert np.array_equal(device.get(y), wanted)
    ones = device.get(backward(device.put(np.ones(wanted.shape)))).copy()
    assert ones.sum() == wanted.size
    assert ones[0, 0, 0, 0, 0] == factor**2


def test_what_is_missing_must_come_back(device, rng):
    """The network sees zeros in the place of a part of the features, and the loss compares with all of them."""
    x = device.put(rng.random((40, 30)) + 1)
    model = Sequential([Dense(30)])
    model.build((30,))
    parameters = Parameters(model, 0, device, np.float64)
    learned = []
    for corruption in (0.0, 0.3):
        clock = device.zeros((1,), np.uint64)
        ctx = Context(True, Arena(device), Streams(device, 0, clock, Purpose.LAYERS))
        seen = []
        forward = model.forward
        model.forward = lambda h, c, forward=forward, seen=seen: (seen.append(device.get(h).copy()), forward(h, c))[1]
        parameters.zero_grad()
        loss, _ = Reconstruction(model, SquaredError(), corruption).learn(x, None, None, ctx)
        del model.forward
        learned.append((seen[0], device.get(loss).copy()))
    (whole, _), (missing, loss) = learned
    assert np.array_equal(whole, device.get(x))
    gone = missing == 0
    assert 0.2 < gone.mean() < 0.4
    assert np.array_equal(missing[~gone], whole[~gone])
    weight, bias = (device.get(p.value) for p in parameters.named.values())
    assert loss == pytest.approx(((missing @ weight + bias - whole) ** 2).sum(axis=1))
    scores = Reconstruction(model, SquaredError(), 0.3).judge(x, None, Context(False, Arena(device)))
    assert device.get(scores[0]) == pytest.approx(((whole @ weight + bias - whole) ** 2).sum(axis=1))


@pytest.mark.parametrize("members", [1, 2])
def test_a_convnet_takes_the_encoder_with_its_norms_and_nothing_else(members, device, tmp_path):
    donor = gpunet.train(experiment(device, members=members).config, *arrays(device), progress=False,
                         run=tmp_path / "d")  # fmt: skip
    source = read(tmp_path / "d" / "best.h5")
    run = Run(experiment(device, preset="convnet", members=members, **{"model.hidden": [6]}))
    before = {n: device.get(p.value).copy() for n, p in run.trainer.parameters.named.items()}
    lines = graft(run, source)
    assert lines == [
        "000_conv2d from 000_conv2d", "001_batch_norm from 001_batch_norm",
        "004_conv2d from 004_conv2d", "005_batch_norm from 005_batch_norm",
    ]  # fmt: skip
    for name, parameter in run.trainer.parameters.named.items():
        value = device.get(parameter.value)
        if name[:3] in ("000", "001", "004", "005"):
            assert np.array_equal(value, source.array(f"model/{name}").data), name
        else:
            assert np.array_equal(value, before[name]), name
    one = donor if members == 1 else donor.members[0]
    assert one.encode(arrays(device)[0][:4]).shape == (4, 2 * 2 * 6)


def arrays(device):
    dataset = experiment(device).dataset
    return dataset.x, dataset.y


def test_other_channels_are_refused(device, tmp_path):
    gpunet.train(experiment(device).config, *arrays(device), progress=False, run=tmp_path / "d")
    run = Run(experiment(device, preset="convnet", **{"model.channels": [4, 8]}))
    with pytest.raises(ConfigError, match=r"model: 004_conv2d: must be 3x3x4x6, like 004_conv2d of the checkpoint"):
        graft(run, read(tmp_path / "d" / "best.h5"))


def test_it_learns_to_fill_in(device):
    found = gpunet.train("denoiser", data="digits", epochs=6, settings={"model.channels": [8, 16]}, progress=False)
    x = np.asarray(gpunet.datasets.load("digits").x[-200:], np.float32)
    holes = np.random.default_rng(0).random(x.shape) < 0.4
    back = found.predict(np.where(holes, 0, x).astype(np.uint8)) if hasattr(found, "predict") else None
    error = np.abs(back - x)[holes].mean()
    assert error < 0.75 * np.abs(x)[holes].mean(), "better than the zeros that it saw"


def test_the_command_line_pretrains_and_goes_on(tmp_path):
    words = ["model.channels=[4,6]", "training.epochs=1", "--device", "cpu", "--run"]
    done = CliRunner().invoke(main, ["pretrain", "denoiser", *words, str(tmp_path / "d")])
    assert done.exit_code == 0, done.stderr
    done = CliRunner().invoke(main, ["train", "convnet", "--from", str(tmp_path / "d" / "best.h5"), *words,
                                     str(tmp_path / "c")])  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "005_batch_norm from 005_batch_norm" in done.stderr
    assert {"reconstructions", "filters"} <= set(read(tmp_path / "d" / "best.h5").group("images").children)
    refused = CliRunner().invoke(main, ["train", "denoiser", "--device", "cpu"])
    assert refused.exit_code == 2
    assert "Use gpunet pretrain" in refused.stderr


def test_features_in_a_row_and_values_beyond_one_are_refused(device):
    with pytest.raises(ConfigError, match="needs images of height x width x channels"):
        Run(experiment(device, (64,)))
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        Run(experiment(device, **{"data.preprocess": ["standardise"]}))
