"""Events of given probability, decided on 16 random bits, and on more only where those leave it open.

An event of probability ``p`` happens where a uniform number lies below ``p``.  The first 16 bits of that number settle
it unless they equal those of ``p``, which they do once in 65,536; only then its further 53 bits are drawn.  So events
of any probability happen as often as they should, at the price of 16 bits each.

The 16 bits come from the words of a site with phase 0, the further ones from phase 1 of the same site: element ``i`` of
a member has word ``i`` of them, so what is drawn for one element does not depend on which others needed more bits.
"""

import itertools
from pathlib import Path

import numpy as np

from .arrays import Array, array_module
from .dispatch import op
from .kernels import kernel
from .philox import host_philox

STEPS = 65536  # of the first 16 bits
SPAN = 4096  # numbers of a block on CUDA
CHUNK = 16384  # elements looked at together on the host
FURTHER = 1  # phase of the words that hold further bits


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
        np.less(bits, int(expected), out=out)
        if expected == int(expected):
            return
    else:
        expected = expected.reshape(members, -1)
        expected -= bits
        np.greater(expected, 0, out=out)
    for member, start in itertools.product(range(members), range(0, bits.shape[1], CHUNK)):
        part = slice(start, start + CHUNK)  # so that nothing large is allocated to look for ties
        left = None if isinstance(expected, float) else expected[member, part]
        near = bits[member, part] == int(expected) if left is None else left < 1
        near &= near if left is None else out[member, part]
        ties = np.flatnonzero(near) if near.any() else ()  # there are none, mostly
        for tie in map(int, ties):
            open_part = expected - int(expected) if left is None else float(left[tie])
            out[member, start + tie] = _further(start + tie, keys[member], int(clock[0]), site) < open_part


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


def _further(element: int, key: Array, step: int, site: int) -> float:
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
