"""The figures of a comparison as plain data, and in words that do not say more than they do."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .arms import ARMS, ArmResult
from .comparison import Comparison
from .paired import Difference, paired_difference

CONTROLS = [arm.name for arm in ARMS if not arm.pretrained]

ENOUGH = 6  # seeds whose differences, all of one sign, are rarer than 5 % by chance


def document(comparison: Comparison, results: Sequence[ArmResult]) -> dict[str, Any]:
    """All numbers as plain data; whatever is a time has ``seconds`` in its name."""
    config, about, split = comparison.pretraining, comparison.dataset, comparison.split
    pretrained = {r.labels: r.test_error for r in results if r.arm.pretrained}
    found: dict[str, Any] = {
        "data": about.name,
        "data_sha256": about.sha256,
        "parts": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)},
        "model": [comparison.inputs.features, *comparison.model.hidden, len(about.classes)],
        "method": comparison.model.learning,
        "seeds": [config.seed + i for i in range(config.members)],
        "labels": comparison.labels,
        "rates": comparison.rates,
        "epochs": comparison.network.training.epochs,
        "results": [_result(r, pretrained[r.labels], len(split.test)) for r in results],
    }
    return found | {"conclusions": list(_conclusions(found)), "notes": list(_notes(found))}


def _result(result: ArmResult, pretrained: np.ndarray, test_samples: int) -> dict[str, Any]:
    chosen = result.chosen
    against = None
    if not result.arm.pretrained:
        errors = result.test_error.tolist(), pretrained.tolist()
        against = asdict(paired_difference(*errors, resolution=1 / test_samples))
    return {
        "labels": result.labels,
        "arm": result.arm.name,
        "rate": chosen.rate,
        "test_error": result.test_error.tolist(),
        "against_pretrained": against,
        "validation_error": _list(chosen.validation_error),
        "best_epoch": chosen.best_epoch.tolist(),
        "settled": chosen.settled,
        "pretraining_seconds": round(result.pretraining, 3),
        "tuning_seconds": round(sum(trial.seconds for trial in result.trials), 3),
        "chosen_seconds": round(chosen.seconds, 3),
        "trials": [
            {
                "rate": trial.rate,
                "validation_error": _list(trial.validation_error),
                "epochs": trial.epochs,
                "seconds": round(trial.seconds, 3),
            }
            for trial in result.trials
        ],
    }


def _list(values: np.ndarray | None) -> list[float] | None:
    return None if values is None else values.tolist()


def _conclusions(found: dict[str, Any]) -> Iterator[str]:
    """One sentence for each number of labels."""
    for labels in found["labels"]:
        entries = {e["arm"]: e for e in found["results"] if e["labels"] == labels}
        clauses = [_clause(n, Difference(**entries[n]["against_pretrained"])) for n in CONTROLS if n in entries]
        if clauses:
            yield f"{labels:,} labels: {'; '.join(clauses)}."


def _clause(control: str, difference: Difference) -> str:
    """What may be said about pretraining against a control."""
    if difference.low is None:
        return f"one seed says nothing about the difference to {control}"
    if difference.sign == 0:
        return f"the difference to {control} is within the spread"
    better = "better" if difference.sign > 0 else "worse"
    return f"pretraining is {100 * abs(difference.mean):.2f} points {better} than {control}"


def _notes(found: dict[str, Any]) -> Iterator[str]:
    """What a reader must know before believing the figures."""
    parts, seeds = found["parts"], len(found["seeds"])
    yield (
        f"Rates and epochs were chosen with {parts['validation']:,} validation labels on top of those learned from; "
        f"one of the {parts['test']:,} test samples is {100 / parts['test']:.2f} points."
    )
    if seeds > 1:
        yield f"± is the standard deviation, (a to b) the paired 95 % interval, over {seeds} seeds; times are for all."
    if 1 < seeds < ENOUGH:
        yield (
            f"{seeds} seeds cannot show a difference at 5 % by a sign-flip test, which reaches {200 / 2**seeds:.3g} % "
            f"at best; {ENOUGH} can ({200 / 2**ENOUGH:.3g} %)."
        )
    ends, unfinished = [], []
    for entry in found["results"]:
        rates = sorted(trial["rate"] for trial in entry["trials"])
        where = f"{entry['arm']} with {entry['labels']:,}"
        if len(rates) > 1 and entry["rate"] in (rates[0], rates[-1]):
            ends.append(f"{where} ({'lowest' if entry['rate'] == rates[0] else 'highest'})")
        if not entry["settled"]:
            unfinished.append(where)
    if ends:
        yield f"At an end of the rates tried, so that others may be better (widen the rates): {', '.join(ends)}."
    if unfinished:
        over = f"when the {found['epochs']} epochs were over (raise network.epochs)"
        yield f"Not settled {over}: {', '.join(unfinished)}."
