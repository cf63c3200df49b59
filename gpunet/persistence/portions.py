"""The state of a population as that of some of its members, and those of all members as one again."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..checkpoint import Group, NamedArray, in_memory, note
from ..config import Config, build_optimization, stamped
from ..members import MEMBER
from ..parameter import find_parameters
from ..training import NEVER
from .loading import Trained, open_trained, unfilled

# The axis of the members in arrays that have one in any case; others have it in front, where there are several.
ROWS = {"active": 0, "best": 0, "best_epoch": 0, "failed": 0, "totals": -1, "improved": 1, "went_on": 1, "seeds": 0}
SHARED = ("epoch", "seconds")  # of a history
CLOCK = "loop/step"
ANEW = ("members", "metrics", "decision", "shapes", "images")  # groups that are made from a run whenever it is written


def portion_of(whole: Trained, members: range) -> Trained:
    """What the state of a population says of some of its members, as if they had been trained by themselves.

    Args:
        whole: with the state of a run.
        members: that a configuration can have by themselves, see :meth:`~gpunet.config.Config.portions`.
    """
    config, several = whole.config.portion(members), whole.config.population > 1

    def cut(path: str, array: NamedArray) -> NamedArray:
        axis, always = _axis(path, array)
        if axis is None or not several:
            return array
        found = np.take(array.data, members, axis)
        return _of(array, found if always or len(members) > 1 else found.squeeze(axis), len(members))

    root = _mapped(whole.checkpoint.root, cut)
    slots = _slots(config)
    root["optimizer"].children = {name: child for name, child in root["optimizer"].children.items() if name in slots}
    names = dict(zip(_names(whole, whole.config), _names(whole, config), strict=True))
    return _opened(_renamed(root, names), config, whole)


def joined(portions: Mapping[range, Trained], config: Config) -> Trained:
    """The states of all members of a population as one.

    Where some members were trained for fewer epochs, their last numbers stand for those of the others.

    Args:
        portions: the state of each, in order; they go on together after their last epochs.
        config: of the population.
    """
    first = next(iter(portions.values()))
    names = _names(first, config)
    roots = [
        _renamed(one.checkpoint.root, dict(zip(_names(one, one.config), names, strict=True)))
        for one in portions.values()
    ]
    found = Group(dict(max(roots, key=lambda root: int(root["loop"].attrs["epoch"])).attrs))
    paths = dict.fromkeys(path for root in roots for path, child in root.walk() if isinstance(child, NamedArray))
    for path in paths:
        held = [_held(root, path) for root in roots]
        found[path] = _together(path, held, list(portions))
    _take_attributes(found, roots)
    longest = max(int(root["loop"].attrs["epoch"]) for root in roots)
    found["loop"].attrs |= {"epoch": longest, "batch": 0}
    return _opened(found, config, first)


def _opened(root: Group, config: Config, before: Trained) -> Trained:
    """A state as that of a configuration, whose seeds it names instead of those before."""
    document = config.model_dump(mode="json")
    document["data"].pop("source")
    root["config"] = Group(dict(root["config"].attrs), {"json": note(stamped(document))})
    seeds = np.atleast_1d(np.array(config.seeds, np.uint64))
    root["streams/seeds"] = NamedArray(seeds)
    for name in ANEW:
        root.children.pop(name, None)
    if "pretraining" in root:
        rename_seeds(root["pretraining"], np.atleast_1d(before.config.seeds).tolist(), seeds.tolist())
    return open_trained(in_memory(root, before.checkpoint.path), config.families)


def rename_seeds(group: Group, before: Sequence[int], after: Sequence[int]) -> None:
    """Machines remember of how their bits were drawn by which seeds; here by others.

    Args:
        group: of what machines remember, and those below it.
        before: the seeds that are named there.
        after: those to name.
    """
    old, new = (f"seeds {', '.join(map(str, seeds))}," for seeds in (before, after))
    rule = str(group.attrs.get("binarisation", ""))
    if rule:
        own = rule.replace(old, new)
        digest = hashlib.sha256(f"{group.attrs['data_sha256']} {own}".encode()).hexdigest()
        group.attrs |= {"binarisation": own, "binarisation_sha256": digest}
    for child in group.children.values():
        if isinstance(child, Group):
            rename_seeds(child, before, after)


def _held(root: Group, path: str) -> NamedArray | None:
    if path not in root:
        return None
    found: NamedArray = root[path]
    return found


def _axis(path: str, array: NamedArray) -> tuple[int | None, bool]:
    """Where the members are in an array of the state, or None, and whether also where there is but one."""
    *groups, name = path.split("/")
    if "history" in groups:
        return (None if name in SHARED else 1), False
    top = groups[0] if groups else ""
    if path == CLOCK or top not in ("model", "loop", "optimizer", "streams"):
        return None, True
    return (ROWS[name], True) if len(groups) == 1 and name in ROWS else (0, False)


def _of(array: NamedArray, data: np.ndarray, members: int) -> NamedArray:
    """Another array of the same kind, for so many members."""
    attrs = {key: value for key, value in array.attrs.items() if key != "sha256"}
    if "axes" in attrs:
        names = [name for name in str(attrs["axes"]).split(",") if name and name != MEMBER]
        attrs["axes"] = ",".join([MEMBER, *names] if members > 1 else names)
    return NamedArray(np.array(data, order="C"), attrs)  # which leaves a single number one


def _together(path: str, held: Sequence[NamedArray | None], portions: Sequence[range]) -> NamedArray:
    """An array of all members out of those of portions; some may lack it."""
    known = next(array for array in held if array is not None)
    axis, always = _axis(path, known)
    if path == CLOCK:
        return _of(known, np.max([array.data for array in held if array is not None], axis=0), 1)
    *groups, name = path.split("/")
    by_epoch = "history" in groups or name in ("improved", "went_on")
    length = max(len(array.data) for array in held if array is not None) if by_epoch else 0
    if axis is None and not by_epoch:
        return known
    if axis is None:
        longest = max((array for array in held if array is not None), key=lambda array: len(array.data))
        if name != "seconds":
            return longest
        total = np.sum([_longer(a.data, length, 0.0) for a in held if a is not None], axis=0)
        return _of(longest, total, 1)
    parts = []
    for array, members in zip(held, portions, strict=True):
        size = len(members)
        data = None if array is None else array.data
        if data is not None and size == 1 and not always:
            data = np.expand_dims(data, axis)
        if by_epoch and data is not None:
            data = _longer(data, length, data[-1] if "history" in groups else False)
        if data is None:  # members of a portion without it have not diverged, or remember nothing of the kind
            fill = NEVER if name == "failed" else 0
            shape = known.shape if len(portions[held.index(known)]) > 1 or always else (1, *known.shape)
            data = np.full((size, *shape[1:]), fill, known.dtype)
        parts.append(data)
    return _of(known, np.concatenate(parts, axis), sum(map(len, portions)))


def _longer(data: np.ndarray, length: int, last: object) -> np.ndarray:
    """With more rows at the end."""
    more = np.broadcast_to(np.asarray(last, data.dtype), (length - len(data), *data.shape[1:]))
    return np.concatenate([data, more])


def _names(found: Trained, config: Config) -> list[str]:
    """The paths of parameters in the model of a configuration: a member may lack layers that do nothing for it."""
    return [path for path, _ in find_parameters(unfilled(replace(found, config=config)))]


def _renamed(root: Group, names: Mapping[str, str]) -> Group:
    """A state with the parameters by other paths."""
    if all(name == other for name, other in names.items()):
        return root
    found = Group(dict(root.attrs), dict(root.children))
    places = [root["model"], root["loop/best_weights"], *root["optimizer"].children.values()]
    paths = ["model", "loop/best_weights", *(f"optimizer/{name}" for name in root["optimizer"].children)]
    found["loop"] = Group(dict(root["loop"].attrs), dict(root["loop"].children))
    found["optimizer"] = Group(dict(root["optimizer"].attrs), dict(root["optimizer"].children))
    for path, place in zip(paths, places, strict=True):
        if isinstance(place, Group):
            found[path] = Group(dict(place.attrs))
            for name, other in names.items():
                found[f"{path}/{other}"] = place[name]
    return found


def _slots(config: Config) -> set[str]:
    """What an optimizer remembers, by name: members whose momentum is 0 have no velocity by themselves."""
    optimization = build_optimization(config)
    average = {"average"} if optimization.averaging is not None else set()
    return {*optimization.rule.slots, *average, "updates", "rate_scale"}


def _mapped(group: Group, change: Callable[[str, NamedArray], NamedArray], prefix: str = "") -> Group:
    """A group with every array changed, told its path."""
    children: dict[str, Group | NamedArray] = {}
    for name, child in group.children.items():
        path = f"{prefix}{name}"
        children[name] = _mapped(child, change, f"{path}/") if isinstance(child, Group) else change(path, child)
    return Group(dict(group.attrs), children)


def _take_attributes(found: Group, roots: Sequence[Group]) -> None:
    """Give groups the attributes that they have in portions."""
    for root in roots:
        for path, child in root.walk():
            if isinstance(child, Group):
                found[path] = Group({**child.attrs}, found[path].children if path in found else {})
