"""Tables of text into arrays, and what a model is given later."""

import numpy as np
import pytest

from files import CSV, features_of, labelled, save_npz, text
from gpunet.datasets import load
from gpunet.errors import DataError


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_csv_with_header_and_text_labels(name, tmp_path):
    dataset = load(text(tmp_path, CSV, name))
    assert dataset.x.tolist() == [[1, 2.5], [3, 4], [5, 60]]
    assert (dataset.classes, dataset.y.tolist()) == (("lily", "rose"), [1, 0, 1])
    assert dataset.columns == ("length", "width")


def test_csv_label_column_by_name_by_number_and_by_habit(tmp_path):
    content = "a,label,b\n1,0,5\n2,1,6\n3,0,7\n"
    path = text(tmp_path, content)
    assert load(path).x.tolist() == [[1, 5], [2, 6], [3, 7]]
    assert load(path, target="label").y.tolist() == load(path, target=1).y.tolist() == [0, 1, 0]
    assert load(path, target="b", task="regression").y.tolist() == [[5], [6], [7]]
    plain = text(tmp_path, "1,2,0\n3,4,1\n5,6,1\n", "plain.csv")
    assert load(plain).y.tolist() == [0, 1, 1]


def test_csv_inputs_with_and_without_label_and_in_another_order(tmp_path):
    with_label = text(tmp_path, CSV)
    without = text(tmp_path, "1,2.5\n3,4\n5,60\n", "u.csv")
    swapped = text(tmp_path, "width,extra,length\n2.5,9,1\n4,9,3\n60,9,5\n", "v.csv")
    for path in (with_label, without, swapped):
        found = features_of(path, (2,), columns=("length", "width"))
        assert found.tolist() == [[1, 2.5], [3, 4], [5, 60]]


def test_quoted_cells_and_tabs(tmp_path):
    assert load(text(tmp_path, 'a,b,"c, or d"\n1,2,"x, y"\n3,4,z\n')).classes == ("x, y", "z")
    assert load(text(tmp_path, "a\tb\tlabel\n1\t2\t0\n3\t4\t1\n", "t.tsv")).x.tolist() == [[1, 2], [3, 4]]


def test_real_targets_mean_regression_and_labels_of_a_model_are_its_own(tmp_path):
    path = text(tmp_path, "1,2,0.5\n3,4,1.25\n5,6,7.5\n")
    assert load(path).classes == ()
    assert load(path).y.tolist() == [[0.5], [1.25], [7.5]]
    path = text(tmp_path, "1,2,rose\n3,4,lily\n")
    assert labelled(path, ("lily", "oak", "rose")) == [2, 0]


def test_hash_is_of_the_content_and_not_of_the_name(tmp_path):
    a, b = load(text(tmp_path, CSV)), load(text(tmp_path, CSV, "other.csv"))
    c = load(text(tmp_path, CSV.replace("2.5", "2.6"), "third.csv"))
    assert a.sha256 == b.sha256 != c.sha256


def test_whole_numbers_that_a_float_cannot_tell_apart_are_classes_of_their_own(tmp_path):
    path = text(tmp_path, "1,2,123456789012345678\n3,4,123456789012345679\n5,6,123456789012345678\n")
    assert load(path).classes == ("123456789012345678", "123456789012345679")
    assert load(path, task="regression").y.shape == (3, 1)
    path = text(tmp_path, "".join(f"{i},2,{123456789012345678 + i}\n" for i in range(50)))
    with pytest.raises(DataError, match="has too many classes for 50 samples, got 50 different labels"):
        load(path)


def test_text_targets_for_regression_are_shown_as_they_are(tmp_path):
    with pytest.raises(DataError, match="got the text 'rose'"):
        load(text(tmp_path, CSV), task="regression")


def test_inputs_of_another_shape_or_with_other_columns_are_not_taken_for_those_of_the_model(tmp_path):
    images = str(save_npz(tmp_path / "a.npz", x=np.arange(72, dtype="u1").reshape(2, 4, 9, 1)))
    assert features_of(images, (4, 9)).shape == (2, 4, 9)
    with pytest.raises(DataError, match="must have samples of shape 9x4, as in training, got samples of shape 4x9x1"):
        features_of(images, (9, 4))
    swapped = text(tmp_path, "width,lenght\n2.5,1\n4,3\n")
    with pytest.raises(DataError, match=r"the 2 columns of the model, got no column 'length'. Did you mean lenght"):
        features_of(swapped, (2,), columns=("length", "width"))
    with pytest.raises(DataError, match="must have the 2 columns of the model, got no column 'a'"):
        features_of(swapped, (2,), columns=("a", "b"))
    upper = text(tmp_path, "WIDTH,LENGTH\n2.5,1\n4,3\n")
    with pytest.raises(DataError, match="It has 'LENGTH', and names are taken as they are written"):
        features_of(upper, (2,), columns=("length", "width"))


def test_a_model_is_evaluated_on_one_class_or_one_sample(tmp_path):
    assert labelled(text(tmp_path, "1,2,rose\n"), ("lily", "rose")) == [1]
    assert labelled(text(tmp_path, "1,2,rose\n3,4,rose\n"), ("lily", "rose")) == [1, 1]


class Counted(str):
    """A name that counts how often one of its kind is compared."""

    __slots__ = ()
    __hash__ = str.__hash__
    comparisons = 0

    def __eq__(self, other):
        Counted.comparisons += 1
        return str.__eq__(self, other)


def test_columns_of_a_wide_table_are_found_without_comparing_each_with_all(tmp_path):
    names = tuple(Counted(f"g{i}") for i in range(20_000))
    cells = ",".join("1" * len(names))
    path = text(tmp_path, f"{','.join(names)},label\n{cells},0\n")
    found = features_of(path, (len(names),), columns=names)
    assert Counted.comparisons < 20 * len(names)
    assert found.shape == (1, len(names))


def test_label_column_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"The columns have \\u001b\[31mq, b, c"):
        load(text(tmp_path, "\x1b[31mq,b,c\n1,2,0\n3,4,1\n", "e.csv"), target="zzz")
    with pytest.raises(DataError, match=r"no column 'specie'\. Did you mean species\?"):
        load(text(tmp_path, CSV), target="specie")
    with pytest.raises(DataError, match="has 3 columns, got target column 7"):
        load(text(tmp_path, CSV), target=7)


def test_unknown_class_and_wrong_width(tmp_path):
    with pytest.raises(DataError, match="must hold classes that the model knows, got 'rose'"):
        labelled(text(tmp_path, CSV), ("lily", "ros"))
    with pytest.raises(DataError, match="must have the 4 features of the model"):
        features_of(text(tmp_path, CSV), (4,))
