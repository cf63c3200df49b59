"""HDF5 without the environment: variables choose its drivers, connectors and plugins, and a wrong one ends a process.

The library hears them once, when it is loaded.
"""

import os
from functools import cache
from typing import Any

HEARD = "HDF5_"
SEALED = {"HDF5_PLUGIN_PRELOAD": "::"}  # without it, filters would be loaded from a folder of the system


def plain_environment() -> dict[str, str]:
    """The environment of this process with nothing in it that HDF5 hears, for a child that uses it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(HEARD)} | SEALED


@cache
def hdf5() -> Any:
    """h5py, loaded without the variables that HDF5 hears; the environment is as before afterwards."""
    heard = {name: value for name, value in os.environ.items() if name.startswith(HEARD)}
    for name in heard:
        del os.environ[name]
    try:
        import h5py
    finally:
        os.environ.update(heard)
    return h5py
