"""What all methods that train members share: one experiment, trained again and again in other ways."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint, Group, in_memory
from ..data import some_of
from ..errors import ConfigError, DataError, Interrupted
from ..experiment import Experiment, Run, epoch_rows
from ..interruption import Stop
from ..metrics import Error, LogLoss, Outcome
from ..persistence import TrainedModel, graft, held_in, snapshot
from ..persistence.snapshot import model_tree
from ..stages import Callbacks, Forwarding, carry_out_population, restored_by
from ..training import EpochRecord, outputs_of, task_of
from .combining import Combination
from .weights import Score


@dataclass(frozen=True, eq=False)
class Made:
    """What a method made.

    Attributes:
        networks: the content of a checkpoint each.
        combination: of their members.
        facts: what it found out on the way, as JSON can hold it.
    """

    networks: list[Group]
    combination: Combination = field(default_factory=Combination)
    facts: dict[str, Any] = field(default_factory=dict)


class Told(Forwarding):
    """Passes everything on, and calls a function after each epoch.

    Args:
        inner: what is told.
        then: called with the run and the record.
    """

    def __init__(self, inner: Callbacks, then: Callable[[Run, EpochRecord], None]):
        super().__init__(inner)
        self._then = then

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Tell of the epoch, then call the function."""
        super().on_epoch(run, record)
        self._then(run, record)


