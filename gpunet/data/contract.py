"""What the data of a training were, which new data must be: kept in the checkpoint, see :mod:`.fulfilling`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .codes import Code, code_from_json, code_to_json
from .streamed import Features
from .targets import Targets


@dataclass(frozen=True)
class Contract:
    """What the data of a training were.

    Attributes:
        codes: what the feature columns of a table become; none for arrays and images.
        named: whether its columns had names.
        width: how many columns the table had.
        targets: names of the target columns, or their numbers where there were no names.
        ids: likewise of the columns that name samples.
        weight: likewise of that of the weights.
        low: smallest feature of the training part, of arrays and images.
        high: largest one.
        whole: whether all of them are whole numbers.
        lows: smallest value of each feature of the training part, of rows of numbers.
        highs: largest one.
        offset: subtracted from each feature of an array in float64; nothing where float32 keeps them apart.
        wide: whether features that are numbers keep double precision, for a model that was trained in it.
        old: whether the file is of before there were contracts, so that the rules of that time hold.
    """

    codes: tuple[Code, ...] = ()
    named: bool = False
    width: int = 0
    targets: tuple[str | int, ...] = ()
    ids: tuple[str | int, ...] = ()
    weight: str | int | None = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    old: bool = False
    wide: bool = False

    @property
    def dtype(self) -> np.dtype:
        """What features that are no bytes are numbers of."""
        return np.dtype(np.float64 if self.wide else np.float32)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "wide" or self.wide}
        return found | {"codes": [code_to_json(code) for code in self.codes]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Contract":
        """From plain data."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        return cls(**fields | {"codes": tuple(code_from_json(code) for code in content["codes"])})


@dataclass(frozen=True, eq=False)
class Given:
    """Data that fulfil a contract.

    Attributes:
        x: (samples, *input_shape), uint8, int32 or float32, or float64 where the contract is wide; perhaps streamed.
        targets: where they were asked for.
        weights: (samples,), where the table has them and targets were asked for.
        ids: texts by name of column, which name the samples.
        notes: what the user should know.
    """

    x: Features
    targets: Targets | None = None
    weights: np.ndarray | None = None
    ids: dict[str, list[str | None]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
