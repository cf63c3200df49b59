"""Checkpoints into models: rebuilt from their configuration, with their arrays, strictly."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Checkpoint, Group, NamedArray, Scalar, changed_in, diverged_in, read
from ..config import Config, begun, build_loss, family_name, migrate, rebuild_preparation, schema
from ..data import Contract, Description, Fitted, Preprocessing, with_channels
from ..errors import CheckpointError, ConfigError, GpunetError, printable
from ..families import FAMILIES, Family
from ..layers import Layer
from ..losses import Loss
from ..models import DBM, DBN
from ..objectives import Objective
from ..parameter import Parameters

ALL_SAMPLES, LEARNED_PARTS = "all samples", "training and validation part"  # what is divided into folds
ENSEMBLE, NETWORKS = "ensemble", "networks"  # groups of a file that holds several networks as one


@dataclass(frozen=True)
class Trained:
    """What every checkpoint says about its model."""

    checkpoint: Checkpoint
    config: Config
    description: Description
    preprocessing: Preprocessing

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of a sample of the data, unprepared, as the model takes it: features in one row, unless it sees images."""
        about = self.description
        return with_channels(about.input_shape) if self.config.model.sees_positions else (about.features,)

    @property
    def begun(self) -> Config:
        """What its training began with, before anything was changed: members are told apart by these values."""
        return begun(self.config, changed_in(self.checkpoint))

    @property
    def diverged(self) -> tuple[int, ...]:
        """Members that left the finite numbers in training, see :func:`gpunet.checkpoint.diverged_in`."""
        return diverged_in(self.checkpoint.root)

    @property
    def predicting(self) -> list[int]:
        """The members that predict together: all but those that diverged."""
        seeds = self.checkpoint.array("streams/seeds").data
        return [member for member in range(len(seeds)) if member not in self.diverged]

    @property
    def left_out(self) -> list[str]:
        """A line where members of a population are left out, since they diverged."""
        gone, found = self.diverged, self.checkpoint
        if not gone:
            return []
        seeds = found.array("streams/seeds").data.tolist()
        which = ", ".join(f"{member} (seed {seeds[member]})" for member in gone)
        said = f"member {which} is" if len(gone) == 1 else f"members {which} are"
        return [f"{said} left out, diverged in training"]

    @property
    def folds_of(self) -> str | None:
        """Of a network that learned without one fold of the samples: which were divided, ``all samples`` or others.

        It has not learned by the parts of its configuration, so that no part of these samples is held out for it.
        """
        found = self.checkpoint.root.attrs.get("folds_of")
        return None if found is None else str(found)

    @property
    def source(self) -> str:
        """Where its data was when it was trained."""
        return json.loads(self.checkpoint["environment/json"].text)["source"]  # type: ignore[union-attr]


@dataclass(frozen=True)
class TrainedModel(Trained):
    """A network out of a checkpoint, with all that prediction needs."""

    model: Layer
    loss: Loss
    parameters: Parameters

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of a sample of the data, unprepared, as the model takes it: features in one row, unless it sees images."""
        about = self.description
        return with_channels(about.input_shape) if self.model.needs_positions else (about.features,)

    @property
    def reconstructs(self) -> bool:
        """Whether its outputs are the features themselves, and no predictions of targets."""
        return self.config.model.reconstructs

    @property
    def thresholds(self) -> np.ndarray | None:
        """Of each member's decisions, (members,), where they were fitted."""
        held = "decision" in self.checkpoint.root
        return np.asarray(self.checkpoint.array("decision/threshold").data, np.float64) if held else None

    @property
    def objective(self) -> Objective:
        """What its loss is measured by."""
        return self.config.model.judged(self.model, self.loss, self.description)


@dataclass(frozen=True)
class TrainedStack(Trained):
    """Machines out of a checkpoint: on top of each other, a single one as a stack of one; or a deep machine."""

    dbn: DBN | DBM
    parameters: Parameters


def load_model(path: Path | str, device: Device, families: Sequence[type[Family]] = ()) -> TrainedModel:
    """Rebuild the model of a checkpoint: from its configuration, with its arrays, strictly.

    Args:
        path: of the checkpoint.
        device: where the model is put.
        families: that it may be of beside those that come with gpunet; nothing is imported because a file names it.

    Raises:
        CheckpointError: damaged, or with arrays that are not exactly those of the configured model.
    """
    return _network(open_trained(read(path), families), device)


