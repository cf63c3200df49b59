"""Exports that are the same bytes each time, whatever order the library writes its header in."""

import json

import numpy as np
from safetensors.numpy import load

from gpunet.checkpoint import read_safetensors, write_safetensors

ARRAYS = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.ones(3, np.int64), "é": np.zeros(0, np.float32)}
ABOUT = {letter: letter * 3 for letter in "zyxwvutsrq"}


def test_two_exports_are_the_same_bytes_with_their_header_in_order(tmp_path):
    contents = set()
    for number in range(6):
        about = dict(list(ABOUT.items())[::-1] if number % 2 else ABOUT)
        write_safetensors(tmp_path / "a.safetensors", ARRAYS, about)
        contents.add((tmp_path / "a.safetensors").read_bytes())
    (content,) = contents
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    assert length % 8 == 0
    assert list(metadata) == sorted([*ABOUT, "format"])
    found = load(content)
    assert {name.replace(".", "/"): array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }
    assert (read_safetensors(tmp_path / "a.safetensors")["a/b"].data == ARRAYS["a/b"]).all()
