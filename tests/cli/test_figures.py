"""What is said of figures on the terminal."""

import numpy as np
import pytest

from gpunet.cli.figures import doubt, unrecognised
from gpunet.cli.guidance import NETWORKS
from gpunet.metrics import (
    R2,
    Accuracy,
    BalancedAccuracy,
    Outcome,
    constant_prediction,
    estimate,
    estimates,
    usual_metrics,
)

ROWS = 400


def told(task, skill):
    """The figures of a model that knows as much as its skill says; one sample in ten is of the second class."""
    rng = np.random.default_rng(1)
    if task == "regression":
        y, metrics = rng.normal(size=(ROWS, 1)), [R2()]
        outputs = skill * y + 0.1 * rng.normal(size=y.shape)
    else:
        y, metrics = (rng.random(ROWS) < 0.1).astype(np.int64), [Accuracy(), BalancedAccuracy()]
        said = np.where(rng.random(ROWS) < skill, y, 0)  # without skill, always the common class
        outputs = np.eye(2)[said] * 0.8 + 0.1
    outcome = Outcome(task, outputs, y)
    return [estimate(metric, outcome, constant_prediction(outcome)) for metric in metrics]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_model_that_knows_nothing_is_doubted_and_another_is_not(task):
    assert doubt(told(task, 0)).startswith("No better than the baseline, as far as this part can tell (")
    assert doubt(told(task, 0.9)) is None


def test_what_cannot_be_told_is_not_doubted():
    assert doubt([]) is None
    assert doubt(told("classification", 0)[:1]) is None


def test_a_class_that_is_there_and_never_recognised_is_named():
    y = np.array([0, 0, 1, 2, 2, 2])
    found = estimates(usual_metrics(), Outcome("classification", np.eye(4)[[0, 0, 2, 2, 2, 0]], y))
    names = ("a", "b", "c", "d")
    assert unrecognised(found, names) == f"Not one sample was recognised of: b; see {NETWORKS}", "of d there is none"
    assert unrecognised(found[:1], names) is None
    right = estimates(usual_metrics(), Outcome("classification", np.eye(4)[y], y))
    assert unrecognised(right, names) is None
