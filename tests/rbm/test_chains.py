"""Settings of the sources of samples."""

import numpy as np
import pytest

from gpunet.errors import ConfigError
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    FastPersistent,
    FromData,
    Gaussian,
    Persistent,
    Tempered,
    Trajectory,
)
from gpunet.testing import make_context


@pytest.mark.parametrize("wrong", [(0.9, 0.5), (), (1.0,), (1.0, float("nan")), (1.0, 0.5, 0.5), (1.0, -0.1)])
def test_temperatures_start_at_one_and_fall(wrong):
    rule = "must start at 1" if wrong[:1] == (0.9,) else "must fall from 1 to 0 or more"
    with pytest.raises(ConfigError, match=rule):
        Tempered(temperatures=wrong)


@pytest.mark.parametrize("chains", [Persistent, FastPersistent, Tempered, Trajectory])
def test_chains_are_counted_by_their_first_argument(chains):
    made = chains(7)
    assert (made.count, made.mean_field) == (7, False)


def test_a_number_in_the_place_of_a_switch_is_refused():
    with pytest.raises(ConfigError, match=r"FromData\.mean_field: must be True or False, got 7"):
        FromData(mean_field=7)


def test_means_are_refused_where_they_would_be_wrong():
    with pytest.raises(ConfigError, match="mean_field: must be false where temperatures exchange"):
        Tempered(mean_field=True)
    rbm = RBM(Gaussian(4, learn_variance=True), Bernoulli(3))
    with pytest.raises(ConfigError, match="mean_field: must be false where visible units learn their variance"):
        ContrastiveDivergence(rbm, chains=FromData(mean_field=True))


def test_fast_chains_reconstruct_by_means_where_asked(device):
    rbm = RBM(Bernoulli(4), Bernoulli(3))
    Parameters(rbm, 0, device, np.float64)
    chains = FastPersistent(count=5, mean_field=True)
    chains.start(rbm, device, (), np.float64)
    states = device.get(chains.draw(rbm, None, 2, make_context(device))[0])
    assert ((states > 0) & (states < 1)).all()
