"""All CUDA text compiles, with no GPU and no driver."""

from pathlib import Path

import pytest

import gpunet
from gpunet.backend.kernels import OPTIONS, text

SOURCES = sorted(Path(gpunet.__file__).parent.rglob("*.cu"), key=lambda source: source.name)


def test_there_is_cuda_text():
    assert [s.stem for s in SOURCES] == [
        "convolution", "gather", "guard", "layers", "losses", "machine", "norm", "philox", "tail", "words",
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # importing CuPy without its toolkit warns
@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
@pytest.mark.parametrize("architecture", [75, 80, 90, 100, 120])
def test_nvrtc_compiles(source, architecture):
    nvrtc = pytest.importorskip("cupy", reason="needs the extra 'kernels'").cuda.nvrtc
    try:
        program = nvrtc.createProgram(text(source), source.name, (), ())
    except (RuntimeError, OSError) as error:
        pytest.skip(f"no NVRTC library (extra 'kernels'): {error}")
    try:
        nvrtc.compileProgram(program, (*OPTIONS, f"--gpu-architecture=compute_{architecture}"))
        assert b".entry" in nvrtc.getPTX(program)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    finally:
        nvrtc.destroyProgram(program)


def test_an_included_file_stands_in_its_place():
    layers = next(source for source in SOURCES if source.stem == "layers")
    assert "#include" in layers.read_text()
    assert "#include" not in text(layers)
    assert "philox_block(word c0" in text(layers)
