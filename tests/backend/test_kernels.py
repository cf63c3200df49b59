"""CUDA text compiles with no GPU and no driver; what is compiled is kept, and loaded once."""

import errno
import hashlib
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from emulation import COMPILER, kernel_names
from gpunet.backend import compiling, kernel, kernels
from gpunet.backend.compiling import MARK, MOST, OPTIONS, cache_folder, compiled, machine_code, target_for
from gpunet.backend.translation import precision_of, sources, text, unit
from gpunet.errors import DeviceError, GpunetWarning

PRECISIONS = ("float", "double")


def test_there_is_cuda_text():
    assert [s.stem for s in sources()] == [
        "convolution", "gather", "guard", "layers", "losses", "machine", "norm", "philox", "resample", "tail", "words",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def nvrtc():
    """CuPy's compiler, where the extra is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing CuPy without its toolkit warns
        found = pytest.importorskip("cupy", reason="needs the extra 'kernels'").cuda.nvrtc
        try:
            found.getVersion()
        except (RuntimeError, OSError) as error:
            pytest.skip(f"no NVRTC library (extra 'kernels'): {error}")
    return found


@pytest.mark.parametrize("capability", [75, 80, 90, 100, 120])
@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_nvrtc_compiles(nvrtc, source, capability):
    code = compiled(nvrtc, text(source), (*OPTIONS, f"--gpu-architecture=compute_{capability}"), is_binary=False)
    assert b".entry" in code


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_machine_code_has_the_kernels_of_its_precision(nvrtc, source):
    code = compiled(nvrtc, unit(source, "float"), (*OPTIONS, "--gpu-architecture=sm_90"))
    assert code.startswith(b"\x7fELF")
    for name in kernel_names(text(source)):
        assert (f".text.{name}\0".encode() in code) == (precision_of(name) == "float"), name


def test_nvrtc_says_where_a_text_is_wrong(nvrtc):
    with pytest.raises(RuntimeError, match="no_such_type"):
        compiled(nvrtc, "__global__ void f(no_such_type x) {}", (*OPTIONS, "--gpu-architecture=sm_90"))


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_a_kernel_is_in_the_text_of_its_precision():
    for path in sources():
        every = set(kernel_names(text(path)))
        of_each = {precision: set(kernel_names(unit(path, precision))) for precision in PRECISIONS}
        assert every == of_each["float"] | of_each["double"]
        for name in every:
            other = PRECISIONS[precision_of(name) == "float"]
            assert name in of_each[precision_of(name)]
            assert name not in of_each[other] or not name.endswith(PRECISIONS), f"{name} is compiled twice"


def test_an_included_file_stands_in_its_place_without_its_kernels():
    layers = next(source for source in sources() if source.stem == "layers")
    assert "#include" in layers.read_text()
    assert "#include" not in text(layers)
    assert "philox_block(word c0" in text(layers)
    if COMPILER is not None:
        assert set(kernel_names(unit(layers, "float"))) == {"forward_float", "backward_float"}


class Compiler:
    """Stands for CuPy's module: what it makes says what it was made of."""

    NVRTCError = RuntimeError

    def __init__(self, version=(13, 0), known=(75, 80, 90)):
        self.version, self.known, self.runs = version, known, 0

    def getVersion(self):  # noqa: N802 - CuPy's names
        return self.version

    def getSupportedArchs(self):  # noqa: N802
        return list(self.known)

    def createProgram(self, source, name, headers, includes):  # noqa: N802
        return [source, None]

    def compileProgram(self, program, options):  # noqa: N802
        self.runs += 1
        program[1] = options

    def getCUBIN(self, program):  # noqa: N802
        return f"machine code of {hashlib.sha256(program[0].encode()).hexdigest()} {program[1]}".encode()

    def getPTX(self, program):  # noqa: N802
        return f"assembly for {program[1]}".encode()

    def destroyProgram(self, program):  # noqa: N802
        program.clear()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gpunet" / "kernels"


def test_what_is_compiled_is_kept(folder):
    compiler = Compiler()
    first = machine_code(compiler, 90, "text")
    assert machine_code(compiler, 90, "text") == first
    assert compiler.runs == 1
    (kept,) = folder.iterdir()
    assert kept.read_bytes() == MARK + hashlib.sha256(first).digest() + first


def test_whatever_it_is_made_of_decides(folder, monkeypatch):
    found = [machine_code(compiler, capability, "text") for compiler, capability in (
        (Compiler(), 90), (Compiler(), 80), (Compiler(version=(13, 1)), 90), (Compiler(), 103)
    )]  # fmt: skip
    monkeypatch.setattr(compiling, "OPTIONS", ("--std=c++20",))
    found.append(machine_code(Compiler(), 90, "text"))
    found.append(machine_code(Compiler(), 90, "another text"))
    assert len(list(folder.iterdir())) == len(found)
    assert found[3] == b"assembly for ('--std=c++17', '--gpu-architecture=compute_90')"


@pytest.mark.parametrize("damage", [
    lambda whole: whole[:-1], lambda whole: b"", lambda whole: whole[: len(MARK) + 32], lambda whole: b"x" + whole[1:],
    lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
])  # fmt: skip
def test_a_damaged_file_is_said_and_made_anew(folder, damage):
    compiler = Compiler()
    first = machine_code(compiler, 90, "text")
    (kept,) = folder.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    with pytest.warns(GpunetWarning, match="is damaged, so kernels are compiled anew") as said:
        assert machine_code(compiler, 90, "text") == first
    assert len(said) == 1
    assert compiler.runs == 2
    assert machine_code(compiler, 90, "text") == first  # without a word
    assert compiler.runs == 2


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("way", ["a file is there", "a full disk", "nothing may be written", "no home"])
def test_a_folder_that_cannot_be_written_is_said_and_costs_a_compilation(way, folder, tmp_path, monkeypatch):
    compiler = Compiler()
    if way == "a file is there":
        (tmp_path / "gpunet").touch()
    elif way == "a full disk":
        monkeypatch.setattr(os, "write", full)
    elif way == "nothing may be written":
        monkeypatch.setattr(os, "mkdir", full)
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home")))
    with pytest.warns(GpunetWarning, match=r"cannot be written|cannot be read|are not kept") as said:
        assert machine_code(compiler, 90, "text").startswith(b"machine code")
    monkeypatch.undo()
    assert "\n" not in str(said[0].message)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


def test_a_relative_cache_is_none(monkeypatch):
    """As the standard says."""
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder() == Path.home() / ".cache" / "gpunet" / "kernels"


def test_the_oldest_files_go(folder):
    for number in range(MOST + 2):
        machine_code(Compiler(version=(13, number)), 90, "text")
        for age, path in enumerate(sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)):
            os.utime(path, (age, age))
    assert len(list(folder.iterdir())) == MOST
    again = Compiler(version=(13, MOST + 1))
    machine_code(again, 90, "text")
    assert again.runs == 0


