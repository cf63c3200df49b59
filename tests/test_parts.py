"""Parameters, initializers, schedules: values and laws."""

import tracemalloc

import numpy as np
import pytest

from gpunet import schedules
from gpunet.errors import ConfigError
from gpunet.initializers import Constant, Glorot, He, Lecun, Normal, Orthogonal, Sparse, Uniform
from gpunet.layers import BatchNorm, Dense, Residual, Sequential
from gpunet.parameter import Parameters
from gpunet.schedules import Constant as Always
from gpunet.schedules import (
    Cosine,
    CosineRestarts,
    Exponential,
    InverseRoot,
    InverseTime,
    Join,
    OneCycle,
    Piecewise,
    Ramp,
    Schedule,
    Step,
    Triangular,
    WarmUp,
    table,
)

SCHEDULES = [
    Always(0.1),
    Step(0.1, every=3),
    Piecewise([0.3, 0.2, 0.1], [5, 10.5]),
    Exponential(0.1),
    InverseRoot(0.1),
    InverseTime(0.1),
    Ramp(0.5, 0.9, 7),
    Cosine(0.1, epochs=30, stop=0.01),
    CosineRestarts(0.1, period=3, growth=1.5),
    Triangular(0.01, 0.1, period=7, decay=0.5),
    OneCycle(0.1, epochs=30),
    WarmUp(Step(0.1, every=3), epochs=2.5),
    Join([Ramp(0.0, 0.1, 5), Exponential(0.1)], [5]),
]


@pytest.mark.parametrize(
    ("rule", "variance"),
    [(Lecun, 1 / 400), (He, 2 / 400), (Glorot, 2 / 600)],
)
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_variances_are_those_of_the_papers(rule, variance, distribution, rng):
    drawn = rule(distribution).draw(rng, (400, 200))
    assert drawn.mean() == pytest.approx(0, abs=5 * np.sqrt(variance / drawn.size))
    assert drawn.var() == pytest.approx(variance, rel=0.03)
    if distribution == "uniform":
        assert np.abs(drawn).max() <= np.sqrt(3 * variance)
    else:
        assert ((np.abs(drawn) < np.sqrt(variance)).mean()) == pytest.approx(0.6827, abs=0.01)


def test_constant_and_normal(rng):
    assert Constant(2.5).draw(rng, (2, 2)).tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert Normal(0.01).draw(rng, (100, 100)).std() == pytest.approx(0.01, rel=0.05)


def test_uniform_fills_its_interval(rng):
    drawn = Uniform(0.2).draw(rng, (100, 100))
    assert 0.199 < drawn.max() <= 0.2
    assert -0.2 <= drawn.min() < -0.199
    assert drawn.var() == pytest.approx(0.04 / 3, rel=0.03)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (25, 25), (2, 3, 5, 7)])
def test_orthogonal_keeps_lengths(shape, rng):
    w = Orthogonal(gain=1.5).draw(rng, shape).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    assert gram == pytest.approx(2.25 * np.eye(len(gram)), abs=1e-12)


def test_orthogonal_is_uniform_over_all_such_matrices(rng):
    """The mean of each entry is 0 and its variance 1 / n; without the signs the mean of a diagonal entry is not 0.

    The trace of a uniform orthogonal matrix has variance 1.
    """
    drawn = np.array([Orthogonal().draw(rng, (3, 3)) for _ in range(4000)])
    assert drawn.mean(axis=0) == pytest.approx(np.zeros((3, 3)), abs=0.05)
    assert drawn.var(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), rel=0.1)
    assert np.trace(drawn, axis1=1, axis2=2).var() == pytest.approx(1, rel=0.1)


def test_sparse_units_have_so_many_inputs(rng):
    drawn = Sparse(k=15, std=2.0).draw(rng, (400, 300))
    assert ((drawn != 0).sum(axis=0) == 15).all()
    assert drawn[drawn != 0].std() == pytest.approx(2, rel=0.05)
    used = (drawn != 0).sum(axis=1)  # each input serves 300 * 15 / 400 units, give or take
    assert used.mean() == 11.25
    assert used.var() == pytest.approx(300 * (15 / 400) * (385 / 400), rel=0.3)
    assert (Sparse(k=15).draw(rng, (4, 3)) != 0).all()


