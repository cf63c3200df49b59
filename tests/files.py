"""Small files of data for tests."""

import gzip
import struct
from unittest import mock

import numpy as np

from gpunet.checkpoint import write


def save_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def idx_bytes(array, code=0x08):
    return struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


def write_idx(path, array, code=0x08):
    content = idx_bytes(array, code)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


CSV = "length,width,species\n1,2.5,rose\n3,4,lily\n5,6e1,rose\n"


def text(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content)
    return str(path)


def features_of(source, shape, columns=(), **more):
    """Features as a model takes them that was trained on arrays of a shape, or on columns of some names."""
    from gpunet.data import Contract, Description, fulfil
    from gpunet.datasets import read_features

    contract = Contract(old=True)
    about = Description("t", "", (), tuple(columns), tuple(shape), 1, 1.0, (1, 0, 0), contract=contract, **more)
    return fulfil(about, read_features(str(source)), str(source)).x


def labelled(source, classes, shape=(2,)):
    """The class numbers in a file, for a model that knows some classes."""
    from gpunet.data import Contract, Description, fulfil
    from gpunet.datasets import read

    about = Description("t", "", tuple(classes), (), tuple(shape), 0, 1.0, (1, 0, 0), contract=Contract(old=True))
    return fulfil(about, read(str(source)), str(source), targets=True).targets.y.tolist()


def write_unchecked(path, root):
    """A checkpoint with what no writer of gpunet would let into one, as a program of before or of others leaves it."""
    with mock.patch("gpunet.checkpoint.writer.check_content"):
        return write(path, root)
