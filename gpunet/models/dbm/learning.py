"""How deep machines learn: a greedy start, then all layers together."""

from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ...backend import Arena, Context, Device, array_module
from ...backend.arrays import Array
from ...data import Feed
from ...errors import ConfigError
from ...fields import term
from ...losses import CategoricalCrossEntropy
from ...members import PerMember
from ...metrics import Accuracy, accuracy
from ...objectives import Objective
from ...ops.gather import one_hot
from ...ops.weighting import mean_of, shares, weighs
from ...parameter import find_parameters
from ...rbm import Bernoulli, Chains, ContrastiveDivergence, FromData, Persistent, Sparsity
from ...schedules import Schedule
from .labelled import LabelledDBM
from .levels import beside
from .machine import DBM
from .mean_field import free_energy, settle
from .sides import Sides


class VariationalLearning(Objective):
    """The gradient of the variational bound, with its model term estimated from Markov chains.

    The posterior of the hidden layers is approximated by the mean field; chains run over the whole machine, every other
    layer at once.  In the first ``greedy`` epochs for each hidden layer its machine learns alone, by contrastive
    divergence with doubled inputs, see :class:`~gpunet.models.dbm.Doubled`, on what the layers below make of the data.

    Salakhutdinov, Hinton: Deep Boltzmann machines (2009), sections 3 and 3.1.

    Args:
        model: the machine.
        k: Gibbs steps of an update, a number or a schedule over epochs.
        chains: where samples of the model come from; 100 persistent ones by default.
        greedy: epochs in which each layer's machine learns alone, before all learn together.
        sweeps: of the mean field in a step.
        tolerance: a sample whose means have moved by less in a sweep keeps them.
        damping: part of the mean field's inputs that stays in a sweep.
        binarise: draw the data as 0 or 1 with their values as probabilities, anew at every step.
        center: subtract the running means of all layers inside the gradient.
        sparsity: penalty on the activity of hidden units.

    Raises:
        ConfigError: hidden units that learn numbers of their own, for which means of states do not suffice.
    """

    measures: tuple[str, ...] = ("free_energy",)
    scores: tuple[str, ...] = ("reconstruction_error", "free_energy")

    def __init__(
        self,
        model: DBM,
        k: int | Schedule | PerMember = 5,
        chains: Chains | None = None,
        greedy: int = 0,
        sweeps: int = 10,
        tolerance: float = 1e-4,
        damping: float = 0.0,
        binarise: bool = False,
        center: bool = True,
        sparsity: Sparsity | None = None,
    ):
        self.model: Any = model
        self.machine, self.binarise, self.greedy = model, binarise, greedy
        self.sweeps, self.tolerance, self.damping = sweeps, tolerance, damping
        for level in model.hidden_levels():
            if any(find_parameters(level.units)):
                rule, remedy = "must not learn numbers of their own in a deep machine", "Leave learn_variance out"
                raise ConfigError("hidden_units", rule, term(type(level.units)), remedy)
        own: Chains = chains or Persistent()
        self.stages = [
            ContrastiveDivergence(machine, k, FromData(), center=center, sparsity=sparsity) for machine in model.greedy
        ]
        self.sides: Sides = model.undirected
        self.together = ContrastiveDivergence(self.sides, k, own, center=center)
        self.sparsity = sparsity
        self.stage = self._stage(0)

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Give persistent chains their memory."""
        for learning in (*self.stages, self.together):
            learning.start(device, members, dtype)

    def start_from(self, feed: Feed) -> None:
        """Biases and running means begin at the data's mean."""
        self.machine.start_from(feed.mean(), None, Context(False, Arena(feed.device)))

    def state(self) -> dict[str, Array]:
        """The persistent chains, which steps go on from."""
        return self.together.state()

    def kept(self) -> dict[str, Array]:
        """What the chains keep between steps."""
        return self.together.kept()

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for what the chains kept in a checkpoint."""
        self.together.make_room(shapes)

    def between(self, number: int, ctx: Context) -> np.ndarray | None:
        """Let chains look at the whole machine before a step in which it learns."""
        return self.together.between(number, ctx) if self.stage == len(self.stages) else None

    def looks(self) -> int:
        """As often as the chains of the whole machine, where it learns."""
        return self.together.looks() if self.stage == len(self.stages) else 0

    @property
    def sampled(self) -> ContrastiveDivergence:
        """What all layers learn by together."""
        return self.together

    def begin_epoch(self, epoch: int, batch: int = 0) -> Hashable:
        """Set which layer learns, or all, and the number of Gibbs steps."""
        self.stage = self._stage(epoch)
        keys = [learning.begin_epoch(epoch, batch) for learning in (*self.stages, self.together)]
        return self.stage, keys[-1]

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch.

        Returns:
            The free energy of the data in nats, ([E,] N): of the mean field, or while one layer learns, of the
            posterior that one way up gives.
        """
        return self._climb(x, None, weight, ctx)

    def _climb(self, x: Array, label: Array | None, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """What :meth:`learn` says, with states of labels where there are any."""
        v, levels = Bernoulli.draw(x, ctx) if self.binarise else x, self.machine.levels
        if self.stage < len(self.stages):
            self._one_layer(v, label, weight, ctx)
            return (free_energy(levels, settle(levels, v, ctx, 0, label=label), ctx),)
        share, sides = shares(weight), self.sides
        found = settle(levels, v, ctx, self.sweeps, self.tolerance, self.damping, label)
        even, odd = (sides.side(found.states, side, ctx) for side in (0, 1))
        self.together.contrast(even, odd, sides.hidden_input(even, ctx), share, ctx)
        if self.sparsity is not None:
            self._sparsify(found.states, share, ctx)
        return (free_energy(levels, found, ctx),)

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Squared error of a reconstruction from the first hidden layer, and free energy in nats, ([E,] N).

        The free energy is minus a lower bound on the log-likelihood, up to the unknown log Z.
        """
        levels = self.machine.levels
        found = settle(levels, x, ctx, self.sweeps, self.tolerance, self.damping)
        difference = self.machine.decode(found.states[1], ctx, 1)
        difference -= x
        difference *= difference
        return difference.sum(axis=-1), free_energy(levels, found, ctx)

    def _stage(self, epoch: int) -> int:
        return min(epoch // self.greedy, len(self.stages)) if self.greedy else len(self.stages)

    def _one_layer(self, v: Array, label: Array | None, weight: Array | None, ctx: Context) -> None:
        """Contrastive divergence of the machine of one layer, on the means of those below."""
        for below in self.stages[: self.stage]:
            v = below.model.encode(v, ctx)
        if label is not None and self.stage == len(self.stages) - 1:
            v = beside([v, label], ctx)
        self.stages[self.stage].learn(v, v, weight, ctx)  # a machine looks at no targets

    def _sparsify(self, states: list[Array], share: Array | None, ctx: Context) -> None:
        """Pull the running mean activity of each hidden unit to the target, through its bias and the weights below."""
        some = weighs(share)
        strength = self.stages[0].strength
        for number, level in enumerate(self.machine.hidden_levels(), 1):
            pull = strength[1] * (level.offset.value - strength[0])
            pull = pull if some is None else pull * some
            mean = mean_of(states[number - 1], share)
            level.bias.accumulate(ctx, partial(_product, pull, 1))
            level.weight.accumulate(ctx, partial(_product, mean[..., :, None], pull[..., None, :]))


def _product(a: Array, b: Any, out: Array) -> Array:
    return array_module(out).multiply(a, b, out=out)


class LabelledLearning(VariationalLearning):
    """The same for a deep machine that knows classes: the class is part of the data.

    Args:
        model: the machine with its classes.
        settings: as of :class:`VariationalLearning`.
    """

    scores: tuple[str, ...] = ("loss", "accuracy")
    metrics = (Accuracy(),)
    wants_targets = True

    def __init__(self, model: LabelledDBM, **settings: Any):
        super().__init__(model.machine, **settings)
        self.model, self.loss = model, CategoricalCrossEntropy()

    def start_from(self, feed: Feed) -> None:
        """Biases and running means begin at the features' mean and the share of each class."""
        chosen, weights = feed.targets()[..., None] == np.arange(self.model.classes), feed.target_weights()
        share = chosen.mean(axis=-2)
        if weights is not None:
            share = (chosen * weights[..., None]).sum(axis=-2) / weights.sum(axis=-1, keepdims=True)
        self.machine.start_from(feed.mean(), share, Context(False, Arena(feed.device)))

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """``-log p(class | x)`` of the mean field and whether the class is right."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return loss, accuracy(z, target, ctx)

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """The same with the states of the labels."""
        return self._climb(x, self._labels(target, x, ctx), weight, ctx)

    def _labels(self, target: Array, x: Array, ctx: Context) -> Array:
        shape = (*target.shape, self.model.classes)
        states = ctx.empty(shape, x.dtype)
        array_module(x).copyto(states, one_hot(target, self.model.classes, ctx.empty(shape, bool)))
        return states
