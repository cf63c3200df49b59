"""What is trained, on what, and where: one value for all that is put together from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..backend import Device
from ..config import Config, build_loss, override
from ..data import Dataset, Description, Inputs, Preprocessing, Split, TargetScale, describe
from ..errors import ConfigError
from ..fields import term
from ..objectives import degree
from .letters import suited
from .preparing import prepare_inputs


@dataclass(frozen=True, eq=False)
class Prepared:
    """The numbers by which a training has prepared its data, for one that goes on.

    Attributes:
        preprocessing: of the features; None fits it again, as to the same samples.
        target_scale: of the targets, or None where they were learned as they are.
    """

    preprocessing: Preprocessing | None
    target_scale: TargetScale | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """A configuration with the data and the device that it is carried out on.

    Attributes:
        config: checked configuration; the visible units of machines follow from data that are sequences.
        dataset: samples and targets on the host.
        split: which samples train, select and test.
        device: where to compute.
        prepared: by which numbers features and targets are prepared; those of the training part by default.
    """

    config: Config
    dataset: Dataset
    split: Split
    device: Device
    prepared: Prepared | None = None

    def __post_init__(self) -> None:
        """Let the configuration have the units that sequences need.

        Raises:
            ConfigError: units that do not suit sequences.
        """
        object.__setattr__(self, "config", suited(self.config, self.dataset.alphabet))

    @cached_property
    def description(self) -> Description:
        """What a trained model must remember about the data."""
        return describe(self.dataset, self.split, self.target_scale)

    @cached_property
    def target_scale(self) -> TargetScale | None:
        """By what targets are standardised, or None where they are learned as they are.

        Raises:
            ConfigError: it was asked for with a loss for which sign and size of targets carry meaning.
        """
        if self.prepared is not None:
            return self.prepared.target_scale
        wanted, config = self.config.data.scale_target, self.config
        if wanted is False or self.dataset.task != "regression" or not config.model.wants_targets:
            return None
        loss = build_loss(config, 0)
        if degree(loss) is None:
            if wanted is True:
                rule = f"must be auto or false with {term(type(loss))}, to which sign and size of targets matter"
                raise ConfigError("scale_target", rule, "true", "Leave it out")
            return None
        train, weights = self.split.train, self.dataset.weights
        return TargetScale.of(self.dataset.y[train], None if weights is None else weights[train])

    @cached_property
    def inputs(self) -> Inputs:
        """What the model sees: the features, prepared as configured or as suits the model.

        Raises:
            ConfigError: a preparation that does not suit the data.
            DataError: features that a preparation cannot take.
        """
        fitted = None if self.prepared is None else self.prepared.preprocessing
        return prepare_inputs(
            self.config, self.dataset, self.split, self.device, target_scale=self.target_scale, fitted=fitted
        )

    def configured(self, config: Config) -> "Experiment":
        """The same with another configuration."""
        return replace(self, config=config)

    def changed(self, values: Mapping[str, Any]) -> "Experiment":
        """The same with other values by dotted key.

        Raises:
            ConfigError: an unknown key or a value out of bounds.
        """
        return self.configured(override(self.config, values))
