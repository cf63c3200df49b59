"""Checks for layers, losses, rules and steps: gpunet's own and those of its users.

:func:`check_gradients` compares backpropagation through one layer with central differences, :func:`check_parameters`
that through a whole model.  :func:`examples` finds every exported class of a family, so a new one is checked as soon as
it is exported.  :class:`TracedDevice` shows whether a step can be captured.
"""

from .gradients import check_gradients, compare, examples, make_context, numeric_gradient
from .probes import Finding, check_parameters
from .tracing import LOG, HostReadError, SelfCopyError, Traced, TracedDevice, plain

__all__ = [
    "LOG",
    "Finding",
    "HostReadError",
    "SelfCopyError",
    "Traced",
    "TracedDevice",
    "check_gradients",
    "check_parameters",
    "compare",
    "examples",
    "make_context",
    "numeric_gradient",
    "plain",
]
