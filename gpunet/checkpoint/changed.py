"""What was changed while a run was trained, as its checkpoint says."""

import json
from typing import Any

from ..errors import CheckpointError
from .reader import Checkpoint


def changed_in(found: Checkpoint) -> list[dict[str, Any]]:
    """Each change in order: ``epoch`` from which it holds, ``key``, ``before`` and ``after``; none where nothing was.

    Raises:
        CheckpointError: they are no list of changes.
    """
    if "history" not in found.root:
        return []
    try:
        return [dict(one) for one in json.loads(str(found.group("history").attrs.get("changes", "[]")))]
    except (ValueError, TypeError, RecursionError):
        raise CheckpointError(f"{found.path}: history", "must say what was changed as a list", "no list") from None
