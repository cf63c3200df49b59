"""Several networks that predict together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Group
from ..data import Features
from ..ensembles import (
    GIVEN,
    ROUNDS,
    SHARES,
    Combination,
    Evidence,
    Selected,
    Temperature,
    aligned,
    ensemble_tree,
    fitted_temperature,
    greedy_selection,
    report,
    tempered,
)
from ..errors import CheckpointError, ConfigError
from ..metrics import Outcome, Task, class_numbers
from .agreeing import agree, name_of
from .network import Network
from .results import Result, written
from .targets import target_array


class Ensemble:
    """Networks that predict together, each member of a population counting once, unless it diverged.

    They must have learned the same: the same classes in the same order, or as many targets, from the same features,
    with outputs that mean the same.

    Args:
        networks: at least one.
        combine: ``mean`` of outputs; ``geometric`` mean of probabilities, which is the mean of their ``logits``;
            ``majority`` of votes.
        weights: of the members in it, (members,), from 0; all alike by default.
        temperature: that combined probabilities are brought to, see :meth:`calibrated`.

    Attributes:
        networks: as given.
        combination: how outputs become one.
        method: what made the networks.
        facts: what it found out on the way, such as ``out_of_bag``.
        saved_report: what was measured when it was made, by name, or empty; see :meth:`report`.

    Raises:
        CheckpointError: a network that does not go with the first.
        ConfigError: a combination that does not suit the networks.

    >>> import gpunet
    >>> x = np.random.default_rng(0).random((200, 4), np.float32)
    >>> nets = [gpunet.train("linear", x, x[:, 0] > x[:, 1], epochs=3, seed=seed) for seed in (0, 1)]
    >>> together = Ensemble(nets, combine="geometric", weights=[2, 1])
    >>> len(together), together.predict_proba(x).shape
    (2, (200, 2))
    """

    def __init__(
        self,
        networks: Sequence[Result],
        combine: str = "mean",
        weights: Sequence[float] | np.ndarray | None = None,
        temperature: float = 1.0,
    ):
        networks = [networks] if isinstance(networks, Result) else networks
        for number, network in enumerate(networks):
            if not isinstance(network, Network):
                known = isinstance(network, Result)
                rule, got = "must be a network that predicts", type(network).__name__
                raise CheckpointError(
                    name_of(network, number) if known else f"network {number}",
                    rule,
                    network.config.model.name if known else got,
                    "Load it alone",
                )
        if not networks:
            raise CheckpointError(
                "networks", "must be at least one", "none", "Pass networks that gpunet.train returned"
            )
        self.networks: list[Network] = list(networks)  # type: ignore[arg-type]
        agree(self.networks)
        given: Any = combine
        self.combination = Combination(given, None if weights is None else np.asarray(weights), temperature)
        self.combination.check(len(self), self.networks[0].meaning)
        self.method, self.facts, self.saved_report = GIVEN, dict[str, Any](), dict[str, Any]()

    @classmethod
    def of(
        cls,
        networks: Sequence[Result],
        combination: Combination,
        method: str = GIVEN,
        facts: Mapping[str, Any] | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> "Ensemble":
        """An ensemble with what is known about how it was made.

        Args:
            networks: at least one.
            combination: of their members.
            method: that made them.
            facts: what it found out on the way.
            report: what was measured.
        """
        found = cls(networks, combination.rule, combination.weights, combination.temperature)
        found.method, found.facts, found.saved_report = method, dict(facts or {}), dict(report or {})
        return found

    @property
    def members(self) -> list[Network]:
        """Every network by itself, those of populations one by one."""
        return [network.members[number] for network in self.networks for number in network.trained.predicting]

    @property
    def left_out(self) -> list[str]:
        """A line for each network of which members are left out, since they diverged in training."""
        return [line for network in self.networks for line in network.trained.left_out]

    @property
    def classes(self) -> np.ndarray:
        """The classes as they were given in training; empty for values."""
        return self.networks[0].classes

    @property
    def task(self) -> Task:
        """What the targets are."""
        if len(self.classes):
            return "classification"
        return "multilabel" if self.networks[0].predicts_labels else "regression"

    @property
    def meaning(self) -> str:
        """What a combined output is: of a class ``probability``, ``score``, or share of ``votes``; or a ``value``."""
        return "votes" if self.combination.rule == "majority" else self.networks[0].meaning

    def outputs(self, x: Any) -> np.ndarray:
        """Activated outputs, combined over all members of all networks: (samples, outputs).

        Two classes have two columns as soon as one of the networks has.
        """
        return self.combined(self.member_outputs([network.read(x).x for network in self.networks]))

    def member_outputs(self, features: Sequence[Features]) -> np.ndarray:
        """Activated outputs of every member, (members, samples, outputs).

        Args:
            features: of the same samples as each network reads them, (samples, *input_shape).
        """
        pairs = zip(self.networks, features, strict=True)
        return aligned([n.member_outputs_on(x)[n.trained.predicting] for n, x in pairs], len(self.classes))

    def combined(self, outputs: np.ndarray, combination: Combination | None = None) -> np.ndarray:
        """Combined outputs, (samples, outputs), of those of every member; another combination where one is given."""
        probable = self.networks[0].meaning == "probability"
        chosen = self.combination if combination is None else combination
        return chosen(outputs, self.task, probable, self.member_threshold)

    @property
    def member_threshold(self) -> float | None:
        """The mean over the networks that have a fitted threshold, where any has."""
        fitted = [network.threshold for network in self.networks if network.threshold is not None]
        return float(np.mean(fitted)) if fitted else None

    @property
    def threshold(self) -> float | None:
        """Of combined outputs, beyond which the second of two classes, or a label, is predicted; None is the usual one.

        It is the mean over the networks that have a fitted one, at the temperature of the outputs; votes are counted
        by the usual one.
        """
        found = self.member_threshold
        if found is None or self.combination.rule == "majority":
            return None
        return float(tempered(np.array([found]), self.combination.temperature, False)[0])

    def class_numbers(self, outputs: np.ndarray) -> np.ndarray:
        """The number of the class that each row of combined outputs speaks for."""
        return class_numbers(outputs, self.meaning in SHARES, self.threshold)

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Which labels combined outputs speak for, 0 and 1."""
        usual = 0.5 if self.meaning in SHARES else 0.0
        return (outputs > (usual if self.threshold is None else self.threshold)).astype(np.int64)

    def outcome(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> Outcome | None:
        """What figures are computed from, given combined outputs and targets as numbers; None where there are none."""
        found = self.networks[0].outcome(outputs, targets)
        if found is None:
            return None
        limit = 0.5 if self.meaning == "votes" else self.threshold
        return replace(found, weight=weights, threshold=limit, probability=self.meaning == "probability")

    def predict(self, x: Any) -> np.ndarray:
        """The class of each sample as it was given in training, its labels as 0 and 1, or its predicted values."""
        found = self.outputs(x)
        if self.networks[0].predicts_labels:
            return self.labels(found)
        if not len(self.classes):
            return found[:, 0] if found.shape[1] == 1 else found
        return self.classes[self.class_numbers(found)]

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of each class or label, (samples, classes).

        Raises:
            ConfigError: outputs that are no probabilities of classes, as the votes of a majority.
        """
        if self.meaning == "votes":
            rule, remedy = "needs probabilities of classes or labels", "Their share is in outputs(x)"
            raise ConfigError("predict_proba", rule, "votes", remedy)
        if self.meaning != "probability":
            self.networks[0].predict_proba(x[:1] if hasattr(x, "__getitem__") and not isinstance(x, str) else x)
        found = self.outputs(x)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 and len(self.classes) else found

    def score(self, x: Any, y: Any = None) -> float:
        """Share of right classes, or R2, of the combined predictions; see :meth:`Network.score`."""
        first, found = self.networks[0], self.outputs(x)
        y = first.targets(x, y)
        if self.task == "regression":
            return first.score_of(found, y)
        wanted = first.target_numbers(target_array(y, len(found)))
        if self.task == "classification":
            return float(np.mean(self.class_numbers(found) == wanted))
        return float(np.mean(self.labels(found) == (wanted > 0.5)))

    def calibrated(self, x: Any, y: Any = None) -> "Ensemble":
        """The same with the temperature whose probabilities fit samples best that no member was trained on.

        Classes that are predicted stay the same.  Where no temperature is best, since all samples are predicted right,
        it stays 1; ``facts["calibration"]`` says why.

        Args:
            x: samples of a validation part.
            y: their targets, see :meth:`Network.score`.

        Raises:
            ConfigError: outputs that are no probabilities.
            DataError: samples or targets that the networks were not trained for.
        """
        first = self.networks[0]
        if self.meaning != "probability":
            what = self.meaning if self.meaning == "votes" else f"{self.meaning}s"
            raise ConfigError("calibrated", "needs probabilities of classes or labels", what, "Leave it out")
        plain = Ensemble.of(self.networks, self.combination.calibrated(1.0))
        found = plain.outputs(x)
        outcome = plain.outcome(found, first.target_numbers(target_array(first.targets(x, y), len(found))))
        assert outcome is not None, "there are figures of probabilities"
        return self.at(fitted_temperature(outcome))

    def with_rule(self, combine: str | None) -> "Ensemble":
        """The same with another rule of combination, or as it is where there is none."""
        if combine is None:
            return self
        given: Any = combine
        return Ensemble.of(self.networks, Combination(given, self.combination.weights), self.method, self.facts)

    def at(self, temperature: Temperature) -> "Ensemble":
        """The same at a temperature."""
        note = {"temperature": temperature.value, "samples": temperature.samples, "why_not": temperature.why_not}
        facts = {**self.facts, "calibration": note}
        return Ensemble.of(self.networks, self.combination.calibrated(temperature.value), self.method, facts)

    @classmethod
    def selected(cls, networks: Sequence[Result], x: Any, y: Any = None, rounds: int = ROUNDS) -> "Ensemble":
        """Those of many networks that are best together on samples that none of them was trained on, each as often.

        Greedily, with replacement, see :func:`gpunet.ensembles.greedy_selection`; ``facts["selection"]`` says how the
        score went.

        Args:
            networks: to choose from, the members of populations one by one.
            x: samples of a validation part.
            y: their targets, see :meth:`Network.score`.
            rounds: how many steps are tried; 50 by default.

        Raises:
            CheckpointError: networks that do not go together.
            ConfigError: targets without figures.
            DataError: samples or targets that the networks were not trained for.
        """
        library = cls(networks)
        evidence = library.evidence_on(x, y)
        return library.chosen(greedy_selection(evidence.outputs, evidence.outcome, rounds))

    def chosen(self, selected: Selected) -> "Ensemble":
        """Those members that greedy selection took, as often as it did."""
        taken = np.flatnonzero(selected.counts)
        members = self.members
        facts = {
            "library": len(members),
            "taken": [[name_of(members[k], int(k)), int(selected.counts[k])] for k in taken],
            "order": list(selected.order),
            "step": selected.step,
            "score_name": selected.score_name,
            "scores": list(selected.scores),
        }
        weights = selected.counts[taken].astype(np.float64)
        return Ensemble.of([members[k] for k in taken], Combination("mean", weights), "select", {"selection": facts})

    def evidence(
        self, features: Sequence[Features], targets: np.ndarray, weights: np.ndarray | None = None
    ) -> Evidence | None:
        """What the members say about samples, beside their targets; None where there are no figures of such targets.

        Args:
            features: of the same samples as each network reads them, (samples, *input_shape).
            targets: as a data set has them: numbers of classes, or values.
            weights: of the samples.
        """
        outputs = self.member_outputs(features)
        found = self.networks[0].outcome(outputs[0], targets)
        if found is None:
            return None
        return Evidence(outputs, replace(found, weight=weights, threshold=self.member_threshold))

    def evidence_on(self, x: Any, y: Any = None) -> Evidence:
        """The same for samples as they are passed to :meth:`score`.

        Raises:
            ConfigError: targets without figures, as those that only have a direction.
        """
        first = self.networks[0]
        features = [network.read(x).x for network in self.networks]
        targets = first.target_numbers(target_array(first.targets(x, y), len(features[0])))
        found = self.evidence(features, targets)
        if found is None:
            raise ConfigError("ensemble", "needs targets that have figures", first.meaning, "Choose another loss")
        return found

    def report(
        self, x: Any, y: Any = None, *, validation: Any = None, reference: Sequence[Result] = ()
    ) -> dict[str, Any]:
        """What the ensemble gains over its members, and why: plain numbers by name, as ``gpunet ensemble --json`` has.

        Args:
            x: samples that no member was trained on.
            y: their targets, see :meth:`score`.
            validation: samples to fit the temperature on and to choose the best member by: a pair (x, y), or a data
                frame with the targets.
            reference: independently trained networks, in which the ensemble's worth is counted; it needs validation.

        Raises:
            ConfigError: targets without figures, or a reference without validation.
            DataError: samples or targets that the networks were not trained for.
        """
        pair = validation if isinstance(validation, tuple | list) else (validation, None)
        held = None if validation is None else self.evidence_on(*pair)
        if len(reference) and held is None:
            raise ConfigError("reference", "needs a validation part", "none", "Pass validation=(x, y)")
        other = Ensemble(list(reference)) if len(reference) else None
        worth = None if other is None else (other.evidence_on(*pair), other.evidence_on(x, y))
        return report(self.evidence_on(x, y), held, self.combination, worth)

    @property
    def content(self) -> Group:
        """All that a file of it holds.

        Raises:
            CheckpointError: a part of a network has no configuration word.
        """
        networks = [network.checkpoint.root for network in self.networks]
        return ensemble_tree(networks, self.combination, len(self), self.method, self.facts, self.saved_report)

    def save(self, path: str | Path) -> Path:
        """Write all networks and how they are combined as one file, for :func:`gpunet.load` and the command line.

        Args:
            path: a file name that ends in ``.h5``; a file that is there is replaced.

        Returns:
            The path.

        Raises:
            CheckpointError: a part of a network has no configuration word.
            ConfigError: another ending.
            WriteError: the folder is not there, or the disk refuses.
        """
        return written(path, lambda: self.content)

    def __len__(self) -> int:
        """How many members predict."""
        return sum(len(network.trained.predicting) for network in self.networks)

    def __repr__(self) -> str:
        """How many members, how they are combined, and what they are."""
        rule, t = self.combination.rule, self.combination.temperature
        more = [f"{rule} combined"] if rule != "mean" else []
        more += [f"temperature {t:.3g}"] if t != 1 else []
        parts = ", ".join([f"{len(self)} members", *more])
        return f"Ensemble({parts}: {'; '.join(network.summary for network in self.networks)})"
