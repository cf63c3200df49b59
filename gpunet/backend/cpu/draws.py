"""Events of given probability, decided on random bits in one pass."""

import numpy as np

from ..compiled import loop, part_of_a_loop

PIECE = 1024  # numbers that are worked on together, in the fastest cache


@part_of_a_loop
def beyond(probability, bits, step, out):
    """By how much what is expected is beyond the bits."""
    for i in range(out.size):
        out[i] = probability[i] * step - out.dtype.type(bits[i])


@part_of_a_loop
def near(left, zero, one):
    """How many numbers lie between 0 and 1."""
    count = 0
    for i in range(left.size):
        count += (left[i] > zero) & (left[i] < one)
    return count


@loop
def decide(probability, bits, step, places, chances):
    """1 with each probability, else 0, in its place; all arrays are (numbers,).

    Where the first bits leave it open, and 1 was written, ``places`` get the number, and ``chances`` how likely it is
    that the further bits let it stay.

    Returns:
        How many are open.
    """
    zero, one, found = probability.dtype.type(0), probability.dtype.type(1), 0
    piece = np.empty(PIECE, probability.dtype)
    for start in range(0, probability.size, PIECE):
        p, b = probability[start : start + PIECE], bits[start : start + PIECE]
        left = piece[: p.size]
        beyond(p, b, step, left)
        if near(left, zero, one):
            for i in range(left.size):
                if left[i] > zero and left[i] < one:
                    places[found], chances[found] = start + i, left[i]
                    found += 1
        for i in range(p.size):
            p[i] = one if left[i] > zero else zero
    return found
