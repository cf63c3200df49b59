"""Files on disk become tables and data sets: bundled digits, IDX, CSV, Parquet, Arrow, NPZ, HDF5, folders of images."""

from .archives import Naming, spread_weights
from .bundled import available
from .cache import Cache
from .loading import load, read, read_features
from .pictures import Imaging
from .weights import read_weights

__all__ = ["Cache", "Imaging", "Naming", "available", "load", "read", "read_features", "read_weights", "spread_weights"]
