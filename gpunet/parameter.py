"""Parameters: what layers declare, how they are found, and the flat vectors that hold them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backend import Context, Device, Purpose, Streams, host_generator
from .backend.arrays import Array
from .backend.device import ALIGNMENT
from .fields import term
from .initializers import Constant, Initializer
from .members import PerMember, own, values_of

ZERO = Constant(0.0)


class Module:
    """Base of all that may hold parameters: layers, machines and their units.

    :class:`Parameters` finds what hangs below attributes, lists and tuples of modules.
    """


class Parameter:
    """An array that a model learns, or a running statistic that it keeps.

    A layer declares it by shape; :class:`Parameters` gives it memory.  ``value`` and ``grad`` are then views of
    shape ``([members,] *shape)`` into the model's flat vectors.

    Args:
        shape: without the members axis.
        initializer: how the first value is drawn.
        role: what the array is, e.g. ``"weight"`` or ``"bias"``; shown by ``gpunet inspect``.
        axes: name of each axis, for checkpoints.
        decay: whether weight decay applies; by default to weights only.
        rate_factor: multiplies the learning rate.
        limit: root mean square beyond which training counts as diverged: an update that leads there is not made.
        max_norm: after each update, the weights into one unit, all that share a place on the last axis, are scaled back
            to this length where they are longer.
        unit_rates: multiply the learning rate further, one for each unit along the last axis.
        momentum: None for what the optimizer trains.  A number makes this a running statistic: layers report what
            they observe through :meth:`accumulate`, and the optimizer moves the value towards it by this fraction,
            under the same guard as all updates, so that a bad step leaves no trace here either.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        initializer: Initializer = ZERO,
        role: str = "weight",
        axes: tuple[str, ...] = (),
        decay: bool | None = None,
        rate_factor: float = 1.0,
        momentum: float | PerMember | None = None,
        max_norm: float | PerMember | None = None,
        unit_rates: Sequence[float] | None = None,
        limit: float | None = None,
    ):
        self.shape, self.initializer, self.role, self.axes = shape, initializer, role, axes
        self.decay = role == "weight" if decay is None else decay
        self.rate_factor, self.momentum, self.max_norm = rate_factor, momentum, max_norm
        self.unit_rates, self.limit = unit_rates, limit
        self._value: Array = None
        self._grad: Array = None
        self._stale = True  # grad holds the last step's numbers and counts as zero

    @property
    def trainable(self) -> bool:
        """Whether the optimizer's rule changes it."""
        return self.momentum is None

    @property
    def value(self) -> Array:
        """Current value, ``([members,] *shape)``."""
        if self._value is None:
            raise RuntimeError("this parameter has no memory yet: make gpunet.parameter.Parameters of its model first")
        return self._value

    @property
    def grad(self) -> Array:
        """Gradient summed since the last :meth:`Parameters.zero_grad`, ``([members,] *shape)``."""
        if self._stale:
            self._grad.fill(0)
            self._stale = False
        return self._grad

    def fill(self, array: Array, place: tuple[int, ...] = ()) -> None:
        """Put an array in place of the value, or of that of the member at a place."""
        self.value[place or ...][...] = array

    def accumulate(self, ctx: Context, write: Callable[[Array], Any]) -> None:
        """Add to the gradient what ``write(out)`` computes into ``out``.

        The first contribution of a step is written straight into the flat vector; only a parameter that is used
        more than once costs an addition.
        """
        if self._stale:
            write(self._grad)
            self._stale = False
        else:
            extra = ctx.like(self._grad)
            write(extra)
            self._grad += extra

    @property
    def untouched(self) -> bool:
        """Whether nothing was added to the gradient yet."""
        return self._stale

    def written(self) -> Array:
        """The memory of the gradient, for a launch that writes all of it; only while it is :attr:`untouched`."""
        assert self._stale, "what is there would be lost"
        self._stale = False
        return self._grad


@dataclass(frozen=True)
class Stretch:
    """A stretch of the flat vectors whose parameters are treated alike by the optimizer."""

    segment: slice
    decay: bool
    rate_factor: float
    momentum: float | PerMember | None


