"""How the members of an ensemble are made: each method is a class whose fields are its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt, Le

from ..checkpoint import Group
from ..config import build_optimization
from ..errors import ConfigError, meant
from ..experiment import Experiment, Run
from ..fields import check_fields, term
from ..schedules import Schedule
from ..training import EpochRecord
from ..vocabulary import word_of
from .boosting import samme
from .combining import Combination, Rule, weighted_mean
from .making import Made, Making, judged, kept, present
from .resampling import bootstrap, out_of_bag
from .weights import averaged_weights, greedy_soup

Share = Annotated[float, Gt(0), Le(1)]
SIZE = 5


@dataclass(frozen=True)
class Method:
    """Base of the methods.

    Attributes:
        combine: how the outputs of its members become one, unless something else is asked for; None where it makes
            one network.
        populations: whether its members may differ in values by member, each place of which has all of its seeds.
        apart: whether members can be made apart from each other, so that several processes can share them.
    """

    combine: ClassVar[Rule | None] = "mean"
    populations: ClassVar[bool] = False
    apart: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    @property
    def name(self) -> str:
        """The word for it."""
        return term(type(self))

    def check(self, making: Making) -> None:
        """Refuse, before anything is trained, what the method does not suit.

        Raises:
            ConfigError: a configuration, data or a start.
        """
        differing = making.experiment.config.by_member
        if differing and not self.populations:
            able = " or ".join(term(kind) for kind in METHODS if kind.populations)
            rule = f"does not go with {self.name}, whose members are made one after the other"
            received = f"{making.experiment.config.places} values by member"
            raise ConfigError(next(iter(differing)), rule, received, f"Give one value, or use {able}")

    def make(self, making: Making) -> Made:
        """Train the members.

        Raises:
            ConfigError: a configuration that the method does not suit.
            Interrupted: it was stopped.
        """
        return self.joined(making, self.members(making))

    def members(self, making: Making) -> list[Group]:
        """The contents of checkpoints of the members; of a method whose members are made apart, of those in ``making``.

        Raises:
            Interrupted: it was stopped.
        """
        raise NotImplementedError

    def joined(self, making: Making, contents: Sequence[Group]) -> Made:
        """What all members are together.

        Args:
            making: of all of them.
            contents: of their checkpoints, in order; populations or single members.
        """
        return Made(list(contents))


@dataclass(frozen=True)
class Seeds(Method):
    """The same network from several seeds: other first weights and another order of the samples; trained at once."""

    populations: ClassVar[bool] = True
    apart: ClassVar[bool] = True

    def members(self, making: Making) -> list[Group]:
        """One population."""
        return [kept(making.trained({"members": making.size, "seed": making.seeds[0]}))]


@dataclass(frozen=True)
class Bagging(Method):
    """Each member learns from samples drawn with replacement; those that it has not seen measure it for nothing.

    Breiman: Bagging predictors (1996).

    Args:
        share: of the number of training samples that each draws; 1.0 by default.
    """

    populations: ClassVar[bool] = True
    apart: ClassVar[bool] = True

    share: Share = 1.0

    def members(self, making: Making) -> list[Group]:
        """One population, whose members have samples of their own."""
        times = 1 if making.labelled is None else max(1, len(making.labelled) // len(making.seen))
        rows = np.stack([np.tile(own, times) for own in self._drawn(making)]).astype(np.int32)
        values = {"members": making.size, "seed": making.seeds[0]}
        return [kept(making.trained(values, rows=rows if len(rows) > 1 else rows[0]))]

    def joined(self, making: Making, contents: Sequence[Group]) -> Made:
        """All members, and the out-of-bag error."""
        train, drawn = making.experiment.split.train, self._drawn(making)
        held = [making.restored(content) for content in contents]
        seen = np.stack([np.isin(making.seen, own) for own in drawn])
        facts: dict[str, Any] = {"drawn": len(drawn[0]), "seen": [int(own.sum()) for own in seen]}
        first = 0
        for one in held:
            seen[[first + member for member in one.diverged]] = True  # so that they measure nothing
            first += len(one.parameters.seeds)
        outputs = np.concatenate([making.outputs(one, train[making.seen]) for one in held])
        outputs, covered = out_of_bag(outputs, seen)
        outcome = making.outcome(held, outputs, train[making.seen][covered]) if len(covered) else None
        if outcome is not None:
            name = "squared_error" if outcome.task == "regression" else "error"
            facts["out_of_bag"] = {"samples": outcome.samples, name: judged(outcome)[0]}
            if outcome.task != "regression" and outcome.probability:
                facts["out_of_bag"]["log_loss"] = judged(outcome)[1]
        return Made(list(contents), facts=facts)

    def _drawn(self, making: Making) -> list[np.ndarray]:
        """What each member learns from."""
        places = making.experiment.config.places
        return [bootstrap(making.seen, seed, self.share) for seed in making.seeds * places]


@dataclass(frozen=True)
class Subspaces(Method):
    """Each member sees a random part of the features.  Ho: The random subspace method (1998).

    Args:
        share: of the features that each sees; 0.5 by default.
    """

    apart: ClassVar[bool] = True

    share: Share = 0.5

    def members(self, making: Making) -> list[Group]:
        """One training after the other, since their first layers differ in size or meaning."""
        steps = [word_of(step.preparation) for step in making.experiment.inputs.original.steps]
        networks = []
        for number, seed in enumerate(making.seeds):
            making.note(f"member {number + 1} of {making.size}")
            chain = [*steps, {"name": "subspace", "share": self.share, "seed": seed}]
            networks.append(kept(making.trained({"seed": seed, "data.preprocess": chain})))
        return networks


@dataclass(frozen=True)
class Snapshots(Method):
    """One training whose learning rate falls along a cosine and begins anew; the network at each end is a member.

    Huang et al.: Snapshot ensembles: train 1, get M for free (2017).
    """

    def check(self, making: Making) -> None:
        """All epochs are needed, and the cycles must fill them."""
        super().check(making)
        _check_cycles(making, self.name)

    def make(self, making: Making) -> Made:
        """As many cycles as members, in all epochs of the configuration."""
        making, period = cycles(making)
        found: list[Group] = []

        def keep(run: Run, record: EpochRecord) -> None:
            if record.epoch % period == 0:
                found.append(present(run, record))

        making.trained(then=keep)
        return Made(found, facts={"cycles": making.size, "epochs_of_a_cycle": period})


@dataclass(frozen=True)
class Swa(Method):
    """One network: the mean of the weights at the ends of the last epochs of one training, as many as members.

    It goes with a learning rate that stays high.  Izmailov et al.: Averaging weights leads to wider optima and better
    generalization (2018).
    """

    combine: ClassVar[Rule | None] = None

    def check(self, making: Making) -> None:
        """All epochs are needed, and as many of them as networks are averaged."""
        super().check(making)
        _whole_training(making, self.name)
        epochs = making.experiment.config.training.epochs
        if making.size > epochs:
            remedy = f"Train longer, or set size={epochs}"
            raise ConfigError("size", f"must be at most the {epochs} epochs of the training", making.size, remedy)

    def make(self, making: Making) -> Made:
        """One training, and what each of the networks on the way is worth beside their mean."""
        epochs = making.experiment.config.training.epochs
        found: list[Group] = []

        def keep(run: Run, record: EpochRecord) -> None:
            if record.epoch > epochs - making.size:
                found.append(present(run, record))

        making.trained(then=keep)
        mean = averaged_weights(found)
        facts: dict[str, Any] = {"averaged": list(range(epochs - making.size + 1, epochs + 1))}
        if len(making.experiment.split.validation):
            facts |= {"scores": [making.score(one) for one in found], "score": making.score(mean)}
        return Made([mean], facts=facts)


@dataclass(frozen=True)
class Soup(Method):
    """One network: the mean of the weights of those members that do not make it worse on validation, best first.

    It needs members that start from the same weights, so that their mean means something.  Wortsman et al.: Model
    soups (2022).
    """

    combine: ClassVar[Rule | None] = None
    apart: ClassVar[bool] = True

    def check(self, making: Making) -> None:
        """There must be a common start, and a part to judge on."""
        super().check(making)
        if making.source is None:
            rule, remedy = "needs members that start from the same weights", "Name a checkpoint to start from"
            raise ConfigError("soup", rule, "random ones", remedy)
        if not len(making.experiment.split.validation):
            raise ConfigError("soup", "needs a validation part to choose on", "none", "Set validation=0.15")

    def members(self, making: Making) -> list[Group]:
        """One training from the common start for each seed."""
        contents = []
        for number, seed in enumerate(making.seeds):
            making.note(f"member {number + 1} of {making.size}")
            contents.append(kept(making.trained({"seed": seed})))
        return contents

    def joined(self, making: Making, contents: Sequence[Group]) -> Made:
        """The mean of those that help."""
        mean, taken, scores = greedy_soup(list(contents), making.score)
        names = [f"seed {making.seeds[number]}" for number in taken]
        return Made([mean], facts={"averaged": names, "scores": scores, "score": making.score(mean)})


@dataclass(frozen=True)
class Boosting(Method):
    """Each member learns most from what those before it got wrong, and they vote by how much they are worth.

    It ends early where a member makes no error on the training part, or no longer beats guessing.  Zhu, Zou, Rosset,
    Hastie: Multi-class AdaBoost (2009), called SAMME there.
    """

    combine: ClassVar[Rule | None] = "majority"

    def check(self, making: Making) -> None:
        """There must be classes."""
        super().check(making)
        if not making.experiment.dataset.classes:
            rule, remedy = "needs classes, whose wrong predictions it counts", "Use bagging for other targets"
            raise ConfigError("boosting", rule, making.experiment.dataset.task, remedy)

    def make(self, making: Making) -> Made:
        """One training after the other, with the weights of samples through the loss."""
        experiment = making.experiment
        classes = len(experiment.dataset.classes)
        rows = experiment.split.train[making.seen]
        own = np.ones(len(rows)) if experiment.dataset.weights is None else experiment.dataset.weights[rows]
        share = own / own.sum()
        networks: list[Group] = []
        worth: list[float] = []
        errors: list[float] = []
        ended = ""
        for number, seed in enumerate(making.seeds):
            making.note(f"member {number + 1} of {making.size}")
            weights = np.zeros(len(experiment.dataset.y))
            weights[rows] = share * len(rows) / np.where(own > 0, own, 1)  # what the samples count by themselves comes
            content = kept(making.trained({"seed": seed}, weights=weights))
            boost = samme(share, self._wrong(making, content, rows), classes)
            if boost.weight > 0 or not networks:
                networks, worth = [*networks, content], [*worth, max(boost.weight, 0) or 1.0]
                errors.append(boost.error)
            if boost.sample_weights is None:
                ended = f"member {number + 1} is the last: {boost.why}"
                making.note(ended)
                break
            share = boost.sample_weights
        facts = {"weighted_errors": errors, "ended": ended}
        return Made(networks, Combination("majority", np.array(worth)), facts)

    @staticmethod
    def _wrong(making: Making, content: Group, rows: np.ndarray) -> np.ndarray:
        held = making.restored(content)
        outcome = making.outcome(held, weighted_mean(making.outputs(held, rows)), rows)
        assert outcome is not None, "classes have figures"
        return np.asarray(outcome.predicted != outcome.target)


METHODS: tuple[type[Method], ...] = (Seeds, Bagging, Subspaces, Snapshots, Boosting, Swa, Soup)
NAMES = {term(kind): kind for kind in METHODS}


def method_named(name: str, share: float | None = None) -> Method:
    """The method of a name.

    Args:
        name: such as ``bagging``.
        share: of samples or features that each member sees, for the methods that have one.

    Raises:
        ConfigError: another name, or a share that the method has not.
    """
    if name not in NAMES:
        raise ConfigError(
            "method", "must be known", repr(name), meant(name, list(NAMES), f"There are {', '.join(NAMES)}")
        )
    kind: Any = NAMES[name]
    made: Method
    if share is None:
        made = kind()
        return made
    if "share" not in kind.__dataclass_fields__:
        own = [word for word, other in NAMES.items() if "share" in other.__dataclass_fields__]
        raise ConfigError("share", f"belongs to {' and '.join(own)}", name, "Leave it out")
    if not isinstance(share, int | float) or isinstance(share, bool):
        raise ConfigError("share", "must be a number", repr(share), "For example 0.5")
    try:
        made = kind(share)
    except ConfigError as error:
        raise ConfigError("share", error.rule, error.received, error.remedy) from None
    return made


def usual_size(experiment: Experiment, method: Method) -> int:
    """How many members there are where nobody says: 5, or one for each place of values by member."""
    return 1 if experiment.config.by_member and isinstance(method, Seeds) else SIZE


def _check_cycles(making: Making, name: str) -> None:
    """Refuse a training that cycles do not fill, and a rule without a rate."""
    _whole_training(making, name)
    config = making.experiment.config
    epochs = config.training.epochs
    if epochs % making.size:
        longer = making.size * (epochs // making.size + 1)
        rule = f"must be a multiple of the {making.size} cycles"
        raise ConfigError("epochs", rule, epochs, f"Set epochs={longer}")
    if not isinstance(getattr(build_optimization(config).rule, "learning_rate", None), int | float | Schedule):
        rule = f"must be there for {name}, which bring it down in cycles"
        raise ConfigError("learning_rate", rule, "a rule without one", "Choose another optimizer, such as adam")


def cycles(making: Making) -> tuple[Making, int]:
    """The making with a learning rate in cycles, and the epochs of each."""
    config = making.experiment.config
    epochs, rate = config.training.epochs, getattr(build_optimization(config).rule, "learning_rate", None)
    if isinstance(rate, Schedule):
        rate = float(rate(np.linspace(0, epochs, 100 * epochs, endpoint=False)).max())
        making.note(f"  cycles begin with learning rate {rate:g}, the highest of the configured schedule")
    assert isinstance(rate, int | float), "there is a rate"
    period = epochs // making.size
    schedule = {"name": "cosine_restarts", "value": float(rate), "period": float(period)}
    return making.changed({"optimizer.learning_rate": schedule}), period


def _whole_training(making: Making, name: str) -> None:
    """Refuse what ends or changes a training on the way, or leaves its weights elsewhere."""
    training = making.experiment.config.training
    for key in ("patience", "plateau", "averaging", "threshold"):
        if getattr(training, key) is not None:
            raise ConfigError(key, f"does not go with {name}", "both", f"Leave {key} out")
