"""Data sets as values, and what is done to their features on the way into a batch."""

from .arrays import after, near_zero, oriented
from .assembling import assemble, known_dataset, reassemble
from .augmentations import (
    Augmentation,
    Brightness,
    Colour,
    Contrast,
    CutOut,
    DeleteWords,
    Elastic,
    Flip,
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
from .contract import Contract, Given
from .dataset import (
    Dataset,
    as_float32,
    byte_scale,
    check_features,
    checked_weights,
    is_text,
    portable_features,
    with_channels,
)
from .description import Description, describe
from .encoding import Coding
from .feed import Feed
from .folding import folded, repeated, thin_classes
from .fulfilling import fulfil
from .inputs import Inputs, Part
from .letters import ALPHABETS, IDENTITY, Sequences
from .mixing import CutMix, Mixup
from .notes import abridged
from .onehot import OneHot
from .passes import Extent, extent
from .pictures import Pictures, in_colours
from .preparations import PCA, ZCA, Binarise, MinMax, Preparation, Scale, Spins, Standardise
from .preprocessing import Fitted, Preprocessing, fit_preprocessing
from .randaugment import RandAugment
from .ranges import check_depth, check_scale
from .robust import Clip, Log1p, Robust
from .roles import Wanted
from .spilled import Spilled
from .splitting import PART_WORDS, Split, divide, split
from .streamed import Features, Rows, Streamed, blocks_of, in_blocks, some_of
from .streaming import StreamedFeed, feed_of
from .subspace import Subspace
from .summary import Summary, baseline, duplicates, summarise
from .table import Column, Reading, Table, number_column, stacked, text_column
from .target_scale import TargetScale
from .targets import Targets, encode_targets, label_type, understand

__all__ = [
    "ALPHABETS",
    "IDENTITY",
    "PART_WORDS",
    "PCA",
    "ZCA",
    "Augmentation",
    "Augmenter",
    "BagOfWords",
    "Binarise",
    "Brightness",
    "Clip",
    "Coding",
    "Colour",
    "Column",
    "Contract",
    "Contrast",
    "CutMix",
    "CutOut",
    "Dataset",
    "DeleteWords",
    "Description",
    "Elastic",
    "Extent",
    "Features",
    "Feed",
    "Fitted",
    "Flip",
    "Given",
    "Inputs",
    "Log1p",
    "MinMax",
    "Mixup",
    "MoveWords",
    "Noise",
    "OneHot",
    "Part",
    "Pictures",
    "Preparation",
    "Preprocessing",
    "RandAugment",
    "Reading",
    "Robust",
    "Rotate",
    "Rows",
    "Scale",
    "Sequences",
    "Shear",
    "Shift",
    "Spilled",
    "Spins",
    "Split",
    "Standardise",
    "Streamed",
    "StreamedFeed",
    "Subspace",
    "Summary",
    "SwapWords",
    "Table",
    "TargetScale",
    "Targets",
    "Wanted",
    "Zoom",
    "abridged",
    "after",
    "as_float32",
    "assemble",
    "baseline",
    "blocks_of",
    "byte_scale",
    "check_depth",
    "check_features",
    "check_scale",
    "checked_weights",
    "describe",
    "divide",
    "duplicates",
    "encode_targets",
    "extent",
    "feed_of",
    "fit_preprocessing",
    "folded",
    "fulfil",
    "in_blocks",
    "in_colours",
    "is_text",
    "known_dataset",
    "label_type",
    "near_zero",
    "number_column",
    "oriented",
    "portable_features",
    "reassemble",
    "repeated",
    "some_of",
    "split",
    "stacked",
    "summarise",
    "text_column",
    "thin_classes",
    "understand",
    "with_channels",
]
