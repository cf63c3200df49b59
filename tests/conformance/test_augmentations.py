"""Every exported augmentation keeps the contract, and each does to an image what its name says."""

import math

import numpy as np
import pytest

from gpunet import data
from gpunet.backend import Arena, Context
from gpunet.config import load_config
from gpunet.data import (
    Augmentation,
    Augmenter,
    Brightness,
    Colour,
    Contrast,
    CutMix,
    CutOut,
    Elastic,
    Feed,
    Flip,
    Mixup,
    Noise,
    RandAugment,
    Rotate,
    Shear,
    Shift,
    Zoom,
    fit_preprocessing,
    randaugment,
)
from gpunet.data.augmentations import Geometric
from gpunet.errors import ConfigError
from gpunet.ops.resample import resample
from gpunet.testing import examples

ALL = [a for a in examples(Augmentation, data) if a.of != "texts"]
each = pytest.mark.parametrize("augmentation", ALL, ids=repr)
SHAPE = (6, 7, 3)


@pytest.fixture
def images(rng):
    return rng.integers(1, 256, (40, *SHAPE)).astype(np.uint8)


def feed_of(images, augmentations, device, members=(), scale=255.0, labels=None):
    flat = images.reshape(len(images), -1)
    labels = np.arange(len(images), dtype=np.int32) % 4 if labels is None else labels
    augmenter = Augmenter(augmentations, images.shape[1:], scale, 4, len(images), device, np.dtype("f4"))
    unprepared = fit_preprocessing("none", flat, scale)
    return Feed(device, flat, labels, unprepared, np.dtype("f4"), members, augmenter if augmentations else None)


def epoch(feed, size, seeds=(3,), number=2):
    """Features and targets of an epoch in the order of the file."""
    feed.shuffle(seeds, number)
    ctx, device = Context(True, Arena(feed.device)), feed.device
    cursor, parts = device.zeros((1,), np.int64), []
    for start in range(0, feed.samples, size):
        ctx.arena.rewind()
        parts.append([device.get(a) for a in feed.batch(ctx, cursor, size, min(size, feed.samples - start))[:2]])
        cursor += 1
    order = device.get(feed.order).argsort(axis=-1)
    x = np.take_along_axis(np.concatenate([p[0] for p in parts], axis=-2), order[..., None], axis=-2)
    if order.ndim > 1:
        return x, None
    return x, np.concatenate([p[1] for p in parts], axis=0)[order]


@each
def test_what_a_sample_becomes_is_a_function_of_seed_epoch_and_number(augmentation, images, device):
    feed = feed_of(images, [augmentation], device)
    once, targets = epoch(feed, 16)
    again, same = epoch(feed, 7)
    assert np.array_equal(once, again), "whatever the batch"
    assert np.array_equal(targets, same)
    assert not np.array_equal(once, epoch(feed, 16, number=3)[0])
    assert not np.array_equal(once, epoch(feed, 16, seeds=(4,))[0])
    together = epoch(feed_of(images, [augmentation], device, (2,)), 16, (3, 4))[0]
    for member, seed in enumerate((3, 4)):
        assert np.array_equal(together[member], epoch(feed, 16, (seed,))[0])


@each
def test_samples_are_changed_and_stay_in_bounds(augmentation, images, device):
    x, _ = epoch(feed_of(images, [augmentation], device), 16)
    assert x.dtype == np.float32
    assert x.min() >= -1e-3
    assert x.max() <= 255 + 1e-3
    assert (np.abs(x - images.reshape(40, -1)).max(axis=1) > 1e-3).sum() >= 10, "a good part of them"


@each
def test_evaluation_sees_samples_as_they_are(augmentation, images, device):
    feed = feed_of(images, [augmentation], device)
    feed.shuffle((3,), 2)
    x, y, _ = feed.padded(Context(False, Arena(device)), device.zeros((1,), np.int64), 40)
    assert np.array_equal(device.get(x), images.reshape(40, -1))
    assert device.get(y).dtype == np.int32


@pytest.mark.parametrize(
    "weak",
    [Shift(0.0), Shift(1e-9, whole=False), Rotate(1e-6), Zoom(1e-9), Shear(1e-6), Elastic(1e-9), Brightness(1e-9),
     Contrast(1e-9), Colour(1e-9), Noise(1e-9), Flip(False, False), CutMix(1.0, 1e-9)],
    ids=repr,
)  # fmt: skip
def test_no_strength_changes_nothing(weak, images, device):
    x, _ = epoch(feed_of(images, [weak], device), 16)
    assert x == pytest.approx(images.reshape(40, -1), abs=0.02)


