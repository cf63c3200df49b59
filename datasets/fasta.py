"""FASTA files of aligned sequences, plain or gzipped.

A small reader of our own: those of the parser libraries take sequences one by one and keep neither the lines that they
stood on nor the order to refuse unequal lengths, which is most of the work here.
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpunet.data import ALPHABETS, Dataset, Sequences, understand
from gpunet.data.letters import UNKNOWN, code_table, letters_of, name_of, unknown_letter
from gpunet.errors import DataError, NoTargetsError, printable, shortened

from .opening import open_content

INSERTING = (".a2m", ".a3m")  # formats whose small letters and points are insertions, which no other sequence has
PLAIN = (".fasta", ".fa", ".faa", ".fna", ".ffn", ".frn", ".afa", ".mfa", *INSERTING)
SUFFIXES = tuple(f"{suffix}{packed}" for suffix in PLAIN for packed in ("", ".gz"))
KEY = re.compile(r"(?:^|[\s;|])([A-Za-z_]\w*)=")  # the beginning of KEY=VALUE in a header
MOSTLY = 0.8  # of the letters are those of bases, in sequences of RNA and DNA; in proteins a quarter are
ALIGN = "Align the sequences first, so that all have one length"


@dataclass(frozen=True)
class Spelling:
    """How sequences are read.

    Attributes:
        alphabet: ``protein``, ``rna``, ``dna``, letters of one's own, or ``auto``: rna or dna where four letters of
            five are A, C, G, T or U, else protein.
        sites: how many sites a trained model has, or None.
        least: how many sequences there must be.
        target: key of the words KEY=VALUE in the headers that say the target, or None.
        weight: likewise of the weights.
        weight_optional: whether headers without weights will do.
    """

    alphabet: str = "auto"
    sites: int | None = None
    least: int = 2
    target: str | None = None
    weight: str | None = None
    weight_optional: bool = False


def is_fasta(path: Path) -> bool:
    """Whether a file holds sequences, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_sequences(path: Path, spelling: Spelling | None = None) -> Sequences:
    """The aligned sequences of a FASTA file.

    Sequences may go over several lines; blanks, empty lines and lines that begin with ``;`` are passed over.  Small
    letters are read as capitals and points as gaps, where the alphabet has none of them; in files named ``.a2m`` and
    ``.a3m`` they are insertions and left out.

    Raises:
        DataError: missing or damaged, no sequences or too few, unequal lengths, or a letter that the alphabet has not,
            naming sequence and line.
    """
    spelling = spelling or Spelling()
    thing = shortened(printable(str(path)), 300)
    records = _records(thing, _content(path, thing))
    if len(records) < spelling.least:
        rule, remedy = "must hold at least two sequences, which is what an alignment is", "Add related sequences"
        raise DataError(thing, rule if records else "must hold sequences", len(records), remedy)
    notes: list[str] = []
    if path.name.lower().removesuffix(".gz").endswith(INSERTING):
        records, left_out = _without_insertions(records)
        notes += [f"{left_out:,} inserted letters are left out"] if left_out else []
    _check_lengths(thing, records, spelling.sites)
    letters, said = _alphabet(records, spelling.alphabet)
    table = code_table(letters, fold=True)
    codes = table[np.frombuffer(b"".join(record.letters for record in records), np.uint8)].reshape(len(records), -1)
    if (codes == UNKNOWN).any():
        row, place = (int(i) for i in np.argwhere(codes == UNKNOWN)[0])
        record = records[row]
        where = f"{thing} line {record.line_of(place)}: sequence {_called(record.name)}"
        raise unknown_letter(where, chr(record.letters[place]), letters)
    notes = [said, *_folded(records, letters), *notes]
    words = _words([record.header for record in records])
    names = tuple(record.name for record in records)
    return Sequences(codes, letters, names, words, tuple(filter(None, notes)))


