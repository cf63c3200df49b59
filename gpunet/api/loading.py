"""Checkpoints into what can be used, alone or several together."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device, resolve_device
from ..checkpoint import Array, Checkpoint, Group, content_sha256, note, read
from ..errors import CheckpointError
from ..families import Family
from ..parameter import Parameters
from ..persistence import BEST, Trained, TrainedModel, TrainedStack, held_in
from .ensemble import Ensemble
from .machine import Machine
from .network import Autoencoder, Network
from .results import Result

MEMORY = Path("a model in memory")  # stands for the path of a checkpoint that no file holds


def load(*paths: str | Path, device: str = "auto", families: Sequence[type[Family]] = ()) -> Any:
    """Load a model out of a checkpoint, or several models as an ensemble whose predictions are averaged.

    Args:
        paths: of checkpoints, or of the folders of runs, whose ``best.h5`` is meant.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that the files may hold, see :class:`gpunet.families.Family`.

    Returns:
        A :class:`Network`, :class:`Autoencoder` or :class:`Machine`; an :class:`Ensemble` of several networks.

    Raises:
        CheckpointError: a file that is missing, damaged or of another kind, or models that do not go together.

    >>> import gpunet, numpy as np, tempfile
    >>> x = np.random.default_rng(0).random((100, 3), np.float32)
    >>> net = gpunet.train("linear", x, (x[:, 0] > 0.5).astype(int), epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = gpunet.load(net.save(f"{folder}/net.h5"))
    >>> bool((again.predict(x) == net.predict(x)).all())
    True
    """
    if not paths:
        raise TypeError("gpunet.load needs the path of a checkpoint, or several")
    place = resolve_device(device)
    with place.activate():
        found = [result_of(read(_file(path)), place, families=families) for path in paths]
    return found[0] if len(found) == 1 else Ensemble(found)


def load_network(path: str | Path, device: Device) -> Network:
    """A network out of a checkpoint.

    Raises:
        CheckpointError: damaged, or no network with outputs.
    """
    found = result_of(read(_file(path)), device)
    if not isinstance(found, Network):
        remedy = "Use gpunet likelihood or sample, or train --from it"
        raise CheckpointError(str(path), "must hold a network with outputs", found.config.model.name, remedy)
    return found


def result_of(
    checkpoint: Checkpoint,
    device: Device,
    stopped: str = "",
    run: Path | None = None,
    families: Sequence[type[Family]] = (),
) -> Any:
    """What a checkpoint holds, with memory on a device."""
    held = held_in(checkpoint, device, families)
    return wrapped(held, stopped=stopped, run=run)


def wrapped(held: TrainedModel | TrainedStack, unsavable: str = "", stopped: str = "", run: Any = None) -> Any:
    """A model with the methods of its kind."""
    if isinstance(held, TrainedStack):
        return Machine(held, unsavable, stopped, run)
    return (Autoencoder if held.reconstructs else Network)(held, unsavable, stopped, run)


def in_memory(root: Group) -> Checkpoint:
    """The content of a checkpoint as if it had been read from a file."""
    return Checkpoint(MEMORY, root, content_sha256(root))


def single(held: Any, number: int) -> Any:
    """One member of a population, with memory of its own, as the training of its seed alone would have made it."""
    parameters = held.parameters
    seed = parameters.seeds[number]
    field = "dbn" if isinstance(held, TrainedStack) else "model"
    model = copy.deepcopy(getattr(held, field))
    own = Parameters(model, seed, parameters.device, parameters.dtype)
    own.values[...] = parameters.values[number]
    config = held.config.model_copy(update={"seed": seed, "members": 1})
    checkpoint = in_memory(member_content(held.checkpoint.root, number, seed))
    return replace(held, checkpoint=checkpoint, config=config, parameters=own, **{field: model})


def member_content(root: Group, number: int, seed: int) -> Group:
    """The content of a population's checkpoint for one member alone."""
    found = _of_member(root, number, ("config", "streams", "members", "optimizer", "loop"))
    config = json.loads(root["config/json"].text) | {"seed": seed, "members": 1}
    found["config"] = Group(dict(root["config"].attrs), {"json": note(config)})
    found["streams"] = Group(dict(root["streams"].attrs), {"seeds": Array(np.array([seed], np.uint64))})
    if "members" in root:
        best, epoch = (float(root[f"members/{n}"].data[number]) for n in ("best", "best_epoch"))
        found.attrs |= {"monitor_value": best, "epoch": int(epoch)}
    return found


def _of_member(group: Any, number: int, leave_out: Sequence[str] = ()) -> Group:
    children: dict[str, Group | Array] = {}
    for name, child in group.children.items():
        if name in leave_out:
            continue
        if isinstance(child, Group):
            children[name] = _per_epoch(child, number) if name == "history" else _of_member(child, number)
            if name == "metrics":
                children[name] = Group(
                    dict(child.attrs),
                    {n: Array(c.data[[number]]) for n, c in child.children.items()},  # type: ignore[union-attr]
                )
            continue
        axes = str(child.attrs.get("axes", "")).split(",")
        if axes[0] == "member":
            attrs = {k: v for k, v in child.attrs.items() if k != "sha256"} | {"axes": ",".join(axes[1:])}
            children[name] = Array(np.ascontiguousarray(child.data[number]), attrs)
        else:
            children[name] = Array(child.data, {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)


def _per_epoch(group: Any, number: int) -> Group:
    children: dict[str, Any] = {}
    for name, child in group.children.items():
        data = child.data[:, number] if child.data.ndim == 2 else child.data
        children[name] = Array(np.ascontiguousarray(data), {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)


def _file(path: str | Path) -> Path:
    return Path(path) / BEST if Path(path).is_dir() else Path(path)


__all__ = ["Result", "Trained", "in_memory", "load", "result_of", "single", "wrapped"]
