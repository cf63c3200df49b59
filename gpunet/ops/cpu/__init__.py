"""Loops for the processor, compiled by numba; see :mod:`gpunet.backend.compiled`.

Nothing imports these files but by :func:`gpunet.backend.compiled.loops`, since they need numba.
"""
