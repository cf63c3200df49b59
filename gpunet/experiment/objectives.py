"""The objective of a configuration."""

from ..config import Config, build_loss
from ..data import Description, Inputs
from ..objectives import Objective


def build_objective(config: Config, about: Description, inputs: Inputs) -> Objective:
    """What the configured model learns.

    Raises:
        DataError: data that the visible units of a machine, or targets that the loss, cannot take.
        ConfigError: a model that does not suit the task, or a stack of machines, which has several objectives.
    """
    return config.model.objective(about, inputs, build_loss(config, len(about.classes), about.task == "multilabel"))