def network_of(found: Trained, device: Device, dtype: Any = np.float64) -> TrainedModel:
    """The network of a checkpoint that was understood, in float64 where roundings of float32 matter.

    Raises:
        CheckpointError: machines without outputs, or arrays that are not those of its configuration.
    """
    return _network(found, device, dtype)


def _network(found: Trained, device: Device, dtype: Any = None) -> TrainedModel:
    family, about = found.config.model, found.description
    if not family.has_outputs:
        remedy = "It has likelihoods and samples, and a network can start from it"
        raise CheckpointError(str(found.checkpoint.path), "must hold a network with outputs", family.name, remedy)
    loss = build_loss(found.config, len(about.classes), about.task == "multilabel")
    model, parameters = _rebuilt(found, device, dtype)
    return TrainedModel(**vars(found), model=model, loss=loss, parameters=parameters)


def unfilled(found: Trained) -> Any:
    """The model of a configuration without arrays, for samples of the data that a checkpoint describes."""
    family, about = found.config.model, found.description
    outputs = 0
    if family.has_outputs:
        loss = build_loss(found.config, len(about.classes), about.task == "multilabel")
        outputs = family.outputs(about, loss)
    shape = found.preprocessing.shape(found.input_shape)
    model = family.restored(shape, outputs, len(found.checkpoint.group("model").children))
    if isinstance(model, Layer):
        model.build(shape)
    return model


def _rebuilt(found: Trained, device: Device, dtype: Any = None) -> tuple[Any, Parameters]:
    """The model of a checkpoint, with its arrays, in the precision of its training where no other is asked for."""
    model = unfilled(found)
    parameters = Parameters(
        model, found.config.seeds, device, found.config.dtype if dtype is None else dtype, draw=False
    )
    fill(parameters, found.checkpoint)
    return model, parameters


def held_in(
    checkpoint: Checkpoint, device: Device, families: Sequence[type[Family]] = ()
) -> TrainedStack | TrainedModel:
    """What a checkpoint holds, rebuilt from its configuration: a network, or machines.

    Args:
        checkpoint: that was read.
        device: where the model is put.
        families: that it may be of beside those that come with gpunet.

    Raises:
        CheckpointError: damaged, or with arrays that are not exactly those of its configuration.
    """
    found = open_trained(checkpoint, families)
    return _network(found, device) if found.config.model.has_outputs else _stack(found, device)


def stack_of(found: Trained, device: Device, dtype: Any = np.float64) -> TrainedStack:
    """The machines of a checkpoint that was understood, in float64 for likelihoods.

    Raises:
        CheckpointError: no machines of visible and hidden units.
    """
    return _stack(found, device, dtype)


def load_stack(
    path: Path | str, device: Device, dtype: Any = np.float64, families: Sequence[type[Family]] = ()
) -> TrainedStack:
    """Rebuild the machines of a checkpoint.

    Args:
        path: of the checkpoint.
        device: where the machines are put.
        dtype: of their arrays, float64 for likelihoods.
        families: that they may be of beside those that come with gpunet.

    Raises:
        CheckpointError: damaged, or without machines of visible and hidden units.
    """
    return _stack(open_trained(read(path), families), device, dtype)


def _stack(found: Trained, device: Device, dtype: Any = None) -> TrainedStack:
    family = found.config.model
    if family.has_outputs:
        path, remedy = str(found.checkpoint.path), "Use gpunet evaluate for networks"
        raise CheckpointError(path, "must hold restricted Boltzmann machines", family.name, remedy)
    model, parameters = _rebuilt(found, device, dtype)
    dbn: Any = family.generator(model)
    return TrainedStack(**vars(found), dbn=dbn, parameters=parameters)


def is_ensemble(root: Group) -> bool:
    """Whether a checkpoint holds several networks as one, see :mod:`gpunet.ensembles.file`."""
    return isinstance(root.children.get(ENSEMBLE), Group) and isinstance(root.children.get(NETWORKS), Group)


