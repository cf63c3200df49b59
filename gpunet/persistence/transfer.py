"""Grafting: weights of a checkpoint's layers become the starting point of a network's."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checkpoint import LAYOUT, Checkpoint, Group, NamedArray, is_own
from ..data import Preprocessing
from ..errors import CheckpointError, ConfigError, printable
from ..experiment import Lineage, Run
from ..parameter import children
from .adopting import adopt

NAMES = 6  # of arrays that a message lists


@dataclass(frozen=True)
class Donor:
    """A layer of a checkpoint: ``y = x W + b``, or a convolution with kernel W.

    Attributes:
        name: its path below the model.
        weight: ([members,] inputs, outputs) or ([members,] height, width, inputs, outputs).
        bias: ([members,] outputs), where it has one.
        back: of a machine, the bias of the way back, ([members,] inputs).
        members: ``(E,)`` where the arrays have a members axis.
        sha256: of the weight.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray | None
    back: np.ndarray | None
    members: tuple[int, ...]
    sha256: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight of one member."""
        return self.weight.shape[len(self.members) :]


def graft(run: Run, source: Checkpoint, pairs: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Copy layers of a checkpoint into the network of a run and note where they came from.

    Without ``pairs`` the layers are taken from the bottom, one after the other, as far as both have some; into an
    autoencoder each machine goes twice, the second time mirrored in the decoder, and so it goes into a network trained
    up and down, except for the top machine, which is another one there.  Of an autoencoder the encoder alone is taken,
    except into one of the same depth; of a convolutional one the encoder alone is taken, or filled.  What normalises
    the outputs of a layer goes with it.

    Args:
        run: not trained yet.
        source: a stack of machines, one machine or a network.
        pairs: ``(layer of the checkpoint, layer of the network)`` by name instead.

    Returns:
        One line for each layer that was set.

    Raises:
        ConfigError: widths that do not fit, or features prepared in another way.
        CheckpointError: a checkpoint without such layers.
    """
    check_preprocessing(source, run.preprocessing)
    if run.config.model.transfer == "posterior":
        if pairs:
            rule, remedy = "cannot choose layers of a deep machine, which is taken as a whole", "Leave them out"
            raise ConfigError("pairs", rule, None, remedy)
        return adopt(run, source)
    donors = list(_donors(source))
    if not donors:
        raise _without_layers(source)
    named = run.trainer.parameters.named
    targets = [n.removesuffix("/weight") for n, p in named.items() if n.endswith("/weight") and p.role == "weight"]
    plan = _named(donors, targets, pairs, source) if pairs else _from_the_bottom(run, donors, targets, source)
    lines, grafts = [], []
    for donor, target, mirrored in plan:
        _copy(run, donor, target, mirrored)
        lines.append(f"{target} from {donor.name}{', mirrored' if mirrored else ''}")
        if not (mirrored or source.foreign):
            lines += _norm_behind(run, source.root["model"], donor, target)
        grafts.append({"to": target, "from": donor.name, "mirrored": mirrored, "sha256": donor.sha256})
    run.trainer.begin_chains()
    run.came_from(Lineage(parent_sha256=source.content_sha256, grafts=grafts))
    return lines


def _without_layers(source: Checkpoint) -> CheckpointError:
    """The error of a file in which no array is named as the weights of a layer."""
    if not source.foreign:
        return CheckpointError(str(source.path), "must hold layers with weights", "none", "Choose another checkpoint")
    names = [path.replace("/", ".") for path, node in source.root.walk() if isinstance(node, NamedArray)]
    more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
    received = printable(", ".join(names[:NAMES])) + more if names else "no arrays"
    remedy = "Save them under such names; transpose kernels of Keras, which are (inputs, outputs)"
    return CheckpointError(str(source.path), f"must name the arrays of a layer {LAYOUT}", received, remedy)


