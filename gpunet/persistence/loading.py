"""Checkpoints into models: rebuilt from their configuration, with their arrays, strictly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Checkpoint, Group, NamedArray, Scalar, read
from ..config import (
    AutoencoderConfig,
    ClassRBMConfig,
    Config,
    DBNConfig,
    RBMConfig,
    UpDownConfig,
    build_classrbm,
    build_loss,
    build_model,
    build_rbm,
    build_stack,
    build_updown,
    migrate,
    rebuild_preparation,
)
from ..data import Description, Fitted, Preprocessing
from ..errors import CheckpointError, ConfigError
from ..layers import Layer
from ..losses import CategoricalCrossEntropy, Loss
from ..models import DBN
from ..objectives import Reconstruction, Supervised
from ..parameter import Parameters


@dataclass(frozen=True)
class Trained:
    """What every checkpoint says about its model."""

    checkpoint: Checkpoint
    config: Config
    description: Description
    preprocessing: Preprocessing

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
    def reconstructs(self) -> bool:
        """Whether its outputs are the features themselves, and no predictions of targets."""
        return isinstance(self.config.model, AutoencoderConfig)

    @property
    def objective(self) -> Supervised | Reconstruction:
        """What its loss is measured by."""
        if self.reconstructs:
            return Reconstruction(self.model, self.loss)
        return Supervised(self.model, self.loss, bool(self.description.classes))


@dataclass(frozen=True)
class TrainedStack(Trained):
    """Machines on top of each other out of a checkpoint; a single machine is a stack of one."""

    dbn: DBN
    parameters: Parameters


def load_model(path: Path | str, device: Device) -> TrainedModel:
    """Rebuild the model of a checkpoint: from its configuration, with its arrays, strictly.

    Raises:
        CheckpointError: damaged, or with arrays that are not exactly those of the configured model.
    """
    return _network(open_trained(read(path)), device)


def _network(found: Trained, device: Device) -> TrainedModel:
    config, features = found.config, found.preprocessing.width(found.description.features)
    if isinstance(config.model, RBMConfig | DBNConfig):
        remedy = "Use gpunet likelihood or sample, or train --from it"
        raise CheckpointError(str(found.checkpoint.path), "must hold a network with outputs", config.model.name, remedy)
    loss, model = build_network(config, found.description, features)
    parameters = Parameters(model, config.seeds, device)
    fill(parameters, found.checkpoint)
    return TrainedModel(**vars(found), model=model, loss=loss, parameters=parameters)


def build_network(config: Config, about: Description, features: int) -> tuple[Loss, Layer]:
    """The configured loss and network for the described data, prepared as so many features, without memory."""
    classes = len(about.classes)
    if isinstance(config.model, ClassRBMConfig):
        return CategoricalCrossEntropy(), build_classrbm(config.model, features, classes)
    if isinstance(config.model, UpDownConfig):
        return CategoricalCrossEntropy(), build_updown(config.model, features, classes)
    loss = build_loss(config, classes)
    if isinstance(config.model, AutoencoderConfig):
        return loss, build_model(config, features, features)
    return loss, build_model(config, features, loss.outputs(classes) if classes else about.outputs)


def load_generator(path: Path | str, device: Device) -> TrainedStack | TrainedModel:
    """What a checkpoint holds that can be sampled from: machines, or a network trained up and down.

    Raises:
        CheckpointError: damaged, or without machines.
    """
    found = open_trained(read(path))
    if isinstance(found.config.model, UpDownConfig):
        return _network(found, device)
    return _stack(found, device, np.float32)


def load_stack(path: Path | str, device: Device, dtype: Any = np.float64) -> TrainedStack:
    """Rebuild the machines of a checkpoint, in float64 for likelihoods.

    Raises:
        CheckpointError: damaged, or without machines of visible and hidden units.
    """
    return _stack(open_trained(read(path)), device, dtype)


def _stack(found: Trained, device: Device, dtype: Any) -> TrainedStack:
    config, features = found.config, found.preprocessing.width(found.description.features)
    if isinstance(config.model, RBMConfig):
        rbm = build_rbm(config.model, features)
        parameters = Parameters(rbm, config.seeds, device, dtype)
        dbn = DBN([rbm])
    elif isinstance(config.model, DBNConfig):
        held = found.checkpoint.group("model").children
        dbn = DBN(build_stack(config.model, features)[: len(held)])
        parameters = Parameters(dbn, config.seeds, device, dtype)
    else:
        path, remedy = str(found.checkpoint.path), "Use gpunet evaluate for networks"
        raise CheckpointError(path, "must hold restricted Boltzmann machines", config.model.name, remedy)
    fill(parameters, found.checkpoint)
    return TrainedStack(**vars(found), dbn=dbn, parameters=parameters)


def open_trained(checkpoint: Checkpoint) -> Trained:
    """Understand what a checkpoint says about its model and its data.

    Raises:
        CheckpointError: it says nothing that this version knows.
    """
    try:
        config = Config.model_validate(migrate(_json(checkpoint, "config/json"))[0])
        description = Description.from_json(_json(checkpoint, "data/json"))
        preprocessing = _preprocessing(checkpoint, description)
    except (ConfigError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        rule = "must hold a known configuration and data description"
        raise CheckpointError(str(checkpoint.path), rule, reason) from None
    return Trained(checkpoint, config, description, preprocessing)


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
