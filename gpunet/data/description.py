"""What a trained model must remember about its data, so that prediction needs nothing else."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import DataError
from .contract import Contract
from .dataset import Dataset
from .passes import extent
from .splitting import Split
from .streamed import some_of
from .target_scale import TargetScale

WIDE = 1000  # features whose ranges are kept one by one


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
        task: ``classification``, ``multilabel``, ``regression`` or ``none``.
        targets: names of the targets, where the data name them.
        contract: what new data must be.
        target_scale: by what targets were standardised, or None where they are learned as they are.
        alphabet: letters of sequences, whose features are their places in it; else empty.
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
    task: str = ""
    targets: tuple[str, ...] = ()
    contract: Contract = field(default_factory=Contract)
    target_scale: TargetScale | None = None
    alphabet: str = ""

    def __post_init__(self) -> None:
        """Old files do not say the task."""
        if not self.task:
            task = "classification" if self.classes else "regression" if self.outputs else "none"
            object.__setattr__(self, "task", task)

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
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "alphabet" or self.alphabet}
        scale = None if self.target_scale is None else asdict(self.target_scale)
        return found | {"contract": self.contract.to_json(), "target_scale": scale}

    @classmethod
    def from_json(cls, content: Any) -> "Description":
        """The description that :meth:`to_json` has written down."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        if fields.get("contract") is not None:
            fields["contract"] = Contract.from_json(fields["contract"])
        if fields.get("target_scale") is not None:
            fields["target_scale"] = TargetScale(**{k: tuple(v) for k, v in fields["target_scale"].items()})
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


def describe(dataset: Dataset, split: Split, target_scale: TargetScale | None = None) -> Description:
    """Describe a data set and its split.

    Args:
        dataset: to be described.
        split: its parts.
        target_scale: by what its targets are standardised.
    """
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
        task=dataset.task,
        targets=dataset.targets,
        contract=replace(_contract(dataset, split), wide=dataset.x.dtype == np.float64),
        target_scale=target_scale,
        alphabet=dataset.alphabet,
    )


def _contract(dataset: Dataset, split: Split) -> Contract:
    """That of a table as it is; that of arrays with the ranges of the training part.

    Numbers of words and of letters have none.
    """
    known = dataset.contract
    if known is not None and (known.codes or known.old or known.lows):
        return known
    if dataset.vocabulary or dataset.alphabet or not len(split.train):
        return known or Contract()
    x = dataset.x
    if known is not None and (x.ndim != 2 or x.shape[1] > WIDE):
        return known
    found = extent(some_of(x, split.train))
    if known is None:
        known = Contract(low=found.low, high=found.high, whole=found.whole)
    if x.ndim != 2 or x.shape[1] > WIDE:
        return known
    offset = np.array(known.offset or 0.0)
    lows, highs = (tuple((edge.astype(np.float64) + offset).tolist()) for edge in (found.lows, found.highs))
    return replace(known, lows=lows, highs=highs)
