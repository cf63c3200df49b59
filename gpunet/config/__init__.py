"""Floor 6: what the user writes, checked once and turned into objects."""

from .build import (
    build_augmentations,
    build_averaging,
    build_chains,
    build_classrbm,
    build_clipping,
    build_loss,
    build_model,
    build_preparations,
    build_rbm,
    build_rule,
    build_stack,
    build_steps,
    rebuild_preparation,
)
from .models import AutoencoderConfig, ClassRBMConfig, DBNConfig, MachineConfig, MLPConfig, RBMConfig
from .schema import Config
from .sources import check, load_config, parse_assignments, preset_names, preset_path

__all__ = [
    "AutoencoderConfig",
    "ClassRBMConfig",
    "Config",
    "DBNConfig",
    "MLPConfig",
    "MachineConfig",
    "RBMConfig",
    "build_augmentations",
    "build_averaging",
    "build_chains",
    "build_classrbm",
    "build_clipping",
    "build_loss",
    "build_model",
    "build_preparations",
    "build_rbm",
    "build_rule",
    "build_stack",
    "build_steps",
    "check",
    "load_config",
    "parse_assignments",
    "preset_names",
    "preset_path",
    "rebuild_preparation",
]
