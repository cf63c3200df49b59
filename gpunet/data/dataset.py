"""A data set in host memory, checked when it is made."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .contract import Contract
from .passes import check_finite, extent, look_over
from .streamed import Features, Streamed, blocks_of, in_blocks
from .targets import settle_targets

if TYPE_CHECKING:
    from .splitting import Split

SHOWN = 5  # names in a note


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and targets; never constructed broken.

    >>> Dataset("mine", np.eye(6, 4), np.array([0, 1, 2, 0, 1, 2])).classes
    ('0', '1', '2')

    Attributes:
        name: ``"digits"``, ``"mnist"``, ``"flowers.csv"``.
        x: (samples, *input_shape), uint8 or float32; float64 for a training in double precision; of samples that stay
            in their file a :class:`~.streamed.Streamed` one.
        y: int32 (samples,) of class numbers 0..K-1, or float32 (samples, outputs).  Whole numbers of other types and
            text are classes too, and real numbers (samples,) are one output.
        classes: names of the classes; empty for regression, and where class numbers name themselves.
        columns: names of the features where the file has them.
        test_from: first sample of a test part that the files fix, else None.
        validation_from: first sample of a validation part that they fix, before those of the test part.
        partly: whether labels are missing, of samples whose class number is -1.
        alphabet: letters of sequences, whose ``x`` are their places in it, (samples, sites) uint8; else empty.
        scale: what the largest natural value of ``x`` is, e.g. 255 for 8-bit images; 1 for measurements.
        vocabulary: of data that are texts, whose ``x`` are int32 word numbers, see :mod:`.words`; else empty.
        notes: things that the user should know but that are no errors.
        label_type: what class names were before they became text: ``text``, ``int``, ``float`` or ``bool``.
        weights: (samples,), from 0: a sample of weight 2 counts as two; None where all count alike.
        task: ``classification``, ``multilabel``, ``regression``, or ``none`` without targets; follows from ``y`` where
            nothing is said.
        why: what decided the task.
        targets: names of the target columns, where the data name them.
        contract: what the columns of a table become; arrays get one when they are described.
        kinds: of the features of a table by name of column: ``number``, ``category`` or ``text``.
        ignored: columns that are left out, with the reason.
        warnings: what the user should look at before training.
        ids: texts that name the samples, by name of column.
        divided_by: (samples,) values of the column that parts are made by, or None.
        learned: the same samples with features whose columns were learned on the training part of a split; None where
            nothing of them is learned, see :meth:`learned_on`.

    Raises:
        DataError: empty, of unequal lengths, not finite, of a single class, of several samples without any feature
            that varies, or with targets that are neither classes nor real numbers.
    """

    name: str
    x: Features
    y: np.ndarray
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    test_from: int | None = None
    scale: float = 1.0
    vocabulary: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    label_type: str = "text"
    weights: np.ndarray | None = None
    task: str = ""
    why: str = ""
    targets: tuple[str, ...] = ()
    contract: Contract | None = None
    kinds: tuple[tuple[str, str], ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    ids: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    divided_by: np.ndarray | None = None
    validation_from: int | None = None
    learned: "Callable[[Split], Dataset] | None" = None
    alphabet: str = ""
    partly: bool = False

    def __post_init__(self) -> None:
        """Check everything that training relies on."""
        check_lengths(self.name, self.x)
        if isinstance(self.x, np.ndarray):
            check_finite(self.name, self.x)
        if len(self.y) != len(self.x):
            raise DataError(self.name, f"needs one target for each of its {len(self.x)} samples", f"{len(self.y)}")
        y, classes = settle_targets(self.name, self.y, self.classes, self.x.dtype == np.float64, self.partly)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "classes", classes)
        if not self.task:
            task = "classification" if classes else "regression" if y.shape[-1] else "none"
            object.__setattr__(self, "task", task)
        if self.weights is not None:
            checked_weights(self.weights, len(self.x))
        if len(self.classes) == 1:
            alone = len(self.y) == 1  # perhaps the line of the names of a table without samples
            received = f"one sample, of {self.classes[0]!r}" if alone else f"only {self.classes[0]!r}"
            raise DataError(self.name, "needs at least two classes", received, "Add samples")
        if isinstance(self.x, Streamed):
            look_over(self.name, self.x, self._beginning)
        known = self.contract is not None and self.contract.high > self.contract.low
        if len(self.x) == 1 or known:  # enough to evaluate a model on, or to go on with
            return
        found = extent(self.x)
        same, features = found.lows == found.highs, len(found.lows)
        constant = int(same.sum())
        if constant == features:
            raise DataError(self.name, "needs a feature that varies", f"{constant} constant features", "Check the file")
        if constant and not self.vocabulary:
            what = "sites" if self.alphabet else "features"
            said = f"{constant} of {features} {what} are constant"
            if len(self.columns) == features:
                names = [name for name, alike in zip(self.columns, same) if alike]
                said += f": {', '.join(names[:SHOWN])}" + (" and others" if constant > SHOWN else "")
            object.__setattr__(self, "notes", (*self.notes, said))

    def learned_on(self, split: "Split") -> "Dataset":
        """The same samples with what is learned of their columns learned on the training part of a split.

        What missing cells become, which categories have a feature and which words count follow from a training part;
        one that is judged by other samples must not have looked at them.

        Args:
            split: of these samples.
        """
        return self if self.learned is None else replace(self.learned(split), weights=self.weights)

    def labelled(self, samples: np.ndarray) -> np.ndarray:
        """Those of some samples, by their numbers, that have a label."""
        return samples[self.y[samples] >= 0] if self.partly else samples

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, e.g. (28, 28)."""
        return self.x.shape[1:]

    @cached_property
    def sha256(self) -> str:
        """Hash of the content, whatever the files are called, and whether they are streamed or not."""
        if isinstance(self.x, Streamed):
            digest = look_over(self.name, self.x, self._beginning).copy()
        else:
            digest = hashlib.sha256(self._beginning)
            digest.update(np.ascontiguousarray(self.x).data)
        for array in (self.y,) if self.weights is None else (self.y, self.weights):
            digest.update(_header(array))
            digest.update(np.ascontiguousarray(array).data)
        found: str = digest.hexdigest()
        return found

    @property
    def _beginning(self) -> bytes:
        """What is hashed in front of the features."""
        names = "\n".join((*self.classes, *self.vocabulary, *filter(None, [self.alphabet])))
        return names.encode() + _header(self.x)


def with_channels(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a sample as layers take it: images of one channel, (height, width), get an axis for it.

    >>> with_channels((28, 28)), with_channels((32, 32, 3)), with_channels((64,))
    ((28, 28, 1), (32, 32, 3), (64,))
    """
    return (*shape, 1) if len(shape) == 2 else shape


