"""Texts: words into numbers, numbers into bags, and what augmentation does to them."""

from collections import Counter

import numpy as np
import pytest

from files import features_of
from gpunet import data
from gpunet.backend import Arena, Context
from gpunet.data import Augmentation, Augmenter, BagOfWords, DeleteWords, Feed, MoveWords, Rotate, SwapWords
from gpunet.data import fit_preprocessing as fit
from gpunet.data.words import number_texts, words_of
from gpunet.datasets import load
from gpunet.errors import ConfigError, DataError
from gpunet.testing import examples

TEXTS = ["the cat saw the dog", "a dog", "the the the", "bird"]
ALL = [a for a in examples(Augmentation, data) if a.of == "texts"]


def bags(texts, **settings):
    x, vocabulary, _ = number_texts("d", texts)
    fitted = fit([BagOfWords(**settings)], x, 1.0)
    return fitted, fitted.on_host(x), vocabulary


def test_words_are_numbered_by_how_often_they_occur():
    x, vocabulary, note = number_texts("d", TEXTS)
    assert vocabulary == ("the", "dog", "a", "bird", "cat", "saw")
    assert x.tolist() == [[1, 5, 6, 1, 2], [3, 2, 0, 0, 0], [1, 1, 1, 0, 0], [4, 0, 0, 0, 0]]
    assert note == ""
    later, same, note = number_texts("d", ["the mouse saw a dog and a bird"], vocabulary, 4)
    assert later.tolist() == [[1, 6, 3, 2]], "unknown words are left out, long texts cut"
    assert (same, note) == (vocabulary, "1 of 1 texts are cut to 4 words")
    with pytest.raises(DataError, match="needs texts with words"):
        number_texts("d", ["...", "!"])


def test_words_keep_apostrophes_and_other_alphabets():
    assert words_of("Don't — Straßenbahn, naïve; 日本語 c_d") == ["don't", "straßenbahn", "naïve", "日本語", "c", "d"]


def test_bags_are_counts_of_words(device):
    fitted, counts, vocabulary = bags(TEXTS, weighting="count")
    column = {word: i for i, word in enumerate(vocabulary)}
    for row, text in zip(counts, TEXTS):
        assert {word: row[i] for word, i in column.items() if row[i]} == Counter(text.split())
    assert np.array_equal(bags(TEXTS)[1], np.minimum(counts, 1))
    assert bags(TEXTS, weighting="mean")[1] == pytest.approx(counts / counts.sum(axis=1, keepdims=True))
    weights = np.log(5 / (1 + (counts > 0).sum(axis=0))) + 1
    weighed = counts * weights
    expected = weighed / np.linalg.norm(weighed, axis=1, keepdims=True)
    assert bags(TEXTS, weighting="tfidf")[1] == pytest.approx(expected, abs=1e-6)
    x = device.put(number_texts("d", TEXTS)[0])
    found = fitted.apply(x, fitted.place(device, "f4"), Context(False, Arena(device)), np.dtype("f4"))
    assert np.array_equal(device.get(found), counts)


def test_only_frequent_words_of_the_training_part_have_a_feature():
    fitted, found, _ = bags(TEXTS, words=2, weighting="count")
    assert found.tolist() == [[2, 1], [0, 1], [3, 0], [0, 0]]
    assert bags(TEXTS, minimum=2)[1].shape == (4, 2)
    assert fitted.on_host(np.array([[1, 77, 2, 3]], np.int32)).tolist() == [[1, 1]], "numbers never seen are left out"
    with pytest.raises(DataError, match="needs a word that occurs 9 times, got 5 times at most"):
        bags(TEXTS, minimum=9)


def test_a_dense_layer_on_the_mean_is_the_mean_of_embeddings(rng):
    x, vocabulary, _ = number_texts("d", TEXTS)
    embedding = rng.normal(size=(len(vocabulary), 3))
    direct = np.stack([embedding[[n - 1 for n in row if n]].mean(axis=0) for row in x])
    assert bags(TEXTS, weighting="mean")[1] @ embedding == pytest.approx(direct, abs=1e-6)


