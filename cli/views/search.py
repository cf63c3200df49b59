"""What a search came to as text: its trials as a table, and what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import printable
from gpunet.searches import Space, label_of, space_of

from ..naming import translated

if TYPE_CHECKING:
    from gpunet.searches import Goal, Trial

SHOWN = 10  # trials of the table


def said(found: dict[str, Any], value: float | None) -> str:
    """A score in words.

    >>> said({"score": {"percent": True}}, 0.0123), said({"score": {"percent": False}}, None)
    ('1.23 %', '')
    """
    if value is None:
        return ""
    return f"{100 * value:.2f} %" if found["score"]["percent"] else f"{value:.4g}"


def trial_line(space: Space, goal: Goal, trial: Trial) -> str:
    """One line about a finished trial."""
    values = ", ".join(f"{one.label} {one.said(trial.values[one.key])}" for one in space if one.key in trial.values)
    if trial.state == "failed":
        return f"trial {trial.number}: failed, {trial.problem} ({values})"
    score = f"{goal.name.replace('_', ' ')} {goal.said(trial.score or 0.0)}"
    spread = "" if trial.spread is None else f" ± {goal.said(trial.spread)}"
    pruned = f" pruned in epoch {trial.epochs}," if trial.state == "pruned" else ""
    return f"trial {trial.number}:{pruned} {score}{spread}, {trial.seconds:.1f} s ({values})"


def ranked(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Trials from the best to the worst: complete ones first, then pruned, then failed ones."""
    sign, states = (-1 if found["score"]["higher"] else 1), ("complete", "pruned", "failed")

    def place(trial: dict[str, Any]) -> tuple[int, float, int]:
        state = states.index(trial["state"]) if trial["state"] in states else len(states)
        return state, sign * (trial["score"] or 0.0), trial["number"]

    return sorted(found["trials"], key=place)


def table_of(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of the best trials."""
    space = space_of(found["space"])
    several = any(trial["spread"] is not None for trial in found["trials"])
    titles = ["trial", found["score"]["name"].replace("_", " "), *(["±"] if several else [])]
    titles += [one.label for one in space] + ["epochs", "time", "state"]
    rows = []
    for trial in ranked(found)[:SHOWN]:
        values = [one.said(trial["values"][one.key]) if one.key in trial["values"] else "" for one in space]
        spread = [said(found, trial["spread"])] if several else []
        rows.append([
            str(trial["number"]), said(found, trial["score"]), *spread, *values, str(trial["epochs"]),
            f"{trial['seconds']:.1f} s", trial["state"],
        ])  # fmt: skip
    return titles, rows


def optimism_line(found: dict[str, Any]) -> str:
    """How much the score that a trial was chosen by differs from the one on samples that no trial has seen.

    >>> score = {"percent": True, "higher": False}
    >>> optimism_line({"score": score, "best": 0, "trials": [{"score": 0.02}], "test": 0.03})
    'optimism -1.00 points: the search score is better than the test score'
    """
    score, chosen = found["score"], found["trials"][found["best"]]["score"]
    much = chosen - found["test"]
    shown = f"{100 * much:+.2f} points" if score["percent"] else f"{much:+.4g}"
    if not float(shown.partition(" ")[0]):
        return "optimism 0: the search score is the test score"
    word = "better" if (much > 0) == score["higher"] else "worse"
    return f"optimism {shown}: the search score is {word} than the test score"


def conclusions(found: dict[str, Any]) -> list[str]:
    """What follows from the trials, a line each."""
    if found["best"] is None:
        return ["No trial was trained to its end."]
    best, score = found["trials"][found["best"]], found["score"]
    name = score["name"].replace("_", " ")
    lines = [f"Best {name} on the {score['part']}: {said(found, best['score'])}, trial {best['number']}"]
    if found["test"] is not None:
        lines.append(f"Test {name} of the chosen model: {said(found, found['test'])}; {optimism_line(found)}")
    if found["noise"] is not None:
        noise = found["noise"]
        spread = "" if noise["sd"] is None else f" ± {said(found, noise['sd'])}"
        count = len(noise["scores"])
        seeds = f"{count} other seed{'s' if count > 1 else ''}"
        lines.append(f"Noise: with {seeds} it scores {said(found, noise['mean'])}{spread}")
    if found["importances"]:
        shares = ", ".join(f"{label_of(key)} {100 * share:.0f} %" for key, share in found["importances"].items())
        lines.append(f"Importances: {shares}")
    speed = found["models_per_second"]
    rate = "" if speed is None else f", {speed:.2g} models per second"
    lines.append(f"Trained {found['models']} models in {len(found['trials'])} trials, {found['seconds']:.1f} s{rate}")
    return [*lines, *(f"{translated(note)}." for note in found["notes"])]


def show_results(found: dict[str, Any]) -> None:
    """Print the table of the best trials, and what follows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from .tree import console

    titles, rows = table_of(found)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="left" if title == "state" else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)
    more = len(found["trials"]) - len(rows)
    if more > 0:
        click.echo(f"and {more} more, see --csv")
    for line in conclusions(found):
        click.echo(printable(line))


def search_columns(found: dict[str, Any]) -> dict[str, list[Any]]:
    """All trials as columns, with all digits."""
    trials, space = found["trials"], space_of(found["space"])
    columns: dict[str, list[Any]] = {
        "trial": [trial["number"] for trial in trials],
        "state": [trial["state"] for trial in trials],
        found["score"]["name"]: [trial["score"] for trial in trials],
        "spread": [trial["spread"] for trial in trials],
    }
    for one in space:
        values = [trial["values"].get(one.key) for trial in trials]
        columns[one.key] = [one.said(v) if isinstance(v, list | dict) else v for v in values]
    columns["epochs"] = [trial["epochs"] for trial in trials]
    columns["seconds"] = [trial["seconds"] for trial in trials]
    columns["problem"] = [trial["problem"] or None for trial in trials]
    return columns
