"""A last line of totals, which is no sample."""

from collections.abc import Sequence

import numpy as np

from ..errors import DataError, printable
from .table import Table

ROWS = 5  # below which sums may be chance
WORDS = ("total", "totals", "sum", "summe", "gesamt", "somme", "suma", "grand total")
NEAR = 1e-9  # what rounding leaves between a sum and the number in its place


def check_totals(table: Table, numbers: Sequence[int]) -> None:
    """Refuse a table whose last row holds the sums of the rows above: of two columns, or of one beside such a word.

    A sum counts where it is larger than each number above, so that columns of zeros with a one here and there do not.

    Args:
        table: of all samples.
        numbers: of the columns that are features or targets.

    Raises:
        DataError: naming the line.
    """
    if table.rows < ROWS or table.test_from is not None:
        return
    summed = []
    for number in numbers:
        values = table.columns[number].numbers
        if values is None or not np.isfinite(values[-1]):
            continue
        above = values[:-1][np.isfinite(values[:-1])]
        total = float(above.sum()) if len(above) else 0.0
        if len(above) and abs(total) > np.abs(above).max() and abs(total - values[-1]) <= NEAR * np.abs(above).sum():
            summed.append(number)
    texts = (column.texts[-1] for column in table.columns if column.numbers is None)
    said = any(text is not None and text.strip().lower() in WORDS for text in texts)
    if len(summed) >= 2 or (summed and said):
        shown = ", ".join(table.called(number) for number in summed[:5])
        received = f"the sums of the lines above in {printable(shown)}"
        raise DataError(table.cell(table.rows - 1, summed[0]), "must belong to a sample", received, "Remove the line")
