"""Random numbers as a function of where they are used: seed, purpose, step, site.

One counter-based generator, Philox4x64-10 as :class:`numpy.random.Philox` computes it, serves both backends, so that
a run on a GPU draws the numbers that a run on the CPU draws.  The key is (seed, purpose) and the counter
(0, step, site, phase), so the state of a stream is a few integers that a checkpoint can hold.

Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011.
"""

import math
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from ..members import PerMember
from .arena import Arena
from .arrays import Array, array_module
from .device import Device
from .dispatch import op
from .events import decide
from .kernels import kernel
from .philox import host_philox

CHUNK = 4096  # words drawn at once on the host: 32 KiB, so that nothing large is ever allocated


class Purpose(IntEnum):
    """What a stream is for; the second word of its key, so the values never change."""

    WEIGHTS = 0
    ORDER = 1
    LAYERS = 2
    SPLIT = 3
    SAMPLING = 4
    CHECKS = 5
    SAMPLES = 6
    LABELS = 7
    DRAWING = 8


def host_generator(seed: int, purpose: Purpose, step: int = 0, site: int = 0) -> np.random.Generator:
    """A NumPy generator at the beginning of one place of a stream.

    >>> host_generator(7, Purpose.WEIGHTS).integers(100, size=3).tolist()
    [16, 87, 97]
    """
    return np.random.Generator(
        np.random.Philox(key=np.array([seed, purpose], np.uint64), counter=np.array([0, step, site, 0], np.uint64))
    )


def unit_interval(bits: Array, out: Array) -> Array:
    """Uniform 32-bit words, which are spoilt, as numbers strictly between 0 and 1.

    They lie on the 2^23 midpoints that float32 holds exactly.
    """
    bits >>= 9
    out[...] = bits
    out += 0.5
    out *= 2.0**-23
    return out


def normal_pairs(radius: Array, angle: Array) -> Array:
    """Standard normal numbers out of two arrays of uniform ones, which are spoilt.

    Box, Muller: A note on the generation of random normal deviates (1958).
    """
    xp = array_module(radius)
    xp.log(radius, out=radius)
    radius *= -2
    xp.sqrt(radius, out=radius)
    angle *= 2 * math.pi
    xp.cos(angle, out=angle)
    radius *= angle
    return radius


