"""Targets: raw labels or values become class numbers with names, several labels, or real numbers.

With ``task="auto"`` one rule for every type of number says what they are:

| targets | task |
|---|---|
| texts or truth values | classification |
| rows of one 1 among zeros | classification, the columns are the classes |
| several columns of 0 and 1 | several labels |
| one column of whole numbers, of which at most 20 or 2 sqrt(samples) differ, or which are classes 0..K-1 or 1..K of | |
| about one size | classification |
| anything else | regression |

Nine in ten are enough to be whole numbers: the others are then mistakes, and refused.
"""

from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

import numpy as np

from ..errors import DataError, meant, printable
from .table import is_number

MAX_CLASSES = 65_536
MAX_LABEL_BYTES = 4000
NEARLY_ALL = 0.9
FEW = 20
NO_LABEL = -1  # class number of a sample whose label is missing
EXACT = 2.0**53  # up to which a float64 tells whole numbers apart
COARSE = 1e-4  # of the spread of targets: what float32 may lose of them


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets that were understood.

    Attributes:
        y: int32 class numbers (samples,), or float values (samples, outputs).
        classes: their names; none unless the task is classification.
        task: ``classification``, ``multilabel`` or ``regression``.
        why: what decided it.
        names: of the columns, where several or where the data name them.
        label_type: what class names were before they became text: ``text``, ``int``, ``float`` or ``bool``.
    """

    y: np.ndarray
    classes: tuple[str, ...]
    task: str
    why: str
    names: tuple[str, ...] = ()
    label_type: str = "text"

    @property
    def partly(self) -> bool:
        """Whether labels are missing."""
        return bool(self.classes) and bool((self.y < 0).any())

    def among(self, samples: int, known: np.ndarray) -> "Targets":
        """The same classes with samples between that have no label, whose class number is -1.

        Args:
            samples: how many there are then.
            known: numbers of those that have a label.
        """
        y = np.full(samples, NO_LABEL, np.int32)
        y[known] = self.y
        return replace(self, y=y, why=f"{self.why}, {samples - len(known):,} of {samples:,} without a label")


def label_type(raw: np.ndarray) -> str:
    """What labels are before they become class names: ``bool``, ``int``, ``float`` or ``text``.

    >>> label_type(np.array([3, 1])), label_type(np.array(["a"]))
    ('int', 'text')
    """
    return {"b": "bool", "i": "int", "u": "int", "f": "float"}.get(raw.dtype.kind, "text")


def encode_targets(
    name: str, raw: np.ndarray, task: str = "auto", classes: tuple[str, ...] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return int32 class numbers (samples,) with the class names, or float32 (samples, outputs) with none.

    Arguments and errors are those of :func:`understand`.

    >>> encode_targets("d", np.array(["no", "yes", "no"]))
    (array([0, 1, 0], dtype=int32), ('no', 'yes'))
    """
    found = understand(name, raw, task, classes)
    return found.y, found.classes


def understand(
    name: str,
    raw: np.ndarray,
    task: str = "auto",
    classes: tuple[str, ...] | None = None,
    names: tuple[str, ...] = (),
    spelled: np.ndarray | None = None,
    wide: bool = False,
) -> Targets:
    """Find out what targets are.

    Args:
        name: of the data set, for messages.
        raw: (samples,) of text or numbers, or (samples, outputs) of numbers.
        task: ``auto``, ``classification``, ``multilabel`` or ``regression``.
        classes: names that a trained model knows; found in the data where None.
        names: of the columns.
        spelled: the text of each number of ``raw`` as a file has it, which then names its class.
        wide: keep real numbers in float64.

    Raises:
        DataError: fractional, unknown or too many classes; values that are not finite; what does not suit the task.
    """
    if not raw.size:
        raise DataError(name, "needs samples with targets", f"targets of shape {raw.shape}", "Check the file")
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    kind = label_type(raw)
    if kind == "text":
        return _of_texts(name, raw, task, classes, names)
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        row = int(np.argwhere(~np.isfinite(raw))[0][0])
        raise DataError(name, "must hold finite targets", f"{raw[row]} for sample {row}", "Remove such samples")
    bits = raw.ndim == 2 and bool(((raw == 0) | (raw == 1)).all())
    one_hot = bits and bool((raw.sum(axis=1) == 1).all())
    if one_hot and task in ("auto", "classification") and (classes is None or len(classes) == raw.shape[1]):
        own = names if len(names) == raw.shape[1] else tuple(map(str, range(raw.shape[1])))
        y = raw.argmax(axis=1).astype(np.int32)
        return Targets(
            y, classes or own, "classification", "each row has one 1 among zeros", names, "text" if names else "int"
        )
    if task == "multilabel" or (task == "auto" and bits):
        if not bits:
            received = f"targets of shape {raw.shape}" if raw.ndim != 2 else "other numbers"
            remedy = "Set target to several columns"
            raise DataError(name, "needs several columns of 0 and 1 for several labels", received, remedy)
        why = "as asked" if task == "multilabel" else "columns of 0 and 1"
        return Targets(raw.astype(np.float32), (), "multilabel", why, names)
    likely, why = look_like_classes(raw, spelled)
    if task == "regression" or (task == "auto" and not likely):
        return Targets(_values(name, raw, wide), (), "regression", "as asked" if task == "regression" else why, names)
    why = "as asked" if task == "classification" else why
    if raw.ndim != 1:
        raise _not_one(name, raw)
    if spelled is None or raw.dtype.kind == "b":
        y, found = _number(name, _whole(name, raw), classes)
    else:
        _whole(name, raw)
        y, found = _number_texts(name, spelled.astype(str), classes)
    return Targets(y, found, "classification", why, names, kind if spelled is None else "text")


