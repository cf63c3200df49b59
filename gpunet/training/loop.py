"""The epoch loop."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..backend import threads_for
from ..errors import DivergedError
from ..interruption import Stop
from .evaluation import Evaluator
from .selection import Selection
from .trainer import Trainer

LOOK_EVERY = 50  # steps between looks at the failure flags


@dataclass(frozen=True)
class EpochRecord:
    """What happened in one epoch; each number is (members,).

    Attributes:
        epoch: counted from 1.
        epochs: how many there may be.
        numbers: by name: train_loss, validation_accuracy, learning_rate, ...
        improved: which members reached their best so far.
        active: which members go on.
        seconds: of the epoch, validation included.
        selects: whether the best epoch is selected at all, rather than the last one kept.
        warnings: what should be changed, one line each.
        diverged: members that have left the finite numbers; their numbers are the last ones that were finite, else the
            worst ones.
    """

    epoch: int
    epochs: int
    numbers: dict[str, np.ndarray]
    improved: np.ndarray
    active: np.ndarray
    seconds: float
    selects: bool = True
    warnings: list[str] = field(default_factory=list)
    diverged: tuple[int, ...] = ()


def fit(
    trainer: Trainer,
    validation: Evaluator | None,
    selection: Selection,
    epochs: int,
    drop_last: bool = True,
    on_epoch: Sequence[Callable[[EpochRecord], None]] = (),
    on_step: Callable[[int, int, int], None] | None = None,
    stop: Stop | None = None,
    done: int = 0,
    batch: int = 0,
    last: Mapping[str, np.ndarray] | None = None,
    apart: Callable[[int, int, int], bool] | None = None,
) -> int:
    """Train until all epochs are done, every member has stopped, or ``stop`` is set.

    A member of a population that leaves the finite numbers ends alone.

    Args:
        trainer: the model and its step.
        validation: evaluated after each epoch; None monitors the training loss.
        selection: keeps the best weights and says which members go on.
        epochs: at most so many.
        drop_last: leave the remainder of each epoch out; it differs every time.
        on_epoch: called with each epoch's record, in order.
        on_step: called with (epoch, step, steps) before each step; with ``apart`` before each launch, which on CUDA may
            be several short steps.
        stop: looked at after each launch and each epoch.
        done: epochs that lie behind already.
        batch: batches of the epoch after those that lie behind already.
        last: numbers of the last epoch that lies behind.
        apart: whether a launch has to begin with a step, (epoch, step, steps), for ``on_step`` to see what is there
            before it; without, each step is a launch where there is an ``on_step``.

    Returns:
        The number of whole epochs that were trained, with those that were done before.

    Raises:
        DivergedError: where a loss or gradient left the finite numbers, of the one model or of every member.
    """
    steps = trainer.steps_per_epoch(drop_last)
    with threads_for(*trainer.products(steps)):
        return _epochs(
            trainer, validation, selection, range(done, epochs), steps, on_epoch, on_step, stop, batch, last,
            apart or (lambda *_: on_step is not None),
        )  # fmt: skip


def _epochs(
    trainer: Trainer,
    validation: Evaluator | None,
    selection: Selection,
    epochs: range,
    steps: int,
    on_epoch: Sequence[Callable[[EpochRecord], None]],
    on_step: Callable[[int, int, int], None] | None,
    stop: Stop | None,
    batch: int,
    last: Mapping[str, np.ndarray] | None,
    apart: Callable[[int, int, int], bool],
) -> int:
    for epoch in epochs:
        if not selection.active.any() or (stop is not None and stop.requested):
            return epoch
        began = time.perf_counter()
        first = batch if epoch == epochs.start else 0
        trainer.begin_epoch(epoch, steps, first)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the failure flags watch for these
            step = first
            while step < steps:
                if on_step is not None:
                    on_step(epoch, step, steps)
                count = _launched(trainer, epoch, step, steps, apart)
                trainer.train_batches(step, count)
                step += count
                stopping = stop is not None and bool(stop.requested)
                if stopping or step % LOOK_EVERY == 0 or step == steps:
                    trainer.check()
                    selection.end(trainer.diverged)
                if stopping:
                    return epoch
            record = _record(trainer, validation, selection, epoch, epochs.stop, began, last or {})
            last = record.numbers
        for callback in on_epoch:
            callback(record)
    return max(epochs.start, epochs.stop)


def _launched(trainer: Trainer, epoch: int, step: int, steps: int, apart: Callable[[int, int, int], bool]) -> int:
    """How many steps from ``step`` on are one launch: those of a graph, where nothing looks in between, else one."""
    count = trainer.together.at(step)
    inside = count <= min(steps - step, LOOK_EVERY - step % LOOK_EVERY)
    alone = not inside or any(apart(epoch, later, steps) for later in range(step + 1, step + count))
    return 1 if alone else count


def last_record(
    trainer: Trainer,
    validation: Evaluator | None,
    selection: Selection,
    epochs: int,
    history: Sequence[EpochRecord],
) -> EpochRecord:
    """The record of an epoch in which every member has left the finite numbers, as it were if others went on.

    Args:
        trainer: all of whose members have ended.
        validation: evaluated with the weights that they keep; None where there is no such part.
        selection: of the best weights.
        epochs: that there might have been.
        history: of the epochs before.
    """
    with trainer.optimizer.averaged():
        measured = _measured(trainer, trainer.means(), validation)
        selection.end(trainer.diverged)
    last = history[-1].numbers if history else {}
    numbers = {name: _known(name, values, last, trainer) for name, values in measured.items()}
    nobody = np.zeros(trainer.rows, bool)
    trainer.end_epoch()
    return EpochRecord(
        len(history) + 1, epochs, numbers, nobody, nobody.copy(), 0.0, selection.monitor != "last",
        diverged=tuple(sorted(trainer.diverged)),
    )  # fmt: skip


def _measured(trainer: Trainer, means: Mapping[str, np.ndarray], validation: Evaluator | None) -> dict[str, np.ndarray]:
    """The numbers of an epoch."""
    measured = {f"train_{name}": values for name, values in means.items()}
    measured["learning_rate"] = np.broadcast_to(trainer.optimizer.current("learning_rate"), trainer.rows)
    if validation is not None:
        measured |= {f"validation_{name}": values for name, values in validation.scores().items()}
    return measured


def _give_up(trainer: Trainer, numbers: Mapping[str, np.ndarray], epoch: int) -> None:
    """End members whose weights are finite and so large that not everything computed from them is."""
    for name, values in numbers.items():
        for member in map(int, np.flatnonzero(~np.isfinite(values))):
            if member not in trainer.diverged:
                who = f" of member {member} (seed {trainer.parameters.seeds[member]})" if len(values) > 1 else ""
                thing, rule = f"epoch {epoch + 1}{who}", f"{name} must be finite"
                trainer.give_up(member, DivergedError(thing, rule, "NaN or infinity", "Lower learning_rate"))


def _known(name: str, values: np.ndarray, last: Mapping[str, np.ndarray], trainer: Trainer) -> np.ndarray:
    """Numbers of members, with the last known ones of those that have left the finite numbers, else the worst ones."""
    higher = trainer.objective.higher_is_better(name.partition("_")[2])
    worst = np.full(values.shape, 0.0 if higher else np.finfo(np.float32).max)
    return np.where(np.isfinite(values), values, last.get(name, worst))


def _record(
    trainer: Trainer,
    validation: Evaluator | None,
    selection: Selection,
    epoch: int,
    epochs: int,
    began: float,
    last: Mapping[str, np.ndarray],
) -> EpochRecord:
    means = trainer.averages()
    with trainer.optimizer.averaged():  # what is judged is what is kept
        measured = _measured(trainer, means, validation)
        _give_up(trainer, measured, epoch)
        selection.end(trainer.diverged)
        numbers = {name: _known(name, values, last, trainer) for name, values in measured.items()}
        improved = selection.update(epoch + 1, numbers.get(selection.monitor, np.full(trainer.rows, float(epoch + 1))))
    trainer.device.copy_into(trainer.active, selection.active)
    trainer.end_epoch()
    return EpochRecord(
        epoch + 1,
        epochs,
        numbers,
        improved,
        selection.active.copy(),
        time.perf_counter() - began,
        selection.monitor != "last",
        diverged=tuple(sorted(trainer.diverged)),
    )
