"""The doctor for machines, called while they are trained."""

from ..backend import Purpose, host_generator
from ..backend.arrays import Array
from ..data import Inputs, Part
from ..rbm import ChainMonitors, ContrastiveDivergence, Monitors
from ..training import EpochRecord, Trainer

SAMPLES = 1000  # of each part


class ChainDoctor:
    """Adds the numbers of monitors to each epoch's record, and each warning once.

    Args:
        monitors: what measures the chains of a machine, or all of it.
    """

    def __init__(self, monitors: ChainMonitors):
        self.monitors = monitors
        self.told: set[str] = set()

    def state(self) -> dict[str, Array]:
        """What the numbers of an epoch are compared with, by name, for checkpoints."""
        return {}

    def on_step(self, epoch: int, step: int, steps: int) -> None:
        """Called before each launch: remembers the weights before the last step, whose size is measured."""
        if self.looks_before(step, steps):
            self.monitors.before_last_step()

    def looks_before(self, step: int, steps: int) -> bool:
        """Whether what is there before a step is looked at."""
        return step + 1 == steps

    def on_epoch(self, record: EpochRecord) -> None:
        """Called after each epoch, before anything else looks at its record."""
        numbers = self.monitors.numbers()
        record.numbers.update(numbers)
        for name, text in self.monitors.warnings(numbers, record.epoch).items():
            if name not in self.told:
                self.told.add(name)
                record.warnings.append(text)


class Doctor(ChainDoctor):
    """The same with all that :class:`~gpunet.rbm.Monitors` measures of a machine.

    Args:
        objective: how the machine learns.
        trainer: trains it.
        inputs: what it learns from.
    """

    monitors: Monitors

    def __init__(self, objective: ContrastiveDivergence, trainer: Trainer, inputs: Inputs):
        generator = host_generator(0, Purpose.SAMPLING)

        def states(part: Part) -> object:
            x = inputs.some(part, SAMPLES)
            if objective.binarise:
                # One draw for all members, so that each measures what it would alone; older runs keep their own.
                shape = x.shape if objective.numerics == 1 else x.shape[-2:]
                x = (generator.random(shape) < x).astype(x.dtype)
            return trainer.device.put(x)

        validation = states("validation") if len(inputs.split.validation) > 1 else None
        weights = inputs.some_weights("train", SAMPLES)
        other = None if validation is None else inputs.some_weights("validation", SAMPLES)
        super().__init__(Monitors(objective, trainer.parameters, states("train"), validation, weights, other))

    def state(self) -> dict[str, Array]:
        """What the numbers of an epoch are compared with, by name, for checkpoints."""
        found = {"monitors/weight": self.monitors.weight}
        return found if self.monitors.chains is None else found | {"monitors/chains": self.monitors.chains}
