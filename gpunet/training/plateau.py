"""A learning rate that falls where validation no longer improves."""

import numpy as np

from ..members import PerMember
from ..optimizers import Optimizer
from .loop import EpochRecord


class Plateau:
    """Multiplies the learning rate of each member by ``factor`` after ``patience`` epochs in which it did not improve.

    It is called with the record of each epoch.  What it holds follows from those records alone, so a run that goes on
    later calls it with the records of the past.

    Args:
        optimizer: whose learning rate falls, on top of any schedule.
        patience: epochs without improvement after which it does, and again after as many.
        factor: what the rate is multiplied by; both may be one for each member.
    """

    def __init__(self, optimizer: Optimizer, patience: int | PerMember, factor: float | PerMember):
        self.optimizer, members = optimizer, optimizer.rate_scale.size
        self.patience, self.factor = (
            np.array(one.among(members)) if isinstance(one, PerMember) else one for one in (patience, factor)
        )
        self.waited = np.zeros(members, int)

    def __call__(self, record: EpochRecord) -> None:
        """Count the epoch; the new rate holds from the next one on."""
        self.waited = np.where(record.improved, 0, self.waited + 1)
        due = self.waited >= self.patience
        self.waited[due] = 0
        scale = self.optimizer.rate_scale
        self.optimizer.rate_scale = scale * np.where(due, self.factor, 1.0).reshape(scale.shape)
