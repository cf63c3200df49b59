"""Every exported loss: its targets, its gradient, its labels, its pairing, and its values by hand."""

import numpy as np
import pytest

from gpunet import losses
from gpunet.backend import Context
from gpunet.errors import ConfigError, DataError
from gpunet.fields import term
from gpunet.losses import (
    AbsoluteError,
    AbsolutePercentageError,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CosineProximity,
    Hinge,
    Huber,
    KullbackLeibler,
    Loss,
    Poisson,
    SoftmaxSquaredError,
    SquaredError,
    SquaredHinge,
    SquaredLogarithmicError,
)
from gpunet.testing import compare, examples, make_context, numeric_gradient

ALL = list(examples(Loss, losses))
each = pytest.mark.parametrize("loss", ALL, ids=repr)


def distributions(rng, shape):
    target = rng.random(shape)
    return target / target.sum(axis=-1, keepdims=True)


TARGETS = {
    "labels": lambda rng, shape: rng.integers(0, shape[-1], shape[:-1]),
    "distributions": distributions,
    "signs": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "counts": lambda rng, shape: rng.poisson(2.0, shape).astype(float),
    "values": lambda rng, shape: rng.normal(size=shape) * 2,
}


def accepts(loss, target):
    """Whether a loss is defined for these targets, as it says itself."""
    try:
        loss.check_targets(target)
    except DataError:
        return False
    return True


def accepted(loss, rng, shape=(6, 4)):
    """All kinds of targets that a loss is defined for."""
    drawn = {kind: draw(rng, shape) for kind, draw in TARGETS.items()}
    return {kind: target for kind, target in drawn.items() if accepts(loss, target)}


@each
@pytest.mark.parametrize("shape", [(6, 4), (3, 6, 4)])
@pytest.mark.parametrize("kind", TARGETS)
def test_gradient_is_that_of_central_differences(loss, shape, kind, device, rng):
    host = TARGETS[kind](rng, shape)
    if not accepts(loss, host):
        assert len(accepted(loss, rng, shape)) >= 1
        return
    z, target = device.put(rng.normal(size=shape) * 3), device.put(host)
    ctx = make_context(device)

    def total():
        ctx.arena.rewind()
        return float(device.get(loss(z, target, ctx)[0].sum()))

    numeric = numeric_gradient(total, z, device)
    ctx.arena.rewind()
    per_sample, gradient = loss(z, target, ctx)
    assert per_sample.shape == shape[:-1]
    compare("z", device.get(gradient), numeric, 1e-7)


@each
def test_labels_mean_their_code(loss, device, rng):
    """One yes among noes: 1 among 0, or 1 among -1 for losses of signs."""
    z, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    code = next((c for c in (np.eye(4)[labels], 2 * np.eye(4)[labels] - 1) if accepts(loss, c)), None)
    if not accepts(loss, labels):
        assert isinstance(loss, AbsolutePercentageError)
        return
    ctx = make_context(device)
    for a, b in zip(loss(device.put(z), device.put(labels), ctx), loss(device.put(z), device.put(code), ctx)):
        assert (device.get(a) == device.get(b)).all()


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), Hinge(), SquaredHinge()], ids=repr)
def test_one_output_is_for_the_second_of_two_classes(loss, device):
    z, ctx = device.put([[-4.0], [4.0]]), make_context(device)
    right = device.get(loss(z, device.put(np.array([0, 1])), ctx)[0])
    wrong = device.get(loss(z, device.put(np.array([1, 0])), ctx)[0])
    assert right[0] == pytest.approx(right[1])
    assert right.max() < 0.1 < 1 < wrong.min()


