"""The training step can be captured: it reads nothing back, and all that changes lives in arrays."""

import inspect
import tracemalloc

import numpy as np
import pytest

from gpunet import data, losses, optimizers
from gpunet.backend import Device
from gpunet.data import Augmentation, Augmenter, Binarise, Feed, Preparation, Scale, fit_preprocessing
from gpunet.initializers import He
from gpunet.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePool,
    GroupNorm,
    LayerNorm,
    MaxPool2D,
    PadChannels,
    ReLU,
    Residual,
    Sequential,
    Softplus,
    SpatialDropout,
    StochasticDepth,
)
from gpunet.losses import AbsolutePercentageError, BinaryCrossEntropy, CategoricalCrossEntropy, Loss, SquaredError
from gpunet.members import PerMember
from gpunet.objectives import Supervised
from gpunet.optimizers import EMA, SGD, Adam, Averaging, Clipping, Optimization, Rule
from gpunet.schedules import Step
from gpunet.testing import LOG, HostReadError, Traced, TracedDevice, examples, plain
from gpunet.training import Trainer


def network(width=12, dropout=0.2):
    return Sequential(
        [
            Dropout(dropout),
            Dense(16, n_in=width, initializer=He()),
            BatchNorm(16),
            ReLU(),
            Residual(Sequential([Dense(16, n_in=16), Softplus(), Dropout(0.5)])),
            Dense(4, n_in=16),
        ]
    )


def make_trainer(
    device, seeds=0, loss=None, rule=None, kind="standardise", l2=0.01, augment=(), rows=None, weighted=False,
    dropout=0.2, **options
):  # fmt: skip
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (50, 12)).astype(np.uint8), rng.integers(0, 4, 50).astype(np.int32)
    if isinstance(loss, AbsolutePercentageError):  # takes no labels
        y = rng.uniform(1, 2, (50, 4)).astype(np.float32)
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    number = np.dtype(np.float32)
    texts = bool(augment) and augment[0].of == "texts"
    augmenter = Augmenter(augment, (12,) if texts else (2, 3, 2), 255.0, 4, 50, device, number, texts)
    preprocessing = fit_preprocessing(kind, x, 255.0)
    model = network(preprocessing.width(12), dropout)
    weights = rng.random(50) if weighted else None
    feed = Feed(device, x, y, preprocessing, number, members, augmenter if augment else None, rows, weights=weights)
    rule = rule or Adam(Step(value=0.01, factor=0.5, every=1))
    objective = Supervised(model, loss or CategoricalCrossEntropy())
    optimization = Optimization(rule, l2=l2, **options)
    trainer = Trainer(objective, optimization=optimization, seeds=seeds, feed=feed, batch_size=8, device=device)
    trainer.begin_epoch(0, trainer.steps_per_epoch(drop_last=True))
    return trainer


def state(trainer):
    arrays = (
        trainer.parameters.values,
        *trainer.optimizer.slots.values(),
        trainer.totals,
        trainer.clock,
        trainer.failed,
    )
    return [np.array(plain(a)) for a in arrays]


