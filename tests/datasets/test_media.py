"""Texts and images in columns beside others, and what new data of them must be."""

import numpy as np
import pytest

from files import text
from gpunet.api.reading import load_split
from gpunet.config import load_config
from gpunet.data import describe, fulfil, split
from gpunet.datasets import Imaging, load, read
from gpunet.errors import DataError

Image = pytest.importorskip("PIL.Image")
REVIEWS = ["a good film indeed", "bad and boring film", "good and quiet"]


@pytest.fixture
def folder(tmp_path):
    """40 images of one grey level each beside a table that names them."""
    (tmp_path / "pics").mkdir()
    lines = ["photo,size,review,label"]
    for i in range(40):
        Image.fromarray(np.full((4, 6), 5 * i, np.uint8)).save(tmp_path / "pics" / f"{i}.png")
        lines.append(f"pics/{i}.png,{i / 7:.3f},{REVIEWS[i % 3]} {i},{'ab'[i % 2]}")
    text(tmp_path, "\n".join(lines) + "\n")
    return tmp_path


def made(path, **data):
    return load_split(load_config(None, {f"data.{k}": v for k, v in {"source": str(path), **data}.items()}, {}))


def about(dataset):
    return describe(dataset, split(dataset, validation=0.2, test=0.2, seed=0))


def test_words_and_pixels_stand_beside_numbers(folder):
    found, parts = made(folder / "t.csv")
    assert dict(found.kinds) == {"column 'photo'": "image", "column 'size'": "number", "column 'review'": "text"}
    pixels, size, words = found.x[:, :24], found.x[:, 24], found.x[:, 25:]
    assert np.array_equal(pixels, np.float32(5 * np.arange(40)[:, None] / 255) * np.ones(24, np.float32))
    assert size[7] == 1
    names = [name.removeprefix("review: ") for name in found.columns[25:]]
    texts = [f"{REVIEWS[i % 3]} {i}".split() for i in range(40)]
    expected = {w for w in set().union(*(texts[i] for i in parts.train)) if sum(w in texts[i] for i in parts.train) > 1}
    assert set(names) == expected
    assert words.tolist() == [[float(name in known) for name in names] for known in texts]
    few, _ = made(folder / "t.csv", words=2, ignore="photo")
    assert few.columns == ("size", *found.columns[25:27])


def test_images_that_are_the_only_feature_are_images(folder):
    found, _ = made(folder / "t.csv", features=["photo"])
    assert (found.x.shape, found.x.dtype, found.scale) == ((40, 4, 6), np.uint8, 255)
    assert found.x[3, 0, 0] == 15
    resized, _ = made(folder / "t.csv", features="photo", resize=[8, 8])
    assert resized.x.shape == (40, 8, 8)


def test_new_tables_are_read_by_the_contract(folder):
    for chosen in ({}, {"features": ["photo"]}):
        found, _ = made(folder / "t.csv", **chosen)
        known = about(found)
        assert type(known).from_json(known.to_json()) == known
        rows = (folder / "t.csv").read_text().splitlines()
        turned = [",".join(row.split(",")[::-1]) for row in [rows[0], *rows[5:9]]]
        (folder / "new.csv").write_text("\n".join(turned) + "\n")
        given = fulfil(known, read(str(folder / "new.csv"), imaging=Imaging()), "new", targets=True)
        assert np.array_equal(given.x, found.x[4:8])
        assert given.ids["photo"][0] == "pics/4.png"


def test_images_of_another_size_missing_ones_and_other_files_are_refused(folder):
    found, _ = made(folder / "t.csv")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "pics" / "large.png")
    (folder / "pics" / "no.png").write_text("no image")
    new = "photo,size,review\n{},1,good\n"
    for name, match in [
        ("pics/large.png", "images of shape 4x6, as in training, got 5x5"),
        ("pics/gone.png", "gone.png: must be an existing image, got no such file"),
        ("pics/no.png", "must be a whole PNG"),
        ("", "t.csv line 2, column 'photo': must name an image, got an empty cell"),
    ]:
        path = text(folder, new.format(name))
        with pytest.raises(DataError, match=match):
            fulfil(about(found), read(path), "new")
    grey = np.zeros((4, 6, 3), np.uint8)
    Image.fromarray(grey).save(folder / "pics" / "rgb.png")
    with pytest.raises(DataError, match="images of shape 4x6, as in training, got 4x6x3"):
        fulfil(about(found), read(text(folder, new.format("pics/rgb.png"))), "new")


def test_names_of_files_that_are_no_images_are_ids_or_refused(tmp_path):
    rows = "".join(f"a{i}.wav,{i / 3:.2f},{i % 2}\n" for i in range(60))
    with pytest.raises(DataError, match="categories that come again, got 60 different texts"):
        load(text(tmp_path, "clip,a,label\n" + rows))
