"""What a run was started with, where its numbers were changed while it was trained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .schema import Config
from .sources import check

SECTIONS = ("optimizer", "model")  # whose numbers can change while a run is trained


def differing(before: Config, after: Config) -> Iterator[dict[str, Any]]:
    """Each number of the optimizer and the model in which two configurations differ: ``key``, ``before``, ``after``."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    for section in SECTIONS:
        for name, value in new[section].items():
            if value != old[section].get(name):
                yield {"key": f"{section}.{name}", "before": old[section].get(name), "after": value}


def as_begun(values: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Plain values of a configuration as training began with them.

    Args:
        values: of the configuration that a run was left with.
        changes: what was changed meanwhile, in order: ``key`` and the value ``before``.

    >>> changes = [{"key": "optimizer.learning_rate", "before": before} for before in (0.1, 0.05)]
    >>> as_begun({"optimizer": {"name": "sgd", "learning_rate": 0.01}}, changes)
    {'optimizer': {'name': 'sgd', 'learning_rate': 0.1}}
    """
    found = dict(values)
    for change in reversed(changes):  # so that the first change of a key is undone last
        section, _, name = str(change.get("key", "")).partition(".")
        if isinstance(found.get(section), Mapping) and "before" in change:
            found[section] = {**found[section], name: change["before"]}
    return found


def begun(config: Config, changes: Sequence[Mapping[str, Any]]) -> Config:
    """The configuration that training began with, see :func:`as_begun`."""
    return check(as_begun(config.model_dump(mode="json"), changes), config.families) if changes else config
