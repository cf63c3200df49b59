"""Checkpoints that no file holds."""

import tempfile
from dataclasses import replace
from pathlib import Path

from ..errors import CheckpointError
from .reader import Checkpoint, read
from .tree import Group
from .writer import content_of, sealed

MEMORY = Path("a model in memory")  # stands for the path of a checkpoint that no file holds


def in_memory(root: Group, path: Path = MEMORY) -> Checkpoint:
    """The content of a checkpoint as if it had been read from a file.

    >>> in_memory(Group({}, {"config": Group()})).path.name
    'a model in memory'
    """
    return Checkpoint(path, root, content_of(root))


def to_bytes(root: Group) -> bytes:
    """The bytes of the file that a content becomes, for what keeps checkpoints elsewhere than in files.

    >>> to_bytes(Group({}, {"config": Group()}))[:17]
    b'gpunet-checkpoint'

    Raises:
        CheckpointError: the content is beyond what a reader would accept.
    """
    return b"".join(sealed(str(MEMORY), root)[1])


def from_bytes(content: bytes, path: Path = MEMORY) -> Checkpoint:
    """The checkpoint whose file has these bytes, read and verified as every file is.

    >>> from_bytes(to_bytes(Group({}, {"config": Group()}))).path.name
    'a model in memory'

    Args:
        content: all of the file.
        path: that stands for it in messages to come.

    Raises:
        CheckpointError: no checkpoint, damaged, or of a newer version.
    """
    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        file.write(content)
        file.flush()
        try:
            return replace(read(file.name), path=path)
        except CheckpointError as error:
            thing = error.thing.replace(file.name, str(path))
            raise type(error)(thing, error.rule, error.received, error.remedy) from None
