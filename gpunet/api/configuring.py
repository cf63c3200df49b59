"""From what a Python user writes to a checked configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import Config, check, full_key, load_config, override, places_of
from ..errors import ConfigError
from ..families import Family


def configured(
    config: str | Path | Mapping[str, Any] | Config,
    settings: Mapping[str, Any] | None,
    keywords: Mapping[str, Any],
    families: Sequence[type[Family]] = (),
) -> Config:
    """The configuration that is asked for.

    Args:
        config: name of a preset, path of a TOML file, a mapping of sections, or a checked configuration.
        settings: values by dotted or short key.
        keywords: values by short key, stronger than ``settings``.
        families: of models that the configuration may name beside those that come with gpunet.

    Raises:
        ConfigError: an unknown preset, key or value, each named.

    >>> configured("mlp", {"training.plateau.patience": 3}, {"epochs": 5, "lr": 0.1}).training.epochs
    5
    """
    given = full_keys({**(settings or {}), **keywords}, families)
    given = {key: plain(value) for key, value in given.items()}
    if isinstance(config, Config):
        return override(config, given)
    if isinstance(config, Mapping):
        return override(check(config, families), given)
    if not isinstance(config, str | Path):
        rule = "must be the name of a preset, the path of a TOML file, a mapping or a Config"
        raise ConfigError("config", rule, type(config).__name__, 'For example gpunet.train("mlp", x, y)')
    return load_config(str(config), given, {}, families)


def full_keys(values: Mapping[str, Any], families: Sequence[type[Family]] = ()) -> dict[str, Any]:
    """Values by dotted key instead of short ones.

    Raises:
        ConfigError: a short key that could mean several things.
    """
    return {_key(key, tuple(families)): value for key, value in values.items()}


def _key(key: str, families: tuple[type[Family], ...]) -> str:
    full = full_key(key, families)
    if full == key and "." not in key and key not in Config.model_fields:
        places = places_of(key)
        if places:
            ways = " or ".join(f'{{"{place}": ...}}' for place in places)
            raise ConfigError(key, "is not short, since it could mean several things", None, f"Pass {ways}")
    return full


def plain(value: Any) -> Any:
    """Values of Python and NumPy as TOML could hold them; objects become the words that stand for them."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    from .words import word_of

    return word_of(value)
