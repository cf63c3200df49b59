"""Paired differences, against the distribution itself and by hand."""

from math import gamma, pi, sqrt

import numpy as np
import pytest

from gpunet.studies import T975, paired_difference, t_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 7, 20, 30, 31, 60, 300])
def test_quantiles_leave_two_and_a_half_percent_above(degrees):
    """Density integrated from 0 to the quantile, numerically."""
    x = np.linspace(0, t_quantile(degrees), 200_001)
    scale = gamma((degrees + 1) / 2) / gamma(degrees / 2) if degrees < 300 else sqrt(degrees / 2) * (1 - 1 / 1200)
    density = scale / sqrt(degrees * pi) * (1 + x * x / degrees) ** (-(degrees + 1) / 2)
    assert np.trapezoid(density, x) == pytest.approx(0.475, abs=2e-5)


def test_the_table_falls_towards_the_normal_quantile():
    assert list(T975) == sorted(T975, reverse=True)
    assert 1.96 < t_quantile(31) < T975[-1]


def test_a_difference_by_hand():
    """Differences 1, 2, 3: mean 2, standard deviation 1, standard error 1 / sqrt(3), t(2) = 4.303."""
    found = paired_difference([11, 22, 33], [10, 20, 30])
    assert found.mean == 2
    assert found.standard_error == pytest.approx(1 / sqrt(3))
    assert (found.low, found.high) == pytest.approx((2 - 4.303 / sqrt(3), 2 + 4.303 / sqrt(3)))
    assert found.sign == 0


def test_pairs_matter():
    """What all seeds share cancels; unpaired, the same numbers would prove nothing."""
    base = np.array([0.1, 0.3, 0.5, 0.7])
    shift = np.array([0.02, 0.021, 0.019, 0.02])
    assert paired_difference(base + shift, base).sign == 1
    assert paired_difference(base - shift, base).sign == -1
    assert paired_difference((base + 0.02)[::-1], base).sign == 0


def test_neither_one_seed_nor_equal_rounding_proves_anything():
    one = paired_difference([0.5], [0.1])
    assert (one.mean, one.standard_error, one.sign) == (0.4, None, 0)
    # One test sample of 270 more in each of three seeds.
    first, second = [11 / 270] * 3, [10 / 270] * 3
    assert paired_difference(first, second).sign == 1
    assert paired_difference(first, second, resolution=1 / 270).sign == 0
    assert paired_difference([15 / 270] * 3, second, resolution=1 / 270).sign == 1


def test_errors_cover_the_truth_as_often_as_they_say(rng):
    """95 % intervals of five normal differences around 0.3 hold it in 95 % of 4,000 experiments."""
    covered = 0
    for differences in rng.normal(0.3, 0.1, size=(4000, 5)):
        found = paired_difference(differences, np.zeros(5))
        covered += found.low <= 0.3 <= found.high
    assert covered / 4000 == pytest.approx(0.95, abs=0.015)
