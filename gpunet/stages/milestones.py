"""Weights that are kept on the way of a training, at updates spaced evenly in their logarithm."""

import numpy as np

from ..config import Config
from ..errors import ConfigError
from ..experiment import Run
from ..persistence import SNAPSHOTS, RunFolder, snapshot, snapshot_name
from ..writing import make_folder


def updates_to_keep(total: int, count: int) -> list[int]:
    """At most ``count`` whole numbers from 1 to ``total``, evenly spaced in their logarithm.

    >>> updates_to_keep(1000, 4), updates_to_keep(3, 10), updates_to_keep(50, 1)
    ([1, 10, 100, 1000], [1, 2, 3], [50])
    """
    if count == 1:
        return [total]
    return sorted({round(float(update)) for update in np.geomspace(1, total, count)})


def check_snapshots(config: Config, writes: bool) -> None:
    """Refuse snapshots that cannot be kept, before anything is written.

    Args:
        config: of a run.
        writes: whether it has a folder.

    Raises:
        ConfigError: no folder, or a stack, whose layers are runs of their own.
    """
    count = config.training.snapshots
    if count and not writes:
        raise ConfigError("snapshots", "needs a folder to keep them in", count, "Pass run=FOLDER")
    if count and config.model.layerwise is not None:
        remedy = "Leave it out, or train one machine after the other"
        raise ConfigError("snapshots", "must be 0 for a stack of layers", count, remedy)


class Milestones:
    """Writes the weights of a run into its folder ``snapshots`` when their updates come.

    What is written depends on the update alone, so a run that goes on after an interruption writes the same files.

    Args:
        run: that is going to be trained.
        folder: its.

    Raises:
        ConfigError: snapshots are asked for where nothing is written, or of a stack.
    """

    def __init__(self, run: Run, folder: RunFolder | None):
        training = run.config.training
        self.folder, self.wanted = folder, set[int]()
        check_snapshots(run.config, folder is not None)
        if not training.snapshots:
            return
        self.steps = run.trainer.steps_per_epoch(training.drop_last)
        self.wanted = set(updates_to_keep(training.epochs * self.steps, training.snapshots))

    def before_step(self, run: Run, epoch: int, step: int) -> None:
        """Keep the weights as they are before a step of an epoch, where they are wanted."""
        if self.wanted:
            self._keep(run, epoch * self.steps + step)

    def looks_before(self, epoch: int, step: int, steps: int) -> bool:
        """Whether weights are wanted as they are before a step."""
        return bool(self.wanted) and epoch * self.steps + step in self.wanted

    def at_end(self, run: Run) -> None:
        """Keep the last weights, where all epochs were trained."""
        if self.wanted and len(run.history) == run.config.training.epochs:
            self._keep(run, len(run.history) * self.steps, last=True)

    def _keep(self, run: Run, update: int, last: bool = False) -> None:
        if update not in self.wanted:
            return
        assert self.folder is not None
        if not last:
            run.trainer.check()
        make_folder(self.folder.path / SNAPSHOTS)
        content = snapshot(run, best=False, state=False)
        content.attrs["step"] = update
        self.folder.write(f"{SNAPSHOTS}/{snapshot_name(update)}", content)
