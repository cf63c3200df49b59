"""What to do where memory does not suffice: how many members, or which batch, would fit, measured and not guessed."""

import traceback
from collections.abc import Callable
from typing import TypeVar

from ..backend import no_memory_for_graph, out_of_memory
from ..config import Config
from ..errors import DeviceError
from ..experiment import Experiment, Run
from .growth import full_grown
from .stack import Stack

STEPS = 3  # the first ones allocate, and on a GPU the third is recorded
T = TypeVar("T")


def within_memory(action: Callable[[], T], experiment: Experiment, fewer: Callable[[int], T | None] | None = None) -> T:
    """Do something that trains; where memory ends, do it with fewer members at once, or find the batch that fits.

    A smaller batch is never taken silently: it changes batch norm, schedules and chains.

    Args:
        action: of a population, all members at once.
        experiment: what it trains.
        fewer: the same with so many members at once, whose results are the same; None where it cannot.

    Raises:
        DeviceError: memory does not suffice; it names the batch that does.
    """
    try:
        return action()
    except Exception as error:
        if not out_of_memory(error):
            raise
        what = "model, data and the graph of a step" if no_memory_for_graph(error) else "model and data"
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
    device, config = experiment.device, experiment.config
    device.release()
    if fewer is not None and (most := largest_portion(experiment)):
        found = within_memory(lambda: fewer(most), first_portion(experiment, most))
        if found is not None:
            return found
    rule, batch = f"must fit into the memory of {device}, with {what}", config.training.batch_size
    fitting = largest_batch(experiment)
    remedy = f"Set batch_size={fitting}, which fits" if fitting else "Choose a smaller model, or fewer data"
    received = batch if fitting else f"{batch}, and there is no room even for one sample"
    raise DeviceError("batch_size", rule, received, remedy)


def at_once(config: Config) -> int:
    """How many members of a population are trained at once at most, memory aside."""
    return min(config.training.together or config.population, config.population)


def first_portion(experiment: Experiment, most: int) -> Experiment:
    """The experiment of the members that come first where at most so many are trained at once."""
    config = experiment.config
    return experiment if most >= config.population else experiment.configured(config.portion(config.portions(most)[0]))


def largest_portion(experiment: Experiment) -> int:
    """The largest of a half, a quarter, ... of the members for which a few steps fit into memory, or 0."""
    most = experiment.config.population // 2
    while most and not _fits(first_portion(experiment, most)):
        most //= 2
    return most


def largest_batch(experiment: Experiment) -> int:
    """The largest of a half, a quarter, ... of the configured batch for which a few steps fit into memory, or 0."""
    batch = experiment.config.training.batch_size // 2
    while batch and not _fits(experiment.changed({"training.batch_size": batch})):
        batch //= 2
    return batch


def _fits(experiment: Experiment) -> bool:
    try:
        _try(experiment)
        return True
    except Exception as error:
        if not out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    finally:
        experiment.device.release()


def _try(experiment: Experiment) -> None:
    """A few steps of each run of a configuration, and what follows an epoch."""
    whole = experiment.config.model.layerwise is None
    runs = [Run(experiment.configured(full_grown(experiment.config)))] if whole else Stack(experiment).stages()
    for run in runs:
        steps = run.trainer.steps_per_epoch(experiment.config.training.drop_last)
        run.trainer.begin_epoch(0, steps)
        for step in range(min(STEPS, steps)):
            run.trainer.train_batch(step)
        if run.validation is not None:
            run.validation.scores()
        if run.doctor is not None:
            run.doctor.monitors.numbers()
        run.trainer.failures()  # waits for the device
