"""The text of a table: its bytes, encoding, line ends, comments, delimiter and header."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpunet.data.table import are_numbers, is_number
from gpunet.errors import DataError, printable

from .opening import open_content

SAMPLE = 50  # lines that are looked at to find out how cells are separated
BEGINNING = 1 << 20  # bytes that hold them
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "blanks"}
NAMED = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";"}


@dataclass(frozen=True)
class Lines:
    """The lines of a table, in UTF-8 with ``\\n`` at their ends; comments are empty lines, so that numbers hold.

    Attributes:
        content: all of them.
        delimiter: between cells.
        quoted: whether there are quotes.
        notes: what was found out.
    """

    content: bytes
    delimiter: str
    quoted: bool
    notes: tuple[str, ...]


def read_lines(path: Path, delimiter: str | None, held: bytes | None = None) -> Lines:
    """The lines of a file, or of bytes that were read already.

    Raises:
        DataError: missing, damaged, empty, or no text.
    """
    content, encoding = decoded(path, read_bytes(path) if held is None else held)
    notes = [f"read as {encoding}"] if encoding else []
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    content, said = _said_delimiter(content)
    content, comments = _without_comments(content)
    notes += [f"{comments} lines of comments are skipped"] if comments else []
    if delimiter is None and said is not None:
        notes.append(f"line 1 says that cells are separated by {DELIMITERS.get(said, said)}")
        delimiter = said
    if delimiter is not None:
        found = NAMED.get(delimiter, delimiter)
        if len(found) != 1 or found in '"\n\r':
            raise DataError("delimiter", "must be one character, tab or space", repr(delimiter), "For example ';'")
    else:
        found = _find_delimiter(path, content)
        if found != ("\t" if ".tsv" in path.name else ","):
            notes.append(f"cells are separated by {DELIMITERS[found]}")
    if found == " ":
        content = re.sub(rb"(?m)[ \t]+", b" ", content)
        content = re.sub(rb"(?m)^ | $", b"", content)
    elif (b" " in content and b"\n " in content) or (b"\t" in content and b"\n\t" in content):
        content = re.sub(rb"(?m)^[ \t]+$", b"", content) if found != "\t" else content
    if not content or content.isspace():
        raise DataError(str(path), "must hold lines of cells", "an empty file", "Check the path")
    return Lines(content, found, b'"' in content, tuple(notes))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, inflated within a budget where it is compressed.

    Raises:
        DataError: missing, damaged, unreadable or a bomb.
    """
    try:
        with open_content(path) as (file, allowed, inflated):
            content: bytes = file.read(allowed + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), "must be a whole gzip file", error, "Fetch it again") from None
    except OSError as error:
        raise DataError(str(path), "must be readable", error.strerror, "Check path and permissions") from None
    if inflated and len(content) > allowed:
        raise DataError(str(path), f"must inflate to at most {allowed:,} bytes", "more", "Decompress it first")
    return content


def decoded(path: Path, content: bytes) -> tuple[bytes, str]:
    """Bytes in UTF-8, and the encoding that they had where it was another: UTF-16 by its mark, else Windows-1252.

    Windows-1252 is Latin-1 with letters and signs in the place of control characters.

    Raises:
        DataError: bytes that are no text in any of them.
    """
    for mark, name in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if content.startswith(mark):
            try:
                return content.decode("utf-16").encode(), name
            except UnicodeError:
                break
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.isascii():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            try:
                text = content.decode("cp1252")
            except UnicodeDecodeError:
                text = "\0"
            if b"\0" in content or any(ord(c) < 32 and c not in "\t\n\r\f" for c in text[:BEGINNING]):
                received, remedy = f"byte {content[error.start]:#x}", "Convert it"
                raise DataError(str(path), "must be UTF-8 text", received, remedy) from None
            return text.encode(), "Windows-1252 (Latin-1), since it is no UTF-8"
    if b"\0" in content:
        raise DataError(str(path), "must be UTF-8 text", "byte 0x0", "Convert it")
    return content, ""


