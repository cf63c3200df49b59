"""Runs into files and back: checkpoints, exact state, transfer of weights, the folder of a run."""

from ..checkpoint.places import BEST, CONFIG, LAST, PREVIOUS
from .folder import RunFolder, dump, has_state, identity_in, newest, run_name, title
from .identity import identity_of
from .loading import (
    ALL_SAMPLES,
    ENSEMBLE,
    LEARNED_PARTS,
    NETWORKS,
    Trained,
    TrainedModel,
    TrainedStack,
    fill,
    fill_group,
    held_in,
    is_ensemble,
    load_model,
    load_stack,
    network_of,
    open_trained,
    stack_of,
    unfilled,
)
from .made import SNAPSHOTS, made_machine, snapshot_name
from .portions import joined, portion_of, rename_seeds
from .snapshot import finished_layer, model_tree, snapshot
from .state import StateMismatch, continue_learning, restore_state
from .transfer import check_preprocessing, graft

__all__ = [
    "ALL_SAMPLES",
    "BEST",
    "CONFIG",
    "ENSEMBLE",
    "LAST",
    "LEARNED_PARTS",
    "NETWORKS",
    "PREVIOUS",
    "SNAPSHOTS",
    "RunFolder",
    "StateMismatch",
    "Trained",
    "TrainedModel",
    "TrainedStack",
    "check_preprocessing",
    "continue_learning",
    "dump",
    "fill",
    "fill_group",
    "finished_layer",
    "graft",
    "has_state",
    "held_in",
    "identity_in",
    "identity_of",
    "is_ensemble",
    "joined",
    "load_model",
    "load_stack",
    "made_machine",
    "model_tree",
    "network_of",
    "newest",
    "open_trained",
    "portion_of",
    "rename_seeds",
    "restore_state",
    "run_name",
    "snapshot",
    "snapshot_name",
    "stack_of",
    "title",
    "unfilled",
]
