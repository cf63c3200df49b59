"""Files on disk become data sets: bundled digits, IDX, CSV, NPZ, HDF5 and folders of images."""

from .bundled import available
from .loading import load, load_inputs

__all__ = ["available", "load", "load_inputs"]
