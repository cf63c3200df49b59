"""What a recipe is, and when its number counts as reproduced."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

Verdict = Literal["reproduced", "not reproduced", "undecided"]


class Runner(Protocol):
    """Runs commands of gpunet, in the order of a recipe."""

    def __call__(self, name: str, *words: Any, folder: bool = True) -> dict[str, Any]:
        """The JSON document of a command, which is not run again where a document of that name is there.

        Args:
            name: of the step, and of the folder of its run.
            words: of the command without ``gpunet``.
            folder: whether it writes a run, whose folder is added as ``--run``.
        """

    def path(self, name: str) -> str:
        """The folder of a step's run."""


@dataclass(frozen=True)
class Finding:
    """What came of a recipe.

    Attributes:
        values: the number of each seed, in the unit of the recipe.
        bracket: between which ends the number lies, where it is only known so.
        lines: what else is worth saying.
    """

    values: tuple[float, ...]
    bracket: tuple[float, float] | None = None
    lines: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds, None of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Recipe:
    """A published experiment.

    Attributes:
        name: by which it is called.
        title: what is trained, on what.
        quantity: what the number is.
        unit: of the number: ``%``, ``nats`` or ``points``.
        published: the number that is known.
        citation: where it stands.
        tolerance: how much worse than that still counts as reproduced.
        higher: whether a higher number is better.
        seeds: of the runs.
        minutes: about how long it takes on two cores that have nothing else to do.
        data: ``digits``, which come along, ``drawn``, which the recipe makes, or ``mnist``, whose folder must be named.
        steps: runs the commands; called with the runner, the words that name the data, and the seeds.
        whole: whether these are all the seeds that the verdict needs.
    """

    name: str
    title: str
    quantity: str
    unit: str
    published: float
    citation: str
    tolerance: float
    higher: bool
    seeds: tuple[int, ...]
    minutes: float
    data: Literal["digits", "drawn", "mnist"]
    steps: Callable[[Runner, Sequence[str], Sequence[int]], Finding]
    whole: bool = True

    def with_seeds(self, count: int) -> "Recipe":
        """The same with its first seeds alone, which decide nothing.

        >>> from gpunet.cli.recipes import RECIPES
        >>> RECIPES["deep-convex"].with_seeds(2).seeds
        (0, 1)
        """
        if count >= len(self.seeds):
            return self
        minutes = self.minutes * count / len(self.seeds)
        return replace(self, seeds=self.seeds[:count], minutes=minutes, whole=False)

    @property
    def limit(self) -> float:
        """The worst number that counts as reproduced."""
        return self.published - self.tolerance if self.higher else self.published + self.tolerance

    def verdict(self, finding: Finding) -> Verdict:
        """Whether the number is at least as good as the limit; undecided where its bracket holds the limit, or where
        seeds are left out.

        >>> from gpunet.cli.recipes import RECIPES
        >>> cd1 = RECIPES["mnist-rbm-cd1"]
        >>> cd1.limit, cd1.verdict(Finding((-120.0,))), cd1.verdict(Finding((-127.0,), (-130.0, -124.0)))
        (-126.5, 'reproduced', 'undecided')
        """
        if not self.whole:
            return "undecided"
        ends = finding.bracket or (finding.value, finding.value)
        good = [end >= self.limit if self.higher else end <= self.limit for end in ends]
        return "reproduced" if all(good) else "undecided" if any(good) else "not reproduced"