class Streams:
    """The random numbers that one model, or each member of a population, draws inside its steps.

    Each call of :meth:`bits16` within a step is a site of its own; ``rewind`` starts the count anew, so that running
    a step again, as gradient checks and graph replays do, draws the same numbers again.

    Args:
        device: where the numbers are wanted.
        seeds: one seed, or one for each member of a population.
        clock: uint64 array of shape (1,) on the device, the number of the step; whoever runs the steps raises it.
        purpose: which stream of the seeds this is.
    """

    def __init__(self, device: Device, seeds: int | Sequence[int], clock: Array, purpose: Purpose = Purpose.LAYERS):
        members = np.atleast_1d(np.asarray(seeds, np.uint64))
        self.members: tuple[int, ...] = () if np.ndim(seeds) == 0 else (len(members),)
        self.keys = device.put(np.stack([members, np.full_like(members, int(purpose))], axis=-1))
        self.clock = clock
        self.site = 0
        self._ahead = np.zeros(len(members), np.int64)  # sites that each member has left out in this step

    def rewind(self) -> None:
        """Start the count of sites anew; call at the beginning of each step."""
        self.site = 0
        self._ahead[:] = 0

    @property
    def apart(self) -> bool:
        """Whether some members draw at other sites than others."""
        return bool(self._ahead.any())

    def take_sites(self, count: int) -> int:
        """The first of the next sites, for a kernel that draws there by itself; only while members are not apart."""
        self.site += count
        return self.site - count

    def give_back(self, without: Sequence[bool], sites: int) -> None:
        """Let some members draw their next numbers where they would if the last draws had not been made for them.

        Args:
            without: which members, fewer standing for as many in a row each.
            sites: how many draws.
        """
        self._ahead += sites * np.repeat(without, len(self._ahead) // len(without))

    def bits16(self, shape: tuple[int, ...], arena: Arena) -> Array:
        """Uniform 16-bit words, uint16 of ``shape``; a population's first axis is the members."""
        return self._bits(shape, np.dtype(np.uint16), arena)

    def bits32(self, shape: tuple[int, ...], arena: Arena) -> Array:
        """Uniform 32-bit words, uint32 of ``shape``."""
        return self._bits(shape, np.dtype(np.uint32), arena)

    def decide(self, out: Array, bits: Array, expected: Array | float | PerMember) -> None:
        """Say which events happen, given the first bits of each that :meth:`bits16` gave last; see :func:`.decide`."""
        if not isinstance(expected, PerMember) and not self._ahead.any():
            decide(out, bits, expected, self.keys, self.clock, self.site - 1)
            return
        by_row = expected.among(len(self.keys)) if isinstance(expected, PerMember) else None
        for rows, site in self._sites(self.site - 1, by_row):
            chances: Any = expected if isinstance(expected, float) else expected[rows]
            chances = chances if by_row is None else by_row[rows.start]
            decide(out[rows], bits[rows], chances, self.keys[rows], self.clock, site)

    def _sites(self, site: int, values: Sequence[Any] | None = None) -> Iterator[tuple[slice, int]]:
        """Members side by side that draw at one site, where they also have one value."""
        places = site - self._ahead
        kinds = list(zip(places.tolist(), values or places.tolist()))
        start = 0
        for stop in range(1, len(kinds) + 1):
            if stop == len(kinds) or kinds[stop] != kinds[start]:
                yield slice(start, stop), kinds[start][0]
                start = stop

    def _bits(self, shape: tuple[int, ...], kind: np.dtype, arena: Arena) -> Array:
        assert shape[: len(self.members)] == self.members, "a population draws for all of its members"
        per_member = math.prod(shape[len(self.members) :])
        words = arena.empty((*self.members, -(-per_member * kind.itemsize // 8)), np.uint64)
        if self._ahead.any():
            for rows, site in self._sites(self.site):
                draw_words(words[rows], self.keys[rows], self.clock, site)
        else:
            draw_words(words, self.keys, self.clock, self.site)
        self.site += 1
        return words.view(kind)[..., :per_member].reshape(shape)


@op
def draw_words(out: Array, keys: Array, clock: Array, site: int, phase: int = 0) -> None:
    """Fill ``out``, uint64 of shape ([members,] words), with raw Philox words.

    Args:
        out: filled in place; each member's row starts at the beginning of that member's own block sequence.
        keys: uint64 of shape (members, 2), the key of each row.
        clock: uint64 of shape (1,), the second word of the counter, read where the array lives.
        site: third word of the counter.
        phase: fourth word of the counter.
    """
    generator, state = host_philox()
    counter, step = state["state"], int(clock[0])
    for row, key in zip(out.reshape(-1, out.shape[-1]), keys):
        counter["counter"][:] = (0, step, site, phase)
        counter["key"][:] = key
        generator.state = state
        for start in range(0, row.size, CHUNK):
            row[start : start + CHUNK] = generator.random_raw(min(CHUNK, row.size - start))


@draw_words.override("cupy")
def _draw_words_cuda(out: Array, keys: Array, clock: Array, site: int, phase: int = 0) -> None:
    words, threads = out.shape[-1], 128
    stride = out.strides[0] // out.itemsize if out.ndim > 1 else words
    grid = (-(-words // (4 * threads)), len(keys))
    arguments = (out, np.int64(words), np.int64(stride), keys, clock, np.uint64(site), np.uint64(phase))
    kernel(Path(__file__).with_name("philox.cu"), "philox_words")(grid, (threads,), arguments)
