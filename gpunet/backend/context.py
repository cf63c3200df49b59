"""What a layer needs from outside during one pass: the mode, random numbers, memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ..members import PerMember, each
from .arena import Arena
from .arrays import Array, array_module
from .events import STEPS, happen
from .forks import fork
from .streams import Streams, normal_pairs, unit_interval

# Numbers of a result up to which products are made beside each other: larger ones fill a device by themselves.
BESIDE = 1 << 22
First = TypeVar("First")
Second = TypeVar("Second")
NUMERICS = 2  # the rules of arithmetic of new runs; runs that began under rules 1 keep them, see decision 0019


@dataclass(frozen=True)
class Context:
    """The surroundings of one forward pass.

    Attributes:
        training: dropout drops and batch norm uses batch statistics where this is set.
        arena: memory for results and scratch arrays of this step.
        streams: random numbers; None where nothing random may happen.
        input_gradient: whether ``backward`` must return the gradient of the input; the first layer of a model need
            not compute it, which saves a fifth of the arithmetic of a small network.
        numerics: by which rules of arithmetic, 1 or :data:`NUMERICS`.
    """

    training: bool
    arena: Arena
    streams: Streams | None = None
    input_gradient: bool = True
    numerics: int = NUMERICS

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array that lives until the next step begins.

        Inside :meth:`scratch` it lives until the block ends; where a layer asks for it on the way back, until the layer
        below has gone back too.
        """
        return self.arena.empty(shape, dtype)

    def scratch(self) -> AbstractContextManager[None]:
        """A block whose memory is given back at its end: for what one layer needs while it computes, and no longer."""
        return self.arena.scratch()

    def beside(self, first: Callable[[], First], second: Callable[[], Second], numbers: int) -> tuple[First, Second]:
        """Do two things that do not depend on each other; on CUDA small ones at the same time, on two streams.

        Neither may write what the other one reads or writes, nor draw random numbers if the other one does.  Whatever
        follows begins when both are done.  On the CPU they follow each other.

        Args:
            first: launches something; memory that it asks for stays taken as long as that of the whole step, or of the
                turn of :meth:`.Arena.relay`.
            second: likewise.
            numbers: of the largest array that one of them writes.

        Returns:
            What they return.
        """
        device = self.arena.device
        if device.kind == "cpu" or numbers > BESIDE:
            return first(), second()

        def kept() -> First:
            with self.arena.keeping():
                return first()

        return fork(kept, second, device.index)

    def like(self, array: Array) -> Array:
        """An uninitialised array of the same shape and type."""
        return self.arena.empty(array.shape, array.dtype)

    def bits16(self, shape: tuple[int, ...]) -> Array:
        """Independent uniform 16-bit words, uint16 of ``shape``; the same words whenever the same step is run."""
        return self._random().bits16(shape, self.arena)

    def events(self, probability: Array) -> Array:
        """1 with the given probabilities, ([members,] ...), else 0, in place of them; 0 and 1 stay certain."""
        if self._draws_by_kernel(probability):
            happen(probability, *self.site())
            return probability
        bits, happened = self.bits16(probability.shape), self.empty(probability.shape, bool)
        probability *= STEPS
        if self.numerics == 1:  # rounded to 16 bits, so that what is rarer than 8e-6 never happens
            probability -= 0.5
            array_module(probability).greater(probability, bits, out=happened)
        else:
            self._random().decide(happened, bits, probability)
        array_module(probability).copyto(probability, happened)
        return probability

    def _draws_by_kernel(self, probability: Array) -> bool:
        """Whether one kernel can decide: on CUDA, where all members draw at the same site."""
        on_cuda = array_module(probability).__name__ == "cupy"
        together = self.numerics != 1 and not self._random().apart
        return on_cuda and together and bool(probability.flags.c_contiguous and probability.size)

    def number(self, setting: Any, like: Array, dtype: Any = None) -> Any:
        """A number as a step takes it: itself, or where it differs by member an array that broadcasts over ``like``.

        It is put on the device when it is first asked for, and stays there.

        Args:
            setting: a number, or a :class:`~gpunet.members.PerMember`.
            like: of which the members are the first axis.
            dtype: of the array; that of ``like`` by default.
        """
        if not isinstance(setting, PerMember):
            return setting
        shape = (like.shape[0], *(1,) * (like.ndim - 1))
        return self.arena.constant(tuple(setting.among(like.shape[0])), shape, dtype or like.dtype)

    def number_of_each(self, setting: Any, members: int, dtype: Any) -> Array:
        """A number as kernels take it, (members,), put on the device when it is first asked for."""
        values = setting.among(members) if isinstance(setting, PerMember) else (setting,) * members
        return self.arena.constant(tuple(values), (members,), dtype)

    def dropped(self, shape: tuple[int, ...], rate: float | PerMember) -> tuple[Array, Any]:
        """Independent events of one probability from 0 to 1, or of one for each member.

        A member whose probability is 0 draws nothing, as if it was alone.

        Returns:
            Which happened, bool of ``shape``, and the probability, which rules 1 round to 16 bits.
        """
        happened = self.empty(shape, bool)
        if self.numerics == 1:
            words = each(sixteen_bits, rate)
            threshold = self.number(words, happened, np.uint16)
            with self.drawing(words):
                array_module(happened).less(self.bits16(shape), threshold, out=happened)
            return happened, each(lambda word: word / STEPS, words)
        with self.drawing(rate):
            self._random().decide(happened, self.bits16(shape), each(lambda one: float(one * STEPS), rate))
        return happened, rate

    @contextmanager
    def drawing(self, setting: Any) -> Iterator[None]:
        """A block that draws for all members, but counts only for those whose setting is not 0.

        The others go on with the numbers that they would draw by themselves.

        Args:
            setting: a number, or a :class:`~gpunet.members.PerMember`.
        """
        streams = self._random() if isinstance(setting, PerMember) else None
        before = 0 if streams is None else streams.site
        yield
        if streams is not None:
            streams.give_back([not one for one in setting], streams.site - before)

    def kept(self, going: Any, new: Array, old: Array) -> Array:
        """New numbers, but the old ones of members that are not going on."""
        if isinstance(going, PerMember) and not all(going):
            array_module(new).copyto(new, old, where=self.number(each(lambda one: not one, going), new, bool))
        return new

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent uniform numbers strictly between 0 and 1."""
        return unit_interval(self._random().bits32(shape, self.arena), self.empty(shape, dtype))

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent normal numbers with mean 0 and standard deviation 1, of a shape and type."""
        return normal_pairs(self.uniform(shape, dtype), self.uniform(shape, dtype))

    def site(self, count: int = 1) -> tuple[Array, Array, int]:
        """Keys of the members, clock and number of the next site, for a kernel that draws there by itself.

        Args:
            count: how many sites in a row it takes.
        """
        streams = self._random()
        return streams.keys, streams.clock, streams.take_sites(count)

    def _random(self) -> Streams:
        if self.streams is None:
            raise RuntimeError("this pass was started without random streams, but random numbers are asked for")
        return self.streams

    def with_input_gradient(self, wanted: bool) -> "Context":
        """The same surroundings, with or without the need for the gradient of the input."""
        return self if wanted == self.input_gradient else replace(self, input_gradient=wanted)


def sixteen_bits(rate: float) -> int:
    """The 16-bit word below which rules 1 let an event of a rate below 1 happen."""
    return min(round(rate * STEPS), STEPS - 1)