def fasta_dataset(
    path: Path,
    spelling: Spelling,
    task: str = "auto",
    classes: tuple[str, ...] | None = None,
    unlabelled: bool = False,
) -> Dataset:
    """The sequences of a FASTA file as a data set, with targets where headers say them.

    Args:
        path: of the file.
        spelling: how to read it.
        task: what targets are.
        classes: names of the classes of a trained model.
        unlabelled: whether sequences will do where no target is named.

    Raises:
        DataError: as :func:`read_sequences`; no such key in the headers, or weights that are no numbers.
    """
    found, thing = read_sequences(path, spelling), str(path)
    y, named = np.zeros((len(found), 0), np.float32), None
    if spelling.target is not None:
        said = _values(thing, found, spelling.target, "target", "has no target")
        named = understand(thing, np.array(said), task, classes, (spelling.target,))
        y = named.y
    elif not unlabelled:
        keys = f"its headers have {', '.join(list(found.words)[:10])}" if found.words else "no KEY=VALUE in its headers"
        rule, remedy = "needs targets in its headers", "Set target to a key of theirs, as in >name class=kinase"
        raise NoTargetsError(thing, rule, keys, remedy)
    weights = None
    if spelling.weight is not None and not (spelling.weight_optional and spelling.weight not in found.words):
        said = _values(thing, found, spelling.weight, "weight", "has no weight")
        try:
            weights = np.array([float(value) for value in said])
        except ValueError:
            odd = next(value for value in said if not re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", value))
            rule, remedy = "must be numbers", "Correct the headers"
            raise DataError(f"{thing}: {spelling.weight}", rule, printable(repr(odd)), remedy) from None
    return Dataset(
        path.name, found.letters, y, () if named is None else named.classes, notes=found.notes,
        label_type="text" if named is None else named.label_type, weights=weights,
        task="none" if named is None else named.task, why="" if named is None else f"{spelling.target}: {named.why}",
        targets=() if named is None else named.names, ids={"name": list(found.names)}, alphabet=found.alphabet,
    )  # fmt: skip


@dataclass(frozen=True)
class _Record:
    """One sequence of a file: its header and letters, with the lines where they stood."""

    header: str
    line: int
    parts: tuple[tuple[int, bytes], ...]

    @property
    def name(self) -> str:
        return self.header.split(maxsplit=1)[0].split(";", 1)[0] if self.header.split() else ""

    @property
    def letters(self) -> bytes:
        return self.parts[0][1] if len(self.parts) == 1 else b"".join(part for _, part in self.parts)

    def line_of(self, place: int) -> int:
        for line, part in self.parts:
            if place < len(part):
                return line
            place -= len(part)
        return self.line


def _content(path: Path, thing: str) -> bytes:
    try:
        with open_content(path) as (file, allowed, inflated):
            content: bytes = file.read(allowed + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(thing, "must be a whole gzip file", error, "Fetch it again") from None
    except OSError as error:
        raise DataError(thing, "must be readable", error.strerror, "Check path and permissions") from None
    if inflated and len(content) > allowed:
        raise DataError(thing, f"must inflate to at most {allowed:,} bytes", "more", "Decompress it first")
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _records(thing: str, content: bytes) -> list[_Record]:
    records: list[_Record] = []
    header, begins = "", 0
    parts: list[tuple[int, bytes]] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.startswith(b">"):
            if begins:
                records.append(_Record(header, begins, tuple(parts)))
            header, begins, parts = line[1:].decode("utf-8", "replace").strip(), number, []
        elif line.startswith(b";") or not (letters := b"".join(line.split())):
            continue
        elif not begins:
            got = shortened(printable(letters[:40].decode("latin-1")), 40)
            raise DataError(f"{thing} line {number}", "must begin with > and the name of a sequence", got, "Correct it")
        else:
            parts.append((number, letters))
    return [*records, _Record(header, begins, tuple(parts))] if begins else records


def _without_insertions(records: list[_Record]) -> tuple[list[_Record], int]:
    small = bytes(range(ord("a"), ord("z") + 1)) + b"."
    kept = [
        _Record(record.header, record.line, tuple((line, part.translate(None, small)) for line, part in record.parts))
        for record in records
    ]
    return kept, sum(len(a.letters) - len(b.letters) for a, b in zip(records, kept))


def _check_lengths(thing: str, records: list[_Record], sites: int | None) -> None:
    wanted = len(records[0].letters) if sites is None else sites
    for record in records:
        length = len(record.letters)
        if length == wanted != 0:
            continue
        where = f"{thing} line {record.line}: sequence {_called(record.name)}"
        if not length:
            raise DataError(where, "must have letters", "none", "Remove it")
        like = "as in training" if sites is not None else f"as {_called(records[0].name)} has"
        raise DataError(where, f"must have {wanted:,} sites, {like}", f"{length:,}", ALIGN)


def _alphabet(records: list[_Record], wanted: str) -> tuple[str, str]:
    """The letters, and how they were found where nobody said it."""
    if wanted != "auto":
        return letters_of(wanted), ""
    joined = b"".join(record.letters for record in records).upper().translate(None, b"-.")
    bases = sum(joined.count(letter) for letter in (b"A", b"C", b"G", b"T", b"U"))
    name = "protein" if bases < MOSTLY * len(joined) else "rna" if b"U" in joined and b"T" not in joined else "dna"
    letters = ALPHABETS[name]
    return letters, f"letters are taken for {name_of(letters)}, {letters}; alphabet says otherwise"


def _folded(records: list[_Record], letters: str) -> list[str]:
    """What was read as another letter."""
    seen = set(b"".join(record.letters for record in records).decode("latin-1"))
    small = any(letter.islower() and letter not in letters for letter in seen)
    points = "." in seen and "." not in letters
    return [
        *(["small letters are read as capitals"] if small else []),
        *(["points are read as gaps"] if points else []),
    ]


def _words(headers: list[str]) -> dict[str, list[str | None]]:
    """What headers say as KEY=VALUE; a value goes on to the next key, semicolon or bar."""
    found: dict[str, list[str | None]] = {}
    for row, header in enumerate(headers):
        keys = list(KEY.finditer(header))
        for key, after in zip(keys, [*keys[1:], None]):
            value = header[key.end() : after.start() if after is not None else len(header)].strip(" ;|")
            found.setdefault(key[1], [None] * len(headers))[row] = value
    return found


def _values(thing: str, found: Sequences, key: str, what: str, lacking: str) -> list[str]:
    """What every header says of a key."""
    if key not in found.words:
        known = ", ".join(list(found.words)[:10]) or "none of that form"
        rule, remedy = f"must say {key}=... in its headers, since {key} is the {what}", f"Set {what} to another key"
        kind = NoTargetsError if what == "target" else DataError
        raise kind(thing, rule, printable(known), remedy)
    for name, value in zip(found.names, found.words[key]):
        if not value:
            raise DataError(
                f"{thing}: sequence {_called(name)}", f"must say {key}=...", lacking, "Add it to its header"
            )
    return [value for value in found.words[key] if value]


def _called(name: str) -> str:
    return shortened(printable(name), 80) or "without a name"
