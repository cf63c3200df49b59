"""The one schema that presets, TOML files and overrides share."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union, get_args

import numpy as np
from pydantic import BeforeValidator, Field, create_model, model_validator

from ..errors import ConfigError
from ..families import FAMILIES, Family, MLPConfig
from ..fields import Count
from ..members import PerMember
from ..vocabulary import (
    LossWord,
    RuleWord,
    Section,
    expand,
)
from .population import at_places, check_lengths, portions, values_by_member
from .rates import filled
from .samples import DataConfig
from .sections import AugmentationConfig, TrainingConfig


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
        return self.portion(range(number, number + 1))

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