def moved(image, augmentation, u, device):
    """One image (H, W) through one geometric augmentation with given uniform numbers."""
    m = device.put(np.eye(3)[None].copy())
    augmentation.source(device.put(np.array([u])), m)
    height, width = image.shape
    y, x = np.mgrid[:height, :width].astype(float)
    middle = np.array([(height - 1) / 2, (width - 1) / 2, 0])
    places = np.stack([y - middle[0], x - middle[1], np.ones_like(x)])
    source = np.einsum("ij,jhw->ihw", device.get(m)[0], places) + middle[:, None, None]
    out = device.empty((1, height, width, 1), np.float64)
    resample(device.put(image[None, :, :, None]), device.put(source[:1]), device.put(source[1:2]), out, device.empty)
    return device.get(out)[0, :, :, 0]


def test_a_shift_by_whole_pixels_is_rolling_with_zeros(device, rng):
    image = rng.random((5, 6))
    for u, (down, right) in (((0.999, 0.5), (2, 0)), ((0.5, 0.001), (0, -2)), ((0.3, 0.7), (-1, 1))):
        padded = np.roll(np.pad(image, 2), (down, right), (0, 1))[2:-2, 2:-2]
        assert np.array_equal(moved(image, Shift(2), u, device), padded)
    half = moved(image, Shift(0.5, whole=False), (0.5, 1.0), device)
    assert half[:, 1:] == pytest.approx((image[:, 1:] + image[:, :-1]) / 2)
    assert half[:, 0] == pytest.approx(image[:, 0] / 2)


def test_quarter_turns_flips_and_doubling_are_exact(device, rng):
    image = rng.random((5, 5))
    assert moved(image, Rotate(90), (1.0,), device) == pytest.approx(np.rot90(image, 1), abs=1e-12)
    assert moved(image, Rotate(90), (0.0,), device) == pytest.approx(np.rot90(image, -1), abs=1e-12)
    assert moved(image, Rotate(180), (1.0,), device) == pytest.approx(image[::-1, ::-1], abs=1e-12)
    assert np.array_equal(moved(image, Flip(), (0.2, 0.7), device), image[:, ::-1])
    assert np.array_equal(moved(image, Flip(), (0.7, 0.2), device), image)
    assert np.array_equal(moved(image, Flip(True, True), (0.7, 0.7), device), image[::-1, ::-1])
    assert moved(image, Zoom(1.0), (1.0,), device)[::2, ::2] == pytest.approx(image[1:4, 1:4])
    assert moved(image, Shear(45), (1.0,), device)[3] == pytest.approx([*image[3, 1:], 0], abs=1e-12)
    assert moved(image, Shear(45), (1.0,), device)[2] == pytest.approx(image[2], abs=1e-12)


def test_several_movements_are_one_interpolation_of_their_product(images, device):
    """Rotation there and back again by composed maps loses nothing; two interpolations would blur."""

    class Back(Rotate):
        def source(self, u, m):
            super().source(1 - u, m)

        def draws(self, shape):
            return 1

    there, back = Rotate(40), Back(40)
    augmenter = Augmenter([there, back], SHAPE, 255.0, 0, 40, device, np.dtype("f4"))
    raw = device.put(images.reshape(40, -1))
    equal = np.repeat(np.linspace(0.1, 0.9, 40)[:, None], 2, axis=1)
    ctx = Context(True, Arena(device))
    x, _ = augmenter.apply(raw, None, lambda count: device.put(equal, "f4"), None, ctx, np.dtype("f4"))
    assert device.get(x).reshape(images.shape)[:, 1:-1, 1:-1] == pytest.approx(images[:, 1:-1, 1:-1], abs=0.05)
    assert isinstance(there, Geometric)


def test_equal_augmentations_happen_each(device):
    images = np.zeros((200, 9, 9, 1), np.uint8)
    images[:, 4, 4] = 200
    x, _ = epoch(feed_of(images, [Shift(2), Shift(2)], device), 50)
    rows = x.reshape(200, 81).argmax(axis=1) // 9
    assert (rows.min(), rows.max()) == (0, 8), "up to twice as far"