def _donors(source: Checkpoint) -> Iterator[Donor]:
    """Layers from the bottom; names count 1, 2, ..., 10.

    In a checkpoint a layer is what holds an array with the role of a weight, and its axes say whether there are
    members.  Files of arrays say neither: there a layer is what holds an array named ``weight`` of two axes or more.
    That of another program is taken for (outputs, inputs) or (outputs, inputs, height, width), without members.  That
    which gpunet exported is as here, and has members where its bias has an axis beside that of the outputs, or,
    without a bias, where it has three axes.
    """
    root: Any = source.root if source.foreign else source.root["model"]
    theirs = bool(source.foreign) and not is_own(root)
    found = [("model", root), *((f"model/{path}", node) for path, node in root.walk())]
    for name, group in sorted(found, key=lambda pair: _natural(pair[0])):
        if isinstance(group, Group) and isinstance(weight := group.children.get("weight"), NamedArray):
            arrays = {n: c.data for n, c in group.children.items() if isinstance(c, NamedArray)}
            bias = arrays.get("hidden_bias", arrays.get("bias"))
            sha256 = str(weight.attrs.get("sha256", ""))
            if len(weight.shape) < 2 or not (source.foreign or weight.attrs.get("role") == "weight"):
                continue
            values = np.moveaxis(weight.data, (0, 1), (-1, -2)) if theirs else weight.data
            several = len(weight.shape) == 3 if bias is None else len(bias.shape) == 2
            exported = weight.shape[:1] if several and not theirs else ()
            members = exported if source.foreign else weight.members
            yield Donor(name.removeprefix("model/"), values, bias, arrays.get("visible_bias"), members, sha256)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _from_the_bottom(
    run: Run, donors: list[Donor], targets: list[str], source: Checkpoint
) -> Iterator[tuple[Donor, str, bool]]:
    both_ways = run.config.model.transfer == "both_ways"
    donors = [donor for donor in donors if not donor.name.startswith("generation/")]  # they point downwards
    if inner := getattr(run.objective.model, "encoder_layers", 0):
        targets = [target for target in targets if int(target[:3]) < inner]
    encoder = None if source.foreign else source.root["model"].attrs.get("encoder_layers")
    if isinstance(encoder, int):
        donors = [donor for donor in donors if int(donor.name[:3]) < encoder]
    mirror = both_ways or run.config.model.transfer == "mirrored"
    if _is_autoencoder(source):
        mirror = mirror and len(donors) != len(targets)  # of the same depth: each layer as it is
        donors = donors[: len(donors) // 2] if mirror or run.config.model.transfer == "bottom_up" else donors
    if both_ways:
        targets = [target for target in targets if not target.endswith("/joint")]
        donors = donors[: len(targets) // 2]
    if mirror and 2 * len(donors) != len(targets):
        remedy = f"Set {_settings(run, [donor.shape[-1] for donor in donors])}"
        raise ConfigError(str(source.path), f"must have {len(targets) // 2} layers", len(donors), remedy)
    for number, (donor, target) in enumerate(zip(donors, targets)):
        _check_widths(run, donor, target, [d.shape[-1] for d in donors])
        yield donor, target, False
        if mirror:
            yield donor, targets[-1 - number], True


def _is_autoencoder(source: Checkpoint) -> bool:
    """Whether the upper half of a checkpoint's layers is a decoder."""
    model = {} if source.foreign else source.note("config/json").get("model")
    return isinstance(model, dict) and model.get("name") == "autoencoder"


def _named(
    donors: list[Donor], targets: list[str], pairs: Sequence[tuple[str, str]], source: Checkpoint
) -> list[tuple[Donor, str, bool]]:
    by_name, plan = {donor.name: donor for donor in donors}, []
    if list(by_name) == ["model"]:  # a machine alone, which is called as the lowest one of a stack, too
        by_name["000_rbm"] = donors[0]
    for name, target in pairs:
        if name not in by_name:
            raise CheckpointError(str(source.path), f"must hold a layer {name}", "no such", f"It has {_list(by_name)}")
        if target not in targets:
            raise ConfigError(
                "pairs", f"{target} must be a layer of the network", "no such", f"It has {_list(targets)}"
            )
        plan.append((by_name[name], target, False))
    return plan


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _check_widths(run: Run, donor: Donor, target: str, widths: list[int]) -> None:
    wanted = run.trainer.parameters.named[f"{target}/weight"].shape
    if donor.shape != wanted:
        matrices = len(donor.shape) == len(wanted) == 2
        ours, theirs = (" to ".join(map(str, s)) if matrices else "x".join(map(str, s)) for s in (wanted, donor.shape))
        raise ConfigError(
            f"model: {target}",
            f"must be {theirs}{' units wide' if matrices else ''}, like {donor.name} of the checkpoint",
            ours,
            f"Set {_settings(run, widths)}, or choose layers by name" if matrices else "Choose layers by name",
        )


def _settings(run: Run, widths: list[int]) -> str:
    """What gives the network layers of these widths, as one writes it."""
    found = run.config.model.starting_from(tuple(widths)) or {"hidden": widths}
    return " and ".join(f"{key}={list(value) if isinstance(value, tuple) else value}" for key, value in found.items())


def _copy(run: Run, donor: Donor, target: str, mirrored: bool) -> None:
    parameters = run.trainer.parameters
    if not mirrored:
        _check_widths(run, donor, target, [donor.shape[-1]])
    arrays = {"weight": donor.weight.swapaxes(-1, -2) if mirrored else donor.weight}
    bias = donor.back if mirrored else donor.bias
    own = {"bias": bias, "hidden_bias": bias, "visible_bias": donor.back}  # a layer has the first, a machine the others
    arrays |= {n: b for n, b in own.items() if b is not None and f"{target}/{n}" in parameters.named}
    for name, data in arrays.items():
        view = parameters.view(parameters.values, f"{target}/{name}")
        shape = parameters.named[f"{target}/{name}"].shape
        if data.shape[len(donor.members) :] != shape or data.dtype.kind != "f":
            got = f"{data.dtype.name} {'x'.join(map(str, data.shape))}"
            raise CheckpointError(donor.name, f"must have a {name} of {'x'.join(map(str, shape))} floats", got)
        if donor.members and len(data) == run.config.members:  # of each seed, for every place of values by member
            data = np.tile(data, (run.config.places, *(1 for _ in shape)))
        if donor.members and data.shape != view.shape:
            remedy = "Train with the same seeds, or pretrain a single model"
            raise ConfigError("source", f"holds {len(data)} members, the run", run.config.population, remedy)
        parameters.device.copy_into(view, np.broadcast_to(data, view.shape))


def _norm_behind(run: Run, model: Any, donor: Donor, target: str) -> list[str]:
    """Copy scales, shifts and running statistics of what follows a layer, where both are followed by the same.

    Returns:
        One line for what was set.
    """
    parameters = run.trainer.parameters
    theirs, ours = _follower(donor.name, model), _follower(target, run.objective.model)
    if theirs is None or ours is None:
        return []
    own = {name.rpartition("/")[2]: name for name in parameters.named if name.rpartition("/")[0] == ours}
    arrays = {name: child for name, child in model[theirs].children.items() if isinstance(child, NamedArray)}
    if own.keys() != arrays.keys() or "scale" not in own:
        return []
    views = {name: parameters.view(parameters.values, path) for name, path in own.items()}
    for name, array in arrays.items():
        if array.shape[len(array.members) :] != parameters.named[own[name]].shape or array.dtype.kind != "f":
            return []
        if array.members and array.shape != views[name].shape:
            return []
    for name, array in arrays.items():
        parameters.device.copy_into(views[name], np.broadcast_to(array.data, views[name].shape))
    return [f"{ours} from {theirs}"]


def _follower(name: str, model: Any) -> str | None:
    """The path of the layer behind another one in the same sequence, of a network or of a group in a file."""
    above, _, last = name.rpartition("/")
    place = model
    for part in above.split("/") if above else ():
        place = place.children[part] if isinstance(place, Group) else dict(children(place))[part]
    names = sorted(place.children) if isinstance(place, Group) else [found for found, _ in children(place)]
    after = names.index(last) + 1 if last in names else len(names)
    return None if after >= len(names) else f"{above}/{names[after]}" if above else names[after]


def check_preprocessing(source: Checkpoint, present: Preprocessing) -> None:
    """Refuse layers that have learned from features prepared in another way.

    Raises:
        ConfigError: they have.
    """
    if source.foreign:  # arrays alone: other programs do not tell, and gpunet tells the names of the steps
        found = present.kind
        kind = str(source.attrs.get("preprocessing") or found)
    else:
        found, kind = _kind(present), _kind_of(source["data/preprocessing"])
    if kind != found:
        rule, settings = f"must be {kind}, as when the checkpoint was trained", " per " in f"{kind} {found}"
        remedy = "Set preprocess as it was then" if settings else f"Set preprocess={kind}"
        raise ConfigError("preprocess", rule, found, remedy)


def _kind(present: Preprocessing) -> str:
    """The names of the steps, and which of them take all positions of a channel together."""
    return _told(present.kind, [getattr(step.preparation, "per", "") for step in present.steps])


def _kind_of(group: Any) -> str:
    """Name of the preparations that a checkpoint holds, as :func:`_kind` gives it for fitted ones."""
    steps = [group[name] for name in sorted(group.children)]
    return _told(str(group.attrs["kind"]), [str(s.attrs.get("per", "")) for s in steps if isinstance(s, Group)])


def _told(kind: str, ways: Sequence[str]) -> str:
    """Divided by the full scale is divided by the same everywhere, so that it makes no difference there."""
    names = zip(kind.split("+"), ways or [""] * (kind.count("+") + 1))
    return "+".join(f"{name} per channel" if way == "channel" and name != "scale" else name for name, way in names)
