"""How far it is from machine to machine, and which versions lie on the way."""

import numpy as np
import pytest

from gpunet.backend import resolve_device
from gpunet.rbm import RBM, Bernoulli
from gpunet.rbm.ladder import Ladder
from gpunet.rbm.ways import first_on_the_way, stretch

DEVICE = resolve_device("cpu")


def machine(weight, bias, mean=0.5):
    """The parameters of a machine by name."""
    visible, hidden = weight.shape
    return {
        "weight": weight,
        "visible_bias": np.full(visible, float(bias)),
        "hidden_bias": np.zeros(hidden),
        "visible_offset": np.full(visible, float(mean)),
        "hidden_offset": np.full(hidden, 0.5),
    }


@pytest.mark.parametrize("steps", [50, 200])
def test_the_length_between_machines_without_weights_is_the_exact_one(steps):
    rbm = RBM(Bernoulli(30), Bernoulli(4))
    walker = Ladder(rbm, DEVICE, np.float64, 400)
    walker.begin(machine(np.zeros((30, 4)), 0.0))
    found = stretch(walker, machine(np.zeros((30, 4)), 2.0), steps)
    # sqrt(30) times the integral of the standard deviation of a bit, sqrt(p (1 - p)), over its bias from 0 to 2
    bias = (np.arange(10000) + 0.5) / 5000
    exact = np.sqrt(30) * (0.5 / np.cosh(bias / 2)).mean() * 2
    assert found == pytest.approx(exact, rel=0.03)
    np.testing.assert_array_equal(walker.version(0)["visible_bias"], 2.0)


def test_versions_that_make_a_detour_are_left_out_and_those_on_the_way_are_not():
    rng = np.random.default_rng(0)
    rbm = RBM(Bernoulli(16), Bernoulli(6))
    weight = rng.normal(0, 0.5, (16, 6))
    target, far = machine(weight, 0.0), machine(rng.normal(0, 3.0, (16, 6)), -4.0)
    assert first_on_the_way(rbm, DEVICE, [far, target]) == 1
    assert first_on_the_way(rbm, DEVICE, [far, machine(0.5 * weight, 0.0), target]) > 0
    # Offsets that say nothing of the machine let the straight way begin far from it.
    assert first_on_the_way(rbm, DEVICE, [target, machine(weight, 0.0, mean=0.999)]) == 0
