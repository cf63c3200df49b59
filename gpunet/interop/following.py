"""What follows a training from outside: curves, and the end where nothing improves any more."""

from dataclasses import dataclass, field

from ..interruption import Stop
from ..training import EpochRecord

CONVERGED = "convergence"


@dataclass
class Follower:
    """Collects one number of each epoch, and ends the training where it no longer improves by more than ``tol``.

    Attributes:
        monitor: the number, such as ``train_loss``.
        higher: whether larger ones are better.
        tol: improvements that are not larger do not count.
        patience: epochs without one that are allowed; the next one ends the training.  None ends none.
        losses: mean training loss of each epoch.
        monitored: the monitored number of each epoch.
        best: of the monitored numbers.
    """

    monitor: str = "train_loss"
    higher: bool = False
    tol: float = 0.0
    patience: float | None = None
    losses: list[float] = field(default_factory=list)
    monitored: list[float] = field(default_factory=list)
    best: float | None = None
    waited: int = 0
    _stop: Stop = field(default_factory=Stop)

    def attend(self, stop: Stop) -> None:
        """Say what is to be asked for the end."""
        self._stop = stop

    def __call__(self, record: EpochRecord) -> None:
        """Take the numbers of an epoch."""
        if "train_loss" in record.numbers:
            self.losses.append(float(record.numbers["train_loss"][0]))
        if self.monitor not in record.numbers:
            return
        value = float(record.numbers[self.monitor][0])
        self.monitored.append(value)
        gained = float("inf") if self.best is None else value - self.best if self.higher else self.best - value
        self.waited = 0 if gained > self.tol else self.waited + 1
        if gained > 0:
            self.best = value
        if self.patience is not None and self.waited > self.patience:
            self._stop.request(CONVERGED)

    @property
    def converged(self) -> bool:
        """Whether it ended the training."""
        return self._stop.requested == CONVERGED
