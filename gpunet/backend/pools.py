"""Memory pools of captured steps that are gone.

CuPy never gives the free blocks of a pool back that nobody holds any more: block and arena hold each other.  So a
step leaves its pools here, and they are emptied when memory is given back and before the next step is captured; a
pool is forgotten once nothing of it is in use.
"""

from typing import Any

_left: list[tuple[int, Any]] = []  # the number of a device, and a pool on it


def leave(device: int, pools: dict[Any, Any]) -> None:
    """Take over the pools of a step that is gone; what was allocated in them may still be in use."""
    _left.extend((device, pool) for pool in pools.values())


def sweep(cupy: Any) -> None:
    """Give back what is free in the pools of steps that are gone; arrays that are in use stay.

    Args:
        cupy: the module.
    """
    for _ in range(len(_left)):
        device, pool = _left.pop(0)
        with cupy.cuda.Device(device):
            pool.free_all_blocks()
            if pool.total_bytes():
                _left.append((device, pool))
