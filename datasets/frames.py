"""Parquet and Arrow files, whose columns have types, into columns."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunet.checkpoint import inflation_budget
from gpunet.data.table import Column, Table, number_column
from gpunet.errors import DataError, printable

from .cache import Cache, opener
from .opening import open_regular
from .pictures import Imaging

if TYPE_CHECKING:
    from polars import Series

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
SUFFIXES = (*PARQUET, *ARROW)


def read_frame(
    path: Path, imaging: Imaging | None = None, cache: Cache | None = None, memory: int | None = None
) -> Table:
    """The columns of a Parquet or Arrow file.

    Raises:
        DataError: damaged, empty, or larger than the budget of its size once inflated.
    """
    import polars

    kind = "Parquet" if path.suffix.lower() in PARQUET else "Arrow"
    scan: Any = polars.scan_parquet if kind == "Parquet" else polars.scan_ipc
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise DataError(str(path), "must be readable", error.strerror, "Check path and permissions") from None
    try:
        lazy = scan(io.BytesIO(content))
        width, rows = len(lazy.collect_schema()), int(lazy.select(polars.len()).collect().item())
        allowed, promised = inflation_budget(len(content)), 8 * width * rows
        if promised > allowed:
            rule = f"may become at most {allowed:,} bytes, by the size of the file"
            raise DataError(str(path), rule, f"{rows:,} rows of {width:,} columns", "Write it again, uncompressed")
        frame = lazy.collect()
    except DataError:
        raise
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError, ValueError) as error:
        reason = printable((str(error).splitlines() or ["damaged"])[0])
        raise DataError(str(path), f"must be a whole {kind} file", reason, "Write it again") from None
    if not frame.height or not frame.width:
        raise DataError(str(path), "must hold rows and columns", f"{frame.height} by {frame.width}", "Check the file")
    columns = [_column(unicodedata.normalize("NFC", name), frame.get_column(name)) for name in frame.columns]
    return Table(
        path.name, tuple(columns), True, lambda row: f"{path} row {row + 1}", source=str(path),
        opener=opener(path, imaging or Imaging(), cache, memory),
    )  # fmt: skip


def _column(name: str, cells: Series) -> Column:
    import polars

    kind = cells.dtype
    if kind == polars.Boolean:
        numbers = cells.cast(polars.Float64).fill_null(np.nan).to_numpy()
        return Column(name, numbers, lambda: _objects(cells, str), logical=True)
    if kind.is_numeric() or kind == polars.Null:
        numbers = cells.cast(polars.Float64).fill_null(np.nan).to_numpy()
        if kind.is_integer():
            return Column(name, numbers, lambda: _objects(cells, str))
        return number_column(name, numbers)
    if kind in (polars.String, polars.Categorical, polars.Enum):
        texts = cells.cast(polars.String)
        return Column(name, None, lambda: _objects(texts, lambda t: unicodedata.normalize("NFC", t.strip()) or None))
    if kind.is_temporal():
        return Column(name, None, lambda: _objects(cells, str), str(kind))
    return Column(name, None, lambda: _objects(cells, repr), str(kind))


def _objects(cells: Series, shown: Any) -> np.ndarray:
    held = np.empty(len(cells), object)
    held[:] = [None if cell is None else shown(cell) for cell in cells.to_list()]
    return held