def test_an_elastic_field_is_smooth_and_of_the_size_asked_for(device, rng):
    elastic, shape = Elastic(pixels=1.5, smoothness=3.0), (40, 40, 1)
    u = device.put(rng.random((200, elastic.draws(shape))))
    field = device.get(elastic.displacement(u, shape, elastic.place(device, shape, np.float64)))
    assert field.shape == (200, 2, 40, 40)
    assert field.std() == pytest.approx(1.5, rel=0.05)
    neighbours = np.corrcoef(field[..., :-1].ravel(), field[..., 1:].ravel())[0, 1]
    assert neighbours == pytest.approx(math.exp(-1 / (4 * 3.0**2)), abs=0.01)


def test_light_and_colour_do_what_they_say(images, device, rng):
    x = images.astype(np.float64)
    u = rng.random((40, 1))
    changed = x.copy()
    Brightness(0.1).change(changed, u, 255.0)
    assert changed - x == pytest.approx(np.broadcast_to((2 * u[:, :, None, None] - 1) * 25.5, x.shape))
    changed = x.copy()
    Contrast(0.5).change(changed, u, 255.0)
    assert changed.mean(axis=(1, 2, 3)) == pytest.approx(x.mean(axis=(1, 2, 3)))
    assert changed.std(axis=(1, 2, 3)) / x.std(axis=(1, 2, 3)) == pytest.approx(1.5 ** (2 * u[:, 0] - 1))
    changed = x.copy()
    Colour(0.5).change(changed, rng.random((40, 3)), 255.0)
    assert np.ptp(changed / x, axis=(1, 2)) == pytest.approx(0, abs=1e-9), "one factor for each channel"
    assert 1 / 1.5 <= (changed / x).min() < (changed / x).max() <= 1.5


def test_noise_is_normal_of_the_deviation_asked_for(device, rng):
    x = np.zeros((500, 4, 4, 1))
    Noise(0.1).change(x, rng.random((500, 32)), 200.0)
    assert abs(x.mean()) < 5 * 20 / math.sqrt(x.size)
    assert x.std() == pytest.approx(20, rel=0.05)
    assert (x**4).mean() / x.var() ** 2 == pytest.approx(3, rel=0.1)


def test_a_square_is_cut_out(device):
    x = np.ones((3, 6, 7, 2))
    CutOut(3).change(x, np.array([[0.4, 0.5], [0.0, 0.0], [0.99, 0.99]]), 1.0)
    expected = np.ones((3, 6, 7, 2))
    expected[0, 1:4, 2:5] = 0
    expected[1, :2, :2] = 0
    expected[2, 4:, 5:] = 0
    assert np.array_equal(x, expected)


def test_a_mixed_sample_is_between_two_and_so_are_its_targets(device):
    labels = np.arange(40, dtype=np.int32) % 4
    images = np.repeat(labels.astype(np.float32)[:, None] ** 2, 6, axis=1).reshape(40, 2, 3)  # 0, 1, 4, 9 by class
    x, targets = epoch(feed_of(images, [Mixup(alpha=1.0)], device, labels=labels, scale=1.0), 16)
    assert targets.shape == (40, 4)
    assert targets.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-6)
    assert x[:, 0] == pytest.approx(targets @ np.arange(4) ** 2, abs=1e-5)
    assert ((targets > 0).sum(axis=1) <= 2).all()
    assert (targets[np.arange(40), labels] >= 0.5).all(), "its own class keeps the larger part"
    assert ((targets > 0.01) & (targets < 0.5)).any()


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 3.0])
def test_weights_of_mixing_are_the_smaller_half_of_a_beta_distribution(alpha, device, rng):
    mixup = Mixup(alpha)
    u = (np.arange(20_000) + 0.5) / 20_000
    weights = device.get(mixup.smaller(device.put(u), mixup.place(device, np.float64)))
    drawn = rng.beta(alpha, alpha, 200_000)
    drawn = np.minimum(drawn, 1 - drawn)
    assert (np.diff(weights) >= 0).all()
    assert weights.mean() == pytest.approx(drawn.mean(), abs=0.002)
    for part in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(weights, part) == pytest.approx(np.quantile(drawn, part), abs=0.006)