def reworded(x, augmentation, device, seed=3, number=2, size=5):
    augmenter = Augmenter([augmentation], x.shape[1:], 1.0, 0, len(x), device, np.dtype("f4"), texts=True)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit("none", x, 1.0), np.dtype("f4"), (), augmenter)
    feed.shuffle((seed,), number)
    ctx, cursor, parts = Context(True, Arena(device)), device.zeros((1,), np.int64), []
    for start in range(0, len(x), size):
        ctx.arena.rewind()
        parts.append(device.get(feed.batch(ctx, cursor, size, min(size, len(x) - start))[0]))
        cursor += 1
    return np.concatenate(parts)[device.get(feed.order).argsort()].astype(int)


@pytest.fixture
def texts(rng):
    """300 texts of 1 to 9 words, all different, filled up to 9."""
    lengths = rng.integers(1, 10, 300)
    x = np.stack([rng.permutation(9) + 1 for _ in lengths]).astype(np.int32)
    return np.where(np.arange(9) < lengths[:, None], x, 0)


@pytest.mark.parametrize("augmentation", ALL, ids=repr)
def test_texts_change_by_seed_epoch_and_number_alone(augmentation, texts, device):
    once = reworded(texts, augmentation, device)
    assert np.array_equal(once, reworded(texts, augmentation, device, size=64))
    assert (once != texts).any()
    assert (once != reworded(texts, augmentation, device, number=3)).any()
    assert (once != reworded(texts, augmentation, device, seed=4)).any()
    filled = once > 0
    assert (filled[:, 1:] <= filled[:, :-1]).all(), "what fills up stays at the end"
    assert filled[:, 0].all(), "no text is empty"


def test_words_are_deleted_as_often_as_asked_and_keep_their_order(texts, device):
    texts = np.tile(np.arange(1, 10, dtype=np.int32), (2000, 1))
    found = reworded(texts, DeleteWords(0.3), device)
    left = (found > 0).mean()
    assert left == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / found.size))
    for row in found:
        words = row[row > 0]
        assert (np.diff(words) > 0).all()
    assert ((reworded(texts, DeleteWords(0.999), device) > 0).sum(axis=1) >= 1).all()


def test_swapping_and_moving_do_what_they_say(texts, device):
    for before, after in zip(texts, reworded(texts, SwapWords(), device)):
        assert sorted(before) == sorted(after)
        assert (before != after).sum() in (0, 2)
    moved = 0
    for before, after in zip(texts, reworded(texts, MoveWords(), device)):
        assert sorted(before) == sorted(after)
        taken = [np.array_equal(np.delete(before, i), np.delete(after, j)) for i in range(9) for j in range(9)]
        assert any(taken), "one word is elsewhere, the others keep their order"
        moved += (before != after).any()
    assert moved > 150


def test_texts_and_numbers_have_augmentations_of_their_own(texts, device):
    with pytest.raises(ConfigError, match=r"rotate: needs images, got texts"):
        reworded(texts, Rotate(), device)
    with pytest.raises(ConfigError, match=r"swap_words: needs texts, got numbers"):
        Augmenter([SwapWords()], (9,), 1.0, 0, 3, device, np.dtype("f4"))


@pytest.mark.parametrize("header", [True, False])
def test_a_table_of_texts_is_read_with_and_without_a_header(header, tmp_path):
    lines = ["text,label"] * header + [
        '"Good, really good",yes',
        "so bad indeed and dull here,no",
        '"he said ""fine""",yes',
        "10/10,yes",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    found = load(str(tmp_path / "t.csv"))
    assert len(found.x) == 4
    assert found.vocabulary[:2] == ("10", "good")
    assert found.classes == ("no", "yes")
    assert found.y.tolist() == [1, 0, 1, 1]
    assert [found.vocabulary[n - 1] for n in found.x[2] if n] == ["he", "said", "fine"]
    again = features_of(tmp_path / "t.csv", (2,), vocabulary=("bad", "fine"))
    assert again.tolist() == [[0, 0], [1, 0], [2, 0], [0, 0]]


def test_one_mistake_in_a_column_of_numbers_makes_it_no_text(tmp_path):
    (tmp_path / "t.csv").write_text("1,yes\n2,no\nthree,yes\n4,no\n")
    with pytest.raises(DataError, match="line 3, column 1: must be a number, got 'three'"):
        load(str(tmp_path / "t.csv"))
