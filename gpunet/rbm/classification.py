"""A machine that classifies: its visible units are the features and the class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, array_module
from ..backend.arrays import Array
from ..data import Feed
from ..errors import ConfigError
from ..fields import Count, term
from ..layers import Layer
from ..layers.base import Backward
from ..losses import CategoricalCrossEntropy
from ..members import PerMember, each, values_of
from ..metrics import Accuracy, accuracy
from ..objectives import Objective
from ..ops.activations import entropy_grad, softmax
from ..ops.gather import one_hot
from ..ops.linear import affine, affine_grad_bias, affine_grad_input, affine_grad_weight
from ..ops.weighting import average, shares, weighs
from ..parameter import find_parameters
from .contrastive import ContrastiveDivergence
from .discrete import Bernoulli, Softmax
from .joint import Joint
from .machine import RBM
from .units import Units


def _some(share: Array | None, dtype: Any) -> Array:
    """1 where a batch has any weight, ([E,] 1), else 0."""
    found = weighs(share)
    assert found is not None, "there are weights where labels are missing"
    return found.astype(dtype)


@dataclass(eq=False)
class ClassRBM(Layer):
    """``p(class | x)`` of a machine over features and class, exactly: a layer whose outputs are its logits.

    The logit of a class is minus the free energy of the features with it, less what all classes share:
    ``label_bias + log_partition(c + x W + U_class)``.  Larochelle, Bengio: Classification using discriminative
    restricted Boltzmann machines (2008).

    Shapes: ``x`` ([E,] N, features), logits ([E,] N, classes); ``joint.weight`` ([E,] features + classes, hidden).

    Args:
        features: units of the features.
        hidden: hidden units.
        classes: how many.
    """

    features: Units
    hidden: Units
    classes: Count

    def __post_init__(self) -> None:
        """Make the machine.

        Raises:
            ConfigError: hidden units that learn numbers of their own, of which :meth:`forward` gives no gradient.
        """
        if any(find_parameters(self.hidden)):
            rule, remedy = "must not learn numbers of their own in a classifying machine", "Leave learn_variance out"
            raise ConfigError("hidden_units", rule, term(type(self.hidden)), remedy)
        label = Softmax(self.classes, group=self.classes)
        self.joint = RBM(Joint.of(self.features, label), self.hidden)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the logits of all classes."""
        return self.forward_from(x, self.hidden_inputs(x, ctx), ctx)

    def hidden_inputs(self, x: Array, ctx: Context) -> Array:
        """Inputs of the hidden units under the features with each class, ([E,] N, classes, hidden)."""
        rbm, n = self.joint, self.features.n
        weight, label_weight = rbm.weight.value[..., :n, :], rbm.weight.value[..., n:, :]
        members, hidden = weight.shape[:-2], weight.shape[-1]
        shared = affine(x, weight, rbm.hidden_bias.value, ctx.empty((*members, x.shape[-2], hidden), x.dtype))
        inputs = ctx.empty((*members, x.shape[-2], self.classes, hidden), x.dtype)
        return array_module(x).add(shared[..., None, :], label_weight[..., None, :, :], out=inputs)

    def forward_from(self, x: Array, inputs: Array, ctx: Context) -> tuple[Array, Backward]:
        """The same where the inputs of the hidden units are known, see :meth:`hidden_inputs`."""
        rbm, n, classes = self.joint, self.features.n, self.classes
        weight = rbm.weight.value[..., :n, :]
        members, hidden = weight.shape[:-2], weight.shape[-1]
        flat = inputs.reshape(*members, -1, hidden)
        z = ctx.empty((*members, x.shape[-2], classes), x.dtype)
        array_module(x).copyto(z, self.hidden.log_partition(flat, ctx).reshape(z.shape))
        z += rbm.visible_bias.value[..., None, n:]

        def backward(dz: Array) -> Array | None:
            slope = self.hidden.mean(flat, ctx).reshape(inputs.shape)
            slope *= dz[..., None]
            total = slope.sum(axis=-2)

            def write_weight(out: Array) -> None:
                affine_grad_weight(x, total, out[..., :n, :])
                slope.sum(axis=-3, out=out[..., n:, :])

            def write_bias(out: Array) -> None:
                out[..., :n] = 0
                out[..., n:] = dz.sum(axis=-2)

            rbm.weight.accumulate(ctx, write_weight)
            rbm.visible_bias.accumulate(ctx, write_bias)
            rbm.hidden_bias.accumulate(ctx, lambda out: affine_grad_bias(total, out))
            if not ctx.input_gradient:
                return None
            return affine_grad_input(total, weight, ctx.empty((*members, *x.shape[-2:]), x.dtype))

        return z, backward

    @property
    def undirected(self) -> RBM:
        """The machine whose states are sampled by Gibbs steps."""
        return self.joint

    def generate(self, inputs: Array, ctx: Context) -> Array:
        """The means of the features, from the input of the visible units."""
        return self.features.mean(inputs[..., : self.features.n], ctx)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One logit for each class."""
        return (self.classes,)

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples of another shape; the machine knows its own already."""
        if shape != (self.features.n,):
            received = "x".join(map(str, shape))
            raise ConfigError("classrbm", f"must see samples of {self.features.n} features", received)


