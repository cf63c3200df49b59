"""Features that stay in their files: the numbers that are read otherwise, never more at once, and refused in a line."""

import os
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from files import write_idx
from gpunet.data import Streamed, extent
from gpunet.datasets import Cache, Naming, read, read_features
from gpunet.errors import DataError

SAMPLES, SHAPE = 3000, (12, 11)
MEMORY = 200_000  # bytes; the images take 396,000


@pytest.fixture
def images(rng):
    x = rng.integers(0, 256, (SAMPLES, *SHAPE), np.uint8)
    x[:, 0, 0] = 7
    return x, rng.integers(0, 4, SAMPLES).astype(np.uint8)


def as_idx(folder, x, y):
    write_idx(folder / "a-images-idx3-ubyte", x, 0x08)
    write_idx(folder / "a-labels-idx1-ubyte", y, 0x08)
    return folder / "a-images-idx3-ubyte"


def as_mnist(folder, x, y):
    cut = 2000
    for part, rows in (("train", slice(cut)), ("t10k", slice(cut, None))):
        write_idx(folder / f"{part}-images-idx3-ubyte", x[rows], 0x08)
        write_idx(folder / f"{part}-labels-idx1-ubyte", y[rows], 0x08)
    return folder


def as_npz(folder, x, y):
    np.savez(folder / "a.npz", other=np.arange(3), x=x, y=y)
    return folder / "a.npz"


def as_parted_npz(folder, x, y):
    np.savez(folder / "a.npz", x_train=x[:2000], y_train=y[:2000], x_test=x[2000:], y_test=y[2000:])
    return folder / "a.npz"


def as_hdf5(folder, x, y):
    with h5py.File(folder / "a.h5", "w") as file:
        file["images"], file["labels"] = x, y
    return folder / "a.h5"


FORMATS = [as_idx, as_mnist, as_npz, as_parted_npz, as_hdf5]


@pytest.mark.parametrize("write", FORMATS)
def test_what_is_streamed_is_what_is_read(write, tmp_path, images):
    path = str(write(tmp_path, *images))
    whole, found = read(path), read(path, memory=MEMORY)
    assert isinstance(whole.x, np.ndarray)
    assert isinstance(found.x, Streamed)
    assert (found.x.shape, found.x.dtype, found.scale) == (whole.x.shape, whole.x.dtype, whole.scale)
    assert (found.sha256, found.test_from, found.classes) == (whole.sha256, whole.test_from, whole.classes)
    assert np.array_equal(found.y, whole.y)
    assert found.notes == whole.notes == ("1 of 132 features are constant",)
    for rows in (slice(5), slice(1990, 2010), np.array([2999, 0, 1, 2, 2000, 1999, 7, 7]), np.arange(0, 3000, 40)):
        assert np.array_equal(found.x[rows], whole.x[rows])
    assert np.array_equal(np.concatenate([block.copy() for block in found.x.blocks()]), whole.x)
    assert isinstance(read_features(path, memory=MEMORY), Streamed)
    assert isinstance(read(path, memory=1_300_000).x, np.ndarray), "three times its size fits"


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">i2", "<i8", "<f2", "?"])
def test_other_types_become_what_they_become_in_memory(dtype, tmp_path, rng):
    x = rng.normal(size=(4000, 7)) * 50
    x = x > 0 if dtype == "?" else x.astype(dtype)
    if dtype == "<i8":
        x[:, 3] += 10**9  # whose differences float32 would lose
    y = rng.normal(size=4000)
    for path in (tmp_path / "a.h5", tmp_path / "a.npz"):
        if path.suffix == ".h5":
            with h5py.File(path, "w") as file:
                file["x"], file["y"] = x, y
        else:
            np.savez(path, x=x, y=y)
        whole, found = read(str(path)), read(str(path), memory=60_000)
        assert isinstance(found.x, Streamed)
        assert (found.sha256, found.contract, found.notes) == (whole.sha256, whole.contract, whole.notes)
        assert np.array_equal(found.x[:], whole.x) if found.x.nbytes <= 60_000 else True
        assert found.x.dtype == whole.x.dtype
        own, theirs = extent(found.x), extent(whole.x)
        assert np.array_equal(own.lows, theirs.lows)
        assert np.array_equal(own.highs, theirs.highs)
        assert own.whole == theirs.whole


def test_channels_and_turned_images_are_put_right_block_by_block(tmp_path, rng):
    x, y = rng.integers(0, 256, (900, 3, 10, 8), np.uint8), np.arange(900) % 3
    np.savez(tmp_path / "a.npz", x=x, y=y)
    path, naming = str(tmp_path / "a.npz"), Naming(transposed=True)
    whole, found = (read(path, naming=naming, memory=memory) for memory in (None, 100_000))
    assert found.x.shape == (900, 8, 10, 3)
    assert found.sha256 == whole.sha256
    assert found.notes == whole.notes
    assert np.array_equal(found.x[100:200], whole.x[100:200])


