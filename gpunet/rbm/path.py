"""Chains on a path of machines from one without weights to the one in question, several temperatures at a time.

At inverse temperature ``beta`` the unnormalised marginal of visible states is
``f(v) = exp(log_base(v) + ((1 - beta) a + beta b) v + log_partition(beta (c + v W)))``, with ``a`` the base biases.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..backend import Context, array_module, capture, matmul, op
from ..backend.arrays import Array
from ..parameter import Parameters
from .halves import Inputs, Side, given, launch, suits
from .heat import Heat, table
from .machine import RBM
from .walk import Walk

TOGETHER = 10  # temperatures of a graph


@dataclass
class AnnealingPath:
    """Machines between the base and the target, and the random numbers of a walk along them.

    Args:
        rbm: the target.
        parameters: its.
        data_mean: (visible,), which the base reproduces.
        seed: of the walk; members of a population use seed, seed + 1, ...
    """

    rbm: RBM
    parameters: Parameters
    data_mean: np.ndarray
    seed: int

    def __post_init__(self) -> None:
        """Put the base on the device."""
        self.members, device = self.parameters.members, self.parameters.device
        self.base = device.put(self.rbm.visible.input_for(self.data_mean), self.parameters.dtype)
        self.walk = Walk(self.parameters, self.seed)
        self.context, self.begin_step = self.walk.context, self.walk.begin_step

    def base_samples(self, runs: int) -> Array:
        """Visible states of the base, ([members,] runs, visible)."""
        inputs = self.parameters.device.zeros((*self.members, runs, self.rbm.visible.n), self.parameters.dtype)
        inputs += self.base
        return self.rbm.visible.sample(inputs, self.context).copy()

    def base_log_z(self) -> np.ndarray:
        """Exact log Z of the base, (members,) or (1,)."""
        rbm, ctx = self.rbm, self.context
        visible = rbm.visible.log_partition(self._per_member(self.base), ctx)
        resting = self.parameters.device.zeros((*self.members, 1, rbm.hidden.n), self.parameters.dtype)
        return self.host(visible + rbm.hidden.log_partition(resting, ctx))[:, 0]

    def base_log_probability(self, v: Array) -> np.ndarray:
        """Exact log-probability of visible states under the base, (members, rows)."""
        linear = matmul(v, self.base[:, None])[..., 0]
        return self.host(self.rbm.visible.log_base(v, self.context) + linear) - self._visible_log_z()

    def _visible_log_z(self) -> np.ndarray:
        return self.host(self.rbm.visible.log_partition(self._per_member(self.base), self.context))

    def _per_member(self, row: Array) -> Array:
        return array_module(row).broadcast_to(row, (*self.members, 1, row.shape[-1]))

    def host(self, values: Array) -> np.ndarray:
        """Device numbers in float64, (members, rows); waits for the device, so weights are summed there first."""
        host = self.parameters.device.get(values).astype(np.float64)
        return host.reshape(max(1, math.prod(self.members)), -1)


class Journey:
    """Chains on their way along a path: where they are, and the logarithms of their weights.

    Args:
        path: with the random numbers of the walk.
        v: ([members,] rows, visible), where the chains begin.
        pairs: (steps, 2), the inverse temperature before each step and its own, in the order of the steps.
        together: steps of a graph at most.
    """

    def __init__(self, path: AnnealingPath, v: Array, pairs: Sequence[tuple[float, float]], together: int = TOGETHER):
        parameters, self.path, self.pairs = path.parameters, path, pairs
        device = parameters.device
        shape = (*parameters.members, *v.shape[-2:])
        self.v = device.empty(shape, parameters.dtype)
        self.v[...] = v
        self.log_w = device.zeros(shape[:-1], np.float64)
        self.walk = Walk(parameters, path.seed, together, path.walk.clock)
        self.together = together
        self._table = table(np.array(pairs), device, parameters.dtype)
        self._start = path.walk.clock + np.uint64(1)

    def run(
        self,
        step: Callable[["Journey", Context, Heat, bool], None],
        apart: Callable[[tuple[float, float]], bool] = lambda pair: False,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Make all steps, on CUDA those of a graph together.

        Args:
            step: what one step does, on the device alone.
            apart: whether steps of a pair of temperatures are of another kind, which ``step`` is told.
            look: called on the host when the steps of a graph are made.
        """

        def several(count: int, other: bool) -> None:
            for ctx in self.walk.together(count):
                assert ctx.streams is not None
                step(self, ctx, Heat(self._table, self._start, ctx.streams.clock), other)

        run, kinds, done = capture(several, self.path.parameters.device), [apart(pair) for pair in self.pairs], 0
        while done < len(kinds):
            count = 1
            while count < self.together and kinds[done : done + count + 1] == [kinds[done]] * (count + 1):
                count += 1
            run(count, kinds[done])
            done += count
            look()

    def weigh(self, inputs: Inputs, heat: Heat, ctx: Context) -> None:
        """Add to the weights ``log f`` at the temperature of a step less that at the one before it.

        Args:
            inputs: those that the present states give the hidden units.
            heat: the step.
            ctx: memory.
        """
        weigh(inputs.x, inputs, self, heat, ctx, 1.0, False)

    def weigh_alone(self, inputs: Inputs, heat: Heat, ctx: Context, sign: float = 1.0) -> None:
        """Add to the weights ``log f`` at the temperature of a step, times a sign; arguments are as above."""
        weigh(inputs.x, inputs, self, heat, ctx, sign, True)

    def move(self, inputs: Inputs, heat: Heat, ctx: Context) -> None:
        """One Gibbs step at the temperature of a step; arguments are as above."""
        rbm = self.path.rbm
        h = inputs.drawn(rbm.hidden, ctx, heat=heat)
        rbm.to_visible(h, ctx).drawn(rbm.visible, ctx, self.v, heat.towards(self.path.base))


