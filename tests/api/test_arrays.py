"""Arrays, tensors and data frames as features and targets."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import gpunet

COLUMNS = ("a", "b", "c")


class Tensor:
    """Something that speaks DLPack alone, as tensors of other frameworks do."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Wrapped:
    """Something that becomes an array when asked."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


@pytest.mark.parametrize(
    "dress", [Tensor, Wrapped, np.asfortranarray, lambda a: a.tolist(), lambda a: a.astype(a.dtype.newbyteorder())]
)
def test_whatever_becomes_an_array_trains_and_predicts_alike(dress, table, small, net, equal):
    x, y = table
    found = gpunet.train("mlp", dress(x), dress(y), **small)
    assert equal(found, net)
    np.testing.assert_array_equal(found.predict(dress(x[:5])), net.predict(x[:5]))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (8, 8, 1)])
def test_images_of_bytes_are_scaled_and_keep_their_shape(shape, table, small):
    images = np.random.default_rng(1).integers(0, 256, (200, *shape)).astype(np.uint8)
    net = gpunet.train("mlp", images, table[1], **small)
    assert net.description.input_shape == shape
    assert net.description.scale == 255
    rows = net.outputs(images.reshape(200, -1))
    np.testing.assert_array_equal(net.outputs(images), rows)
    np.testing.assert_allclose(net.outputs(images.astype(float)), rows, rtol=1e-5)
    with pytest.raises(gpunet.GpunetError, match=r"0 to 255, got numbers between 0 and 1.*\* 255"):
        net.predict(images / 255)


@pytest.mark.parametrize(
    ("shape", "largest", "scale"),
    [((8, 8), 255, 255), ((8, 8), 200, 255), ((8, 8), 16, 1), ((64,), 255, 255), ((64,), 200, 1), ((64,), 1, 1)],
)
def test_bytes_are_images_where_they_go_as_far_as_images_do(shape, largest, scale, table, small):
    x = np.random.default_rng(1).integers(0, largest + 1, (200, *shape)).astype(np.uint8)
    x[0] = largest
    net = gpunet.train("mlp", x, table[1], **small)
    assert net.description.scale == scale
    assert [type(step.preparation).__name__ for step in net.trained.preprocessing.steps] == [
        "Scale" if scale == 255 else "Standardise"
    ]


def libraries():
    return {
        "pandas": (pandas.DataFrame, lambda f, names: f[list(names)], lambda f, name: f[name]),
        "polars": (polars.DataFrame, lambda f, names: f.select(names), lambda f, name: f[name]),
        "pyarrow": (pyarrow.table, lambda f, names: f.select(names), lambda f, name: f[name]),
    }


@pytest.fixture(params=["pandas", "polars", "pyarrow"])
def frames(request, table):
    make, select, column = libraries()[request.param]
    x, y = table
    numbers = {name: x[:, i].astype(float).tolist() for i, name in enumerate(COLUMNS)}
    texts = {"price": (x[:, 0] * 3 + x[:, 1]).tolist(), "kind": [["lo", "hi"][k] for k in y]}
    return make({**numbers, **texts}), select, column, make


def test_columns_of_a_frame_are_found_by_name_in_any_order(frames, table, small, equal):
    frame, select, column, _ = frames
    net = gpunet.train("mlp", select(frame, [*COLUMNS, "price"]), target="price", **small)
    assert net.description.columns == COLUMNS
    expected = net.predict(table[0][:, :3])
    np.testing.assert_array_equal(net.predict(select(frame, COLUMNS)), expected)
    np.testing.assert_array_equal(net.predict(select(frame, ["price", "c", "a", "b"])), expected)
    apart = gpunet.train("mlp", select(frame, COLUMNS), column(frame, "price"), **small)
    assert equal(apart, net)
    assert net.score(frame, "price") == net.score(select(frame, COLUMNS), column(frame, "price"))
    assert net.score(frame) == net.score(frame, "price")
    assert net.evaluate(frame) == net.evaluate(frame, "price")


def test_targets_of_a_frame_may_be_texts_or_several_columns(frames, small):
    frame, select, column, _ = frames
    net = gpunet.train("mlp", select(frame, [*COLUMNS, "kind"]), target="kind", **small)
    assert net.classes.tolist() == ["hi", "lo"]
    assert net.score(select(frame, COLUMNS), column(frame, "kind")) == net.score(frame, "kind")
    several = gpunet.train("mlp", select(frame, [*COLUMNS, "price"]), target=["price", "c"], **small)
    assert several.predict(select(frame, ["a", "b"])).shape == (200, 2)


def test_a_validation_frame_is_read_by_the_names_of_the_training_frame(frames, table, small, equal):
    frame, select, column, _ = frames
    train, validate = select(frame, ["a", "b", "price"]), select(frame, ["price", "b", "a"])
    features, targets = select(frame, ["b", "a"]), column(frame, "price")
    whole = gpunet.train("mlp", train, target="price", validation=validate, **small)
    assert equal(gpunet.train("mlp", train, target="price", validation=(features, targets), **small), whole)
    assert equal(gpunet.train("mlp", train, target="price", validation=(validate, None), **small), whole)
    assert whole.description.parts == (200, 200, 0)
    itself = (table[0][:, :2], table[0][:, 0] * 3 + table[0][:, 1])
    plain = gpunet.train("mlp", train, target="price", validation=itself, **small)
    np.testing.assert_allclose(whole.history["validation_loss"], plain.history["validation_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f | {"a": [None, *f["a"][1:]]}, "x row 0, column 'a': must be a number, got an empty cell"),
        (lambda f: f | {"b": ["?"] * 200}, r"x row 0, column 'b': must be a number, got '\?'"),
        (
            lambda f: {k: v for k, v in f.items() if k != "c"},
            "x: must have the 3 columns of the model.*no column 'c'",
        ),
    ],
)
def test_what_is_wrong_with_a_column_names_it(change, expected, frames, table, small):
    frame, select, _, make = frames
    net = gpunet.train("mlp", select(frame, [*COLUMNS, "price"]), target="price", **small)
    numbers = {name: table[0][:, i].tolist() for i, name in enumerate(COLUMNS)}
    with pytest.raises(gpunet.GpunetError, match=expected):
        net.predict(make(change(numbers)))


def test_columns_whose_names_are_numbers_work_as_others(table, small, equal):
    x, y = table
    net = gpunet.train("mlp", pandas.DataFrame(x), y, **small)
    assert net.description.columns == ("0", "1", "2", "3", "4", "5")
    np.testing.assert_array_equal(net.predict(pandas.DataFrame(x)[[3, 0, 1, 2, 5, 4]]), net.predict(x))
    shifted = pandas.DataFrame(np.column_stack([x, y]))
    assert equal(gpunet.train("mlp", shifted, target=6, **small), net)


def test_targets_whose_rows_stand_in_another_order_are_refused_and_other_labels_are_places(table, small):
    x, y = table
    frame, targets = pandas.DataFrame(x), pandas.Series(y)
    with pytest.raises(
        gpunet.GpunetError, match=r"y: must have its rows in the order of x, got an index in another order"
    ):
        gpunet.train("mlp", frame, targets[::-1], **small)
    net = gpunet.train("mlp", frame, targets.set_axis(targets.index + 1000), **small)
    np.testing.assert_array_equal(net.predict(frame), gpunet.train("mlp", frame, targets, **small).predict(frame))
    with pytest.raises(gpunet.GpunetError, match=r"Use y.loc\[x.index\]"):
        net.score(frame, targets[::-1])


def test_categories_and_truth_values_are_classes(table, small):
    x, y = table
    frame = pandas.DataFrame(x[:, :2], columns=["a", "b"])
    kinds = pandas.Series(np.array(["lo", "hi"])[y], dtype="category")
    assert gpunet.train("mlp", frame, kinds, **small).classes.tolist() == ["hi", "lo"]
    assert gpunet.train("mlp", frame.assign(c=y > 0), target="c", **small).classes.tolist() == [False, True]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (lambda f: pandas.concat([f, f[["a"]]], axis=1), "column a: must stand in the table once, got two"),
        (lambda f: polars.DataFrame({"a": f["a"].tolist()}).lazy(), r"must be a table in memory.*x\.collect\(\)"),
        (lambda f: f.iloc[:0], "needs samples with features, got a table of shape"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(frame, expected, table, small):
    with pytest.raises(gpunet.GpunetError, match=expected):
        gpunet.train("mlp", frame(pandas.DataFrame({"a": table[0][:, 0]})), table[1], **small)
