"""What the user writes, checked once and turned into objects."""

from .budget import read_text
from .build import (
    build_augmentations,
    build_averaging,
    build_clipping,
    build_loss,
    build_optimization,
    build_preparations,
    build_rule,
    rebuild_preparation,
)
from .changes import as_begun, begun, differing
from .migration import migrate, stamped
from .population import at_place, plain_by_member, portions
from .reference import Key, is_key, keys, section_keys
from .schema import Config, family_name, schema
from .shortcuts import SECTIONS, full_key, places_of, short_keys
from .sources import check, is_file_name, load_config, override, parse_assignments, preset_names, preset_path
from .suggestions import dotted_keys

__all__ = [
    "SECTIONS",
    "Config",
    "Key",
    "as_begun",
    "at_place",
    "begun",
    "build_augmentations",
    "build_averaging",
    "build_clipping",
    "build_loss",
    "build_optimization",
    "build_preparations",
    "build_rule",
    "check",
    "differing",
    "dotted_keys",
    "family_name",
    "full_key",
    "is_file_name",
    "is_key",
    "keys",
    "load_config",
    "migrate",
    "override",
    "parse_assignments",
    "places_of",
    "plain_by_member",
    "portions",
    "preset_names",
    "preset_path",
    "read_text",
    "rebuild_preparation",
    "schema",
    "section_keys",
    "short_keys",
    "stamped",
]
