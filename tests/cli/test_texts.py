"""A text classifier from the command line."""

import csv
import io
import json

import numpy as np
import pytest

from shell import gpunet, refused

GOOD = ["wonderful", "great", "charming", "brilliant", "lovely", "funny", "touching", "superb"]
BAD = ["dull", "awful", "boring", "weak", "poor", "tedious", "clumsy", "dreadful"]
OTHER = [
    "the",
    "a",
    "was",
    "with",
    "and",
    "of",
    "it",
    "really",
    "film",
    "story",
    "acting",
    "plot",
    "music",
    "script",
    "ending",
    "cast",
]
SMALL = ["model.hidden=[16]", "training.epochs=10", "optimizer.learning_rate=0.01", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """400 reviews, each of neutral words with one to three of its kind."""
    place, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(5)
    lines = ["review,sentiment"]
    for number in range(400):
        kind = GOOD if number % 2 else BAD
        words = [*rng.choice(OTHER, rng.integers(5, 15)), *rng.choice(kind, rng.integers(1, 4))]
        lines.append(
            f'"{" ".join(rng.permutation(words)).capitalize()}, {rng.choice(OTHER)}.",{["bad", "good"][number % 2]}'
        )
    (place / "reviews.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.mark.parametrize(
    "words",
    [
        [],
        ['data.preprocess={name="bag_of_words",weighting="tfidf",words=40}'],
        ['data.preprocess={name="bag_of_words",weighting="mean"}', "augmentation.delete_words=true",
         "augmentation.swap_words=true", "augmentation.move_words=true"],
    ],
    ids=["binary", "tfidf", "mean and augmented"],
)  # fmt: skip
def test_texts_train_evaluate_and_predict(words, folder, tmp_path):
    data = ["--data", str(folder / "reviews.csv"), "data.target=sentiment"]
    done = gpunet("train", "mlp", *data, *SMALL, *words, "--run", "r", "--json", cwd=tmp_path)
    trained = json.loads(done.stdout)
    assert "words of the training part are counted" in done.stderr
    assert trained["test_accuracy"][0] > 0.9
    found = json.loads(gpunet("evaluate", "r/best.h5", "--json", "--device", "cpu", cwd=tmp_path).stdout)
    assert found["error"][0] == pytest.approx(1 - trained["test_accuracy"][0])
    (tmp_path / "new.csv").write_text(
        'id,review\n7,"A wonderful, charming film!"\n8,Dull and boring; xyzzy\n9,"superb cast, great music"\n'
    )
    rows = list(csv.DictReader(io.StringIO(gpunet("predict", "r/best.h5", "new.csv", cwd=tmp_path).stdout)))
    assert [row["sentiment"] for row in rows] == ["good", "bad", "good"]
    gpunet("gradcheck", "r/best.h5", "--steps", "2", "--device", "cpu", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["data.preprocess=standardise"], 2, "data.preprocess: must begin with bag_of_words, got texts"),
        (["augmentation.noise=true"], 2, "augmentation.noise: needs numbers, got texts"),
        (['data.preprocess={name="bag_of_words",minimum=1000}'], 3, "needs a word that occurs 1000 times"),
        (["augmentation.delete_words.rate=1.0"], 2, "augmentation.delete_words.rate"),
    ],
)
def test_mistakes_with_texts(words, code, expected, folder, tmp_path):
    data = ["--data", str(folder / "reviews.csv"), "data.target=sentiment"]
    refused("train", "mlp", *data, *words, cwd=tmp_path, code=code, expected=expected)


def test_numbers_are_no_texts(tmp_path):
    words = ["train", "digits", "data.preprocess=bag_of_words"]
    refused(*words, cwd=tmp_path, code=2, expected="data of bag_of_words: must be texts, got numbers")