CASES = [
    {},
    {"seeds": [5, 6, 7]},
    {"loss": SquaredError(), "rule": SGD(0.01, momentum=0.9, nesterov=True)},
    {"loss": BinaryCrossEntropy(), "kind": "scale"},
]
CASES += [{"loss": loss, "rule": SGD(1e-3)} for loss in examples(Loss, losses)]
CASES += [
    {"rule": rule, "seeds": [5, 6], "clipping": Clipping(value=1.0, norm=0.5), "l2": 0.0}
    for rule in examples(Rule, optimizers)
]
CASES += [{"kind": [preparation]} for preparation in examples(Preparation, data) if not preparation.random]
CASES += [{"kind": [Scale(), Binarise(stochastic=True)], "seeds": [5, 6]}]
CASES += [{"augment": [augmentation]} for augmentation in examples(Augmentation, data)]
NUMBERS = [augmentation for augmentation in examples(Augmentation, data) if augmentation.of != "texts"]
CASES += [{"augment": NUMBERS, "seeds": [5, 6]}]
CASES += [{"rows": np.arange(40, dtype=np.int32) % 9}]
CASES += [{"rows": np.stack([np.arange(40), 49 - np.arange(40)]).astype(np.int32), "seeds": [5, 6]}]
CASES += [
    {"weighted": True},
    {"weighted": True, "seeds": [5, 6], "rows": np.arange(80, dtype=np.int32).reshape(2, 40) % 9},
]
CASES += [{"averaging": averaging} for averaging in examples(Averaging, optimizers)]
CASES += [
    {
        "seeds": [5, 6], "rule": Adam([0.01, 0.02]), "l2": PerMember([0.0, 0.1]), "dropout": PerMember([0.0, 0.3]),
        "clipping": Clipping(PerMember([1.0, 2.0]), PerMember([0.5, 0.7])),
        "loss": CategoricalCrossEntropy(PerMember([0.1, 0.2])), "averaging": EMA(PerMember([0.9, 0.5])),
    }
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_replaying_a_recorded_step_is_running_the_next_one(case):
    recorded, real = make_trainer(TracedDevice(), **case), make_trainer(Device(), **case)
    assert isinstance(recorded.parameters.values, Traced)
    LOG.clear()
    recorded.step(8)
    for _ in range(4):
        LOG.replay()
    for _ in range(5):
        real.step(8)
    for a, b in zip(state(recorded), state(real)):
        assert np.array_equal(a, b)
    assert int(plain(recorded.clock)[0]) == 5


def test_the_stand_in_catches_host_reads_and_python_numbers():
    """The test above can fail: each of these would break a capture."""
    device = TracedDevice()
    array = device.zeros((3,), np.float32)
    for read in (float, bool, lambda a: int(a[0:1]), lambda a: a.tolist(), device.get, lambda a: a[a > 0]):
        with pytest.raises(HostReadError):
            read(array)
    counter = 0
    LOG.clear()
    counter += 1
    array += counter
    LOG.replay()
    counter += 1
    assert plain(array)[0] == 2 != 1 + 2


def test_after_the_first_step_nothing_large_is_allocated():
    rng = np.random.default_rng(0)
    x, y = rng.random((512, 784), np.float32), rng.integers(0, 10, 512).astype(np.int32)
    feed = Feed(Device(), x, y, fit_preprocessing("scale", x, 1.0), np.dtype(np.float32))
    model = Sequential([Dropout(0.2), Dense(512), ReLU(), Dropout(0.5), Dense(10)])
    objective = Supervised(model, CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=Adam(), seeds=0, feed=feed, batch_size=128, device=Device())
    trainer.begin_epoch(0, 4)
    trainer.step(128)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        trainer.step(128)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A batch is 400 kB and the parameters 1.6 MB; the largest thing made is a chunk of 32 KiB random words.
    assert peak - before < 64_000
    assert after - before < 8_000


@pytest.mark.filterwarnings("ignore")
def test_every_array_function_of_a_step_exists_in_cupy():
    cupy = pytest.importorskip("cupy", reason="needs the extra 'kernels'")
    LOG.clear()
    for case in [{"seeds": [1, 2]}, *CASES]:
        make_trainer(TracedDevice(), **case).step(8)
    image_trainer(TracedDevice(), [1, 2]).step(5)
    used = set()
    for function, _, kwargs, _ in LOG:
        owner = getattr(function, "__self__", None)
        name = owner.__name__ if isinstance(owner, np.ufunc) else function.__name__
        if function.__name__ == "reduce":
            name, kwargs = {"add": "sum", "maximum": "max", "minimum": "min"}[name], {}
        elif "subok" in kwargs:  # the division inside ndarray.mean
            name, kwargs = "mean", {}
        if name not in ("<lambda>", "draw_words", "draw_sample_words", "take_rows", "count_into", "decide"):
            used.add((name, tuple(sorted(kwargs))))
    assert len(used) > 10
    for name, keywords in used:
        found = getattr(cupy, name, None) or getattr(cupy.ndarray, name, None)
        assert found is not None, f"CuPy has no {name}"
        if isinstance(found, cupy.ufunc):
            assert set(keywords) <= {"out"}, f"CuPy's {name} has no {keywords}"
        elif inspect.isfunction(found):
            assert set(keywords) <= set(inspect.signature(found).parameters), f"{name}{keywords}"


def test_epochs_of_other_lengths_leave_the_memory_of_a_recorded_step_alone():
    trainer = make_trainer(Device(), averaging=EMA(0.9))
    places, keys = [], []
    for steps in (6, 1, 6):
        trainer.begin_epoch(0, steps)
        places.append((trainer.optimizer._table.ctypes.data, trainer.optimizer._shares.ctypes.data))
        keys.append(trainer.variant)
    assert places[0] == places[2] != places[1]
    assert keys[0] == keys[2] != keys[1]  # each length is a capture of its own


def image_trainer(device, seeds=0):
    """A network with every layer that moves windows, on images, with augmentation."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 6, 6, 1)).astype(np.uint8), rng.integers(0, 3, 20).astype(np.int32)
    members, number = () if np.ndim(seeds) == 0 else (len(seeds),), np.dtype(np.float32)
    layers = [
        *(Conv2D(4), BatchNorm(), ReLU(), MaxPool2D(3, 2, 1), SpatialDropout(0.3)),
        Residual(Sequential([Conv2D(4, groups=2), GroupNorm(groups=2), StochasticDepth(0.4)])),
        Residual(Sequential([Conv2D(8, stride=2, padding=1), LayerNorm()]), PadChannels(8, 2)),
        *(Conv2D(groups="depthwise"), AveragePool2D(2, padding="same"), GlobalAveragePool(), Dense(3)),
    ]
    augmenter = Augmenter([data.Shift()], (6, 6), 255.0, 3, 20, device, number)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), number, members, augmenter)
    objective = Supervised(Sequential(layers), CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=SGD(0.1), seeds=seeds, feed=feed, batch_size=5, device=device)
    trainer.begin_epoch(0, 4)
    return trainer


@pytest.mark.parametrize("seeds", [0, [5, 6]])
def test_replaying_a_recorded_step_on_images_is_running_the_next_one(seeds):
    recorded, real = image_trainer(TracedDevice(), seeds), image_trainer(Device(), seeds)
    LOG.clear()
    recorded.step(5)
    for _ in range(2):
        LOG.replay()
    for _ in range(3):
        real.step(5)
    for a, b in zip(state(recorded), state(real)):
        assert np.array_equal(a, b)
