"""Compiled loops of the processor: when they are used, where they are kept, and that they draw the same events."""

import subprocess
import sys

import numpy as np
import pytest

from gpunet.backend import Arena, Context, Device, Streams, compiled, loops_used, op
from gpunet.backend.loop_files import clear_damaged, is_sealed, seal
from gpunet.ops.activations import sigmoid
from gpunet.ops.drawing import bernoulli

numba = pytest.importorskip("numba")
pytestmark = pytest.mark.timeout(600)  # compiling takes seconds, and longer on a busy machine


def context(seeds=3, numerics=2):
    device = Device()
    return Context(True, Arena(device), Streams(device, seeds, device.put([5], np.uint64)), numerics=numerics)


def drawn(x, seeds=3, **options):
    return np.array(bernoulli(x, context(seeds, **options)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 7, 1023, 16385, 100_001])
def test_the_same_states_are_drawn(dtype, count):
    x = np.random.default_rng(count).normal(scale=4, size=(count,)).astype(dtype)
    x[::97] = np.inf
    x[1::97] = -np.inf
    with loops_used(False):
        wanted = drawn(x)
    with loops_used(True):
        assert drawn(x).tobytes() == wanted.tobytes()
    reference = context()
    literal = reference.events(sigmoid(x, np.empty_like(x)))
    assert wanted.tobytes() == literal.tobytes()


def test_what_the_first_bits_leave_open_is_drawn_alike():
    """Probabilities on, and just beside, the steps of 16 bits, of numbers drawn so often that many ties occur."""
    bits = np.array(context().bits16((3000,)))
    for dtype in (np.float32, np.float64):
        p = ((bits + np.tile([0.25, 0.5, 0.75], 1000)) / 65536).astype(dtype)
        found = {}
        for used in (False, True):
            with loops_used(used):
                found[used] = np.array(context().events(p.copy()))
        assert found[True].tobytes() == found[False].tobytes()
        assert 0.4 < found[True].mean() < 0.6  # each was open


def test_views_that_are_not_aligned_and_not_contiguous():
    memory = np.random.default_rng(0).normal(size=(3, 40, 131)).astype(np.float32)
    for x in (memory.reshape(-1)[1:], memory[:, 1:, 5:], memory.swapaxes(0, 1), memory[..., ::2]):
        found = {}
        for used in (False, True):
            with loops_used(used):
                found[used] = drawn(x)
        assert found[True].tobytes() == found[False].tobytes()


def test_a_member_draws_what_it_draws_alone():
    x = np.random.default_rng(0).normal(size=(2, 50, 33)).astype(np.float32)
    with loops_used(True):
        together = drawn(x, [8, 9])
        for member in range(2):
            assert together[member].tobytes() == drawn(x[member], 8 + member).tobytes()


def test_old_rules_of_arithmetic_and_members_that_draw_apart():
    x = np.random.default_rng(0).normal(size=(2, 50, 33)).astype(np.float32)

    def apart():
        ctx = context([8, 9])
        ctx.bits16((2, 3))
        ctx.streams.give_back([True, False], 1)
        return np.array(bernoulli(x, ctx))

    for draw in (lambda: drawn(x, [8, 9], numerics=1), apart):
        with loops_used(False):
            wanted = draw()
        with loops_used(True):
            assert draw().tobytes() == wanted.tobytes()
    assert not np.array_equal(apart(), drawn(x, [8, 9]))


@pytest.fixture
def fresh(monkeypatch):
    """A process that has decided nothing yet."""
    monkeypatch.setattr(compiled, "_STATE", compiled._State())


@pytest.mark.usefixtures("fresh")
def test_loops_are_loaded_when_enough_was_done(monkeypatch):
    loaded = []
    monkeypatch.setattr(compiled, "load", lambda: loaded.append(1) or True)
    monkeypatch.setattr(compiled, "is_sealed", lambda folder: True)
    numbers = compiled.ENOUGH // 4 - compiled.CALL
    assert [compiled.pays(numbers) for _ in range(4)] == [False, False, False, True]
    assert loaded == [1]


