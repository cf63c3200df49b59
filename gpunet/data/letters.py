"""Aligned sequences of letters: which letters there are, and sequences as numbers of letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError, printable, shortened
from .identity import neighbour_counts

GAP = "-"
ALPHABETS: Mapping[str, str] = {"dna": "-ACGT", "rna": "-ACGU", "protein": "-ACDEFGHIKLMNPQRSTVWY"}
MOST_LETTERS = 94  # signs of ASCII that can be seen
SHOWN = 40  # letters of an alphabet in a message
IDENTITY = 0.8  # share of equal sites from which two sequences count as one


def letters_of(word: str) -> str:
    """The letters that the name of an alphabet stands for, or a text of letters of one's own as it is.

    Raises:
        ConfigError: fewer than two letters, one that is there twice, or one that cannot be a letter.

    >>> letters_of("rna"), letters_of("HP-"), len(letters_of("protein"))
    ('-ACGU', 'HP-', 21)
    """
    if word.lower() in ALPHABETS:
        return ALPHABETS[word.lower()]
    known = ", ".join(ALPHABETS)
    rule, remedy = f"must be auto, {known}, or at least two different letters", "For example alphabet=protein"
    odd = any(not (letter.isascii() and letter.isprintable()) or letter in " >;*" for letter in word)
    if odd or not 2 <= len(word) <= MOST_LETTERS or len(set(word)) < len(word):
        raise ConfigError("alphabet", rule, shortened(printable(repr(word)), 60), remedy)
    return word


def name_of(letters: str) -> str:
    """What an alphabet is called.

    >>> name_of("-ACGT"), name_of("HP-")
    ('DNA', 'letters HP-')
    """
    names = {letters: name for name, letters in ALPHABETS.items()}
    name = names.get(letters, "")
    return {"protein": "protein", "": f"letters {shortened(letters, SHOWN)}"}.get(name, name.upper())


@dataclass(frozen=True, eq=False)
class Sequences:
    """Aligned sequences.

    Attributes:
        letters: (sequences, sites), uint8: places of the letters in the alphabet.
        alphabet: the letters, each once; ``-`` is a gap, which is a state like any other.
        names: of the sequences, in order.
        words: what the headers say of each sequence in the form KEY=VALUE; None where a header does not.
        notes: what the user should know.

    >>> found = Sequences.of(["ACGU", "AC-U"], "rna")
    >>> found.letters.tolist(), found.texts(), found.names
    ([[1, 2, 3, 4], [1, 2, 0, 4]], ['ACGU', 'AC-U'], ('sequence1', 'sequence2'))
    """

    letters: np.ndarray
    alphabet: str
    names: tuple[str, ...] = ()
    words: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Name what has no name.

        Raises:
            DataError: numbers that are no places of letters.
        """
        object.__setattr__(self, "letters", places_of(self.letters, self.alphabet, "letters"))
        if not self.names:
            object.__setattr__(self, "names", tuple(f"sequence{i + 1}" for i in range(len(self.letters))))

    @classmethod
    def of(cls, texts: Sequence[str], alphabet: str, names: Sequence[str] = ()) -> "Sequences":
        """Texts of one length as sequences.

        Args:
            texts: one for each sequence.
            alphabet: name of an alphabet, or its letters.
            names: of the sequences; numbered by default.

        Raises:
            DataError: unequal lengths, or a letter that the alphabet has not, with the sequence it is in.
        """
        letters = letters_of(alphabet)
        called = list(names) or [f"sequence{i + 1}" for i in range(len(texts))]
        if not texts or not texts[0]:
            raise DataError("sequences", "must be texts of letters", "none", "Pass at least one")
        table, rows = code_table(letters), []
        for name, text in zip(called, texts, strict=True):
            if len(text) != len(texts[0]):
                rule = f"must have {len(texts[0]):,} letters, as {called[0]} has"
                raise DataError(shortened(printable(name), 80), rule, f"{len(text):,}", "Align the sequences")
            row = table[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]
            if (row == UNKNOWN).any():
                odd = text[int((row == UNKNOWN).argmax())]
                raise unknown_letter(shortened(printable(name), 80), odd, letters)
            rows.append(row)
        return cls(np.stack(rows), letters, tuple(called))

    def texts(self) -> list[str]:
        """The sequences as texts."""
        signs = np.frombuffer(self.alphabet.encode(), np.uint8)[self.letters]
        return [row.tobytes().decode() for row in signs]

    def weights(self, identity: float = IDENTITY) -> np.ndarray:
        """How much each sequence counts so that those that are much alike count as one, (sequences,).

        One over how many sequences, itself among them, agree with it in at least that share of the sites, gaps like
        letters.  Their sum is the effective number of sequences.  Morcos et al.: Direct-coupling analysis of residue
        coevolution captures native contacts across many protein families (2011).

        >>> Sequences.of(["AAAAA", "AAAAC", "GGGGG"], "dna").weights().tolist()
        [0.5, 0.5, 1.0]
        """
        return 1.0 / neighbour_counts(self.letters, identity)

    def __len__(self) -> int:
        """How many sequences."""
        return len(self.letters)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The numbers of the letters, so that sequences can be passed where an array can."""
        return np.array(self.letters, dtype=dtype, copy=copy)


UNKNOWN = 255  # in tables of codes


def code_table(letters: str, fold: bool = False) -> np.ndarray:
    """The number of each byte as a letter, (256,) uint8, :data:`UNKNOWN` for all others.

    Args:
        letters: of the alphabet.
        fold: whether small letters stand for capitals, and a point for a gap, where the alphabet has none of them.
    """
    table = np.full(256, UNKNOWN, np.uint8)
    table[np.frombuffer(letters.encode(), np.uint8)] = np.arange(len(letters))
    if fold:
        for number, letter in enumerate(letters):
            for other in (letter.lower(), "." if letter == GAP else letter):
                if table[ord(other)] == UNKNOWN:
                    table[ord(other)] = number
    return table


def unknown_letter(thing: str, letter: str, alphabet: str) -> DataError:
    """The error of a letter that an alphabet has not."""
    remedy = "Remove the sequence, or set alphabet to protein, rna, dna or to letters that have it"
    rule = f"must hold letters of the alphabet {shortened(alphabet, SHOWN)}"
    return DataError(thing, rule, printable(repr(letter)), remedy)


def places_of(x: np.ndarray, alphabet: str, name: str) -> np.ndarray:
    """Numbers that stand for letters, as uint8.

    Raises:
        DataError: numbers that are no places in the alphabet.
    """
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    if x.dtype.kind not in "biuf" or not 0 <= low <= high < len(alphabet) or (x.dtype.kind == "f" and (x % 1).any()):
        rule = f"must be numbers of letters, whole from 0 to {len(alphabet) - 1}"
        received = f"{low:.4g} to {high:.4g}" if x.dtype.kind in "biuf" else str(x.dtype)
        raise DataError(name, rule, received, "Pass gpunet.data.Sequences.of(texts, alphabet), or such numbers")
    return np.ascontiguousarray(x, np.uint8)
