"""Which of many networks to average: greedily, with replacement, on samples that none of them was trained on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ConfigError
from ..metrics import Error, LogLoss, Outcome

ROUNDS = 50


@dataclass(frozen=True)
class Selected:
    """What greedy selection chose.

    Attributes:
        counts: (library,), how often each network was taken: its weight in the mean.
        order: numbers of the networks in the order in which they were taken, as far as the kept step.
        scores: of the ensemble after each step that was tried, lower is better.
        ties: what decides between equal scores, likewise.
        step: number of steps that are kept, from 1.
        score_name: what is selected by.
    """

    counts: np.ndarray
    order: tuple[int, ...]
    scores: tuple[float, ...]
    ties: tuple[float, ...]
    step: int
    score_name: str


def greedy_selection(outputs: np.ndarray, outcome: Outcome, rounds: int = ROUNDS) -> Selected:
    """Take again and again the network that makes the mean of all taken so far best; keep the best step of all.

    By the error of decisions, ties by log loss where outputs are probabilities, else by the squared error; by the
    squared error of values.  Of equally good networks the first is taken, of equally good steps the earliest is kept.

    Caruana, Niculescu-Mizil, Crew, Ksikes: Ensemble selection from libraries of models (2004).

    Args:
        outputs: (library, samples, K) on samples of a validation part, or out of fold.
        outcome: any outcome of these samples; its task, targets, weights and threshold are used.
        rounds: how many steps are tried.

    Raises:
        ConfigError: no networks, no samples or no step.

    >>> library = np.array([[[0.0]], [[3.0]]])
    >>> greedy_selection(library, Outcome("regression", library[0], np.array([[1.0]])), 4).order
    (0, 1, 0)
    """
    if not len(outputs):
        raise ConfigError("networks", "must be at least one to select from", "none", "Name runs to choose from")
    if not outcome.samples:
        raise ConfigError("select", "needs a validation part to choose on", "none", "Pass validation data")
    if not isinstance(rounds, int) or rounds < 1:
        raise ConfigError("rounds", "must be a number of steps, from 1 on", repr(rounds))
    judge, name = _judge(outcome)
    total = np.zeros(outputs.shape[1:])
    order: list[int] = []
    steps: list[tuple[float, float]] = []
    for taken in range(1, rounds + 1):
        found = [judge((total + own) / taken) for own in outputs]
        best = min(range(len(found)), key=lambda number: found[number])
        order.append(best)
        steps.append(found[best])
        total = total + outputs[best]
    kept = min(range(len(steps)), key=lambda number: steps[number]) + 1
    counts = np.bincount(order[:kept], minlength=len(outputs))
    scores, ties = ([step[place] for step in steps] for place in (0, 1))
    return Selected(counts, tuple(order[:kept]), tuple(scores), tuple(ties), kept, name)


def _judge(outcome: Outcome) -> tuple[Callable[[np.ndarray], tuple[float, float]], str]:
    """The score of mean outputs and what decides between equal ones, and the name of the score."""

    def squared(said: Outcome) -> float:
        wanted = said.target if said.task == "regression" else said.coded
        return said.mean(((said.columns - wanted) ** 2).sum(axis=1))

    def score(outputs: np.ndarray) -> tuple[float, float]:
        said = replace(outcome, outputs=outputs)
        if said.task == "regression":
            return squared(said), 0.0
        return rounded(Error().value(said)), LogLoss().value(said) if said.probability else squared(said)

    return score, "squared_error" if outcome.task == "regression" else "error"


def rounded(share: float) -> float:
    """A share without the last digits, in which sums in another order differ, so that ties are found."""
    return round(share, 12)