class Parameters:
    """All parameters of a model as views into one flat vector, their gradients into a second.

    Parameters of one group lie side by side and each starts on a 256-byte boundary, so an optimizer step is a few
    passes over long stretches.  For a population the vectors are (members, n), one row each.

    Args:
        model: any object; parameters are found by walking its attributes, lists and tuples.
        seeds: the seed of one model, or a sequence of seeds for a population with a members axis.
        device: where the vectors live.
        dtype: float32 or float64.
        draw: False leaves all values 0, for those who fill them.

    Attributes:
        idle: names of what the last pass did not reach; the optimizer leaves it as it is, without decay.

    >>> from gpunet.layers import Dense
    >>> parameters = Parameters(Dense(2, n_in=3), seeds=0)
    >>> {name: p.value.shape for name, p in parameters.named.items()}
    {'weight': (3, 2), 'bias': (2,)}
    """

    def __init__(
        self,
        model: Any,
        seeds: int | Sequence[int],
        device: Device | None = None,
        dtype: Any = np.float32,
        draw: bool = True,
    ):
        self.device, self.dtype = device or Device(), np.dtype(dtype)
        self.seeds: tuple[int, ...] = tuple(int(s) for s in np.atleast_1d(seeds))
        self.members: tuple[int, ...] = () if np.ndim(seeds) == 0 else (len(self.seeds),)
        self.named: dict[str, Parameter] = dict(find_parameters(model))
        self.groups: list[Stretch] = []
        self.segments: dict[str, slice] = {}
        self.idle: list[str] = []
        size = self._lay_out()
        self.values = self.device.zeros((*self.members, size), self.dtype)
        self.grads = self.device.zeros((*self.members, size), self.dtype)
        for name, parameter in self.named.items():
            parameter._value = self.view(self.values, name)
            parameter._grad = self.view(self.grads, name)
        if draw:
            self._draw()

    @property
    def count(self) -> int:
        """Number of trained numbers of one member."""
        return sum(int(np.prod(p.shape)) for p in self.named.values() if p.trainable)

    def view(self, flat: Array, name: str) -> Array:
        """The part of a flat vector, (..., n), that belongs to one parameter, as (..., *shape)."""
        return flat[..., self.segments[name]].reshape(*flat.shape[:-1], *self.named[name].shape)

    def number(self, setting: Any) -> Any:
        """A number as passes over the flat vectors take it: itself, or that of each member as (members, 1).

        A member without a bound, None beside numbers, has the largest number there is.
        """
        if not isinstance(setting, PerMember):
            return setting
        most = np.finfo(self.dtype).max
        values = [most if value is None else value for value in setting.among(len(self.seeds))]
        return self.device.put(np.array(values)[:, None], self.dtype)

    def streams(self, purpose: Purpose) -> Streams:
        """Random numbers of the seeds of the members, with a clock of their own."""
        seeds = self.seeds if self.members else self.seeds[0]
        return Streams(self.device, seeds, self.device.zeros((1,), np.uint64), purpose)

    def zero_grad(self) -> None:
        """Forget all gradients; costs nothing, since the first contribution overwrites."""
        self.idle = []
        for parameter in self.named.values():
            parameter._stale = True

    def finish_grad(self) -> None:
        """Write the zeros of parameters that the last pass did not reach, and note their names in :attr:`idle`."""
        self.idle = [name for name, parameter in self.named.items() if parameter._stale]
        for name in self.idle:
            _ = self.named[name].grad

    def _lay_out(self) -> int:
        def key(parameter: Parameter) -> tuple:
            moved = values_of(parameter.momentum or 0)
            return (not parameter.trainable, moved, parameter.rate_factor, not parameter.decay)

        step, start = ALIGNMENT // self.dtype.itemsize, 0
        ordered = sorted(self.named.items(), key=lambda item: key(item[1]))
        for index, (name, p) in enumerate(ordered):
            size = int(np.prod(p.shape))
            self.segments[name] = slice(start, start + size)
            stop = start + size + -size % step
            if index and key(ordered[index - 1][1]) == key(p):
                self.groups[-1] = Stretch(
                    slice(self.groups[-1].segment.start, stop), p.decay, p.rate_factor, p.momentum
                )
            else:
                self.groups.append(Stretch(slice(start, stop), p.decay, p.rate_factor, p.momentum))
            start = stop
        return start

    def _draw(self) -> None:
        for site, (name, parameter) in enumerate(self.named.items()):
            drawn = [
                own(parameter.initializer, member, len(self.seeds)).draw(
                    host_generator(seed, Purpose.WEIGHTS, site=site), parameter.shape
                )
                for member, seed in enumerate(self.seeds)
            ]
            self.device.copy_into(self.view(self.values, name), np.stack(drawn) if self.members else drawn[0])


def find_parameters(thing: Any, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Walk attributes, lists and tuples and yield ``(path, parameter)`` in the order of their declaration.

    Items of a list are numbered and named after their class, as in ``000_dense/weight``.
    """
    for name, child in children(thing):
        path = f"{prefix}/{name}" if prefix else name
        if isinstance(child, Parameter):
            yield path, child
        else:
            yield from find_parameters(child, path)


def children(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield ``(name, child)`` for each parameter or part of ``thing`` that may hold some."""
    for name, value in vars(thing).items():
        if isinstance(value, Parameter | Module):
            yield name, value
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                if isinstance(item, Module):
                    yield f"{index:03d}_{term(type(item))}", item


def place(model: Any, values: Mapping[str, Array]) -> None:
    """Give the parameters of a model that does not learn the values that they have, by name, without gradients."""
    for name, parameter in find_parameters(model):
        parameter._value, parameter._grad = values[name], None
