"""Which earlier versions of a machine lie on the way to it from a machine without weights.

Machines that a training passed through are on the way where it followed an equilibrium.  Fast learning makes detours:
over 37 snapshots of a training on MNIST at a rate of 0.05 the way is 19 times as long as the straight one.
"""

from collections.abc import Sequence

import numpy as np

from ..backend import Device
from .freezing import between
from .ladder import Ladder, Values
from .machine import RBM

WALKERS = 20
PIECE = 20  # steps from one version to the next
STRAIGHT = 100  # steps from the machine without weights to a version


def stretch(walker: Ladder, values: Values, steps: int) -> float:
    """How far it is from the version of a walker to another machine, where its states go with it.

    The length of a step is the standard deviation of ``log f`` of the next machine less that of the present one, over
    states of the present one; the sum hardly depends on the number of steps.  Versions that are far from each other
    exchange states rarely.  Crooks: Measuring thermodynamic length (2007).

    Args:
        walker: of one version, which becomes the other machine.
        values: of that.
        steps: of equal length in the parameters, after each of which there are two Gibbs steps.
    """
    start, length = {name: array.copy() for name, array in walker.version(-1).items()}, 0.0
    for step in range(1, steps + 1):
        following = between(start, values, step / steps)
        length += float(walker.difference(following).std())
        walker.become(following)
        walker.run(1)
    return length


def first_on_the_way(rbm: RBM, device: Device, targets: Sequence[Values], seed: int = 0) -> int:
    """The version to which a straight way from the machine without weights makes the whole way shortest.

    Args:
        rbm: a machine of the units of the versions.
        device: where it lives.
        targets: parameters of each version, the machine in question last.
        seed: of the walkers.

    Returns:
        Its number; from there the way goes on over all later versions.
    """
    dtype = targets[0]["weight"].dtype
    walker = Ladder(rbm, device, dtype, WALKERS, seed)
    walker.begin(targets[0])
    pieces = [stretch(walker, target, PIECE) for target in targets]
    lengths = []
    for number, target in enumerate(targets):
        walker.begin(target)
        lengths.append(stretch(walker, target, STRAIGHT) + sum(pieces[number + 1 :]))
    return int(np.argmin(lengths))
