"""Where a configuration comes from: preset < file < environment < overrides, checked as one."""

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigError, ConfigErrors, meant, shortened
from ..families import Family
from ..members import MEMBERS
from ..plain import flattened
from .budget import MOST_KEY, check_size, parse, read_text
from .explain import explain
from .migration import CURRENT, FIRST, KEY, migrate, stamped
from .population import check_different
from .rates import SCHEDULES, in_place_of
from .schema import Config, schema
from .shortcuts import full_key

PREFIX, PRESET = "GPUNET_", "preset"


def preset_path(name: str) -> Path:
    """The file of a preset.

    Raises:
        ConfigError: where there is no such preset.
    """
    names = preset_names()
    if name not in names:
        remedy = meant(name, names, f"There are {', '.join(names)}; a file name ends in .toml")
        raise ConfigError("preset", "must be a known name or a TOML file", shortened(repr(name)), remedy)
    return _presets() / f"{name}.toml"


def preset_names() -> list[str]:
    """Names of the presets that come with gpunet."""
    return sorted(p.stem for p in _presets().glob("*.toml"))


def _presets() -> Path:
    return Path(str(files("gpunet.config") / "presets"))


def load_config(
    source: str | Mapping[str, Any] | None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    families: Sequence[type[Family]] = (),
    note: Callable[[str], object] | None = None,
) -> Config:
    """Read, merge and check a configuration.

    Args:
        source: name of a preset, path of a TOML file or what one holds, or None for the defaults. A file may name a
            ``preset`` and say what it has otherwise; a section of another ``name`` is then all its own.
        overrides: values by dotted key, strongest.
        environment: ``GPUNET_SECTION__KEY=value``, stronger than the source; the process's by default.
        families: of models that the source may name beside those that come with gpunet.
        note: called with a line for each key or word that has another name now, and for each variable that counts, or
            looks as if it should.

    Raises:
        ConfigError: naming every wrong key and value at once, one line each.

    >>> load_config(None, {"training.epochs": 3}, {}).training.epochs
    3
    """
    merged: dict[str, Any] = {}
    if source is not None:
        named = isinstance(source, str) and not is_file_name(source)
        if isinstance(source, Mapping):
            merged = dict(source)
        else:
            merged = _read_toml(preset_path(source) if named else Path(source))
        if not named and PRESET in merged:
            merged = _on_preset(merged)
        merged.setdefault(KEY, CURRENT if named else FIRST)
    environment = os.environ if environment is None else environment
    if note is not None:
        for line in _about_variables(environment):
            note(line)
    _assign(merged, _from_environment(environment))
    _assign(merged, overrides or {})
    found = check(merged, families, note)
    check_different(found.by_member)
    return found


def is_file_name(source: str) -> bool:
    """Whether a source names a TOML file, and no preset."""
    return source.lower().endswith(".toml")


def override(config: Config, overrides: Mapping[str, Any]) -> Config:
    """A checked configuration with other values by dotted key.

    Raises:
        ConfigError: naming every wrong key and value at once, one line each.
    """
    merged = config.model_dump(mode="json")
    _assign(merged, overrides)
    return check(merged, config.families)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``key=value`` words into values by key; a value is TOML, and what is not TOML is text.

    Keys may be written short, see :mod:`.shortcuts`.

    >>> parse_assignments(["epochs=50", "lr=1e-4"])
    {'training.epochs': 50, 'optimizer.learning_rate': 0.0001}
    >>> parse_assignments(["model.hidden=[512, 512]", "data.source=digits", "training.drop_last=false"])
    {'model.hidden': [512, 512], 'data.source': 'digits', 'training.drop_last': False}
    """
    parsed: dict[str, Any] = {}
    for word in assignments:
        key, separator, text = word.partition("=")
        if not separator or not key:
            raise ConfigError("override", "must be KEY=VALUE", shortened(repr(word)), "For example training.epochs=20")
        parsed[full_key(_checked(key))] = _toml_value(key, text)
    return parsed


def check(
    values: Mapping[str, Any], families: Sequence[type[Family]] = (), note: Callable[[str], object] | None = None
) -> Config:
    """Validate raw values against the schema; they are of this version unless they say another.

    Args:
        values: sections, keys and values.
        families: of models that ``model`` may hold beside those that come with gpunet.
        note: called with a line for each key or word that has another name now.

    Raises:
        ConfigError: with one line for each thing that is wrong.
    """
    check_size(values)
    values, notes = migrate(stamped(values))
    for line in notes if note is not None else ():
        note(line)  # type: ignore[misc]
    chosen = schema(families)
    try:
        return chosen.model_validate(values)
    except ValidationError as error:
        raise ConfigErrors(explain(error, values, chosen)) from None


def _toml_value(key: str, text: str) -> Any:
    try:
        return parse(key, f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _checked(key: str) -> str:
    if len(key) > MOST_KEY:
        raise ConfigError(shortened(key), f"must be a key of at most {MOST_KEY} characters", f"{len(key):,}")
    return key


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return parse(str(path), read_text(path))
    except tomllib.TOMLDecodeError as error:
        received = shortened(str(error), 300)
        raise ConfigError(str(path), "must be a readable TOML file", received, "Correct it there") from None


def _on_preset(own: dict[str, Any]) -> dict[str, Any]:
    """The values of the preset that a file names, with those of the file in their place."""
    name = own.pop(PRESET)
    if not isinstance(name, str):
        raise ConfigError(PRESET, "must be the name of a preset", shortened(repr(name)))
    found = _read_toml(preset_path(name))
    found.setdefault(KEY, CURRENT)
    for section, held in own.items():
        before = found.get(section)
        tables = isinstance(held, Mapping) and isinstance(before, Mapping)
        if tables and held.get("name") in (None, dict(before or {}).get("name")):
            _assign(found, {f"{section}.{key}": value for key, value in flattened(held, (MEMBERS,)).items()})
        else:
            found[section] = held
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """``GPUNET_OPTIMIZER__LEARNING_RATE=0.1`` and the top-level ``GPUNET_SEED``; other names are not for us."""
    found = {}
    for variable, text in environment.items():
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if variable.startswith(PREFIX) and ("." in key or key in ("seed", "members", "name")):
            found[_checked(key)] = _toml_value(variable, text)
    return found


def _about_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """What variables of the environment change, and which of the name of gpunet change nothing."""
    found = _from_environment(environment)
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if key in found:
            yield f"{variable} in the environment sets {key}={shortened(environment[variable])}"
        elif full_key(key) != key:
            meant_name = PREFIX + full_key(key).upper().replace(".", "__")
            yield f"{variable} in the environment sets nothing. Did you mean {meant_name}?"


def _assign(values: dict[str, Any], assignments: Mapping[str, Any]) -> None:
    # What stands for a whole section comes before the keys inside of it, in whatever order both were written.
    for key, value in sorted(assignments.items(), key=lambda one: one[0].count(".")):
        *sections, last = key.split(".")
        place = values
        for section in sections:
            inner = place.get(section, {})
            # A bare name stands for a table that holds nothing else; a number gives way to the table named here.
            inner = {"name": inner} if isinstance(inner, str) else inner
            place[section] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[section]
        if sections[:1] == ["optimizer"]:
            value = in_place_of(place.get(last), value)
            if last == "name" and place.get("name") in SCHEDULES and value in SCHEDULES:
                value, last, place = in_place_of(dict(place), value), sections[-1], _parent(values, sections)
        place[last] = value


def _parent(values: dict[str, Any], sections: Sequence[str]) -> dict[str, Any]:
    """The table that holds the last section."""
    for section in sections[:-1]:
        values = values[section]
    return values
