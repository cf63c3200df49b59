"""Curves of reports: what does not vary has one tick."""

import re

import numpy as np
import pytest

from gpunet.cli.reporting.figures import curves


def ticks(svg, axis):
    part = re.split(r'<g id="matplotlib.axis_', svg)[{"x": 1, "y": 2}[axis]]
    return [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", part) if text != "epoch"]


def test_one_epoch_and_one_value_have_one_tick_each():
    pytest.importorskip("matplotlib")
    epochs = np.arange(1, 5)
    assert ticks(curves([(0, "-", [(epochs[:1], np.array([0.5]))])]), "x") == ["1"]
    still = curves([(0, "-", [(epochs, np.full(4, 0.002))]), (1, "-", [(epochs, np.full(4, 0.002))])])
    assert ticks(still, "y") == ["0.002"]
    assert ticks(still, "x") == ["1", "2", "3", "4"]
    assert len(ticks(curves([(0, "-", [(epochs, epochs * 0.1)])]), "y")) > 2
