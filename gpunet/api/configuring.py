"""From what a Python user writes to a checked configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import SECTIONS, Config, full_key, is_file_name, load_config, override, places_of
from ..errors import ConfigError
from ..families import FAMILIES, Family
from ..vocabulary import without_word, word_of


def configured(
    config: str | Path | Mapping[str, Any] | Config | Family,
    given: Mapping[str, Any],
    families: Sequence[type[Family]] = (),
) -> Config:
    """The configuration that is asked for.

    Args:
        config: name of a preset, path of a TOML file, a mapping of sections, a checked configuration, or a family of
            models with its settings.
        given: values by dotted key, see :func:`full_keys`.
        families: of models that the configuration may name beside those that come with gpunet.

    Raises:
        ConfigError: an unknown preset, key or value, each named.

    >>> configured("mlp", full_keys({"training.plateau.patience": 3, "epochs": 5, "lr": 0.1})).training.epochs
    5
    """
    if isinstance(config, Config):
        return override(config, given)
    if isinstance(config, Family):
        known = known_families(config, families)
        return load_config(None, {"model": config.model_dump(mode="json"), **given}, {}, known)
    if isinstance(config, Mapping):
        return load_config(None, {**config, **given}, {}, families)
    if not isinstance(config, str | Path):
        rule = "must be the name of a preset, the path of a TOML file, a mapping, a Config or a Family"
        raise ConfigError("config", rule, type(config).__name__, 'For example gpunet.train("mlp", x, y)')
    return load_config(str(config), given, {}, families)


def known_families(config: Any, families: Sequence[type[Family]]) -> list[type[Family]]:
    """The families that were passed, and those that a configuration brings along.

    Args:
        config: what :func:`configured` takes.
        families: that were passed.
    """
    own = config.families if isinstance(config, Config) else (type(config),) if isinstance(config, Family) else ()
    return [*families, *(family for family in own if family not in (*FAMILIES, *families))]


def is_preset(config: Any) -> bool:
    """Whether a configuration is named as a preset, whose values nobody has written down for these data."""
    return isinstance(config, str) and not is_file_name(config)


def full_keys(values: Mapping[str, Any], families: Sequence[type[Family]] = ()) -> dict[str, Any]:
    """Plain values by dotted key instead of short ones; ``seeds`` stands for ``members``.

    A mapping for a section sets the keys that it holds and leaves the others, unless it names another rule or family.

    Raises:
        ConfigError: a short key that could mean several things, or a value that no configuration could hold.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        full, said = _key(key, tuple(families)), plain(value, key)
        if full in SECTIONS and isinstance(said, dict) and "name" not in said:  # some keys of a section, not all of it
            found |= {f"{full}.{name}": inner for name, inner in said.items()}
        else:
            found[full] = said
    members = found.get("members", 1)
    if not (isinstance(members, int) and not isinstance(members, bool) and members > 0):
        raise ConfigError("seeds", "must be a number of models, from 1 on", repr(members), "For example seeds=3")
    return found


def _key(key: str, families: tuple[type[Family], ...]) -> str:
    full = "members" if key == "seeds" else full_key(key, families)
    if full == key and "." not in key and key not in Config.model_fields:
        places = places_of(key)
        if places:
            ways = " or ".join(f'{{"{place}": ...}}' for place in places)
            raise ConfigError(key, "is not short, since it could mean several things", None, f"Pass {ways}")
    return full


def plain(value: Any, key: str) -> Any:
    """Values of Python and NumPy as TOML could hold them; objects become the words that stand for them.

    Args:
        value: of a key.
        key: named in messages.

    Raises:
        ConfigError: something that no configuration could hold.

    >>> from gpunet.optimizers import SGD
    >>> plain((1, 2), "hidden"), plain(SGD(0.5), "optimizer")["learning_rate"]
    ([1, 2], 0.5)
    """
    if isinstance(value, Mapping):
        return {name: plain(inner, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, key) for inner in value]
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Family):
        return value.model_dump(mode="json")
    if isinstance(value, type):
        remedy = f"Pass an object, {value.__name__}(...)"
        raise ConfigError(key, "must be a value or an object", f"the class {value.__name__}", remedy)
    missing = without_word(value)
    if missing:
        remedy = "Use one of gpunet's own, see the table in README.md"
        raise ConfigError(key, "must be something that a configuration can name", missing, remedy)
    return word_of(value)