@pytest.mark.parametrize("rule", [Uniform(), Orthogonal(), Sparse(k=2), Normal(), He(), Glorot("uniform")], ids=repr)
def test_initializers_draw_the_same_from_the_same_generator(rule):
    a, b, c = (rule.draw(np.random.default_rng(seed), (6, 5)) for seed in (1, 1, 2))
    assert a.dtype == np.float64
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_initializers_check_their_settings():
    for make in (lambda: Uniform(0.0), lambda: Orthogonal(-1.0), lambda: Sparse(0), lambda: Normal(-0.1)):
        with pytest.raises(ConfigError, match="must be"):
            make()


def network():
    return Sequential(
        [
            Dense(3, n_in=5),
            BatchNorm(3),
            Residual(Dense(3, n_in=3), Dense(3, n_in=3, with_bias=False)),
            Dense(2, n_in=3),
        ]
    )


def test_parameters_are_aligned_views_of_one_vector_in_groups(device):
    parameters = Parameters(network(), 0, device)
    assert list(parameters.named) == [
        "000_dense/weight", "000_dense/bias",
        "001_batch_norm/scale", "001_batch_norm/shift", "001_batch_norm/mean", "001_batch_norm/variance",
        "002_residual/body/weight", "002_residual/body/bias", "002_residual/shortcut/weight",
        "003_dense/weight", "003_dense/bias",
    ]  # fmt: skip
    assert all(segment.start * 4 % 256 == 0 for segment in parameters.segments.values())
    assert [(g.decay, g.momentum) for g in parameters.groups] == [(True, None), (False, None), (False, 0.1)]
    assert parameters.groups[-1].segment.stop == parameters.values.shape[-1]
    assert parameters.count == 15 + 3 + 3 + 3 + 9 + 3 + 9 + 6 + 2
    parameters.values[...] = 0
    assert all((device.get(p.value) == 0).all() for p in parameters.named.values())


def test_weights_depend_on_the_seed_and_the_place_alone(device):
    alone, together = Parameters(network(), 6, device), Parameters(network(), [5, 6], device)
    for name, parameter in alone.named.items():
        assert np.array_equal(device.get(together.named[name].value)[1], device.get(parameter.value))
    weights = [device.get(alone.named[f"002_residual/{branch}/weight"].value) for branch in ("body", "shortcut")]
    assert not np.array_equal(*weights)


def test_gradients_add_up_when_a_parameter_is_used_twice(device):
    from gpunet.testing import make_context

    layer = Dense(2, n_in=2)
    parameters, ctx = Parameters(layer, 0, device, np.float64), make_context(device)
    x = device.put([[1.0, 2.0]])
    parameters.zero_grad()
    for _ in range(2):
        _, backward = layer.forward(x, ctx)
        backward(device.put(np.ones((1, 2))))
    assert device.get(layer.weight.grad).tolist() == [[2, 2], [4, 4]]
    parameters.zero_grad()
    parameters.finish_grad()
    assert (device.get(parameters.grads) == 0).all()


def test_a_layer_without_memory_says_so():
    with pytest.raises(RuntimeError, match=r"make gpunet\.parameter\.Parameters"):
        _ = Dense(2, n_in=2).weight.value


def test_schedules_by_hand():
    epochs = np.array([0.0, 0.5, 1.0, 4.9, 5.0])
    assert Step(1.0, factor=0.1, every=5)(epochs).tolist() == pytest.approx([1, 1, 1, 1, 0.1])
    assert Always(0.3)(epochs).tolist() == [0.3] * 5
    assert table(0.2, epochs, (2,)).tolist() == [[0.2] * 5] * 2
    assert table([0.1, 0.2], epochs[:1], (2,)).tolist() == [[0.1], [0.2]]
    assert Exponential(2.0)(epochs) == pytest.approx(2 * 0.95**epochs)
    assert InverseRoot(2.0)(epochs) == pytest.approx(2 / np.sqrt(1 + epochs))
    assert InverseTime(2.0, 0.25)(epochs) == pytest.approx(2 / (1 + 0.25 * epochs))
    assert Piecewise([3, 2, 1], [0.5, 4.95])(epochs).tolist() == [3, 2, 2, 2, 1]
    assert Ramp(1.0, 0.0, 2.0)(epochs) == pytest.approx([1, 0.75, 0.5, 0, 0])
    assert WarmUp(Always(2.0), epochs=1, start=0.2)(epochs) == pytest.approx([0.4, 1.2, 2, 2, 2])


def test_every_schedule_is_tried_below():
    exported = {getattr(schedules, name) for name in schedules.__all__}
    kinds = {c for c in exported if isinstance(c, type) and issubclass(c, Schedule) and c is not Schedule}
    assert kinds == {type(schedule) for schedule in SCHEDULES}


