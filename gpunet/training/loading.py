"""Checkpoints into models: rebuilt from their configuration, with their arrays, strictly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Array, Checkpoint, read
from ..config import Config, RBMConfig, build_loss, build_model, build_rbm
from ..data import Preprocessing
from ..errors import CheckpointError
from ..layers import Layer
from ..losses import Loss
from ..parameter import Parameters
from ..rbm import RBM
from .description import Description


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


@dataclass(frozen=True)
class TrainedRBM(Trained):
    """A machine out of a checkpoint, in float64."""

    rbm: RBM
    parameters: Parameters


def load_model(path: Path | str, device: Device) -> TrainedModel:
    """Rebuild the model of a checkpoint: from its configuration, with its arrays, strictly.

    Raises:
        CheckpointError: damaged, or with arrays that are not exactly those of the configured model.
    """
    checkpoint, config, description, preprocessing = _open(path)
    if isinstance(config.model, RBMConfig):
        remedy = "Use gpunet likelihood or inspect"
        raise CheckpointError(str(path), "must hold a network with outputs", "a restricted Boltzmann machine", remedy)
    classes = len(description.classes)
    loss = build_loss(config, classes)
    model = build_model(config, description.features, loss.outputs(classes) if classes else description.outputs)
    parameters = Parameters(model, config.seeds, device)
    fill(parameters, checkpoint)
    return TrainedModel(checkpoint, config, description, preprocessing, model, loss, parameters)


def load_rbm(path: Path | str, device: Device) -> TrainedRBM:
    """Rebuild the machine of a checkpoint, in float64 for likelihoods.

    Raises:
        CheckpointError: damaged, or not a machine.
    """
    checkpoint, config, description, preprocessing = _open(path)
    if not isinstance(config.model, RBMConfig):
        remedy = "Use gpunet evaluate for networks"
        raise CheckpointError(str(path), "must hold a restricted Boltzmann machine", config.model.name, remedy)
    rbm = build_rbm(config.model, description.features)
    parameters = Parameters(rbm, config.seeds, device, np.float64)
    fill(parameters, checkpoint)
    return TrainedRBM(checkpoint, config, description, preprocessing, rbm, parameters)


def _open(path: Path | str) -> tuple[Checkpoint, Config, Description, Preprocessing]:
    checkpoint = read(path)
    try:
        config = Config.model_validate(_json(checkpoint, "config/json"))
        description = Description.from_json(_json(checkpoint, "data/json"))
        settings: Any = checkpoint["data/preprocessing"]
        shift, factor = settings["shift"].data, settings["factor"].data
        preprocessing = Preprocessing(settings.attrs["kind"], shift, factor, int(settings.attrs["constant"]))
    except (KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(str(path), "must hold a known configuration and data description", reason) from None
    return checkpoint, config, description, preprocessing


def fill(parameters: Parameters, checkpoint: Checkpoint) -> None:
    """Copy a checkpoint's arrays into a model.

    Raises:
        CheckpointError: one table of all arrays that are missing, left over or of another shape.
    """
    group: Any = checkpoint["model"]
    found = {name: child.data for name, child in group.walk() if isinstance(child, Array)}
    wrong = list(_mismatches(parameters, found))
    if wrong:
        table = "".join(f"\n  {line}" for line in wrong)
        raise CheckpointError(str(checkpoint.path), "must hold exactly the arrays of its configuration", table)
    for name, data in found.items():
        parameters.device.copy_into(parameters.view(parameters.values, name), data)


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
