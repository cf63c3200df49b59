"""Pretrained networks against their controls, each with its own choice of the learning rate.

The arms differ in how they start, or in their activation, and in nothing else.  All see the same split, the same
labelled samples in the same order, the same initial output layer and the same number of updates at most, for every
seed; all choose learning rate and epoch on the validation part, and are scored on the test part once.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..backend import out_of_memory
from ..checkpoint import Checkpoint
from ..config import Config, check
from ..data import Dataset, Split
from ..errors import ConfigError, DataError, DivergedError
from ..experiment import Experiment, Run
from ..families import Layerwise
from ..fields import term
from ..interruption import Stop
from ..persistence import graft
from ..plain import repeated
from ..stages import Stack, within_memory
from ..vocabulary import MEMBERS
from .arms import ARMS, Arm, ArmResult, Source, Trial
from .tuning import alone, best_of, train_rates, wider


class Comparison:
    """What is compared with what, checked before the first step.

    Args:
        experiment: of the stack; its data, seeds and widths hold for all arms.
        network: of fine-tuning: optimizer, training, loss and what a perceptron has beside widths and activation.
        labels: how many labels to learn from; None for all.
        rates: learning rates to choose from.
        widen: how often two more rates are tried where an arm's choice lies at an end, unless there is but one.

    Raises:
        ConfigError: something that cannot be compared.
        DataError: data without classes.
    """

    def __init__(
        self,
        experiment: Experiment,
        network: Config,
        labels: Sequence[int | None],
        rates: Sequence[float],
        widen: int = 4,
    ):
        self.experiment, self.network, self.widen = experiment, network, widen
        counts = [len(self.split.train) if count is None else count for count in labels]
        check_distinct("labels to compare", counts)
        check_distinct("rates to try", rates)
        self.labels, self.rates = sorted(counts), sorted(rates)
        self.model = _stack_of(self.pretraining)
        self._check()
        self.inputs = experiment.inputs
        self._check_units()
        for count in self.labels:  # wrong settings are found here, not after an hour of pretraining
            self._run(ARMS[0], count, self.rates[:1])
            self.stack(count)

    @property
    def pretraining(self) -> Config:
        """Configuration of the stack and its pretraining."""
        return self.experiment.config

    @property
    def dataset(self) -> Dataset:
        """Samples and classes on the host."""
        return self.experiment.dataset

    @property
    def split(self) -> Split:
        """Which samples train, select and test."""
        return self.experiment.split

    @property
    def labelled_pretraining(self) -> bool:
        """Whether pretraining itself looks at labels, so that each number of labels needs a stack of its own."""
        return self.model.wants_targets

    def stack(self, labels: int) -> Stack:
        """The stack to pretrain: on all images of the training part, but never with more labels than its arm has."""
        config = self.pretraining
        data = config.data.model_copy(update={"labels": labels if self.labelled_pretraining else None})
        return Stack(self.experiment.configured(config.model_copy(update={"data": data})))

    def check_pretraining(self) -> None:
        """Put the first layer of each stack together, which finds what it cannot learn from.

        Raises:
            ConfigError: settings that do not suit the layer or the samples.
            DataError: data that its visible units cannot take.
        """
        for count in self.labels if self.labelled_pretraining else self.labels[:1]:
            next(self.stack(count).stages())

    def check_source(self, source: Checkpoint) -> None:
        """Refuse a stack of an earlier run that is unfinished, has seen other data, or more labels than are compared.

        Raises:
            ConfigError: it has.
        """
        if source.root["data"].attrs["data_sha256"] != self.dataset.sha256:
            remedy = "Give the same data, or pretrain anew without a source"
            raise ConfigError("source", "must be pretrained on the data of the comparison", "other data", remedy)
        finished, widths = len(source.group("pretraining").children), self.model.hidden
        if finished < len(widths):
            raise ConfigError("source", f"must have all {len(widths)} layers", finished, "Pretrain the others first")
        seen = self.pretraining.data.labels or len(self.split.train)
        if self.labelled_pretraining and seen > self.labels[0]:
            rule = f"must not have learned from more labels than the fewest of the labels, {self.labels[0]}"
            raise ConfigError("source", rule, f"{seen} labels", "Compare more labels, or pretrain anew")

    def result(
        self,
        arm: Arm,
        labels: int,
        source: Source | None,
        on_trial: Callable[[Trial], None] = lambda trial: None,
        stop: Stop | None = None,
        note: Callable[[str], object] = lambda text: None,
    ) -> ArmResult | None:
        """Train an arm with every learning rate, choose one on validation, score it on the test part.

        Rates and seeds are one population, or several where memory or ``training.together`` ask for it, with the same
        results; where the choice lies at an end of the rates, more are tried beyond it.

        Args:
            arm: one of :data:`ARMS`.
            labels: one of the numbers of labels.
            source: of the pretrained layers; other arms need none, leave it alone and pay nothing for it.
            on_trial: called after each learning rate.
            stop: ends everything where it is requested; then there is no result.
            note: told in one line what does not fit into memory.

        Raises:
            DeviceError: memory does not suffice for the seeds of one rate.
            DivergedError: no learning rate stays finite.
        """
        trials: list[Trial] = []
        kept: tuple[Trial, Run] | None = None  # the best so far
        rates: Sequence[float] = self.rates
        for left in range(self.widen, -1, -1):
            for chunk in self._at_once(rates):
                for run, together, found in self._trained(arm, labels, source, chunk, stop, note):
                    if stop is not None and stop.requested:
                        return None
                    for trial in found:
                        on_trial(trial)
                    trials = sorted([*trials, *found], key=lambda trial: trial.rate)
                    best = best_of(trials)
                    if best is not None and any(best is trial for trial in found):
                        place = together.index(best.rate)
                        empty = self._run(arm, labels, [best.rate])
                        kept = best, alone(run, place, len(together), empty)
            rates = wider(trials) if left else []
            if not rates:
                break
        if kept is None:
            tried = ", ".join(f"{trial.rate:g}" for trial in trials)
            thing, rule = f"{arm.name} with {labels} labels", "must stay finite at some learning rate"
            raise DivergedError(thing, rule, tried, "Lower the rates")
        chosen, run = kept
        run.score_test()
        charged = source.seconds if arm.pretrained and source is not None else 0.0
        return ArmResult(arm, labels, tuple(trials), chosen, 1 - run.test_scores["accuracy"], charged, run)

    def _at_once(self, rates: Sequence[float]) -> Iterator[Sequence[float]]:
        """The rates that are one population each."""
        together = self.network.training.together
        most = len(rates) if together is None else max(1, together // self.pretraining.members)
        for first in range(0, len(rates), most):
            yield rates[first : first + most]

    def _trained(
        self,
        arm: Arm,
        labels: int,
        source: Source | None,
        rates: Sequence[float],
        stop: Stop | None,
        note: Callable[[str], object],
    ) -> Iterator[tuple[Run, Sequence[float], list[Trial]]]:
        """Rates as one population, or as two of half of them where they do not fit into memory."""

        def train() -> tuple[Run, Sequence[float], list[Trial]]:
            run = self._run(arm, labels, rates)
            if arm.pretrained:
                assert source is not None, "there is a stack by now"
                graft(run, source.checkpoint)
            return run, rates, train_rates(run, rates, stop)

        if len(rates) == 1:
            yield within_memory(train, self.experiment.configured(self._config(arm, labels, rates)))
            return
        try:
            trained = train()
        except Exception as error:
            if not out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
        else:
            yield trained
            return
        self.experiment.device.release()
        middle = len(rates) // 2
        note(f"{len(rates)} learning rates do not fit into memory together: {middle} of them, and then the others")
        for part in (rates[:middle], rates[middle:]):
            yield from self._trained(arm, labels, source, part, stop, note)

    def _run(self, arm: Arm, labels: int, rates: Sequence[float]) -> Run:
        return Run(self.experiment.configured(self._config(arm, labels, rates)), self.inputs)

    def _config(self, arm: Arm, labels: int, rates: Sequence[float]) -> Config:
        values = self.network.model_dump()
        values["seed"], values["members"] = self.pretraining.seed, self.pretraining.members
        values["data"] = self.pretraining.data.model_dump() | {"labels": labels}
        model = self.network.model.with_hidden(self.model.hidden, arm.activation)
        assert model is not None, "checked when the comparison was made"
        values["model"] = model.model_dump()
        values["optimizer"]["learning_rate"] = _with_rates(values["optimizer"]["learning_rate"], rates)
        return check(values, self.network.families)

    def _check(self) -> None:
        for config in (self.pretraining, self.network):
            for key in config.by_member:
                rule = "must be the same for all arms and seeds of a comparison"
                raise ConfigError(key, rule, "a list of values by member", "Write one value")
        network, monitor = self.network.model, self.network.training.monitor
        if not self.dataset.classes:
            raise DataError(self.dataset.name, "must have classes to compare errors", "real-valued targets")
        if network.with_hidden(self.model.hidden, "sigmoid") is None:
            raise ConfigError("network.model", "must be mlp", network.name, "Use the preset finetune")
        if monitor not in ("auto", "validation_accuracy"):
            remedy = "Leave network.monitor out"
            raise ConfigError("network.monitor", "must be validation_accuracy to compare errors", monitor, remedy)
        for part in ("validation", "test"):
            if not len(getattr(self.split, part)):
                raise ConfigError(part, "must have samples to choose on and to compare", 0, "Set it to 0.15")
        self._check_labels()

    def _check_units(self) -> None:
        hidden = [machine.hidden for machine in self.model.machines((self.inputs.features,))]
        if not all(units.bits for units in hidden):
            remedy = "Leave hidden_units and top_units out"
            rule = "must have bernoulli hidden units to become a sigmoid network"
            found = ", ".join(sorted({term(type(units)) for units in hidden}))
            raise ConfigError("model", rule, found, remedy)

    def _check_labels(self) -> None:
        classes, samples, batch = len(self.dataset.classes), len(self.split.train), self.network.training.batch_size
        for count in self.labels:
            if not classes <= count <= samples:
                rule = f"must be between the {classes} classes and the {samples:,} samples of the training part"
                raise ConfigError("labels to compare", rule, count, "Write all for all of them")
        if batch > self.labels[0]:
            rule, remedy = f"must be at most the fewest labels, {self.labels[0]}", min(20, self.labels[0])
            raise ConfigError("network.batch_size", rule, batch, f"Set network.batch_size={remedy}")


def check_distinct(thing: str, values: Sequence[Any]) -> None:
    """Refuse a list in which something is twice.

    Raises:
        ConfigError: naming it.
    """
    if (twice := repeated(values)) is not None:
        raise ConfigError(thing, "must be there once each", f"{twice} twice", "Leave one out")


def _stack_of(config: Config) -> Layerwise:
    if config.model.layerwise is None:
        raise ConfigError("compare", "pretrains a stack of machines", config.model.name, "Pretrain a dbn")
    return config.model.layerwise


def _with_rates(setting: Any, rates: Sequence[float]) -> Any:
    """Learning rates by member in the place of the configured one, or of the first value of its schedule."""
    given = {MEMBERS: list(rates)}
    if isinstance(setting, float | int):
        return given
    if setting is not None and "value" in setting:
        return setting | {"value": given}
    name = "none" if setting is None else setting["name"]
    remedy = "Use a number, or a schedule with a value such as step"
    raise ConfigError("network.learning_rate", "must have one value that the rates can replace", name, remedy)
