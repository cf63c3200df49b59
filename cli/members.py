"""What came of each member of a population whose members differ in more than their seeds, or of which some diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpunet.errors import printable
from gpunet.members import by_member

from .options import spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpunet.experiment import Run


def member_settings(job: Run) -> list[dict[str, Any]]:
    """What each member began to differ in, by dotted key, with its seed."""
    values, seeds = job.begun.by_member, job.trainer.parameters.seeds
    return [
        {key: _plain(several.of(member, len(seeds))) for key, several in values.items()} | {"seed": seed}
        for member, seed in enumerate(seeds)
    ]


def member_lines(job: Run) -> Iterator[str]:
    """A line for each member, where they differ in more than their seeds or one has diverged."""
    diverged, best, scores = job.trainer.diverged, job.selection, job.test_scores
    if not job.config.by_member and not diverged:
        return
    for member, settings in enumerate(member_settings(job)):
        said = ", ".join(f"{key.rpartition('.')[2]} {_told(value)}" for key, value in settings.items())
        if member in diverged:
            yield f"  {said}: diverged, {diverged[member].thing}"
            continue
        found = []
        if best.monitor != "last":
            percent = best.monitor.endswith("accuracy")
            found.append(f"{best.monitor.replace('_', ' ')} {spread([float(best.best[member])], percent)}")
        if "accuracy" in scores:
            found.append(f"test error {spread([1 - float(scores['accuracy'][member])], percent=True)}")
        else:
            found += [f"test {n.replace('_', ' ')} {spread([float(v[member])])}" for n, v in scores.items()]
        yield f"  {said}: {', '.join(found) or 'trained'}"
    yield from (f"  {change_line(one)}" for one in job.changes)


def change_line(change: Mapping[str, Any]) -> str:
    """What was changed while a run was trained, in a line.

    >>> change_line({"epoch": 3, "key": "optimizer.momentum", "before": 0.5, "after": {"members": [0.9, 0.8]}})
    'from epoch 3 on: optimizer.momentum = 0.9, 0.8 by member, before 0.5'
    """
    after, before = (_spelled(change.get(name)) for name in ("after", "before"))
    return printable(f"from epoch {change.get('epoch')} on: {change.get('key')} = {after}, before {before}")


def _spelled(value: Any) -> str:
    values = by_member(value)
    if not isinstance(values, list):
        return str(value)
    return ", ".join(map(str, values)) + " by member"


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _told(value: Any) -> str:
    return str(value["name"]) if isinstance(value, dict) else f"{value:g}"