@op
def weigh(x: Array, inputs: Inputs, journey: Journey, heat: Heat, ctx: Context, sign: float, alone: bool) -> None:
    """What :meth:`Journey.weigh` does, or, where ``alone``, :meth:`Journey.weigh_alone`; ``x`` is of the inputs."""
    rbm, base, v = journey.path.rbm, journey.path.base, journey.v
    low, high, rest, apart = heat.row
    x, b = inputs.complete(), rbm.visible_bias.value[..., None, :]
    if alone:
        total = matmul(v, (high * b + rest * base).swapaxes(-1, -2))[..., 0]
        total += rbm.hidden.log_partition(x * high, ctx)
        total += rbm.visible.log_base(v, ctx)
    else:
        total = matmul(v, (b - base).swapaxes(-1, -2))[..., 0] * apart
        total += rbm.hidden.log_partition(x * high, ctx)
        total -= rbm.hidden.log_partition(x * low, ctx)
    total = total.astype(np.float64)
    if sign < 0:
        journey.log_w -= total
    else:
        journey.log_w += total


@weigh.override("cupy")
def _weigh_cuda(x: Array, inputs: Inputs, journey: Journey, heat: Heat, ctx: Context, sign: float, alone: bool) -> None:
    rbm, v = journey.path.rbm, journey.v
    visible, hidden = Side.of(rbm.visible), Side.of(rbm.hidden)
    if visible is None or hidden is None or not suits(x, ctx):
        weigh.reference(x, inputs, journey, heat, ctx, sign, alone)
        return
    launch("weigh", x, x.shape[-2])(
        v, *given(rbm.visible_bias.value, x)[:2], *visible.arguments(x), x, *given(inputs.lacking, x),
        *hidden.arguments(x), heat.table, journey.path.base, heat.start, heat.clock, np.int32(alone),
        np.float64(sign), journey.log_w,
    )  # fmt: skip