@each
def test_gradient_vanishes_where_the_prediction_is_the_target(loss, device, rng):
    z = rng.normal(size=(6, 4))
    z = device.put(np.abs(z) + 0.01 if getattr(loss, "link", "") == "identity" else z)
    target = loss.predict(z, device.zeros((6, 4), np.float64))
    if isinstance(loss, Hinge):
        z, target = device.put(device.get(z) * 1e3), device.put(np.sign(device.get(z)))
    evaluation = Context(training=False, arena=make_context(device).arena)
    gradient = device.get(loss(z, target, evaluation)[1])
    assert np.abs(gradient).max() < 1e-13


@each
def test_one_target_serves_all_members(loss, device, rng):
    z = rng.normal(size=(3, 6, 4))
    for target in accepted(loss, rng).values():
        shared = loss(device.put(z), device.put(target), make_context(device))
        for member in range(3):
            alone = loss(device.put(z[member]), device.put(target), make_context(device))
            for a, b in zip(shared, alone):
                assert np.array_equal(device.get(a)[member], device.get(b))


@each
def test_targets_and_outputs_are_left_alone(loss, device, rng):
    for host in accepted(loss, rng).values():
        z, target = device.put(rng.normal(size=(6, 4))), device.put(host)
        before = device.get(z).copy()
        loss(z, target, make_context(device))
        assert np.array_equal(device.get(z), before)
        assert np.array_equal(device.get(target), host)


@each
def test_float32_agrees_with_float64(loss, device, rng):
    """Types are kept, also where labels become numbers: no half precision comes out of truth values."""
    z = rng.normal(size=(6, 4))
    for target in accepted(loss, rng).values():
        narrow = target.astype(np.float32) if target.dtype.kind == "f" else target.astype(np.int32)
        exact = loss(device.put(z), device.put(target), make_context(device))
        found = loss(device.put(z.astype(np.float32)), device.put(narrow), make_context(device))
        for a, b in zip(found, exact):
            assert a.dtype == np.float32
            assert device.get(a) == pytest.approx(device.get(b), rel=1e-4, abs=1e-5)


BOUNDED = [BinaryCrossEntropy(), CategoricalCrossEntropy(), KullbackLeibler(), SoftmaxSquaredError(), Hinge(), Huber()]


@pytest.mark.parametrize("loss", BOUNDED, ids=repr)
def test_huge_logits_stay_finite_in_float32(loss, device):
    z = device.put([[1e4, -1e4, 0.0], [-1e4, 1e4, 3e4]], np.float32)
    value, gradient = loss(z, device.put([0, 0]), make_context(device))
    assert np.isfinite(device.get(value)).all()
    assert np.isfinite(device.get(gradient)).all()


def values(loss, z, target, device):
    return device.get(loss(device.put(np.array(z, float)), device.put(target), make_context(device))[0])