def test_a_rectangle_of_another_image_and_targets_by_its_area(device):
    """Images show their class everywhere, so that what is seen of each class is its part of the target."""
    labels = np.arange(400, dtype=np.int32) % 4
    images = np.broadcast_to(labels[:, None, None, None], (400, 8, 10, 2)).astype(np.uint8)
    x, targets = epoch(feed_of(images, [CutMix()], device, labels=labels), 64)
    x = x.reshape(400, 8, 10, 2)
    assert targets == pytest.approx(np.stack([(x[..., 0] == k).mean(axis=(1, 2)) for k in range(4)], axis=1), abs=1e-6)
    assert np.array_equal(x[..., 0], x[..., 1]), "both channels alike"
    for image, label in zip(x[..., 0], labels):
        other = image != label
        rows, columns = other.any(axis=1), other.any(axis=0)
        assert np.array_equal(other, np.outer(rows, columns)), "a rectangle"
        assert np.abs(np.diff(np.pad(rows, 1).astype(int))).sum() <= 2, "in one piece"
        assert np.abs(np.diff(np.pad(columns, 1).astype(int))).sum() <= 2
    seen = 1 - targets[np.arange(400), labels]
    assert seen.max() > 0.8
    half = epoch(feed_of(images, [CutMix(1.0, 0.5)], device, labels=labels), 64)[1]
    assert 0.4 < (half.max(axis=1) == 1).mean() < 0.85, "about half of them, and those that met their own class"


def test_areas_of_rectangles_inside_are_beta_distributed(device, rng):
    """Far from the edges the area is that of the distribution, in the image's proportions, to half a pixel a side."""
    shape, u = (64, 128, 1), rng.random((2000, 4))
    u[:, 1:3] = 0.5
    for alpha in (0.3, 1.0, 4.0):
        cut = CutMix(alpha)
        mask, area = cut.portion(device.put(u), cut.place(device, np.float64), shape)
        assert device.get(area)[:, 0] == pytest.approx(device.get(mask).mean(axis=1))
        drawn = rng.beta(alpha, alpha, 100_000)
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            assert np.quantile(device.get(area), part) == pytest.approx(np.quantile(drawn, part), abs=0.05)


def test_mixing_twice_keeps_targets_that_sum_to_one(images, device):
    targets = epoch(feed_of(images, [Mixup(1.0), CutMix()], device), 16)[1]
    assert targets.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-6)
    assert ((targets > 0).sum(axis=1) > 2).any()


def pil(name, image, strength):
    """What pillow makes of an image, by its own classes."""
    from PIL import Image, ImageEnhance, ImageOps

    shown, factor = Image.fromarray(image), 1 + 0.9 * strength
    found = {
        "brightness": lambda: ImageEnhance.Brightness(shown).enhance(factor),
        "contrast": lambda: ImageEnhance.Contrast(shown.convert("L")).enhance(factor),
        "colour": lambda: ImageEnhance.Color(shown).enhance(factor),
        "sharpness": lambda: ImageEnhance.Sharpness(shown).enhance(factor),
        "solarise": lambda: ImageOps.solarize(shown, 256 - int(256 * abs(strength))),
        "posterise": lambda: ImageOps.posterize(shown, 8 - round(4 * abs(strength))),
        "stretch": lambda: ImageOps.autocontrast(shown),
    }[name]()
    return np.asarray(found).astype(float)


@pytest.mark.parametrize("strength", [-1.0, -0.5, 0.5, 1.0])
@pytest.mark.parametrize(
    "name", ["brightness", "contrast", "colour", "sharpness", "solarise", "posterise", "stretch"]
)  # fmt: skip
def test_operations_of_a_set_are_those_of_pillow(name, strength, device, rng):
    image = rng.integers(20, 200, (9, 8, 3)).astype(np.uint8)
    if name == "contrast":
        image[...] = image[..., :1]
    x, amount = device.put(image[None].astype(np.float64)), device.put(np.full((1, 1, 1, 1), strength))
    found = getattr(randaugment, name)(x, amount, abs(strength), (0.0, 255.0))
    found = np.clip(device.get(found)[0], 0, 255)
    wanted = pil(name, image, strength)
    if name == "contrast":
        found = found[..., 0]
    inner = slice(1, -1) if name == "sharpness" else slice(None)  # pillow leaves the edges alone there
    assert found[inner, inner] == pytest.approx(wanted[inner, inner], abs=1.5)


def test_equalised_levels_are_ranks(device, rng):
    image = (rng.random((2, 30, 20, 3)) ** 3 * 255).astype(np.uint8).astype(np.float64)
    image[1, ..., 2] = 7
    found = device.get(randaugment.equalise(device.put(image), None, 1.0, (0.0, 255.0)))
    for k in range(2):
        for c in range(3):
            values, own = image[k, ..., c].ravel(), found[k, ..., c].ravel()
            least = (values == values.min()).sum()
            if least == values.size:
                assert (own == 7).all(), "a constant channel stays"
                continue
            wanted = [((values <= v).sum() - least) / (values.size - least) * 255 for v in values]
            assert own == pytest.approx(np.array(wanted))


