"""Parameters, initializers, schedules: values and laws."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.data import fit_preprocessing
from gpunet.errors import DataError
from gpunet.initializers import Constant, Glorot, He, Lecun, Normal
from gpunet.layers import BatchNorm, Dense, Residual, Sequential
from gpunet.parameter import Parameters
from gpunet.schedules import Constant as Always
from gpunet.schedules import Step, table


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


def network():
    return Sequential([Dense(5, 3), BatchNorm(3), Residual(Dense(3, 3), Dense(3, 3, with_bias=False)), Dense(3, 2)])


def test_parameters_are_aligned_views_of_one_vector_in_groups(device):
    parameters = Parameters(network(), 0, device)
    assert list(parameters.named) == [
        "000_dense/weight", "000_dense/bias",
        "001_batch_norm/scale", "001_batch_norm/shift", "001_batch_norm/mean", "001_batch_norm/variance",
        "002_residual/body/weight", "002_residual/body/bias", "002_residual/shortcut/weight",
        "003_dense/weight", "003_dense/bias",
    ]  # fmt: skip
    assert all(segment.start * 4 % 256 == 0 for segment in parameters.segments.values())
    assert [(g.decay, g.averaging) for g in parameters.groups] == [(True, None), (False, None), (False, 0.1)]
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

    layer = Dense(2, 2)
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
        _ = Dense(2, 2).weight.value


def test_schedules_by_hand():
    epochs = np.array([0.0, 0.5, 1.0, 4.9, 5.0])
    assert Step(1.0, factor=0.1, every=5)(epochs).tolist() == pytest.approx([1, 1, 1, 1, 0.1])
    assert Always(0.3)(epochs).tolist() == [0.3] * 5
    assert table(0.2, epochs, (2,)).tolist() == [[0.2] * 5] * 2
    assert table([0.1, 0.2], epochs[:1], (2,)).tolist() == [[0.1], [0.2]]


def test_constant_features_become_zero_and_stay_zero():
    x = np.array([[1, 7], [3, 7]], np.float32)
    fitted = fit_preprocessing("standardise", x, 1.0)
    device = Device()
    later = device.put([[2, 1e6]], np.float32)
    out = fitted.apply(later, device.put(fitted.shift), device.put(fitted.factor), device.zeros((1, 2), np.float32))
    assert out.tolist() == [[0, 0]]
    assert fitted.constant == 1
    with pytest.raises(DataError, match="needs a feature that varies"):
        fit_preprocessing("standardise", x[:, 1:], 1.0)
