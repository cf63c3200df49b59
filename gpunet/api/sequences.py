"""Aligned sequences in FASTA files, from Python."""

import gzip
from pathlib import Path

from ..data import Sequences
from ..errors import ConfigError
from ..writing import replace_file

WIDE = 80  # letters on a line
ENDINGS = (".fasta", ".fa", ".fasta.gz", ".fa.gz")


def read_fasta(path: str | Path, alphabet: str = "auto") -> Sequences:
    """The aligned sequences of a FASTA file, plain or gzipped, as data for :func:`gpunet.train`.

    Args:
        path: of the file.
        alphabet: ``protein``, ``rna``, ``dna``, letters of one's own, or ``auto``, which finds one of these out.

    Raises:
        DataError: no file of sequences, unequal lengths, or a letter that the alphabet has not, naming sequence and
            line.
        ConfigError: no such alphabet.

    >>> import tempfile, gpunet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_fasta(Sequences.of(["ACGU", "AC-U", "GCGU", "GC-A"] * 10, "rna"), f"{folder}/family.fasta.gz")
    ...     family = read_fasta(path)
    >>> family.texts()[:2], family.alphabet, float(family.weights().sum().round(1))
    (['ACGU', 'AC-U'], '-ACGU', 4.0)
    >>> rbm = gpunet.train("rbm", family, hidden=3, epochs=2, identity="none")
    >>> Sequences(rbm.sample(2, steps=5), family.alphabet).letters.shape, rbm.free_energy(family).shape
    ((2, 4), (40,))
    """
    from ..datasets import Spelling, read_sequences

    return read_sequences(Path(path), Spelling(alphabet, least=1))


def write_fasta(sequences: Sequences, path: str | Path) -> Path:
    """Write sequences as a FASTA file, whole or not at all; gzipped where the path ends in ``.gz``.

    The same sequences give the same bytes.

    Raises:
        ConfigError: another ending.
        WriteError: the folder is not there, or the disk refuses.
    """
    path = Path(path)
    if not path.name.lower().endswith(ENDINGS):
        raise ConfigError("path", f"must end in {', '.join(ENDINGS)}", str(path), "For example samples.fasta")
    replace_file(path, [fasta_bytes(sequences, path.name.lower().endswith(".gz"))])
    return path


def fasta_bytes(sequences: Sequences, packed: bool = False) -> bytes:
    """The content of a FASTA file, lines of 80 letters."""
    parts = []
    for name, text in zip(sequences.names, sequences.texts()):
        parts += [f">{name}", *(text[start : start + WIDE] for start in range(0, len(text), WIDE))]
    content = ("\n".join(parts) + "\n").encode()
    return gzip.compress(content, mtime=0) if packed else content
