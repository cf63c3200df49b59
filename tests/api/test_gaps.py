"""Labels that are missing in arrays, series and frames: a machine that sums them out learns, all else refuses."""

import re

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import gpunet
from gpunet.api.targets import known_targets
from gpunet.errors import DataError

SAMPLES = 120
WAYS = {"hidden": 4, "generative": 1.0, "unlabelled": 1.0, "batch_size": 20, "epochs": 2, "device": "cpu"}
LARGE = 2**60  # whole numbers that fractions would not tell apart


def drawn():
    """Two patterns of bits with noise, their class, and whose class is known."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, SAMPLES)
    x = np.abs(np.kron(np.eye(2), np.ones(5))[y] - (rng.random((SAMPLES, 10)) < 0.2))
    return x, y, rng.random(SAMPLES) < 0.5


X, Y, KNOWN = drawn()
TEXTS = np.where(Y == 0, "left", "right")
COLUMNS = [f"bit{i}" for i in range(10)]


def gappy(values, nothing=None):
    return [value if there else nothing for value, there in zip(values.tolist(), KNOWN)]


WAYS_TO_LACK = {
    "none": gappy(Y),
    "none among texts": gappy(TEXTS),
    "objects": np.array(gappy(TEXTS), object),
    "nan": np.array(gappy(Y, np.nan)),
    "nan among texts": gappy(TEXTS, float("nan")),
    "one column": np.array(gappy(Y, np.nan))[:, None],
    "empty texts": np.array(gappy(TEXTS, "")),
    "empty bytes": np.array(gappy(TEXTS, "")).astype("S"),
    "masked": np.ma.array(Y, mask=~KNOWN),
    "pandas": pandas.Series(gappy(Y), dtype="Int64"),
    "pandas truth values": pandas.Series(gappy(Y == 1), dtype="boolean"),
    "pandas categories": pandas.Series(gappy(TEXTS), dtype="category"),
    "pandas frame": pandas.DataFrame({"side": gappy(TEXTS)}),
    "polars": polars.Series(gappy(Y)),
    "polars texts": polars.Series(gappy(TEXTS)),
    "polars frame": polars.DataFrame({"side": gappy(TEXTS)}),
    "pyarrow": pyarrow.array(gappy(Y)),
    "pyarrow chunks": pyarrow.chunked_array([gappy(TEXTS)]),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """What a file with empty cells makes of the same labels."""
    path = tmp_path_factory.mktemp("gaps") / "some.csv"
    pandas.DataFrame(X.astype(int), columns=COLUMNS).assign(side=gappy(TEXTS)).to_csv(path, index=False)
    return gpunet.train("classrbm", data=path, test=0, **WAYS)


@pytest.mark.parametrize("way", WAYS_TO_LACK)
def test_labels_are_missing_in_any_way_that_a_library_has_for_it(way, table):
    net = gpunet.train("classrbm", X, WAYS_TO_LACK[way], **WAYS)
    assert net.description.parts == table.description.parts
    for name, array in table.weights.items():
        np.testing.assert_array_equal(net.weights[name], array)
    unlike = gpunet.train("classrbm", X[KNOWN], TEXTS[KNOWN], **WAYS)
    assert any((unlike.weights[name] != array).any() for name, array in table.weights.items())


@pytest.mark.parametrize("way", WAYS_TO_LACK)
def test_what_cannot_learn_from_them_refuses_in_one_line(way):
    first, missing = int(np.flatnonzero(~KNOWN)[0]), int((~KNOWN).sum())
    line = re.escape(f"must hold a value in every row, got none in row {first} ({missing} of {SAMPLES} are missing)")
    for model, hidden in (("mlp", [4]), ("classrbm", 4), ("classdbm", [4, 4])):
        with pytest.raises(DataError, match=line):
            gpunet.train(model, X, WAYS_TO_LACK[way], hidden=hidden, epochs=1, device="cpu")


def test_values_that_are_there_keep_their_type():
    for y in (
        pandas.Series([LARGE, None, LARGE + 1], dtype="Int64"),
        polars.Series([LARGE, None, LARGE + 1]),
        pyarrow.array([LARGE, None, LARGE + 1]),
        [LARGE, None, LARGE + 1],
        np.ma.array([LARGE, 0, LARGE + 1], mask=[False, True, False]),
    ):
        found = known_targets(y)
        assert found.values.tolist() == [LARGE, LARGE + 1]
        assert found.rows.tolist() == [0, 2]
    assert known_targets([True, None]).values.dtype == bool


def test_what_is_measured_has_all_labels(table):
    frame = pandas.DataFrame(X.astype(int), columns=COLUMNS).assign(side=gappy(TEXTS))
    with pytest.raises(DataError, match="x: column side: must hold a value in every row"):
        table.score(frame)
    with pytest.raises(DataError, match="validation x: column side: must hold a value in every row"):
        gpunet.train("classrbm", frame, target="side", validation=frame, **WAYS)
    known = frame[KNOWN]
    apart = gpunet.train("classrbm", frame, target="side", validation=known[:20], test=known[20:30], **WAYS)
    assert apart.description.parts == (SAMPLES, 20, 10)


def test_numbers_that_are_no_classes_are_refused_where_some_are_missing():
    amounts = np.where(KNOWN, np.random.default_rng(1).random(SAMPLES), np.nan)
    for y in (amounts, np.full(SAMPLES, None), np.stack([amounts, amounts], axis=1)):
        with pytest.raises(DataError, match="y: must hold a value in every row"):
            gpunet.train("classrbm", X, y, **WAYS)
    with pytest.raises(DataError, match=r"must hold numbers, or texts alone, got int 1\. Use one type"):
        gpunet.train("classrbm", X, [*gappy(TEXTS)[:-1], 1], **WAYS)


def test_a_run_without_some_labels_goes_on_from_the_same_arrays(tmp_path):
    y = WAYS_TO_LACK["none"]
    whole = gpunet.train("classrbm", X, y, **WAYS)
    gpunet.train("classrbm", X, y, **{**WAYS, "epochs": 1}, run=tmp_path / "run")
    later = gpunet.resume(tmp_path / "run", x=X, y=y, epochs=2)
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(later.weights[name], array)
