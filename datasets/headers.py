"""Whether the first line of a table holds the names of its columns, and what its first lines leave open."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from gpunet.data.roles import TARGETS, TEXTS
from gpunet.data.table import NOTHING, Doubt, are_numbers, is_number
from gpunet.errors import DataError, printable

Cells = Sequence[Sequence[str | None]]
CODE = re.compile(r"0\d+", re.ASCII)  # a number that is written as codes are, such as those of places
DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)  # 20240531
GROUPED = {sign: re.compile(rf"[+-]?[1-9]\d{{0,2}}\{sign}\d{{3}}", re.ASCII) for sign in ".,"}  # 206.300
FEWEST = 5  # cells that say something about a column


def is_header(sample: Cells, commas: bool) -> tuple[bool, str]:
    """Whether the first line holds names, and what the user should know about it.

    It does where half of the cells above columns of numbers are no numbers; where its numbers count 0, 1, 2, ..., as
    libraries number columns without names, or count from elsewhere above numbers with fractions, as years do; and, in
    a table of texts alone, where a cell is a usual name of targets or texts, or where no cell comes again below it
    although others do.

    Args:
        sample: the cells of the first lines.
        commas: whether numbers may have decimal commas.
    """
    first, below = _first_and_below(sample)
    if start := _counted(first, below, commas):
        said = f"line 1 counts {start}, {int(start) + 1}, ... and is taken for a header"
        return True, f"{said}; set header=false where it is none"
    numeric = _numeric(below, commas)
    if numeric:
        words = sum(bool(first[i]) and not _number(first[i], commas) and first[i] not in NOTHING for i in numeric)
        return words >= len(numeric) / 2, ""
    if any(cell and _number(cell, commas) for cell in first):
        return False, ""
    if any(cell.lower() in (*TARGETS, *TEXTS) for cell in first):
        return True, ""
    again = [cell in {c.strip() for c in cells} for cell, cells in zip(first, below)]
    repeated = [len(set(cells)) < len(cells) for cells in below if cells]
    empty = any(len(cells) < len(sample) - 1 for cells in below) and len(sample) > 1
    return (len(sample) > 2 and not any(again) and (any(repeated) or empty)), ""


def names_of(path: Path, cells: Sequence[str | None]) -> tuple[tuple[str, ...], bool]:
    """Names of columns, and whether some are numbers: of several without a name all but the first are called so.

    Raises:
        DataError: one name for two columns.
    """
    names = [unicodedata.normalize("NFC", (cell or "").strip()) for cell in cells]
    nameless = [i for i, name in enumerate(names) if not name][1:]
    for number in nameless:
        names[number] = f"column {number + 1}"
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path} line 1", "needs different column names", f"{name!r} twice", "Rename one")
        seen.add(name)
    return tuple(names), bool(nameless)


def called(names: Sequence[str], number: int) -> str:
    """A column for messages."""
    return f"column {printable(repr(names[number]))}" if names else f"column {number + 1}"


def doubts(sample: Cells, header: bool, names: Sequence[str], commas: bool) -> list[Doubt]:
    """What the first lines leave open: headers that look like samples and the reverse, codes, dates, groups of digits.

    Args:
        sample: the cells of the first lines.
        header: whether the first is taken for names.
        names: of the columns.
        commas: whether numbers may have decimal commas.
    """
    first, below = _first_and_below(sample)
    numeric, found = _numeric(below, commas), list[Doubt]()
    numbers = [i for i in numeric if first[i] and _number(first[i], commas)]
    if header and numbers and len(numbers) == len(numeric) and not _counted(first, below, commas):
        said = "line 1 is taken for names, and holds numbers like the lines below; set header=false if it is one"
        found.append(Doubt(said))
    whole = [i for i in numbers if _whole(first[i]) and below[i] and not any(map(_whole, below[i]))]
    alone = [i for i, cells in enumerate(below) if i not in numeric and first[i] and _comes_once(first[i], cells)]
    if not header and len(sample) > FEWEST and (len(whole) > 1 or alone) and len(whole) * 2 >= len(numeric) > 0:
        said = "line 1 is taken for a sample, and looks like names of columns; set header=true if it is"
        found.append(Doubt(said))
    rows = below if header else [[cell, *cells] for cell, cells in zip(first, below)]
    for number, cells in enumerate(rows):
        known = [cell.strip() for cell in cells if cell.strip()]
        if len(known) < FEWEST or number not in numeric:
            continue
        name, key = called(names, number), names[number] if names else number
        if any(map(CODE.fullmatch, known)) and all(cell.isdecimal() for cell in known):
            said = f"{name} has numbers that begin with 0, as codes do; set features={{{key!r}='category'}} if they are"
            found.append(Doubt(said, number))
        elif all(map(DAY.fullmatch, known)):
            remedy = f"set ignore={key!r} or put days since a day in its place"
            found.append(Doubt(f"{name} looks like dates such as {known[0]}, taken for numbers; {remedy}", number))
        for sign in ".," if commas else ".":
            if _half_grouped(known, sign):
                group = next(cell for cell in known if sign in cell)
                remedy = f"set thousands={sign!r} if its signs group digits"
                said = f"{name} has {group!r} beside whole numbers, taken for a fraction; {remedy}"
                found.append(Doubt(said, number, of_targets=True))
    return found


def _first_and_below(sample: Cells) -> tuple[list[str], list[list[str]]]:
    first = ["" if cell is None else cell.strip() for cell in sample[0]]
    below = [[cell for cell in column if cell is not None] for column in zip(*sample[1:])]
    return first, below or [[] for _ in first]


def _number(cell: str, commas: bool) -> bool:
    return is_number(cell) or (commas and is_number(cell.replace(",", ".", 1)))


def _numeric(below: Sequence[Sequence[str]], commas: bool) -> list[int]:
    """Columns that hold numbers below the first line."""
    return [
        i for i, cells in enumerate(below)
        if cells and (are_numbers(cells) or all(_number(c, commas) or c.strip() in NOTHING for c in cells))
    ]  # fmt: skip


def _counted(first: Sequence[str], below: Sequence[Sequence[str]], commas: bool) -> str:
    """The first of the numbers of a line that count up like names of columns, or nothing.

    From 0 or 1 they do so wherever they are all that the line holds; from elsewhere above numbers with fractions.
    """
    at = [i for i, cell in enumerate(first) if cell.isdecimal() and cell.isascii()]
    cells = [first[i] for i in at]
    if len(cells) < 3 or not any(below) or cells != [str(int(cells[0]) + i) for i in range(len(cells))]:
        return ""
    rest = [i for i in range(len(first)) if i not in at and (first[i] or i)]
    if cells[0] in ("0", "1") and not rest:
        return cells[0]
    broken = sum(any(_number(c, commas) and not _whole(c) for c in below[i]) for i in at)
    named = all(first[i] and not _number(first[i], commas) and first[i] not in below[i] for i in rest)
    return cells[0] if broken * 2 > len(at) and named else ""


def _whole(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", cell.strip(), re.ASCII) is not None


def _comes_once(cell: str, below: Sequence[str]) -> bool:
    """Whether a text stands nowhere below, where every other comes again."""
    counts = {other: below.count(other) for other in set(below)}
    return cell not in counts and len(below) >= FEWEST and min(counts.values()) > 1


def _half_grouped(known: Sequence[str], sign: str) -> bool:
    """Whether all fractions have three digits and look like groups of them, beside whole numbers without any."""
    with_sign = [cell for cell in known if sign in cell]
    rest = [cell for cell in known if sign not in cell]
    whole = bool(rest) and all(map(_whole, rest)) and any(len(cell.lstrip("+-")) == 3 for cell in rest)
    return len(with_sign) > 1 and all(map(GROUPED[sign].fullmatch, with_sign)) and whole
