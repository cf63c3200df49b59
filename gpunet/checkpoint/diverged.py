"""Which members of a population a checkpoint says have diverged."""

import numpy as np

from .tree import Group, NamedArray

DIVERGED = "diverged"  # of the group members: updates before a member left the finite numbers, -1 where it has not


def diverged_in(root: Group) -> tuple[int, ...]:
    """The numbers of the members that a checkpoint says have left the finite numbers; none where all would have.

    >>> held = NamedArray(np.array([-1, 12, -1]))
    >>> diverged_in(Group({}, {"members": Group({}, {"diverged": held})})), diverged_in(Group())
    ((1,), ())
    """
    group = root.children.get("members")
    steps = group.children.get(DIVERGED) if isinstance(group, Group) else None
    if not isinstance(steps, NamedArray) or steps.data.ndim != 1 or (steps.data >= 0).all():
        return ()
    return tuple(map(int, np.flatnonzero(steps.data >= 0)))
