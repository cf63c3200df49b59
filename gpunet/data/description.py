"""What a trained model must remember about its data, so that prediction needs nothing else."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .dataset import Dataset
from .splitting import Split


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
        label_type: what class names were before they became text: ``text``, ``int``, ``float`` or ``bool``.
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
    label_type: str = "text"

    @property
    def labels(self) -> np.ndarray:
        """The classes as they were given, (classes,): texts, whole numbers, floating-point numbers or truth values."""
        if self.label_type == "bool":
            return np.array([name in ("True", "1") for name in self.classes])
        return np.array(self.classes, {"int": np.int64, "float": np.float64}.get(self.label_type, str))

    @property
    def features(self) -> int:
        """Numbers of one sample."""
        return int(np.prod(self.input_shape))

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain data that JSON can hold, see :meth:`from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> "Description":
        """The description that :meth:`to_json` has written down."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        return cls(**fields)


def outputs_of(dataset: Dataset) -> int:
    """Targets of one sample for regression.

    Raises:
        DataError: targets without an axis for them.
    """
    if dataset.y.ndim != 2:
        remedy = "Give classes, or one row of real numbers for each sample"
        raise DataError(dataset.name, "needs targets (samples, outputs) without classes", dataset.y.shape, remedy)
    return dataset.y.shape[1]


def describe(dataset: Dataset, split: Split) -> Description:
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
        label_type=dataset.label_type,
    )
