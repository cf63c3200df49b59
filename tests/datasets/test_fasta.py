"""Sequences in FASTA files: values read back, weights by neighbours, and every kind of damage refused by its place."""

import numpy as np
import pytest

from files import text
from gpunet.api.sequences import fasta_bytes, read_fasta, write_fasta
from gpunet.data import ALPHABETS, Sequences
from gpunet.data.identity import neighbour_counts
from gpunet.datasets import Spelling, read, read_sequences
from gpunet.errors import ConfigError, DataError, NoTargetsError

RNA = ">one first of all\nACG\nU-\n\n>two\nGGGGA\n"


@pytest.mark.parametrize("name", ["a.fasta", "a.fa.gz", "a.FNA", "a.mfa.gz"])
def test_sequences_read_back_whatever_their_lines_and_ends(name, tmp_path):
    for content in (RNA, RNA.replace("\n", "\r\n"), "; a comment\n" + RNA.replace("ACG\nU-", "AC GU  -")):
        found = read_sequences(text_or_bytes(tmp_path, content, name))
        assert (found.names, found.alphabet) == (("one", "two"), "-ACGU")
        assert found.letters.tolist() == [[1, 2, 3, 4, 0], [3, 3, 3, 3, 1]]
        assert found.letters.dtype == np.uint8
        assert found.texts() == ["ACGU-", "GGGGA"]


def text_or_bytes(folder, content, name):
    """The path of a file whose line ends are as they were given."""
    import gzip

    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("ending", [".fasta", ".fa.gz"])
@pytest.mark.parametrize("alphabet", ["protein", "dna", "rna", "HP.", "01"])
def test_what_is_written_is_read_again_with_the_same_bytes_each_time(alphabet, ending, tmp_path, rng):
    states = len(ALPHABETS.get(alphabet, alphabet))
    written = Sequences(rng.integers(0, states, (7, 171)), ALPHABETS.get(alphabet, alphabet), tuple("abcdefg"))
    path = write_fasta(written, tmp_path / f"some{ending}")
    found = read_fasta(path, alphabet)
    assert (found.letters == written.letters).all()
    assert (found.names, found.alphabet) == (written.names, written.alphabet)
    packed = ending.endswith(".gz")
    assert path.read_bytes() == fasta_bytes(written, packed)
    assert packed or max(map(len, path.read_text().split("\n"))) == 80


@pytest.mark.parametrize(
    ("content", "letters"),
    [
        (RNA, "-ACGU"), (RNA.replace("U", "T"), "-ACGT"), (">a\nacgu\n>b\nacg.\n", "-ACGU"),
        (">a\nACDE\n>b\nWYGT\n", ALPHABETS["protein"]), (">a\nCCCC\n>b\nGGGG\n", "-ACGT"),
    ],
)  # fmt: skip
def test_the_alphabet_is_found_out_and_said(content, letters, tmp_path):
    found = read_sequences(text_or_bytes(tmp_path, content, "a.fa"))
    assert found.alphabet == letters
    assert f"{letters}; alphabet says otherwise" in found.notes[0]
    assert ("small letters are read as capitals" in found.notes) == any(c.islower() for c in content.split("\n")[1])


def test_letters_of_ones_own_are_taken_as_they_are(tmp_path):
    found = read_sequences(text_or_bytes(tmp_path, ">a\nhPH\n>b\nppp\n", "a.fa"), Spelling("hpHP"))
    assert found.letters.tolist() == [[0, 3, 2], [1, 1, 1]]
    assert found.notes == ()


def test_insertions_of_aligners_are_left_out(tmp_path):
    content = ">a\nACg.t-W\n>b\nACWW\n"
    found = read_sequences(text_or_bytes(tmp_path, content, "a.a3m"), Spelling("protein"))
    assert found.texts() == ["AC-W", "ACWW"]
    assert found.notes == ("3 inserted letters are left out",)


