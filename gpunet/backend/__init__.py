"""The array module, devices, random streams, the arena, step capture and the kernel cache.

This is the only room that imports CuPy, and it does so when a CUDA device is first used.
"""

from .arena import Arena
from .arrays import array_module, strided, to_host
from .capture import WARM_UPS, capture, nodes_of, repeat
from .context import NUMERICS, Context, sixteen_bits
from .device import Device, gone, resolve_device
from .dispatch import Op, op, watching
from .driver import DriverReport, probe_driver
from .failures import lost, no_memory_for_graph, out_of_memory
from .forks import fork, is_beside
from .kernels import kernel, launches_told
from .landing import Landing
from .lanes import blas, lanes, run_beside, threads_for, threads_of_blas, threads_pay
from .products import COMPUTE, matmul, products_in
from .sampled import SampleStreams
from .streams import Purpose, Streams, host_generator, normal_pairs

__all__ = [
    "COMPUTE",
    "NUMERICS",
    "WARM_UPS",
    "Arena",
    "Context",
    "Device",
    "DriverReport",
    "Landing",
    "Op",
    "Purpose",
    "SampleStreams",
    "Streams",
    "array_module",
    "blas",
    "capture",
    "fork",
    "gone",
    "host_generator",
    "is_beside",
    "kernel",
    "lanes",
    "launches_told",
    "lost",
    "matmul",
    "no_memory_for_graph",
    "nodes_of",
    "normal_pairs",
    "op",
    "out_of_memory",
    "probe_driver",
    "products_in",
    "repeat",
    "resolve_device",
    "run_beside",
    "sixteen_bits",
    "strided",
    "threads_for",
    "threads_of_blas",
    "threads_pay",
    "to_host",
    "watching",
]
