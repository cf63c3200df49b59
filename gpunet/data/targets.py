"""Targets: raw labels or values become class numbers with names, or real numbers.

With ``task="auto"`` targets are classes where they are text, or where nearly all of them are whole numbers with few
different values; then each must be a whole number that is not negative.  Everything else is regression.
"""

import numpy as np

from ..errors import DataError, meant, printable

MAX_CLASSES = 65_536
MAX_LABEL_BYTES = 4000
NEARLY_ALL = 0.9


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

    Args:
        name: of the data set, for messages.
        raw: (samples,) of text or numbers, or (samples, outputs).
        task: ``auto``, ``classification`` or ``regression``.
        classes: names that a trained model knows; found in the data where None.

    Raises:
        DataError: negative, fractional, unknown or too many classes; values that are not finite.

    >>> encode_targets("d", np.array(["no", "yes", "no"]))
    (array([0, 1, 0], dtype=int32), ('no', 'yes'))
    """
    if not raw.size:
        raise DataError(name, "needs samples with targets", f"targets of shape {raw.shape}", "Check the file")
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.dtype.kind in "US":
        if raw.ndim != 1:
            raise _not_one(name, raw)
        if raw.dtype.itemsize > MAX_LABEL_BYTES:
            raise DataError(
                name, f"needs labels of at most {MAX_LABEL_BYTES:,} bytes", raw.dtype.itemsize, "Shorten them"
            )
        try:
            labels = np.char.decode(raw, "utf-8") if raw.dtype.kind == "S" else raw
        except UnicodeDecodeError as error:
            raise DataError(name, "labels must be text in UTF-8", f"byte {error.object[error.start]:#x}") from None
        if task == "regression":
            raise DataError(
                name, "needs numbers for regression", f"the text {str(labels[0])!r}", "Use task=classification"
            )
        return _number(name, labels, classes)
    if raw.dtype.kind not in "biuf":
        raise DataError(name, "needs targets of numbers or text", f"type {raw.dtype}", "Convert them first")
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        row = int(np.argwhere(~np.isfinite(raw))[0][0])
        raise DataError(name, "must hold finite targets", f"{raw[row]} for sample {row}", "Remove such samples")
    if task == "regression" or (task == "auto" and not _look_like_classes(raw)):
        if raw.dtype.kind == "f" and np.abs(raw).max() > np.finfo(np.float32).max:
            row = int(np.abs(raw).argmax()) // (raw.size // len(raw))
            raise DataError(
                name, "must hold targets that float32 can hold", f"{raw[row]} for sample {row}", "Rescale them"
            )
        return raw.astype(np.float32).reshape(len(raw), -1), ()
    if raw.ndim != 1:
        raise _not_one(name, raw)
    fractional = raw != np.floor(raw)
    if fractional.any():
        row = int(fractional.argmax())
        raise DataError(name, "labels must be whole numbers", f"{raw[row]} for sample {row}", _OR_REGRESSION)
    if raw.min() < 0:
        row = int(raw.argmin())
        raise DataError(name, "labels must not be negative", f"{raw[row]:g} for sample {row}", _OR_REGRESSION)
    if raw.max() > np.iinfo(np.int64).max:
        row = int(raw.argmax())
        raise DataError(name, "labels must be below 2^63", f"{raw[row]:g} for sample {row}", _OR_REGRESSION)
    return _number(name, raw.astype(np.int64), classes)


def settle_targets(name: str, y: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Targets of a data set made in Python, where only the type of an array says whether they are classes.

    Whole numbers are the numbers of classes, real numbers are what they are, and text names classes.

    Args:
        name: of the data set, for messages.
        y: (samples,) of class numbers from 0, real numbers or text, or (samples, outputs) of real numbers; no
            outputs where there are no targets.
        classes: their names; where there are none, whole numbers name themselves.

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
        return encode_targets(name, y, "regression")
    if y.dtype.kind == "f" or y.ndim != 1:
        needed = "class numbers (samples,)" + ("" if classes else ", or real numbers (samples, outputs)")
        remedy = "Number the classes 0, 1, 2, ..." if classes else 'Use y.argmax(axis=1), or y.astype("f4")'
        raise DataError(name, f"needs targets that are {needed}", shown, remedy)
    wrong = (y < 0) | (y >= len(classes)) if classes else y < 0
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


_OR_REGRESSION = "Number the classes 0, 1, 2, ..., or set task=regression"


def _look_like_classes(raw: np.ndarray) -> bool:
    if raw.ndim != 1:
        return False
    whole = raw == np.floor(raw)
    few = max(20, 2 * int(np.sqrt(len(raw))))
    return bool(whole.mean() >= NEARLY_ALL) and (raw.dtype.kind != "f" or len(np.unique(raw[whole])) <= few)


def _number(name: str, labels: np.ndarray, classes: tuple[str, ...] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    distinct, numbers = np.unique(labels, return_inverse=True)
    names = tuple(str(label) for label in distinct)
    if classes is not None:
        known = {label: number for number, label in enumerate(classes)}
        unknown = [label for label in names if label not in known]
        if unknown:
            remedy = meant(unknown[0], classes, f"The model knows {printable(', '.join(classes[:20]))}")
            raise DataError(name, "must hold classes that the model knows", repr(unknown[0]), remedy)
        return np.array([known[label] for label in names], np.int32)[numbers], classes
    if len(names) > MAX_CLASSES or len(names) > max(2, len(labels) // 2):
        raise DataError(
            name, f"has too many classes for {len(labels)} samples", f"{len(names)} different labels", _OR_REGRESSION
        )
    return numbers.astype(np.int32), names
