"""What optimizers' rules take from a stretch of parameters, each in one pass over memory.

Numbers are worked on in pieces that stay in the fastest cache, each by a few short loops that the compiler turns into
vector instructions; what each loop does, and in which order, is what the class of the rule does with array functions.

All rules are called alike.  Flat vectors are (members, n); those of slots that a rule has not may be any.

    values, grads, first, second, third, deltas   the parameters, their gradients, the slots, and what is written
    start, stop                                   the stretch
    flags, around                                 how the rule is set, and what is done around it
    coefficients, penalties                       (members, 8) and (members, 2): the numbers of the rule, l1 and l2
    bounds                                        (2,), see :func:`finish`

They return 0 where nothing is in doubt, else 1.
"""

import math

import numpy as np

from ...backend.compiled import loop, part_of_a_loop

PIECE = 1024  # numbers; all arrays of a piece fit the first cache of a core
NESTEROV, RATE_INSIDE, EPS_INSIDE, CENTERED, VELOCITY, DAMPENED = 1, 2, 4, 8, 16, 64
L1, L2, SHRINKS, LIMITED = 1, 2, 4, 8
SHRINKAGE = 7  # place of the share that decoupled decay takes off, in the coefficients


@part_of_a_loop
def begin(grads, values, penalties, around, out):
    """The gradients of a piece with those of the penalties, in ``out``; that of an absolute value at 0 is 0.

    Without penalties they are the gradients themselves, which may be overwritten.
    """
    if not around & (L1 | L2):
        return grads
    zero, one = out.dtype.type(0), out.dtype.type(1)
    l1, l2 = penalties[0], penalties[1]
    if around & L2:
        for i in range(out.size):
            out[i] = grads[i] + values[i] * l2
    else:
        for i in range(out.size):
            out[i] = grads[i]
    if around & L1:
        for i in range(out.size):
            out[i] = out[i] + (one if values[i] > zero else (-one if values[i] < zero else zero)) * l1
    return out


@part_of_a_loop
def finish(out, values, shrinkage, around, bounds):
    """Decay of the values, and whether all is well.

    0 where no number of the update is larger than the first bound, and where values are limited none of them is larger
    than the second one; else 1, also where one is not a number.
    """
    doubt, most, largest = 0, bounds[0], bounds[1]
    if around & SHRINKS:
        for i in range(out.size):
            out[i] = out[i] + values[i] * shrinkage
    for i in range(out.size):
        doubt |= not abs(out[i]) <= most
    if around & LIMITED:
        for i in range(out.size):
            doubt |= not abs(values[i]) <= largest
    return doubt


@part_of_a_loop
def blend(average, new, keep, intake):
    """``average = keep average + intake new``."""
    for i in range(average.size):
        average[i] = average[i] * keep + new[i] * intake


@part_of_a_loop
def blend_squares(average, new, keep, intake):
    """The same of squares."""
    for i in range(average.size):
        average[i] = average[i] * keep + (new[i] * new[i]) * intake


@part_of_a_loop
def root(square, epsilon, inside, out):
    """``sqrt(square) + epsilon``, or ``sqrt(square + epsilon)`` inside."""
    if inside:
        for i in range(out.size):
            out[i] = math.sqrt(square[i] + epsilon)
    else:
        for i in range(out.size):
            out[i] = math.sqrt(square[i]) + epsilon


@part_of_a_loop
def larger(a, b, out):
    """As ``numpy.maximum``, which passes on what is not a number."""
    for i in range(out.size):
        out[i] = a[i] if (a[i] >= b[i] or a[i] != a[i]) else b[i]


@part_of_a_loop
def scale(x, factor, out):
    """``x`` times a factor."""
    for i in range(out.size):
        out[i] = x[i] * factor


@part_of_a_loop
def accelerate(g, velocity, momentum, flags, out):
    """The velocity, and in ``out`` what the step goes along."""
    blend_one(velocity, momentum, g)
    if flags & NESTEROV:
        for i in range(g.size):
            out[i] = g[i] + velocity[i] * momentum
    else:
        for i in range(g.size):
            out[i] = velocity[i]


@part_of_a_loop
def blend_one(velocity, momentum, g):
    """``velocity = momentum velocity + g``."""
    for i in range(g.size):
        velocity[i] = velocity[i] * momentum + g[i]


@part_of_a_loop
def glide(g, velocity, momentum, rate, out):
    """The velocity, and ``rate`` times it in ``out``."""
    for i in range(g.size):
        v = velocity[i] * momentum + g[i]
        velocity[i] = v
        out[i] = v * rate


