"""Decoded images are kept, and never stand for files that have changed."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from gpunet.datasets import Cache, Imaging, cache, read, read_features


@pytest.fixture
def pets(tmp_path, rng):
    """Two classes of five images, 6 x 5 pixels."""
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(5):
            save(tmp_path / "pets" / name / f"{i}.png", rng)
    return tmp_path / "pets"


def save(path, rng, size=(6, 5)):
    Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(path)


@pytest.fixture
def decodings(monkeypatch):
    """Of how many files each decoding was."""
    found, decode = [], cache.decode

    def counted(name, files, imaging):
        found.append(len(files))
        return decode(name, files, imaging)

    monkeypatch.setattr(cache, "decode", counted)
    return found


def images(folder, place, imaging=None, writes=True):
    return read(str(folder), imaging=imaging, cache=Cache(place, writes))


def test_the_second_time_nothing_is_decoded_and_all_is_the_same(pets, tmp_path, decodings):
    plain = read(str(pets))
    first, second = (images(pets, tmp_path / "kept") for _ in range(2))
    assert decodings == [10, 10], "without a cache, and for it"
    for found in (first, second):
        assert np.array_equal(found.x, plain.x)
        assert (found.x.dtype, found.scale, found.sha256) == (np.uint8, 255, plain.sha256)
        assert found.y.tolist() == plain.y.tolist()
    (place,) = (tmp_path / "kept").iterdir()
    assert f"decoded images are kept in {place}" in first.notes
    assert f"10 images are read as they lie decoded in {place}" in second.notes
    assert second.x.flags.writeable


def test_colours_depth_and_notes_come_back(tmp_path, rng, decodings):
    for kind, shape in (("deep", (4, 3)), ("colour", (4, 3, 3))):
        for name in "ab":
            (tmp_path / kind / name).mkdir(parents=True)
            for i in range(2):
                path = tmp_path / kind / name / f"{i}.png"
                if kind == "deep":
                    Image.fromarray(rng.integers(0, 4000, shape).astype(np.uint16)).save(path)
                else:
                    exif = Image.Exif()
                    exif[0x0112] = 3
                    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path, exif=exif)
        first, second = (images(tmp_path / kind, tmp_path / "kept") for _ in range(2))
        assert np.array_equal(first.x, second.x)
        assert (first.x.dtype, first.scale) == (second.x.dtype, second.scale)
        assert ("images are turned" in " ".join(second.notes)) == (kind == "colour")
    assert decodings == [4, 4]


@pytest.mark.parametrize("change", ["content", "time", "more", "fewer", "renamed", "size"])
def test_whatever_changes_is_decoded_again(pets, tmp_path, rng, decodings, change):
    images(pets, tmp_path / "kept")
    file, imaging = pets / "cat" / "2.png", None
    if change == "content":
        about = file.stat()
        save(file, rng)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    elif change == "time":
        os.utime(file, ns=(0, 0))
    elif change == "more":
        save(pets / "cat" / "9.png", rng)
    elif change == "fewer":
        file.unlink()
    elif change == "renamed":
        file.rename(pets / "dog" / "9.png")
    else:
        imaging = Imaging((3, 3))
    found = images(pets, tmp_path / "kept", imaging)
    assert len(decodings) == 2
    assert np.array_equal(found.x, read(str(pets), imaging=imaging).x)
    assert len(list((tmp_path / "kept").iterdir())) == (2 if change == "size" else 1), "the older one is replaced"
    images(pets, tmp_path / "kept", imaging)
    assert len(decodings) == 3, "which is kept in turn; one of them was without a cache"


@pytest.mark.parametrize("harm", ["cut", "longer", "flipped", "header", "text", "empty", "shape", "folder", "older"])
def test_a_damaged_cache_is_made_anew_with_one_line(pets, tmp_path, decodings, harm):
    wanted = images(pets, tmp_path / "kept").x
    (place,) = (tmp_path / "kept").iterdir()
    content = bytearray(place.read_bytes())
    head, _, body = bytes(content).partition(b"\n")
    about = json.loads(head)
    if harm == "cut":
        content = content[:-3]
    elif harm == "longer":
        content += b"x"
    elif harm == "flipped":
        content[-5] ^= 1
    elif harm == "header":
        content[4] = 0xFF
    elif harm == "text":
        content = b"[1, 2]\n"
    elif harm == "empty":
        content = b""
    elif harm == "shape":
        content = json.dumps(about | {"shape": [10, 1 << 40, 1 << 40]}).encode() + b"\n" + body
    elif harm == "older":
        content = json.dumps(about | {"format": "gpunet-images-0"}).encode() + b"\n" + body
    place.unlink()
    if harm == "folder":
        place.mkdir()
    else:
        place.write_bytes(content)
    found = images(pets, tmp_path / "kept")
    assert np.array_equal(found.x, wanted)
    said = [note for note in found.notes if str(place) in note]
    assert "is damaged" in said[0]
    assert "are decoded again" in said[0]
    if harm == "folder":
        assert "cannot be kept" in said[1]
        return
    assert f"decoded images are kept in {place}" in said[1]
    images(pets, tmp_path / "kept")
    assert len(decodings) == 2


def test_those_who_only_look_write_nothing(pets, tmp_path, decodings):
    images(pets, tmp_path / "kept", writes=False)
    assert not (tmp_path / "kept").exists()
    images(pets, tmp_path / "kept")
    images(pets, tmp_path / "kept", writes=False)
    assert decodings == [10, 10]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_is_shut_costs_no_training(pets, tmp_path):
    (tmp_path / "kept").mkdir(mode=0o500)
    found = images(pets, tmp_path / "kept")
    assert len(found.x) == 10
    assert any("cannot be kept" in note for note in found.notes)


def test_a_cache_below_a_file_costs_no_training(pets, tmp_path):
    (tmp_path / "kept").write_text("mine")
    found = images(pets, tmp_path / "kept" / "deeper")
    assert len(found.x) == 10
    assert any("cannot be kept" in note for note in found.notes)
    assert (tmp_path / "kept").read_text() == "mine"


def test_images_to_predict_from_and_folders_of_one_name(pets, tmp_path, decodings, rng):
    shutil.copytree(pets, tmp_path / "other" / "pets")
    save(tmp_path / "other" / "pets" / "cat" / "0.png", rng)
    kept = Cache(tmp_path / "kept")
    first = [read_features(str(place), cache=kept) for place in (pets, tmp_path / "other" / "pets")]
    again = [read_features(str(place), cache=kept) for place in (pets, tmp_path / "other" / "pets")]
    assert decodings == [10, 10]
    for one, two in zip(first, again):
        assert np.array_equal(one.x, two.x)
        assert one.files == two.files == tuple(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5))
    assert not np.array_equal(first[0].x, first[1].x)


def test_runs_keep_images_beside_them_and_those_who_look_find_them(pets, tmp_path, monkeypatch, decodings):
    from click.testing import CliRunner

    from gpunet.cli import main

    monkeypatch.chdir(tmp_path)
    words = ["pets", "model.hidden=[4]", "training.epochs=1", "training.batch_size=2", "data.validation=2"]

    def run(*given):
        done = CliRunner().invoke(main, [str(word) for word in given])
        assert done.exit_code == 0, done.stderr
        return done.stderr

    run("train", "mlp", *words, "data.test=2", "--dry-run")
    assert not (tmp_path / "runs").exists()
    assert "decoded images are kept in runs/cache/pets-" in run("train", "mlp", *words, "data.test=2")
    assert "read as they lie decoded in runs/cache/pets-" in run("train", "mlp", *words, "data.test=2")
    hashes = {json.loads(CliRunner().invoke(main, ["inspect", f"runs/pets-mlp-{n}/best.h5", "--json"]).stdout)[
        "content_sha256"] for n in (1, 2)}  # fmt: skip
    assert len(hashes) == 1, "where images came from is not in the checkpoint"
    run("evaluate", "runs/pets-mlp-1/best.h5")
    run("resume", "runs/pets-mlp-1", "training.epochs=2")
    assert decodings == [10, 10], "the dry run, and the first training"
    run("train", "mlp", *words, "data.test=2", "data.cache=other", "--dry-run")
    assert not (tmp_path / "other").exists(), "a dry run writes nothing"
    assert "read as they lie decoded" in run("train", "mlp", *words, "data.test=2", "--dry-run"), "but reads"
    run("train", "mlp", *words, "data.test=2", "data.cache=none", "--run", "elsewhere/a")
    assert not (tmp_path / "elsewhere" / "cache").exists()
    run("train", "mlp", *words, "data.test=2", "data.cache=my", "--run", "elsewhere/b")
    assert [path.suffix for path in (tmp_path / "my").iterdir()] == [".images"]
    run("evaluate", "elsewhere/b/best.h5")
    assert len(decodings) == 5


def test_images_that_a_table_names_are_decoded_once_by_column(tmp_path, rng, decodings):
    from PIL import Image

    from gpunet.data import Reading
    from gpunet.datasets import tables

    rows = ["front,back,label"]
    for number in range(6):
        for side in ("f", "b"):
            pixels = rng.integers(0, 256, (4, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{side}{number}.png")
        rows.append(f"f{number}.png,b{number}.png,{number % 2}")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")

    def pictures():
        table = tables.read_table(tmp_path / "t.csv", Reading(), cache=Cache(tmp_path / "kept"))
        return [table.pictures(number) for number in (0, 1)]

    first = pictures()
    before = len(decodings)
    assert before == 2
    second = pictures()
    assert len(decodings) == before
    for one, other in zip(first, second):
        assert (one.x == other.x).all()
        assert "as they lie decoded" in other.notes[-1]
    assert len(list((tmp_path / "kept").iterdir())) == 2
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "b3.png")
    third = pictures()
    assert len(decodings) == before + 1
    assert not third[1].x[3].any()
