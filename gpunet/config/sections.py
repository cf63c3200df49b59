"""The sections of the configuration that do not depend on families: augmentation and training."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from ..fields import Count, Fraction, NonNegative, Positive
from ..vocabulary import (
    AUGMENTATIONS,
    BY_MEMBER,
    AveragingWord,
    MetricWord,
    Section,
    expand_each,
)


def _switch(value: Any) -> Any:
    """``true`` stands for the defaults, ``false`` for nothing."""
    return ({} if value else None) if isinstance(value, bool) else value


_AUGMENTATIONS: dict[str, Any] = {
    name: (
        Annotated[word | None, BeforeValidator(_switch)],
        Field(None, description=(word.__doc__ or "").split("\n")[0]),
    )
    for name, word in AUGMENTATIONS.items()
}
AugmentationConfig: Any = create_model(
    "AugmentationConfig", __base__=Section, __doc__="What changes about samples in every epoch.", **_AUGMENTATIONS
)


class PlateauConfig(Section):
    """A learning rate that falls where the monitored number no longer improves, on top of any schedule."""

    patience: Annotated[Count, BY_MEMBER] = Field(
        5, description="epochs without improvement after which it falls, and again after as many"
    )
    factor: Annotated[Fraction, BY_MEMBER] = Field(0.1, description="what it is multiplied by")


def _monitored(name: str) -> str:
    """A form that the name of a number can have; which ones there are, a run knows."""
    if not re.fullmatch(r"auto|last|(train|validation)_\w+", name):
        raise ValueError("must be auto, last, or train_ or validation_ with a measure, such as validation_accuracy")
    return name


class TrainingConfig(Section):
    """How long, in which steps, and which weights are kept."""

    epochs: Count = Field(20, description="passes over the training part, at most")
    batch_size: Count = Field(64, description="samples of a step; presets take at most a quarter of the training part")
    updates: Count | None = Field(None, description="of an epoch at least; fewer samples are passed over several times")
    drop_last: bool = Field(True, description="leave out the remainder of each epoch; it differs every time")
    precision: Literal["float32", "tf32", "bfloat16", "float64"] = Field(
        "float32",
        description="of features, weights and all arithmetic: float64 has twice the digits at about twice the time and "
        "memory; tf32 is float32 whose products in training steps on CUDA round their factors, as GPUs since Ampere "
        "can do; bfloat16 is read but refused in training",
    )
    l1: Annotated[NonNegative, BY_MEMBER] = Field(
        0.0, description="penalty l1 * sum of absolute weights; biases are left alone"
    )
    l2: Annotated[NonNegative, BY_MEMBER] = Field(
        0.0, description="penalty l2 / 2 * sum of squared weights; biases are left alone"
    )
    clip_value: Annotated[Positive | None, BY_MEMBER] = Field(
        None, description="largest size of each number of the gradient"
    )
    clip_norm: Annotated[Positive | None, BY_MEMBER] = Field(
        None, description="largest length of each member's gradient"
    )
    averaging: AveragingWord | None = Field(None, description="average of the weights, which is judged and kept")
    monitor: Annotated[str, AfterValidator(_monitored)] = Field(
        "auto",
        description="what selects the weights that are kept: last, or a measured number such as validation_accuracy, "
        "validation_loss or train_loss",
    )
    metrics: Annotated[tuple[MetricWord, ...], BeforeValidator(expand_each)] = Field(
        (), description="measured on the validation part after each epoch beside the loss, such as [f1, roc_auc]"
    )
    class_weight: Literal["balanced"] | dict[str, NonNegative] | None = Field(
        None, description="how much samples count by class: balanced, or numbers by class, 1 for those not named"
    )
    threshold: MetricWord | None = Field(
        None,
        description="metric, such as f1, that is to be best at the threshold between two classes, or of labels, which "
        "is then fitted on the validation part at the end of training; the usual threshold by default",
    )
    patience: Annotated[Count | None, BY_MEMBER] = Field(
        None, description="epochs without improvement after which training stops"
    )
    plateau: PlateauConfig | None = Field(None, description="lowers the learning rate on a plateau")
    together: Count | None = Field(
        None,
        description="members of a population that are trained at once, at most; the others come after them, with the "
        "same results; by default as many as fit into memory",
    )
    snapshots: int = Field(
        0,
        ge=0,
        description="weights that are kept on the way in the run's folder snapshots, at updates spaced evenly in their "
        "logarithm, from the first to the last",
    )