def test_cosine_restarts_by_hand():
    """Cycles of 2, 4 and 8 epochs: the top at each start, the middle half way, nearly the bottom before each end."""
    schedule = CosineRestarts(value=1.0, lowest=0.2, period=2, growth=2)
    times = np.array([0, 1, 2 - 1e-6, 2, 4, 6 - 1e-6, 6, 10, 14])
    assert schedule(times) == pytest.approx([1, 0.6, 0.2, 1, 0.6, 0.2, 1, 0.6, 1], abs=1e-9)
    alike = CosineRestarts(value=1.0, period=0.1)
    assert alike(np.arange(50) * 0.1 + 0.05) == pytest.approx(np.full(50, 0.5))
    assert alike(np.array([0.1, 0.3, 0.7])) == pytest.approx(np.ones(3), abs=1e-9), "though 0.3 / 0.1 is below 3"


def test_cosine_restarts_cost_the_same_for_any_number_of_cycles():
    tracemalloc.start()
    try:
        assert (CosineRestarts(value=1.0, period=1e-3)(np.array([10.0, 20.0])) <= 1).all()
        assert tracemalloc.get_traced_memory()[1] < 1e5
    finally:
        tracemalloc.stop()


def test_triangles_by_hand():
    times = np.array([0, 1, 2, 3, 4, 6, 10])
    assert Triangular(1, 3, period=4)(times) == pytest.approx([1, 2, 3, 2, 1, 3, 3])
    assert Triangular(1, 3, period=4, decay=0.5)(times) == pytest.approx([1, 2, 3, 2, 1, 2, 1.5])


def test_one_cycle_by_hand():
    schedule = OneCycle(value=2.0, epochs=20, rise=0.25, start=0.1, stop=0.0)
    assert schedule(np.array([0, 2.5, 5, 7.5, 10, 15, 20])) == pytest.approx([0.2, 1.1, 2, 1.1, 0.2, 0.1, 0])
    assert (schedule.ends, Step(1.0).ends) == (20, np.inf)


def test_joined_schedules_have_clocks_of_their_own():
    cosine = CosineRestarts(1.0, period=4)
    times = np.array([0.0, 1.0, 3.0, 5.0, 7.0])
    joined = Join([Ramp(0.0, 1.0, 3), cosine], [3])
    assert joined(times) == pytest.approx([0, 1 / 3, *cosine(times[2:] - 3)])
    assert joined(times[3:]) == pytest.approx(joined(times)[3:]), "an epoch may lie in one part alone"
    assert (joined.ends, Join([cosine, cosine], [3, 2]).ends) == (np.inf, 5)
    assert Join([cosine, OneCycle(1.0, epochs=6)], [3]).ends == 9
    assert WarmUp(Join([cosine], [7])).ends == 7


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_is_a_function_of_the_time_alone(schedule):
    """One epoch at a time, as training asks, or all at once; never negative."""
    times = np.linspace(0, 30, 301)[:-1]
    at_once = schedule(times)
    assert at_once.shape == times.shape
    assert at_once.dtype == np.float64
    assert np.array_equal(at_once, np.concatenate([schedule(part) for part in times.reshape(30, 10)]))
    assert (at_once >= 0).all()
    assert np.isfinite(at_once).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Piecewise([1.0], [3]),
            "piecewise: needs one value more than boundaries, got 1 values and 1 boundaries",
        ),
        (lambda: Piecewise([1.0, 2.0, 3.0], [3, 3]), r"piecewise.boundaries: must increase, got \[3, 3\]"),
        (lambda: Piecewise([1.0, -2.0], [3]), r"Piecewise.values: must be >= 0, got -2.0"),
        (lambda: Join([], []), "join: needs a number of epochs for each schedule"),
        (lambda: Join([Always(1.0)], [1, 2]), "got 1 schedules and 2 numbers"),
        (lambda: Join([Always(1.0)], [-1.0]), r"Join.epochs: must be > 0, got -1.0"),
        (lambda: Join([OneCycle(1.0, 5)], [6]), "a schedule of 5 epochs cannot last longer, got 6"),
        (lambda: OneCycle(1.0, 5, rise=0.6), "OneCycle.rise: must be <= 0.5"),
        (lambda: CosineRestarts(1.0, growth=0.5), "CosineRestarts.growth: must be >= 1"),
    ],
)
def test_schedules_check_their_settings(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
