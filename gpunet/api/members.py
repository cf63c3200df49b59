"""One member of a population by itself."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..checkpoint import Group, NamedArray, in_memory, note
from ..config import at_place
from ..parameter import Parameters
from ..persistence import TrainedStack, open_trained, stack_of


def single(held: Any, number: int) -> Any:
    """One member of a population, with memory of its own, as the training of its seed alone would have made it."""
    parameters = held.parameters
    seed = parameters.seeds[number]
    checkpoint = in_memory(member_content(held.checkpoint.root, number, seed))
    if isinstance(held, TrainedStack):
        return stack_of(open_trained(checkpoint, held.config.families), parameters.device, parameters.dtype)
    model = copy.deepcopy(held.model)
    own = Parameters(model, seed, parameters.device, parameters.dtype)
    own.values[...] = parameters.values[number]
    config = held.config.member(number)
    return replace(held, checkpoint=checkpoint, config=config, parameters=own, model=model)


def member_content(root: Group, number: int, seed: int) -> Group:
    """The content of a population's checkpoint for one member alone."""
    found = _of_member(root, number, ("config", "streams", "members", "optimizer", "loop"))
    config = json.loads(root["config/json"].text)
    config = at_place(config, number // config["members"]) | {"seed": seed, "members": 1}
    found["config"] = Group(dict(root["config"].attrs), {"json": note(config)})
    found["streams"] = Group(dict(root["streams"].attrs), {"seeds": NamedArray(np.array([seed], np.uint64))})
    if "pretraining" in root:
        seeds = ", ".join(map(str, root["streams/seeds"].data.tolist()))
        _rename_seeds(found["pretraining"], f"seeds {seeds},", f"seeds {seed},")
    if "members" in root:
        best, epoch = (float(root[f"members/{n}"].data[number]) for n in ("best", "best_epoch"))
        found.attrs |= {"monitor_value": best, "epoch": int(epoch)}
    return found


def _of_member(group: Any, number: int, leave_out: Sequence[str] = ()) -> Group:
    children: dict[str, Group | NamedArray] = {}
    for name, child in group.children.items():
        if name in leave_out:
            continue
        if isinstance(child, Group):
            children[name] = _per_epoch(child, number) if name == "history" else _of_member(child, number)
            if name == "metrics":
                children[name] = Group(
                    dict(child.attrs),
                    {n: NamedArray(c.data[[number]]) for n, c in child.children.items()},  # type: ignore[union-attr]
                )
            continue
        axes = str(child.attrs.get("axes", "")).split(",")
        if axes[0] == "member":
            attrs = {k: v for k, v in child.attrs.items() if k != "sha256"} | {"axes": ",".join(axes[1:])}
            children[name] = NamedArray(np.ascontiguousarray(child.data[number]), attrs)
        else:
            children[name] = NamedArray(child.data, {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)


def _rename_seeds(group: Any, before: str, after: str) -> None:
    """What a machine remembers of how its bits were drawn names the seeds: that of one member alone."""
    rule = str(group.attrs.get("binarisation", ""))
    if rule:
        own = rule.replace(before, after)
        digest = hashlib.sha256(f"{group.attrs['data_sha256']} {own}".encode()).hexdigest()
        group.attrs |= {"binarisation": own, "binarisation_sha256": digest}
    for child in group.children.values():
        if isinstance(child, Group):
            _rename_seeds(child, before, after)


def _per_epoch(group: Any, number: int) -> Group:
    children: dict[str, Any] = {}
    for name, child in group.children.items():
        data = child.data[:, number] if child.data.ndim == 2 else child.data
        children[name] = NamedArray(np.ascontiguousarray(data), {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)
