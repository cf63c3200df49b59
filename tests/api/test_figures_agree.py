"""What a network measures in Python and what the command line says of it are the same, name by name."""

import json

import numpy as np
import pytest

import gpunet
from shell import invoked


def targets(kind, x):
    if kind == "classes":
        return np.digitize(x[:, 0], [-0.4, 0.5])
    if kind == "labels":
        return (x[:, :2] + 0.3 * x[:, 2:] > 0).astype(int)
    return 1e4 + 2000 * x[:, 0] - 500 * x[:, 1]


@pytest.mark.parametrize("kind", ["classes", "labels", "values"])
def test_python_and_the_command_line_measure_the_same(kind, tmp_path):
    x = np.random.default_rng(0).normal(size=(240, 4)).astype(np.float32)
    y = targets(kind, x)
    run = tmp_path / "run"
    net = gpunet.train("linear", x, y, epochs=5, learning_rate=0.2, device="cpu", run=run)
    new = np.random.default_rng(1).normal(size=(90, 4)).astype(np.float32)
    np.savez(tmp_path / "new.npz", x=new, y=targets(kind, new))
    done = invoked("evaluate", run, "--data", tmp_path / "new.npz", "--device", "cpu", "--json")
    said = json.loads(done.stdout)
    measured, figures = net.evaluate(new, targets(kind, new)), net.figures(new, targets(kind, new))
    assert set(measured) == {"loss", *said["figures"]}
    assert list(figures) == list(said["figures"])
    assert measured["loss"] == pytest.approx(said["loss"][0], rel=1e-6)
    for name, one in said["figures"].items():
        assert measured[name] == pytest.approx(one["value"][0], rel=1e-6, nan_ok=True)
        for part in ("value", "low", "high"):
            own, printed = (np.nan if v is None else v for v in (getattr(figures[name], part), one[part][0]))
            assert own == pytest.approx(printed, rel=1e-6, nan_ok=True)
        assert figures[name].baseline == pytest.approx(one["baseline"], rel=1e-6, nan_ok=True)
        if "by_class" in one:
            own = figures[name].by_class
            assert ([] if own is None else own.tolist()) == pytest.approx(one["by_class"][0], rel=1e-6, nan_ok=True)


def test_members_are_measured_each_for_itself():
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    y = targets("labels", x)
    net = gpunet.train("linear", x, y, epochs=2, seeds=2, device="cpu")
    found = net.evaluate(x, y)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(found, (2,))
    assert "roc_auc" in found