def test_never_more_than_allowed_is_in_memory(tmp_path, rng):
    x = rng.integers(0, 256, (40_000, 1000), np.uint8)  # 40 MB
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40_000) % 5)
    del x
    tracemalloc.start()
    try:
        found = read(str(tmp_path / "a.npz"), memory=4_000_000)
        assert len(found.sha256) == 64
        assert tracemalloc.get_traced_memory()[1] < 6_000_000, "with labels, their classes and their numbers"
        with pytest.raises(DataError, match=r"a\.npz: may take 4 MB of memory, got 40,000 samples at once, 40 MB"):
            found.x[:]
    finally:
        tracemalloc.stop()


def refused(call, *words):
    with pytest.raises(DataError) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said


def test_what_cannot_stream_is_refused_with_the_remedy(tmp_path, images, rng):
    x, y = images
    np.savez_compressed(tmp_path / "packed.npz", x=x, y=y)
    np.savez(tmp_path / "fortran.npz", x=np.asfortranarray(x.reshape(SAMPLES, -1)), y=y)
    with h5py.File(tmp_path / "chunked.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(10, 12, 11), compression="gzip")
        file["y"] = y
    write_idx(tmp_path / "b-images-idx3-ubyte.gz", x, 0x08)
    write_idx(tmp_path / "b-labels-idx1-ubyte", y, 0x08)
    np.savetxt(tmp_path / "table.csv", np.column_stack([x.reshape(SAMPLES, -1), y]), "%d", ",")
    many = {"packed.npz": "numpy.savez, uncompressed", "fortran.npz": "row by row", "chunked.h5": "without chunks"}
    many |= {"b-images-idx3-ubyte.gz": "gunzip", "table.csv": "Write its numbers as arrays x and y"}
    for name, remedy in many.items():
        size = (tmp_path / "table.csv").stat().st_size if name == "table.csv" else x.nbytes
        needed = -(-3 * size // 1_000_000)
        refused(lambda: read(str(tmp_path / name), memory=MEMORY), name, remedy, f"or set memory={needed}")  # noqa: B023
        assert (
            len(read(str(tmp_path / name), memory=needed * 1_000_000 + 10**7).y) == SAMPLES if "csv" not in name else 1
        )


@pytest.mark.parametrize("write", FORMATS)
def test_a_file_that_is_cut_short_is_refused(write, tmp_path, images):
    path = write(tmp_path, *images)
    file = tmp_path / "train-images-idx3-ubyte" if path.is_dir() else path
    os.truncate(file, file.stat().st_size - 200_000)
    refused(lambda: read(str(path), memory=MEMORY), str(tmp_path))


@pytest.mark.parametrize("write", [as_idx, as_npz, as_hdf5])
def test_a_file_that_changes_meanwhile_is_refused(write, tmp_path, images):
    path = write(tmp_path, *images)
    found = read(str(path), memory=MEMORY)
    with path.open("r+b") as file:
        file.seek(200_000)
        file.write(b"x")
    os.utime(path, ns=(1, 1))
    refused(lambda: found.x[100:200], path.name, "must stay as it was", "begin again")
    os.truncate(path, 100_000)
    refused(lambda: found.x[2500:2600], path.name, "must stay as long as it was")


def test_numbers_that_are_not_finite_are_named_by_their_place(tmp_path, rng):
    x = rng.normal(size=(9000, 20)).astype(np.float32)
    x[7654, 3] = np.nan
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(9000) % 2)
    refused(
        lambda: read(str(tmp_path / "a.npz"), memory=10**5), "must hold finite numbers", "nan in sample 7654, feature 3"
    )


def test_a_bomb_beside_the_features_stays_refused(tmp_path, images):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x", "y"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "|u1", "fortran_order": False, "shape": (1 << 29, 2)}
                )
                for _ in range(64):
                    member.write(bytes(1 << 24))
    refused(lambda: read(str(tmp_path / "a.npz"), memory=10**6), "a.npz")


def test_a_folder_of_images_streams_from_its_cache(tmp_path, rng):
    from PIL import Image

    for number in range(60):
        kind = "cat" if number % 2 else "dog"
        (tmp_path / "pets" / kind).mkdir(parents=True, exist_ok=True)
        shape = (40, 30, 3) if number == 33 else (40, 30)  # one in colours, behind grey ones
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        image.save(tmp_path / "pets" / kind / f"{number}.png")
    pets, memory = str(tmp_path / "pets"), 100_000
    whole = read(pets)
    kept, again = (read(pets, cache=Cache(tmp_path / "kept"), memory=memory) for _ in range(2))
    bare = read(pets, memory=memory)
    looked = read(pets, cache=Cache(tmp_path / "other", writes=False), memory=memory)
    assert not (tmp_path / "other").exists()
    for found in (kept, again, bare, looked):
        assert isinstance(found.x, Streamed)
        assert (found.sha256, found.scale, found.classes) == (whole.sha256, 255.0, ("cat", "dog"))
        assert np.array_equal(found.x[20:40:3], whole.x[20:40:3])
    assert any("are kept in" in note for note in kept.notes)
    assert any("lie decoded in" in note for note in again.notes)
    read(pets, cache=Cache(tmp_path / "kept"))
    place = next((tmp_path / "kept").iterdir())
    with place.open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"wrong")
    mended = read(pets, cache=Cache(tmp_path / "kept"), memory=memory)
    assert any("is damaged (other bytes than were written)" in note for note in mended.notes)
    assert mended.sha256 == whole.sha256
