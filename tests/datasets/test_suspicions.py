"""What looks as if data were not what they seem is said before training, and chance is not."""

import numpy as np
import pytest

import gpunet
from files import save_npz, text
from gpunet.api.reading import load_split
from gpunet.config import load_config
from gpunet.data import Dataset, summarise
from gpunet.data.suspicions import suspicious
from gpunet.datasets import load
from gpunet.errors import DataError, GpunetError


def warned(path):
    return suspicious(load(str(path)))


def table(tmp_path, **columns):
    rows = zip(*columns.values())
    return text(tmp_path, "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")


def test_a_feature_that_determines_the_target(tmp_path, rng):
    label, noise = rng.integers(0, 2, 90), rng.normal(size=90).round(3)
    ward = [f"w{3 * one + int(k)}" for one, k in zip(label, rng.integers(0, 3, 90))]
    path = table(tmp_path, a=noise, ward=ward, copy=7 * label, label=label)
    assert warned(path) == [
        "every value of 'ward' goes with one class: would it be known before the target is?",
        "each class has one value of 'copy': is it the target again?",
    ]
    price = rng.normal(size=30).round(2)
    house = np.arange(90) % 30
    found = warned(table(tmp_path, a=noise, house=house, price=price[house]))
    assert found == [
        "every value of 'house' goes with one value of the target: would it be known before the target is?"
    ]


def test_a_class_that_is_nearly_all_makes_no_feature_suspicious(tmp_path, rng):
    few = [f"s{i // 2}" for i in range(90)]
    label = np.repeat(np.arange(45) == 7, 2).astype(int)
    assert not warned(table(tmp_path, a=rng.normal(size=90), shop=few, label=label)), "by chance in one of two such"


def test_only_what_holds_for_all_rows_is_said(rng):
    x = rng.integers(0, 4, (12_000, 1)).astype(np.float32)
    y = (x[:, 0] > 1).astype(np.int32)
    assert len(suspicious(Dataset("d", x, y))) == 1
    y[7] = 1 - y[7]
    assert not suspicious(Dataset("d", x, y))


def test_numbers_that_stand_for_nothing(tmp_path, rng):
    a = rng.normal(size=60).round(3)
    gone = np.where(np.arange(60) % 9 == 0, -999, a)
    path = table(tmp_path, a=gone, b=a, label=np.arange(60) % 2)
    expected = "'a' is -999 in 7 rows, far from its other numbers; set missing=['-999'] if it stands for none"
    assert warned(path) == [expected]
    config = load_config(None, {"data.source": path, "data.missing": ["-999"]}, {})
    dataset, split = load_split(config)
    assert not suspicious(dataset)
    assert np.isclose(dataset.x[0, 0], np.median(a[split.train][gone[split.train] != -999]), atol=1e-6)
    assert not warned(table(tmp_path, a=rng.integers(-999, 999, 60), label=np.arange(60) % 2))


def test_constant_columns_are_named(tmp_path, rng):
    found = load(table(tmp_path, k=[1] * 30, a=rng.normal(size=30), t=["x"] * 30, label=np.arange(30) % 2))
    assert "2 of 3 features are constant: k, t=x" in found.notes


def test_the_summary_of_a_training_says_it(tmp_path, rng):
    path = table(tmp_path, a=rng.normal(size=60), again=np.arange(60) % 2, label=np.arange(60) % 2)
    config = load_config(None, {"data.source": path}, {})
    assert "each class has one value of 'again': is it the target again?" in summarise(*load_split(config)).warnings


def test_a_rare_class_is_said_with_the_key_that_lets_it_weigh_more(tmp_path, rng):
    y = (np.arange(300) % 40 == 0).astype(int)
    path = save_npz(tmp_path / "rare.npz", x=rng.normal(size=(300, 2)), y=y)
    data = load_split(load_config(None, {"data.source": str(path)}, {}))
    (said,) = summarise(*data).warnings
    expected = "few samples of the training part are of the class 1: compare with the baseline"
    assert said == f"{expected}; class_weight=balanced lets all classes weigh alike"
    assert summarise(*data, weighed=True).warnings == (expected,)


QUICK = {"epochs": 1, "hidden": [4], "progress": False, "device": "cpu"}


@pytest.mark.parametrize("kind", ["array", "file"])
def test_what_starts_from_a_model_is_on_its_scale_and_of_its_shape(kind, tmp_path, rng):
    x, y = rng.integers(0, 256, (60, 6, 6), dtype=np.uint8), np.arange(60) % 2
    first = gpunet.train("mlp", x, y, **QUICK)

    def again(x):
        if kind == "array":
            return gpunet.train("mlp", x, y, start=first, **QUICK)
        return gpunet.train("mlp", data=save_npz(tmp_path / "t.npz", x=x, y=y), start=first, **QUICK)

    assert again(x.astype(np.float32)).description.scale == 255
    with pytest.raises(DataError, match="must be on the scale of training, 0 to 255, got numbers between 0 and 1"):
        again(x / 255)
    with pytest.raises(DataError, match="must be on the scale of training, 0 to 255"):
        again(x[:, :5] / 255)
    with pytest.raises(GpunetError, match=r"must be 36 to 4 units wide, .* got 30 to 4"):
        again(x[:, :5])


