"""Alignments on the command line: trained on, sampled, measured, held, and refused in one line."""

import gzip
import json

import numpy as np
import pytest

import gpunet as library
from files import save_npz
from gpunet.api.sequences import read_fasta, write_fasta
from gpunet.data import Sequences
from shell import invoked as gpunet
from shell import refused

RNA = "-ACGU"


def family(rng, n=400):
    """Sequences of eight sites in which site 4 pairs with site 1 and the rest is random."""
    letters = rng.integers(1, 5, (n, 8)).astype(np.uint8)
    letters[:, 4] = 5 - letters[:, 1]
    return Sequences(letters, RNA)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an alignment, some more of it, and a machine that learned it."""
    folder, rng = tmp_path_factory.mktemp("sequences"), np.random.default_rng(0)
    write_fasta(family(rng), folder / "family.fasta.gz")
    write_fasta(family(rng, 40), folder / "more.fa")
    words = ["model.hidden=16", "training.epochs=100", "training.batch_size=20", "optimizer.learning_rate=0.2"]
    done = gpunet("pretrain", "rbm", "--data", folder / "family.fasta.gz", *words, "model.k=3", "--device", "cpu",
                  "--run", folder / "machine")  # fmt: skip
    (folder / "said.txt").write_text(done.stderr)
    return folder


def test_what_is_assumed_is_said_before_training(place):
    said = (place / "said.txt").read_text()
    assert "features: 8 sites of 5 states, RNA" in said
    assert "letters are taken for RNA, -ACGU; alphabet says otherwise" in said
    assert "400 sequences count as" in said
    config = library.load(place / "machine").config
    units = config.model.visible_units
    assert (units.name, units.group, units.pseudocount) == ("softmax", 5, 1.0)


def test_samples_are_written_as_fasta_and_have_learned_the_pair(place):
    for name in ("drawn.fasta", "drawn.fasta.gz"):
        gpunet("sample", place / "machine", "-n", "300", "--steps", "200", "-o", place / name, "--device", "cpu")
    assert gzip.decompress((place / "drawn.fasta.gz").read_bytes()) == (place / "drawn.fasta").read_bytes()
    drawn = read_fasta(place / "drawn.fasta", "rna")
    assert drawn.letters.shape == (300, 8)
    assert drawn.names[:2] == ("sample1", "sample2")
    assert (drawn.letters[:, 4] == 5 - drawn.letters[:, 1]).mean() > 0.6
    gpunet("sample", place / "machine", "-n", "5", "--steps", "5", "-o", place / "drawn.npz", "--device", "cpu")
    assert np.load(place / "drawn.npz")["x"].shape == (5, 8)


def test_sites_that_are_held_stay_and_the_others_follow(place):
    (place / "held.fasta").write_text(">all chains\n?G??????\n")
    words = ["-n", "200", "--steps", "200", "--clamp", place / "held.fasta", "-o", place / "clamped.fasta"]
    gpunet("sample", place / "machine", *words, "--device", "cpu")
    drawn = read_fasta(place / "clamped.fasta", "rna").letters
    assert (drawn[:, 1] == 3).all()
    assert (drawn[:, 4] == 2).mean() > 0.6
    assert len(set(drawn[:, 0].tolist())) > 2
    machine = library.load(place / "machine")
    again = machine.sample(200, steps=200, clamp="?G??????")
    assert (again == drawn).all()
    each = machine.sample(2, steps=3, clamp=["A???????", "???????C"])
    assert (each[0, 0], each[1, 7]) == (1, 2)
    assert (machine.sampler(3, clamp="ACGU????").step(4)[:, :4] == [1, 2, 3, 4]).all()


def test_other_sequences_are_measured_with_the_letters_of_the_training(place):
    (place / "one.fa").write_text(">a\nACGUACGU\n")
    for name, count in (("more.fa", 40), ("one.fa", 1)):
        words = ["--data", place / name, "--cases", "0", "--device", "cpu", "--json"]
        document = json.loads(gpunet("likelihood", place / "machine", *words).stdout)
        assert (document["samples"], document["method"]) == (count, "exact")
    document = json.loads(gpunet("likelihood", place / "machine", "--json", "--device", "cpu").stdout)
    assert document["sum_of_weights"] < document["samples"] + 1e-9


def test_the_zero_sum_gauge_is_a_checkpoint_with_the_same_free_energies(place):
    gpunet("convert", place / "machine", place / "zero.h5", "--zero-sum")
    before, after = (library.load(place / name, device="cpu") for name in ("machine", "zero.h5"))
    more = read_fasta(place / "more.fa", "rna")
    assert after.free_energy(more) == pytest.approx(before.free_energy(more), abs=1e-5)
    sums = after.weights["weight"].reshape(8, 5, -1).sum(axis=1)
    assert np.abs(sums).max() < 1e-5
    assert np.abs(before.weights["weight"].reshape(8, 5, -1).sum(axis=1)).max() > 1e-2
    assert gpunet("verify", place / "zero.h5").exit_code == 0


def test_sequences_with_labels_in_their_headers_train_a_network(place, tmp_path):
    rng = np.random.default_rng(1)
    letters = rng.integers(1, 5, (90, 6)).astype(np.uint8)
    classes = letters[:, 2] > 2
    names = tuple(f"s{i} class={'late' if late else 'early'}" for i, late in enumerate(classes))
    write_fasta(Sequences(letters, "-ACGT", names), tmp_path / "labelled.fasta")
    words = ["data.target=class", "data.alphabet=dna", "model.hidden=[16]", "training.epochs=30", "--device", "cpu"]
    done = gpunet("train", "mlp", "--data", tmp_path / "labelled.fasta", *words, "--run", tmp_path / "net", "--json",
                  "training.batch_size=10", "model.dropout=0", "model.input_dropout=0")  # fmt: skip
    assert json.loads(done.stdout)["test_accuracy"][0] > 0.8
    found = json.loads(gpunet("evaluate", tmp_path / "net", "--data", tmp_path / "labelled.fasta", "--json").stdout)
    assert found["samples"] == 90
    said = gpunet("predict", tmp_path / "net", tmp_path / "labelled.fasta", "-o", tmp_path / "p.csv").stderr
    assert ",name,class," in (tmp_path / "p.csv").read_text().split("\n")[0], said


BAD = {
    "one": (">a\nACGU\n", "one.fasta: must hold at least two sequences, which is what an alignment is, got 1"),
    "short": (">a\nACGU\n>b\nACG\n", "short.fasta line 3: sequence b: must have 4 sites, as a has, got 3"),
    "letter": (">a\nACGU\n>b\nACGU\n>c\nAXGU\n", "letter.fasta line 6: sequence c: must hold letters of"),
}


@pytest.mark.parametrize("name", BAD)
def test_alignments_that_are_none_are_refused(name, tmp_path):
    content, message = BAD[name]
    (tmp_path / f"{name}.fasta").write_text(content)
    refused("pretrain", "rbm", "--data", f"{name}.fasta", cwd=tmp_path, code=3, expected=message)


def test_other_bad_input_is_refused_in_one_line(place, tmp_path):
    for name in ("family.fasta.gz", "more.fa"):
        (tmp_path / name).write_bytes((place / name).read_bytes())
    (tmp_path / "w.txt").write_text("1\n2\n")
    save_npz(tmp_path / "x.npz", x=np.random.default_rng(0).random((30, 8)))
    (tmp_path / "wide.fasta").write_text(">a\nACGU?????\n")
    (tmp_path / "none.fasta").write_text(">a\n????????\n")
    (tmp_path / "two.fasta").write_text(">a\nA???????\n>b\nC???????\n")
    machine = place / "machine"
    for words, code, message in (
        (["pretrain", "rbm", "--data", "more.fa", "--weights", "w.txt"], 3, "one for each of the 40 samples"),
        (["pretrain", "rbm", "--data", "x.npz", "data.identity=0.8"], 2, "data.identity: needs sequences"),
        (["pretrain", "rbm", "--data", "more.fa", "data.alphabet=A"], 2, "data.alphabet: must be auto"),
        (["pretrain", "rbm", "--data", "more.fa", "model.visible_units=gaussian"], 2, "must be softmax in groups of 5"),
        (["train", "mlp", "--data", "more.fa"], 3, "needs targets in its headers"),
        (["sample", machine, "--clamp", "wide.fasta", "-o", "a.fasta"], 3, "must have 8 sites, as in training, got 9"),
        (["sample", machine, "--clamp", "none.fasta", "-o", "a.fasta"], 3, "must hold some of the sites"),
        (["sample", machine, "-n", "3", "--clamp", "two.fasta", "-o", "a.fasta"], 3, "one for each of the 3 chains"),
        (["likelihood", machine, "--data", "x.npz"], 3, "sequences, as in training"),
    ):  # fmt: skip
        refused(*words, cwd=tmp_path, code=code, expected=message)