@loop
def sgd(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Stochastic gradient descent, plain, with velocity, or at the look-ahead point; LARS likewise."""
    piece, doubt = np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g = values[member, at:end], deltas[member, at:end], piece[: end - at]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            if flags & VELOCITY:
                if flags & DAMPENED:
                    scale(g, c[2], g)
                if flags & RATE_INSIDE:
                    scale(g, c[0], g)
                if flags & (NESTEROV | RATE_INSIDE):
                    accelerate(g, first[member, at:end], c[1], flags, out)
                    if not flags & RATE_INSIDE:
                        scale(out, c[0], out)
                else:
                    glide(g, first[member, at:end], c[1], c[0], out)
            else:
                scale(g, c[0], out)
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def adam(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Adam and AdamW."""
    piece, doubt = np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        rate, epsilon = c[4], c[5]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g = values[member, at:end], deltas[member, at:end], piece[: end - at]
            mean, square = first[member, at:end], second[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend(mean, g, c[0], c[1])
            blend_squares(square, g, c[2], c[3])
            if flags & EPS_INSIDE:
                for i in range(out.size):
                    out[i] = (mean[i] / math.sqrt(square[i] + epsilon)) * rate
            else:
                for i in range(out.size):
                    out[i] = (mean[i] / (math.sqrt(square[i]) + epsilon)) * rate
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def nadam(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Nadam."""
    g_piece, piece, doubt = np.empty(PIECE, values.dtype), np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        rate, own_rate = c[4], c[6]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g, scratch = values[member, at:end], deltas[member, at:end], g_piece[: end - at], piece[: end - at]
            mean, square = first[member, at:end], second[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend(mean, g, c[0], c[1])
            blend_squares(square, g, c[2], c[3])
            root(square, c[5], flags & EPS_INSIDE, scratch)
            for i in range(out.size):
                out[i] = (mean[i] * rate + g[i] * own_rate) / scratch[i]
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def amsgrad(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """AMSGrad."""
    g_piece, piece, doubt = np.empty(PIECE, values.dtype), np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        rate = c[4]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g, scratch = values[member, at:end], deltas[member, at:end], g_piece[: end - at], piece[: end - at]
            mean, square, largest = first[member, at:end], second[member, at:end], third[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend(mean, g, c[0], c[1])
            blend_squares(square, g, c[2], c[3])
            larger(largest, square, largest)
            root(largest, c[5], flags & EPS_INSIDE, scratch)
            for i in range(out.size):
                out[i] = (mean[i] * rate) / scratch[i]
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def adamax(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Adamax."""
    piece, doubt = np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        rate, epsilon = c[3], c[4]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g = values[member, at:end], deltas[member, at:end], piece[: end - at]
            mean, largest = first[member, at:end], second[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend(mean, g, c[0], c[1])
            scale(largest, c[2], largest)
            for i in range(g.size):
                g[i] = abs(g[i])
            larger(largest, g, largest)
            for i in range(out.size):
                out[i] = (mean[i] * rate) / (largest[i] + epsilon)
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def rmsprop(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """RMSProp with all that it knows."""
    g_piece, piece, doubt = np.empty(PIECE, values.dtype), np.empty(PIECE, values.dtype), 0
    zero = values.dtype.type(0)
    for member in range(len(values)):
        c = coefficients[member]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g, scratch = values[member, at:end], deltas[member, at:end], g_piece[: end - at], piece[: end - at]
            square, mean = first[member, at:end], second[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend_squares(square, g, c[1], c[2])
            if flags & CENTERED:
                blend(mean, g, c[1], c[2])
                for i in range(out.size):
                    variance = square[i] - mean[i] * mean[i]
                    out[i] = variance if (variance > zero or variance != variance) else zero
                root(out, c[4], flags & EPS_INSIDE, scratch)
            else:
                root(square, c[4], flags & EPS_INSIDE, scratch)
            for i in range(out.size):
                g[i] = g[i] / scratch[i]
            if flags & VELOCITY:
                accelerate(g, third[member, at:end], c[3], flags, out)
                scale(out, c[0], out)
            else:
                scale(g, c[0], out)
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def adagrad(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Adagrad."""
    g_piece, piece, doubt = np.empty(PIECE, values.dtype), np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        rate = c[0]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g, scratch = values[member, at:end], deltas[member, at:end], g_piece[: end - at], piece[: end - at]
            square = first[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            for i in range(out.size):
                square[i] = square[i] + g[i] * g[i]
            root(square, c[1], flags & EPS_INSIDE, scratch)
            for i in range(out.size):
                out[i] = (g[i] / scratch[i]) * rate
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


@loop
def adadelta(values, grads, first, second, third, deltas, start, stop, flags, around, coefficients, penalties, bounds):
    """Adadelta."""
    g_piece, piece, doubt = np.empty(PIECE, values.dtype), np.empty(PIECE, values.dtype), 0
    for member in range(len(values)):
        c = coefficients[member]
        for at in range(start, stop, PIECE):
            end = min(at + PIECE, stop)
            w, out, g, scratch = values[member, at:end], deltas[member, at:end], g_piece[: end - at], piece[: end - at]
            square, step = first[member, at:end], second[member, at:end]
            g = begin(grads[member, at:end], w, penalties[member], around, g)
            blend_squares(square, g, c[1], c[2])
            root(step, c[3], 1, scratch)
            for i in range(out.size):
                g[i] = g[i] * scratch[i]
            root(square, c[3], 1, scratch)
            for i in range(out.size):
                g[i] = g[i] / scratch[i]
            blend_squares(step, g, c[1], c[2])
            scale(g, c[0], out)
            doubt |= finish(out, w, c[SHRINKAGE], around, bounds)
    return doubt


RULES = (sgd, adam, nadam, amsgrad, adamax, rmsprop, adagrad, adadelta)  # by their kinds


@loop
def move(values, grads, deltas, start, stop, momentum, bounds):
    """The same for running statistics, which move towards what was observed by the part ``momentum`` (members,)."""
    doubt, most = 0, bounds[0]
    for member in range(len(values)):
        share = momentum[member]
        w, g, out = values[member, start:stop], grads[member, start:stop], deltas[member, start:stop]
        for i in range(out.size):
            out[i] = (w[i] - g[i]) * share
        for i in range(out.size):
            doubt |= not abs(out[i]) <= most
    return doubt


@loop
def apply_and_average(values, deltas, average, share):
    """Take the update from the values, and move their average towards them by ``share`` (members,)."""
    for member in range(len(values)):
        part, w, d, mean = share[member], values[member], deltas[member], average[member]
        for i in range(w.size):
            w[i] -= d[i]
        for i in range(w.size):
            mean[i] += (w[i] - mean[i]) * part
