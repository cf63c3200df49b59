"""Small data and networks that the tests of the front door share."""

import numpy as np
import pytest

import gpunet


@pytest.fixture(scope="session")
def table():
    """200 samples of six features, whose class is whether the first is larger than the second."""
    x = np.random.default_rng(0).random((200, 6), np.float32)
    return x, (x[:, 0] > x[:, 1]).astype(int)


@pytest.fixture(scope="session")
def small():
    """Settings of a network that trains in milliseconds."""
    return {"hidden": [8], "epochs": 2, "batch_size": 20, "device": "cpu"}


@pytest.fixture(scope="session")
def net(table, small):
    """A network trained on the table."""
    return gpunet.train("mlp", *table, **small)


@pytest.fixture(scope="session")
def population(table, small):
    """Three of it, with seeds 0, 1 and 2."""
    return gpunet.train("mlp", *table, seeds=3, **small)


@pytest.fixture(scope="session")
def bits(table):
    """The table as bits."""
    return (table[0] > 0.5).astype(np.uint8)


def same_weights(one, other):
    """Whether two models hold the same numbers, bit for bit."""
    return list(one.weights) == list(other.weights) and all(
        np.array_equal(one.weights[path], other.weights[path]) for path in one.weights
    )


@pytest.fixture(scope="session")
def equal():
    """The function :func:`same_weights`."""
    return same_weights