def test_values_by_hand(device):
    assert values(SquaredError(), [[1, 2], [0, 0]], np.array([[0.0, 0.0], [3.0, 4.0]]), device).tolist() == [5, 25]
    assert values(SquaredError(half=True), [[1, 2]], np.zeros((1, 2)), device).tolist() == [2.5]
    assert values(CategoricalCrossEntropy(), [[0, 0, 0, 0]], np.array([2]), device) == pytest.approx([np.log(4)])
    odds = np.log([[1, 2, 5]])
    assert values(CategoricalCrossEntropy(), odds, np.array([1]), device) == pytest.approx([np.log(4)])
    assert values(BinaryCrossEntropy(), [[np.log(3)]], np.array([0]), device) == pytest.approx([np.log(4)])
    assert values(BinaryCrossEntropy(), [[0, 0]], np.array([[1.0, 0.25]]), device) == pytest.approx([2 * np.log(2)])
    assert values(AbsoluteError(), [[1, -2]], np.array([[0.0, 1.0]]), device).tolist() == [4]
    assert values(AbsolutePercentageError(), [[3, -2]], np.array([[2.0, -4.0]]), device).tolist() == [100]
    expected = [np.log(2) ** 2 + np.log(4) ** 2]
    assert values(SquaredLogarithmicError(), [[0, 0]], np.array([[1.0, 3.0]]), device) == pytest.approx(expected)
    assert values(Huber(), [[0.5, 3, -3]], np.zeros((1, 3)), device).tolist() == [0.125 + 2.5 + 2.5]
    assert values(Huber(2.0), [[0.5, 3, -3]], np.zeros((1, 3)), device).tolist() == [0.125 + 4 + 4]
    assert values(Poisson(), [[0, np.log(2)]], np.array([[3.0, 2.0]]), device) == pytest.approx([3 - 2 * np.log(2)])
    found = values(CosineProximity(), [[3, 4], [0, 0]], np.array([[5.0, 0.0], [1.0, 1.0]]), device)
    assert found == pytest.approx([-0.6, 0])
    assert values(KullbackLeibler(), [[0, 0]], np.array([[0.5, 0.5]]), device) == pytest.approx([0])
    expected = [0.25 * np.log(0.5) + 0.75 * np.log(1.5)]
    assert values(KullbackLeibler(), [[7, 7]], np.array([[0.25, 0.75]]), device) == pytest.approx(expected)
    assert values(SoftmaxSquaredError(), odds, np.array([0]), device) == pytest.approx([(49 + 4 + 25) / 64])
    assert values(SoftmaxSquaredError(half=True), odds, np.array([0]), device) == pytest.approx([78 / 128])
    assert values(Hinge(), [[2, 0.5, -0.25]], np.array([0]), device).tolist() == [0 + 1.5 + 0.75]
    assert values(SquaredHinge(), [[2, 0.5, -0.25]], np.array([0]), device).tolist() == [2.25 + 0.5625]


def test_predictions_by_hand(device):
    def predict(loss, z):
        return device.get(loss.predict(device.put(z), device.zeros((1, 2), np.float64)))

    z = np.log([[2.0, 6.0]])
    assert predict(Poisson(), z) == pytest.approx(np.array([[2, 6]]))
    assert predict(SquaredLogarithmicError(), z) == pytest.approx(np.array([[1, 5]]))
    assert predict(BinaryCrossEntropy(), z) == pytest.approx(np.array([[2 / 3, 6 / 7]]))
    for loss in (KullbackLeibler(), SoftmaxSquaredError(), CategoricalCrossEntropy()):
        assert predict(loss, z) == pytest.approx(np.array([[0.25, 0.75]]))
    for loss in (AbsoluteError(), Huber(), Hinge(), CosineProximity(), AbsolutePercentageError()):
        assert np.array_equal(predict(loss, z), z)


def test_laws_between_losses(device, rng):
    z, target = rng.normal(size=(6, 4)), distributions(rng, (6, 4))
    entropy = -(target * np.log(target)).sum(axis=-1)
    cross = values(CategoricalCrossEntropy(), z, target, device)
    assert values(KullbackLeibler(), z, target, device) == pytest.approx(cross - entropy)
    far = values(Huber(1e6), z, target, device)
    assert far == pytest.approx(values(SquaredError(half=True), z, target, device))
    near = values(Huber(1e-9), z, target, device) / 1e-9
    assert near == pytest.approx(values(AbsoluteError(), z, target, device))
    scaled = values(CosineProximity(), 100 * z, 0.01 * target, device)
    assert values(CosineProximity(), z, target, device) == pytest.approx(scaled)


def test_a_direction_of_length_zero_has_no_gradient(device):
    value, gradient = CosineProximity()(
        device.zeros((2, 3), np.float64), device.put(np.eye(3)[:2]), make_context(device)
    )
    assert not device.get(value).any()
    assert not device.get(gradient).any()


