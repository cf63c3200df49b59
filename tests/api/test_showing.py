"""What networks and histories look like, in a terminal and in a notebook."""

import re
import sys
import types
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import gpunet
from gpunet.api import History
from gpunet.api.progress import Watch, in_notebook, wants_bar


def test_a_network_shows_its_layers_its_size_and_how_well_it_did(net, population):
    best = net.history["validation_accuracy"].max()
    layers = "dropout dense(6, 8) relu dropout dense(8, 2)"
    assert repr(net) == f"Network({layers}, 74 parameters, validation accuracy {best:.4g})"
    assert f"{layers}, 74 parameters, 3 members" in repr(population)
    assert net.parameter_count == sum(w.size for w in net.weights.values())


def test_weights_are_a_mapping_of_copies(net, table):
    before = net.predict(table[0])
    weight = net.weights["001_dense/weight"]
    assert weight.shape == (6, 8)
    weight[:] = 0
    np.testing.assert_array_equal(net.predict(table[0]), before)
    assert "001_dense/weight  6x8" in repr(net.weights)
    assert len(net.weights) == 4


def test_html_is_well_formed_and_escapes_what_comes_from_the_data(table, small):
    x, y = table
    net = gpunet.train("mlp", x, np.array(["<b>", "&"])[y], **small)
    for html in (net._repr_html_(), net.history._repr_html_()):
        ET.fromstring(f"<div>{html}</div>")
    assert "&lt;b&gt;" in net._repr_html_()
    assert "<b>" not in net._repr_html_()
    assert net.history._repr_html_().count("<svg") == 2


def test_a_history_is_drawn_from_its_numbers():
    history = History({"epoch": np.array([1, 2, 3]), "train_loss": np.array([3.0, 2.0, 1.0])})
    points = re.search(r'points="([^"]*)"', history._repr_html_())[1].split()
    across, down = np.array([point.split(",") for point in points], float).T
    assert across.tolist() == [2, 160, 318]
    assert down.tolist() == [2, 60, 118]
    assert repr(history) == "History(3 epochs; last train_loss 1)"
    assert repr(History({})) == "History(no epochs)"
    assert list(history) == ["epoch", "train_loss"]
    ET.fromstring(History({})._repr_html_())


def test_a_bar_is_shown_where_somebody_sees_it(monkeypatch):
    assert not in_notebook()
    assert wants_bar(True)
    assert not wants_bar(False)
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert in_notebook()
    assert wants_bar(None)


@pytest.fixture
def notebook(monkeypatch):
    """A kernel whose progress bars note what they are set to."""
    seen = []

    class Bar:
        def __init__(self, total):
            seen.append(("total", total))

        def display(self):
            seen.append(("display", None))

        progress = property(None, lambda self, value: seen.append(("progress", value)))

    shell = types.SimpleNamespace(kernel=object())
    display = types.ModuleType("IPython.display")
    display.ProgressBar = Bar
    module = types.ModuleType("IPython")
    module.get_ipython, module.display = (lambda: shell), display
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return seen


def test_the_bar_of_a_notebook_moves_with_the_epochs(notebook, table, small):
    gpunet.train("mlp", *table, **small)
    assert notebook == [("total", 2), ("display", None), ("progress", 0), ("progress", 1), ("progress", 2)]


def test_the_bar_of_a_terminal_is_taken_away_even_after_an_error(table, small, capsys):
    def fail(record):
        raise LookupError("mine")

    gpunet.train("mlp", *table, progress=True, **small)
    with pytest.raises(LookupError):
        gpunet.train("mlp", *table, progress=True, on_epoch=fail, **small)
    assert capsys.readouterr().out == ""
    watch = Watch([], False, False)
    watch.on_step(None, 0, 0, 1)  # a training without a bar moves none


def test_a_history_names_the_unit_of_its_columns(rng):
    x, y = rng.normal(size=(60, 3)), rng.normal(size=60) * 40
    settings = {"epochs": 2, "hidden": [4], "progress": False, "device": "cpu"}
    numbers = gpunet.train("mlp", x, y, **settings).history
    assert numbers.units["train_loss"] == numbers.units["validation_loss"] == "target's units, squared"
    assert (numbers.units["seconds"], numbers.units["learning_rate"]) == ("s", "")
    assert numbers.units.keys() == set(numbers)
    assert "loss (target&#x27;s units, squared)" in numbers._repr_html_()
    assert gpunet.train("mlp", x, (y > 0).astype(int), **settings).history.units["train_loss"] == "nats"
