"""What is trained, on what, and where: one value for all that is put together from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..backend import Device
from ..config import Config, override
from ..data import Dataset, Description, Inputs, Split, describe
from .preparing import prepare_inputs


@dataclass(frozen=True, eq=False)
class Experiment:
    """A configuration with the data and the device that it is carried out on.

    Attributes:
        config: checked configuration.
        dataset: samples and targets on the host.
        split: which samples train, select and test.
        device: where to compute.
    """

    config: Config
    dataset: Dataset
    split: Split
    device: Device

    @cached_property
    def description(self) -> Description:
        """What a trained model must remember about the data."""
        return describe(self.dataset, self.split)

    @cached_property
    def inputs(self) -> Inputs:
        """What the model sees: the features, prepared as configured or as suits the model.

        Raises:
            ConfigError: a preparation that does not suit the data.
            DataError: features that a preparation cannot take.
        """
        return prepare_inputs(self.config, self.dataset, self.split, self.device)

    def configured(self, config: Config) -> "Experiment":
        """The same with another configuration."""
        return replace(self, config=config)

    def changed(self, values: Mapping[str, Any]) -> "Experiment":
        """The same with other values by dotted key.

        Raises:
            ConfigError: an unknown key or a value out of bounds.
        """
        return self.configured(override(self.config, values))
