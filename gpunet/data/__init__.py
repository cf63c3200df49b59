"""Floor 2: data sets on the device, and what is done to their features on the way into a batch."""

from .augmentations import (
    Augmentation,
    Brightness,
    Colour,
    Contrast,
    CutOut,
    Elastic,
    Flip,
    Mixup,
    Noise,
    Rotate,
    Shear,
    Shift,
    Zoom,
)
from .augmenter import Augmenter
from .feed import Feed
from .preparations import PCA, ZCA, Binarise, MinMax, OneHot, Preparation, Scale, Standardise
from .preprocessing import Fitted, Preprocessing, fit_preprocessing

__all__ = [
    "PCA",
    "ZCA",
    "Augmentation",
    "Augmenter",
    "Binarise",
    "Brightness",
    "Colour",
    "Contrast",
    "CutOut",
    "Elastic",
    "Feed",
    "Fitted",
    "Flip",
    "MinMax",
    "Mixup",
    "Noise",
    "OneHot",
    "Preparation",
    "Preprocessing",
    "Rotate",
    "Scale",
    "Shear",
    "Shift",
    "Standardise",
    "Zoom",
    "fit_preprocessing",
]
