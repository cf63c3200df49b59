"""Model selection: which epoch's weights each member keeps, and when it stops."""

from collections.abc import Collection

import numpy as np

from ..members import PerMember
from ..parameter import Parameters


class Selection:
    """Keeps the best weights of each member by one monitored number, and counts the epochs since.

    Args:
        parameters: of the model or population.
        monitor: which number of an epoch's record; ``last`` keeps the latest weights, whatever they are worth.
        patience: epochs without improvement after which a member stops, a number or that of each; None stops none.
        higher: whether larger numbers are better; of no account for ``last``.
    """

    def __init__(self, parameters: Parameters, monitor: str, patience: int | PerMember | None, *, higher: bool):
        self.parameters, self.monitor = parameters, monitor
        self.higher = higher or monitor == "last"
        members = len(parameters.seeds)
        several = patience.among(members) if isinstance(patience, PerMember) else ()
        self.patience = np.array([np.inf if p is None else p for p in several]) if several else patience
        self.best = np.full(members, -np.inf if self.higher else np.inf)
        self.best_epoch = np.full(members, -1)
        self.active = np.ones(members, bool)
        self.weights = parameters.device.zeros(parameters.values.shape, parameters.dtype)

    def update(self, epoch: int, values: np.ndarray) -> np.ndarray:
        """Take the monitored values of an epoch, (members,); returns which members improved.

        A member that has stopped no longer improves; NaN never does.
        """
        improved = self.active & ((values > self.best) if self.higher else (values < self.best))
        self.best = np.where(improved, values, self.best)
        self.best_epoch = np.where(improved, epoch, self.best_epoch)
        self._keep(improved)
        self.active &= self._may_go_on(epoch)
        return improved

    def end(self, members: Collection[int]) -> None:
        """Say which members have left the finite numbers: they go on no more.

        One that has no best weights yet keeps those that it has.
        """
        ended = np.isin(np.arange(len(self.active)), list(members))
        self._keep(ended & (self.best_epoch < 0) & self.active)
        self.active &= ~ended

    def resume(self, epoch: int, best: np.ndarray, best_epoch: np.ndarray) -> None:
        """Go on after an epoch, by the present patience, with :attr:`best_so_far` and ``best_epoch`` of that time."""
        self.best = np.where(best_epoch < 0, self.best, best)
        self.best_epoch = best_epoch.copy()
        self.active = self._may_go_on(epoch) if epoch else self.active

    def _keep(self, members: np.ndarray) -> None:
        """Remember the present weights of some members, bool (members,)."""
        if members.any():
            mask = self.parameters.device.put(members.reshape(*self.parameters.members, 1))
            self.parameters.device.xp.copyto(self.weights, self.parameters.values, where=mask)

    def _may_go_on(self, epoch: int) -> np.ndarray:
        """Whose patience is not at its end; for those that stopped before it stays so."""
        if self.patience is None:
            return np.ones(self.best_epoch.shape, bool)
        return epoch - self.best_epoch < self.patience

    @property
    def best_so_far(self) -> np.ndarray:
        """The best monitored values, finite: 0 for a member that has none yet, whose ``best_epoch`` is -1."""
        return np.where(self.best_epoch < 0, 0.0, self.best)

    def restore(self) -> None:
        """Put the best weights back into the model."""
        self.parameters.device.xp.copyto(self.parameters.values, self.weights)
