"""A device whose memory ends."""

from dataclasses import dataclass

import numpy as np

from gpunet.backend import Device


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


@dataclass(frozen=True)
class SmallDevice(Device):
    """A device without room for an array of more than so many bytes."""

    limit: int = 1 << 40

    def empty(self, shape, dtype):
        if np.prod(shape) * np.dtype(dtype).itemsize > self.limit:
            raise OutOfMemoryError(f"Out of memory allocating {np.prod(shape)} numbers")
        return super().empty(shape, dtype)
