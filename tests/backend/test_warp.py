"""Images are moved by one kernel, whatever moves them, and the kernel gives what array functions give."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS, Emulator, OutOfBoundsError
from gpunet.backend import Arena, Context, Device
from gpunet.data import Augmenter
from gpunet.data.augmentations import Elastic, Flip, Rotate, Shear, Shift, Zoom
from gpunet.data.randaugment import RandAugment
from gpunet.ops.resample import warp
from gpunet.testing import LOG
from recording import nodes_of, recording
from sanitizing import Sanitized, works

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
SHAPES = [(1, 1, 1, 1), (3, 5, 4, 1), (7, 1, 9, 2), (40, 6, 5, 3)]  # the last one fills several blocks, and one in part


def given(shape, read, dtype, rng, own):
    """Images, maps that turn, stretch and move them, and places of the pixels."""
    count, height, width, _ = shape
    images = (rng.random(shape) * 255).astype(read)
    maps = (np.eye(3) + rng.normal(size=(count, 3, 3)) * 0.3).astype(dtype)
    maps[:, :2, 2] += rng.normal(size=(count, 2))
    y = (np.arange(height).reshape(-1, 1) - (height - 1) / 2).astype(dtype)
    x = (np.arange(width).reshape(1, -1) - (width - 1) / 2).astype(dtype)
    if own:
        y, x = ((places + rng.normal(size=shape[:3])).astype(dtype) for places in (y, x))
    return images, maps, y, x


def both(arguments, order, whole=False, emulator=None):
    """What array functions give, what the kernel gives, and how many launches that took."""
    images, maps, _, _ = arguments
    wanted = warp(*arguments, whole, np.empty(images.shape, maps.dtype), np.empty)
    with recording(order, emulator=emulator) as device:
        held = [device.put(array) for array in arguments]
        LOG.clear()
        found = warp(*held, whole, device.empty(images.shape, maps.dtype), device.empty)
        return wanted, device.get(found), nodes_of(LOG)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("read", "dtype"), [("u1", "f4"), ("f4", "f4"), ("u1", "f8"), ("f4", "f8"), ("f8", "f8")])
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_the_kernel_interpolates_as_array_functions_do(number, read, dtype, own, rng):
    wanted, found, nodes = both(given(SHAPES[number], read, dtype, rng, own), ORDERS[number % 3])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3 if dtype == "f4" else 1e-9)
    assert nodes.count == 1


def test_sanitizers_find_nothing(rng):
    if not works("memory"):
        pytest.skip("this compiler or machine has no sanitizer for memory")
    wanted, found, _ = both(given((3, 5, 4, 2), "u1", "f4", rng, True), "forward", emulator=Sanitized("memory"))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3)


def test_places_far_away_and_no_numbers(rng):
    images, maps, y, x = given((6, 4, 3, 1), "f4", "f4", rng, False)
    maps[0, 0, 2], maps[1, 1, 2], maps[2, 0, 2], maps[3, 1, 2] = 1e30, -1e30, np.inf, np.nan
    with np.errstate(all="ignore"):
        wanted, found, _ = both((images, maps, y, x), "forward")
    assert (found[:2] == 0).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize("shape", [(5, 6), (6, 5, 3)])
def test_images_that_move_by_whole_pixels_are_the_same_bit_by_bit(shape, rng):
    raw, u = rng.integers(0, 256, (40, int(np.prod(shape)))).astype(np.uint8), rng.random((40, 4)).astype("f4")

    def moved(device):
        augmenter = Augmenter([Shift(3), Flip(True, True)], shape, 255.0, 10, 40, device, np.dtype("f4"))
        ctx, held = Context(True, Arena(device)), device.put(u)
        return augmenter.apply(device.put(raw), None, lambda _: held, None, ctx, np.dtype("f4"))[0]

    wanted = moved(Device())
    with recording("shuffled") as device:
        assert device.get(moved(device)).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    "several", [[Rotate(30), Zoom(0.2), Shear(10)], [Rotate(20), Elastic(3.0)], [RandAugment(2, 0.7)]], ids=repr
)
def test_whatever_moves_images_they_are_read_once(several, rng):
    raw, device = rng.integers(0, 256, (8, 48)).astype(np.uint8), Device()
    found = []

    def moved(device):
        augmenter = Augmenter(several, (4, 4, 3), 255.0, 10, 8, device, np.dtype("f4"))
        u = device.put(np.random.default_rng(0).random((8, augmenter.count)).astype("f4"))
        ctx = Context(True, Arena(device))
        return augmenter.apply(device.put(raw), None, lambda _: u, None, ctx, np.dtype("f4"))[0]

    found.append(moved(device))
    with recording() as device:
        LOG.clear()
        found.append(device.get(moved(device)))
        kernels = nodes_of(LOG).kernels
    np.testing.assert_allclose(found[1], found[0], atol=0.05)
    assert kernels == {"warp_uint8_float": 1}


FAULTS = {
    "a pixel beyond the image": ("if (place >= size) return;", "if (place > size) return;", OutOfBoundsError),
    "weights exchanged": ("{1 - above, above}", "{above, 1 - above}", AssertionError),
    "rows taken for columns": ("place % width", "place % height", AssertionError),
    "an edge that is no edge": ("found.weight[i] *= 0", "found.weight[i] *= 1", AssertionError),
}


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_found(name, rng):
    old, new, error = FAULTS[name]

    def change(text):
        assert old in text
        return text.replace(old, new)

    with pytest.raises(error):
        wanted, found, _ = both(
            given((3, 5, 4, 1), "u1", "f4", rng, False), "forward", emulator=Emulator(change=change)
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-3)