@pytest.mark.parametrize(
    ("content", "spelling", "message"),
    [
        (">a\nACGU\n", None, ": must hold at least two sequences, which is what an alignment is, got 1"),
        ("\n\n", None, ": must hold sequences, got 0"),
        ("ACGU\n>a\n", None, "line 1: must begin with > and the name of a sequence, got ACGU"),
        (">a\nACGU\n>b\nACG\n", None, "line 3: sequence b: must have 4 sites, as a has, got 3"),
        (">a\nACGU\n>b\n>c\nACGU\n", None, "line 3: sequence b: must have letters, got none"),
        (">a\nACGU\n>b\nAC\nNU\n", None, "line 5: sequence b: must hold letters of the alphabet -ACGU, got 'N'"),
        (">a\nACGU\n>b\nATTU\n", Spelling("rna"), "line 4: sequence b: must hold letters of the alphabet -ACGU, got"),
        (">a\nACDX\n>b\nWWWW\n", None, "line 2: sequence a: must hold letters of the alphabet -ACDEFGHIKLMNPQRSTVWY"),
        (">a\nAC\u00e4U\n>b\nACGU\n", None, "line 2: sequence a: must have"),
        (RNA, Spelling("rna", sites=6), "line 1: sequence one: must have 6 sites, as in training, got 5"),
    ],
)  # fmt: skip
def test_what_is_no_alignment_is_refused_by_name_and_line(content, spelling, message, tmp_path):
    path = text_or_bytes(tmp_path, content, "a.fasta")
    with pytest.raises(DataError) as error:
        read_sequences(path, spelling)
    if "\u00e4" not in content:
        assert message in str(error.value)
    assert "line" in str(error.value) or "sequences" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("alphabet", ["", "A", "AA", "A>", "aminoacid s"])
def test_what_is_no_alphabet_is_refused(alphabet, tmp_path):
    with pytest.raises(ConfigError, match="alphabet: must be auto, dna, rna, protein, or at least two"):
        read_sequences(text_or_bytes(tmp_path, RNA, "a.fa"), Spelling(alphabet))


def test_damaged_gzip_is_refused(tmp_path):
    path = text_or_bytes(tmp_path, RNA, "a.fasta.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="must be a whole gzip file"):
        read_sequences(path)


def test_headers_say_targets_and_weights(tmp_path):
    content = ">a|class=big one size=2;\nAC\n>b class=small size=0.5\nAG\n>c class=small;size=1\nGG\n"
    path = text(tmp_path, content, "a.fasta")
    found = read(path, spelling=Spelling(target="class", weight="size"))
    assert (found.classes, found.y.tolist()) == (("big one", "small"), [0, 1, 1])
    assert found.weights.tolist() == [2, 0.5, 1]
    assert found.ids == {"name": ["a|class=big", "b", "c"]}
    with pytest.raises(NoTargetsError, match=r"needs targets in its headers, got its headers have class, size"):
        read(path)
    with pytest.raises(DataError, match=r"must say colour=... in its headers"):
        read(path, spelling=Spelling(target="colour"))
    with pytest.raises(DataError, match=r"class: must be numbers, got 'big one'"):
        read(path, spelling=Spelling(weight="class"), unlabelled=True)
    short = text(tmp_path, content.replace(" size=0.5", ""), "b.fasta")
    with pytest.raises(DataError, match=r"sequence b: must say size=..."):
        read(short, spelling=Spelling(target="class", weight="size"))


@pytest.mark.parametrize("identity", [0.8, 0.5, 1.0])
def test_neighbours_are_those_that_are_counted_one_by_one(identity, rng):
    x = rng.integers(0, 4, (2000, 25)).astype(np.uint8)
    x[1000:] = x[:1000]
    changed = rng.random((1000, 25)) < 0.2
    x[1000:][changed] = 3
    counted = np.array([((x == row).mean(axis=1) >= identity).sum() for row in x])
    assert (neighbour_counts(x, identity) == counted).all()
    assert counted.max() > 1


def test_texts_that_are_no_sequences_are_refused():
    with pytest.raises(DataError, match="sequence2: must have 3 letters, as sequence1 has, got 2"):
        Sequences.of(["ACG", "AC"], "dna")
    with pytest.raises(DataError, match="b: must hold letters of the alphabet -ACGT, got 'U'"):
        Sequences.of(["ACG", "AUG"], "dna", ["a", "b"])
    with pytest.raises(DataError, match="letters: must be numbers of letters, whole from 0 to 4, got 0 to 5"):
        Sequences(np.array([[0, 5]]), "-ACGT")
