"""What checkpoints of populations say about their members: in what they differ, and which have diverged."""

import numpy as np

from ..checkpoint import Group, NamedArray
from ..experiment import Run
from ..training import NEVER

DIVERGED = "diverged"  # of the group members: updates before a member left the finite numbers, -1 where it has not


def differences(run: Run) -> dict[str, NamedArray]:
    """What members differ in beside their seeds, where it is a number, and which have left the finite numbers when."""
    members, found = len(run.trainer.parameters.seeds), {}
    for key, values in run.config.by_member.items():
        if all(isinstance(value, int | float) for value in values):
            found[key.replace(".", "_")] = NamedArray(np.array(values.among(members), np.float64), {"key": key})
    if 0 < len(run.trainer.diverged) < members:
        failed = run.trainer.failures()
        about = "updates before each member left the finite numbers; -1 where it has not"
        found[DIVERGED] = NamedArray(np.where(failed == NEVER, -1, failed), {"description": about})
    return found


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
