"""One experiment, put together from a configuration and data: what is trained, on what, watched by whom."""

from .augmenting import build_augmenter
from .experiment import Experiment, Prepared
from .labelled import epoch_rows, stratified_order
from .lineage import FinishedLayer, Lineage
from .monitoring import Doctor
from .objectives import build_objective
from .preparing import prepare_inputs
from .run import Run
from .watching import See, named_layers, scale_to_unit_variance, watched

__all__ = [
    "Doctor",
    "Experiment",
    "FinishedLayer",
    "Lineage",
    "Prepared",
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
