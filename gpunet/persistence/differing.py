"""What checkpoints of populations say about their members: in what they differ, and when some have diverged."""

import numpy as np

from ..checkpoint import DIVERGED, NamedArray
from ..experiment import Run
from ..training import NEVER


def differences(run: Run) -> dict[str, NamedArray]:
    """What members differ in beside their seeds, where it is a number, and which have left the finite numbers when."""
    members, found = len(run.trainer.parameters.seeds), {}
    for key, values in run.begun.by_member.items():
        if all(isinstance(value, int | float) for value in values):
            found[key.replace(".", "_")] = NamedArray(np.array(values.among(members), np.float64), {"key": key})
    if 0 < len(run.trainer.diverged) < members:
        failed = run.trainer.failures()
        about = "updates before each member left the finite numbers; -1 where it has not"
        found[DIVERGED] = NamedArray(np.where(failed == NEVER, -1, failed), {"description": about})
    return found
