"""Data sets that are drawn: the rules that were published of them hold for every image."""

import json

import numpy as np
import pytest

from gpunet.data.drawn import DRAWINGS, drawn, is_convex
from gpunet.datasets import load
from gpunet.errors import ConfigError, DataError
from shell import invoked as gpunet


def digits(n=60):
    found = load("digits")
    return (found.x[:n] * 15).astype(np.uint8), found.y[:n].astype(np.int64)


def test_rectangles_are_edges_with_a_longer_side():
    found = drawn("rectangles", 300, 100, seed=3)
    sides = []
    for image in found["x_train"]:
        rows, columns = np.nonzero(image)
        (top, bottom), (left, right) = ((a.min(), a.max()) for a in (rows, columns))
        whole = np.zeros((28, 28), bool)
        whole[top : bottom + 1, left : right + 1] = True
        whole[top + 1 : bottom, left + 1 : right] = False
        assert ((image > 0) == whole).all()
        sides.append((bottom - top + 1, right - left + 1))
    sides = np.array(sides)
    assert (np.abs(sides[:, 0] - sides[:, 1]) >= 3).all()
    assert ((sides[:, 0] > sides[:, 1]) == (found["y_train"] == 1)).all()
    assert 0.3 < found["y_train"].mean() < 0.7
    assert (found["x_train"].dtype, found["x_test"].shape) == (np.uint8, (100, 28, 28))


def test_regions_are_convex_where_the_class_says_so():
    found = drawn("convex", 40, 20, seed=1)
    assert found["y_train"].sum() + found["y_test"].sum() == 30
    for image, convex in zip(found["x_train"] > 0, found["y_train"]):
        assert is_convex(image) == bool(convex)
        assert image.sum() >= (19 if convex else 10)
        points = np.argwhere(image)
        middles = (points[:, None] + points).reshape(-1, 2)
        whole = middles[(middles % 2 == 0).all(axis=1)] // 2  # the middle of two of its points is one as well
        assert not convex or image[whole[:, 0], whole[:, 1]].all()
    assert set(np.unique(found["x_train"])) == {0, 255}


@pytest.mark.parametrize("seed", range(3))
def test_convexity_is_that_of_all_points_in_the_hull(seed):
    rng = np.random.default_rng(seed)
    agreed = {True: 0, False: 0}
    for _ in range(60):
        image = rng.random((4, 4)) < rng.choice([0.15, 0.4, 0.8])
        if not image.any():
            continue
        points = np.argwhere(image)
        hull = np.zeros((4, 4), bool)
        for place in np.ndindex(4, 4):  # in a triangle of three of the points, which may coincide
            hull[place] = any(in_triangle(place, a, b, c) for a in points for b in points for c in points)
        assert is_convex(image) == bool((hull == image).all())
        agreed[is_convex(image)] += 1
    assert min(agreed.values()) > 0


def in_triangle(p, a, b, c):
    def turn(u, v, w):
        return (v[0] - u[0]) * (w[1] - u[1]) - (v[1] - u[1]) * (w[0] - u[0])

    turns = [turn(u, v, p) for u, v in ((a, b), (b, c), (c, a))]
    if turn(a, b, c) == 0:
        box = [min(a[i], b[i], c[i]) <= p[i] <= max(a[i], b[i], c[i]) for i in range(2)]
        return all(t == 0 for t in turns) and all(box)
    return all(t >= 0 for t in turns) or all(t <= 0 for t in turns)


def test_digits_are_turned_about_their_middle():
    x, y = digits()
    found = drawn("rotated", 40, 20, digits=(x, y))
    assert sorted(np.concatenate([found["y_train"], found["y_test"]])) == sorted(y)
    assert found["x_train"].dtype == np.uint8
    disc = np.hypot(*np.mgrid[-3.5:4, -3.5:4]) < 3
    light = {int(image[disc].sum()) for image in found["x_train"]}
    assert len(light) > 30
    total = np.sort(np.concatenate([found["x_train"], found["x_test"]]).sum(axis=(1, 2)) / 1.0)
    assert total.mean() == pytest.approx(x.sum(axis=(1, 2)).mean(), rel=0.1)


def test_digits_on_noise_keep_their_ink():
    x, y = digits()
    found = drawn("background", 40, 20, digits=(x, y), seed=2)
    again = drawn("background", 40, 20, digits=(x, y), seed=2)
    assert all((found[name] == again[name]).all() for name in found)
    for image, label in zip(found["x_train"], found["y_train"]):
        same = [i for i in range(60) if y[i] == label and (image[x[i] > 0] == x[i][x[i] > 0]).all()]
        assert same
        empty = image[x[same[0]] == 0]
        assert 0.3 * x.max() < empty.mean() < 0.7 * x.max()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ConfigError, match="name: must be rectangles, convex, rotated, background"):
        drawn("circles")
    with pytest.raises(ConfigError, match="train: must be at least one image"):
        drawn("convex", 0, 10)
    with pytest.raises(DataError, match="must be at most the 60 digits together, got 50 \\+ 20"):
        drawn("rotated", 50, 20, digits=digits())
    assert set(DRAWINGS) == {"rectangles", "convex", "rotated", "background"}


def test_the_command_writes_what_training_takes(tmp_path):
    words = ["--train", "120", "--test", "40", "-o", tmp_path / "r.npz", "--json"]
    document = json.loads(gpunet("data", "make", "rectangles", *words).stdout)
    assert (document["train"], document["test"], document["shape"]) == (120, 40, "28x28")
    found = load(str(tmp_path / "r.npz"))
    assert (found.test_from, found.scale, found.classes) == (120, 255.0, ("0", "1"))
    gpunet("data", "make", "background", "--data", "digits", "-o", tmp_path / "b.npz")
    assert load(str(tmp_path / "b.npz")).x.shape == (1797, 8, 8)
    for words, expected in (
        (["circles"], "NAME: must be rectangles"),
        (["rotated"], "--data: must name digits"),
        (["convex", "--data", "digits"], "belongs to rotated"),
    ):
        assert expected in gpunet("data", "make", *words, "-o", tmp_path / "none.npz", code=2).output
    assert not (tmp_path / "none.npz").exists()
