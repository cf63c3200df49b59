"""What a cross-validation keeps of each fold, so that it can go on where it was stopped.

The file of a fold, ``fold-1.h5`` for the first, is the checkpoint of its network, which predicts by itself, and::

    held_out/             which fold of which cross-validation: folds, repeats, number, data, source, parent, grafts
    held_out/rows         numbers of the samples that it did not learn from, (samples,)
    held_out/outputs      what each member says of them, (members, samples, K)
    held_out/targets      of these samples
    held_out/weights      of these samples, where they count unequally
    held_out/members      numbers of the members, without those that diverged
    held_out/thresholds   of their decisions, where they were fitted
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..checkpoint import BEST, Checkpoint, Group, NamedArray, Scalar
from ..errors import CheckpointError
from ..metrics import Outcome, Task
from ..paths import exists, is_folder

HELD_OUT = "held_out"


@dataclass(frozen=True)
class Plan:
    """Which cross-validation a fold belongs to.

    Attributes:
        folds: in each repetition.
        repeats: how many repetitions.
        data: hash of the data set.
        source: path of the checkpoint that weights are taken from, or empty.
        parent: hash of its content, or empty.
        grafts: pairs of layers, of that checkpoint and of the network.
    """

    folds: int
    repeats: int
    data: str
    source: str = ""
    parent: str = ""
    grafts: tuple[tuple[str, str], ...] = ()


def fold_name(number: int) -> str:
    """The file of a fold.

    >>> fold_name(0)
    'fold-1.h5'
    """
    return f"fold-{number + 1}.h5"


def fold_content(network: Group, said: Mapping[int, Outcome], rows: np.ndarray, number: int, plan: Plan) -> Group:
    """The content of the file of a fold.

    Args:
        network: the content of its checkpoint.
        said: what each member that has not diverged says of the samples of the fold.
        rows: their numbers.
        number: of the fold, from 0.
        plan: that it belongs to.
    """
    first = next(iter(said.values()))
    limits = [one.threshold for one in said.values() if one.threshold is not None]
    more = {} if first.weight is None else {"weights": NamedArray(np.asarray(first.weight, np.float64))}
    more |= {"thresholds": NamedArray(np.array(limits, np.float64))} if limits else {}
    about: dict[str, Scalar] = {
        "folds": plan.folds, "repeats": plan.repeats, "number": number, "data": plan.data, "source": plan.source,
        "parent": plan.parent, "grafts": json.dumps(plan.grafts), "task": first.task,
        "probability": first.probability, "volatile": True,
    }  # fmt: skip
    arrays = {
        "rows": NamedArray(np.asarray(rows, np.int64), {"axes": "sample"}),
        "outputs": NamedArray(np.stack([one.outputs for one in said.values()]), {"axes": "member,sample,output"}),
        "targets": NamedArray(np.ascontiguousarray(first.target)),
        "members": NamedArray(np.array(list(said), np.int64)),
        **more,
    }
    return Group(dict(network.attrs), {**network.children, HELD_OUT: Group(about, dict(arrays))})


@dataclass(frozen=True, eq=False)
class KeptFold:
    """A fold out of its file.

    Attributes:
        number: of the fold, from 0.
        plan: that it belongs to.
        rows: numbers of the samples that its network did not learn from.
        said: what each member that has not diverged says of them.
        network: the content of a checkpoint.
    """

    number: int
    plan: Plan
    rows: np.ndarray
    said: dict[int, Outcome]
    network: Group


def kept_fold(checkpoint: Checkpoint) -> KeptFold:
    """What the file of a fold holds.

    Raises:
        CheckpointError: no such file, or parts that do not fit each other.
    """
    name = f"{checkpoint.path}: {HELD_OUT}"
    if HELD_OUT not in checkpoint.root:
        raise CheckpointError(name, "must be there in the file of a fold", "nothing", "Take the file away")
    group = checkpoint.group(HELD_OUT)
    names = ("rows", "outputs", "targets", "members")
    rows, outputs, targets, members = (checkpoint.array(f"{HELD_OUT}/{part}").data for part in names)
    weights, limits = (
        checkpoint.array(f"{HELD_OUT}/{part}").data if part in group.children else None
        for part in ("weights", "thresholds")
    )
    task: Any = group.attrs.get("task")
    numbers: list[Any] = [group.attrs.get(key) for key in ("folds", "repeats", "number")]
    fits = (
        outputs.ndim == 3
        and outputs.shape[:2] == (len(members), len(rows))
        and (limits is None or limits.shape == members.shape)
        and len(targets) == len(rows)
        and (weights is None or weights.shape == rows.shape)
        and task in get_args(Task)
        and all(isinstance(one, int) and one >= 0 for one in numbers)
    )
    if not fits:
        raise CheckpointError(name, "must be of the same samples", f"{outputs.shape} outputs of {rows.shape} samples")
    grafts = json.loads(str(group.attrs.get("grafts", "[]")))
    plan = Plan(
        numbers[0], numbers[1], str(group.attrs.get("data")), str(group.attrs.get("source", "")),
        str(group.attrs.get("parent", "")),
        tuple((str(one), str(other)) for one, other in grafts),
    )  # fmt: skip
    probable = bool(group.attrs.get("probability"))
    said = {
        int(member): Outcome(task, own, targets, weights, probable, None if limits is None else float(limits[place]))
        for place, (member, own) in enumerate(zip(members, outputs))
    }
    children = {key: child for key, child in checkpoint.root.children.items() if key != HELD_OUT}
    return KeptFold(numbers[2], plan, rows, said, Group(dict(checkpoint.root.attrs), children))


def kept_in(folder: Path | str) -> list[Path]:
    """The files of the finished folds in the folder of a cross-validation that has not come to its end."""
    place = Path(folder)
    if not is_folder(place) or exists(place / BEST):
        return []
    return sorted(place.glob("fold-*.h5"))
