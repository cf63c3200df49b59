"""CUDA text, compiled: once for each kind of GPU, and kept in the user's cache between processes.

What is kept is named by all that it is made of: text, options, compiler and kind of GPU.  A file that is damaged, and a
folder that cannot be written, cost a compilation and one line that says so.
"""

import hashlib
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import DeviceError, GpunetWarning, WriteError
from ..writing import make_folder, replace_file

# Numbers stay as IEEE says, small ones included, but for products that are added up, which are rounded once.
OPTIONS = ("--std=c++17",)
MARK = b"gpunet kernels 1\n"
MOST = 64  # files that are kept: of other GPUs, and of versions before


def cache_folder() -> Path:
    """Where compiled text is kept: ``gpunet/kernels`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``.

    Raises:
        RuntimeError: the user has no home.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    return base / "gpunet" / "kernels"


def machine_code(nvrtc: Any, capability: int, source: str) -> bytes:
    """A text for one kind of GPU, out of the cache or compiled now.

    Args:
        nvrtc: CuPy's module of that name.
        capability: of the GPU, such as 90.
        source: the text.

    Raises:
        DeviceError: the compiler does not know GPUs as old as this one.
    """
    target, is_binary = target_for(nvrtc.getSupportedArchs(), capability, nvrtc.getVersion())
    options = (*OPTIONS, f"--gpu-architecture={target}")
    made_of = "\n".join([*options, ".".join(map(str, nvrtc.getVersion())), source])
    path = _place(hashlib.sha256(made_of.encode()).hexdigest())
    kept = None if path is None else _kept(path)
    if kept is not None:
        return kept
    code = compiled(nvrtc, source, options, is_binary)
    if path is not None:
        _keep(path, code)
    return code


def target_for(known: Sequence[int], capability: int, version: tuple[int, int]) -> tuple[str, bool]:
    """What to compile for, and whether that is machine code; a driver translates what is not.

    >>> target_for([75, 80, 90], 90, (13, 0)), target_for([75, 80, 90], 103, (13, 0))
    (('sm_90', True), ('compute_90', False))
    """
    if capability in known:
        return f"sm_{capability}", True
    older = [one for one in known if one < capability]
    if not older:
        rule = f"needs a GPU of compute capability {min(known) // 10}.{min(known) % 10} for CUDA {version[0]}"
        remedy = f"Install an older CUDA, as with pip install 'gpunet[cuda{version[0] - 1}]', or use cpu"
        raise DeviceError("device", rule, f"{capability // 10}.{capability % 10}", remedy)
    return f"compute_{max(older)}", False


def compiled(nvrtc: Any, source: str, options: Sequence[str], is_binary: bool = True) -> bytes:
    """A text, compiled.

    Raises:
        RuntimeError: with the compiler's words; the text is gpunet's own, so this is a defect.
    """
    program = nvrtc.createProgram(source, "gpunet.cu", (), ())
    try:
        try:
            nvrtc.compileProgram(program, options)
        except nvrtc.NVRTCError as error:
            raise RuntimeError(f"{error}\n{nvrtc.getProgramLog(program)}") from None
        code: bytes = nvrtc.getCUBIN(program) if is_binary else nvrtc.getPTX(program)
        return code
    finally:
        nvrtc.destroyProgram(program)


def _place(name: str) -> Path | None:
    """Where something is kept, or None where nothing can be."""
    try:
        return cache_folder() / name
    except RuntimeError as error:
        _say(f"compiled kernels are not kept: {error}")
        return None


def _kept(path: Path) -> bytes | None:
    """What was kept, whole and as it was, or None."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _say(f"{path}: cannot be read ({error.strerror}), so kernels are compiled anew")
        return None
    head, code = found[: len(MARK) + 32], found[len(MARK) + 32 :]
    if head == MARK + hashlib.sha256(code).digest() and code:
        return code
    _say(f"{path}: is damaged, so kernels are compiled anew")
    return None


def _keep(path: Path, code: bytes) -> None:
    try:
        make_folder(path.parent)
        replace_file(path, [MARK, hashlib.sha256(code).digest(), code])
    except (OSError, WriteError) as error:
        reason = error.received if isinstance(error, WriteError) else error.strerror
        _say(f"{path.parent}: cannot be written ({reason}), so kernels are compiled anew in every process")
        return
    with suppress(OSError):  # another process may tidy up at the same time
        by_age = sorted(
            (one for one in path.parent.iterdir() if len(one.name) == 64), key=lambda one: one.stat().st_mtime
        )
        for old in by_age[:-MOST]:
            old.unlink()


def _say(line: str) -> None:
    warnings.warn(line, GpunetWarning, stacklevel=2)