def test_label_smoothing_is_training_on_smoothed_targets(device, rng):
    z, labels = device.put(rng.normal(size=(6, 4))), rng.integers(0, 4, 6)
    smooth = device.put(0.9 * np.eye(4)[labels] + 0.1 / 4)
    for target in (labels, np.eye(4)[labels]):
        found = CategoricalCrossEntropy(label_smoothing=0.1)(z, device.put(target), make_context(device))
        expected = CategoricalCrossEntropy()(z, smooth, make_context(device))
        for a, b in zip(found, expected):
            assert device.get(a) == pytest.approx(device.get(b), rel=1e-12)
    judged = make_context(device, training=False)
    found = CategoricalCrossEntropy(label_smoothing=0.1)(z, device.put(labels), judged)
    expected = CategoricalCrossEntropy()(z, device.put(labels), make_context(device))
    for a, b in zip(found, expected):
        assert np.array_equal(device.get(a), device.get(b))


@pytest.mark.parametrize(
    ("loss", "target", "rule", "received"),
    [
        (Poisson(), [[1.0, -2.0]], "must be counts of 0 or more", "-2 to 1"),
        (KullbackLeibler(), [[0.5, 0.5], [0.5, 0.6]], "must sum to one in each row", "a row that sums to 1.1"),
        (KullbackLeibler(), [[1.5, -0.5]], "must not be negative", "-0.5 to 1.5"),
        (CategoricalCrossEntropy(), [[0.0, 0.0]], "must sum to one in each row", "a row that sums to 0"),
        (SoftmaxSquaredError(), [[2.0, 0.0]], "must sum to one in each row", "a row that sums to 2"),
        (AbsolutePercentageError(), [[1.0, 0.0], [0.0, 3.0]], "must not be zero", "2 zeros"),
        (AbsolutePercentageError(), [0, 1], "must be numbers", "class labels"),
        (BinaryCrossEntropy(), [[0.5], [1.5]], "must lie between 0 and 1", "0.5 to 1.5"),
        (SquaredLogarithmicError(), [[0.0], [-1.0]], "must be greater than -1", "-1 to 0"),
        (Hinge(), [[0.0], [1.0]], "must be -1 or 1", "0 to 1"),
        (CosineProximity(), [[1.0], [2.0]], "must have at least two columns", "1"),
        (CosineProximity(), [[1.0, 2.0], [0.0, 0.0]], "must not be zero in all columns", "1 such rows"),
    ],
    ids=str,
)
def test_targets_that_a_loss_is_not_defined_for_are_refused(loss, target, rule, received):
    with pytest.raises(DataError) as caught:
        loss.check_targets(np.array(target))
    assert str(caught.value).startswith(f"targets: {rule} for {term(type(loss))}, got {received}. Set loss=")
    assert caught.value.exit_code == 3


def test_rows_may_miss_one_by_rounding():
    KullbackLeibler().check_targets(np.array([[1 / 3, 1 / 3, 1 / 3], [0.33333, 0.33333, 0.33333]], np.float32))


def test_settings_are_checked():
    for make in (lambda: Huber(0.0), lambda: CategoricalCrossEntropy(label_smoothing=1.0)):
        with pytest.raises(ConfigError, match="must be"):
            make()


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("numerics", [1, 2])
def test_cross_entropy_does_not_cancel_in_float32(target, numerics, device):
    """Against float64, with each term computed where it is small."""
    z = np.array([-87.0, -40, -20, -16, -12, -1, 0, 1, 12, 16, 20, 40, 87])
    small = np.log1p(np.exp(-np.abs(z)))
    exact = target * (small + np.maximum(-z, 0)) + (1 - target) * (small + np.maximum(z, 0))
    tail = np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z)))
    slope = np.where(z > 0, (1 - target) - tail, tail - target)
    ctx = Context(True, make_context(device).arena, numerics=numerics)
    arrays = device.put(z[:, None], np.float32), device.put(np.full((len(z), 1), target), np.float32)
    loss, gradient = (device.get(a).ravel() for a in BinaryCrossEntropy()(*arrays, ctx))
    if numerics == 2:
        assert loss == pytest.approx(exact, rel=3e-7, abs=1e-44)
        assert gradient == pytest.approx(slope, rel=1e-6, abs=1e-44)
    elif target == 1:
        assert loss[9] == 0 != exact[9], "runs of older rules keep the difference of two large numbers"


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1.0, 1e19, 3e37])
def test_directions_do_not_depend_on_lengths_in_float32(scale, device, rng):
    z, target = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)).astype(np.float32)
    exact = -(z * target).sum(axis=1) / np.linalg.norm(z, axis=1) / np.linalg.norm(target, axis=1)
    loss, gradient = CosineProximity()(device.put(z * scale, np.float32), device.put(target), make_context(device))
    assert device.get(loss) == pytest.approx(exact, abs=1e-6)
    unit = CosineProximity()(device.put(z), device.put(target, np.float64), make_context(device))[1]
    wanted = device.get(unit)
    assert device.get(gradient).astype(float) * scale == pytest.approx(wanted, rel=1e-3, abs=1e-6)


