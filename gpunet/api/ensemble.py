"""Several networks that predict together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..checkpoint import MEMORY
from ..errors import CheckpointError
from ..metrics import Outcome, class_numbers
from .network import Network
from .results import Result


class Ensemble:
    """Networks whose predictions are averaged, each member of a population counting once.

    They must have learned the same: the same classes in the same order, or as many targets, from the same features,
    with outputs that mean the same.

    Args:
        networks: at least one.

    Raises:
        CheckpointError: one that does not go with the first.
    """

    def __init__(self, networks: Sequence[Result]):
        for number, network in enumerate(networks):
            if not isinstance(network, Network):
                known = isinstance(network, Result)
                rule, got = "must be a network that predicts", type(network).__name__
                raise CheckpointError(
                    _name(network, number) if known else f"network {number}",
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

    @property
    def members(self) -> list[Network]:
        """Every network by itself, those of populations one by one."""
        return [member for network in self.networks for member in network.members]

    @property
    def classes(self) -> np.ndarray:
        """The classes as they were given in training; empty for values."""
        return self.networks[0].classes

    def outputs(self, x: Any) -> np.ndarray:
        """Activated outputs, averaged over all members of all networks: (samples, outputs).

        Two classes have two columns as soon as one of the networks has.
        """
        return self.averaged([network.outputs(x) for network in self.networks])

    @property
    def threshold(self) -> float | None:
        """The mean over the networks that have a fitted one, where any has."""
        fitted = [network.threshold for network in self.networks if network.threshold is not None]
        return float(np.mean(fitted)) if fitted else None

    def class_numbers(self, outputs: np.ndarray) -> np.ndarray:
        """The number of the class that each row of averaged outputs speaks for."""
        return class_numbers(outputs, self.networks[0].meaning == "probability", self.threshold)

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Which labels averaged outputs speak for, 0 and 1."""
        return np.asarray(self.networks[0].labels(outputs, self.threshold))

    def outcome(self, outputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> Outcome | None:
        """What figures are computed from, given averaged outputs and targets as numbers; None where there are none."""
        found = self.networks[0].outcome(outputs, targets)
        return None if found is None else replace(found, weight=weights, threshold=self.threshold)

    def averaged(self, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """The outputs of each network, averaged over all members of all of them."""
        return averaged(outputs, [len(network.seeds) for network in self.networks], len(self.classes))

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
            ConfigError: outputs that are no probabilities of classes.
        """
        self.networks[0].predict_proba(x[:1] if hasattr(x, "__getitem__") and not isinstance(x, str) else x)
        found = self.outputs(x)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 and len(self.classes) else found

    def score(self, x: Any, y: Any = None) -> float:
        """Share of right classes, or R2, of the averaged predictions; see :meth:`Network.score`."""
        first, threshold = self.networks[0], self.threshold
        return first.score_of(self.outputs(x), first.targets(x, y), threshold)

    def __len__(self) -> int:
        """How many members predict."""
        return sum(len(network.seeds) for network in self.networks)

    def __repr__(self) -> str:
        """How many members, and what they are."""
        return f"Ensemble({len(self)} members: {'; '.join(network.summary for network in self.networks)})"


def agree(networks: Sequence[Network]) -> None:
    """Refuse networks whose predictions would not add up.

    Raises:
        CheckpointError: where one differs from the first.
    """
    first = networks[0]
    for number, network in enumerate(networks[1:], 1):
        for rule, of_first, own in _compared(first, network):
            if of_first != own:
                raise CheckpointError(_name(network, number), rule, own, f"The first has {of_first}")


def _compared(first: Network, other: Network) -> list[tuple[str, str, str]]:
    def shown(values: Sequence[Any]) -> str:
        return ", ".join(map(str, values[:20])) + (", ..." if len(values) > 20 else "") if len(values) else "none"

    a, b = first.description, other.description
    # Each reads tables by its own contract, so that their columns may differ in order and in number.
    apart = all(about.contract.named and about.contract.codes and not about.vocabulary for about in (a, b))
    kinds = [("features" if network.reconstructs else "targets") for network in (first, other)]
    inputs = [
        ("must have inputs of the shape of the first", shown(a.input_shape), shown(b.input_shape)),
        ("must have the columns of the first", shown(a.columns), shown(b.columns)),
    ]
    return [
        ("must predict what the first does", kinds[0], kinds[1]),
        ("must have the classes of the first", shown(a.classes), shown(b.classes)),
        *([] if apart else inputs),
        ("must know the words of the first", shown(a.vocabulary), shown(b.vocabulary)),
        ("must have as many targets as the first", str(a.outputs), str(b.outputs)),
        ("must have outputs that mean what those of the first do", first.meaning, other.meaning),
    ]


def averaged(outputs: Sequence[np.ndarray], counts: Sequence[int], classes: int) -> np.ndarray:
    """The mean of outputs, each counting so many times; one output of two classes stands for 1 - p and p.

    >>> averaged([np.array([[0.2]]), np.array([[0.6, 0.4]])], [1, 1], 2).round(6).tolist()
    [[0.7, 0.3]]
    """
    wide = max(values.shape[1] for values in outputs)
    spread = [np.hstack([1 - v, v]) if classes == 2 and v.shape[1] == 1 and wide == 2 else v for v in outputs]
    total = sum(count * values.astype(np.float64) for count, values in zip(counts, spread))
    return np.asarray(total / sum(counts))


def _name(network: Result, number: int) -> str:
    path = network.run or network.trained.checkpoint.path
    return f"network {number}" if path == MEMORY else str(path)
