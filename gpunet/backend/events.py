"""Events of given probability, decided on 16 random bits, and on more only where those leave it open.

An event of probability ``p`` happens where a uniform number lies below ``p``.  The first 16 bits of that number settle
it unless they equal those of ``p``, which they do once in 65,536; only then its further 53 bits are drawn.  So events
of any probability happen as often as they should, at the price of 16 bits each.

The 16 bits come from the words of a site with phase 0, the further ones from phase 1 of the same site: element ``i`` of
a member has word ``i`` of them, so what is drawn for one element does not depend on which others needed more bits.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array, array_module
from .compiled import loops
from .dispatch import op
from .kernels import kernel
from .philox import host_philox

STEPS = 65536  # of the first 16 bits
SPAN = 4096  # numbers of a block on CUDA
CHUNK = 16384  # elements looked at together on the host
LOOPS = "gpunet.backend.cpu.draws"
FURTHER = 1  # phase of the words that hold further bits
Find = Callable[[Array, Array], Any]
Empty = Callable[[tuple[int, ...], Any], Array]


@op
def decide(out: Array, bits: Array, expected: Array | float, keys: Array, clock: Array, site: int) -> None:
    """Say which events happen.

    Args:
        out: bool, of the shape of ``bits``, filled in place.
        bits: uint16 ([members,] ...), the first bits of each number.
        expected: 65536 times the probabilities, of the shape of ``bits``, or one for all; arrays are spoilt.
        keys: uint64 (members, 2), the key of each member.
        clock: uint64 (1,), the second word of the counter, read where the array lives.
        site: third word of the counter.
    """
    members = len(keys)
    out, bits = out.reshape(members, -1), bits.reshape(members, -1)
    if isinstance(expected, float):
        whole = int(expected)
        np.less(bits, whole, out=out)
        if expected == whole:
            return
        for member, part in parts(*bits.shape):
            _settle(out[member], part, bits[member, part] == whole, expected - whole, keys[member], clock, site)
    else:
        expected = expected.reshape(members, -1)
        for member, part in parts(*bits.shape):
            decide_part(out[member, part], expected[member, part], bits[member], part, keys[member], clock, site)


@op
def draw_events(
    probability: Array, find: Find | None, x: Array, bits: Array, empty: Empty, keys: Array, clock: Array, site: int
) -> None:
    """1 with each probability, else 0, in its place.

    Args:
        probability: ([members,] ...), each between 0 and 1; overwritten.
        find: what writes the probability of each number of its first argument into its second one, where they are not
            known yet.
        x: of the shape of ``probability``; what ``find`` is given.
        bits: uint16, of the same shape, the first bits of each number.
        empty: gives memory of a shape and type.
        keys: uint64 (members, 2), the key of each member.
        clock: uint64 (1,), the second word of the counter.
        site: third word of the counter.
    """
    if find is not None:
        find(x, probability)
    happened = empty(probability.shape, bool)
    probability *= STEPS
    decide(happened, bits, probability, keys, clock, site)
    array_module(probability).copyto(probability, happened)


@draw_events.override("compiled")
def _draw_events_by_a_loop(
    probability: Array, find: Find | None, x: Array, bits: Array, empty: Empty, keys: Array, clock: Array, site: int
) -> None:
    """All that is done to one stretch of numbers while it is in the cache."""
    if not (probability.flags.c_contiguous and x.flags.c_contiguous):
        draw_events.reference(probability, find, x, bits, empty, keys, clock, site)
        return
    members, step = len(keys), int(clock[0])
    probability, x, bits = (array.reshape(members, -1) for array in (probability, x, bits))
    most = min(CHUNK, probability.shape[1])
    places, chances = empty((most,), np.int64), empty((most,), probability.dtype)
    steps = probability.dtype.type(STEPS)
    decided: Any = loops(LOOPS).decide
    for member, part in parts(*probability.shape):
        stretch = probability[member, part]
        if find is not None:
            find(x[member, part], stretch)
        for tie in range(decided(stretch, bits[member, part], steps, places, chances)):
            number = int(places[tie])
            stretch[number] = further(part.start + number, keys[member], step, site) < float(chances[tie])


def parts(members: int, numbers: int) -> Iterator[tuple[int, slice]]:
    """Stretches of each member's numbers that fit a cache with everything that is computed of them."""
    for member in range(members):
        for start in range(0, numbers, CHUNK):
            yield member, slice(start, min(start + CHUNK, numbers))