def test_operations_are_equally_frequent_and_movements_have_their_matrices(device, rng):
    augment, u = RandAugment(1, 0.5), rng.random((28_000, 2))
    (m,) = augment.movements(device.put(u), (10, 20, 3))
    m = device.get(m)
    kinds = {
        "rotate": np.isclose(m[:, 0, 1], -m[:, 1, 0]) & np.isclose(np.abs(m[:, 1, 0]), math.sin(math.radians(15))),
        "shear right": np.isclose(np.abs(m[:, 1, 0]), 0.15) & (m[:, 0, 1] == 0),
        "shear down": np.isclose(np.abs(m[:, 0, 1]), 0.15) & (m[:, 1, 0] == 0),
        "shift down": np.isclose(np.abs(m[:, 0, 2]), 2.25),
        "shift right": np.isclose(np.abs(m[:, 1, 2]), 4.5),
        "none": (m == np.eye(3)).all(axis=(1, 2)),
    }
    assert sum(kinds.values()).tolist() == [1] * len(m), "each sample is moved in one way"
    for name, found in kinds.items():
        assert found.mean() == pytest.approx(9 / 14 if name == "none" else 1 / 14, abs=0.01)
        if name != "none":
            signs = m[found].reshape(-1, 9)[:, {"rotate": 3, "shear right": 3, "shear down": 1, "shift down": 2,
                                                "shift right": 5}[name]] > 0  # fmt: skip
            assert signs.mean() == pytest.approx(0.5, abs=0.05)


def test_a_set_changes_each_sample_by_its_own_operations_alone(images, device, rng):
    """A batch is what its samples are alone, and those that drew nothing stay as they are."""
    augment, u = RandAugment(2, 0.8), rng.random((40, 4))
    u[:5, 0::2] = 0.999
    together = images.astype(np.float64)
    augment.change(together, u, (0.0, 255.0))
    for k in range(40):
        alone = images[k : k + 1].astype(np.float64)
        augment.change(alone, u[k : k + 1], (0.0, 255.0))
        assert np.array_equal(alone[0], together[k])
    assert np.array_equal(together[:5], images[:5])
    assert np.abs(together - images).max(axis=(1, 2, 3)).astype(bool).sum() > 15
    assert together.min() >= 0
    assert together.max() <= 255


def test_images_of_another_range_stay_in_it(device, rng):
    images = (rng.random((60, *SHAPE)) * 2 - 1).astype(np.float32)
    flat = images.reshape(60, -1)
    augmenter = Augmenter([RandAugment(3, 1.0)], SHAPE, 1.0, 4, 60, device, np.dtype("f4"), bounds=(-1.0, 1.0))
    feed = Feed(
        device, flat, np.zeros(60, np.int32), fit_preprocessing("none", flat, 1.0), np.dtype("f4"), (), augmenter
    )
    x, _ = epoch(feed, 20)
    assert x.min() >= -1
    assert x.max() <= 1
    assert x.min() < -0.9, "the whole range is in use"


def test_images_with_their_channels_first_are_refused_rather_than_moved_across_channels(rng, device):
    with pytest.raises(ConfigError, match=r"needs channels on the last axis, got 3x8x8. Set channels=first"):
        feed_of(rng.random((20, 3, 8, 8)), [Shift(1)], device)
    for shape in ((8, 8, 3), (3, 4, 4), (8, 8), (5, 8, 8)):
        feed_of(rng.random((20, *shape)), [Shift(1)], device)


def test_a_table_takes_noise_and_mixing_alone(rng, device):
    table = rng.random((20, 5)).astype(np.float32)
    x, _ = epoch(feed_of(table, [Noise(0.5), Mixup()], device, scale=1.0), 8)
    assert x.shape == (20, 5)
    assert x.min() < 0, "a measurement has no bounds"
    with pytest.raises(ConfigError, match=r"rotate: needs images, got samples of 5 features"):
        feed_of(table, [Rotate()], device)
    with pytest.raises(ConfigError, match=r"colour: needs images of height x width x channels, got 6x7"):
        feed_of(rng.random((20, 6, 7)), [Colour()], device)


def test_every_augmentation_is_a_word_of_the_configuration():
    fields = type(load_config(None, {}, {}).augmentation).model_fields
    assert len(fields) == len({type(a) for a in examples(Augmentation, data)})
    config = load_config(
        None, {"augmentation.rotate": True, "augmentation.shift.pixels": 3, "augmentation.flip": False}
    )
    assert config.augmentation.rotate.degrees == 15
    assert config.augmentation.shift.pixels == 3
    assert config.augmentation.flip is None
