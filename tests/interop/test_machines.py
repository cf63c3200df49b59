"""Boltzmann machines, stacks and autoencoders as transformers."""

import itertools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import BernoulliRBM as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import gpunet.rbm
from gpunet.rbm import Binomial, Gaussian
from gpunet.sklearn import AutoencoderTransformer, BernoulliRBM, DBNClassifier, DBNTransformer, RBMTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
BITS = (RNG.random((120, 6)) < 0.4).astype(float)
REAL = RNG.normal(size=(120, 6)) * [1, 2, 3, 4, 5, 6]


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x[:600] / 16, y[:600]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def literal_pseudo_likelihood(machine, v):
    """Each bit flipped in turn, by the formula of the free energy."""
    weight, b, c = machine.components_.astype(float), machine.intercept_visible_, machine.intercept_hidden_

    def free_energy(v):
        return -v @ b - np.logaddexp(0, v @ weight.T + c).sum(axis=1)

    total = np.zeros(len(v))
    for bit in range(v.shape[1]):
        other = v.copy()
        other[:, bit] = 1 - other[:, bit]
        total -= np.logaddexp(0, free_energy(v) - free_energy(other))
    return total


def test_bernoulli_rbm_has_scikit_learns_names_and_meanings():
    ours, theirs = BernoulliRBM(5, n_iter=3, random_state=0).fit(BITS), Theirs(5, n_iter=3, random_state=0).fit(BITS)
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_", "n_features_in_"):
        assert np.shape(getattr(ours, name)) == np.shape(getattr(theirs, name)), name
    assert theirs.get_params().items() <= ours.get_params().items()
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    wanted = sigmoid(BITS @ ours.components_.T.astype(float) + ours.intercept_hidden_)
    np.testing.assert_allclose(ours.transform(BITS), wanted, atol=1e-12)
    assert set(np.unique(ours.h_samples_)) <= {0.0, 1.0}
    assert ours.gibbs(BITS).dtype == theirs.gibbs(BITS).dtype == bool
    # scikit-learn's machine by our bits: its formulas are these.
    theirs.components_, theirs.intercept_hidden_ = ours.components_.astype(float), ours.intercept_hidden_.astype(float)
    theirs.intercept_visible_ = ours.intercept_visible_.astype(float)
    np.testing.assert_allclose(ours.transform(BITS), theirs.transform(BITS), atol=1e-12)
    drawn = np.mean([theirs.set_params(random_state=seed).score_samples(BITS) for seed in range(400)], axis=0)
    np.testing.assert_allclose(ours.score_samples(BITS), drawn, atol=0.5)


def test_score_samples_takes_all_bits_and_is_always_the_same():
    machine = BernoulliRBM(5, n_iter=3, random_state=0).fit(BITS)
    found = machine.score_samples(BITS)
    np.testing.assert_allclose(found, literal_pseudo_likelihood(machine, BITS), atol=1e-9)
    assert np.array_equal(found, machine.score_samples(BITS))
    assert np.array_equal(found[:7], machine.score_samples(BITS[:7]))


def test_gibbs_steps_have_the_means_of_the_machine():
    machine = BernoulliRBM(4, n_iter=5, random_state=0).fit(BITS)
    v = np.tile(BITS[:1], (20_000, 1))
    hidden = np.array(list(itertools.product([0, 1], repeat=4)))
    p = machine.transform(BITS[:1])[0]
    weights = np.prod(np.where(hidden, p, 1 - p), axis=1)
    wanted = weights @ sigmoid(hidden @ machine.components_ + machine.intercept_visible_)
    np.testing.assert_allclose(machine.gibbs(v).mean(axis=0), wanted, atol=0.02)
    assert not np.array_equal(machine.gibbs(v), machine.gibbs(v))


def test_bernoulli_rbm_learns_at_least_as_well_as_scikit_learns(digits):
    x = (digits[0] > 0.4).astype(float)
    settings = {"n_components": 32, "learning_rate": 0.05, "batch_size": 20, "n_iter": 8, "random_state": 0}
    ours, theirs = BernoulliRBM(**settings).fit(x), Theirs(**settings).fit(x)
    assert ours.score_samples(x).mean() > literal_pseudo_likelihood(theirs, x).mean()


