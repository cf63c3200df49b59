"""Trainings of every kind, small, for tests of their steps."""

import numpy as np

from gpunet import data, losses, optimizers
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
from gpunet.testing import examples, plain
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
