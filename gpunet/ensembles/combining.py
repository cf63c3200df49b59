"""What several networks say about samples, as what they say together.

Outputs are activated: ``(members, samples, K)``, probabilities of classes or labels, scores, or predicted values.  Two
classes may have one column, the probability of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from ..errors import ConfigError
from ..metrics import Task, class_numbers

SHARES = ("probability", "votes")  # meanings of combined outputs from 0 to 1, which speak for a class beyond 1/2
Rule = Literal["mean", "geometric", "logits", "majority"]
RULES: tuple[Rule, ...] = get_args(Rule)
EPSILON = float(np.finfo(np.float64).eps)  # nearer to 0 and 1 no probability is taken at its word, as in the log loss


@dataclass(frozen=True, eq=False)
class Combination:
    """How outputs of several members become one.

    Attributes:
        rule: ``mean`` of the outputs; ``geometric``, the geometric mean of probabilities scaled to sum to one, which of
            softmax and sigmoid outputs is the mean of their ``logits``, so that this is another word for it;
            ``majority``, the share of the members that vote for a class or a label.
        weights: of the members, (members,), from 0, in any unit; all alike where None.
        temperature: that the combined probabilities are brought to, see :func:`tempered`; 1 leaves them alone.

    Raises:
        ConfigError: another rule, or weights or a temperature that are none.
    """

    rule: Rule = "mean"
    weights: np.ndarray | None = None
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Check all of it."""
        if self.rule not in RULES:
            raise ConfigError("combine", f"must be {', '.join(RULES[:-1])} or {RULES[-1]}", repr(self.rule))
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise ConfigError("temperature", "must be a number above 0", repr(self.temperature))
        if self.weights is not None:
            object.__setattr__(self, "weights", checked_weights(self.weights))

    def check(self, members: int, meaning: str) -> None:
        """Refuse what does not suit the members.

        Args:
            members: how many there are.
            meaning: of their outputs: ``probability``, ``score`` or ``value``.

        Raises:
            ConfigError: another number of weights, or a rule for probabilities where there are none.
        """
        if self.weights is not None and len(self.weights) != members:
            raise ConfigError("weights", f"must be one for each of the {members} members", len(self.weights))
        allowed = {"probability": RULES, "score": ("mean", "majority"), "value": ("mean",)}[meaning]
        if self.rule not in allowed:
            what = "predicted values" if meaning == "value" else "scores"
            remedy = f"Use {' or '.join(allowed)}"
            raise ConfigError("combine", f"{self.rule} needs probabilities of classes or labels", what, remedy)
        if self.temperature != 1 and meaning != "probability":
            raise ConfigError("temperature", "needs probabilities of classes or labels", meaning, "Leave it out")

    def __call__(
        self, outputs: np.ndarray, task: Task, probability: bool = True, threshold: float | None = None
    ) -> np.ndarray:
        """The combined outputs, (samples, K) in float64.

        Args:
            outputs: (members, samples, K), activated.
            task: what the targets are.
            probability: whether outputs are probabilities.
            threshold: beyond which a member votes for the second class, or for a label, where it is not the usual one.
        """
        found = self._together(np.asarray(outputs, np.float64), task, probability, threshold)
        return tempered(found, self.temperature, task == "classification")

    def _together(self, outputs: np.ndarray, task: Task, probability: bool, threshold: float | None) -> np.ndarray:
        exclusive = task == "classification"
        if self.rule == "majority":
            return weighted_mean(votes(outputs, exclusive, probability, threshold), self.weights)
        if self.rule == "mean":
            return weighted_mean(outputs, self.weights)
        return normalised(weighted_mean(log_odds(outputs, exclusive), self.weights), exclusive)

    def calibrated(self, temperature: float) -> "Combination":
        """The same with another temperature."""
        return replace(self, temperature=temperature)


def checked_weights(weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Weights of members, as float64.

    Raises:
        ConfigError: negative, infinite, or nothing but zeros.
    """
    try:
        found = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise ConfigError("weights", "must be numbers, one for each member", repr(weights)) from None
    if found.ndim != 1 or not (np.isfinite(found) & (found >= 0)).all() or not found.any():
        remedy = "Give one number from 0 for each member, not all of them 0"
        raise ConfigError("weights", "must be finite, not negative and not all 0", found.tolist(), remedy)
    return found


def weighted_mean(outputs: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The mean over the first axis, that of the members.

    >>> weighted_mean(np.array([[[0.0]], [[1.0]]]), np.array([1.0, 3.0])).tolist()
    [[0.75]]
    """
    return np.asarray(np.average(outputs, axis=0, weights=weights))


def aligned(outputs: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """Outputs of several populations as one, (members, samples, K).

    Args:
        outputs: of each population, (members, samples, K).
        classes: how many there are: one output of two stands beside two outputs as 1 - p and p.

    >>> aligned([np.array([[[0.2]]]), np.array([[[0.6, 0.4]]])], 2).round(6).tolist()
    [[[0.8, 0.2]], [[0.6, 0.4]]]
    """
    wide = max(values.shape[-1] for values in outputs)
    spread = [
        np.concatenate([1 - v, v], axis=-1) if classes == 2 and v.shape[-1] == 1 and wide == 2 else v for v in outputs
    ]
    return np.concatenate([values.astype(np.float64) for values in spread])


def log_odds(p: np.ndarray, exclusive: bool) -> np.ndarray:
    """What softmax, or the logistic function, turns into such probabilities again, up to a constant of softmax.

    Args:
        p: (..., K) probabilities.
        exclusive: whether the columns are classes of which each sample has one; a single column is that of the second
            of two, and any others are labels.
    """
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    if exclusive and p.shape[-1] > 1:
        return np.log(clipped)
    return np.log(clipped) - np.log1p(-clipped)


def normalised(z: np.ndarray, exclusive: bool) -> np.ndarray:
    """Probabilities out of what :func:`log_odds` gives.

    >>> normalised(log_odds(np.array([[0.2, 0.8]]), True), True).round(6).tolist()
    [[0.2, 0.8]]
    """
    if exclusive and z.shape[-1] > 1:
        powers = np.exp(z - z.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    return np.asarray(np.exp(-np.logaddexp(0, -z)))


def tempered(p: np.ndarray, temperature: float, exclusive: bool) -> np.ndarray:
    """Probabilities whose logits are divided by a temperature: above 1 they become less sure, below it surer.

    Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks (2017).

    Args:
        p: (..., K).
        temperature: above 0; 1 leaves them as they are.
        exclusive: whether the columns are classes, see :func:`log_odds`.

    >>> tempered(np.array([[0.2, 0.8]]), 0.5, True).round(4).tolist()
    [[0.0588, 0.9412]]
    """
    return p if temperature == 1 else normalised(log_odds(p, exclusive) / temperature, exclusive)


def votes(outputs: np.ndarray, exclusive: bool, probability: bool = True, threshold: float | None = None) -> np.ndarray:
    """1 for the class, or the labels, that each member speaks for, else 0: of the shape of the outputs.

    >>> votes(np.array([[[0.1, 0.9]], [[0.7, 0.3]]]), True).tolist()
    [[[0.0, 1.0]], [[1.0, 0.0]]]
    """
    if exclusive and outputs.shape[-1] > 1:
        numbers = class_numbers(outputs, probability, threshold)
        return (numbers[..., None] == np.arange(outputs.shape[-1])).astype(np.float64)
    usual = 0.5 if probability else 0.0
    return (outputs > (usual if threshold is None else threshold)).astype(np.float64)
