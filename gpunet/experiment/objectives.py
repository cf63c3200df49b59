"""Objectives from a configuration, with the checks that models ask of data."""

from typing import Any

from ..config import (
    AutoencoderConfig,
    ClassRBMConfig,
    Config,
    DBNConfig,
    GenerativeConfig,
    MachineConfig,
    RBMConfig,
    UpDownConfig,
    build_chains,
    build_classrbm,
    build_loss,
    build_model,
    build_rbm,
    build_steps,
    build_updown,
)
from ..data import Description, Inputs
from ..errors import ConfigError, DataError
from ..losses import BinaryCrossEntropy, Loss
from ..models import UpDown
from ..objectives import Objective, Reconstruction, Supervised
from ..rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ClassRBM,
    ContrastiveDivergence,
    Gaussian,
    HybridLearning,
    NoisyReLU,
    Softmax,
    Units,
    WithOutput,
)


def build_objective(config: Config, about: Description, inputs: Inputs) -> Objective:
    """What the configured model learns.

    Raises:
        DataError: data that the visible units of a machine, or targets that the loss, cannot take.
        ConfigError: a stack of machines, which is not one objective but several.
    """
    model, classes = config.model, len(about.classes)
    if isinstance(model, DBNConfig):
        raise ConfigError("model.name", "is trained layer by layer", "dbn", "Use gpunet pretrain")
    if isinstance(model, RBMConfig):
        return contrastive_divergence(model, build_rbm(model, inputs.features), inputs)
    if isinstance(model, ClassRBMConfig | UpDownConfig) and not classes:
        raise ConfigError("model.name", "needs classes", "real-valued targets", "Use model.name=mlp")
    if isinstance(model, UpDownConfig):
        network = build_updown(model, inputs.features, classes)
        check_visible(network.visible, inputs)
        binarise = model.binarise and isinstance(network.visible, Bernoulli)
        return UpDown(network, build_steps(model), model.greedy, binarise, model.center)
    if isinstance(model, ClassRBMConfig):
        machine = build_classrbm(model, inputs.features, classes)
        check_visible(machine.features, inputs)
        generation = contrastive_divergence(model, machine.joint, None)
        binarise = model.binarise and isinstance(machine.features, Bernoulli)
        return HybridLearning(machine, generation, model.discriminative, model.generative, binarise)
    loss = build_loss(config, classes)
    if isinstance(model, AutoencoderConfig):
        check_reconstructable(loss, inputs)
        return Reconstruction(build_model(config, inputs.shape, inputs.features), loss)
    loss.check_targets(inputs.y)
    outputs = loss.outputs(classes) if classes else about.outputs
    return Supervised(build_model(config, inputs.shape, outputs), loss, bool(classes))


def contrastive_divergence(config: MachineConfig, machine: RBM, inputs: Inputs | None) -> ContrastiveDivergence:
    """How the configured machine learns; ``inputs`` are checked where given.

    Raises:
        DataError: data that the visible units cannot take.
    """
    if inputs is not None:
        check_visible(machine.visible, inputs)
    bits = isinstance(machine.visible, Bernoulli)
    sparsity = None if config.sparsity is None else config.sparsity.build()
    return ContrastiveDivergence(
        machine, build_steps(config), build_chains(config), config.binarise and bits, config.center, sparsity
    )


def machine_of(model: Any) -> RBM | None:
    """The machine inside a model that has one."""
    if isinstance(model, RBM):
        return model
    if isinstance(model, ClassRBM):
        return model.joint
    return model.machine if isinstance(model, WithOutput) else None


def wants_standardised(model: Any) -> bool:
    """Whether the model's visible units ask for standardised features."""
    return isinstance(model, GenerativeConfig) and model.visible_units.name == "gaussian"


def check_visible(units: Units, inputs: Inputs) -> None:
    """Raise :class:`DataError` where data are no states, or means of states, of the visible units."""
    data, preprocessing = inputs.training_part(), inputs.preprocessing
    low, high = float(data.min()), float(data.max())
    if isinstance(units, NoisyReLU) and low < 0:
        rule, remedy = "must not be negative for NoisyReLU visible units", "Set data.preprocess=scale"
        raise DataError("training part", rule, f"{low:.4g} to {high:.4g}", remedy)
    top = units.trials if isinstance(units, Binomial) else 1
    if isinstance(units, Bernoulli | Binomial) and not 0 <= low <= high <= top:
        raise DataError(
            "training part",
            f"must lie between 0 and {top} for {type(units).__name__} visible units",
            f"{low:.4g} to {high:.4g}",
            "Set data.preprocess=scale, or model.visible_units=gaussian with data.preprocess=standardise",
        )
    if isinstance(units, Gaussian) and not preprocessing.unit_variance:
        raise DataError(
            "training part",
            "must be standardised for Gaussian visible units, whose variance starts at 1",
            f"data.preprocess={preprocessing.kind}",
            "Set data.preprocess=standardise",
        )
    if isinstance(units, Softmax):
        groups = data.reshape(len(data), -1, units.group)
        if not (((groups == 0) | (groups == 1)).all() and (groups.sum(axis=-1) == 1).all()):
            rule = f"must hold exactly one 1 in each group of {units.group} for Softmax visible units"
            raise DataError("training part", rule, "other values", "Use one-hot data with data.preprocess=none")


def check_reconstructable(loss: Loss, inputs: Inputs) -> None:
    """Raise :class:`DataError` where a loss is asked to reconstruct what it is not defined for."""
    data = inputs.training_part()
    if isinstance(loss, BinaryCrossEntropy) and not 0 <= float(data.min()) <= float(data.max()) <= 1:
        raise DataError(
            "training part",
            "must lie between 0 and 1 to be reconstructed by cross-entropy",
            f"{float(data.min()):.4g} to {float(data.max()):.4g}",
            "Set data.preprocess=scale, or loss=squared_error",
        )
    loss.check_targets(data)
