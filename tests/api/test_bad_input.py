"""Bad input: one exception whose text names the thing, the rule, what was received and the remedy."""

from typing import ClassVar

import numpy as np
import pytest

import gpunet
import gpunet.config
import gpunet.layers
from gpunet.errors import CheckpointError, ConfigError, DataError, WriteError

X = np.random.default_rng(0).random((60, 4))
Y = np.arange(60) % 2
NAN = np.where(X[7, 2] == X, np.nan, X)


class Sparse:
    """What every sparse matrix of SciPy has."""

    shape, nnz = (60, 4), 5

    def toarray(self):
        return X


class OnCuda:
    """An array of another library in the memory of a GPU, which only CuPy could fetch."""

    __cuda_array_interface__: ClassVar[dict] = {"shape": (2, 2), "typestr": "<f4", "data": (1, False), "version": 3}


@pytest.fixture(scope="module")
def network():
    return gpunet.train("mlp", X, Y, hidden=[4], epochs=1, device="cpu")


@pytest.fixture(scope="module")
def machine():
    return gpunet.train("rbm", (X > 0.5).astype(np.uint8), hidden=3, epochs=1, device="cpu")


def train(*arguments, **settings):
    return lambda network, machine, folder: gpunet.train("mlp", *arguments, device="cpu", epochs=1, **settings)


