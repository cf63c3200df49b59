"""Floor 6: what the user writes, checked once and turned into objects."""

from .build import build_loss, build_model, build_rule
from .schema import Config
from .sources import load_config, parse_assignments, preset_names, preset_path

__all__ = [
    "Config",
    "build_loss",
    "build_model",
    "build_rule",
    "load_config",
    "parse_assignments",
    "preset_names",
    "preset_path",
]
