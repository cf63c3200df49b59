"""Whole steps with their CUDA kernels, run on the processor: they give what NumPy gives, in few nodes."""

import os
import traceback

import numpy as np
import pytest

from emulation import COMPILER, ORDERS
from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.layers import BatchNorm, Dense, Dropout, ReLU, Sequential, Sigmoid
from gpunet.losses import CategoricalCrossEntropy
from gpunet.models import LabelledDBN, UpDown
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD, Adam
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent
from gpunet.training import Trainer
from recording import RECORDED, recording
from stepping import CASES, image_trainer, make_trainer, state

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
STEPS = 4  # two before the graph is recorded, and two of it
# The true gradient of a bias before batch norm is 0: rules that divide by its size make steps of its rounding.
NOISE = ("001_dense/bias", "002_batch_norm/mean")


def stepped(make, device, rows=8):
    trainer = make(device)
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            trainer.step(rows, trainer.variant)
    return trainer


def compare(make, order, rows=8, tol=2e-4):
    wanted = stepped(make, Device(), rows)
    with recording(order) as device:
        found = stepped(make, device, rows)
        nodes = RECORDED[0]
        for name in wanted.parameters.named:
            if name not in NOISE:
                f, w = (t.device.get(t.parameters.named[name].value) for t in (found, wanted))
                np.testing.assert_allclose(f, w, rtol=tol, atol=tol, err_msg=name)
        for f, w in zip(state(found)[-3:], state(wanted)[-3:]):  # sums, clock and failures
            np.testing.assert_allclose(f, w, rtol=tol)
    return nodes


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_captured_step_gives_what_numpy_gives(number):
    compare(lambda device: make_trainer(device, **CASES[number]), ORDERS[number % 3])


@pytest.mark.parametrize("seeds", [0, [5, 6]])
def test_a_captured_step_on_images(seeds):
    compare(lambda device: image_trainer(device, seeds), "shuffled", 5)


def network(device, seeds=0, hidden=(512, 512), norm=False, rows=128):
    """The network of the benchmarks, on random numbers."""
    rng, members = np.random.default_rng(0), () if np.ndim(seeds) == 0 else (len(seeds),)
    x, y = rng.integers(0, 256, (4 * rows, 784)).astype(np.uint8), rng.integers(0, 10, 4 * rows).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), members)
    layers = [
        layer for width in hidden for layer in (Dense(width), *([BatchNorm()] if norm else []), ReLU(), Dropout(0.5))
    ]
    objective = Supervised(Sequential([*layers, Dense(10)]), CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=Adam(), seeds=seeds, feed=feed, batch_size=rows, device=device)
    trainer.begin_epoch(0, 4)
    return trainer


def machine(device, rows=100, **options):
    """A machine of the benchmarks, on random numbers."""
    x = np.random.default_rng(0).integers(0, 256, (4 * rows, 784)).astype(np.uint8)
    y = np.zeros(len(x), np.int32)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(784), Bernoulli(500)), binarise=True, **options)
    optimization = SGD(0.05, momentum=0.5)
    trainer = Trainer(objective, optimization=optimization, seeds=0, feed=feed, batch_size=rows, device=device)
    trainer.begin_epoch(0, 4)
    return trainer


