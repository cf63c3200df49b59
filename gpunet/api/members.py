"""One member of a population by itself."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..checkpoint import Group, NamedArray, in_memory, note
from ..config import at_place
from ..members import PerMember
from ..parameter import Parameter, Parameters, children
from ..persistence import TrainedStack, model_tree, open_trained, rename_seeds, stack_of, unfilled

OF_FIRST = ("codes", "images", "judgement")  # groups that show the first member alone


def single(held: Any, number: int, by_hand: bool = False) -> Any:
    """One member of a population, with memory of its own, as the training of its seed alone would have made it.

    Args:
        held: the population.
        number: of the member.
        by_hand: whether its model is of layers that no configuration can name.
    """
    parameters, config = held.parameters, held.config.member(number)
    content = member_content(held.checkpoint.root, number, config.seed)
    if isinstance(held, TrainedStack):
        found = open_trained(in_memory(content), config.families)
        return stack_of(found, parameters.device, parameters.dtype)
    model = _with_own_settings(copy.deepcopy(held.model), number, len(parameters.seeds)) if by_hand else None
    model = model or unfilled(replace(held, config=config))
    own = Parameters(model, config.seed, parameters.device, parameters.dtype)
    # A member that differs may lack layers that do nothing for it, so that names differ, but not their order.
    for mine, theirs in zip(own.named, parameters.named, strict=True):
        own.view(own.values, mine)[...] = parameters.view(parameters.values, theirs)[number]
    if held.config.by_member:
        _rename_layers(content, dict(_pairs(held.model, model)))
        features = held.preprocessing.width(held.description.features)
        content.attrs["model"] = config.model.summary(model, features)
        content["model"] = model_tree(model, own, parameters.device.get(own.values))
    return replace(held, checkpoint=in_memory(content), config=config, parameters=own, model=model)


def _with_own_settings(module: Any, number: int, members: int) -> Any:
    """Layers whose settings are those of one member."""
    for name, value in vars(module).items():
        if isinstance(value, PerMember):
            setattr(module, name, value.of(number, members))
    for _, child in children(module):
        if not isinstance(child, Parameter):
            _with_own_settings(child, number, members)
    return module


def _pairs(several: Any, one: Any, before: str = "", after: str = "") -> Iterator[tuple[str, str]]:
    """The paths of layers of a population, and of the same ones in the model of a member, which may lack some."""
    left = [(name, child) for name, child in children(one) if not isinstance(child, Parameter)]
    for name, child in children(several):
        if left and type(child) is type(left[0][1]):
            mine, other = left.pop(0)
            yield before + name, after + mine
            yield from _pairs(child, other, f"{before}{name}/", f"{after}{mine}/")


def _rename_layers(root: Group, names: Mapping[str, str]) -> None:
    """What a checkpoint says by the names of layers, by those of a member's own; layers that it lacks are left out."""
    if "shapes" in root:
        shapes = json.loads(root["shapes/json"].text).items()
        known = {names[path]: shape for path, shape in shapes if path in names}
        root["shapes"] = Group(dict(root["shapes"].attrs), {"json": note(known)})
    if isinstance(seen := root.children.get("activations"), Group):
        kept = {names[name]: child for name, child in seen.children.items() if name in names}
        for child in kept.values():
            child.attrs["units_of"] = names.get(str(child.attrs["units_of"]), "")
        root["activations"] = Group(dict(seen.attrs), kept)
    if isinstance(codes := root.children.get("codes"), Group):
        codes.attrs["layer"] = names.get(str(codes.attrs["layer"]), "")


def member_content(root: Group, number: int, seed: int) -> Group:
    """The content of a population's checkpoint for one member alone."""
    found = _of_member(
        root, number, ("config", "streams", "members", "optimizer", "loop", *(OF_FIRST if number else ()))
    )
    if isinstance(images := found.children.get("images"), Group):
        images.children.pop("confusion", None)  # that of all members together
    config = json.loads(root["config/json"].text)
    place = number // config["members"]
    config = at_place(config, place) | {"seed": seed, "members": 1}
    if isinstance(history := found.children.get("history"), Group) and "changes" in history.attrs:
        history.attrs["changes"] = json.dumps(at_place(json.loads(str(history.attrs["changes"])), place))
    found["config"] = Group(dict(root["config"].attrs), {"json": note(config)})
    found["streams"] = Group(dict(root["streams"].attrs), {"seeds": NamedArray(np.array([seed], np.uint64))})
    if "pretraining" in root:
        rename_seeds(found["pretraining"], root["streams/seeds"].data.tolist(), [seed])
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
            special = {"history": _per_epoch, "metrics": _row}
            children[name] = special.get(name, _of_member)(child, number)
            continue
        axes = str(child.attrs.get("axes", "")).split(",")
        if axes[0] == "member":
            attrs = {k: v for k, v in child.attrs.items() if k != "sha256"} | {"axes": ",".join(axes[1:])}
            children[name] = NamedArray(np.ascontiguousarray(child.data[number]), attrs)
        else:
            children[name] = NamedArray(child.data, {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)


def _row(group: Any, number: int) -> Group:
    """Figures of one member, in the place of those of all."""
    children: dict[str, Any] = {}
    for name, child in group.children.items():
        if isinstance(child, Group):
            children[name] = _row(child, number)
        else:
            attrs = {k: v for k, v in child.attrs.items() if k != "sha256"}
            children[name] = NamedArray(child.data[[number]], attrs)
    return Group(dict(group.attrs), children)


def _per_epoch(group: Any, number: int) -> Group:
    children: dict[str, Any] = {}
    for name, child in group.children.items():
        data = child.data[:, number] if child.data.ndim == 2 else child.data
        children[name] = NamedArray(np.ascontiguousarray(data), {k: v for k, v in child.attrs.items() if k != "sha256"})
    return Group(dict(group.attrs), children)
