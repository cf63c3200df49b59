"""What trains after what: greedy stacks, runs that go on, portions of members, and batches that fit into memory."""

from .carrying import Callbacks, Carried, Forwarding, carry_out
from .execution import begin, carry_out_population, go_on, runs_of
from .memory import at_once, largest_batch, within_memory
from .portions import FOLDER as PORTIONS
from .portions import restored_by
from .profiling import profiles_of
from .resuming import resume, resumed_config
from .stack import Stack

__all__ = [
    "PORTIONS",
    "Callbacks",
    "Carried",
    "Forwarding",
    "Stack",
    "at_once",
    "begin",
    "carry_out",
    "carry_out_population",
    "go_on",
    "largest_batch",
    "profiles_of",
    "restored_by",
    "resume",
    "resumed_config",
    "runs_of",
    "within_memory",
]
