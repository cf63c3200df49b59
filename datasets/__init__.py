"""Files on disk become tables and data sets: digits, IDX, CSV, Parquet, Arrow, NPZ, HDF5, FASTA, folders of images."""

from .archives import Naming, spread_weights
from .bundled import available
from .cache import Cache
from .fasta import Spelling, read_sequences
from .loading import load, read, read_features
from .pictures import Imaging
from .weights import read_weights

__all__ = [
    "Cache",
    "Imaging",
    "Naming",
    "Spelling",
    "available",
    "load",
    "read",
    "read_features",
    "read_sequences",
    "read_weights",
    "spread_weights",
]
