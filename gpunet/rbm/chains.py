"""Where samples of the model come from: the Markov chains of a training step.

A source of samples is a dataclass whose fields are its settings.  ``start`` gives it memory, ``draw`` runs ``k`` Gibbs
steps and returns visible states with the inputs that they give the hidden units.  Everything in ``draw`` stays on the
device, so a captured step holds it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Lt

from ..backend import Context, Device, array_module, matmul
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, Positive, check_fields
from ..members import PerMember, each, values_of
from .exchanging import exchanged
from .halves import Inputs, drawn, expected
from .heat import Rungs
from .machine import RBM

Decay = Annotated[float, Ge(0), Lt(1)]
Steps = int | PerMember


@dataclass(eq=False)
class Chains:
    """Base of the sources.

    Args:
        mean_field: reconstruct visible units by their means instead of samples (Hinton 2010, section 3.2, allows it).

    Attributes:
        of_samples: whether the chain in each row begins at the sample in that row, whose weight it then has.
    """

    of_samples: ClassVar[bool] = False
    mean_field: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def start(self, rbm: RBM, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Give the chains their memory, where they keep any."""

    def state(self) -> dict[str, Array]:
        """Arrays that the next step goes on from, by name, for checkpoints."""
        return {}

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Samples of the model.

        Args:
            rbm: the machine.
            data_input: input of the hidden units under the batch, ([E,] N, hidden).
            k: Gibbs steps, a number or that of each member.
            ctx: memory and random numbers.

        Returns:
            Visible states ([E,] chains, visible) and their inputs to the hidden units.
        """
        raise NotImplementedError

    def begin_at(self, rbm: RBM, data_input: Array, ctx: Context) -> None:
        """Called once where a machine begins with weights that were trained, whose modes chains from 0 may never find.

        Args:
            rbm: the machine.
            data_input: inputs of the hidden units under samples of the data, ([E,] N, hidden).
            ctx: memory and random numbers.
        """

    def learn(self, rbm: RBM) -> None:
        """Called after the gradient of a step is known; for chains that move with it."""

    def plan(self) -> None:
        """Called between epochs, on the host; for chains that adapt."""

    def kept(self) -> dict[str, Array]:
        """Arrays that change between steps alone, by name, for checkpoints; more may come with time."""
        return {}

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for what :meth:`kept` was in a checkpoint, which is then put into them."""

    def between(self, rbm: RBM, number: int, ctx: Context) -> np.ndarray | None:
        """Called before each step, on the host; for chains that look at the machine on its way.

        Args:
            rbm: the machine.
            number: of the step in its epoch.
            ctx: of the steps.

        Returns:
            Which members were put back to where they were before, (members,), or None.
        """
        return None

    def looks(self) -> int:
        """Every how many steps of an epoch :meth:`between` has something to do; 0 where it never has."""
        return 0 if type(self).between is Chains.between else 1

    def numbers(self) -> dict[str, np.ndarray]:
        """What is to be told after an epoch, each (members,); reads the device."""
        return {}

    def _fill(self, states: Array, rbm: RBM, data_input: Array, ctx: Context) -> None:
        """Put states one Gibbs step from the data in the place of the present ones, each as often as it takes."""
        found, _ = self._gibbs(rbm, data_input, 1, ctx)
        rows = array_module(states).arange(states.shape[-2]) % found.shape[-2]
        states[...] = found.take(rows, axis=-2)

    def _gibbs(self, rbm: RBM, hidden_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        v: Array = None
        for going in _going(k):
            with ctx.drawing(going):
                h = drawn(hidden_input, rbm.hidden, ctx)
                new = (rbm.decode if self.mean_field else rbm.visible_drawn)(h, ctx)
            v, before = ctx.kept(going, new, v), hidden_input
            hidden_input = ctx.kept(going, rbm.hidden_input(v, ctx), before)
        return v, hidden_input


@dataclass(eq=False)
class FromData(Chains):
    """Contrastive divergence: the chains start anew at the data of each batch.

    Hinton: Training products of experts by minimizing contrastive divergence (2002).

    Attributes:
        ended: visible states in which the chains of the last step ended, ([E,] N, visible), while that step lasts.
    """

    of_samples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Nothing has ended yet."""
        super().__post_init__()
        self.ended: Array = None

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Gibbs steps from the batch."""
        self.ended, hidden_input = self._gibbs(rbm, data_input, k, ctx)
        return self.ended, hidden_input


@dataclass(eq=False)
class Persistent(Chains):
    """Persistent contrastive divergence: the chains go on from update to update.

    Tieleman: Training restricted Boltzmann machines using approximations to the likelihood gradient (2008).

    Args:
        count: how many chains.
    """

    count: Count = 100

    def start(self, rbm: RBM, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """All visible units of all chains start at 0."""
        self.states = device.zeros((*members, self.count, rbm.visible.n), dtype)

    def state(self) -> dict[str, Array]:
        """The visible states, from which the next step goes on."""
        return {"states": self.states}

    def begin_at(self, rbm: RBM, data_input: Array, ctx: Context) -> None:
        """All chains start one Gibbs step from the data."""
        self._fill(self.states, rbm, data_input, ctx)

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Go on from the last visible states; the batch is not used."""
        v, hidden_input = self._gibbs(rbm, rbm.hidden_input(self.states, ctx), k, ctx)
        array_module(v).copyto(self.states, v)
        return v, hidden_input


@dataclass(eq=False)
class FastPersistent(Persistent):
    """Persistent chains driven by the parameters plus fast ones, which learn quickly and decay quickly.

    Fast parameters push the chains away from where they are, so they mix at learning rates where PCD sticks.

    Tieleman, Hinton: Using fast weights to improve persistent contrastive divergence (2009).

    Args:
        fast_rate: learning rate of the fast parameters, constant; the paper starts the regular rate there.
        fast_decay: what remains of them after each update; 19/20 in the paper.
    """

    fast_rate: Positive | PerMember = 0.05
    fast_decay: Decay | PerMember = 0.95

    def start(self, rbm: RBM, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Chains as in :class:`Persistent`, and fast parameters of 0."""
        super().start(rbm, device, members, dtype)
        learned = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
        self.fast = [device.zeros(p.value.shape, dtype) for p in learned]

        def number(setting: Any, like: Array) -> Any:
            """Itself, or an array that broadcasts over one whose first axis is that of the members."""
            if not isinstance(setting, PerMember):
                return setting
            return device.put(np.array(setting.among(*members)).reshape(-1, *(1,) * (like.ndim - 1)), dtype)

        self._numbers = [(number(self.fast_rate, fast), number(self.fast_decay, fast)) for fast in self.fast]

    def state(self) -> dict[str, Array]:
        """The visible states and the fast parameters."""
        names = ("fast_weight", "fast_visible_bias", "fast_hidden_bias")
        return super().state() | dict(zip(names, self.fast))

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Run the chains under the sum of both sets of parameters; the statistics use the regular ones."""
        xp = array_module(self.states)
        regular = (rbm.weight.value, rbm.visible_bias.value, rbm.hidden_bias.value)
        weight, b, c = (xp.add(r, f, out=ctx.like(r)) for r, f in zip(regular, self.fast))
        v = self.states
        for going in _going(k):
            with ctx.drawing(going):
                h = drawn(matmul(v, weight, out=ctx.empty((*v.shape[:-1], c.shape[-1]), v.dtype)), rbm.hidden, ctx, c)
                x = matmul(h, weight.swapaxes(-1, -2), out=ctx.like(v))
                new = (expected if self.mean_field else drawn)(x, rbm.visible, ctx, b)
            v = ctx.kept(going, new, v)
        xp.copyto(self.states, v)
        return v, rbm.hidden_input(v, ctx)

    def learn(self, rbm: RBM) -> None:
        """``fast = decay fast - rate gradient``."""
        learned = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
        for fast, parameter, (rate, decay) in zip(self.fast, learned, self._numbers):
            fast *= decay
            fast -= rate * parameter.grad


@dataclass(eq=False)
class Tempered(Chains):
    """Parallel tempering: persistent chains at several inverse temperatures that exchange their states.

    A chain at ``beta`` follows ``exp(log_base(v) + log_base(h) + beta (b v + c h + v W h))``.  After ``k`` Gibbs steps
    neighbours in temperature exchange visible states with the Metropolis probability of their free energies, even and
    odd pairs in turn; the chains at ``beta = 1`` are the samples.  Between epochs the temperatures move so that all
    pairs reject equally often: the cumulated rejection rate is divided evenly (Syed, Bouchard-Côté, Deligiannidis,
    Doucet: Non-reversible parallel tempering, 2022).

    Desjardins, Courville, Bengio, Vincent, Delalleau: Parallel tempering for training of restricted Boltzmann machines
    (2010).

    Args:
        count: chains at each temperature.
        temperatures: how many, evenly spaced in ``beta`` from 1 to 0; or the values of ``beta`` themselves, from 1
            downwards.
        adaptive: move them between epochs.
    """

    count: Count = 10
    temperatures: Annotated[int, Ge(2)] | tuple[float, ...] = 10
    adaptive: bool = True

    def __post_init__(self) -> None:
        """Temperatures must start at 1 and fall, and only samples can be exchanged."""
        super().__post_init__()
        if self.mean_field:
            rule = "must be false where temperatures exchange their states"
            raise ConfigError("mean_field", rule, True, "Leave it out")
        given = self.temperatures
        betas = np.linspace(1, 0, given) if isinstance(given, int) else np.array(given, float)
        if len(betas) and betas[0] != 1:
            raise ConfigError("temperatures", "must start at 1, the model itself", betas[0], "Put 1.0 first")
        if len(betas) < 2 or not ((np.diff(betas) < 0).all() and betas[-1] >= 0):
            raise ConfigError("temperatures", "must fall from 1 to 0 or more", given, "For example [1, 0.8, 0.5, 0]")
        self._given = betas

    def start(self, rbm: RBM, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Visible states of zero at every temperature, (temperatures, chains) folded into one axis of rows."""
        self.device, self.members = device, members
        rungs = len(self._given)
        self.states = device.zeros((*members, rungs * self.count, rbm.visible.n), dtype)
        self.betas = device.put(np.broadcast_to(self._given, (*members, rungs)), dtype)
        self.swaps = device.zeros((*members, rungs - 1), np.float64)
        self.attempts = device.zeros((*members, 1), np.float64)

    def state(self) -> dict[str, Array]:
        """States, temperatures and the counts of exchanges."""
        return {"states": self.states, "betas": self.betas, "swaps": self.swaps, "attempts": self.attempts}

    def begin_at(self, rbm: RBM, data_input: Array, ctx: Context) -> None:
        """The chains of all temperatures start one Gibbs step of the machine from the data."""
        self._fill(self.states, rbm, data_input, ctx)

    def draw(self, rbm: RBM, data_input: Array, k: Steps, ctx: Context) -> tuple[Array, Array]:
        """Gibbs steps at every temperature, then exchanges."""
        rungs, v, inputs = Rungs(self.betas, self.count), self.states, rbm.to_hidden(self.states, ctx)
        for going in _going(k):
            with ctx.drawing(going):
                h = inputs.drawn(rbm.hidden, ctx, heat=rungs)
                new = rbm.to_visible(h, ctx).drawn(rbm.visible, ctx, heat=rungs)
            v = ctx.kept(going, new, v)
            after = rbm.to_hidden(v, ctx)
            inputs = after if going is True else Inputs(ctx.kept(going, after.complete(), inputs.complete()))
        return exchanged(v, self, rbm, inputs, ctx)

    def plan(self) -> None:
        """Divide the cumulated rejection rate evenly among the pairs."""
        rates = self.swap_rates()
        if self.adaptive and rates is not None:
            betas = self.device.get(self.betas).astype(np.float64)
            moved = [self._respaced(b, r) for b, r in zip(np.atleast_2d(betas), np.atleast_2d(rates))]
            self.device.copy_into(self.betas, np.array(moved).reshape(betas.shape))
        self.swaps.fill(0)
        self.attempts.fill(0)

    def swap_rates(self) -> np.ndarray | None:
        """Accepted share of the exchanges of each pair since the last plan, ([members,] pairs), or None before any."""
        attempts = self.device.get(self.attempts)
        return self.device.get(self.swaps) / attempts if attempts.all() else None

    @staticmethod
    def _respaced(betas: np.ndarray, rates: np.ndarray) -> np.ndarray:
        barrier = np.concatenate([[0], np.cumsum(1 - rates + 1e-3)])
        return np.interp(np.linspace(0, barrier[-1], len(betas)), barrier, betas)

    def exchanges(self, rbm: RBM, v: Array, hidden_input: Array, ctx: Context) -> Array:
        """Rows of ``v`` in their new order, ([E,] rows)."""
        xp, rungs = array_module(v), self.betas.shape[-1]
        shape = (*self.members, rungs, self.count)
        linear = matmul(v, rbm.visible_bias.value[..., :, None])[..., 0].reshape(shape)
        neighbours = []  # unnormalised log-probability of each row at the temperature below, its own, and above
        for shift in (-1, 0, 1):
            index = xp.clip(xp.arange(rungs) + shift, 0, rungs - 1)
            betas = xp.repeat(self.betas.take(index, axis=-1), self.count, axis=-1)
            scaled = xp.multiply(hidden_input, betas[..., None], out=ctx.like(hidden_input))
            log_p = rbm.hidden.log_partition(scaled, ctx).reshape(shape)
            neighbours.append(log_p + betas.reshape(shape) * linear)
        hotter, own, colder = neighbours[2], neighbours[1], neighbours[0]
        gain = hotter[..., :-1, :] + colder[..., 1:, :] - own[..., :-1, :] - own[..., 1:, :]
        accept = xp.log(ctx.uniform(gain.shape, gain.dtype)) < gain
        self.swaps += accept.mean(axis=-1)
        self.attempts += 1
        # Even pairs of even steps, odd pairs of odd ones: a row takes part in one exchange of a step.
        clock = ctx.streams.clock.astype(np.int64) if ctx.streams is not None else 0
        chosen = xp.logical_and(accept, ((xp.arange(rungs - 1) + clock) % 2 == 0)[:, None])
        order = ctx.empty(shape, np.int64)
        order[...] = xp.arange(rungs * self.count).reshape(rungs, self.count)
        down = xp.where(chosen, self.count, 0)
        upper, lower = order[..., :-1, :], order[..., 1:, :]
        upper += down
        lower -= down
        return order.reshape(*self.members, -1)


def _going(k: Steps) -> Iterator[bool | PerMember]:
    """For each step of the longest chain, who takes it."""
    for step in range(max(values_of(k))):
        yield each(lambda own: own > step, k)  # noqa: B023 - called at once
