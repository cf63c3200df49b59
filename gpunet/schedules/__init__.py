"""Hyperparameters that change while training: functions of the time in epochs.

A schedule is called with an array of times, the fractional epoch at each step of the epoch to come, and returns the
value at each; the values are uploaded once per epoch and a step picks its own on the device.
"""

from .base import Constant, Hyper, Schedule, table
from .composed import Join, WarmUp
from .cyclic import CosineRestarts, OneCycle, Triangular
from .decay import Cosine, Exponential, InverseRoot, InverseTime, Piecewise, Ramp, Step

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "Hyper",
    "InverseRoot",
    "InverseTime",
    "Join",
    "OneCycle",
    "Piecewise",
    "Ramp",
    "Schedule",
    "Step",
    "Triangular",
    "WarmUp",
    "table",
]