def _without_comments(content: bytes) -> tuple[bytes, int]:
    """Lines that begin with #, outside of quotes, become empty; one that holds the names of columns loses its #.

    Behind the first line of cells one that has as many of them is no comment but a sample: ``#N/A,2,yes``.
    """
    if b"#" not in content or not (content.startswith(b"#") or b"\n#" in content):
        return content, 0
    lines, inside, count, cells = content.split(b"\n"), False, 0, b""
    for number, line in enumerate(lines):
        if inside or not line.startswith(b"#"):
            inside ^= line.count(b'"') % 2 == 1
            cells = cells or line.strip()
        elif not cells and _same_form(line.lstrip(b"# "), _following(lines, number)):
            lines[number] = cells = line.lstrip(b"# ")
        elif not cells or not _same_form(line, cells):
            lines[number] = b""
            count += 1
    return b"\n".join(lines), count


def _following(lines: list[bytes], number: int) -> bytes:
    """The next line that holds something, unless it is a comment."""
    following = next((later for later in lines[number + 1 :] if later.strip()), b"")
    return b"" if following.startswith(b"#") else following


def _same_form(one: bytes, other: bytes) -> bool:
    """Whether two lines have as many cells, more than one."""
    return any(one.count(sign) == other.count(sign) > 0 for sign in (b",", b"\t", b";", b"|"))


def _said_delimiter(content: bytes) -> tuple[bytes, str | None]:
    """The delimiter that a first line ``sep=;`` says, as spreadsheets write it; the line becomes empty."""
    found = re.match(rb'"?sep=([^"\n])"?(?=\n)', content, re.IGNORECASE)
    return (content[found.end() :], found[1].decode(errors="replace")) if found else (content, None)


def _find_delimiter(path: Path, content: bytes) -> str:
    """The sign that gives all lines as many cells; of several that do so, the one whose cells are more often numbers.

    Where none does, that of the file's ending, so that the line that differs can be named.
    """
    usual = "\t" if ".tsv" in path.name else ","
    text = content[:BEGINNING].decode(errors="replace")
    lines = [line for line in text.split("\n", 4 * SAMPLE)[:-1] or [text] if line.strip()]
    best, found = (-1.0, 0), usual
    for sign in dict.fromkeys([usual, ",", "\t", ";", "|", " "]):
        rows = _cells(lines, sign)
        widths = {len(row) for row in rows}
        if len(widths) != 1 or widths == {1}:
            continue
        cells = [cell.strip() for row in rows[1:] or rows for cell in row]
        at_once = len(cells) if are_numbers(cells) else None
        numbers = at_once or sum(
            is_number(cell) or (sign != "," and is_number(cell.replace(",", "."))) for cell in cells
        )
        if sign == " " and numbers < len(cells) / 2:
            continue  # words of a text are no cells
        score = (numbers / len(cells), len(rows[0]) if sign != " " else 0)
        if score > best:
            best, found = score, sign
    return found


def _cells(lines: list[str], sign: str) -> list[list[str]]:
    if sign == " ":
        return [line.split() for line in lines[:SAMPLE]]
    try:
        reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=sign)
        return [row for row, _ in zip(reader, range(SAMPLE)) if row]
    except csv.Error:
        return []


def first_rows(lines: Lines) -> list[list[str | None]]:
    """The cells of the first lines that have some, None where one is empty."""
    text = lines.content[:BEGINNING].decode(errors="replace")
    held = [line for line in text.split("\n") if line.strip()] if not lines.quoted else text.split("\n")
    if len(lines.content) > BEGINNING:
        held = held[:-1]
    rows = _cells(held[: 4 * SAMPLE], lines.delimiter)
    return [[cell.strip() or None for cell in row] for row in rows if any(cell.strip() for cell in row)]


def walk_cells(path: Path, lines: Lines) -> Iterator[tuple[list[str], int]]:
    """Each row of cells as the csv module of Python reads it, with the line that it begins on; slow and thorough.

    Rows without anything are passed over.

    Raises:
        DataError: naming the first line that has another number of cells, or cells that nobody can read.
    """
    reader = csv.reader(io.StringIO(lines.content.decode()), delimiter=lines.delimiter)
    begins, width, seen = 1, 0, 0
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            thing = f"{path} line {begins}"
            raise DataError(thing, "must be cells", printable(str(error)), "Correct it") from None
        if row is None:
            return
        if any(cell.strip() for cell in row):
            width = width or len(row)
            if len(row) != width:
                rule = f"needs {width} cells as the first line"
                remedy = "Correct it" if seen > 1 else "Correct it, or remove lines above the names of the columns"
                raise DataError(f"{path} line {begins}", rule, len(row), remedy)
            seen += 1
            yield row, begins
        begins = reader.line_num + 1
