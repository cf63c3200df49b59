"""What trains after what: greedy stacks, runs that go on, and batches that fit into memory."""

from .memory import largest_batch, within_memory
from .resuming import resume, resumed_config
from .stack import Stack

__all__ = [
    "Stack",
    "largest_batch",
    "resume",
    "resumed_config",
    "within_memory",
]
