"""Data frames of any library into tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import Column, Table, number_column
from ..errors import DataError, meant

FRAMES = ("pandas", "polars", "pyarrow", "modin", "cudf")  # whose tables narwhals reads
TABLES = ("DataFrame", "LazyFrame", "Table", "RecordBatch")  # how they call them


def is_frame(thing: Any) -> bool:
    """Whether something is a table with named columns of a library that is known, which is not imported for this."""
    kinds = type(thing).__mro__
    return any(kind.__name__ in TABLES and kind.__module__.partition(".")[0] in FRAMES for kind in kinds)


def check_order(x: Any, y: Any, x_name: str = "x", y_name: str = "y") -> None:
    """Refuse targets whose rows have the labels of the rows of x in another order: they are paired by place.

    Args:
        x: features, of pandas where rows are to have labels.
        y: targets, likewise.
        x_name: of the argument, for messages.
        y_name: likewise.

    Raises:
        DataError: the same labels, in another order.
    """
    rows: Any = getattr(x, "index", None)
    others: Any = getattr(y, "index", None)
    if not (hasattr(rows, "equals") and hasattr(others, "equals")) or rows.equals(others):
        return
    if len(rows) == len(others) and set(rows) == set(others):
        remedy = f"Use {y_name}.loc[{x_name}.index], or {y_name}.to_numpy() if places are meant"
        raise DataError(y_name, f"must have its rows in the order of {x_name}", "an index in another order", remedy)


def table_of(frame: Any, name: str = "x", leave_out: Sequence[str] = ()) -> Table:
    """The columns of a data frame.

    Args:
        frame: of pandas, polars, pyarrow or whatever narwhals reads.
        name: of the argument, for messages.
        leave_out: columns that hold targets.

    Raises:
        DataError: no table in memory, an empty one, or two columns of one name.
    """
    found = columns_of(frame, name)
    columns = [_column(column, series) for column, series in found.items() if column not in leave_out]
    rows = len(next(iter(found.values()), ()))
    if not columns or not rows:
        shape = f"a table of shape {(rows, len(columns))}"
        raise DataError(name, "needs samples with features", shape, "Pass some rows and columns")
    return Table(name, tuple(columns), True, lambda row: f"{name} row {row}", missing_given=True)


def _column(name: str, series: Any) -> Column:
    kind = str(series.dtype)
    missing = np.asarray(series.is_null().to_numpy(), bool)
    if kind == "Boolean" or series.dtype.is_numeric():
        values = np.asarray(series.to_numpy())
        if kind == "Boolean" or values.dtype.kind == "O":
            values = np.array([np.nan if v is None or v is not v else float(v) for v in series.to_list()])
        if kind == "Boolean":
            return Column(name, values, lambda: _objects(series, missing), logical=True)
        column = number_column(name, values)
        return (
            column
            if not missing.any()
            else Column(name, np.where(missing, np.nan, np.asarray(column.numbers)), column.spell)
        )
    if kind in ("String", "Categorical", "Enum") or kind.startswith("Enum"):
        return Column(name, None, lambda: _objects(series, missing))
    values = series.to_list()
    if kind == "Object" and all(v is None or isinstance(v, str) for v in values):
        return Column(name, None, lambda: _objects(series, missing))
    return Column(name, None, lambda: _objects(series, missing), kind)


def _objects(series: Any, missing: np.ndarray) -> np.ndarray:
    held = np.empty(len(missing), object)
    held[:] = [None if gone else str(value) for value, gone in zip(series.to_list(), missing.tolist())]
    return held


def check_column(wanted: str, known: Sequence[str], name: str) -> None:
    """Refuse a column that a table does not have."""
    if wanted not in known:
        shown = ", ".join(map(str, list(known)[:20]))
        remedy = meant(str(wanted), list(map(str, known)), f"It has {shown}")
        raise DataError(f"{name}: column {wanted}", "must be in the table", "no such column", remedy)


def columns_of(frame: Any, name: str) -> dict[str, Any]:
    """The columns of a table by name, in order; names that are numbers become texts, as a checkpoint keeps them."""
    try:
        import narwhals.stable.v1 as narwhals
        from narwhals.exceptions import DuplicateError
    except ImportError:
        remedy = f"pip install 'gpunet[frames]', or pass {name}.to_numpy()"
        raise DataError(name, "needs narwhals to read a data frame", "no narwhals", remedy) from None
    try:
        table = narwhals.from_native(frame, eager_only=True)
    except DuplicateError:
        names = list(map(str, frame.columns))
        twice = next(column for column in names if names.count(column) > 1)
        raise DataError(f"{name}: column {twice}", "must stand in the table once", "two of it", "Rename one") from None
    except TypeError:
        remedy = f"Pass {name}.collect()" if type(frame).__name__ == "LazyFrame" else f"Pass {name}.to_pandas()"
        raise DataError(name, "must be a table in memory", f"a {type(frame).__name__}", remedy) from None
    found = {str(column): table.get_column(column) for column in table.columns}
    if len(found) < len(table.columns):
        received = ", ".join(map(repr, table.columns[:20]))
        raise DataError(name, "must have columns with names of their own", received, "Rename some")
    return found
