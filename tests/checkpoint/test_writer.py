"""The writer demands what the reader demands: what it writes can be read."""

import numpy as np
import pytest

from gpunet.checkpoint import Group, NamedArray, NotFiniteError, note, read, write
from gpunet.errors import CheckpointError


def tree(**more):
    return Group({"model": "m"}, {"config": Group(), **more})


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return note(value)


WRONG = {
    "nan": tree(a=NamedArray(np.array([1.0, np.nan]))),
    "infinity below": tree(inner=Group({}, {"a": NamedArray(np.array([np.inf], "f4"))})),
    "no config": Group({}, {"a": NamedArray(np.zeros(1))}),
    "name": tree(**{"a b": Group()}),
    "rank": tree(a=NamedArray(np.zeros((1,) * 9))),
    "depth of a note": tree(a=nested(200)),
    "no json": tree(a=NamedArray(np.array(b"{"), {"media_type": "application/json"})),
    "no text": tree(a=NamedArray(np.array(b"\xff"))),
    "long text": tree(a=Group({"k": "x" * (1 << 17)})),
    "text of other bytes": tree(a=Group({"k": "\udcff"})),
    "large number": tree(a=Group({"k": 1 << 64})),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_no_reader_takes_is_not_written(case, tmp_path):
    write(tmp_path / "a.h5", tree())
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(CheckpointError):
        write(tmp_path / "a.h5", WRONG[case])
    assert (tmp_path / "a.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_what_is_not_finite_is_named(tmp_path):
    with pytest.raises(NotFiniteError, match=r"inner/a: must be finite, got 1 NaN or infinite numbers") as caught:
        write(tmp_path / "a.h5", WRONG["infinity below"])
    assert caught.value.path == "inner/a"


def test_names_of_files_that_are_no_text_come_back_as_they_were(tmp_path):
    write(tmp_path / "a.h5", tree(environment=Group({}, {"json": note({"command": "--run a\udcff"})})))
    assert read(tmp_path / "a.h5").note("environment/json") == {"command": "--run a\udcff"}
