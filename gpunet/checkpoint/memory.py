"""Checkpoints that no file holds."""

from pathlib import Path

from .reader import Checkpoint
from .tree import Group
from .writer import content_of

MEMORY = Path("a model in memory")  # stands for the path of a checkpoint that no file holds


def in_memory(root: Group, path: Path = MEMORY) -> Checkpoint:
    """The content of a checkpoint as if it had been read from a file.

    >>> in_memory(Group({}, {"config": Group()})).path.name
    'a model in memory'
    """
    return Checkpoint(path, root, content_of(root))