def _of_texts(
    name: str, raw: np.ndarray, task: str, classes: tuple[str, ...] | None, names: tuple[str, ...]
) -> Targets:
    if raw.dtype.kind not in "USO" or (raw.dtype.kind == "O" and not all(isinstance(v, str) for v in raw.ravel())):
        raise DataError(name, "needs targets of numbers or text", f"type {raw.dtype}", "Convert them first")
    raw = raw.astype(str) if raw.dtype.kind == "O" else raw
    if raw.ndim != 1:
        raise _not_one(name, raw)
    if raw.dtype.itemsize > MAX_LABEL_BYTES:
        raise DataError(name, f"needs labels of at most {MAX_LABEL_BYTES:,} bytes", raw.dtype.itemsize, "Shorten them")
    try:
        labels = np.char.decode(raw, "utf-8") if raw.dtype.kind == "S" else raw
    except UnicodeDecodeError as error:
        raise DataError(name, "labels must be text in UTF-8", f"byte {error.object[error.start]:#x}") from None
    if task in ("regression", "multilabel"):
        received, remedy = f"the text {str(labels[0])!r}", "Use numbers, or set task=classification"
        raise DataError(name, f"needs numbers for {task}", received, remedy)
    y, found = _number_texts(name, labels, classes)
    return Targets(y, found, "classification", "as asked" if task == "classification" else "labels are texts", names)


def _values(name: str, raw: np.ndarray, keep: bool) -> np.ndarray:
    """Real numbers (samples, outputs): float32, or float64 where float32 would lose what tells them apart."""
    wide = raw.astype(np.float64).reshape(len(raw), -1)
    if np.abs(wide).max() > np.finfo(np.float32).max:
        row = int(np.abs(wide).max(axis=1).argmax())
        rule = "must hold targets that float32 can hold"
        raise DataError(name, rule, f"{raw[row]} for sample {row}", "Rescale them")
    if keep:
        return wide
    values = wide.astype(np.float32)
    spread = wide.std(axis=0)
    lost = np.abs(values - wide).max(axis=0)
    return wide if (lost > COARSE * spread).any() and (spread > 0).any() else values


def _whole(name: str, raw: np.ndarray) -> np.ndarray:
    """Labels that are numbers as whole ones."""
    fractional = raw != np.floor(raw) if raw.dtype.kind == "f" else np.zeros(len(raw), bool)
    if fractional.any():
        row = int(fractional.argmax())
        raise DataError(name, "labels must be whole numbers", f"{raw[row]} for sample {row}", _OR_REGRESSION)
    if raw.max() > np.iinfo(np.int64).max or raw.min() < np.iinfo(np.int64).min:
        row = int(raw.argmax())
        raise DataError(name, "labels must be below 2^63", f"{raw[row]:g} for sample {row}", _OR_REGRESSION)
    return raw.astype(np.int64)


