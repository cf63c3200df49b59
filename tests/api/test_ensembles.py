"""Several networks that predict together, and those whose predictions do not add up."""

import numpy as np
import pandas
import pytest

import gpunet
from gpunet.api import Ensemble
from gpunet.layers import Dense
from gpunet.losses import BinaryCrossEntropy


def test_predictions_are_averaged_each_member_counting_once(net, population, table, tmp_path):
    x, y = table
    paths = [trained.save(tmp_path / f"{i}.h5") for i, trained in enumerate((net, population))]
    both = gpunet.load(*paths)
    assert len(both) == len(both.members) == 4
    mean = np.mean([member.outputs(x).astype(np.float64) for member in (net, *population.members)], axis=0)
    np.testing.assert_allclose(both.outputs(x), mean, rtol=1e-12)
    np.testing.assert_array_equal(both.predict(x), mean.argmax(axis=1))
    assert both.score(x, y) == np.mean(mean.argmax(axis=1) == y)
    np.testing.assert_allclose(both.predict_proba(x), mean)
    assert repr(both).startswith("Ensemble(4 members: ")


def test_values_are_averaged_and_scored_by_r2(table, small):
    x, _ = table
    y = x @ np.arange(6.0)
    networks = [gpunet.train("mlp", x, y, seed=seed, **small) for seed in (0, 5)]
    both = Ensemble(networks)
    mean = np.mean([network.predict(x).astype(np.float64) for network in networks], axis=0)
    np.testing.assert_allclose(both.predict(x), mean)
    assert both.score(x, y) == pytest.approx(1 - ((y - mean) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def test_one_sigmoid_output_stands_beside_two_of_softmax_as_1_minus_p_and_p(net, table):
    x, y = table
    single = gpunet.fit(Dense(1), x, y, BinaryCrossEntropy(), epochs=3, device="cpu")
    p = single.outputs(x).astype(np.float64)
    expected = (np.hstack([1 - p, p]) + net.outputs(x)) / 2
    for order in ([single, net], [net, single]):
        np.testing.assert_allclose(Ensemble(order).outputs(x), expected, rtol=1e-6)
        np.testing.assert_array_equal(Ensemble(order).predict(x), expected.argmax(axis=1))
    np.testing.assert_allclose(Ensemble([single, single]).predict_proba(x), np.hstack([1 - p, p]), rtol=1e-6)


def other_classes(x, y, small):
    return gpunet.train("mlp", x, y + 1, **small)


def values(x, y, small):
    return gpunet.train("mlp", x, x[:, 0], **small)


def fewer_inputs(x, y, small):
    return gpunet.train("mlp", x[:, :4], y, **small)


def named_inputs(x, y, small):
    return gpunet.train("mlp", pandas.DataFrame(x, columns=list("abcdef")), y, **small)


def scores(x, y, small):
    return gpunet.train("mlp", x, y, loss="hinge", **small)


def reconstruction(x, y, small):
    return gpunet.train("autoencoder", x, hidden=[4], code=2, epochs=1, batch_size=20, device="cpu")


def machine(x, y, small):
    return gpunet.train("rbm", x, hidden=4, epochs=1, device="cpu")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (other_classes, "must have the classes of the first, got 1, 2. The first has 0, 1"),
        (values, "must have the classes of the first, got none"),
        (fewer_inputs, "must have inputs of the shape of the first, got 4. The first has 6"),
        (named_inputs, "must have the columns of the first, got a, b, c, d, e, f. The first has none"),
        (scores, "must have outputs that mean what those of the first do, got score. The first has probability"),
        (reconstruction, "must predict what the first does, got features. The first has targets"),
        (machine, "must be a network that predicts, got rbm. Load it alone"),
    ],
    ids=lambda thing: getattr(thing, "__name__", ""),
)
def test_networks_that_do_not_add_up_are_refused(other, expected, net, table, small):
    with pytest.raises(gpunet.errors.CheckpointError, match=f"network 1: {expected}"):
        Ensemble([net, other(*table, small)])


def test_another_number_of_targets_is_refused(table, small):
    x, _ = table
    one = gpunet.train("mlp", x, x[:, 0], **small)
    two = gpunet.train("mlp", x, x[:, :2], **small)
    with pytest.raises(gpunet.errors.CheckpointError, match="must have as many targets as the first, got 2"):
        Ensemble([one, two])


def test_other_words_are_refused(tmp_path, small):
    found = []
    for name, words in (("a", ("good", "bad")), ("b", ("fine", "bad"))):
        rows = [f"{words[i % 2]} day,{i % 2}" for i in range(60)]
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
        found.append(gpunet.train("mlp", data=tmp_path / f"{name}.csv", **small))
    with pytest.raises(gpunet.errors.CheckpointError, match=r"must (know the words|have inputs)"):
        Ensemble(found)
