"""What files of data may be: regular ones, named in any case, gzipped under any name."""

import gzip
import os
import shutil
import socket

import numpy as np
import pytest

from files import CSV
from gpunet.datasets import load, read_features
from gpunet.datasets.bundled import FOLDER
from gpunet.errors import DataError

NAMES = ["a.csv", "a.tsv.gz", "a.npz", "a.h5", "a.hdf5", "a-images-idx3-ubyte", "a.idx.gz", "a.png"]


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def bound(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize("make", [pipe, device, bound])
@pytest.mark.parametrize("name", NAMES)
def test_pipes_devices_and_sockets_are_refused_at_once(make, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name)
    with pytest.raises(DataError, match="must be a regular file"):
        load(name)
    with pytest.raises(DataError, match="must be a regular file"):
        read_features(name)


@pytest.mark.parametrize("make", [pipe, device])
def test_so_are_those_in_a_folder_of_files(make, tmp_path):
    for part in ("train", "t10k"):
        for what in ("images-idx3", "labels-idx1"):
            make(tmp_path / f"{part}-{what}-ubyte")
    with pytest.raises(DataError, match="must be a regular file"):
        load(str(tmp_path))


def same(path, expected):
    found = load(str(path))
    assert np.array_equal(found.x, expected.x)
    assert found.classes == expected.classes


@pytest.mark.parametrize("name", ["A.CSV", "a.Csv", "plain.csv", "A.CSV.GZ"])
@pytest.mark.parametrize("packed", [False, True])
def test_tables_are_known_in_any_case_and_gzip_by_its_content(name, packed, tmp_path):
    content = CSV.encode()
    (tmp_path / "expected.csv").write_bytes(content)
    packed |= name.endswith(".GZ")
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    same(tmp_path / name, load(str(tmp_path / "expected.csv")))


def test_tabs_are_known_in_capitals(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "A.TSV").write_text(CSV.replace(",", "\t"))
    same(tmp_path / "A.TSV", load(str(tmp_path / "a.csv")))


@pytest.mark.parametrize("suffix", [".NPZ", ".Npz"])
def test_archives_are_known_in_any_case(suffix, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2)
    expected = load(str(tmp_path / "a.npz"))
    shutil.move(tmp_path / "a.npz", tmp_path / f"A{suffix}")
    same(tmp_path / f"A{suffix}", expected)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("upper", [False, True])
def test_idx_files_are_known_in_any_case_and_packed_under_plain_names(packed, upper, tmp_path):
    for what in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        content = (FOLDER / f"{what}.gz").read_bytes()
        name = f"d-{what}".upper() if upper else f"d-{what}"
        (tmp_path / name).write_bytes(content if packed else gzip.decompress(content))
    name = "d-images-idx3-ubyte"
    found = load(str(tmp_path / (name.upper() if upper else name)))
    assert np.array_equal(found.x, load("digits").x)


def test_a_bomb_under_a_plain_name_is_kept_within_its_budget(tmp_path, monkeypatch):
    monkeypatch.setattr("gpunet.datasets.opening.inflation_budget", lambda size: 10_000)
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"1,2\n" * 10_000))
    with pytest.raises(DataError, match="must inflate to at most"):
        load(str(tmp_path / "a.csv"))


@pytest.mark.parametrize("path", ["x" * 5000 + ".csv", "x/" * 3000 + "a.npz", "a\0.csv"])
def test_paths_beyond_what_a_system_takes_are_refused_in_one_short_line(path):
    with pytest.raises(DataError, match="must be an existing file") as caught:
        load(path)
    assert len(str(caught.value)) < 1000