def test_a_frame_that_starts_from_a_model_has_its_columns_and_categories(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": rng.normal(size=60), "c": ["u", "v", "w"] * 20})
    y = np.arange(60) % 2
    first = gpunet.train("mlp", frame, y, **QUICK)
    turned = frame[["c", "a"]].assign(c=["u", "v", "z"] * 20)
    second = gpunet.train("mlp", turned, y, start=first, **QUICK)
    assert second.description.columns == ("a", "c=u", "c=v", "c=w")
    assert np.array_equal(second.read(frame).x, first.read(frame).x)
    with pytest.raises(DataError, match=r"no column 'a'\. It has 'A'"):
        gpunet.train("mlp", frame.rename(columns={"a": "A"}), y, start=first, **QUICK)


def refused(path, **roles):
    with pytest.raises(DataError) as caught:
        load_split(load_config(None, {f"data.{k}": v for k, v in {"source": str(path), **roles}.items()}, {}))
    return str(caught.value)


def test_a_last_line_of_totals_is_no_sample(tmp_path, rng):
    a, b = rng.integers(1, 900, 40).astype(float), rng.random(40).round(2)
    total = [*a, a.sum()], [*b, round(b.sum(), 2)]
    said = refused(table(tmp_path, a=total[0], target=total[1]))
    assert "line 42, column 'a': must belong to a sample, got the sums of the lines above in column 'a'" in said
    place = [*rng.choice(["north", "south"], 40), "Total"]
    assert "must belong to a sample" in refused(table(tmp_path, place=place, a=total[0], target=[*b, 3.25]))
    assert len(load(table(tmp_path, a=a, target=b)).x) == 40
    assert len(load(table(tmp_path, place=["Total", *place[:-1]], a=total[0], target=[*b, 3.25])).x) == 41, "one sum"
    sparse = np.zeros((41, 3), int)
    sparse[[3, 5, 7], [0, 1, 2]] = sparse[40] = 1
    dense = dict(zip("pqr", sparse.T))
    assert len(load(table(tmp_path, **dense, target=[*b, 0.5])).x) == 41, "a one below a one is no total"


def test_classes_that_differ_in_capitals_and_cells_with_several_labels(tmp_path, rng):
    a = rng.normal(size=90).round(3)
    assert warned(table(tmp_path, a=a, label=["cat", "CAT", "dog"] * 30)) == [
        "classes 'CAT' and 'cat' differ in capitals alone: are they the same?"
    ]
    found = warned(table(tmp_path, a=a, town=["Rom", "rom", "Bonn"] * 30, label=rng.integers(0, 2, 90)))
    assert found == ["categories of 'town' 'Rom' and 'rom' differ in capitals alone: are they the same?"]
    (said,) = warned(table(tmp_path, a=a, tags=["red", "round", "red|round"] * 30))
    assert said.startswith("each combination such as 'red|round' is a class of its own")
    assert not warned(table(tmp_path, a=a, tags=["red", "blue", "a|b"] * 30))


def test_targets_that_do_not_vary_or_are_probabilities(rng):
    x = rng.normal(size=(60, 2)).astype(np.float32)
    assert suspicious(Dataset("c", x, np.full((60, 1), 3.5))) == [
        "target 1 is 3.5 for all samples: there is nothing to learn"
    ]
    p = rng.dirichlet([1, 1, 1], 60)
    assert suspicious(Dataset("p", x, p)) == [
        "the targets of each sample sum to 1: give class numbers (their argmax) if they are classes"
    ]
    assert not suspicious(Dataset("p", x, p * [1, 1, 2]))


def test_long_numbers_that_all_differ_and_amounts_with_signs(tmp_path, rng):
    a, account = rng.normal(size=60).round(3), rng.integers(10**17, 10**18, 60)
    data = load(table(tmp_path, account=account, a=a, label=np.arange(60) % 2))
    expected = "column 'account' holds long whole numbers, all different; set id='account' if it names the samples"
    assert list(data.warnings) == [expected]
    assert not load(table(tmp_path, account=account // 10**10, a=a, label=np.arange(60) % 2)).warnings
    cells = [f"${value:.3f}" for value in rng.random(60)]
    said = refused(table(tmp_path, cost=cells, label=np.arange(60) % 2))
    assert "column 'cost': must be numbers or categories, got signs of currencies or percent, such as '$0." in said
    said = refused(table(tmp_path, a=a, share=[f"{k % 3} %" for k in range(60)], label=np.arange(60) % 2))
    assert "such as '0 %'. Write numbers without them" in said


@pytest.mark.parametrize("task", ["auto", "regression"])
def test_a_target_of_amounts_or_with_a_word_among_numbers_is_refused_and_not_taken_for_classes(tmp_path, rng, task):
    a, price = rng.normal(size=60).round(3), rng.uniform(900, 90_000, 60)
    cells = [f'"${value:,.2f}"' for value in price]
    said = refused(table(tmp_path, a=a, price=cells), task=task)
    assert "column 'price': must be numbers or classes, got signs of currencies or percent, such as '$" in said
    assert "Write numbers without them, or set task=classification" in said
    cells = [f"{value:.2f}" for value in price]
    cells[7] = "sold"
    said = refused(table(tmp_path, a=a, price=cells), task=task)
    assert "line 9, column 'price': must be a number, got 'sold'" in said


def test_a_word_beside_numbers_of_few_kinds_is_a_class(tmp_path, rng):
    grades = [("1", "2", "3", "absent" if k == 3 else "1")[k % 4] for k in range(60)]
    path = table(tmp_path, a=rng.normal(size=60).round(3), label=grades)
    assert load(path).classes == ("1", "2", "3", "absent")
