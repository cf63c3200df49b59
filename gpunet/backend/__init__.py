"""The array module, devices, random streams, the arena, step capture and the kernel cache.

This is the only room that imports CuPy, and it does so when a CUDA device is first used.
"""

from .arena import Arena
from .arrays import array_module, strided, to_host
from .capture import capture
from .compiled import loops, loops_used, use_loops
from .context import NUMERICS, Context, sixteen_bits
from .device import Device, out_of_memory, resolve_device
from .dispatch import Op, op
from .driver import DriverReport, probe_driver
from .kernels import kernel
from .lanes import blas, lanes, run_beside, threads_for, threads_of_blas, threads_pay
from .products import COMPUTE, matmul, products_in
from .sampled import SampleStreams
from .streams import Purpose, Streams, host_generator, normal_pairs

__all__ = [
    "COMPUTE",
    "NUMERICS",
    "Arena",
    "Context",
    "Device",
    "DriverReport",
    "Op",
    "Purpose",
    "SampleStreams",
    "Streams",
    "array_module",
    "blas",
    "capture",
    "host_generator",
    "kernel",
    "lanes",
    "loops",
    "loops_used",
    "matmul",
    "normal_pairs",
    "op",
    "out_of_memory",
    "probe_driver",
    "products_in",
    "resolve_device",
    "run_beside",
    "sixteen_bits",
    "strided",
    "threads_for",
    "threads_of_blas",
    "threads_pay",
    "to_host",
    "use_loops",
]
