"""Files of searches: a configuration with the tables ``[space]``, ``[search]`` and ``[tune]`` beside its own.

The file that a search leaves in its folder says everything in full; it is what workers and ``--resume`` read, and what
repeats the search.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config, is_file_name, load_config, read_text, stamped
from ..config.budget import check_size, parse
from ..config.migration import CURRENT, KEY
from ..errors import ConfigError, shortened
from ..families import Family
from ..plain import flattened
from .problem import Search, tune_config
from .settings import Settings, settings_of
from .shipped import SHIPPED, shipped_for, shipped_path
from .space import TUNE, Space, check_not_set, space_of

TABLES = ("space", "search", "tune")
NAME, RESULTS = "search.toml", "search.json"


@dataclass(frozen=True)
class Written:
    """What a search is asked for, before there are data.

    Attributes:
        config: that trials start from.
        space: that trials change.
        settings: how.
        tune: the network that is fine-tuned, where trials pretrain.
        start: path of the weights that trials start from, or nothing.
        chosen: keys of the configuration that somebody wrote, so that they stay as they are.
        shipped: whether the space came along, so that it is fitted to the model and the samples.
    """

    config: Config
    space: Space
    settings: Settings
    tune: Config | None = None
    start: str = ""
    chosen: frozenset[str] = field(default_factory=frozenset)
    shipped: bool = False


def read_search(
    source: str | None,
    overrides: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    space: str | Mapping[str, Any] | None = None,
    tune: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    families: Sequence[type[Family]] = (),
    note: Callable[[str], object] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Written:
    """What a search is asked for.

    Args:
        source: a preset, whose space comes along for ``mlp``, ``linear``, ``rbm``, ``dbn``, ``finetune`` and
            ``convnet``, or a TOML file: a configuration with a table ``[space]`` and perhaps ``[search]``, ``[tune]``,
            and the keys ``preset`` and ``start``.
        overrides: of the configuration, values by dotted key.
        settings: of the search, stronger than its file.
        space: another file with these tables, or the space itself.
        tune: of the network that is fine-tuned, values by dotted key.
        environment: as in :func:`~gpunet.config.load_config`.
        families: of models of your own.
        note: called with a line for each key that has another name now, and each variable that counts.
        given: which of the overrides somebody set for this search, so that the space must not try them; all by default.

    Raises:
        ConfigError: what is wrong, each key named.
    """
    overrides = dict(overrides or {})
    own: dict[str, Any] = {}
    preset = source
    if source is not None and is_file_name(source):
        own = read_tables(Path(source))
        preset = own.pop("preset", None)
        if preset is not None and not isinstance(preset, str):
            raise ConfigError("preset", "must be the name of a preset", shortened(repr(preset)))
    tables = {name: own.pop(name, None) for name in TABLES}
    start = own.pop("start", "")
    if not isinstance(start, str):
        raise ConfigError("start", "must be the path of a checkpoint", shortened(repr(start)))
    content: Any = preset
    if source is not None and is_file_name(source):
        content = {KEY: CURRENT, **own} | ({} if preset is None else {"preset": preset})
    config = load_config(content, overrides, environment, families, note)
    if isinstance(space, str):
        tables = {name: read_tables(Path(space)).get(name) or tables[name] for name in TABLES}
    elif space is not None:
        tables["space"] = dict(space)
    shipped = tables["space"] is None
    if shipped:
        tables = _shipped(config, preset, tables)
    for name, table in tables.items():
        if table is not None and not isinstance(table, Mapping):
            raise ConfigError(name, "must be a table of keys", shortened(repr(table)), f"Write [{name}]")
    tuned = None
    keys = [*(tables["tune"] or {}), *(tune or {})]
    found = space_of(tables["space"] or {}, families, toml=not isinstance(space, Mapping))
    if keys or any(one.key.startswith(TUNE) for one in found) or _pretrains(config):
        tuned = tune_config({**_without_name(flattened(tables["tune"] or {})), **(tune or {})})
    check_not_set(found, overrides if given is None else given)
    check_not_set(found, tune or {}, TUNE)
    chosen = frozenset(flattened(own)) | frozenset(overrides)
    how = settings_of({**(tables["search"] or {}), **(settings or {})})
    return Written(config, found, how, tuned, start, chosen, shipped)


def _pretrains(config: Config) -> bool:
    return not config.model.has_outputs and config.model.layerwise is not None


def _without_name(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "name"}


def _shipped(config: Config, preset: str | None, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables that come along for a preset, or for the family of a model; what was written comes first."""
    name = shipped_for(config, preset)
    if name is None:
        remedy = f"Add a table [space]; spaces come along for {', '.join(SHIPPED)}"
        raise ConfigError("space", f"must be given for {config.model.name}", "none", remedy)
    theirs = read_tables(shipped_path(name))
    return {
        key: {**(theirs.get(key) or {}), **(tables[key] or {})} if key != "space" else theirs["space"] for key in TABLES
    }


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: no readable TOML.
    """
    try:
        found = parse(str(path), read_text(path))
    except tomllib.TOMLDecodeError as error:
        received = shortened(str(error), 300)
        raise ConfigError(str(path), "must be a readable TOML file", received, "Correct it there") from None
    check_size(found)
    return found


def search_text(search: Search) -> str:
    """A search as TOML, in full."""
    import tomli_w

    def without_none(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_none(v) for k, v in value.items() if v is not None}
        return [without_none(v) for v in value] if isinstance(value, list) else value

    found: dict[str, Any] = without_none(stamped(search.config.model_dump(mode="json")))
    if search.start_path:
        found = {"start": search.start_path, **found}
    found |= {"search": search.settings.document(), "space": search.space.document()}
    if search.tune is not None:
        found["tune"] = without_none(stamped(search.tune.model_dump(mode="json")))
    return tomli_w.dumps(found)