@dataclass(frozen=True, eq=False)
class Making:
    """An experiment of one network, of which an ensemble is to be made.

    Args:
        experiment: of a configuration with one member, whose seed is that of the first.
        size: members that are asked for.
        source: checkpoint that every member takes its first weights from, or None for random ones.
        callbacks: what is told meanwhile.
        stop: ends all of it after the present step where it is requested.
        first: how many members others make before these, which are a part of the ensemble then.

    Raises:
        ConfigError: a model that predicts no targets, a population, or no size.
    """

    experiment: Experiment
    size: int
    source: Checkpoint | None = None
    callbacks: Callbacks = field(default_factory=Callbacks)
    stop: Stop = field(default_factory=Stop)
    first: int = 0
    _announced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Check what all methods need."""
        family = self.experiment.config.model
        grows = family.grown_on is not None
        if not family.has_outputs or family.reconstructs or family.layerwise is not None or grows:
            remedy = "Train a network of targets, such as mlp, from it"
            raise ConfigError("model", "must be a network that predicts targets", family.name, remedy)
        if self.experiment.dataset.partly:
            rule, remedy = "needs a label for each sample in an ensemble", "Remove samples without one"
            raise DataError(self.experiment.dataset.name, rule, "labels that are missing", remedy)
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 1:
            raise ConfigError("size", "must be a number of members, from 1 on", repr(self.size), "For example size=5")
        if self.experiment.config.members != 1:
            rule, remedy = "says how many networks there are, from seed on", "Leave members out"
            raise ConfigError("size", rule, f"members={self.experiment.config.members} as well", remedy)

    @cached_property
    def labelled(self) -> np.ndarray | None:
        """Which samples of the training part an epoch learns from; the same for all members, whatever their seeds."""
        about, split = self.experiment.dataset, self.experiment.split
        return epoch_rows(self.experiment.config.member(0), about.y[split.train], len(about.classes), True)

    @cached_property
    def seen(self) -> np.ndarray:
        """The numbers of the samples of the training part that have labels, each once."""
        return np.arange(len(self.experiment.split.train)) if self.labelled is None else np.unique(self.labelled)

    @property
    def seeds(self) -> list[int]:
        """Of the members."""
        return [self.experiment.config.seed + self.first + number for number in range(self.size)]

    def changed(self, values: Mapping[str, Any]) -> "Making":
        """The same with other values of the configuration by dotted key."""
        return replace(self, experiment=self.experiment.changed(values), _announced=self._announced)

    def trained(
        self,
        values: Mapping[str, Any] | None = None,
        rows: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        then: Callable[[Run, EpochRecord], None] | None = None,
    ) -> Run:
        """A run of the experiment that was trained to its end.

        Args:
            values: by dotted key, in which it differs.
            rows: what an epoch learns from, see :class:`~gpunet.experiment.Run`; the labelled samples by default.
            weights: of the samples of the data set in training.
            then: called after each epoch.

        Raises:
            Interrupted: it was stopped.
            DeviceError: memory does not suffice.
            DivergedError: a loss or gradient left the finite numbers.
        """
        experiment = self.experiment.changed(values) if values else self.experiment
        members_in_all = experiment.config.population
        if rows is None and self.labelled is not None:
            rows = self.labelled if members_in_all == 1 else np.tile(self.labelled, (members_in_all, 1))

        def of(members: range) -> np.ndarray | None:
            if rows is None or members_in_all == 1:
                return rows
            return rows[members] if len(members) > 1 else rows[members.start]

        def runs(own: Experiment, told: Callbacks) -> Iterator[Run]:
            run = Run(own, rows=rows, weights=weights)
            lines = graft(run, self.source) if self.source is not None else []
            for line in lines if not self._announced else ():
                told.on_note(f"  {line}")
            yield run

        def announce(run: Run) -> None:
            if not self._announced:
                self._announced.append(run.config.name)
                self.callbacks.on_start(run)

        restored = restored_by(lambda own, members: Run(own, rows=of(members), weights=weights))
        told = self.callbacks if then is None else Told(self.callbacks, then)
        carried = carry_out_population(runs, experiment, told, self.stop, prepare=announce, restored=restored)
        if not carried.finished:
            rule = f"was stopped by {self.stop.requested}"
            raise Interrupted("ensemble", rule, None, "Nothing was kept; begin again")
        return carried.run

    def note(self, text: str) -> None:
        """Tell a line about what comes next."""
        self.callbacks.on_note(text)

    def restored(self, content: Group) -> TrainedModel:
        """The network of a checkpoint's content, on the device."""
        held = held_in(in_memory(content), self.experiment.device, self.experiment.config.families)
        assert isinstance(held, TrainedModel), "it has outputs"
        return held

    def outputs(self, held: TrainedModel, rows: np.ndarray) -> np.ndarray:
        """Activated outputs of each member for samples of the data set: (members, samples, K), in the targets' units.

        Args:
            held: a network.
            rows: numbers of the samples.
        """
        x, device = some_of(self.experiment.dataset.x, rows), self.experiment.device
        x = x.reshape(len(x), *held.input_shape)
        parts = [
            np.array(device.get(part), np.float64)
            for part in outputs_of(held.model, held.loss, held.preprocessing, x, device, held.parameters.dtype)
        ]
        found = np.concatenate(parts, axis=-2).reshape(len(held.parameters.seeds), len(x), -1)
        scale = held.description.target_scale
        return found if scale is None else np.asarray(scale.undo(found))

    def outcome(
        self, held: TrainedModel | Sequence[TrainedModel], outputs: np.ndarray, rows: np.ndarray
    ) -> Outcome | None:
        """What outputs (samples, K) say about samples of the data set, beside their targets; None without figures.

        Args:
            held: the network that they are of, or those whose members' outputs were averaged.
            outputs: activated, in the targets' units.
            rows: numbers of the samples.
        """
        about = self.experiment.dataset
        networks = [held] if isinstance(held, TrainedModel) else held
        loss = networks[0].loss
        task = task_of(loss, about.y[rows])
        if task is None:
            return None
        weight = None if about.weights is None else about.weights[rows]
        thresholds = [one.thresholds[one.predicting] for one in networks if one.thresholds is not None]
        threshold = float(np.concatenate(thresholds).mean()) if thresholds else None
        return Outcome(task, outputs, about.y[rows], weight, loss.meaning == "probability", threshold)

    def score(self, content: Group) -> Score:
        """How a network does on the validation part, lower is better.

        Raises:
            ConfigError: there is none.
        """
        rows = self.experiment.split.validation
        if not len(rows):
            raise ConfigError("validation", "is needed to judge by", "no validation part", "Set validation=0.15")
        held = self.restored(content)
        outcome = self.outcome(held, self.outputs(held, rows)[held.predicting].mean(axis=0), rows)
        if outcome is None:
            raise ConfigError("loss", "must have figures to judge by", held.config.model.name, "Choose another loss")
        return judged(outcome)


def kept(run: Run) -> Group:
    """The content of the checkpoint of a finished run, with its best weights."""
    return snapshot(run, best=True)


def present(run: Run, record: EpochRecord) -> Group:
    """The content of a checkpoint with the weights that a run has now, after an epoch."""
    root = snapshot(run, best=True)
    parameters = run.trainer.parameters
    root["model"] = model_tree(run.objective.model, parameters, run.device.get(parameters.values))
    root.attrs |= {"epoch": record.epoch, "monitor": "last", "monitor_value": float(record.epoch)}
    return root


def judged(outcome: Outcome) -> Score:
    """The error of decisions and the log loss, or the squared error of values alone: lower is better."""
    if outcome.task == "regression":
        return outcome.mean(((outcome.outputs - outcome.target) ** 2).sum(axis=1)), 0.0
    error = round(Error().value(outcome), 12)
    return error, LogLoss().value(outcome) if outcome.probability else 0.0
