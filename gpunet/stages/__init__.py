"""What trains after what: greedy stacks, runs that go on, and batches that fit into memory."""

from .execution import Callbacks, Carried, begin, carry_out, go_on, runs_of
from .memory import largest_batch, within_memory
from .resuming import resume, resumed_config
from .stack import Stack

__all__ = [
    "Callbacks",
    "Carried",
    "Stack",
    "begin",
    "carry_out",
    "go_on",
    "largest_batch",
    "resume",
    "resumed_config",
    "runs_of",
    "within_memory",
]
