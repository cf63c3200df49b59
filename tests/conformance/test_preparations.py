"""Every exported preparation of features keeps the contract, and each gives the values of its definition."""

import numpy as np
import pytest

from gpunet import data
from gpunet.backend import Arena, Context
from gpunet.data import (
    PCA,
    ZCA,
    BagOfWords,
    Binarise,
    Feed,
    MinMax,
    OneHot,
    Preparation,
    Scale,
    Spins,
    Standardise,
    Subspace,
    fit_preprocessing,
)
from gpunet.errors import ConfigError, DataError
from gpunet.testing import examples

ALL = [p for p in examples(Preparation, data) if not isinstance(p, BagOfWords)]
each = pytest.mark.parametrize("preparation", ALL, ids=repr)


@pytest.fixture
def x(rng):
    """Six features: correlated ones, a constant one, a copy; values 0 to 1 in steps of a quarter."""
    base = rng.integers(0, 5, (200, 4)) / 4
    return np.column_stack([base, np.full(200, 0.5), base[:, 0]]).astype(np.float32)


def feed_of(x, chain, device, members=(), dtype="f4"):
    return Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing(chain, x, 1.0), np.dtype(dtype), members)


def epoch(feed, size, seeds=(3,), number=2):
    """All batches of an epoch put back into the order of the file, ([members,] samples, width)."""
    feed.shuffle(seeds, number)
    ctx, device = Context(True, Arena(feed.device)), feed.device
    cursor, parts = device.zeros((1,), np.int64), []
    for start in range(0, feed.samples, size):
        ctx.arena.rewind()
        rows = min(size, feed.samples - start)
        parts.append(device.get(feed.batch(ctx, cursor, size, rows)[0]))
        cursor += 1
    together, order = np.concatenate(parts, axis=-2), device.get(feed.order)
    return np.take_along_axis(together, order.argsort(axis=-1)[..., None], axis=-2)


@each
def test_device_and_host_agree_and_the_width_is_right(preparation, x, device):
    fitted = fit_preprocessing([preparation], x, 1.0)
    ctx = Context(False, Arena(device))
    placed = device.put(x)
    found = device.get(fitted.apply(placed, fitted.place(device, "f4"), ctx, np.dtype("f4")))
    assert found == pytest.approx(fitted.on_host(x), abs=1e-5)
    assert found.shape[1] == fitted.width(6)
    assert np.isfinite(found).all()
    assert (device.get(placed) == x).all(), "its input is left alone"


@each
def test_what_a_sample_becomes_depends_on_seed_and_epoch_but_not_on_the_batch(preparation, x, device):
    feed = feed_of(x, [preparation], device)
    once = epoch(feed, 64)
    assert epoch(feed, 7) == pytest.approx(once, abs=1e-5)
    assert (np.abs(epoch(feed, 64, number=3) - once).max() > 0.5) == preparation.random
    assert (np.abs(epoch(feed, 64, seeds=(4,)) - once).max() > 0.5) == preparation.random
    together = epoch(feed_of(x, [preparation], device, (2,)), 64, (3, 4))
    for member, seed in enumerate((3, 4)):
        assert together[member] == pytest.approx(epoch(feed, 64, (seed,)), abs=1e-5)


@each
def test_a_value_never_seen_does_not_blow_up_what_was_constant(preparation, x):
    fitted = fit_preprocessing([preparation], x, 1.0)
    later = x[:1].copy()
    later[0, 4] += 1e4
    if not isinstance(preparation, Scale | Spins | Binarise):
        assert np.abs(fitted.on_host(later)).max() < 10


@each
def test_undoing_gives_the_same_features_again(preparation, x):
    if isinstance(preparation, PCA) and len(fit_preprocessing([preparation], x, 1.0).steps[0].arrays["variance"]) < 4:
        pytest.skip("some directions are left out")
    fitted = fit_preprocessing([preparation], x, 1.0)
    once = fitted.on_host(x)
    if isinstance(preparation, OneHot | Subspace):
        with pytest.raises(ConfigError, match="cannot be undone"):
            fitted.undo(once)
    elif not isinstance(preparation, Binarise):
        assert fitted.undo(once) == pytest.approx(x, abs=1e-4)


def test_standardised_features_have_mean_0_and_deviation_1(x):
    z = fit_preprocessing([Standardise()], x, 1.0).on_host(x)
    assert z.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-6)
    assert z.std(axis=0) == pytest.approx([1, 1, 1, 1, 0, 1], abs=1e-5)


def test_min_max_spans_0_to_1_and_goes_beyond(x):
    fitted = fit_preprocessing([MinMax()], 10 * x + 3, 1.0)
    z = fitted.on_host(10 * x + 3)
    assert z.min(axis=0).tolist() == [0] * 6
    assert z.max(axis=0) == pytest.approx([1, 1, 1, 1, 0, 1])
    assert fitted.on_host(np.full((1, 6), 23.0))[0, 0] == pytest.approx(2)
    assert fitted.notes == ("min_max: 1 of 6 features are constant in the training part and become 0",)


def test_min_max_never_leaves_0_to_1_by_rounding():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 400)) * 10.0 ** rng.uniform(-3, 6, 400)).astype(np.float32)
    z = fit_preprocessing([MinMax()], x, 1.0).on_host(x)
    assert 0 <= z.min() <= z.max() <= 1
    assert z.max(axis=0) == pytest.approx(np.ones(400), abs=1e-6)


