"""Figures about arrays, and those that are left out of large ones."""

import json

import numpy as np
from click.testing import CliRunner

from gpunet.cli import main
from gpunet.inspection import statistics as room
from gpunet.inspection.statistics import statistics


def test_singular_values_of_large_matrices_are_left_out_unless_asked(monkeypatch, tmp_path):
    import gpunet

    small, large = np.eye(3), np.eye(5)
    monkeypatch.setattr(room, "MOST_WORK", 3**3)
    assert statistics(small, True, every=False)["singular_values"] == [1.0, 1.0, 1.0]
    assert "singular_values" not in statistics(large, True, every=False)
    assert round(statistics(large, True)["effective_rank"], 9) == 5
    x = np.random.default_rng(0).random((60, 4), np.float32)
    path = gpunet.train("linear", x, (x[:, 0] > 0.5).astype(int), epochs=1, device="cpu").save(tmp_path / "n.h5")
    monkeypatch.setattr(room, "MOST_WORK", 1)
    without = CliRunner().invoke(main, ["inspect", str(path), "--stats", "--json"])
    assert "add --singular" in without.stderr
    assert not any("singular_values" in row for row in json.loads(without.stdout))
    with_them = CliRunner().invoke(main, ["inspect", str(path), "--stats", "--singular", "--json"])
    assert any("singular_values" in row for row in json.loads(with_them.stdout))
    assert CliRunner().invoke(main, ["inspect", str(path), "--singular"]).exit_code == 2
