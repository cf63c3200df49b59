"""Words move without sorting: what a sort would give, by array functions and by the kernel."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS
from gpunet.data import DeleteWords, MoveWords
from gpunet.ops.words import move_together
from recording import recording


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (200, 7)])
def test_the_kernel_gives_what_a_sort_gives(shape, order, rng):
    words, kept = rng.integers(1, 99, shape).astype(np.int32), rng.random(shape) < 0.6
    wanted = move_together(words, kept, np.empty_like(words))
    assert wanted.tolist() == [
        [*(w for w, k in zip(row, keep) if k), *[0] * int((~keep).sum())] for row, keep in zip(words.tolist(), kept)
    ]
    with recording(order) as device:
        found = move_together(device.put(words), device.put(kept), device.empty(shape, np.int32))
        assert np.array_equal(device.get(found), wanted)


def test_a_moved_word_makes_the_others_make_room(rng):
    texts = rng.integers(1, 99, (300, 9)).astype(np.int32)
    texts[::3, 5:] = 0
    drawn = rng.random((300, 2))
    found = MoveWords().rearrange(texts, drawn)
    for row, text, (one, two) in zip(found.tolist(), texts.tolist(), drawn):
        count = sum(word > 0 for word in text)
        words, source, target = list(text), int(one * count), int(two * count)
        words.insert(target, words.pop(source))
        assert row == words


def test_words_that_stay_move_together(rng):
    texts, drawn = rng.integers(1, 99, (50, 8)).astype(np.int32), rng.random((50, 8))
    found = DeleteWords(0.4).rearrange(texts, drawn)
    for row, text, u in zip(found.tolist(), texts.tolist(), drawn):
        stay = [word for word, one in zip(text, u) if one >= 0.4] or [text[int(u.argmax())]]
        assert row == stay + [0] * (8 - len(stay))
