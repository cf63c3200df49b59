"""Workers of a Dask cluster: found or started here, given one task each, and their tasks given to others when they end.

``distributed`` is imported when a cluster is opened, and nowhere else.
"""

from .carrying import Task
from .cluster import Cluster, check_answers, opened
from .place import Local, place_of, require_distributed
from .tasks import ATTEMPTS, Gone, Tasks

__all__ = [
    "ATTEMPTS",
    "Cluster",
    "Gone",
    "Local",
    "Task",
    "Tasks",
    "check_answers",
    "opened",
    "place_of",
    "require_distributed",
]