CASES = {
    "lengths differ": (train(X, Y[:-1]), DataError, "y", "one target for each of the 60 samples of x", "59", "as many"),
    "nan": (train(NAN, Y), DataError, "x", "finite numbers", "nan in sample 7, feature 2", "Remove or fill"),
    "nan in targets": (train(X, X[:, 0] * np.nan), DataError, "y", "a value in every row", "none in row 0", "Remove"),
    "too large": (train(X * 1e300, Y), DataError, "x", "float32 can hold", "e+", "Rescale"),
    "wrong width": (
        lambda n, m, f: n.predict(X[:, :3]), DataError, "x", "samples of shape 4", "shape 3", "(samples, 4)",
    ),
    "unseen class": (
        lambda n, m, f: n.score(X, Y + 1), DataError, "y", "trained on", "2", "knows 0, 1",
    ),
    "one class": (train(X, Y * 0), DataError, "y", "two classes", "only '0'", "another"),
    "texts as features": (train(X.astype(str), Y), DataError, "x", "real numbers", "texts", "into numbers"),
    "texts at predict": (
        lambda n, m, f: n.predict(X.astype(str)), DataError, "x", "real numbers", "texts", "into numbers",
    ),
    "nothing": (train(X[:0], Y[:0]), DataError, "x", "needs samples", "(0, 4)", "Pass some"),
    "nothing at predict": (lambda n, m, f: n.predict(X[:0]), DataError, "x", "needs samples", "(0, 4)", "Pass some"),
    "one row": (lambda n, m, f: n.predict(X[0]), DataError, "x", "one row for each sample", "(4,)", "reshape(1, -1)"),
    "ragged lists": (train([[1, 2], [3]], [0, 1]), DataError, "x", "array of numbers", "list", "one shape"),
    "ragged array": (
        train(np.array([[1, 2], [3]], object), [0, 1]), DataError, "x", "array of numbers", "unequal", "one shape",
    ),
    "array of a GPU without CuPy": (
        train(OnCuda(), [0, 1]), DataError, "x", "array of numbers", "OnCuda", "one shape",
    ),
    "validation by itself, test from x": (
        lambda n, m, f: gpunet.train("mlp", X, Y, validation=(X, Y), test=0.2),
        DataError, "test", "passed by itself where validation is", "0.2 of x", "test=0",
    ),
    "test of a configuration": (
        lambda n, m, f: gpunet.train(gpunet.config.Config(), X, Y, validation=(X, Y)),
        DataError, "test", "passed by itself where validation is", "0.15 of x", "test=0",
    ),
    "no targets to fit": (
        lambda n, m, f: gpunet.fit([gpunet.layers.Dense(2)], X), DataError, "y", "must be given", "none", "Pass y",
    ),
    "sparse": (train(Sparse(), Y), DataError, "x", "dense", "sparse matrix of shape (60, 4)", "toarray()"),
    "masked": (
        train(np.ma.masked_array(X, X > 0.9), Y), DataError, "x", "no masked values", "of them", "filled",
    ),
    "three axes for features": (
        lambda n, m, f: n.predict(np.zeros((2, 2, 2))), DataError, "x", "shape 4", "2x2", "(samples, 4)",
    ),
    "complex": (train(X + 1j, Y), DataError, "x", "real numbers", "complex", "into numbers"),
    "missing labels": (
        train(X, np.array(["a", None] * 30, object)), DataError, "y", "a value in every row", "none in row 1", "Remove",
    ),
    "no features": (train(None, Y), DataError, "x", "must be given", "none", "x, y"),
    "no targets": (train(X), DataError, "y", "must be given to train mlp", "none", "target=COLUMN"),
    "targets twice": (train(X, Y, target="a"), DataError, "target", "stands alone", "y as well", "Leave one out"),
    "files and arrays": (train(X, Y, data="digits"), DataError, "data", "stands alone", "arrays", "Leave one"),
    "column of an array": (train(X, target="a"), DataError, "target", "data frame", "ndarray", "Pass y"),
    "no such file": (train(data="digi"), DataError, "digi", "existing", "no such file", "digits"),
    "unknown preset": (
        lambda n, m, f: gpunet.train("mpl", X, Y), ConfigError, "preset", "known name", "mpl", "Did you mean mlp",
    ),
    "arrays first": (
        lambda n, m, f: gpunet.train(X, Y), ConfigError, "config", "name of a preset", "ndarray", "train(",
    ),
    "no networks": (lambda n, m, f: gpunet.api.Ensemble([]), CheckpointError, "networks", "one", "none", "Pass"),
    "unknown key": (train(X, Y, epoch=3), ConfigError, "epoch", "no key", "", "Did you mean epochs"),
    "key of two sections": (train(X, Y, patience=3), ConfigError, "patience", "not short", "", "training.patience"),
    "number for a list": (train(X, Y, hidden=8), ConfigError, "model.hidden", "a list", "8", "[8]"),
    "class for an object": (
        train(X, Y, optimizer=gpunet.GpunetError), ConfigError, "optimizer", "object", "GpunetError", "GpunetError(",
    ),
    "whole float": (train(X, Y, validation=1.0), ConfigError, "validation", "below 1", "1.0", "0.15"),
    "half a pair": (train(X, Y, validation=(X,)), DataError, "validation", "pair", "1 things", "(x, y)"),
    "other width in a part": (
        train(X, Y, validation=(X[:, :3], Y)), DataError, "validation", "shape (4,)", "(3,)", "alike",
    ),
    "no seeds": (train(X, Y, seeds=0), ConfigError, "seeds", "from 1 on", "0", "seeds=3"),
    "unknown device": (
        lambda n, m, f: gpunet.train("mlp", X, Y, device="gpu"),
        gpunet.errors.DeviceError, "device", "auto, cpu, cuda", "gpu", "auto",
    ),
    "start of something": (train(X, Y, start=3), ConfigError, "start", "trained model", "int", "gpunet.train"),
    "targets of three axes": (
        train(X, np.zeros((60, 2, 2))), DataError, "y", "(samples, outputs)", "(60, 2, 2)", "reshape(len(y), -1)",
    ),
    "a number for a device": (
        lambda n, m, f: gpunet.train("mlp", X, Y, device=0),
        gpunet.errors.DeviceError, "device", "auto, cpu, cuda", "0", "auto",
    ),
    "a folder for a file": (lambda n, m, f: n.save("."), ConfigError, "path", "end in .h5", ".", "net.h5"),
    "half a graft": (
        lambda n, m, f: gpunet.train("mlp", X, Y, start=n, grafts=[("000_dense",)]),
        ConfigError, "grafts", "pairs of names", "('000_dense',)", "000_rbm",
    ),
    "layers in words": (
        lambda n, m, f: gpunet.train("dbn", X, start=m, keep_layers="one"),
        ConfigError, "keep_layers", "whole number from 1 on", "one", "For example",
    ),
    "another kind of checkpoint": (
        lambda n, m, f: gpunet.api.Ensemble([n, m]), CheckpointError, "network 1", "predicts", "rbm", "alone",
    ),
    "no checkpoint": (
        lambda n, m, f: gpunet.load(f / "no.h5"), CheckpointError, "no.h5", "existing", "no such file", "Check",
    ),
    "no paths": (lambda n, m, f: gpunet.load(), ConfigError, "paths", "paths of checkpoints", "none", "net.h5"),
    "list of paths": (lambda n, m, f: gpunet.load(["a.h5"]), ConfigError, "paths", "must be paths", "list", "*paths"),
    "no folder to save in": (
        lambda n, m, f: n.save(f / "no/n.h5"), WriteError, "n.h5", "folder", "no folder", "mkdir",
    ),
    "another ending": (lambda n, m, f: n.save(f / "n.npz"), ConfigError, "path", ".h5", "n.npz", "n.h5"),
    "folder of another run": (
        lambda n, m, f: gpunet.train("mlp", X, Y, hidden=[4], epochs=1, run=f, device="cpu"),
        ConfigError, "run", "new or empty", "", "never overwritten",
    ),
    "no run": (
        lambda n, m, f: gpunet.resume(f / "none"), CheckpointError, "none", "folder of a run", "no such", "Check",
    ),
    "probabilities of values": (
        lambda n, m, f: gpunet.train("mlp", X, X[:, 0], epochs=1, device="cpu").predict_proba(X),
        ConfigError, "predict_proba", "classes", "values", "predict",
    ),
    "targets of a score": (lambda n, m, f: n.score(X, None), DataError, "y", "must be given", "none", "Pass"),
    "samples of a network": (lambda n, m, f: n.sample(), ConfigError, "sample", "generates", "mlp", "rbm"),
    "samples of another scale": (
        lambda n, m, f: m.log_likelihood(X * 3), DataError, "x", "between 0 and 1", "to", "scale of the training",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_message_has_four_parts(case, network, machine, tmp_path):
    action, kind, thing, rule, received, remedy = CASES[case]
    (tmp_path / "something").touch()
    with pytest.raises(kind) as caught:
        action(network, machine, tmp_path)
    error = caught.value
    assert isinstance(error, gpunet.GpunetError)
    assert thing in error.thing
    text = str(error)
    for part in (thing, rule, received, remedy):
        assert part in text
    assert error.remedy
    assert text.count("\n") == 0


def test_several_wrong_keys_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        gpunet.train("mlp", X, Y, epoch=3, hiden=[3])
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["epoch", "hiden"]
