"""What the doctor checks."""

import numpy as np
from click.testing import CliRunner

from gpunet.cli.commands.doctor import doctor


def test_it_checks_the_product_that_training_uses(monkeypatch):
    assert CliRunner().invoke(doctor, ["--device", "cpu"]).exit_code == 0
    monkeypatch.setattr("gpunet.backend.matmul", lambda a, b: np.zeros_like(a))
    found = CliRunner().invoke(doctor, ["--device", "cpu"])
    assert found.exit_code == 1
    assert "wrong numbers" in found.output
