"""What a first step on CUDA has to compile: kernels of gpunet, and hardly any that CuPy makes of array functions."""

import numpy as np
import pytest

from gpunet.backend import launches_told
from gpunet.data import Feed, fit_preprocessing
from gpunet.layers import BatchNorm, Dense, Dropout, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD, Adam
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence
from gpunet.testing import LOG
from gpunet.training import Trainer
from recording import VIEWS, recording

BATCH = 100


def feed(device):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (4 * BATCH, 784)).astype(np.uint8), rng.integers(0, 10, 4 * BATCH).astype(np.int32)
    return Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))


def network(device):
    layers = [layer for _ in range(2) for layer in (Dense(512), BatchNorm(), ReLU(), Dropout(0.5))]
    return Supervised(Sequential([*layers, Dense(10)]), CategoricalCrossEntropy()), Adam()


def machine(device):
    return ContrastiveDivergence(RBM(Bernoulli(784), Bernoulli(500)), binarise=True), SGD(0.05, momentum=0.5)


def array_functions():
    """Those that CuPy compiles a kernel for, each with its types; memory is set to zero by CUDA itself."""
    found = set()
    for function, args, _, result in LOG:
        owner = getattr(function, "__self__", None)
        name = owner.__name__ if isinstance(owner, np.ufunc) else function.__name__
        if getattr(function, "kind", None) is None and name not in (*VIEWS, "zeros"):
            given = [str(one.dtype) for one in args if isinstance(one, np.ndarray)]
            found.add((name, *given, str(getattr(result, "dtype", ""))))
    return found


# A machine learns its first offsets from the data by array functions.
@pytest.mark.parametrize(("make", "most"), [(network, 0), (machine, 6)])
def test_up_to_the_first_step_few_kernels_of_cupy_are_needed(make, most):
    with recording(executing=False) as device:
        LOG.clear()
        objective, rule = make(device)
        launched = set()
        with launches_told(lambda name, arguments: launched.add(name)):
            trainer = Trainer(
                objective, optimization=rule, seeds=0, feed=feed(device), batch_size=BATCH, device=device
            )  # fmt: skip
            trainer.begin_epoch(0, 4)
            trainer.train_batch(0)
        assert len(array_functions()) <= most, array_functions()
        assert len(launched) > 5
