"""Folders of images: what was drawn comes back, and whatever is wrong names its file."""

import os
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from files import features_of
from gpunet.datasets import load
from gpunet.errors import DataError
from shell import gpunet, refused


def draw(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path, rng):
    """Cats are dark and dogs are bright, 12 of each, 6 x 5 pixels."""
    for name, low in (("cat", 0), ("dog", 128)):
        for i in range(12):
            draw(tmp_path / "pets" / name / f"{i:02d}.png", rng.integers(low, low + 128, (6, 5), dtype=np.uint8))
    return tmp_path / "pets"


def test_grey_images_come_back_with_their_class(folder):
    found = load(str(folder))
    assert (found.name, found.x.shape, found.x.dtype, found.scale) == ("pets", (24, 6, 5), np.uint8, 255)
    assert found.classes == ("cat", "dog")
    assert found.y.tolist() == [0] * 12 + [1] * 12
    assert np.array_equal(found.x[13], np.asarray(Image.open(folder / "dog" / "01.png")))
    assert found.test_from is None


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg", ".JPEG"])
def test_colours_and_formats(suffix, tmp_path, rng):
    coarse = np.repeat(np.repeat(rng.integers(0, 256, (2, 2, 2, 3), dtype=np.uint8), 8, axis=1), 8, axis=2)
    for name, pixels in zip("ab", coarse):
        draw(tmp_path / name / f"x{suffix}", pixels, **({"quality": 95} if suffix.lower().startswith(".j") else {}))
    found = load(str(tmp_path)).x.astype(int)
    assert found.shape == (2, 16, 16, 3)
    assert np.abs(found - coarse).mean() < (12 if suffix.lower().startswith(".j") else 1e-9)


def test_grey_ones_among_colours_become_colours(folder, rng):
    colour = draw(folder / "dog" / "colour.png", rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    found = load(str(folder))
    assert found.x.shape == (25, 6, 5, 3)
    assert (found.x[0] == found.x[0][..., :1]).all()
    assert np.array_equal(found.x[-1], np.asarray(Image.open(colour)))


def test_sixteen_bits_keep_their_upper_half_and_palettes_their_colours(tmp_path, rng):
    deep = rng.integers(0, 65536, (4, 4), dtype=np.uint16)
    draw(tmp_path / "deep.png", deep)
    assert np.array_equal(features_of(str(tmp_path / "deep.png"), (4, 4))[0], deep >> 8)
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[:2] = (255, 0, 0)
    Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "few.png")
    assert np.array_equal(features_of(str(tmp_path / "few.png"), (4, 4, 3))[0], colours)


def test_train_and_test_folders_fix_the_test_part(folder, rng):
    (folder.parent / "split").mkdir()
    folder.rename(folder.parent / "split" / "train")
    for name in ("cat", "dog"):
        draw(folder.parent / "split" / "test" / name / "0.png", rng.integers(0, 256, (6, 5), dtype=np.uint8))
    found = load(str(folder.parent / "split"))
    assert (len(found.x), found.test_from) == (26, 24)
    assert found.y[24:].tolist() == [0, 1]


def png_that_promises(width, height):
    """A small file whose header says that it is large, and whose content would inflate to that."""

    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    content = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def spoil(kind, folder):
    victim = folder / "cat" / "03.png"
    if kind == "truncated":
        victim.write_bytes(victim.read_bytes()[:60])
    elif kind == "text":
        victim.write_text("no image")
    elif kind == "empty":
        victim.write_bytes(b"")
    elif kind == "size":
        draw(victim, np.zeros((7, 5), np.uint8))
    elif kind == "bomb":
        (folder / "cat" / "00.png").write_bytes(png_that_promises(8000, 8000))
    elif kind == "huge bomb":
        (folder / "cat" / "00.png").write_bytes(png_that_promises(30_000, 30_000))
    elif kind == "later bomb":
        victim.write_bytes(png_that_promises(8000, 8000))
    elif kind == "astray":
        draw(folder / "astray.png", np.zeros((6, 5), np.uint8))
    elif kind == "no text":
        (folder / "cat").rename(folder / os.fsdecode(b"caf\xe9"))
    elif kind == "other format":
        Image.fromarray(np.zeros((6, 5), np.uint8)).save(victim, format="GIF")


@pytest.mark.parametrize(
    ("kind", "file", "rule"),
    [
        ("truncated", "cat/03.png", "must be a whole PNG, JPEG or BMP image"),
        ("text", "cat/03.png", "must be a whole PNG, JPEG or BMP image"),
        ("empty", "cat/03.png", "must be a whole PNG, JPEG or BMP image"),
        ("other format", "cat/03.png", "must be a whole PNG, JPEG or BMP image"),
        ("size", "cat/03.png", "must be 5x6 pixels like 00.png, got 5x7"),
        ("bomb", "pets", "may become at most 268,435,456 bytes"),
        ("huge bomb", "cat/00.png", "exceeds limit"),
        ("later bomb", "cat/03.png", "must be 5x6 pixels like 00.png, got 8000x8000"),
        ("no text", "00.png", "must lie in a folder whose name is text in UTF-8, got 'caf"),
        ("astray", "astray.png", "must lie in a folder named after its class"),
    ],
)
def test_what_is_wrong_names_its_file(kind, file, rule, folder):
    spoil(kind, folder)
    with pytest.raises(DataError) as caught:
        load(str(folder))
    message = str(caught.value)
    assert file in message
    assert rule in message
    assert "\n" not in message


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"needs pillow to be read, got no pillow. pip install 'gpunet\[images\]'"):
        load(str(folder))


def test_folders_of_images_train_and_predict(folder, tmp_path):
    words = [
        "--data",
        "pets",
        "epochs=40",
        "batch_size=8",
        "data.preprocess=standardise",
        "lr=0.1",
        "augmentation.flip=true",
        "--run",
        "r",
    ]
    done = gpunet("train", "linear", *words, cwd=tmp_path)
    assert "pets (" in done.stderr
    shown = gpunet("predict", "r/best.h5", "pets/dog", "pets/cat/00.png", cwd=tmp_path).stdout.splitlines()
    assert len(shown) == 14
    predicted = [line.split(",")[shown[0].split(",").index("class")] for line in shown[1:]]
    assert predicted.count("dog") >= 11
    assert predicted[-1] == "cat"
    spoil("size", folder)
    refused("train", "linear", *words[:-1], "again", cwd=tmp_path, code=3, expected="must be 5x6 pixels like 00.png")
