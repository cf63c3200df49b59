"""The deep belief network that knows the class, and its fine-tuning by contrastive wake-sleep.

Hinton, Osindero, Teh: A fast learning algorithm for deep belief nets (2006), sections 5 and 6 and appendix B.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from ..backend import Context, Device
from ..backend.arrays import Array
from ..initializers import Normal
from ..layers import Dense, Layer, Sequential, Sigmoid
from ..layers.base import Backward
from ..losses import CategoricalCrossEntropy
from ..members import PerMember
from ..metrics import Accuracy, accuracy
from ..objectives import Objective
from ..ops.gather import beside_labels
from ..rbm import RBM, Bernoulli, ClassRBM, ContrastiveDivergence, FromData, Units
from ..rbm.halves import drawn, error, expected
from ..schedules import Schedule

SMALL = Normal(0.01)  # as machines begin


@dataclass(eq=False)
class LabelledDBN(Layer):
    """A deep belief network whose top machine sees the class beside the layer below it.

    Each lower layer has weights for recognition, upwards, and others for generation, downwards.  As a layer it gives
    the logits of the classes: upwards by means, then exactly ``p(class | highest lower layer)`` of the top machine.

    Shapes: ``x`` ([E,] N, widths[0]), logits ([E,] N, classes).

    Args:
        visible: units of the features.
        widths: of the Bernoulli hidden layers, from the data upwards; the last is the top machine's.
        classes: how many.

    >>> LabelledDBN(Bernoulli(784), (500, 500, 2000), 10).output_shape((784,))
    (10,)
    """

    visible: Units
    widths: Sequence[int]
    classes: int

    def __post_init__(self) -> None:
        """Make the layers; machines start at weights as small as theirs, so these do."""
        self.widths = tuple(self.widths)
        sizes = [self.visible.n, *self.widths[:-1]]
        top = ClassRBM(Bernoulli(sizes[-1]), Bernoulli(self.widths[-1]), self.classes)
        up = [(Dense(b, n_in=a, initializer=SMALL), Sigmoid()) for a, b in zip(sizes, sizes[1:])]
        down = [(Dense(a, n_in=b, initializer=SMALL), Sigmoid()) for a, b in zip(sizes, sizes[1:])]
        self.recognition = Sequential([*(layer for pair in up for layer in pair), top])
        self.generation = Sequential([layer for pair in reversed(down) for layer in pair][:-1])

    @property
    def top(self) -> ClassRBM:
        """The machine above the lower layers."""
        return self.recognition.layers[-1]  # type: ignore[return-value]

    @property
    def undirected(self) -> RBM:
        """The machine of the highest lower layer and the class, whose states are sampled by Gibbs steps."""
        return self.top.joint

    @property
    def ups(self) -> list[Dense]:
        """The lower layers' weights upwards, from the data."""
        return [layer for layer in self.recognition.layers if isinstance(layer, Dense)]

    @property
    def downs(self) -> list[Dense]:
        """The lower layers' weights downwards, from the data."""
        return [layer for layer in self.generation.layers if isinstance(layer, Dense)][::-1]

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the logits of all classes."""
        return self.recognition.forward(x, ctx)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One logit for each class."""
        return (self.classes,)

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples of another width; the layers know theirs already."""
        self.recognition.build(shape)

    def units_below(self, number: int) -> Units:
        """The units that lower layer ``number`` generates, counted from the data."""
        return self.visible if number == 0 else Bernoulli(self.widths[number - 1])

    def generate(self, inputs: Array, ctx: Context) -> Array:
        """From the input of the top machine's visible units down to the data: samples on the way, means at the end."""
        inputs = inputs[..., : self.top.features.n]
        for number, down in reversed(list(enumerate(self.downs, 1))):
            inputs, _ = down.forward(self.units_below(number).sample(inputs, ctx), ctx)
        return self.visible.mean(inputs, ctx)


class UpDown(Objective):
    """Contrastive wake-sleep.

    Awake: states are sampled upwards from data; generation learns to give each layer's state from the one above; the
    top machine learns states and class by contrastive divergence.  Asleep: from the states in which that ended,
    downwards by samples; recognition learns to give each layer's state from the one below.

    Args:
        model: the network.
        k: Gibbs steps of the top machine, a number or a schedule over epochs.
        greedy: epochs in which the top machine alone learns, the last stage of greedy pretraining.
        binarise: draw the features as 0 or 1 with their values as probabilities, anew at every step.
        center: centre the top machine's gradient.
    """

    measures: tuple[str, ...] = ("free_energy",)
    scores: tuple[str, ...] = ("loss", "accuracy")
    metrics = (Accuracy(),)
    wants_targets = True

    def __init__(
        self,
        model: LabelledDBN,
        k: int | Schedule | PerMember = 1,
        greedy: int = 0,
        binarise: bool = False,
        center: bool = True,
    ):
        self.model, self.greedy, self.binarise = model, greedy, binarise
        self.dreams = FromData()
        self.top = ContrastiveDivergence(model.top.joint, k, self.dreams, center=center)
        self.loss = CategoricalCrossEntropy()
        self.whole = greedy == 0

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Nothing goes on from step to step but the top machine's."""
        self.top.start(device, members, dtype)

    def begin_epoch(self, epoch: int, batch: int = 0) -> Hashable:
        """Set what learns and the number of Gibbs steps."""
        self.whole = epoch >= self.greedy
        return self.whole, self.top.begin_epoch(epoch, batch)

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Add all gradients; return the top machine's free energy of states and class, in nats, ([E,] N)."""
        model = self.model
        states = [Bernoulli.draw(x, ctx) if self.binarise else x]
        for up in model.ups:
            states.append(_drawn(up, states[-1], Bernoulli(up.n_out), ctx))
        width = model.top.features.n
        v = ctx.empty((*states[-1].shape[:-1], width + model.classes), x.dtype)
        measures = self.top.learn(beside_labels(states[-1], target, v), target, weight, ctx)
        if self.whole:
            for number, down in enumerate(model.downs):
                _predict(down, model.units_below(number), states[number + 1], states[number], weight, ctx)
            self._sleep(self.dreams.ended[..., :width], weight, ctx)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """``-log p(class | x)`` and whether the class is right."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return loss, accuracy(z, target, ctx)

    def _sleep(self, state: Array, weight: Array | None, ctx: Context) -> None:
        """Each dream began at a sample and has its weight."""
        model = self.model
        for number, (up, down) in reversed(list(enumerate(zip(model.ups, model.downs)))):
            below = _drawn(down, state, model.units_below(number), ctx, means=number == 0)
            _predict(up, Bernoulli(up.n_out), below, state, weight, ctx)
            state = below


def _drawn(layer: Dense, given: Array, units: Units, ctx: Context, means: bool = False) -> Array:
    """States of the units that a layer feeds, or their means."""
    _, x, _ = layer.multiplied(given, ctx)
    bias = None if layer.bias is None else layer.bias.value
    return expected(x, units, ctx, bias) if means else drawn(x, units, ctx, bias)


def _predict(layer: Dense, units: Units, given: Array, wanted: Array, weight: Array | None, ctx: Context) -> None:
    """Add the gradient of ``-log p(wanted | given)``, the batch's mean: the delta rule."""
    assert layer.bias is not None, "layers of this network have biases"
    seen, x, positions = layer.multiplied(given, ctx)
    layer.back_through(seen, error(x, units, wanted, weight, layer.bias, ctx), positions, ctx)
