"""Data sets as values, and what is done to their features on the way into a batch."""

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
from .dataset import Dataset, as_float32, check_samples, checked_weights, is_text, portable_features, with_channels
from .description import Description, describe
from .feed import Feed
from .inputs import Inputs, Part
from .preparations import PCA, ZCA, Binarise, MinMax, OneHot, Preparation, Scale, Standardise
from .preprocessing import Fitted, Preprocessing, fit_preprocessing
from .splitting import Split, split
from .targets import encode_targets, label_type

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
    "Dataset",
    "DeleteWords",
    "Description",
    "Elastic",
    "Feed",
    "Fitted",
    "Flip",
    "Inputs",
    "MinMax",
    "Mixup",
    "MoveWords",
    "Noise",
    "OneHot",
    "Part",
    "Preparation",
    "Preprocessing",
    "Rotate",
    "Scale",
    "Shear",
    "Shift",
    "Split",
    "Standardise",
    "SwapWords",
    "Zoom",
    "as_float32",
    "check_samples",
    "checked_weights",
    "describe",
    "encode_targets",
    "fit_preprocessing",
    "is_text",
    "label_type",
    "portable_features",
    "split",
    "with_channels",
]
