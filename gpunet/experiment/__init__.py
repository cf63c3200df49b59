"""One experiment, put together from a configuration and data: what is trained, on what, watched by whom."""

from .augmenting import build_augmenter
from .labelled import epoch_rows, stratified_order
from .lineage import FinishedLayer, Lineage
from .monitoring import Doctor
from .objectives import build_objective
from .run import Run, prepare_inputs
from .watching import See, named_layers, scale_to_unit_variance, watched

__all__ = [
    "Doctor",
    "FinishedLayer",
    "Lineage",
    "Run",
    "See",
    "build_augmenter",
    "build_objective",
    "epoch_rows",
    "named_layers",
    "prepare_inputs",
    "scale_to_unit_variance",
    "stratified_order",
    "watched",
]
