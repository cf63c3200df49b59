"""Files into arrays: values read back, and every kind of damage refused in one line."""

import gzip
import os
import struct
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from files import CSV, features_of, idx_bytes, save_npz, text, write_idx
from gpunet.data import Dataset
from gpunet.datasets import load
from gpunet.datasets.idx import TYPES, read_idx
from gpunet.errors import DataError


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_of_every_type_reads_back(code, suffix, tmp_path, rng):
    array = rng.integers(0, 100, (4, 3, 2)).astype(TYPES[code])
    found = read_idx(write_idx(tmp_path / f"a.idx{suffix}", array, code))
    assert np.array_equal(found, array)
    assert found.dtype.isnative


def test_mnist_is_what_it_is_known_to_be(mnist):
    dataset = load(str(mnist))
    assert dataset.x.shape == (70_000, 28, 28)
    assert (dataset.test_from, dataset.scale, dataset.x.dtype) == (60_000, 255, np.uint8)
    assert dataset.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.x[:60_000].mean() == pytest.approx(33.318, abs=5e-4)


def test_digits_are_those_of_scikit_learn():
    digits = pytest.importorskip("sklearn.datasets", reason="needs the extra 'peers'").load_digits()
    dataset = load("digits")
    assert np.array_equal(dataset.x, digits.images)
    assert np.array_equal(dataset.y, digits.target)


def test_digits_content_is_known():
    dataset = load("digits")
    assert np.bincount(dataset.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert int(dataset.x.sum()) == 561_718
    assert dataset.x.max() == dataset.scale == 16


@pytest.fixture
def folder(tmp_path, rng):
    """A small folder of MNIST-named files."""
    place = tmp_path / "small"
    place.mkdir()
    for part, n in (("train", 12), ("t10k", 6)):
        write_idx(place / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 3, 3)).astype(np.uint8))
        write_idx(place / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 3)
    return place


def test_a_folder_keeps_its_test_part(folder):
    dataset = load(str(folder))
    assert (dataset.name, len(dataset.x), dataset.test_from, dataset.classes) == ("small", 18, 12, ("0", "1", "2"))


def save_h5(path, compression=None, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression=compression)
    return path


def h5_bomb(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (1 << 40,), "u1", chunks=(1 << 20,), compression="gzip")
        file["y"] = Y
    return path


def csv_bomb(path):
    with gzip.open(path, "wb", 9) as file:
        for _ in range(257):
            file.write(b"\n" * (1 << 20))
    return path


def zipped(path, shape=(1,), zeros=8, header=None, compression=zipfile.ZIP_DEFLATED):
    """An archive whose array x says what it likes about itself."""
    header = header or repr({"descr": "<f8", "fortran_order": False, "shape": shape})
    head = b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header.encode()
    with zipfile.ZipFile(path, "w", compression) as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        member.write(head)
        for _ in range(zeros // 8 if zeros < 1 << 20 else zeros >> 20):
            member.write(bytes(8 if zeros < 1 << 20 else 1 << 20))
    return path


@pytest.mark.parametrize("save", [save_npz, save_h5])
@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("data", "target")])
def test_archives_read_back(save, names, tmp_path, rng):
    x, y = rng.normal(size=(10, 3)), np.arange(10) % 2
    path = save(tmp_path / ("a.npz" if save is save_npz else "a.h5"), **dict(zip(names, (x, y))))
    dataset = load(str(path))
    assert np.array_equal(dataset.x, x.astype(np.float32))
    assert np.array_equal(dataset.y, y)
    assert np.array_equal(features_of(str(path), (3,)), dataset.x)


def test_what_is_not_asked_for_is_not_read(tmp_path):
    save_npz(tmp_path / "a.npz", x=X, y=Y, notes=np.array([{"a": 1}], dtype=object))
    assert load(str(tmp_path / "a.npz")).x.tolist() == X.tolist()


@pytest.mark.parametrize("compression", ["gzip", None])
def test_compressed_arrays_and_labels_of_text_are_read(compression, tmp_path, rng):
    x, y = rng.normal(size=(200, 30)), np.array(["grün".encode(), b"rot"] * 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=x, compression=compression, shuffle=bool(compression), chunks=(13, 7))
        file["y"] = y
    np.savez_compressed(tmp_path / "a.npz", x=x, y=y)
    for name in ("a.h5", "a.npz"):
        dataset = load(str(tmp_path / name))
        assert np.array_equal(dataset.x, x.astype("f4"))
        assert dataset.classes == ("grün", "rot")


