"""Steps whose kernels run as threads under sanitizers, and faults that these must find."""

import numpy as np
import pytest

from emulation import COMPILER, kernel_names
from gpunet.backend import Device, launches_told
from gpunet.backend.translation import sources, unit
from gpunet.data import Feed, fit_preprocessing
from gpunet.layers import BatchNorm, Dense, Dropout, ReLU, Sequential, Softplus
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import EMA, SGD, Clipping, Optimization
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent
from gpunet.training import Trainer
from recording import recording
from sanitizing import Sanitized, SanitizerError, works
from stepping import state

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
KINDS = ("memory", "races")
SAMPLES = 6  # of a batch


def network(device):
    """Members with dropout, batch norm, clipping, averaging, and a bound on the weights into a unit."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4 * SAMPLES, 7)).astype(np.uint8)
    y = rng.integers(0, 3, len(x)).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), (2,))
    layers = [Dense(9, max_norm=1.0), BatchNorm(), ReLU(), Dropout(0.5), Dense(5), Softplus(), Dense(3)]
    objective = Supervised(Sequential(layers), CategoricalCrossEntropy())
    # By no rule that divides a gradient by its size: that of a bias before batch norm is rounding.
    rule = SGD(0.05, momentum=0.9)
    optimization = Optimization(rule, l2=0.01, clipping=Clipping(norm=0.5), averaging=EMA())
    trainer = Trainer(
        objective, optimization=optimization, seeds=[4, 5], feed=feed, batch_size=SAMPLES, device=device
    )  # fmt: skip
    trainer.begin_epoch(0, 4)
    return trainer


def machine(device):
    """Persistent chains of a machine of bits."""
    x = np.random.default_rng(0).integers(0, 256, (4 * SAMPLES, 7)).astype(np.uint8)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(7), Bernoulli(5)), chains=Persistent(count=4), binarise=True)
    rule = SGD(0.05, momentum=0.5)
    trainer = Trainer(objective, optimization=rule, seeds=0, feed=feed, batch_size=SAMPLES, device=device)
    trainer.begin_epoch(0, 4)
    return trainer


def stepped(make, device):
    trainer = make(device)
    with np.errstate(all="ignore"):
        trainer.train_batch(0)
    return state(trainer)


def needs(kind):
    if not works(kind):
        pytest.skip(f"this compiler or machine has no sanitizer for {kind}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [network, machine])
def test_a_step_shows_nothing_to_sanitizers(make, kind):
    needs(kind)
    wanted, emulator = stepped(make, Device()), Sanitized(kind)
    with recording(emulator=emulator) as device:
        found = stepped(make, device)
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, rtol=2e-4, atol=2e-4)
    assert len(emulator.launched) > 8


def test_what_is_watched_is_every_kernel_of_a_step_of_a_network():
    """Of single precision, but for features that are numbers already and targets beside them."""
    files, names = ("layers", "losses", "norm", "tail"), set()
    with recording(executing=False) as device, launches_told(lambda name, arguments: names.add(name)):
        network(device).train_batch(0)
    for path in sources():
        if path.stem in files:
            assert set(kernel_names(unit(path, "float"))) <= names


FAULTS = {
    "a race: no barrier behind the bits": (
        network, "races", "words[4 * threadIdx.x + lane] = drawn[lane];\n    __syncthreads();",
        "words[4 * threadIdx.x + lane] = drawn[lane];",
    ),
    "a race: no barrier before a sum is read": (
        network, "races", "    parts[lane][across] = value;\n    __syncthreads();", "    parts[lane][across] = value;",
    ),
    "a race: all threads write one number": (
        network, "races", "    if (threadIdx.x == 0) {\n        each[row]", "    if (true) {\n        each[row]",
    ),
    "shared memory, an index one too far": (
        network, "memory", "words[4 * threadIdx.x + lane] = drawn[lane];",
        "words[4 * threadIdx.x + lane + 1] = drawn[lane];",
    ),
    "an array, an index one too far": (
        network, "memory", "k < outputs; k += LANES) total += ", "k <= outputs; k += LANES) total += ",
    ),
    "arithmetic: a shift by all bits": (
        network, "memory", ">> (16 * (number % 4))", ">> (16 * (number % 4) + 64)",
    ),
    "a barrier that half of the threads do not come to": (
        network, "races", "    sums[threadIdx.x] = value;\n    __syncthreads();",
        "    sums[threadIdx.x] = value;\n    if (threadIdx.x % 2) __syncthreads();",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_reported(name, monkeypatch):
    make, kind, old, new = FAULTS[name]
    needs(kind)
    planted = []

    def change(text):
        planted.append(old in text)
        return text.replace(old, new)

    with recording(emulator=Sanitized(kind, change)) as device, pytest.raises(SanitizerError):
        stepped(make, device)
    assert any(planted), "the text has changed"
