"""Runs into checkpoints."""

import hashlib
import json
import platform
import sys
from dataclasses import fields
from typing import Any

import numpy as np

from .. import __version__
from ..backend import Device
from ..checkpoint import Group, NamedArray, Scalar, note
from ..config import stamped
from ..data import Description, Preprocessing
from ..experiment import FinishedLayer, Run
from ..fields import term
from ..members import axes_text
from ..metrics import Estimate
from ..parameter import Module, Parameter, Parameters, children
from .differing import differences
from .shapes import output_shapes
from .state import save_state

VOLATILE = {"volatile": True}
LISTED = 1000  # numbers of a setting that become an attribute


def snapshot(
    run: Run, *, best: bool, portrait: Group | None = None, state: bool = True, folds_of: str | None = None
) -> Group:
    """The checkpoint of a run after an epoch.

    Args:
        run: with at least one epoch behind it.
        best: True for the best weights of each member, to use; False for the present state, to go on from, see
            :mod:`.state`.
        portrait: groups to keep with it, see :mod:`.portrait`.
        state: False leaves out of the present state what is needed to go on from it.
        folds_of: of a network that learned without one fold: which samples were divided into folds, see
            :attr:`.Trained.folds_of`.
    """
    trainer, selection = run.trainer, run.selection
    parameters, device = trainer.parameters, run.device
    values = device.get(selection.weights if best else parameters.values)
    epoch = run.history[-1].epoch if run.history else 0
    root = Group(
        {
            "model": run.config.model.summary(run.objective.model, _features(run)),
            "parameters": parameters.count + sum(layer.count(parameters.members) for layer in run.lineage.below),
            "epoch": int(selection.best_epoch.max()) if best else epoch,
            "step": int(device.get(trainer.clock)[0]),
            "monitor": run.monitor,
            "monitor_value": float(selection.best_so_far[trainer.going_well].mean()),
            "default": "history",
        }
    )
    if folds_of is not None:
        root.attrs["folds_of"] = folds_of
    config = run.config.model_dump(mode="json")
    source = config["data"].pop("source")  # a path of this machine; the data's name and hash say what it was
    root["config"] = Group({"NX_class": "NXnote"}, {"json": note(stamped(config))})
    root["environment"] = Group({"NX_class": "NXnote"}, {"json": note(environment(run.device) | {"source": source})})
    root["data"] = describe_data(run.description, run.preprocessing)
    root["model"] = model_tree(run.objective.model, parameters, values)
    if run.config.model.layerwise is not None:
        layers = [*run.lineage.below, finished_layer(run, values)]
        root["model"] = Group({"class": run.config.model.name}, {layer.name: layer.model for layer in layers})
        root["pretraining"] = Group({}, {layer.name: layer.record for layer in layers})
    elif run.machine is not None:
        root["pretraining"] = Group(_training_record(run))
    if run.lineage.parent_sha256:
        root.attrs["parent_sha256"] = run.lineage.parent_sha256
        root["lineage"] = Group({"NX_class": "NXnote"}, {"json": note({"grafts": run.lineage.grafts})})
    if shapes := output_shapes(run.objective.model, run.inputs.shape):
        root["shapes"] = Group(dict(VOLATILE), {"json": note({name: list(shape) for name, shape in shapes.items()})})
    root["streams"] = Group(
        {"generator": "philox4x64-10"}, {"seeds": NamedArray(np.array(parameters.seeds, np.uint64))}
    )
    root["history"] = _history(run)
    root["metrics"] = _metrics(run, portrait is not None)
    if best and run.thresholds is not None:
        root["decision"] = _decision(run)
    if portrait is not None:
        root.children |= portrait.children
    if parameters.members:
        root["members"] = Group(
            {}, {"best_epoch": NamedArray(selection.best_epoch), "best": NamedArray(selection.best_so_far)}
        )
        root["members"].children |= differences(run)
    if not best and state:
        save_state(run, root)
    return root


def finished_layer(run: Run, values: np.ndarray | None = None) -> FinishedLayer:
    """The layer of a stack that a run trained, with its record.

    Args:
        run: of one layer.
        values: its flat parameters on the host; the present ones by default.
    """
    parameters, machine = run.trainer.parameters, run.machine
    values = run.device.get(parameters.values) if values is None else values
    path = "" if machine is run.objective.model else "machine"
    record = Group(_training_record(run), {"history": _history(run)})
    name = f"{len(run.lineage.below):03d}_rbm"
    return FinishedLayer(name, model_tree(machine, parameters, values, path), record)


def _training_record(run: Run) -> dict[str, Scalar]:
    """How a machine was trained: method, data, and the rule by which real values became bits."""
    record: dict[str, Scalar] = {
        "method": term(type(run.objective)),
        "epochs": len(run.history),
        "data_sha256": run.description.sha256,
    }
    if getattr(run.objective, "binarise", False):
        seeds = ", ".join(map(str, run.trainer.parameters.seeds))
        rule = f"1 with the value as probability, anew at every step; philox4x64-10, seeds {seeds}, site 0 of the step"
        record["binarisation"] = rule
        record["binarisation_sha256"] = hashlib.sha256(f"{run.description.sha256} {rule}".encode()).hexdigest()
    return record


def _features(run: Run) -> int:
    """Numbers of a sample, as the lowest layer sees it."""
    return run.preprocessing.width(run.description.features)


def environment(device: Device) -> dict[str, str]:
    """Versions and machine, for whoever wonders later."""
    return {
        "gpunet": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": str(device),
        "command": " ".join(sys.argv[1:]),
    }


