"""Floor 2: data sets on the device, and what is done to their features on the way into a batch."""

from .feed import Feed
from .preparations import PCA, ZCA, Binarise, MinMax, OneHot, Preparation, Scale, Standardise
from .preprocessing import Fitted, Preprocessing, fit_preprocessing

__all__ = [
    "PCA",
    "ZCA",
    "Binarise",
    "Feed",
    "Fitted",
    "MinMax",
    "OneHot",
    "Preparation",
    "Preprocessing",
    "Scale",
    "Standardise",
    "fit_preprocessing",
]
