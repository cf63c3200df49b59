"""Floor 6: what the user writes, checked once and turned into objects."""

from .build import build_averaging, build_clipping, build_loss, build_model, build_rbm, build_rule
from .schema import Config, RBMConfig
from .sources import load_config, parse_assignments, preset_names, preset_path

__all__ = [
    "Config",
    "RBMConfig",
    "build_averaging",
    "build_clipping",
    "build_loss",
    "build_model",
    "build_rbm",
    "build_rule",
    "load_config",
    "parse_assignments",
    "preset_names",
    "preset_path",
]