def test_a_gpu_that_the_compiler_does_not_know():
    assert target_for([75, 90], 120, (13, 0)) == ("compute_90", False)
    with pytest.raises(DeviceError, match=r"needs a GPU of compute capability 7.5 for CUDA 13, got 7.0") as caught:
        target_for([75, 90], 70, (13, 0))
    assert "gpunet[cuda12]" in str(caught.value)
    assert caught.value.exit_code == 5


def test_a_file_is_loaded_once_for_each_precision_and_device(folder, monkeypatch):
    loaded, here = [], [0]

    class Module:
        def load(self, code):
            loaded.append(code)

        def get_function(self, name):
            return name, loaded.index(loaded[-1])

    class Device:
        def __init__(self, number=None):
            self.id = here[0] if number is None else number
            self.compute_capability = ("90", "80")[self.id]

    cuda = SimpleNamespace(Module=Module, Device=Device, nvrtc=Compiler())
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    for cached in (kernels._found, kernels._module):
        cached.cache_clear()
    try:
        norm = next(path for path in sources() if path.stem == "norm")
        assert kernel(norm, "forward_float") == ("forward_float", 0)
        assert kernel(norm, "backward_float") == ("backward_float", 0)
        assert kernel(norm, "forward_double") == ("forward_double", 1)
        here[0] = 1
        assert kernel(norm, "forward_float") == ("forward_float", 2)
        assert cuda.nvrtc.runs == len(loaded) == 3
        assert loaded[0] == machine_code(cuda.nvrtc, 90, unit(norm, "float"))
    finally:
        for cached in (kernels._found, kernels._module):
            cached.cache_clear()