SUMS = [BinaryCrossEntropy, SquaredError, AbsoluteError, Huber, Hinge, SquaredHinge, Poisson, SquaredLogarithmicError]


@pytest.mark.parametrize("kind", SUMS)
def test_a_mean_over_outputs_is_their_sum_over_their_number(kind, device, rng):
    z, target = device.put(rng.normal(size=(6, 4))), device.put(rng.integers(0, 4, 6))
    if kind is AbsolutePercentageError:
        target = device.put(rng.random((6, 4)) + 1)
    for whole, part in zip(kind()(z, target, make_context(device)), kind(mean=True)(z, target, make_context(device))):
        assert device.get(part) == pytest.approx(device.get(whole) / 4, rel=1e-14)


@pytest.mark.parametrize("size", [1.0, 30.0, 300.0])
def test_both_terms_after_a_softmax_by_hand(size, device, rng):
    z, y = rng.normal(size=(50, 4)) * size, distributions(rng, (50, 4))
    y[:10] = np.eye(4)[rng.integers(0, 4, 10)]
    wide = z.astype(np.longdouble)
    p = np.exp(wide - wide.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rest = np.stack([np.delete(p, k, axis=1).sum(axis=1) for k in range(4)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(y > 0, y * np.log(p), 0) + np.where(y < 1, (1 - y) * np.log(rest), 0)
        inner = np.where(y > 0, -y, 0) + np.where(y < 1, (1 - y) * p / rest, 0)
    loss, gradient = CategoricalCrossEntropy(both_terms=True)(device.put(z), device.put(y), make_context(device))
    assert np.isfinite(device.get(gradient)).all()
    assert device.get(loss) == pytest.approx(-terms.sum(axis=1).astype(float), rel=1e-12)
    if size == 1:  # beyond, the inner terms of the reference are differences of huge numbers
        exact = (inner - p * inner.sum(axis=1, keepdims=True)).astype(float)
        assert device.get(gradient) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("link", ["log", "softplus", "identity"])
def test_links_say_how_a_number_follows_from_the_output(link, device, rng):
    z, counts = rng.random((5, 2)) * 3 + 0.1, rng.poisson(2, (5, 2)).astype(float)
    p = {"log": np.exp(z), "softplus": np.log1p(np.exp(z)), "identity": z}[link]
    ctx, out = make_context(device), device.zeros((5, 2), np.float64)
    assert device.get(Poisson(link).predict(device.put(z), out)) == pytest.approx(p)
    found = device.get(Poisson(link)(device.put(z), device.put(counts), ctx)[0])
    assert found == pytest.approx((p - counts * np.log(p)).sum(axis=1))
    prediction = p if link == "identity" else p - 1
    assert device.get(SquaredLogarithmicError(link).predict(device.put(z), out)) == pytest.approx(prediction)
    found = device.get(SquaredLogarithmicError(link)(device.put(z), device.put(counts), ctx)[0])
    assert found == pytest.approx(((np.log1p(prediction) - np.log1p(counts)) ** 2).sum(axis=1))
