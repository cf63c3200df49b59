"""All CUDA text compiles, with no GPU and no driver."""

from pathlib import Path

import pytest

import gpunet
from gpunet.backend.kernels import OPTIONS

SOURCES = sorted(Path(gpunet.__file__).parent.rglob("*.cu"), key=lambda source: source.name)


def test_there_is_cuda_text():
    assert [s.name for s in SOURCES] == ["convolution.cu", "philox.cu"]


@pytest.mark.filterwarnings("ignore")  # importing CuPy without its toolkit warns
@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
@pytest.mark.parametrize("architecture", [75, 80, 90, 100, 120])
def test_nvrtc_compiles(source, architecture):
    nvrtc = pytest.importorskip("cupy", reason="needs the extra 'kernels'").cuda.nvrtc
    try:
        program = nvrtc.createProgram(source.read_text(), source.name, (), ())
    except (RuntimeError, OSError) as error:
        pytest.skip(f"no NVRTC library (extra 'kernels'): {error}")
    try:
        nvrtc.compileProgram(program, (*OPTIONS, f"--gpu-architecture=compute_{architecture}"))
        assert b".entry" in nvrtc.getPTX(program)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    finally:
        nvrtc.destroyProgram(program)
