"""A convolution that gpunet does not have, from data to checkpoint and back: a family of one's own carries it."""

from typing import Literal

import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from convolving import Convolution
from gpunet.checkpoint import read
from gpunet.cli.app import main
from gpunet.families import Family
from gpunet.fields import Count
from gpunet.layers import Dense, Flatten, ReLU, Sequential


class Filters(Family):
    """One convolution and a linear output."""

    name: Literal["filters"] = "filters"
    channels: Count = 3

    @property
    def sees_positions(self):
        """It works on images as they are."""
        return True

    def network(self, shape, outputs):
        """Filters, their activation, and what follows from all of them."""
        first = Convolution(self.channels, n_in=shape[-1])
        network = Sequential([first, ReLU(), Flatten(), Dense(outputs)])
        network.build(shape)
        return network


OPTIONS = {"epochs": 3, "batch_size": 10, "lr": 0.01, "device": "cpu", "families": [Filters]}


def images():
    """Stripes that lie or stand, in colour."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.random((80, 6, 6, 3)).astype(np.float32)
    x[y == 0, ::2] += 1
    x[y == 1, :, ::2] += 1
    return x, np.array(["lying", "standing"])[y]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    x, y = images()
    folder = tmp_path_factory.mktemp("convolution") / "run"
    return gpunet.train({"model": "filters"}, x, y, seeds=2, run=folder, **OPTIONS), folder


def test_it_learns_and_its_members_are_the_networks_of_their_seeds(trained):
    x, y = images()
    net, _ = trained
    assert net.score(x, y) > 0.9
    alone = gpunet.train({"model": "filters"}, x, y, seed=1, **OPTIONS)
    for name, values in alone.weights.items():
        assert np.array_equal(values, net.weights[name][1]), name


def test_it_comes_back_out_of_its_checkpoint(trained, tmp_path):
    x, _ = images()
    net, folder = trained
    again = gpunet.load(folder, families=[Filters], device="cpu")
    assert np.array_equal(again.predict_proba(x), net.predict_proba(x))
    member = gpunet.load(net.members[0].save(tmp_path / "one.h5"), families=[Filters], device="cpu")
    assert np.array_equal(member.predict(x), net.members[0].predict(x))
    kernel = read(folder / "best.h5")["model/000_convolution/weight"]
    assert kernel.data.shape == (2, 3, 3, 3, 3)
    assert kernel.attrs["axes"] == "member,height,width,input,output"


def test_it_goes_on_where_it_stopped(trained, tmp_path):
    x, y = images()
    net, _ = trained
    gpunet.train({"model": "filters"}, x, y, seeds=2, run=tmp_path / "run", **OPTIONS | {"epochs": 1})
    resumed = gpunet.resume(tmp_path / "run", x, y, epochs=3, families=[Filters], device="cpu")
    for name, values in net.weights.items():
        assert np.array_equal(values, resumed.weights[name]), name


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], "000_convolution"),
        (["model/000_convolution/weight"], "3x3x3x3"),
        (["--stats"], "model/000_convolution/weight, member 1"),
        (["--history"], "epoch"),
    ],
)
def test_it_is_inspected_without_its_class(trained, options, shown):
    done = CliRunner().invoke(main, ["inspect", str(trained[1] / "best.h5"), *options])
    assert done.exit_code == 0, done.output
    assert shown in done.output


def test_its_filters_are_a_picture(trained, tmp_path):
    pytest.importorskip("PIL")
    arguments = ["--image", "model/000_convolution/weight", "-o", str(tmp_path / "filters.png")]
    done = CliRunner().invoke(main, ["inspect", str(trained[1] / "best.h5"), *arguments])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG")