def settle_targets(
    name: str, y: np.ndarray, classes: tuple[str, ...], wide: bool = False, partly: bool = False
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Targets of a data set made in Python, where only the type of an array says whether they are classes.

    Whole numbers are the numbers of classes, real numbers are what they are, and text names classes.

    Args:
        name: of the data set, for messages.
        y: (samples,) of class numbers from 0, real numbers or text, or (samples, outputs) of real numbers; no
            outputs where there are no targets.
        classes: their names; where there are none, whole numbers name themselves.
        wide: keep real numbers in float64.
        partly: whether -1 stands for a label that is missing.

    Returns:
        int32 (samples,) with the names of the classes, or float32 (samples, outputs) with none.

    Raises:
        DataError: what can be neither.

    >>> settle_targets("d", np.array([0, 2, 1, 0, 1, 2]), ())
    (array([0, 2, 1, 0, 1, 2], dtype=int32), ('0', '1', '2'))
    >>> settle_targets("d", np.array([0.5, 2.0]), ())[0].shape
    (2, 1)
    """
    y, shown = np.asarray(y), f"{np.asarray(y).dtype} of shape {np.shape(y)}"
    if y.dtype.kind in "US" and not classes:
        return encode_targets(name, y, "classification")
    if y.dtype.kind not in "biuf":
        raise DataError(name, "needs targets of numbers or text", f"type {y.dtype}", "Convert them first")
    if y.ndim == 2 and y.shape[1] == 0 and not classes:
        return y.astype(np.float32, copy=False), ()  # machines and autoencoders need none
    if y.dtype.kind == "f" and not classes and y.ndim in (1, 2):
        return understand(name, y, "regression", wide=wide).y, ()
    if y.dtype.kind == "f" or y.ndim != 1:
        needed = "class numbers (samples,)" + ("" if classes else ", or real numbers (samples, outputs)")
        remedy = "Number the classes 0, 1, 2, ..." if classes else 'Use y.argmax(axis=1), or y.astype("f4")'
        raise DataError(name, f"needs targets that are {needed}", shown, remedy)
    wrong = (y < (NO_LABEL if partly else 0)) | (y >= len(classes)) if classes else y < 0
    if wrong.any():
        row, range_of = int(wrong.argmax()), f"0 to {len(classes) - 1}" if classes else "0 or more"
        raise DataError(name, f"needs class numbers of {range_of}", f"{y[row]} for sample {row}", _AS_NUMBERS)
    if not classes:
        count = int(y.max()) + 1
        if count > min(MAX_CLASSES, max(2, len(y) // 2)):
            rule = f"has too many classes for {len(y)} samples"
            raise DataError(name, rule, f"whole numbers up to {count - 1}", _AS_NUMBERS)
        classes = tuple(map(str, range(count)))
    return y.astype(np.int32, copy=False), classes


_AS_NUMBERS = 'Number the classes 0, 1, 2, ..., or pass y.astype("f4") for regression'


def _not_one(name: str, raw: np.ndarray) -> DataError:
    return DataError(name, "needs one label for each sample", f"targets of shape {raw.shape}", "Use class numbers")


_OR_REGRESSION = "Use whole numbers or texts for classes, or set task=regression"


def look_like_classes(raw: np.ndarray, spelled: np.ndarray | None) -> tuple[bool, str]:
    """Whether numbers are classes, and what says so."""
    if raw.dtype.kind == "b":
        return True, "truth values"
    if raw.ndim != 1:
        return False, f"{raw.shape[1]} columns of numbers"
    whole = raw == np.floor(raw) if raw.dtype.kind == "f" else np.ones(len(raw), bool)
    if whole.mean() < NEARLY_ALL:
        return False, "numbers with fractions"
    if spelled is not None and np.abs(raw).max() > EXACT:
        return True, "numbers of more digits than a number keeps"
    values, counts = np.unique(raw[whole], return_counts=True)
    said = f"{len(values):,} different whole numbers in {len(raw):,} samples"
    if len(values) > max(2, len(raw) // 2):
        return False, said
    dense = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    few = max(FEW, 2 * int(np.sqrt(len(raw))))
    return len(values) <= few or bool(dense and counts.min() * 2 >= counts.max() and counts.min() > 2), said


def _number(name: str, labels: np.ndarray, classes: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class numbers of whole numbers."""
    distinct, numbers = np.unique(labels, return_inverse=True)
    return _settled(name, tuple(str(label) for label in distinct), numbers, len(labels), classes)


def _number_texts(name: str, labels: np.ndarray, classes: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Class numbers of texts, which stay as they are; they are sorted as numbers where all of them are some."""
    distinct, numbers = np.unique(labels, return_inverse=True)
    names = [str(label) for label in distinct]
    if classes is None and all(map(is_number, names)):
        values = [_exact(text) for text in names]
        order = sorted(range(len(names)), key=lambda i: (values[i], names[i]))
        for one, other in zip(order, order[1:]):
            if values[one] == values[other]:
                received = f"{names[one]!r} and {names[other]!r}, one number in two spellings"
                raise DataError(name, "needs labels that are spelled alike", received, "Spell them alike")
        names, numbers = [names[i] for i in order], np.argsort(order)[numbers]
    return _settled(name, tuple(names), numbers, len(labels), classes)


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return Decimal("NaN")


def _settled(
    name: str, names: tuple[str, ...], numbers: np.ndarray, samples: int, classes: tuple[str, ...] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    if classes is not None:
        known = {label: number for number, label in enumerate(classes)}
        if not all(label in known for label in names) and all(map(is_number, classes)):
            same = {_exact(label): number for label, number in known.items()}  # 1.0 is the class 1
            known = {
                label: same[_exact(label)] for label in names if is_number(label) and _exact(label) in same
            } | known
        unknown = [label for label in names if label not in known]
        if unknown:
            remedy = meant(unknown[0], classes, f"The model knows {printable(', '.join(classes[:20]))}")
            raise DataError(name, "must hold classes that the model knows", repr(unknown[0]), remedy)
        return np.array([known[label] for label in names], np.int32)[numbers], classes
    if len(names) > MAX_CLASSES or len(names) > max(2, samples // 2):
        received = f"{len(names)} different labels, such as {printable(repr(names[0]))}"
        remedy = _OR_REGRESSION if all(map(is_number, names)) else "Choose a target whose labels come again"
        raise DataError(name, f"has too many classes for {samples} samples", received, remedy)
    return numbers.astype(np.int32), names
