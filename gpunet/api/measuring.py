"""Numbers that a user's own functions measure after each epoch."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..checkpoint import in_memory
from ..errors import ConfigError
from ..experiment import Run
from ..persistence import snapshot
from ..training import EpochRecord
from .loading import result_of

Measure = Callable[[Any], Any]
Monitors = Mapping[str, Measure] | Iterable[Measure] | Measure | None


def monitors_of(given: Monitors) -> dict[str, Measure]:
    """Functions by name: those of a mapping, or by their own names.

    Raises:
        ConfigError: something that cannot be called, or that has no name that a history can have.

    >>> def ones(model): return 1
    >>> list(monitors_of(ones)), list(monitors_of({"mean": ones})), monitors_of(None)
    (['ones'], ['mean'], {})
    """
    if given is None:
        return {}
    listed = [given] if callable(given) else given
    if not isinstance(listed, Mapping | Iterable):
        remedy = "Pass a function of the model, several, or functions by name"
        raise ConfigError("monitors", "must be functions", repr(given), remedy)
    named = list(listed.items()) if isinstance(listed, Mapping) else [(getattr(f, "__name__", ""), f) for f in listed]
    for name, function in named:
        if not callable(function):
            raise ConfigError("monitors", "must be functions", repr(function), "Pass functions of the model")
        if not isinstance(name, str) or not name.isidentifier():
            remedy = 'Pass it by name: monitors={"overlap": function}'
            raise ConfigError("monitors", "must have names of letters, digits and _", repr(name), remedy)
    if len({name for name, _ in named}) < len(named):
        names = ", ".join(name for name, _ in named)
        raise ConfigError("monitors", "must have different names", names, "Pass functions by name")
    return dict(named)


def measure(monitors: Mapping[str, Measure], run: Run, record: EpochRecord) -> None:
    """Add to the record of an epoch what functions say of the model as it is now.

    Args:
        monitors: by name; each gets the model, as training would return it, and gives a number, or one for each member.
        run: whose epoch is over.
        record: of that epoch.

    Raises:
        ConfigError: a name that the record has already, or something that is no finite number for each member.
    """
    if not monitors:
        return
    model = result_of(in_memory(snapshot(run, best=False)), run.device, families=run.config.families)
    members = len(run.trainer.parameters.seeds)
    for name, function in monitors.items():
        if name in record.numbers:
            remedy = "Give it another name"
            raise ConfigError(f"monitors: {name}", "must not be a number of gpunet's own", name, remedy)
        value = np.asarray(function(model))
        if value.dtype.kind not in "biuf" or value.size not in (1, members) or not np.isfinite(value).all():
            rule = "must give a finite number" + (f", or {members} of them" if members > 1 else "")
            received = f"an array of shape {value.shape}" if value.size > 1 else repr(value[()])
            raise ConfigError(f"monitors: {name}", rule, received, "Return a number")
        record.numbers[name] = np.broadcast_to(value.astype(np.float64).reshape(-1), (members,))
