"""Files on disk become host arrays: bundled digits, IDX, CSV, NPZ and HDF5."""

from .bundled import available
from .dataset import Dataset
from .loading import load, load_inputs
from .splitting import Split, split

__all__ = ["Dataset", "Split", "available", "load", "load_inputs", "split"]