def open_trained(checkpoint: Checkpoint, families: Sequence[type[Family]] = ()) -> Trained:
    """Understand what a checkpoint says about its model and its data.

    Args:
        checkpoint: that was read.
        families: of models that it may name beside those that come with gpunet.

    Raises:
        CheckpointError: it says nothing that this version knows, or names another family.
    """
    if is_ensemble(checkpoint.root):
        count = len(checkpoint.root[NETWORKS].children)
        remedy = "Use it with gpunet predict or evaluate, or with gpunet.load in Python"
        raise CheckpointError(str(checkpoint.path), "must hold one model", f"an ensemble of {count}", remedy)
    known = schema(families)
    try:
        settings, _ = migrate(_json(checkpoint, "config/json"))
        _check_family(checkpoint, settings["model"]["name"], families)
        config = known.model_validate(settings)
        about = _json(checkpoint, "data/json")
        description = Description.from_json(about)
        if "contract" not in about:  # of a file of before there were contracts
            label = config.data.target
            named = label if isinstance(label, tuple) else () if label is None else (label,)
            description = replace(description, contract=Contract(old=True, targets=named))
        preprocessing = _preprocessing(checkpoint, description)
    except (ConfigError, LookupError, ValueError, TypeError, AttributeError) as error:
        rule = "must hold a known configuration and data description"
        if isinstance(error, GpunetError):
            received = "" if error.received is None else f", got {error.received}"
            said = f"{error.thing}: {error.rule}{received}"
            raise CheckpointError(str(checkpoint.path), rule, said, error.remedy) from None
        raise CheckpointError(str(checkpoint.path), rule, str(error).splitlines()[0]) from None
    return Trained(checkpoint, config, description, preprocessing)


def _check_family(checkpoint: Checkpoint, name: Any, families: Sequence[type[Family]]) -> None:
    """Refuse a name that is nobody's."""
    if name not in [family_name(family) for family in (*FAMILIES, *families)]:
        rule, remedy = "must be of a family of models that is known", "Pass the class of that name in families=[...]"
        raise CheckpointError(str(checkpoint.path), rule, printable(repr(name)), remedy)


def _preprocessing(checkpoint: Checkpoint, about: Description) -> Preprocessing:
    """The fitted chain, tried on a sample of nothing, so that arrays that do not fit are found here."""
    group: Any = checkpoint["data/preprocessing"]
    features, steps = about.features, []
    held: list[Any] = [(group[name], group[name].attrs) for name in sorted(group.children)]
    if "factor" in group.children:  # files of before there were chains hold the arrays of their one step here
        kind = group.attrs["kind"]
        held = [] if kind == "none" else [(group, {"name": kind})]
    for step, attrs in held:
        arrays = {key: array.data for key, array in step.children.items()}
        settings = {key: _setting(value) for key, value in attrs.items() if not key.startswith("encoding_")}
        steps.append(Fitted(rebuild_preparation(settings), arrays, features))
        features = steps[-1].width
    found = Preprocessing(tuple(steps))
    if found.on_host(np.zeros((1, about.features), np.float32)).shape != (1, features):
        raise ValueError("arrays of the preprocessing do not fit each other")
    return found


def _setting(value: Scalar) -> Any:
    """What an attribute says; several numbers or texts are kept as JSON, see :func:`.snapshot.model_tree`."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def fill(parameters: Parameters, checkpoint: Checkpoint) -> None:
    """Copy a checkpoint's arrays into a model.

    Raises:
        CheckpointError: one table of all arrays that are missing, left over or of another shape.
    """
    group: Any = checkpoint["model"]
    fill_group(parameters, group, str(checkpoint.path))


def fill_group(parameters: Parameters, group: Group, name: str) -> None:
    """Copy the arrays below a group into a model; ``name`` is said in errors.

    Raises:
        CheckpointError: one table of all arrays that are missing, left over or of another shape.
    """
    found = {path: child.data for path, child in group.walk() if isinstance(child, NamedArray)}
    wrong = list(_mismatches(parameters, found))
    if wrong:
        table = "".join(f"\n  {line}" for line in wrong)
        raise CheckpointError(name, "must hold exactly the arrays of its configuration", table)
    for path, data in found.items():
        parameters.device.copy_into(parameters.view(parameters.values, path), data)


def _mismatches(parameters: Parameters, found: dict[str, np.ndarray]) -> Iterator[str]:
    for name in sorted({*parameters.named, *found}):
        parameter = parameters.named.get(name)
        wanted = (*parameters.members, *parameter.shape) if parameter else "nothing"
        got = found[name].shape if name in found else "nothing"
        if wanted != got:
            yield f"{name}: {wanted} wanted, {got} found"


def _json(checkpoint: Checkpoint, path: str) -> Any:
    array: Any = checkpoint[path]
    return json.loads(array.text)
