"""The random numbers: the host's, the CUDA text's and NumPy's must be the same words."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import gpunet.backend
from gpunet.backend import Arena, Purpose, Streams, host_generator
from gpunet.backend.events import decide
from gpunet.backend.sampled import draw_sample_words

SOURCE = gpunet.backend.__path__[0] + "/philox.cu"


def literal(seed, purpose, step, site, words):
    return np.random.Philox(
        key=np.array([seed, purpose], np.uint64), counter=np.array([0, step, site, 0], np.uint64)
    ).random_raw(words)


def test_bits_are_those_of_numpy(device):
    clock = device.put([41], np.uint64)
    streams, arena = Streams(device, 9, clock), Arena(device)
    for site in range(3):  # more words than one chunk, and not a multiple of four
        bits = device.get(streams.bits16((37, 1003), arena))
        expected = literal(9, Purpose.LAYERS, 41, site, 10_000).view(np.uint16)[: bits.size]
        assert (bits.ravel() == expected).all()


def test_rewinding_repeats_and_the_clock_advances(device):
    clock = device.put([0], np.uint64)
    streams, arena = Streams(device, 1, clock), Arena(device)
    first = device.get(streams.bits16((5, 7), arena))
    streams.rewind()
    assert (device.get(streams.bits16((5, 7), arena)) == first).all()
    clock += 1
    streams.rewind()
    assert (device.get(streams.bits16((5, 7), arena)) != first).any()


def test_each_member_draws_what_its_seed_draws_alone(device):
    clock = device.put([3], np.uint64)
    together = device.get(Streams(device, [4, 5], clock).bits16((2, 3, 7), Arena(device)))
    for member, seed in enumerate((4, 5)):
        alone = device.get(Streams(device, seed, clock).bits16((3, 7), Arena(device)))
        assert (together[member] == alone).all()


def test_purposes_and_seeds_do_not_share_numbers():
    drawn = {tuple(host_generator(seed, p).integers(2**60, size=2)) for seed in (0, 1) for p in Purpose}
    assert len(drawn) == 2 * len(Purpose)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The device functions of the CUDA text, compiled as C."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("philox")
    source = folder / "philox.c"
    source.write_text(
        f'#include "{SOURCE}"\n'
        "void fill(word *row, long long words, word step, word site, word phase, const word *key) {\n"
        "    for (long long block = 0; 4 * block < words; ++block)\n"
        "        philox_fill(row, words, block, step, site, phase, key);\n"
        "}\n"
        "void samples(word *out, long long words, long long rows, long long per_member, const word *keys,\n"
        "             word epoch, const long long *samples, word site, long long threads) {\n"
        "    for (long long thread = 0; thread < threads; ++thread)\n"
        "        philox_sample(out, words, rows, per_member, keys, epoch, samples, site, thread);\n"
        "}\n"
        "void events(unsigned char *out, const double *expected, const unsigned short *bits, long long count,\n"
        "            word step, word site, const word *key) {\n"
        "    for (long long i = 0; i < count; ++i) out[i] = philox_event(expected[i], bits[i], i, step, site, key);\n"
        "}\n"
    )
    library = folder / "philox.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize("words", [1, 3, 4, 1001, 250_001])
def test_cuda_text_computes_the_words_of_numpy(compiled, words):
    key = np.array([2**63 + 11, Purpose.LAYERS], np.uint64)
    row = np.zeros(words + 1, np.uint64)  # one more, to see that nothing is written beyond
    pointer = ctypes.POINTER(ctypes.c_uint64)
    numbers = [ctypes.c_longlong(words), ctypes.c_uint64(5), ctypes.c_uint64(6), ctypes.c_uint64(0)]
    compiled.fill(row.ctypes.data_as(pointer), *numbers, key.ctypes.data_as(pointer))
    assert (row[:-1] == literal(2**63 + 11, Purpose.LAYERS, 5, 6, words)).all()
    assert row[-1] == 0


@pytest.mark.parametrize("words", [1, 4, 7])
def test_cuda_text_draws_for_samples_what_the_host_draws(compiled, words, device):
    keys = np.array([[5, Purpose.SAMPLES], [2**63 + 1, Purpose.SAMPLES]], np.uint64)
    samples = np.array([[3, 0, 2**40], [1, 1, 9]], np.int64)
    out = np.zeros((2, 3, words), np.uint64)
    pointer, signed = ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(ctypes.c_longlong)
    threads = -(-6 * -(-words // 4) // 128) * 128  # whole blocks, as they are launched
    compiled.samples(
        out.ctypes.data_as(pointer), *map(ctypes.c_longlong, (words, 6, 3)), keys.ctypes.data_as(pointer),
        ctypes.c_uint64(8), samples.ctypes.data_as(signed), ctypes.c_uint64(2), ctypes.c_longlong(threads),
    )  # fmt: skip
    drawn = device.zeros(out.shape, np.uint64)
    draw_sample_words(drawn, device.put(keys), device.put([8], np.uint64), device.put(samples), 2)
    for member, row in np.ndindex(2, 3):
        counter = np.array([0, 8, samples[member, row], 2], np.uint64)
        literally = np.random.Philox(key=keys[member], counter=counter).random_raw(words)
        assert (out[member, row] == literally).all()
        assert (device.get(drawn)[member, row] == literally).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_cuda_text_decides_events_as_the_host_does(compiled, kind, device):
    """A quarter of the words tie with the probability, so further bits are drawn for them."""
    rng, key = np.random.default_rng(0), np.array([[2**63 + 11, Purpose.LAYERS]], np.uint64)
    expected = (rng.random(4001) * 65536).astype(kind)
    bits = np.floor(expected + rng.integers(-2, 2, 4001)).clip(0, 65535).astype(np.uint16)
    doubles, out = expected.astype(np.float64), np.zeros(4001, np.uint8)
    pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (out, doubles, bits)]
    numbers = [ctypes.c_longlong(4001), ctypes.c_uint64(5), ctypes.c_uint64(6)]
    compiled.events(*pointers, *numbers, key.ctypes.data_as(ctypes.c_void_p))
    found = device.zeros((4001,), bool)
    decide(found, device.put(bits), device.put(expected), device.put(key), device.put([5], np.uint64), 6)
    assert np.array_equal(device.get(found), out.astype(bool))
    further = np.random.Philox(key=key[0], counter=np.array([0, 5, 6, 1], np.uint64)).random_raw(4001) >> 11
    assert np.array_equal(out.astype(bool), bits + further * 2.0**-53 < doubles)


def test_bits_are_uniform_and_uncorrelated_between_steps(device):
    clock = device.put([0], np.uint64)
    streams, arena = Streams(device, 0, clock), Arena(device)
    a = device.get(streams.bits16((200_000,), arena)) / 65536 - 0.5
    clock += 1
    streams.rewind()
    b = device.get(streams.bits16((200_000,), arena)) / 65536 - 0.5
    error = 5 / np.sqrt(len(a))  # five standard errors
    assert abs(a.mean()) < error * np.sqrt(1 / 12)
    assert abs((a * b).mean()) * 12 < error
