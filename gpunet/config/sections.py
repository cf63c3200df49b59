"""The sections of the configuration that do not depend on families: data, augmentation and training."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from ..fields import Count, Fraction, NonNegative, Positive
from ..vocabulary import (
    AUGMENTATIONS,
    BY_MEMBER,
    AveragingWord,
    MetricWord,
    PreparationWord,
    Section,
    expand_each,
    expand_preparations,
)

Part = Annotated[float, Field(ge=0, lt=1)] | Annotated[int, Field(ge=0)]

Columns = tuple[str | int, ...]
FillWord = Literal["auto", "median", "mean", "most_frequent", "flag", "refuse"]
CategoriesWord = Literal["one_hot", "ordinal"]


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | int) and not isinstance(value, bool) else value


def _place(value: str) -> str:
    if not value.strip():
        raise ValueError("must be auto, none or the path of a folder")
    return value


class DataConfig(Section):
    """Where samples come from and how they are divided and prepared."""

    source: str = Field("digits", description="digits, or the path of a file or folder")
    target: str | int | Columns | None = Field(
        None,
        description="name or number of the target column of a table, or several, [] for none; by default label, "
        "target, class or y, else the last",
    )
    task: Literal["auto", "classification", "multilabel", "regression"] = Field(
        "auto", description="what the targets are"
    )
    features: Annotated[
        Columns | dict[str, Literal["number", "category", "text", "image"]] | None, BeforeValidator(_listed)
    ] = Field(None, description="columns that are features, all others are then left out; or the kinds of some by name")
    ignore: Annotated[Columns, BeforeValidator(_listed)] = Field((), description="columns that are left out")
    id: Annotated[Columns, BeforeValidator(_listed)] = Field(
        (), description="columns that name the samples, and come back beside predictions"
    )
    weight: str | int | None = Field(
        None, description="column, or name of the array of an NPZ or HDF5 file, that says how much each sample counts"
    )
    weights: str | None = Field(
        None, description="path of a file that says how much each sample counts: a number on each line, or .npy"
    )
    alphabet: str = Field(
        "auto",
        description="letters of sequences in FASTA files: protein (21), rna or dna (5, with the gap), or letters of "
        "one's own, each once",
    )
    identity: Annotated[float, Field(gt=0, le=1)] | Literal["auto", "none"] = Field(
        "auto",
        description="share of equal sites from which sequences count as one: each weighs 1 / how many do; auto is 0.8 "
        "for sequences without other weights, none lets all count alike",
    )
    header: bool | None = Field(None, description="whether a table has a header row; found out by default")
    delimiter: str | None = Field(None, description="one character, tab or space; found out by default")
    decimal: Literal[".", ","] | None = Field(None, description="decimal sign of a table; found out by default")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="sign between groups of three digits; found out where only one way of reading is possible"
    )
    missing: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = Field(
        None, description="texts of missing cells; empty ones by default, and NA, ?, null and the like between numbers"
    )
    fill: FillWord | dict[str, FillWord] = Field(
        "auto",
        description="what missing cells of features become, for all or by name of column, * for the others; auto is "
        "the median of columns that have some",
    )
    categories: CategoriesWord | dict[str, CategoriesWord | tuple[str, ...]] = Field(
        "one_hot", description="how categories become features, or their order by name of column"
    )
    unseen: Literal["ignore", "refuse"] = Field("ignore", description="categories that training has not seen")
    rare: NonNegative = Field(0, description="fold categories with fewer samples, or a smaller share of them")
    words: Count = Field(1000, description="most frequent words of a text beside other features that become features")
    scale_target: Literal["auto"] | bool = Field(
        "auto", description="standardise targets of regression; auto does for squared, absolute and Huber loss"
    )
    x: str | None = Field(None, description="name of the array of features in an NPZ or HDF5 file")
    y: str | None = Field(None, description="name of the array of targets")
    channels: Literal["first", "last"] | None = Field(
        None, description="where the channels of arrays of images are; found out by default"
    )
    transposed: bool | None = Field(
        None,
        description="whether rows and columns of arrays of images are exchanged; by default those of IDX files named "
        "emnist-... are",
    )
    resize: tuple[Count, Count] | None = Field(
        None, description="height and width of images in files; by default all must have one size"
    )
    resize_by: Literal["crop", "pad", "stretch"] = Field("crop", description="how images get that size")
    cache: Annotated[str, AfterValidator(_place)] = Field(
        "auto",
        description="folder that keeps decoded images, so that folders of them are decoded once; auto is the folder "
        "cache beside the run, none keeps nothing",
    )
    background: int = Field(
        255, ge=0, le=255, description="grey level behind transparent images, and around padded ones"
    )
    validation: Part = Field(0.15, description="part for model selection: a fraction or a count")
    test: Part = Field(0.15, description="part for the final figure, unless the files fix one")
    labels: Count | None = Field(
        None, description="samples of the training part that have labels, drawn by the seed; all by default"
    )
    split: Literal["stratified", "tail", "group", "date", "column"] = Field(
        "stratified", description="random within classes, the last samples, or by split_column"
    )
    split_column: str | int | None = Field(
        None, description="column whose groups stay together, whose latest dates are the test, or that names the parts"
    )
    split_seed: int = Field(0, ge=0, description="seed of the split; the same for all members")
    preprocess: Annotated[tuple[PreparationWord, ...] | None, BeforeValidator(expand_preparations)] = Field(
        None, description="in this order; none for nothing; auto scales images to 0..1 and standardises everything else"
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
        "memory; tf32 and bfloat16 are float32 whose products in training steps on CUDA round their factors, as GPUs "
        "since Ampere can do",
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
