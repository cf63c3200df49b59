"""How a search goes about it, beside its space."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge

from ..errors import ConfigError, meant, shortened
from ..fields import Count, check_fields

Method = Literal["random", "coarse_to_fine", "tpe"]
Prune = Literal["none", "median", "halving"]
Purpose = Literal["auto", "validation", "fine_tuning", "likelihood"]
NOISE = 5


@dataclass(frozen=True)
class Settings:
    """How a search goes about it: the keys of ``[search]`` in TOML.

    Args:
        method: ``random``; ``coarse_to_fine``, random in stages, each in the region that the best trials of the one
            before span; or ``tpe``, Optuna's tree-structured Parzen estimator.
        trials: configurations to try, of all stages together.
        stages: of ``coarse_to_fine``.
        prune: end trials early that lag behind those before them, by their ``median`` or by successive ``halving``.
        folds: cross-validate each trial; 1 scores it on the validation part.
        repeats: of the folds, or without folds how many random splits into training and validation part.
        seeds: models that are trained for each trial and part; their mean is its score.
        score: what a trial is for: ``validation``; ``fine_tuning``, the validation error of a network that starts from
            what is pretrained; or ``likelihood``, the lower end of its bracket; ``auto`` is what suits the model.
        together: trials that are trained at once at most, as one population, where they differ in numbers alone; each
            comes to what it would alone. Adaptive searches and those over pretraining train one after the other.
        noise: other seeds that the chosen configuration is trained with in the end, to see the noise.
    """

    method: Method = "random"
    trials: Count = 20
    stages: Annotated[int, Ge(2)] = 2
    prune: Prune = "none"
    folds: Count = 1
    repeats: Count = 1
    seeds: Count = 1
    score: Purpose = "auto"
    together: Count = 16
    noise: Annotated[int, Ge(0)] = NOISE

    def __post_init__(self) -> None:
        """Check words and bounds."""
        for name, words in WORDS.items():
            value = getattr(self, name)
            if value not in words:
                remedy = meant(str(value), words, f"There are {', '.join(words)}")
                raise ConfigError(f"search.{name}", "is no known choice", shortened(repr(value)), remedy)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in WORDS and (not isinstance(value, int) or isinstance(value, bool)):
                raise ConfigError(f"search.{field.name}", "must be a whole number", shortened(repr(value)))
        try:
            check_fields(self)
        except ConfigError as error:
            name = error.thing.replace("Settings.", "search.")
            raise ConfigError(name, error.rule, error.received, error.remedy) from None
        if self.method == "coarse_to_fine" and self.trials < 2 * self.stages:
            rule, remedy = (
                f"must be at least 2 for each of {self.stages} stages",
                "Use search.method=random, or more trials",
            )
            raise ConfigError("search.trials", rule, self.trials, remedy)

    @property
    def adaptive(self) -> bool:
        """Whether what is tried, or for how long, depends on the order in which results come."""
        return self.method == "tpe" or self.prune != "none"

    @property
    def parts(self) -> int:
        """How many trainings of one seed a trial has."""
        return max(self.folds, 1) * self.repeats

    def with_trials(self, trials: int) -> "Settings":
        """The same with another number of trials, as where a search goes on.

        Raises:
            ConfigError: too few, or stages that share out the trials, so that their number decides what is tried.
        """
        if self.method == "coarse_to_fine" and trials != self.trials:
            remedy = "Leave it out, or begin another search"
            rule = f"must stay {self.trials}, which stages from coarse to fine share, when a search goes on"
            raise ConfigError("trials", rule, trials, remedy)
        return replace(self, trials=trials)

    def document(self) -> dict[str, Any]:
        """As TOML has it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


WORDS: dict[str, tuple[str, ...]] = {"method": get_args(Method), "prune": get_args(Prune), "score": get_args(Purpose)}


def settings_of(written: Mapping[str, Any]) -> Settings:
    """Settings out of what ``[search]`` says.

    Raises:
        ConfigError: an unknown key, or a value out of bounds.
    """
    names = [field.name for field in fields(Settings)]
    for key in written:
        if key not in names:
            raise ConfigError(f"search.{shortened(key)}", "is no key here", None, meant(key, names, _known(names)))
    return Settings(**written)


def _known(names: list[str]) -> str:
    return f"Known: {', '.join(names)}"
