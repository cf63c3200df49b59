"""Runs into files and back: checkpoints, exact state, transfer of weights, the folder of a run."""

from .folder import BEST, LAST, PREVIOUS, RunFolder, dump, newest
from .loading import (
    Trained,
    TrainedModel,
    TrainedStack,
    fill,
    fill_group,
    held_in,
    load_model,
    load_stack,
    open_trained,
    stack_of,
)
from .snapshot import finished_layer, snapshot
from .state import StateMismatch, restore_state
from .transfer import check_preprocessing, graft

__all__ = [
    "BEST",
    "LAST",
    "PREVIOUS",
    "RunFolder",
    "StateMismatch",
    "Trained",
    "TrainedModel",
    "TrainedStack",
    "check_preprocessing",
    "dump",
    "fill",
    "fill_group",
    "finished_layer",
    "graft",
    "held_in",
    "load_model",
    "load_stack",
    "newest",
    "open_trained",
    "restore_state",
    "snapshot",
    "stack_of",
]