class HybridLearning(Objective):
    """``discriminative * -log p(class | x) + generative * -log p(x, class)``; the second by contrastive divergence.

    Samples without a label, whose target is -1, count with ``unlabelled * -log p(x)``, their class summed out exactly:
    a sample stands for itself with each class, weighted by ``p(class | x)``; and with ``entropy`` times the entropy of
    ``p(class | x)``, so that the machine grows sure of them.  Each of the terms is a mean over the samples of a batch
    that it speaks of.  Larochelle, Mandel, Pascanu, Bengio: Learning algorithms for the classification restricted
    Boltzmann machine (2012), section 6; Grandvalet, Bengio: Semi-supervised learning by entropy minimization (2004).

    Args:
        model: the machine.
        generation: learns the joint distribution; its model is ``model.joint``.
        discriminative: weight of the first term.
        generative: weight of the second.
        binarise: draw the features as 0 or 1 with their values as probabilities, anew at every step.
        unlabelled: weight of the term of samples without a label.
        entropy: weight of their entropy.

    Raises:
        ConfigError: a generative weight of 0 for some members alone, whose chains would stand still.
    """

    measures: tuple[str, ...] = ("loss", "accuracy")
    scores: tuple[str, ...] = ("loss", "accuracy")
    metrics = (Accuracy(),)
    wants_targets = True

    def __init__(
        self,
        model: ClassRBM,
        generation: ContrastiveDivergence,
        discriminative: float | PerMember = 1.0,
        generative: float | PerMember = 0.01,
        binarise: bool = False,
        unlabelled: float | PerMember = 0.0,
        entropy: float | PerMember = 0.0,
    ):
        self.model, self.generation, self.binarise = model, generation, binarise
        self.unlabelled, self.entropy = unlabelled, entropy
        self._labels: Array = None  # one over the share of the samples that have one, where not all do
        self.discriminative, self.generative = discriminative, generative
        if 0 in values_of(generative) and any(values_of(generative)):
            rule, remedy = "must be 0 for all members or for none", "Train those with 0 by themselves"
            raise ConfigError("generative", rule, list(values_of(generative)), remedy)
        self.loss = CategoricalCrossEntropy()
        self.generated = [p for _, p in find_parameters(model.joint) if p.trainable]

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Give persistent chains their memory."""
        self.generation.start(device, members, dtype)

    def start_from(self, feed: Feed) -> None:
        """Visible biases and offsets begin at the features' mean and the share of each class."""
        targets, weights = feed.targets(), feed.target_weights()
        if feed.some_unlabelled:
            known = (targets >= 0) * (1.0 if weights is None else weights)
            total = float(targets.shape[-1]) if weights is None else weights.sum(axis=-1, keepdims=True)
            self._labels = feed.device.put(total / known.sum(axis=-1, keepdims=True), feed.dtype)
            weights = known
        chosen = targets[..., None] == np.arange(self.model.classes)
        share = chosen.mean(axis=-2)
        if weights is not None:
            share = (chosen * weights[..., None]).sum(axis=-2) / weights.sum(axis=-1, keepdims=True)
        mean = np.broadcast_to(feed.mean(), (*share.shape[:-1], self.model.features.n))
        start = np.concatenate([mean, share], axis=-1)
        self.model.joint.start_from(start, Context(False, Arena(feed.device)), feed.weight)

    def begin_at(self, x: Array, target: Array, ctx: Context) -> None:
        """Let chains begin near samples with their class, the most probable one where there is none."""
        inputs = self.model.hidden_inputs(x, ctx)
        z, _ = self.model.forward_from(x, inputs, ctx)
        xp = array_module(z)
        chosen = xp.where(target >= 0, target, z.argmax(axis=-1))
        label = chosen[..., None] == xp.arange(self.model.classes)
        self.generation.chains.begin_at(self.model.joint, (label[..., None] * inputs).sum(axis=-2), ctx)

    def state(self) -> dict[str, Array]:
        """The persistent chains, which steps go on from."""
        return self.generation.state()

    def kept(self) -> dict[str, Array]:
        """What the chains keep between steps."""
        return self.generation.kept()

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for what the chains kept in a checkpoint."""
        self.generation.make_room(shapes)

    def between(self, number: int, ctx: Context) -> np.ndarray | None:
        """Let chains look at the machine before a step; there are none without a generative weight."""
        return self.generation.between(number, ctx) if any(values_of(self.generative)) else None

    def looks(self) -> int:
        """As often as the chains, where there is a generative weight."""
        return self.generation.looks() if any(values_of(self.generative)) else 0

    @property
    def sampled(self) -> ContrastiveDivergence | None:
        """What learns the joint distribution, where it counts."""
        return self.generation if any(values_of(self.generative)) else None

    def begin_epoch(self, epoch: int, batch: int = 0) -> Any:
        """The number of Gibbs steps."""
        return self.generation.begin_epoch(epoch, batch)

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Add both gradients; the class counts as data that are certain."""
        xp = array_module(x)
        if self.binarise:
            x = Bernoulli.draw(x, ctx)
        if self._labels is not None:
            return self._learn_partly(x, target, weight, ctx)
        if any(values_of(self.generative)):
            v = ctx.empty((*x.shape[:-1], x.shape[-1] + self.model.classes), x.dtype)
            xp.copyto(v[..., : x.shape[-1]], x)
            labels = one_hot(target, self.model.classes, ctx.empty((*target.shape, self.model.classes), bool))
            xp.copyto(v[..., x.shape[-1] :], labels)
            self.generation.learn(v, target, weight, ctx)
            for parameter in self.generated:
                gradient = parameter.grad
                gradient *= ctx.number(self.generative, gradient)
        z, backward = self.model.forward(x, ctx)
        loss, dz = self.loss(z, target, ctx)
        measures = loss, accuracy(z, target, ctx)
        self._discriminate(dz, shares(weight), ctx)
        backward(dz)
        return measures

    def _learn_partly(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """The same where some samples have no label; loss and accuracy are means over those that have one."""
        xp, model = array_module(x), self.model
        inputs = model.hidden_inputs(x, ctx)
        z, backward = model.forward_from(x, inputs, ctx)
        known = ctx.like(z[..., 0])
        xp.greater_equal(target, 0, out=known)
        own = known if weight is None else known * weight
        labelled, others = shares(own), shares(1 - known if weight is None else (1 - known) * weight)
        label = one_hot(target, model.classes, ctx.empty(z.shape, bool))
        some, any_other = (_some(part, z.dtype) for part in (labelled, others))
        generative, unlabelled = (ctx.number(one, some) for one in (self.generative, self.unlabelled))
        mass = generative * some + unlabelled * any_other
        share = (generative * labelled + unlabelled * others) / xp.maximum(mass, np.finfo(z.dtype).tiny)
        self._generate(x, inputs, z, (label, known), share, ctx)
        for parameter in self.generated:
            gradient = parameter.grad
            gradient *= mass.reshape(*mass.shape[:-1], *(1 for _ in parameter.shape)).astype(z.dtype)
        loss, dz = self.loss(z, target, ctx)
        measures = loss * self._labels, accuracy(z, target, ctx) * self._labels
        self._discriminate(dz, labelled, ctx)
        if others is not None and any(values_of(self.entropy)):
            slope = entropy_grad(z, ctx.like(z), ctx.like(z))
            slope *= others[..., None] * ctx.number(self.entropy, slope)
            dz += slope
        backward(dz)
        return measures

    def _generate(
        self, x: Array, inputs: Array, z: Array, labels: tuple[Array, Array], share: Array, ctx: Context
    ) -> None:
        """Contrastive divergence from rows of each sample with each class, by how probable the class is."""
        xp = array_module(x)
        label, known = labels
        *lead, classes = z.shape
        posterior = softmax(z, ctx.like(z))
        xp.copyto(posterior, label, where=known[..., None] > 0)
        rows = ctx.empty((*lead, classes, x.shape[-1] + classes), x.dtype)
        rows[..., : x.shape[-1]] = x[..., None, :]
        rows[..., x.shape[-1] :] = xp.arange(classes)[:, None] == xp.arange(classes)
        members, flat = lead[:-1], lead[-1] * classes
        start = inputs[..., 0, :]
        if self.generation.chains.of_samples:  # with the class that is known, or one that is drawn
            drawn = Softmax(classes, group=classes).sample(z, ctx)
            xp.copyto(drawn, label, where=known[..., None] > 0)
            start = (drawn[..., None] * inputs).sum(axis=-2)
        posterior *= share[..., None]
        v, hidden_input, part = rows.reshape(*members, flat, -1), inputs.reshape(*members, flat, -1), posterior
        part = part.reshape(*members, flat)
        h = self.model.hidden.mean(hidden_input, ctx)
        self.generation.contrast(v, h, hidden_input, part, ctx, (start, share))
        if self.generation.sparsity is not None:
            self.generation.accumulate_sparsity(v, part, ctx)

    def _discriminate(self, dz: Array, share: Array | None, ctx: Context) -> None:
        """Turn the gradient of each sample into that of the mean, times the discriminative weight, in place."""
        factor = self.discriminative
        if not isinstance(factor, PerMember):
            average(dz, share, factor)
        elif share is None:
            dz *= ctx.number(each(lambda one: one / dz.shape[-2], factor), dz)
        else:
            dz *= share[..., None] * ctx.number(factor, dz)

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """``-log p(class | x)`` and whether the class is right."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return loss, accuracy(z, target, ctx)
