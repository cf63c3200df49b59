"""What the errors of devices say: that memory ended, or that the device is gone.

CuPy's errors and those of cuBLAS are of several classes, none of which can be named where CuPy is not installed; their
texts begin with CUDA's own name for what happened.
"""

import re
from collections.abc import Iterator

# After one of these nothing more can be done with the device in this process.
GONE = re.compile(
    r"cudaError(?:IllegalAddress|LaunchFailure|LaunchTimeout|HardwareStackError|IllegalInstruction|MisalignedAddress"
    r"|InvalidAddressSpace|InvalidPc|ECCUncorrectable|NvlinkUncorrectable|NoDevice|DevicesUnavailable|Contained"
    r"|TensorMemoryLeak|ExternalDevice|SystemNotReady|Unknown)\b"
    r"|CUDA_ERROR_(?:ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|HARDWARE_STACK_ERROR|ILLEGAL_INSTRUCTION"
    r"|MISALIGNED_ADDRESS|INVALID_ADDRESS_SPACE|INVALID_PC|ECC_UNCORRECTABLE|NVLINK_UNCORRECTABLE|NO_DEVICE"
    r"|DEVICE_UNAVAILABLE|CONTAINED|EXTERNAL_DEVICE|SYSTEM_NOT_READY|UNKNOWN)\b"
    r"|cuBLAS failed: (?:11|13|14)\b"  # mapping error, execution failed, internal error
)


class GraphMemoryError(MemoryError):
    """There is no memory left for the graph of a step."""


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says, or followed from one that says, that a device or the host has no memory left.

    CuPy's OutOfMemoryError is a MemoryError; CUDA's own calls raise a RuntimeError that names their code.

    >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("cudaErrorInvalidValue: invalid argument"))
    (True, False)
    """
    return any(isinstance(one, MemoryError) or "MemoryAllocation" in str(one) for one in _causes(error))


def lost(error: BaseException | None) -> str:
    """What an error says, or followed from one that says, of a device that is gone; nothing for other errors.

    >>> lost(RuntimeError("cudaErrorECCUncorrectable: uncorrectable ECC error encountered"))
    'cudaErrorECCUncorrectable: uncorrectable ECC error encountered'
    >>> lost(RuntimeError("cudaErrorInvalidValue: invalid argument"))
    ''
    """
    said = (str(one) for one in _causes(error) if isinstance(one, RuntimeError) and GONE.search(str(one)))
    return next((text.splitlines()[0] for text in said), "")


def no_memory_for_graph(error: BaseException | None) -> bool:
    """Whether memory ended when the graph of a step was made."""
    return any(isinstance(one, GraphMemoryError) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