def model_tree(layer: Any, parameters: Parameters, flat: np.ndarray, path: str = "") -> Group:
    """A layer with its settings as attributes, its parameters as arrays and its parts as groups."""
    group = Group({"class": term(type(layer)), **_settings(layer)})
    for name, child in children(layer):
        inner = f"{path}/{name}" if path else name
        if isinstance(child, Parameter):
            axes = axes_text(child.axes, parameters.members)
            attrs: dict[str, Scalar] = {"role": child.role, "trainable": child.trainable, "axes": axes}
            group.children[name] = NamedArray(parameters.view(flat, inner), attrs)
        else:
            group.children[name] = model_tree(child, parameters, flat, inner)
    return group


def _settings(layer: Any) -> dict[str, Scalar]:
    """Fields as attributes: numbers and texts as they are, several of them as JSON, other objects by their names.

    ``size=(3, 3)`` becomes the text ``[3, 3]``; a list of parts becomes groups elsewhere, and one that is longer than
    anybody would read stays in ``config/json`` alone.
    """
    settings: dict[str, Scalar] = {}
    for field in fields(layer):
        value = getattr(layer, field.name)
        if isinstance(value, str | int | float):
            settings[field.name] = value
        elif isinstance(value, list | tuple):
            if value and len(value) <= LISTED and all(isinstance(item, str | int | float) for item in value):
                settings[field.name] = json.dumps(value)
        elif value is not None and not isinstance(value, Module):
            settings[field.name] = term(type(value))
    return settings


def describe_data(description: Description, preprocessing: Preprocessing) -> Group:
    """The group of what is known about the data."""
    return Group(
        {"name": description.name, "data_sha256": description.sha256},
        {
            "json": note(description.to_json()),
            "preprocessing": _preprocessing(preprocessing),
        },
    )


def _preprocessing(preprocessing: Preprocessing) -> Group:
    """A group for each step, in order, with its settings and arrays."""
    group = Group({"kind": preprocessing.kind})
    for number, step in enumerate(preprocessing.steps):
        name = term(type(step.preparation))
        arrays: dict[str, Any] = {key: NamedArray(array) for key, array in step.arrays.items()}
        group[f"{number:03d}_{name}"] = Group({"name": name, **_settings(step.preparation)}, arrays)
    return group


def _history(run: Run) -> Group:
    group = Group({"NX_class": "NXdata", "signal": "train_loss", "axes": "epoch"})
    records = run.history
    if run.changes or run.controlled_by:
        group.attrs["changes"] = json.dumps(run.changes)
    if run.controlled_by:
        group.attrs["controlled_by"] = run.controlled_by
    group["epoch"] = NamedArray(np.array([r.epoch for r in records], np.int64), {"units": "epochs"})
    group["seconds"] = NamedArray(np.array([r.seconds for r in records], np.float64), {"units": "s", **VOLATILE})
    # A run that was measured by functions of its user may go on without them: what is kept is known of every epoch.
    for name in records[0].numbers if records else ():
        if not all(name in r.numbers for r in records):
            continue
        values = np.stack([r.numbers[name] for r in records])
        group[name] = NamedArray(values if run.trainer.parameters.members else values[:, 0])
    return group


def _metrics(run: Run, finished: bool) -> Group:
    group = Group()
    for name, values in run.test_scores.items():
        group[f"test_{name}"] = NamedArray(values)
    figures = run.test_figures() if finished and run.test_scores else []
    if figures:
        by_name = {first.name: [one[place] for one in figures] for place, first in enumerate(figures[0])}
        known = {name: found for name, found in by_name.items() if np.isfinite([one.value for one in found]).all()}
        group["figures"] = Group(dict(VOLATILE), {name: _figure(found) for name, found in known.items()})
        each: dict[str, Group | NamedArray] = {
            name: _by_class(found) for name, found in by_name.items() if found[0].by_class is not None
        }
        if each:
            group["by_class"] = Group(dict(VOLATILE), each)
    return group


COLUMNS = ("value", "low", "high", "baseline")  # of a figure


def _figure(members: list[Estimate]) -> NamedArray:
    """One figure of all members, (members, 4); what it lacks is named, and holds the value."""
    rows = np.array([[getattr(one, column) for column in COLUMNS] for one in members])
    unknown = ~np.isfinite(rows)
    about = "value, both ends of the 95 % interval over samples, and baseline, for each member"
    attrs: dict[str, Scalar] = {"description": about}
    if unknown.any():
        attrs["unknown"] = ",".join(name for name, lacks in zip(COLUMNS, unknown.any(axis=0)) if lacks)
    return NamedArray(np.where(unknown, rows[:, :1], rows), attrs)


def _by_class(members: list[Estimate]) -> NamedArray:
    """One figure of each class, label or target, (members, classes)."""
    found = np.array([one.by_class for one in members], np.float64)
    about = "the figure of each class, label or target, for each member; -1 where there is none"
    return NamedArray(np.nan_to_num(found, nan=-1.0), {"description": about})


def _decision(run: Run) -> Group:
    """Where the decisions of each member change, as fitted on the validation part."""
    word = run.config.training.threshold
    assert run.thresholds is not None
    assert word is not None
    about = "output beyond which the second class, or a label, is predicted"
    axes = axes_text((), run.trainer.parameters.members)
    return Group(
        {"metric": word.build().name}, {"threshold": NamedArray(run.thresholds, {"description": about, "axes": axes})}
    )
