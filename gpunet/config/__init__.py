"""Floor 6: what the user writes, checked once and turned into objects."""

from .build import (
    build_averaging,
    build_chains,
    build_classrbm,
    build_clipping,
    build_loss,
    build_model,
    build_rbm,
    build_rule,
    build_stack,
    build_steps,
    build_updown,
)
from .models import (
    AutoencoderConfig,
    ClassRBMConfig,
    DBNConfig,
    GenerativeConfig,
    MachineConfig,
    MLPConfig,
    RBMConfig,
    UpDownConfig,
)
from .schema import Config
from .sources import check, load_config, override, parse_assignments, preset_names, preset_path

__all__ = [
    "AutoencoderConfig",
    "ClassRBMConfig",
    "Config",
    "DBNConfig",
    "GenerativeConfig",
    "MLPConfig",
    "MachineConfig",
    "RBMConfig",
    "UpDownConfig",
    "build_averaging",
    "build_chains",
    "build_classrbm",
    "build_clipping",
    "build_loss",
    "build_model",
    "build_rbm",
    "build_rule",
    "build_stack",
    "build_steps",
    "build_updown",
    "check",
    "load_config",
    "override",
    "parse_assignments",
    "preset_names",
    "preset_path",
]