def on_digits(device, objective, rows=50):
    """A training on random numbers of the size of digits."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (4 * rows, 784)).astype(np.uint8), rng.integers(0, 10, 4 * rows).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    trainer = Trainer(objective, optimization=SGD(0.05), seeds=0, feed=feed, batch_size=rows, device=device)
    trainer.begin_epoch(0, 4)
    return trainer


def dreamer(device, widths=(500, 500, 1000)):
    """Contrastive wake-sleep of a deep belief network that knows classes."""
    return on_digits(device, UpDown(LabelledDBN(Bernoulli(784), widths, 10), binarise=True))


def finetuned(device, widths=(500, 500, 2000)):
    """The network that a deep belief network becomes."""
    layers = [layer for width in widths for layer in (Dense(width), Sigmoid())]
    return on_digits(device, Supervised(Sequential([*layers, Dense(10)]), CategoricalCrossEntropy()))


# Nodes of a graph at most, products of cuBLAS included; what cuBLAS adds to them is known on a GPU alone.
LIMITS = {
    "784-512-512-10, dropout, Adam": (network, 20),
    "three members": (lambda device: network(device, [1, 2, 3]), 20),
    "batch norm, 4 more a layer": (lambda device: network(device, norm=True), 28),
    "machine, CD-1": (machine, 14),
    "machine, 4 more a Gibbs step": (lambda device: machine(device, k=3), 22),
    "machine, persistent chains": (lambda device: machine(device, chains=Persistent(count=100)), 17),
    "up-down": (dreamer, 35),
    "up-down, 10 more a lower layer": (lambda device: dreamer(device, (500, 500, 500, 1000)), 45),
    "a deep belief network fine-tuned": (finetuned, 25),
}


@pytest.mark.parametrize("name", LIMITS)
def test_nodes_of_a_step(name):
    """The limits hold what was reached: who needs more nodes has to say so here."""
    make, limit = LIMITS[name]
    with recording(executing=False) as device:
        trainer = make(device)
        for _ in range(3):
            trainer.step(trainer.batch_size, trainer.variant)
        assert RECORDED[0].count <= limit, RECORDED[0]


def test_a_member_is_the_network_alone_bit_by_bit():
    """Products here are NumPy's, one for each member; those of cuBLAS are within rounding."""
    with recording() as device:
        together, alone = (
            stepped(lambda d, seeds=seeds: network(d, seeds, (20, 12), norm=True, rows=8), device)
            for seeds in ([4, 5, 6], 5)
        )
        assert device.get(together.parameters.values)[1].tobytes() == device.get(alone.parameters.values).tobytes()
        assert device.get(together.totals)[:, 1].tobytes() == device.get(alone.totals)[:, 0].tobytes()


FAULTS = {
    "no barrier behind the bits": (
        "layers", "words[4 * threadIdx.x + lane] = drawn[lane];\n    __syncthreads();",
        "words[4 * threadIdx.x + lane] = drawn[lane];",
    ),
    "no barrier before a sum begins": (
        "losses", "    __syncthreads();\n    sums[threadIdx.x] = value;", "    sums[threadIdx.x] = value;"
    ),
    "an output too far": ("losses", "k < outputs; k += LANES) total += ", "k <= outputs; k += LANES) total += "),
    "a sample too far": ("gather", "p.cursor[0] * p.size + row]", "p.cursor[0] * p.size + row + 1]"),
    "a row too far": ("layers", "column < n && row < rows;", "column < n && row <= rows;"),
    "no barrier before a mean is taken": (
        "norm", "    parts[lane][across] = value;\n    __syncthreads();", "    parts[lane][across] = value;"
    ),
}  # fmt: skip
MARKS = {"layers": "LEAKY_RELU", "losses": "lanes_argmax", "gather": "sample_at", "norm": "unbiased"}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_caught(name):
    where, old, new = FAULTS[name]

    def make(device):
        return network(device, [4, 5], (20, 12), norm=True, rows=8)

    def change(text):
        if MARKS[where] not in text:
            return text
        assert text.count(old), "the text has changed"
        return text.replace(old, new).replace("KERNELS(double, double)\n", "")

    wanted = state(stepped(make, Device()))

    def shown():
        for order in ORDERS:
            with recording(order) as device:
                device.xp.emulator.change = change
                try:
                    found = stepped(make, device)
                except AssertionError:  # of bounds or barriers
                    return True
                if not all(np.allclose(f, w, rtol=2e-4, atol=2e-4) for f, w in zip(state(found), wanted)):
                    return True
        return False

    assert survives(shown) is not False, "no order of blocks and threads showed the fault"


def survives(check):
    """What a check says, in a process of its own, which may read where nothing is; None where it died of that."""
    child = os.fork()
    if not child:
        try:
            os._exit(int(check()))
        except BaseException:  # noqa: BLE001  a process of its own ends here, whatever happens
            traceback.print_exc()
            os._exit(2)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return None
    assert os.WEXITSTATUS(status) < 2, "the check itself failed"
    return bool(os.WEXITSTATUS(status))
