"""The CUDA text of convolutions, run on the processor in several orders of its threads, against the NumPy reference."""

import numpy as np
import pytest

from emulation import COMPILER, ORDERS, Emulator, OutOfBoundsError
from gpunet.backend import Arena, Context, Device
from gpunet.ops import grouped
from gpunet.ops.convolution import convolve, convolve_grad_input, convolve_grad_kernel
from gpunet.ops.windows import Windows

# Compiling takes seconds, and minutes on a machine that is busy with everything else.
pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]
# samples, image, inputs, outputs, groups, windows
CASES = {
    "two groups": (3, (7, 5), 6, 8, 2, Windows((3, 3), before=(1, 1), after=(1, 1))),
    "many channels": (1, (4, 3), 140, 70, 2, Windows((2, 3))),
    "stride and dilation": (2, (11, 12), 6, 3, 3, Windows((3, 2), (2, 3), (2, 1), (2, 0), (1, 2))),
    "one pixel": (2, (5, 5), 8, 12, 4, Windows((1, 1))),
    "one row": (1, (1, 1), 4, 4, 2, Windows((3, 3), before=(1, 1), after=(1, 1))),
    "one channel each": (2, (9, 8), 35, 35, 35, Windows((3, 3), before=(1, 1), after=(1, 1))),
    "one channel each, stride": (3, (8, 9), 5, 5, 5, Windows((3, 3), (2, 2), (1, 1), (0, 1), (1, 1))),
    "several outputs of a channel": (2, (6, 6), 3, 6, 3, Windows((3, 3))),
}


def arrays(case, members, shared, dtype=np.float64):
    samples, image, n_in, n_out, groups, windows = CASES[case]
    rng, lead = np.random.default_rng(0), (members,) if members else ()
    draw = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731
    x = draw(*(() if shared else lead), samples, *image, n_in)
    weight, bias = draw(*lead, *windows.size, n_in // groups, n_out), draw(*lead, n_out)
    return x, weight, bias, draw(*lead, samples, *windows.positions(image), n_out), windows, groups


def computed(x, weight, bias, dy, windows, groups, by_kernels):
    """What the three give, by the kernels or by NumPy; outputs begin as NaN."""
    ctx = Context(True, Arena(Device("cpu")))
    y, dx, dw = (np.full(shape, np.nan, x.dtype) for shape in (dy.shape, (*dy.shape[:-4], *x.shape[-4:]), weight.shape))
    forward, back, over = (
        way.overrides["cupy"] if by_kernels else way.reference
        for way in (convolve, convolve_grad_input, convolve_grad_kernel)
    )
    forward(x, weight, bias, windows, groups, y, ctx)
    back(dy, weight, windows, groups, dx, ctx)
    over(x, dy, windows, groups, dw, ctx)
    return y, dx, dw


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", CASES)
def test_kernels_give_what_numpy_gives(case, order, monkeypatch):
    emulator = Emulator(order)
    monkeypatch.setattr(grouped, "kernel", emulator)
    for members, shared in ((0, False), (2, False), (2, True)):
        given = arrays(case, members, shared)
        for found, wanted in zip(computed(*given, True), computed(*given, False)):
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    assert len(emulator.launched) == 9


@pytest.mark.parametrize("case", ["two groups", "one channel each"])
def test_sums_in_parts_are_those_of_a_model_alone_and_of_its_members(case, monkeypatch):
    emulator = Emulator("shuffled")
    monkeypatch.setattr(grouped, "kernel", emulator)
    monkeypatch.setattr(grouped, "PART", 16)
    x, weight, bias, dy, windows, groups = arrays(case, 3, False, np.float32)
    together = computed(x, weight, bias, dy, windows, groups, True)
    assert any(name.startswith("sum_parts") for name in emulator.launched)
    for member in range(3):
        alone = computed(x[member], weight[member], bias[member], dy[member], windows, groups, True)
        for found, wanted in zip(alone, together):
            assert found.tobytes() == wanted[member].tobytes()
    for found, wanted in zip(together, computed(x, weight, bias, dy, windows, groups, False)):
        np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)


def test_without_a_bias(monkeypatch):
    monkeypatch.setattr(grouped, "kernel", Emulator())
    for case in ("two groups", "one channel each"):
        x, weight, bias, dy, windows, groups = arrays(case, 2, False)
        without = computed(x, weight, None, dy, windows, groups, True)[0]
        zero = computed(x, weight, np.zeros_like(bias), dy, windows, groups, True)[0]
        assert without.tobytes() == zero.tobytes()


@pytest.mark.parametrize(
    ("case", "old", "new"),
    [
        (
            "many channels",
            "        __syncthreads();\n        for (int k = 0",
            "        for (int k = 0",
        ),  # reads too early
        ("many channels", "        __syncthreads();\n    }\n", "    }\n"),  # writes too early
        ("two groups", "if (m >= m_end || n >= n_end) continue;", "if (m > m_end || n >= n_end) continue;"),
        ("two groups", "i >= z.height", "i > z.height"),
        ("one channel each", "if (element >= count) return;", ""),
        ("one channel each", "    __syncthreads();\n    if (threadIdx.y", "    if (threadIdx.y"),
    ],
)
def test_planted_faults_are_caught(case, old, new, monkeypatch):
    faults = 0
    given = arrays(case, 2, False)
    wanted = computed(*given, False)
    for order in ORDERS:

        def change(text):
            assert old in text
            return text.replace(old, new)

        monkeypatch.setattr(grouped, "kernel", Emulator(order, change))
        try:
            found = computed(*given, True)
            faults += not all(np.allclose(f, w, rtol=1e-11, atol=1e-12) for f, w in zip(found, wanted))
        except OutOfBoundsError:
            faults += 1
    assert faults


def test_what_the_kernels_do_not_take_is_left_to_products():
    x = np.zeros((2, 4, 4, 6), np.float32)
    assert grouped.suits(2, x)
    assert not grouped.suits(1, x)
    assert not grouped.suits(2, x[:, ::2])
    assert not grouped.suits(2, np.broadcast_to(np.float32(0), (300, 2, 4, 4, 6)))
