"""Where the weights of a run come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ..checkpoint import Checkpoint, Group, NamedArray
from ..rbm import RBM


@dataclass(frozen=True)
class FinishedLayer:
    """A layer that was trained before what is trained now.

    Attributes:
        name: in checkpoints, such as ``000_rbm``.
        model: its arrays with its settings.
        record: how it was trained: history, method, data, parent.
    """

    name: str
    model: Group
    record: Group

    def count(self, members: tuple[int, ...]) -> int:
        """Trained numbers of one member."""
        arrays = [array for _, array in self.model.walk() if isinstance(array, NamedArray)]
        total = sum(prod(array.shape) for array in arrays if array.attrs.get("trainable", True))
        return total // prod(members)


@dataclass
class Lineage:
    """What a run stands on.

    Attributes:
        below: layers that are finished, from the data upwards.
        machines: the same, with memory.
        parent_sha256: content hash of the checkpoint that weights were taken from, or empty.
        grafts: which arrays were taken, as plain data for the checkpoint.
    """

    below: Sequence[FinishedLayer] = ()
    machines: Sequence[RBM] = ()
    parent_sha256: str = ""
    grafts: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, source: Checkpoint) -> "Lineage":
        """What the run of a checkpoint stands on, but for its layers."""
        grafts = source.note("lineage/json").get("grafts", [])
        return cls(parent_sha256=str(source.attrs.get("parent_sha256", "")), grafts=grafts)