def test_batches_go_on_with_the_chains_and_the_ranges_of_the_first():
    machine = BernoulliRBM(3, batch_size=7, random_state=0).partial_fit(BITS[:10])
    before = machine.h_samples_, machine.components_
    machine.partial_fit(np.ones((1, 6)))  # no feature of a single sample varies
    machine.partial_fit(np.ones((4, 6)))
    assert machine.h_samples_.shape == before[0].shape == (7, 3)
    assert not np.array_equal(machine.components_, before[1])
    assert machine.model_.checkpoint.root["loop/step"].data[0] == 3
    with pytest.warns(UserWarning, match=r"X: should lie between 0 and 1 for BernoulliRBM, got -"):
        wide = BernoulliRBM(3, random_state=0).fit(REAL)
    scaled = BernoulliRBM(3, random_state=0).fit(MinMaxScaler().fit_transform(REAL))
    np.testing.assert_allclose(wide.transform(REAL), scaled.transform(MinMaxScaler().fit_transform(REAL)), atol=1e-5)


UNITS = {
    "bernoulli": (BITS, 0.05),
    "gaussian": (REAL, 0.005),
    "binomial": (RNG.integers(3, size=(120, 6)).astype(float), 0.02),
    "softmax": (np.tile(np.eye(2)[RNG.integers(2, size=120)], (1, 3)), 0.05),
    "noisy_relu": (np.abs(REAL) / 6, 0.002),
    "spin": (2 * BITS - 1, 0.02),
}


def test_these_are_all_units():
    known = [
        kind for kind in vars(gpunet.rbm).values() if isinstance(kind, type) and issubclass(kind, gpunet.rbm.Units)
    ]
    assert {name.replace("_", "") for name in UNITS} == {kind.__name__.lower() for kind in known} - {"units"}


@pytest.mark.parametrize("pair", list(itertools.product(UNITS, UNITS)))
def test_every_pair_of_units(pair):
    visible, hidden = pair
    x, rate = UNITS[visible]
    settings = {"visible_units": visible, "hidden_units": hidden, "learning_rate": min(rate, UNITS[hidden][1])}
    machine = RBMTransformer(4, n_iter=2, random_state=0, **settings).fit(x)
    assert machine.transform(x).shape == (120, 4)
    assert machine.inverse_transform(machine.transform(x)).shape == x.shape
    assert np.isfinite(machine.transform(x)).all()
    assert hasattr(machine, "score_samples") == (visible == "bernoulli")
    kinds = [
        type(side).__name__ for side in (machine.model_._held.dbn.top.visible, machine.model_._held.dbn.top.hidden)
    ]
    assert [kind.lower() for kind in kinds] == [name.replace("_", "") for name in pair]


@pytest.mark.parametrize(
    "way",
    [
        {"k": 3},
        {"chains": 20},
        {"chains": "fast_persistent"},
        {"chains": {"name": "tempered", "temperatures": 3}},
        {"center": False, "sparsity": {"name": "sparsity", "target": 0.1}},
        {"method": "denoising", "corruption": 0.3},
        {"method": "supervised"},
    ],
)
def test_every_way_to_learn(way):
    y = BITS[:, 0]
    machine = RBMTransformer(5, n_iter=3, random_state=0, **way).fit(BITS, y)
    still = RBMTransformer(5, n_iter=3, random_state=0).fit(BITS)
    assert machine.transform(BITS).shape == (120, 5)
    assert machine.components_.shape == (5, 6)
    assert not np.array_equal(machine.components_, still.components_)
    assert np.isfinite(machine.score_samples(BITS)).all()


def test_settings_of_units_and_errors_that_name_the_parameter():
    learned = RBMTransformer(4, visible_units=Gaussian(6, learn_variance=True), learning_rate=0.005, n_iter=2)
    assert learned.fit(REAL).transform(REAL).shape == (120, 4)
    counts = RBMTransformer(4, visible_units={"name": "binomial", "trials": 5}, learning_rate=0.01, n_iter=2)
    assert counts.fit(RNG.integers(6, size=(50, 3))).model_.config.model.visible_units.trials == 5
    assert Binomial(3, trials=5).trials == 5
    for wrong, said in (
        ({"visible_units": "gausian"}, "RBMTransformer: visible_units: "),
        ({"n_components": 0}, "RBMTransformer: n_components: must be"),
        ({"n_iter": 0}, "RBMTransformer: n_iter: must be"),
        ({"chains": "none"}, "RBMTransformer: chains: "),
        ({"method": "supervised"}, "y: must be given for method supervised"),
        ({"visible_units": "binomial"}, "Binomial visible units"),
    ):
        with pytest.raises(ValueError, match=said):
            RBMTransformer(3, n_iter=1).set_params(**wrong).fit(REAL)


def test_a_machine_goes_on_with_features_prepared_as_at_first():
    machine = RBMTransformer(4, visible_units="gaussian", learning_rate=0.005, random_state=0)
    machine.partial_fit(REAL).partial_fit(REAL[:40] + 3)
    once = RBMTransformer(4, visible_units="gaussian", learning_rate=0.005, random_state=0).partial_fit(REAL)
    np.testing.assert_array_equal(
        machine.model_.trained.preprocessing.on_host(REAL), once.model_.trained.preprocessing.on_host(REAL)
    )
    again = pickle.loads(pickle.dumps(machine))  # noqa: S301 - our own
    assert np.array_equal(again.partial_fit(REAL).transform(REAL), machine.partial_fit(REAL).transform(REAL))
    with pytest.raises(ValueError, match="incremental: needs a model that is trained as a whole"):
        RBMTransformer(3, method="denoising").partial_fit(BITS)