def test_principal_components_are_those_of_the_singular_value_decomposition(x):
    fitted = fit_preprocessing([PCA()], x, 1.0)
    z = fitted.on_host(x)
    _, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert z.shape == (200, 4), "one feature is constant and one a copy"
    assert z.var(axis=0) == pytest.approx(s[:4] ** 2 / 200, rel=1e-4)
    assert np.abs(z) == pytest.approx(np.abs((x - x.mean(axis=0)) @ vt[:4].T), abs=1e-5)
    assert fitted.notes == ("pca: 4 principal components of 6 features are kept",)


@pytest.mark.parametrize("preparation", [PCA(whiten=True), ZCA(epsilon=0.0)], ids=repr)
def test_whitened_data_have_unit_covariance_on_what_varies(preparation, x):
    z = fit_preprocessing([preparation], x, 1.0).on_host(x)
    covariance = np.cov(z.T, bias=True)
    eigenvalues = np.linalg.eigvalsh(covariance)
    assert eigenvalues[-4:] == pytest.approx(np.ones(4), abs=1e-4)
    assert eigenvalues[:-4] == pytest.approx(0, abs=1e-6)


def test_zca_is_the_symmetric_whitening_and_says_that_the_covariance_is_singular(x):
    fitted = fit_preprocessing([ZCA(epsilon=0.01)], x, 1.0)
    matrix = fitted.steps[0].arrays["matrix"]
    assert matrix == pytest.approx(matrix.T, abs=1e-6)
    assert fitted.notes == ("zca: the covariance is singular: 2 of 6 directions do not vary, become 0",)
    full = x[:, :4]
    covariance = np.cov(full.T, bias=True) + 0.01 * np.eye(4)
    root = fit_preprocessing([ZCA(epsilon=0.01)], full, 1.0).steps[0].arrays["matrix"]
    assert root @ covariance @ root == pytest.approx(np.eye(4), abs=1e-4)


def test_components_are_chosen_by_number_or_by_variance(x):
    variances = fit_preprocessing([PCA()], x, 1.0).steps[0].arrays["variance"]
    part = variances[:2].sum() / variances.sum()
    assert fit_preprocessing([PCA(variance=float(part) - 1e-4)], x, 1.0).width(6) == 2
    assert fit_preprocessing([PCA(variance=float(part) + 1e-3)], x, 1.0).width(6) == 3
    assert fit_preprocessing([PCA(components=1)], x, 1.0).width(6) == 1
    with pytest.raises(ConfigError, match="at most the 4 directions in which the training part varies, got 5"):
        fit_preprocessing([PCA(components=5)], x, 1.0)


def test_chance_draws_a_1_as_often_as_the_value_says(device):
    x = np.tile(np.array([0.0, 0.25, 0.9, 1.0], np.float32), (4000, 1))
    x[:2] = [[0, 0, 0, 0], [1, 1, 1, 1]]  # so that nothing is constant
    z = epoch(feed_of(x, [Binarise(stochastic=True)], device), 500)[2:]
    assert set(np.unique(z)) == {0.0, 1.0}
    error = 5 * np.sqrt(0.25 / len(z))
    assert z.mean(axis=0) == pytest.approx([0, 0.25, 0.9, 1], abs=error)
    assert fit_preprocessing([Binarise(stochastic=True)], x, 1.0).on_host(x)[2].tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match="must lie between 0 and 1 to be binarised stochastically, got 0 to 2"):
        fit_preprocessing([Binarise(stochastic=True)], 2 * x, 1.0)


def test_one_hot_knows_the_values_of_the_training_part():
    x = np.array([[1, 7, 5], [2, 7, 5], [4, 9, 5]], np.float32)
    fitted = fit_preprocessing([OneHot()], x, 1.0)
    assert fitted.on_host(x).tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]]
    assert fitted.on_host(np.array([[3, 9, 6]])).tolist() == [[0, 0, 0, 0, 1]]
    with pytest.raises(DataError, match="feature 0: must take at most 256 values for one_hot, got 300"):
        fit_preprocessing([OneHot()], np.arange(300.0)[:, None], 1.0)


@pytest.mark.parametrize("preparation", [Standardise(), MinMax(), PCA(), ZCA(), OneHot()], ids=repr)
def test_data_without_any_variation_is_refused(preparation):
    with pytest.raises(DataError, match="needs a feature that varies"):
        fit_preprocessing([preparation], np.full((5, 2), 3.0, np.float32), 1.0)


def test_a_preparation_by_name_is_any_that_is_exported(x):
    assert fit_preprocessing("bag_of_words", (4 * x).astype(np.int32), 1.0).kind == "bag_of_words"
    with pytest.raises(ConfigError, match="preprocessing: must be none, bag_of_words, binarise, "):
        fit_preprocessing("zcaa", x, 1.0)


def test_a_chain_fits_each_step_on_what_the_one_before_makes(x):
    fitted = fit_preprocessing([Scale(), Standardise(), PCA(components=2)], 255 * x, 255.0)
    assert fitted.kind == "scale+standardise+pca"
    assert fitted.steps[1].arrays["shift"] == pytest.approx(x.mean(axis=0), abs=1e-6)
    assert fitted.steps[2].arrays["mean"] == pytest.approx(np.zeros(6), abs=1e-6)
    assert fitted.on_host(255 * x).shape == (200, 2)
    assert fit_preprocessing("none", x, 1.0).on_host(x.astype(np.uint8)).dtype == np.float32
