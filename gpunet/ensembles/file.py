"""One file for all networks of an ensemble, and how they are combined.

Beside the groups that every checkpoint has at its root, ``config`` and ``data`` of the first network, there are::

    ensemble/             attributes method, combine, temperature
    ensemble/weights      of the members in the combination, (members,)
    ensemble/facts        JSON: what the method found out on the way, such as the out-of-bag error
    ensemble/report       JSON: what it gains, see :mod:`.report`
    out_of_fold/          what networks of folds, together, said of samples that they did not learn from: rows, outputs,
                          targets and, where samples count unequally, weights
    networks/000, 001     the whole content of a checkpoint each; a population counts all of its members
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ..checkpoint import Checkpoint, Group, NamedArray, Scalar, in_memory, note
from ..errors import CheckpointError, ConfigError
from ..metrics import Outcome, Task
from ..persistence import ALL_SAMPLES, ENSEMBLE, NETWORKS, is_ensemble
from ..plain import finite
from .combining import Combination

GIVEN = "given"  # the method of networks that were trained elsewhere
OF_FILES = ("created_utc", "gpunet_version", "run_id", "content_sha256", "format", "format_version")
FOLDS = "folds"  # the method of networks that were trained without a fold of the samples each
OUT_OF_FOLD = "out_of_fold"
VOLATILE = ("environment", "images")  # groups that say nothing about the content


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file of an ensemble says.

    Attributes:
        networks: a checkpoint each.
        combination: of their members.
        method: that made them.
        facts: what it found out on the way.
        report: what the ensemble gains, or empty.
    """

    networks: list[Checkpoint]
    combination: Combination
    method: str = GIVEN
    facts: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What networks of folds said of samples, each by those that did not learn from it.

    Attributes:
        rows: numbers of the samples in their data.
        outcome: what was said of them, with their targets.
    """

    rows: np.ndarray
    outcome: Outcome

    @property
    def group(self) -> Group:
        """As a file holds it."""
        said, weight = self.outcome, self.outcome.weight
        more = {} if weight is None else {"weights": NamedArray(np.asarray(weight, np.float64), {"axes": "sample"})}
        children = {
            "rows": NamedArray(np.asarray(self.rows, np.int64), {"axes": "sample"}),
            "outputs": NamedArray(np.asarray(said.outputs, np.float64), {"axes": "sample,output"}),
            "targets": NamedArray(np.ascontiguousarray(said.target)),
            **more,
        }
        return Group({"task": said.task, "probability": said.probability}, dict(children))

    @classmethod
    def held_in(cls, checkpoint: Checkpoint) -> "OutOfFold | None":
        """What a file holds of it, or None.

        Raises:
            CheckpointError: parts that do not fit each other.
        """
        if OUT_OF_FOLD not in checkpoint.root:
            return None
        group = checkpoint.group(OUT_OF_FOLD)
        rows, outputs, targets = (
            checkpoint.array(f"{OUT_OF_FOLD}/{name}").data for name in ("rows", "outputs", "targets")
        )
        weights = checkpoint.array(f"{OUT_OF_FOLD}/weights").data if "weights" in group.children else None
        task: Any = group.attrs.get("task")
        lengths = {
            len(array) for array in (rows, outputs, targets, *([] if weights is None else [weights])) if array.ndim
        }
        if outputs.ndim != 2 or rows.ndim != 1 or len(lengths) != 1 or task not in get_args(Task):
            received = f"{rows.shape} rows, {outputs.shape} outputs, {targets.shape} targets, task {task}"
            raise CheckpointError(f"{checkpoint.path}: {OUT_OF_FOLD}", "must be of the same samples", received)
        return cls(rows, Outcome(task, outputs, targets, weights, bool(group.attrs.get("probability"))))


def ensemble_tree(
    networks: Sequence[Group],
    combination: Combination,
    members: int,
    method: str = GIVEN,
    facts: Mapping[str, Any] | None = None,
    report: Mapping[str, Any] | None = None,
    out_of_fold: "OutOfFold | None" = None,
    seconds: float | None = None,
) -> Group:
    """The content of a file that holds all of an ensemble.

    Args:
        networks: the content of a checkpoint each.
        combination: of their members.
        members: how many there are, those of populations one by one.
        method: that made them.
        facts: what it found out on the way, as JSON can hold it.
        report: what the ensemble gains, likewise.
        out_of_fold: what the networks of folds said of samples that they did not learn from.
        seconds: that it took, where the report does not say so.
    """
    first = networks[0]
    count, word = len(networks), "network" if len(networks) == 1 else "networks"
    several = f" with {members} members" if members != count else ""
    weights = np.ones(members) if combination.weights is None else combination.weights
    root = Group(
        {
            "model": f"ensemble of {count} {word}{several} ({method}): {first.attrs.get('model', '')}",
            "parameters": sum(_number(network.attrs.get("parameters")) for network in networks),
        }
    )
    root["config"], root["data"] = first["config"], Group(dict(first["data"].attrs))
    settings: dict[str, Scalar] = {
        "method": method, "combine": combination.rule, "temperature": combination.temperature, "members": members,
    }  # fmt: skip
    root[ENSEMBLE] = Group(settings, {"weights": NamedArray(weights, {"axes": "member"})})
    root[f"{ENSEMBLE}/facts"] = note(finite(dict(facts or {})))
    if report:
        root[f"{ENSEMBLE}/report"] = note(finite(dict(report)))
        root[f"{ENSEMBLE}/report"].attrs["volatile"] = True
        _list_scores(root, str(report.get("part", "test")), _scores(report))
    if out_of_fold is not None:
        root[OUT_OF_FOLD] = out_of_fold.group
        pooled = dict(facts or {}).get("pooled", {})
        _list_scores(
            root, "out of fold", {n: pooled[n]["value"] for n in ("accuracy", "rmse", "log_loss") if n in pooled}
        )
    seconds = dict(report or {}).get("seconds", seconds)
    if isinstance(seconds, float):
        root.children.setdefault("metrics", Group({"volatile": True})).attrs["seconds"] = seconds
    root[NETWORKS] = Group({}, {f"{number:03d}": _inside(network) for number, network in enumerate(networks)})
    return root


def stored_in(checkpoint: Checkpoint) -> Stored:
    """What the file of an ensemble says.

    Raises:
        CheckpointError: no ensemble, or one whose parts do not fit.
    """
    root, name = checkpoint.root, str(checkpoint.path)
    if not is_ensemble(root):
        received = "a single model" if "model" in root else "something else"
        raise CheckpointError(name, "must hold an ensemble", received, "gpunet ensemble writes such files")
    found = [child for _, child in sorted(root[NETWORKS].children.items())]
    attrs, weights = root[ENSEMBLE].attrs, checkpoint.array(f"{ENSEMBLE}/weights").data
    if not found or not all(isinstance(child, Group) for child in found):
        raise CheckpointError(f"{name}: {NETWORKS}", "must hold a group for each network", "none, or arrays")
    if weights.ndim != 1 or weights.dtype.kind != "f":
        raise CheckpointError(f"{name}: {ENSEMBLE}/weights", "must be one number for each member", f"{weights.shape}")
    rule: Any = attrs.get("combine")
    temperature = attrs.get("temperature")
    try:
        if not isinstance(temperature, float):
            raise ConfigError("temperature", "must be a number above 0", repr(temperature))
        combination = Combination(rule, weights, temperature)
    except ConfigError as error:
        raise CheckpointError(f"{name}: {error.thing}", error.rule, error.received) from None
    method = str(attrs.get("method", GIVEN))
    networks = [_outside(network) for network in found]
    if method == FOLDS:  # early files do not say so at each network
        networks = [Group({"folds_of": ALL_SAMPLES, **one.attrs}, one.children) for one in networks]
    return Stored(
        [in_memory(network, checkpoint.path) for network in networks],
        combination,
        method,
        checkpoint.note(f"{ENSEMBLE}/facts"),
        checkpoint.note(f"{ENSEMBLE}/report"),
    )


def _inside(network: Group) -> Group:
    """The content of a checkpoint as a part of another: without what belongs to files."""
    own = Group({name: value for name, value in network.attrs.items() if name not in OF_FILES}, dict(network.children))
    for name in VOLATILE:
        child = own.children.get(name)
        if isinstance(child, Group):
            own.children[name] = Group({**child.attrs, "volatile": True}, child.children)
    return own


def _outside(network: Group) -> Group:
    """A part of a file as the content of a checkpoint of its own."""
    attrs = {name: value for name, value in network.attrs.items() if not name.startswith("encoding_")}
    return Group(attrs, dict(network.children))


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _list_scores(root: Group, part: str, scores: Mapping[str, float]) -> None:
    """Put figures where lists of runs find them: of the test part, else what the networks were chosen by."""
    if part == "test":
        found = {f"test_{name}": NamedArray(np.array([value])) for name, value in scores.items()}
        root["metrics"] = Group({"volatile": True}, dict(found))
    elif scores:
        name, value = next(iter(scores.items()))
        root.attrs |= {"monitor": f"{part.replace(' ', '_')}_{name}", "monitor_value": float(value)}


def _scores(report: Mapping[str, Any]) -> dict[str, float]:
    """Figures that lists of runs show."""
    own = report.get("ensemble", {})
    known = {"accuracy": 1 - own["error"]} if isinstance(own.get("error"), float) else {}
    return known | {name: own[name] for name in ("log_loss", "rmse") if isinstance(own.get(name), float)}