def test_transformers_in_pipelines_and_searches(digits):
    x, y = digits
    for coder in (
        BernoulliRBM(60, learning_rate=0.1, n_iter=15, random_state=0),
        RBMTransformer(60, learning_rate=0.1, batch_size=10, n_iter=12, random_state=0),
        DBNTransformer((60, 60), batch_size=10, n_iter=10, random_state=0),
        AutoencoderTransformer(20, hidden_layer_sizes=(40,), max_iter=15, learning_rate_init=0.01, random_state=0),
    ):
        line = make_pipeline(coder, LogisticRegression(max_iter=2000))
        assert cross_val_score(line, x, y, cv=2).mean() > 0.6, type(coder).__name__  # a tenth by chance
    line = make_pipeline(BernoulliRBM(n_iter=2, random_state=0), LogisticRegression(max_iter=2000))
    found = GridSearchCV(line, {"bernoullirbm__n_components": [1, 30]}, cv=2).fit(x, y)
    assert found.best_params_ == {"bernoullirbm__n_components": 30}
    line = make_pipeline(DBNTransformer((8,), n_iter=1)).set_output(transform="pandas")
    assert list(line.fit_transform(x).columns[:2]) == ["dbntransformer0", "dbntransformer1"]


def test_a_classifier_starts_from_its_machines(digits):
    x, y = digits
    net = DBNClassifier((48,), pretraining_iter=4, max_iter=10, random_state=0).fit(x, y)
    machine = net.pretrained_.model_
    assert net.model_.checkpoint.note("lineage/json")["grafts"][0]["from"] == "000_rbm"
    assert net.model_.checkpoint.attrs["parent_sha256"] == machine.checkpoint.content_sha256
    assert (
        cross_val_score(DBNClassifier((48,), pretraining_iter=2, max_iter=15, random_state=0), x, y, cv=2).mean() > 0.8
    )
    few = np.arange(60)
    below = DBNTransformer((48,), n_iter=4, random_state=0).fit(x)
    given = DBNClassifier((48,), pretrained=below, max_iter=30, random_state=0).fit(x[few], y[few])
    assert given.pretrained_ is below
    assert given.score(x, y) > 0.7
    held = clone(DBNClassifier((48,), pretrained=FrozenEstimator(below), max_iter=30, random_state=0))
    assert np.array_equal(held.fit(x[few], y[few]).predict_proba(x), given.predict_proba(x))
    machine = clone(DBNClassifier((48,), pretrained=below.model_, max_iter=30, random_state=0))
    assert np.array_equal(machine.fit(x[few], y[few]).predict_proba(x), given.predict_proba(x))
    assert clone(given).fit(x[few], y[few]).pretrained_ is not below
    standardised = DBNClassifier(
        (24,), visible_units="gaussian", pretraining_rate=0.005, pretraining_iter=2, max_iter=5
    )
    assert standardised.fit(REAL, REAL[:, 0] > 0).predict(REAL).shape == (120,)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes: must be those of pretrained, got \(50,\)"):
        DBNClassifier((50,), pretrained=below, max_iter=1).fit(x, y)


def test_codes_come_back_in_the_units_of_the_features():
    x, _ = load_iris(return_X_y=True)
    coder = AutoencoderTransformer(3, hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=300, random_state=0)
    back = coder.fit(x).inverse_transform(coder.transform(x))
    assert coder.score(x) == pytest.approx(1 - ((x - back) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())
    assert coder.score(x) > 0.95
    np.testing.assert_allclose(back, coder.model_.reconstruct(x), atol=1e-4)
    with pytest.raises(ValueError, match=r"code: must be of shape \(samples, 3\)"):
        coder.inverse_transform(x)
    parts = AutoencoderTransformer(3, hidden_layer_sizes=(16,), learning_rate_init=0.01, random_state=0)
    first = parts.partial_fit(x).loss_
    for _ in range(20):
        parts.partial_fit(x[:75]).partial_fit(x[75:])
    assert parts.loss_ < first / 2
    bits = AutoencoderTransformer(2, loss="binary_cross_entropy", preprocess="none", max_iter=5).fit(BITS)
    assert ((bits.inverse_transform(bits.transform(BITS)) > 0) & (bits.inverse_transform([[0.0, 0.0]]) < 1)).all()