def decide_part(happened: Array, left: Array, bits: Array, part: slice, key: Array, clock: Array, site: int) -> None:
    """:func:`decide` for one stretch of a member's numbers, on the host.

    Args:
        happened: bool (numbers of the stretch,), filled in place.
        left: 65536 times the probabilities of the stretch; spoilt.
        bits: uint16, of all numbers of the member.
        part: which of them.
        key: of the member.
        clock: as in :func:`decide`.
        site: as in :func:`decide`.
    """
    left -= bits[part]
    np.greater(left, 0, out=happened)
    near = left < 1
    near &= happened
    _settle(happened, part, near, left, key, clock, site, part.start)


def _settle(
    happened: Array, part: slice, near: Array, left: Array | float, key: Array, clock: Array, site: int, first: int = 0
) -> None:
    """Decide again where the first bits leave it open; there are none such, mostly.

    Args:
        happened: bool, changed in place, from the number ``first`` on.
        part: of the member's numbers.
        near: where it is open, of the part.
        left: what of 65536 times the probability is open there, an array of the part or one for all.
        key: of the member.
        clock: as in :func:`decide`.
        site: as in :func:`decide`.
        first: number of the member that ``happened`` begins with.
    """
    if not near.any():
        return
    for tie in map(int, np.flatnonzero(near)):
        chance, number = left if isinstance(left, float) else float(left[tie]), part.start + tie
        happened[number - first] = further(number, key, int(clock[0]), site) < chance


def happen(probability: Array, keys: Array, clock: Array, site: int) -> None:
    """1 with each probability, else 0, in its place, on CUDA; the same numbers as by :func:`decide`.

    Args:
        probability: contiguous ([members,] ...).
        keys: uint64 (members, 2), the key of each member.
        clock: uint64 (1,), the second word of the counter.
        site: third word of the counter.
    """
    per_member, name = probability.size // len(keys), "double" if probability.dtype == np.float64 else "float"
    launch = kernel(Path(__file__).with_name("philox.cu"), f"happen_{name}")
    grid = (-(-per_member // SPAN), len(keys))
    launch(grid, (256,), (probability, np.int64(per_member), keys, clock, np.uint64(site)))


def further(element: int, key: Array, step: int, site: int) -> float:
    """The bits after the first 16 of an element's uniform number, as a number from 0 to 1."""
    generator, state = host_philox()
    state["state"]["key"][:] = key
    state["state"]["counter"][:] = (element // 4, step, site, FURTHER)
    generator.state = state
    return (int(generator.random_raw(4)[element % 4]) >> 11) * 2.0**-53


@decide.override("cupy")
def _decide_cuda(out: Array, bits: Array, expected: Array | float, keys: Array, clock: Array, site: int) -> None:
    per_member, threads = bits.size // len(keys), 128
    # Rows of bits are cut out of whole words; everything else is contiguous.
    stride = bits.strides[0] // bits.itemsize if len(keys) > 1 else per_member
    common = (out, np.int64(per_member), np.int64(stride), bits)
    last = (keys, clock, np.uint64(site))
    grid, path = (-(-per_member // threads), len(keys)), Path(__file__).with_name("philox.cu")
    if isinstance(expected, float):
        kernel(path, "events_of_one")(grid, (threads,), (*common, np.float64(expected), *last))
    else:
        expected = array_module(expected).ascontiguousarray(expected)
        name = "events_of_doubles" if expected.dtype == np.float64 else "events_of_floats"
        kernel(path, name)(grid, (threads,), (*common, expected, *last))
