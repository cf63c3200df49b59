"""Compiled loops of the processor in layers and whole steps: the bits of array functions."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.backend import Arena, Context, Device, Streams, loops_used
from gpunet.cli.commands.doctor import doctor
from gpunet.data import Binarise, Feed, Scale, fit_preprocessing
from gpunet.layers import Dropout, LeakyReLU, ReLU, Sigmoid, SpatialDropout, Tanh
from gpunet.members import PerMember
from gpunet.ops import slopes
from gpunet.optimizers import EMA, SGD, Adam
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent, Sparsity, Spin
from gpunet.testing import agreement
from gpunet.training import Trainer
from stepping import make_trainer, state

pytest.importorskip("numba")
pytestmark = pytest.mark.timeout(600)  # compiling takes seconds, and longer on a busy machine


def context(seeds=3):
    device = Device()
    return Context(True, Arena(device), Streams(device, seeds, device.put([5], np.uint64)))


def both(compute):
    found = {}
    for used in (False, True):
        with loops_used(used), np.errstate(all="ignore"):
            found[used] = [np.array(array).tobytes() for array in compute()]
    return found[True], found[False]


LAYERS = [
    ReLU(), ReLU(0.5), ReLU(1), LeakyReLU(), LeakyReLU(0.3), Sigmoid(), Tanh(), Dropout(0.3), Dropout(0.99),
    Dropout(0.2, mode="classic"), SpatialDropout(0.4),
]  # fmt: skip
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e38]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers(layer, dtype):
    rng = np.random.default_rng(0)
    layer.build((3, 7, 5))
    x, dy = (rng.normal(size=(11, 3, 7, 5)).astype(dtype) for _ in range(2))
    x.reshape(-1)[: len(SPECIAL)] = SPECIAL
    dy.reshape(-1)[3 : 3 + len(SPECIAL)] = SPECIAL
    for one in (x, np.pad(x.reshape(-1), (1, 0))[1:].reshape(x.shape), x[..., ::-1]):  # at an odd place, and turned

        def passes(one=one):
            y, backward = layer.forward(one, context())
            yield y.copy()
            yield backward(dy.copy())
            yield backward(dy.swapaxes(0, 0)[::-1].copy()[::-1])  # which does not lie in one row

        found, wanted = both(passes)
        assert found == wanted


def test_the_loops_are_what_runs(monkeypatch):
    """A loop that is broken is seen, and an array that it does not know does not reach it."""
    asked = []

    def broken(dy, x, at_zero):
        asked.append(dy.size)
        dy *= 2

    monkeypatch.setattr(slopes, "loops", lambda name: SimpleNamespace(through_relu=broken))
    x = np.ones((4, 6), np.float32)
    with loops_used(True):
        assert slopes.through_relu(x.copy(), x, 0.0, context()).tolist() == (2 * x).tolist()
        assert slopes.through_relu(x.copy()[:, ::2], x[:, ::2], 0.0, context()).tolist() == x[:, ::2].tolist()
    with loops_used(False):
        assert slopes.through_relu(x.copy(), x, 0.0, context()).tolist() == x.tolist()
    assert asked == [24]


NETWORKS = {
    "one": {},
    "members": {"seeds": [5, 6, 7], "rule": Adam([0.01, 0.02, 0.03]), "dropout": PerMember([0.0, 0.3, 0.3])},
    "averaged": {"rule": SGD(0.01, momentum=0.9), "averaging": EMA(0.9), "weighted": True},
    "drawn": {"kind": [Scale(), Binarise(stochastic=True)], "seeds": [5, 6]},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_trainings_of_networks(name):
    def steps():
        trainer = make_trainer(Device(), **NETWORKS[name])
        for _ in range(5):
            trainer.step(8)
        return state(trainer)

    found, wanted = both(steps)
    assert found == wanted


MACHINES = {
    "plain": (Bernoulli, {}),
    "persistent": (Bernoulli, {"chains": Persistent(6), "k": 2, "binarise": True, "sparsity": Sparsity()}),
    "spins": (Spin, {"center": False}),
}


@pytest.mark.parametrize("name", MACHINES)
def test_whole_trainings_of_machines(name):
    kind, options = MACHINES[name]
    x = (np.random.default_rng(0).random((40, 23)) < 0.3).astype(np.float32)
    x = 2 * x - 1 if kind is Spin else x

    def steps():
        number = np.dtype(np.float32)
        feed = Feed(Device(), x, np.zeros(40, np.int32), fit_preprocessing("none", x, 1.0), number, (2,))
        objective = ContrastiveDivergence(RBM(kind(23), kind(9)), **options)
        rule = SGD(0.05, momentum=0.5)
        trainer = Trainer(objective, optimization=rule, seeds=[1, 2], feed=feed, batch_size=8, device=Device())
        trainer.begin_epoch(0, 5)
        for _ in range(5):
            trainer.step(8)
        return [*state(trainer), *objective.state().values()]

    found, wanted = both(steps)
    assert found == wanted


def test_the_doctor_compares_and_tells(monkeypatch):
    assert agreement() == {"optimizer": True, "sampling": True, "activations": True}
    said = CliRunner().invoke(doctor, ["--device", "cpu"])
    assert said.exit_code == 0
    assert "compiled for optimizer, sampling, activations; kept in" in said.output
    monkeypatch.setattr(slopes, "loops", lambda name: SimpleNamespace(
        through_relu=lambda dy, x, at_zero: None, through_sigmoid=lambda dy, y: None, through_tanh=lambda dy, y: None,
        through_leaky_relu=lambda dy, x, rest, low: None, masked=lambda x, dropped, scale, y, factor: None,
    ))  # fmt: skip
    said = CliRunner().invoke(doctor, ["--device", "cpu"])
    assert said.exit_code == 1
    assert "DIFFERENT from array functions: activations" in said.output


def test_the_doctor_says_why_there_are_none(monkeypatch):
    monkeypatch.setattr("gpunet.backend.compiled.load", lambda: False)
    monkeypatch.setattr("gpunet.backend.compiled.reason", lambda: "numba is not installed")
    said = CliRunner().invoke(doctor, ["--device", "cpu"])
    assert said.exit_code == 0
    assert "array functions alone: numba is not installed (pip install 'gpunet[cpu]')" in said.output
