"""Folders of images: what was drawn comes back, and whatever is wrong names its file."""

import os
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from files import features_of
from gpunet import train
from gpunet.api.reading import load_split
from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import Imaging, load
from gpunet.datasets.images import find_images
from gpunet.datasets.pictures import decode
from gpunet.errors import DataError
from gpunet.experiment import prepare_inputs
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


def test_palettes_keep_their_colours(tmp_path):
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


@pytest.mark.parametrize(("highest", "scale"), [(600, 1023), (4095, 4095), (65535, 65535)])
def test_sixteen_bits_are_kept_with_the_scale_of_the_bits_in_use(highest, scale, tmp_path, rng):
    deep = rng.integers(0, highest, (2, 4, 4), dtype=np.uint16)
    deep[0, 0, 0] = highest
    for name, pixels in zip("ab", deep):
        draw(tmp_path / name / "0.png", pixels)
    found = load(str(tmp_path))
    assert np.array_equal(found.x, deep)
    assert (found.x.dtype, found.scale) == (np.float32, scale)
    draw(tmp_path / "b" / "1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"b/1.png: must have 16 bits a channel like 0.png, got 8 bits"):
        load(str(tmp_path))


def test_a_model_of_before_reads_images_as_it_did(tmp_path, rng):
    deep = rng.integers(0, 65536, (4, 4), dtype=np.uint16)
    draw(tmp_path / "2.png", deep)
    draw(tmp_path / "10.png", deep // 2)
    old = decode(tmp_path, [tmp_path / "2.png"], Imaging(old=True))
    assert np.array_equal(old.x[0], deep >> 8)
    assert [file.name for file in find_images(tmp_path, old=True).files] == ["10.png", "2.png"]
    assert [file.name for file in find_images(tmp_path).files] == ["2.png", "10.png"]


@pytest.mark.parametrize(
    "parts",
    [("train", "val"), ("training", "testing"), ("Train", "Test"), ("TRAIN", "Valid", "TEST"), ("train", "dev")],
)
def test_folders_with_the_names_of_parts_are_parts(parts, tmp_path, rng):
    sizes = {"train": 6, "training": 6, "val": 2, "valid": 2, "dev": 2}
    for part in parts:
        for name in ("ants", "bees"):
            for i in range(sizes.get(part.lower(), 3)):
                draw(tmp_path / "insects" / part / name / f"{i}.png", rng.integers(0, 256, (6, 5), dtype=np.uint8))
    found = load(str(tmp_path / "insects"))
    assert found.classes == ("ants", "bees")
    divided = split(found, validation=0.0, test=0.0, seed=0)
    held = {part.lower(): len(parts) for part in parts}
    assert len(divided.train) == 12
    assert len(divided.validation) == (4 if {"val", "valid", "dev"} & held.keys() else 0)
    assert len(divided.test) == (6 if {"test", "testing"} & held.keys() else 0)
    assert found.y[divided.train].tolist() == [0] * 6 + [1] * 6
    assert any("is the train part" in note for note in found.notes)


def test_a_validation_part_of_the_files_stays_whole_where_a_test_part_is_drawn(tmp_path, rng):
    for part, size in (("train", 10), ("val", 3)):
        for name in "ab":
            for i in range(size):
                draw(tmp_path / part / name / f"{i}.png", rng.integers(0, 256, (4, 4), dtype=np.uint8))
    divided = split(load(str(tmp_path)), validation=0.5, test=4, seed=1)
    assert divided.validation.tolist() == list(range(20, 26))
    assert (len(divided.train), len(divided.test)) == (16, 4)
    assert max(divided.test) < 20
    assert sorted([*divided.train, *divided.validation, *divided.test]) == list(range(26))


@pytest.mark.parametrize("tops", [("a", "b"), ("train", "test", "more"), ("first", "second")])
def test_folders_that_are_neither_parts_nor_classes_are_refused(tops, tmp_path, rng):
    for top in tops:
        for name in ("ants", "bees"):
            draw(tmp_path / top / name / "0.png", rng.integers(0, 256, (4, 4), dtype=np.uint8))
    with pytest.raises(DataError, match=r"must hold folders that are all classes, or all parts named train, val and"):
        load(str(tmp_path))


def test_what_is_left_out_is_counted_and_links_are_followed(folder, tmp_path, rng):
    draw(tmp_path / "elsewhere" / "1.png", rng.integers(0, 256, (6, 5), dtype=np.uint8))
    (folder / "fox").symlink_to(tmp_path / "elsewhere")
    (folder / "cat" / "again").symlink_to(folder)
    (folder / "cat" / "._00.png").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / "cat" / "gone.png").symlink_to(tmp_path / "nothing.png")
    found = load(str(folder))
    assert (found.classes, len(found.x)) == (("cat", "dog", "fox"), 25)
    assert found.notes[0] == (
        "5 files are left out: 2 hidden, 1 in a folder that links back to one above it, 1 links to nothing, or no "
        "files, 1 no images by their names"
    )


def test_a_folder_alone_in_a_folder_stands_for_it(folder, tmp_path):
    (tmp_path / "outer" / "unpacked").mkdir(parents=True)
    folder.rename(tmp_path / "outer" / "unpacked" / "pets")
    assert load(str(tmp_path / "outer")).classes == ("cat", "dog")


def test_names_of_one_class_in_two_forms_of_unicode_are_one(tmp_path, rng):
    for number, name in enumerate(("caf\u00e9", "cafe\u0301", "tea")):
        draw(tmp_path / name / f"{number}.png", rng.integers(0, 256, (4, 4), dtype=np.uint8))
    assert load(str(tmp_path)).classes == ("caf\u00e9", "tea")


def test_what_is_transparent_shows_the_background(tmp_path):
    alpha = np.zeros((4, 4), np.uint8)
    alpha[1] = 255
    drawing = Image.merge("LA", (Image.new("L", (4, 4), 30), Image.fromarray(alpha)))
    drawing.save(tmp_path / "x.png")
    wanted = np.where(alpha == 255, 30, 255)
    found = decode(tmp_path, [tmp_path / "x.png"], Imaging())
    assert np.array_equal(found.x[0], wanted)
    assert found.notes == ("1 images are partly transparent, and stand on the background",)
    assert np.array_equal(decode(tmp_path, [tmp_path / "x.png"], Imaging(background=7)).x[0], np.where(alpha, 30, 7))


def test_images_are_turned_as_their_exif_says(tmp_path):
    pixels = np.repeat(np.repeat(np.array([[0, 255, 128]], np.uint8), 8, axis=0), 8, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(decode(tmp_path, [tmp_path / "x.png"], Imaging()).x[0], np.rot90(pixels, -1))


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_images_of_several_sizes_get_one(how, tmp_path):
    Image.new("L", (8, 4), 100).save(tmp_path / "wide.png")
    Image.new("L", (4, 4), 50).save(tmp_path / "square.png")
    files = [tmp_path / "wide.png", tmp_path / "square.png"]
    x = decode(tmp_path, files, Imaging((4, 4), how)).x
    assert (x[1] == 50).all()
    wide = np.full((4, 4), 100)
    if how == "pad":
        wide[[0, -1]] = 255
    assert np.array_equal(x[0], wide)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tif", ".tiff", ".pgm"])
def test_other_formats_are_read(suffix, tmp_path):
    pixels = np.repeat(np.repeat(np.array([[0, 255], [128, 64]], np.uint8), 8, axis=0), 8, axis=1)
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(pixels).save(tmp_path / f"x{suffix}", **options)
    x = decode(tmp_path, [tmp_path / f"x{suffix}"], Imaging()).x[0]
    assert np.array_equal(x if x.ndim == 2 else x[..., 0], pixels)


def test_cmyk_becomes_colours_and_the_first_frame_stands_for_an_animation(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "x.tif")
    assert decode(tmp_path, [tmp_path / "x.tif"], Imaging()).x[0, 0, 0].tolist() == [255, 0, 0]
    frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    found = decode(tmp_path, [tmp_path / "x.gif"], Imaging())
    assert np.unique(found.x).tolist() == [10]
    assert found.notes == ("1 images have several frames, of which the first is taken",)


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
        Image.fromarray(np.zeros((6, 5), np.uint8)).save(victim, format="SGI")


@pytest.mark.parametrize(
    ("kind", "file", "rule"),
    [
        ("truncated", "cat/03.png", "must be a whole PNG, JPEG, BMP, GIF, WebP or TIFF image"),
        ("text", "cat/03.png", "must be a whole PNG, JPEG, BMP, GIF, WebP or TIFF image"),
        ("empty", "cat/03.png", "must be a whole PNG, JPEG, BMP, GIF, WebP or TIFF image"),
        ("other format", "cat/03.png", "must be a whole PNG, JPEG, BMP, GIF, WebP or TIFF image"),
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


@pytest.mark.parametrize(
    ("kind", "model", "expected"),
    [
        ("deep", "mlp", "standardise"),
        ("masks", "mlp", "standardise"),
        ("photos", "mlp", "scale"),
        ("deep", "rbm", "scale"),
    ],
)
def test_images_that_use_little_of_their_full_scale_are_standardised(kind, model, expected, tmp_path, rng):
    for name, level in (("a", 100), ("b", 160)):
        for i in range(10):
            pixels = {
                "deep": rng.normal(level, 10, (8, 8)).astype(np.uint16),
                "masks": rng.integers(0, level // 40, (8, 8), dtype=np.uint8),
                "photos": rng.integers(0, level, (8, 8), dtype=np.uint8),
            }[kind]
            if kind == "deep":
                pixels[rng.integers(8), rng.integers(8)] = 600  # a hot pixel
            draw(tmp_path / name / f"{i}.png", pixels)
    config = load_config(model, {"data.source": str(tmp_path)}, {})
    inputs = prepare_inputs(config, *load_split(config), Device())
    assert inputs.preprocessing.kind == expected
    if expected == "standardise":
        seen = next(inputs.training_blocks())
        assert abs(seen.mean()) < 1e-5
        assert abs(seen.std() - 1) < 1e-5


def test_a_folder_without_images_is_no_class_and_said_to_be_none(folder, tmp_path):
    (folder / "cow").mkdir()
    (folder / "fox").mkdir()
    (folder / "fox" / "0.heic").write_bytes(b"x")
    found = load(str(folder))
    assert found.classes == ("cat", "dog")
    assert found.notes[0] == "folders without images are no classes: cow, fox"
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            draw(tmp_path / "parts" / part / name / "0.png", np.full((4, 4), 9 * len(name + part), np.uint8))
    (tmp_path / "parts" / "test" / "owl").mkdir()
    assert "folders without images are no classes: owl" in load(str(tmp_path / "parts")).notes


def test_images_of_another_depth_than_those_of_training_are_refused(tmp_path, rng):
    for name, factor in (("eight", 1), ("sixteen", 40)):
        for kind in "ab":
            for i in range(8):
                pixels = rng.integers(0, 128 + 120 * (kind == "b"), (6, 6)) * factor
                draw(tmp_path / name / kind / f"{i}.png", pixels.astype(np.uint8 if factor == 1 else np.uint16))
    for trained, other, rule in (("eight", "sixteen", "8 bits"), ("sixteen", "eight", "16 bits")):
        net = train("mlp", data=tmp_path / trained, epochs=1, hidden=[4], progress=False, device="cpu")
        for read in (lambda folder, net=net: net.predict(folder), lambda folder, net=net: net.evaluate(folder)):
            with pytest.raises(DataError, match=f"must have {rule} a channel, as in training, got"):
                read(str(tmp_path / other))
