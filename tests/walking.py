"""The structure of checkpoints, read in the process of the tests.

What users run starts a child for it, which takes a third of a second for each file that is opened; files that tests
have just written do no harm. Tests of the child itself are marked ``confined``.
"""

import io
import json
import os
from contextlib import contextmanager
from functools import lru_cache
from unittest.mock import patch

from gpunet.checkpoint import index, walk


@contextmanager
def in_this_process():
    """Let no child process read the structure of files."""
    with patch.object(index, "run_walk", walked):
        yield


def walked(descriptor):
    """What the child writes about an open file, and its exit code."""
    return _answer(os.pread(descriptor, os.fstat(descriptor).st_size, 0)), 0


@lru_cache(maxsize=64)
def _answer(content):
    return walk.READY + json.dumps(walk.answer(io.BytesIO(content))).encode()