@pytest.mark.usefixtures("fresh")
def test_loops_that_must_be_compiled_first_need_more(monkeypatch):
    loaded = []
    monkeypatch.setattr(compiled, "load", lambda: loaded.append(1) or True)
    monkeypatch.setattr(compiled, "is_sealed", lambda folder: False)
    assert not compiled.pays(compiled.ENOUGH)
    assert not loaded
    assert compiled.pays(compiled.ENOUGH_TO_COMPILE)


@pytest.mark.usefixtures("fresh")
def test_without_numba_array_functions_stay(monkeypatch):
    monkeypatch.setattr(compiled, "_installed", lambda: False)
    assert not compiled.pays(10 * compiled.ENOUGH_TO_COMPILE)
    assert compiled.reason() == "numba is not installed"
    with pytest.raises(RuntimeError, match="cannot be used: numba is not installed"), loops_used(True):
        pass


@pytest.mark.usefixtures("fresh")
def test_a_numba_that_cannot_be_loaded_is_told(monkeypatch):
    def fails():
        raise ImportError("Numba needs NumPy 1.0 or less")

    monkeypatch.setattr(compiled, "_numba", fails)
    assert not compiled.load()
    assert compiled.reason() == "numba cannot be loaded: Numba needs NumPy 1.0 or less"


def test_where_compiled_loops_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert compiled.folder() == tmp_path / "gpunet-loops", "what others keep there is let alone"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert compiled.folder() == tmp_path / "gpunet" / "loops"
        monkeypatch.delenv("XDG_CACHE_HOME")

    def nobody(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compiled.Path, "expanduser", nobody)
    assert not is_sealed(compiled.folder())


def test_overrides_are_chosen():
    @op
    def which(x):
        return "reference"

    which.override("compiled")(lambda x: "compiled")
    which.override("numpy")(lambda x: "numpy")
    with loops_used(True):
        assert which(np.zeros(1)) == "compiled"
    with loops_used(False):
        assert which(np.zeros(1)) == "numpy"
        assert which(1) == "reference"


DOUBLE = """
import sys, warnings
import numpy as np
from gpunet.backend import compiled

def double(x):
    for i in range(x.size):
        x[i] += x[i]

made = compiled.loop(double)
x = np.ones(3, "f4")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    made(x)
assert x.tolist() == [2, 2, 2]
print([str(w.message) for w in caught])
"""


@pytest.fixture
def script(tmp_path):
    """Runs it in a process with a folder of its own; gives the warnings, and the folder."""
    file, folder = tmp_path / "double.py", tmp_path / "loops"
    file.write_text(DOUBLE)

    def run():
        env = {"NUMBA_CACHE_DIR": str(folder), "PATH": "", "HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, file], env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run, folder


def test_compiled_loops_are_kept_and_damaged_ones_compiled_anew(script):
    run, folder = script
    assert run() == "[]"
    written = {file: file.read_bytes() for file in folder.rglob("*.nb?")}
    assert len(written) == 2  # an index, and the loop
    for file, data in written.items():
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    assert "2 damaged files" in run()
    sealed = {file: file.read_bytes() for file in folder.rglob("*.nb?")}
    assert sealed.keys() == written.keys()
    assert run() == "[]"
    assert {file: file.read_bytes() for file in folder.rglob("*.nb?")} == sealed, "they were taken as they are"


def test_files_without_a_checksum_are_removed_in_silence(tmp_path):
    """As of a process that was ended between the two."""
    for name in ("a.nbi", "b.nbc", "other"):
        (tmp_path / name).write_bytes(b"code")
    seal(tmp_path)
    assert is_sealed(tmp_path)
    assert clear_damaged(tmp_path) == []
    (tmp_path / "b.nbc.sha256").unlink()
    (tmp_path / "a.nbi").write_bytes(b"cOde")
    assert clear_damaged(tmp_path) == [tmp_path / "a.nbi"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other"]
    assert not is_sealed(tmp_path)


def test_a_folder_that_cannot_be_written_is_told_and_done_without(script):
    run, folder = script
    folder.write_text("a file")
    said = run()
    assert "are not kept in" in said
    assert "Set NUMBA_CACHE_DIR" in said
