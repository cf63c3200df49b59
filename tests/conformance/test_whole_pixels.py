"""Images that move by whole pixels need no interpolation, and are the same as with it."""

import numpy as np
import pytest

from gpunet.data import Augmenter
from gpunet.data.augmentations import Flip, Shift
from gpunet.testing import make_context


@pytest.mark.parametrize("shape", [(5, 6), (6, 5, 3)])
@pytest.mark.parametrize("type_", ["u1", "f4"])
def test_whole_pixels_are_picked_and_are_what_interpolation_gives_bit_by_bit(shape, type_, device, rng, monkeypatch):
    raw = rng.normal(size=(40, int(np.prod(shape)))) * 50
    raw = device.put(np.abs(raw).astype(type_) if type_ == "u1" else raw.astype(type_))
    u = device.put(rng.random((40, 4)).astype("f4"))
    found = []
    for whole in (True, False):
        if not whole:
            monkeypatch.setattr(Shift, "whole_pixels", False)
        augmenter = Augmenter([Shift(3), Flip(True, True)], shape, 255.0, 10, 40, device, np.float32)
        x, _ = augmenter.apply(raw, None, lambda _: u, None, make_context(device), np.float32)
        found.append(device.get(x).tobytes())
    assert found[0] == found[1]
