"""Events of given probability, decided on random bits in one pass."""

from ..compiled import loop

PIECE = 1024  # numbers between two looks for what the first bits leave open


@loop
def decide(probability, bits, steps, places, chances):
    """1 with each probability, else 0, in its place; all arrays are (numbers,) but ``steps`` (1,).

    Where the first bits leave it open, and 1 was written, ``places`` get the number, and ``chances`` how likely it is
    that the further bits let it stay.

    Returns:
        How many are open.
    """
    zero, one, step, found = steps[0] - steps[0], steps[0] / steps[0], steps[0], 0
    for begin in range(0, probability.size, PIECE):
        end, near = min(begin + PIECE, probability.size), 0
        for i in range(begin, end):
            left = probability[i] * step - probability.dtype.type(bits[i])
            near |= (left > zero) & (left < one)
        if near:
            for i in range(begin, end):
                left = probability[i] * step - probability.dtype.type(bits[i])
                if left > zero and left < one:
                    places[found], chances[found] = i, left
                    found += 1
        for i in range(begin, end):
            left = probability[i] * step - probability.dtype.type(bits[i])
            probability[i] = one if left > zero else zero
    return found