def test_parted_archives_keep_their_test_part(tmp_path, rng):
    x, y = rng.normal(size=(10, 3)), np.arange(10) % 2
    path = save_npz(tmp_path / "a.npz", x_train=x[:7], y_train=y[:7], x_test=x[7:], y_test=y[7:])
    dataset = load(str(path))
    assert dataset.test_from == 7
    assert np.array_equal(dataset.y, y)


def good_npz(tmp_path):
    return save_npz(tmp_path / "a.npz", x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2)


def truncated(path, keep=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def bad_crc(path):
    content = bytearray(path.read_bytes())
    content[120] ^= 0xFF  # inside the numbers of the first array
    path.write_bytes(bytes(content))
    return path


def pickled(path):
    np.savez(path, x=np.array([{"a": 1}], dtype=object), y=np.arange(1))
    return path


def linked(path, link):
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = link, np.arange(6) % 2
    return path


def lying_idx(path, cut=False, **changes):
    images, labels = np.zeros((4, 2, 2), np.uint8), np.arange(4, dtype=np.uint8) % 2
    images[1:] = 9
    content = bytearray(idx_bytes(images))
    for place, value in changes.items():
        content[int(place[1:])] = value
    write_idx(path.with_name("x-labels-idx1-ubyte"), labels)
    path.write_bytes(bytes(content[:16] if cut else content))
    return path


def parted(folder, **changed):
    return save_npz(folder / "a.npz", **{"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, **changed})


X, Y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
BAD = {
    "missing file": (lambda t: t / "none.csv", "must be an existing file"),
    "name that is no text": (lambda t: text(t, "1,2,0\n", os.fsdecode(b"caf\xe9.csv")), "must be a path whose name is"),
    "label that steers a terminal": (lambda t: text(t, "1,2,\x1b[31m\n" * 9), r"got only '\x1b[31m'"),
    "misspelled name": (lambda t: "digit", "Did you mean digits"),
    "folder without files": (lambda t: t, "must hold the file train-images-idx3-ubyte"),
    "folder of tables": (
        lambda t: t if text(t, "a,b\n1,0\n2,1\n", "train.csv") else "",
        "MNIST files, got train.csv. Name one file, such as",
    ),
    "unknown extension": (lambda t: text(t, "a", "a.xlsx"), "must be a folder of MNIST files"),
    "truncated gzip": (lambda t: truncated(write_idx(t / "x-images-idx3-ubyte.gz", X.astype("u1")[..., None])), "gzip"),
    "no gzip": (lambda t: text(t, "abc", "x-images-idx3-ubyte") + "", "must begin with an IDX header"),
    "idx of another type": (lambda t: lying_idx(t / "x-images-idx3-ubyte", b2=0x07), "must begin with an IDX header"),
    "idx promises more": (lambda t: lying_idx(t / "x-images-idx3-ubyte", b7=5), "must hold the 20 bytes"),
    "idx promises less": (
        lambda t: lying_idx(t / "x-images-idx3-ubyte", b7=3),
        "12 bytes that its IDX header promises",
    ),
    "idx promises the moon": (
        lambda t: lying_idx(t / "x-images-idx3-ubyte", b4=255, b8=255, b12=255),
        "must promise no more than the 32 bytes that it can hold",
    ),
    "idx without samples but endless": (
        lambda t: lying_idx(t / "x-images-idx3-ubyte", b7=0, b8=255, b12=255, cut=True),
        "must have a shape that memory can hold",
    ),
    "idx of numbers": (
        lambda t: write_idx(t / "x-images-idx3-ubyte", X[:, 0].astype("u1")),
        "must hold images, got an",
    ),
    "images without labels": (lambda t: write_idx(t / "a-images-idx3-ubyte", X.astype("u1")), "needs its labels in"),
    "pickled objects": (lambda t: pickled(t / "a.npz"), "pickled objects are never loaded"),
    "npz without names": (lambda t: save_npz(t / "a.npz", q=X), "needs arrays named x and y"),
    "npz truncated": (lambda t: truncated(good_npz(t)), "must be a whole NPZ file"),
    "npz damaged": (lambda t: bad_crc(good_npz(t)), "must be a whole NPZ file"),
    "counts differ": (lambda t: save_npz(t / "a.npz", x=X, y=Y[:5]), "needs one target for each sample"),
    "test part of other axes": (
        lambda t: parted(t, y_test=Y[:, None]),
        "needs y_train and y_test of one kind, got int64",
    ),
    "test part of other records": (
        lambda t: parted(t, x_test=np.zeros((6, 2), "i4,f4")),
        "needs x_train and x_test of one kind, got float64",
    ),
    "test part of one number": (lambda t: parted(t, y_test=np.array(1)), "needs one target for each sample"),
    "test part without targets": (lambda t: parted(t, y_test=Y[:5]), "needs one target for each sample"),
    "complex": (lambda t: save_npz(t / "a.npz", x=X * 1j, y=Y), "must hold real numbers"),
    "text features": (lambda t: save_npz(t / "a.npz", x=X.astype(str), y=Y), "must hold real numbers"),
    "empty set": (lambda t: save_npz(t / "a.npz", x=X[:0], y=Y[:0]), "needs samples"),
    "nan features": (lambda t: save_npz(t / "a.npz", x=np.where(X == 3, np.nan, X), y=Y), "nan in sample 1, feature 1"),
    "one class": (lambda t: save_npz(t / "a.npz", x=X, y=Y * 0), "needs at least two classes"),
    "all constant": (lambda t: save_npz(t / "a.npz", x=X * 0, y=Y), "needs a feature that varies"),
    "too many labels": (lambda t: save_npz(t / "a.npz", x=X, y=np.array(list("abcdef"))), "has too many classes"),
    "no hdf5": (lambda t: text(t, "abc", "a.h5"), "must be a well-formed HDF5 file"),
    "soft link": (lambda t: linked(t / "a.h5", h5py.SoftLink("/y")), "plain numbers stored in this file"),
    "external link": (
        lambda t: linked(t / "a.h5", h5py.ExternalLink("b.h5", "/y")),
        "plain numbers stored in this file",
    ),
    "zip bomb": (lambda t: zipped(t / "a.npz", zeros=1 << 29), "must inflate to at most 268,435,456 bytes"),
    "shape bomb": (lambda t: zipped(t / "a.npz", shape=(1 << 40,)), "that its header promises, got 8"),
    "negative shape": (lambda t: zipped(t / "a.npz", shape=(-1,)), "that its header promises, got 8"),
    "shape beyond numbers": (lambda t: zipped(t / "a.npz", shape=(1 << 200,)), "that its header promises, got 8"),
    "header that is code": (
        lambda t: zipped(t / "a.npz", header="__import__('os').abort()"),
        "must hold a plain array",
    ),
    "header without end": (lambda t: zipped(t / "a.npz", header="[" * 60_000), "must hold a plain array"),
    "bzip2": (lambda t: zipped(t / "a.npz", compression=zipfile.ZIP_BZIP2), "must be stored or deflated"),
    "hdf5 bomb": (lambda t: h5_bomb(t / "a.h5"), "must be within what is inflated of a file of this size"),
    "hdf5 filter": (
        lambda t: save_h5(t / "a.h5", compression="lzf", x=X, y=Y),
        "needs x as plain numbers stored in this file, got compressed by filter 32000",
    ),
    "hdf5 records": (lambda t: save_h5(t / "a.h5", x=np.zeros(3, "i4,f4"), y=Y), "got compound records"),
    "csv bomb": (lambda t: csv_bomb(t / "a.csv.gz"), "must inflate to at most 268,435,456 bytes"),
    "endless cell": (lambda t: text(t, f'1,2,a\n3,4,"{"x" * 200_000}"\n'), "line 2: must be cells, got field larger"),
    "endless label": (lambda t: text(t, f"1,2,a\n3,4,{'x' * 2000}\n"), "needs a label of at most 1,000 characters"),
    "labels in no encoding": (
        lambda t: save_npz(t / "a.npz", x=X, y=np.array([b"\xff", b"a"] * 3)),
        "labels must be text in UTF-8, got byte 0xff",
    ),
    "labels of megabytes": (
        lambda t: save_npz(t / "a.npz", x=X, y=np.array([b"x" * 5000] * 6)),
        "needs labels of at most 4,000 bytes, got 5000",
    ),
    "labels of two columns": (
        lambda t: save_npz(t / "a.npz", x=X, y=np.array([["a", "b"]] * 6)),
        "needs one label for each sample, got targets of shape (6, 2)",
    ),
    "targets beyond float32": (
        lambda t: save_npz(t / "a.npz", x=X, y=np.array([[0, 1.5], [0, 2], [0, -1e300], [0, 1], [0, 2], [0, 2]])),
        "must hold targets that float32 can hold, got [ 0.e+000 -1.e+300] for sample 2",
    ),
    "labels beyond integers": (
        lambda t: save_npz(t / "a.npz", x=X, y=np.array([2**63 + 5, 7] * 3, "u8")),
        "labels must be below 2^63, got 9.22337e+18 for sample 0",
    ),
    "names that steer a terminal": (lambda t: save_npz(t / "a.npz", **{"\x1b[31m": X}), r"got \u001b[31m"),
    "ragged csv": (lambda t: text(t, "1,2,0\n3,4,1\n5,6\n"), "line 3: needs 3 cells"),
    "text cell": (lambda t: text(t, "a,b,c\n1,2,0\n3,x,1\n"), "line 3, column 'b': must be a number, got 'x'"),
    "number of Python": (lambda t: text(t, "1,2,0\n1_000,4,1\n"), "line 2, column 1: must be a number, got '1_000'"),
    "number of other digits": (lambda t: text(t, "1,2,0\n١٢,4,1\n"), "line 2, column 1: must be a number, got '١٢'"),
    "endless cell of numbers": (
        lambda t: text(t, "1,2,0\n\n3,1e400,1\n"),
        "line 3, column 2: must be a finite number, got 1e400",
    ),
    "label that says nothing": (lambda t: text(t, "1,2,0\n3,4,NA\n5,6,1\n"), "line 2, column 3: needs a label"),
    "label ? among words": (
        lambda t: text(t, "a,label\n" + "1,yes\n2,no\n" * 9 + "3,?\n"),
        "line 20, column 'label': needs a label, got '?'",
    ),
    "dates": (
        lambda t: text(t, "when,label\n2024-05-01,0\n2024-05-02,1\n"),
        "column 'when': must be numbers or categories, got dates such as '2024-05-01'. Leave it out with ignore='when'",
    ),
    "ids of text": (
        lambda t: text(t, "code,a,label\n" + "".join(f"x{i}z,{i},{i % 2}\n" for i in range(50))),
        "must be numbers, or categories that come again, got 50 different texts in 50 rows",
    ),
    "two decimal signs": (lambda t: text(t, "a;b;label\n1,5;2.5;0\n3,5;4.5;1\n"), "must have one decimal sign"),
    "one number in two spellings": (
        lambda t: text(t, "1,2,1\n3,4,1.0\n5,6,2\n7,8,2\n"),
        "that are spelled alike",
    ),
    "no parquet": (lambda t: text(t, "abc", "a.parquet"), "must be a whole Parquet file"),
    "no arrow": (lambda t: text(t, "abc", "a.arrow"), "must be a whole Arrow file"),
    "no label": (lambda t: text(t, "a,b,label\n1,2,x\n3,4, \n"), "column 'label': needs a label"),
    "same name twice": (lambda t: text(t, "a,a,label\n1,2,0\n3,4,1\n"), "'a' twice"),
    "header alone": (lambda t: text(t, "a,b,label\n"), "must hold samples below its header"),
    "empty csv": (lambda t: text(t, "\n"), "an empty file"),
    "one column": (lambda t: text(t, "1\n2\n"), "needs features beside the label"),
    "no text": (lambda t: (t / "a.csv").write_bytes(b"a,b\n\xff\x00,1\n") and t / "a.csv", "must be UTF-8 text"),
    "fractional labels": (lambda t: text(t, "1,2,0\n" * 19 + "3,4,0.5\n"), "labels must be whole numbers, got 0.5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line(case, tmp_path):
    make, expected = BAD[case]
    with pytest.raises(DataError) as caught:
        load(str(make(tmp_path)))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert caught.value.exit_code == 3


def test_a_header_that_promises_gigabytes_costs_no_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 1 << 12, 1 << 12, 1 << 11) + b"few")  # 32 GiB promised
    tracemalloc.start()
    try:
        for name, size in (("x-images-idx3-ubyte", "19"), ("x-images-idx3-ubyte.gz", "268,435,456")):
            (tmp_path / name).write_bytes(
                gzip.compress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
            )
            with pytest.raises(DataError, match=f"must promise no more than the {size} bytes that it can hold"):
                load(str(tmp_path / name))
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def test_a_constant_feature_is_a_note():
    x = np.array([[1, 5], [2, 5], [3, 5]], np.float32)
    assert Dataset("d", x, np.array([0, 1, 0]), ("a", "b")).notes == ("1 of 2 features are constant",)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["a.npz", "a.csv", "x-images-idx3-ubyte", "x-images-idx3-ubyte.gz", "a.h5"]), st.data())
def test_damaged_files_are_read_or_refused(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / name
    if name == "a.npz":
        good_npz(folder)
    elif name == "a.csv":
        path.write_text(CSV)
    elif name == "a.h5":
        save_h5(path, x=X, y=Y)
    else:
        write_idx(path, X.astype("u1").reshape(6, 2, 1))
        write_idx(folder / "x-labels-idx1-ubyte", Y.astype("u1"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        dataset = load(str(path))
    except DataError as error:
        assert str(error)
    else:
        assert len(dataset.x) == len(dataset.y) > 0
