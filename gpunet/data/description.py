"""What a trained model must remember about its data, so that prediction needs nothing else."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import DataError


class Samples(Protocol):
    """What training needs of a data set; :class:`gpunet.datasets.Dataset` is one."""

    name: str
    x: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    scale: float
    vocabulary: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    @property
    def sha256(self) -> str:
        """Hash of the content."""


class Parts(Protocol):
    """Sample numbers of the three parts of a data set."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Description:
    """Name and shape of the data; everything is a number, a text or a tuple of them, so it survives as JSON.

    Attributes:
        name: of the data set.
        sha256: of its content.
        classes: names, empty for regression.
        columns: names of the features, or empty.
        input_shape: of one sample.
        outputs: targets of one sample for regression, else 0.
        scale: full scale of the features.
        parts: numbers of samples for training, validation and test.
        vocabulary: of texts, in the order of their numbers; else empty.
    """

    name: str
    sha256: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    input_shape: tuple[int, ...]
    outputs: int
    scale: float
    parts: tuple[int, int, int]
    vocabulary: tuple[str, ...] = ()

    @property
    def features(self) -> int:
        """Numbers of one sample."""
        return int(np.prod(self.input_shape))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "Description":
        """From plain data."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        return cls(**fields)


def outputs_of(dataset: Samples) -> int:
    """Targets of one sample for regression.

    Raises:
        DataError: targets without an axis for them.
    """
    if dataset.y.ndim != 2:
        remedy = "Give classes, or one row of real numbers for each sample"
        raise DataError(dataset.name, "needs targets (samples, outputs) without classes", dataset.y.shape, remedy)
    return dataset.y.shape[1]


def describe(dataset: Samples, split: Parts) -> Description:
    """Describe a data set and its split."""
    return Description(
        name=dataset.name,
        sha256=dataset.sha256,
        classes=dataset.classes,
        columns=dataset.columns,
        input_shape=tuple(dataset.input_shape),
        outputs=0 if dataset.classes else outputs_of(dataset),
        scale=dataset.scale,
        parts=(len(split.train), len(split.validation), len(split.test)),
        vocabulary=dataset.vocabulary,
    )
