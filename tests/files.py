"""Small files of data for tests."""

import gzip

import numpy as np


def save_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


CSV = "length,width,species\n1,2.5,rose\n3,4,lily\n5,6e1,rose\n"


def text(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content)
    return str(path)