def checked_weights(weights: np.ndarray, samples: int) -> np.ndarray:
    """Weights of samples, as they are.

    Raises:
        DataError: another number of them, negative or infinite ones, or nothing but zeros.
    """
    remedy = "Give one number from 0 for each sample"
    if weights.shape != (samples,):
        raise DataError("weights", f"must be one for each of the {samples} samples", f"shape {weights.shape}", remedy)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("weights", "must be finite and not negative", f"{weights[row]} for sample {row}", remedy)
    if not weights.any():
        raise DataError("weights", "must not all be 0", f"{samples} zeros", remedy)
    return weights


def _header(x: Features) -> bytes:
    """Type and shape, as they stand in the hash in front of the numbers."""
    return f"{x.dtype.str} {x.shape}\n".encode()


def check_lengths(name: str, x: Features) -> None:
    """Raise :class:`DataError` where there are no samples or no features."""
    if not len(x) or 0 in x.shape[1:]:
        raise DataError(name, "needs samples with features", f"an array of shape {x.shape}", "Check the file")


FULL = 255  # the largest byte


def byte_scale(x: Features) -> float:
    """Full scale of bytes: 255 for 8-bit images, 1 for numbers like any others, as of every other type.

    Bytes are images of 8 bits where images of them go beyond the half of it, and where rows of them reach it.

    >>> byte_scale(np.array([[0, 255]], "u1")), byte_scale(np.array([[0, 1]], "u1")), byte_scale(np.array([[0, 255]]))
    (255.0, 1.0, 1.0)
    """
    if x.dtype != np.uint8 or 0 in x.shape:
        return 1.0
    bright = FULL // 2 + 1 if x.ndim > 2 else FULL
    return float(FULL) if any(int(block.max()) >= bright for block in blocks_of(x)) else 1.0


def is_text(name: str) -> bool:
    """Whether the name of a file can stand in checkpoints and on screens, which bytes that are no UTF-8 cannot."""
    return name == name.encode("utf-8", "replace").decode()


def portable_features(name: str, x: Features, wide: bool = False) -> Any:
    """Features as uint8 or float32; other number types become float32, or float64 where they are to be ``wide``.

    Raises:
        DataError: for types that are no real numbers.
    """
    x = check_features(name, x)
    if isinstance(x, Streamed) and x.dtype in (np.uint8, np.float64 if wide else np.float32):
        return x  # which numbers are finite is looked at when all are
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x)

    def portable(block: np.ndarray) -> np.ndarray:
        single = as_float32(name, block)  # refuses what does not fit, also where double precision is kept
        return np.ascontiguousarray(block, np.float64) if wide else np.ascontiguousarray(single)

    return in_blocks(x, portable, dtype=np.float64 if wide else np.float32)


def check_features(name: str, x: Features) -> Features:
    """Features of any type of real numbers, as they are.

    Raises:
        DataError: for other types, and for samples without an axis of features.
    """
    if x.dtype.kind not in "biuf":
        raise DataError(name, "must hold real numbers", f"features of type {x.dtype}", "Convert them first")
    if x.ndim < 2:
        raise DataError(name, "needs samples of several features", f"an array of shape {x.shape}", "Give one row each")
    return x


def as_float32(name: str, x: np.ndarray) -> np.ndarray:
    """Features in the type that everything computes in.

    Raises:
        DataError: a finite number is beyond it, and would become infinite.
    """
    if x.dtype.itemsize > 4:
        beyond = np.isfinite(x) & (np.abs(x) > float(np.finfo(np.float32).max))
        if beyond.any():
            rule = "must hold numbers that float32 can hold"
            raise DataError(name, rule, f"{x[beyond].flat[0]:.4g}", "Rescale the features")
    return x.astype(np.float32, copy=False)
