"""Whether the files in the folder of a run belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoint.places import BEST, CONFIG
from ..errors import CheckpointError, ConfigError, ReaderError
from ..paths import exists
from .folder import identity_in
from .loading import Trained

if TYPE_CHECKING:
    from ..families import Family

KEPT = ("seed", "members", "model.name", "model.hidden", "optimizer.name")  # what no run that goes on may change


def identity_of(folder: Path, saved: Trained, families: Sequence[type[Family]] = ()) -> tuple[str, str]:
    """The identity of the run that a state in a folder belongs to, and a line about what may not belong to it.

    Args:
        folder: of the run.
        saved: what the state says.
        families: of models that it may be of beside those that come with gpunet.

    Returns:
        The identity, empty where the files are older than identities; and how ``config.toml`` differs from the state
        in what a run keeps, where no identity tells, else nothing.

    Raises:
        CheckpointError: the state, ``best.h5`` and ``config.toml`` name different runs.
    """
    state = saved.checkpoint
    named = {state.path.name: _named(state.attrs), BEST: _best(folder), CONFIG: identity_in(folder)}
    known = {name: identity for name, identity in named.items() if identity}
    if len(set(known.values())) > 1:
        received = ", ".join(f"{name} of run {identity[:8]}" for name, identity in known.items())
        remedy = "Say where to go on in another folder, or put back what belongs here"
        raise CheckpointError(str(folder), "must hold the files of one run", received, remedy)
    told = state.path.name in known and CONFIG in known
    differing = [] if told else list(_differing(folder, saved, families))
    line = f"{folder / CONFIG} differs from {state.path.name}: {'; '.join(differing)}" if differing else ""
    return next(iter(known.values()), ""), line


def _named(attrs: Any) -> str | None:
    found = attrs.get("run_id")
    return found if isinstance(found, str) else None


def _best(folder: Path) -> str | None:
    """What ``best.h5`` says; one that cannot be read says nothing, and is written anew."""
    from ..checkpoint import read

    if not exists(folder / BEST):
        return None
    try:
        return _named(read(folder / BEST, verify=False).attrs)
    except (CheckpointError, ReaderError):
        return None


def _differing(folder: Path, saved: Trained, families: Sequence[type[Family]]) -> Iterator[str]:
    """Each key that a run keeps and that the folder's configuration has otherwise."""
    from ..config import load_config

    if not exists(folder / CONFIG):
        return
    try:
        written = load_config(str(folder / CONFIG), {}, {}, families)
    except ConfigError:
        yield "it cannot be understood"
        return
    for key in KEPT:
        here, there = _value(written, key), _value(saved.config, key)
        if here != there:
            yield f"{key} is {here} there, {there} in the state"


def _value(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = getattr(config, name, None)
    return config
