"""What the families of networks that grow share: one block first, then one more at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from ..errors import ConfigError
from ..layers import Layer
from ..parameter import find_parameters
from .base import Family


class Growing(Family):
    """How far a network that grows has come; each such family has the fields ``grow`` and ``grown``."""

    if TYPE_CHECKING:  # fields of the family
        grow: str
        grown: int | None

    @property
    def most(self) -> int:
        """The blocks of the whole network."""
        raise NotImplementedError

    @property
    def grown_on(self) -> Self | None:
        """One more block; where only the newest learned, all of them together at the end."""
        so_far, last = self.grown or 1, self.most + (self.grow == "newest" and self.most > 1)
        return None if self.grow == "none" or so_far >= last else self.model_copy(update={"grown": so_far + 1})

    @property
    def growth(self) -> str:
        """How many blocks it has, and which learn."""
        if self.grow == "none":
            return ""
        which = ", the newest learns" if self.holds else ", all learn" if self.grow == "newest" else ""
        return f"{self.present} of {self.most} blocks{which}"

    @property
    def present(self) -> int:
        """The blocks that it has."""
        return self.most if self.grow == "none" else min(self.grown or 1, self.most)

    @property
    def holds(self) -> bool:
        """Whether blocks below the newest keep their weights."""
        return self.grow == "newest" and 1 < (self.grown or 1) <= self.most

    def check_growth(self, shortcuts: bool) -> None:
        """Refuse to grow a plain network.

        Raises:
            ConfigError: there are no shortcuts.
        """
        if self.grow != "none" and not shortcuts:
            rule = "must be none without shortcuts, which let a new block begin as nothing"
            raise ConfigError("grow", rule, self.grow, "Leave shortcut out")

    def hold(self, below: Sequence[Layer]) -> None:
        """Keep the weights of layers that lie below the newest block, where they do not learn."""
        for layer in below if self.holds else ():
            for _, parameter in find_parameters(layer):
                parameter.rate_factor = 0.0
