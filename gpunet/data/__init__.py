"""Floor 2: data sets on the device, and what is done to their features on the way into a batch."""

from .augmentations import (
    Augmentation,
    Brightness,
    Colour,
    Contrast,
    CutOut,
    DeleteWords,
    Elastic,
    Flip,
    Mixup,
    MoveWords,
    Noise,
    Rotate,
    Shear,
    Shift,
    SwapWords,
    Zoom,
)
from .augmenter import Augmenter
from .bags import BagOfWords
from .feed import Feed
from .preparations import PCA, ZCA, Binarise, MinMax, OneHot, Preparation, Scale, Standardise
from .preprocessing import Fitted, Preprocessing, fit_preprocessing

__all__ = [
    "PCA",
    "ZCA",
    "Augmentation",
    "Augmenter",
    "BagOfWords",
    "Binarise",
    "Brightness",
    "Colour",
    "Contrast",
    "CutOut",
    "DeleteWords",
    "Elastic",
    "Feed",
    "Fitted",
    "Flip",
    "MinMax",
    "Mixup",
    "MoveWords",
    "Noise",
    "OneHot",
    "Preparation",
    "Preprocessing",
    "Rotate",
    "Scale",
    "Shear",
    "Shift",
    "Standardise",
    "SwapWords",
    "Zoom",
    "fit_preprocessing",
]
