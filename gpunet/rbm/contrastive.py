"""The gradient of a machine's log-likelihood, with its model term estimated from Markov chains."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt

from ..backend import Arena, Context, Device, array_module, matmul
from ..backend.arrays import Array
from ..data import Feed
from ..errors import ConfigError
from ..fields import NonNegative, check_fields
from ..members import PerMember, each, own, settled
from ..objectives import Objective
from ..ops.linear import affine_grad_weight
from ..ops.weighting import average, mean_of, observed, shares, weighs
from ..parameter import find_parameters
from ..schedules import Schedule
from .chains import Chains, FromData
from .discrete import Bernoulli
from .fused import States, accumulated, contrasted
from .halves import expected
from .machine import RBM


@dataclass(frozen=True)
class Sparsity:
    """A penalty that pulls the mean activity of each hidden unit towards a target.

    ``cost`` times the cross-entropy between ``target`` and the running mean activity ``q`` of the unit, whose gradient
    with respect to the unit's total input is ``q - target``; it reaches biases and weights alike.  Both are means, so
    the cost does not depend on the batch size.  Both may follow schedules over epochs.  Hinton: A practical guide to
    training RBMs (2010), section 11.

    Args:
        target: mean activity that is wanted of each hidden unit, or a schedule; 0.1 by default.
        cost: weight of the penalty, or a schedule; 0.01 by default.
    """

    target: Annotated[float, Gt(0), Lt(1)] | Schedule | PerMember = 0.1
    cost: NonNegative | Schedule | PerMember = 0.01

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def at(self, epoch: int, members: tuple[int, ...] = ()) -> np.ndarray:
        """Target and cost in an epoch, (2, [members,] 1)."""
        values = [_at(settled(given), epoch) for given in (self.target, self.cost)]
        each_of = [
            [own(value, member, *members) for member in range(*members)] if members else value for value in values
        ]
        return np.array(each_of, np.float64)[..., None]


class ContrastiveDivergence(Objective):
    """Gradient of the log-likelihood with its model term estimated by ``k`` Gibbs steps.

    The positive term uses the hidden means under the data; chains are driven by samples on both sides, and the last
    hidden states enter as means, which removes their sampling noise (Hinton 2010, section 3).  Each term is a mean over
    its samples, so the learning rate does not depend on the batch size.  Weights of samples count in the positive term
    and, where chains begin at the samples, in the model term.

    Args:
        model: the machine.
        k: Gibbs steps of an update, a number or a schedule over epochs that is rounded, or that of each member.
        chains: where samples of the model come from; the data by default.
        binarise: draw each data value as 0 or 1 with its value as probability, anew at every step.
        center: subtract the running means of both sides inside the gradient.
        sparsity: penalty on the activity of hidden units.
    """

    measures: tuple[str, ...] = ("free_energy",)
    scores: tuple[str, ...] = ("reconstruction_error", "free_energy")

    def __init__(
        self,
        model: RBM,
        k: int | Schedule | PerMember = 1,
        chains: Chains | None = None,
        binarise: bool = False,
        center: bool = True,
        sparsity: Sparsity | None = None,
    ):
        self.model, self.chains, self.binarise, self.center = model, chains or FromData(), binarise, center
        self.sparsity, self.schedule = sparsity, settled(k)
        if self.chains.mean_field and any(find_parameters(model.visible)):
            rule = "must be false where visible units learn their variance, of which means have none"
            raise ConfigError("mean_field", rule, True, "Leave it or learn_variance out")
        self.k = self._steps(0)
        self._strength: Array = None  # target and cost, where steps read them

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Give persistent chains their memory."""
        self.chains.start(self.model, device, members, dtype)
        if self.sparsity is not None:
            self._device, self._members = device, members
            self._strength = device.put(self.sparsity.at(0, members), dtype)

    def start_from(self, feed: Feed) -> None:
        """Visible biases and offsets begin at the data's mean."""
        self.model.start_from(feed.mean(), Context(False, Arena(feed.device)), feed.weight)

    def begin_at(self, x: Array, target: Array, ctx: Context) -> None:
        """Let chains begin near samples, ([members,] N, visible)."""
        self.chains.begin_at(self.model, self.model.hidden_input(x, ctx), ctx)

    def state(self) -> dict[str, Array]:
        """Arrays that the next step goes on from, by name, for checkpoints."""
        return {f"chains/{name}": array for name, array in self.chains.state().items()}

    def kept(self) -> dict[str, Array]:
        """Arrays that change between steps alone, by name, for checkpoints."""
        return {f"chains/{name}": array for name, array in self.chains.kept().items()}

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for what :meth:`kept` was in a checkpoint."""
        self.chains.make_room({name.removeprefix("chains/"): shape for name, shape in shapes.items()})

    def between(self, number: int, ctx: Context) -> np.ndarray | None:
        """Let chains look at the machine before a step."""
        return self.chains.between(self.model, number, ctx)

    def looks(self) -> int:
        """As often as the chains."""
        return self.chains.looks()

    @property
    def sampled(self) -> "ContrastiveDivergence":
        """Itself."""
        return self

    def begin_epoch(self, epoch: int, batch: int = 0) -> Hashable:
        """Set the number of Gibbs steps; returned, since each number is a capture of its own."""
        self.k = self._steps(epoch)
        if self.sparsity is not None:
            self._device.copy_into(self._strength, self.sparsity.at(epoch, self._members))
        if epoch and not batch:
            self.chains.plan()
        return self.k

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch ``x`` ([members,] N, visible); ``target`` is not used.

        Returns:
            The free energy of the states that were learned, in nats, ([members,] N).
        """
        own = type(self) is ContrastiveDivergence  # what another class does differently no kernel knows
        return (contrasted(x, self, weight, ctx) if own else self.by_arrays(x, weight, ctx),)

    def by_arrays(self, x: Array, weight: Array | None, ctx: Context) -> Array:
        """What :meth:`learn` does and returns, by array functions."""
        rbm, share = self.model, shares(weight)
        v = Bernoulli.draw(x, ctx) if self.binarise else x
        hidden_input = rbm.hidden_input(v, ctx)
        self.contrast(v, expected(hidden_input, rbm.hidden, ctx), hidden_input, share, ctx)
        if self.sparsity is not None:
            self.accumulate_sparsity(v, share, ctx)
        return rbm.free_energy_from(v, hidden_input, ctx)

    def contrast(
        self,
        v: Array,
        h: Array,
        hidden_input: Array,
        share: Array | None,
        ctx: Context,
        start: tuple[Array, Array | None] | None = None,
    ) -> None:
        """Run the chains and add the gradient: what the model says about both sides less what the data say.

        Args:
            v: ([members,] N, visible), states under the data.
            h: ([members,] N, hidden), expected states under the data.
            hidden_input: inputs of the hidden units under the data, where chains may begin.
            share: what part each row has in the means, ([members,] N), or None where all have the same.
            ctx: memory and random numbers.
            start: inputs of the hidden units that chains begin with, ([members,] M, hidden), where these are others,
                and what part each has in the means.
        """
        rbm = self.model
        inputs, parts = (hidden_input, share) if start is None else start
        v_model, model_input = self.chains.draw(rbm, inputs, self.k, ctx)
        h_model = expected(model_input, rbm.hidden, ctx)
        accumulated(v, self, (v, h, share), (v_model, h_model, self._model_share(parts, v_model)), ctx)
        self.chains.learn(rbm)

    @property
    def strength(self) -> Array:
        """Target and cost of the sparsity in the present epoch, (2, [members,] 1) on the device; None without."""
        return self._strength

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Squared error of a mean-field reconstruction, and free energy in nats, ([members,] N).

        The free energy is a log-likelihood up to the unknown log Z.
        """
        hidden_input = self.model.hidden_input(x, ctx)
        difference = self.model.decode(self.model.hidden.mean(hidden_input, ctx), ctx)
        difference -= x
        difference *= difference
        return difference.sum(axis=-1), self.model.free_energy_from(x, hidden_input, ctx)

    def _steps(self, epoch: int) -> int | PerMember:
        return each(_whole, _at(self.schedule, epoch))

    def accumulate_by_arrays(self, data: States, model: States, ctx: Context) -> None:
        """Add the gradient to minimise, model term minus data term, by array functions.

        Both weight terms are one product: data and model states lie below each other, with signs and weights of the
        means in the hidden factor.
        """
        (v, h, share), (v_model, h_model, model_share) = data, model
        rbm, xp = self.model, array_module(v)
        samples, chains = v.shape[-2], v_model.shape[-2]
        v_mean, h_mean = mean_of(v, share), mean_of(h, share)
        stacked_v = ctx.empty((*h.shape[:-2], samples + chains, v.shape[-1]), v.dtype)
        stacked_h = ctx.empty((*h.shape[:-2], samples + chains, h.shape[-1]), h.dtype)
        mu = rbm.visible_offset.value[..., None, :] if self.center else 0
        nu = rbm.hidden_offset.value[..., None, :] if self.center else 0
        xp.subtract(v, mu, out=stacked_v[..., :samples, :])
        xp.subtract(v_model, mu, out=stacked_v[..., samples:, :])
        xp.subtract(nu, h, out=stacked_h[..., :samples, :])
        average(stacked_h[..., :samples, :], share)
        xp.subtract(h_model, nu, out=stacked_h[..., samples:, :])
        average(stacked_h[..., samples:, :], model_share)
        rbm.weight.accumulate(ctx, lambda out: affine_grad_weight(stacked_v, stacked_h, out))
        visible, hidden = mean_of(v_model, model_share) - v_mean, mean_of(h_model, model_share) - h_mean
        if self.center:
            # The centred gradient in the parameters of the plain energy (Melchior et al. 2016).
            slope = rbm.weight.grad
            visible = visible - matmul(slope, rbm.hidden_offset.value[..., :, None])[..., 0]
            hidden = hidden - matmul(rbm.visible_offset.value[..., None, :], slope)[..., 0, :]
        rbm.visible_bias.accumulate(ctx, lambda out: xp.copyto(out, visible))
        rbm.hidden_bias.accumulate(ctx, lambda out: xp.copyto(out, hidden))
        for offset, mean in ((rbm.visible_offset, v_mean), (rbm.hidden_offset, h_mean)):
            seen = observed(mean, share, offset.value)
            offset.accumulate(ctx, lambda out, seen=seen: xp.copyto(out, seen))
        rbm.visible.accumulate(v, v_model, ctx, share, model_share)
        rbm.hidden.accumulate(h, h_model, ctx, share, model_share)

    def _model_share(self, share: Array | None, states: Array) -> Array | None:
        """What part each chain has in the model term: as its sample, or all alike; none beside data without weight."""
        some = weighs(share)
        if some is None or self.chains.of_samples:
            return share
        alike = array_module(states).ones(states.shape[:-1], states.dtype)
        return alike * some / states.shape[-2]

    def accumulate_sparsity(self, v: Array, share: Array | None, ctx: Context) -> None:
        """Add the gradient of the penalty on the activity of hidden units, given visible states ([members,] N, n)."""
        rbm, xp = self.model, array_module(v)
        pull = self._strength[1] * (rbm.hidden_offset.value - self._strength[0])
        some = weighs(share)
        pull = pull if some is None else pull * some
        v_mean = mean_of(v, share)
        rbm.hidden_bias.accumulate(ctx, lambda out: xp.copyto(out, pull))
        rbm.weight.accumulate(ctx, lambda out: xp.multiply(v_mean[..., :, None], pull[..., None, :], out=out))


def _whole(k: float) -> int:
    if k < 1 or not math.isfinite(k):
        raise ConfigError("k", "must be at least 1 Gibbs step", k, "Set k=1")
    return round(k)


def _at(given: Any, epoch: int) -> Any:
    """A number, or the value of a schedule in an epoch; or that of each member."""

    def value(one: float | Schedule) -> float:
        return float(one(np.array([float(epoch)]))[0]) if isinstance(one, Schedule) else one

    return each(value, given)
