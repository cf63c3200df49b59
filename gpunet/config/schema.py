"""The one schema that presets, TOML files and overrides share."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, get_args

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from ..errors import ConfigError
from ..families import FAMILIES, Family, MLPConfig
from ..fields import Count, Fraction, NonNegative, Positive
from ..members import PerMember
from ..vocabulary import (
    AUGMENTATIONS,
    BY_MEMBER,
    AveragingWord,
    LossWord,
    MetricWord,
    PreparationWord,
    RuleWord,
    Section,
    expand,
    expand_each,
    expand_preparations,
)
from .population import at_place, at_places, check_lengths, portions, values_by_member
from .rates import filled

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


def _choice(families: tuple[type[Family], ...]) -> Any:
    """One of the families, told apart by its name."""
    union: Any = Union[families]  # noqa: UP007 - built from a tuple
    return Annotated[union, Field(discriminator="name"), BeforeValidator(expand)]


if TYPE_CHECKING:
    Model = Family
else:
    Model = _choice(FAMILIES)


class Config(Section):
    """Everything that a run depends on.

    Attributes:
        families: of models that ``model`` may hold beside those that come with gpunet, see :func:`schema`.
    """

    families: ClassVar[tuple[type[Family], ...]] = ()

    name: str = Field("run", pattern=r"^[a-z0-9_-]+$", description="names the run's folder")
    seed: int = Field(0, ge=0, lt=2**63, description="of weights, order and dropout")
    members: Count = Field(1, description="seeds trained at once: seed, seed + 1, ..., each with every list of values")
    numerics: Literal[1, 2] = Field(
        2, description="rules of arithmetic; 1 in runs that began before configurations of version 3, which keep them"
    )
    data: DataConfig = Field(DataConfig(), description="where samples come from, and how they are prepared")
    augmentation: AugmentationConfig = Field(AugmentationConfig(), description="what changes about samples in training")
    model: Model = Field(MLPConfig(), description="what is trained")
    loss: LossWord | None = Field(None, description="categorical_cross_entropy for classes, else squared_error")
    optimizer: RuleWord = Field("adam", validate_default=True, description="how weights are changed")
    training: TrainingConfig = Field(TrainingConfig(), description="how long, in which steps, and what is kept")

    @model_validator(mode="before")
    @classmethod
    def _default_names(cls, values: Any) -> Any:
        """A section without a name keeps the default's, so that ``optimizer.learning_rate=0.1`` alone works.

        Schedules that are named alone are filled in, see :mod:`.rates`.
        """
        if isinstance(values, dict):
            defaults = {"model": "mlp", "optimizer": "adam"}
            for key, name in defaults.items():
                if isinstance(values.get(key), dict):
                    values = values | {key: {"name": name} | values[key]}
            if isinstance(values.get("optimizer"), dict):
                values = values | {"optimizer": filled(values["optimizer"], cls._epochs_of(values))}
        return values

    @staticmethod
    def _epochs_of(values: dict[str, Any]) -> Any:
        """How long the training is, in values that were not checked yet."""
        training = values.get("training")
        usual = TrainingConfig.model_fields["epochs"].default
        return training.get("epochs", usual) if isinstance(training, dict) else usual

    @model_validator(mode="after")
    def _lists_go_together(self) -> "Config":
        """Values by member have one length, since they go together by place."""
        check_lengths(self.by_member)
        return self

    @property
    def dtype(self) -> np.dtype:
        """What features, parameters, gradients and the state of the optimizer are numbers of: float32 or float64.

        >>> Config().dtype, Config(training={"precision": "float64"}).dtype
        (dtype('float32'), dtype('float64'))
        """
        return np.dtype(np.float64 if self.training.precision == "float64" else np.float32)

    @cached_property
    def by_member(self) -> dict[str, PerMember]:
        """Values that differ by member, by dotted key."""
        return dict(values_by_member(self))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other values where ``update`` has some, that forgets what followed from the old ones."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("by_member", None)
        return copied

    @property
    def places(self) -> int:
        """How many values a key has that differs by member; 1 where none does."""
        return max(map(len, self.by_member.values()), default=1)

    @property
    def population(self) -> int:
        """How many models are trained at once: every place of the values by member, with every seed."""
        return self.places * self.members

    @property
    def seeds(self) -> int | list[int]:
        """One seed, or that of each model: all seeds at the first place of values by member, then at the second."""
        return self.seed if self.population == 1 else [self.seed + i for i in range(self.members)] * self.places

    def member(self, number: int) -> "Config":
        """The configuration with which one model of a population is trained alone.

        >>> several = Config(optimizer={"learning_rate": [0.1, 0.01]}, members=2)
        >>> several.member(3).optimizer.learning_rate, several.member(3).seed
        (0.01, 1)
        """
        values = at_place(self.model_dump(mode="json"), number // self.members)
        return type(self).model_validate(values | {"seed": self.seed + number % self.members, "members": 1})

    def portion(self, members: range) -> "Config":
        """The configuration with which some members of a population are trained by themselves, see :meth:`portions`.

        >>> several = Config(optimizer={"learning_rate": [0.1, 0.01]}, members=3)
        >>> several.portion(range(4, 6)).seeds, several.portion(range(3, 6)).optimizer.learning_rate
        ([1, 2], 0.01)
        """
        places = range(members.start // self.members, (members.stop - 1) // self.members + 1)
        values = at_places(self.model_dump(mode="json"), places)
        seed = self.seed + members.start % self.members
        return type(self).model_validate(values | {"seed": seed, "members": len(members) // len(places)})

    def portions(self, most: int) -> list[range]:
        """The members in portions of at most so many that can be trained one after the other."""
        return portions(self.places, self.members, most)

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes get it as its document, since words are classes that are made when gpunet begins."""
        return _again, (self.model_dump(mode="json"), self.families)


def _again(values: dict[str, Any], families: tuple[type[Family], ...]) -> Config:
    return schema(families).model_validate(values)


def schema(families: Sequence[type[Family]] = ()) -> type[Config]:
    """The schema whose ``model`` may also be of families that do not come with gpunet.

    Args:
        families: classes that derive from :class:`~gpunet.families.Family`, each with a name of its own.

    Raises:
        ConfigError: something else, or two of one name.
    """
    own = tuple(families)
    taken = {family_name(family): family for family in FAMILIES}
    for family in own:
        if not (isinstance(family, type) and issubclass(family, Family)):
            remedy = "Derive it from gpunet.families.Family"
            raise ConfigError("families", "must be classes of families", repr(family), remedy)
        name = family_name(family)
        if not name:
            remedy = 'Write name: Literal["mine"] = "mine"'
            raise ConfigError(f"families: {family.__name__}", "must have a name that is a Literal", None, remedy)
        if name in taken:
            rule = "must have a name of its own"
            raise ConfigError(f"families: {family.__name__}", rule, repr(name), f"{taken[name].__name__} has that one")
        taken[name] = family
    return _with_families(own) if own else Config


def family_name(family: type[Family]) -> str:
    """The name that stands for a family in files, or nothing where it has none."""
    field = family.model_fields.get("name")
    given = get_args(field.annotation) if field is not None else ()
    return given[0] if len(given) == 1 and isinstance(given[0], str) else ""


@cache
def _with_families(families: tuple[type[Family], ...]) -> type[Config]:
    """The same class for the same families, so that configurations compare equal."""
    default: Any = (_choice((*FAMILIES, *families)), MLPConfig())
    made = create_model("Config", __base__=Config, __doc__=Config.__doc__, model=default)
    made.families = families
    return made
