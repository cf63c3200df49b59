"""The configuration that a data set would be trained with, as TOML to edit: what was derived stands there, with why."""

from __future__ import annotations

import json
from typing import Any


def initial_toml(config: Any, found: Any, summary: Any, preset: str) -> str:
    """Commented TOML of the section ``data`` with everything that was found out about the data.

    Args:
        config: with the source, and the keys that were given.
        found: the data set.
        summary: what is said about it.
        preset: that the file is for.
    """
    from gpunet.config.migration import version_line

    data, contract = config.data, found.contract
    top, sections = _rest(config)
    lines = [version_line(), *top, ""]
    lines += [f"# {word}: {line}" for word, line in summary.lines]
    lines += [f"# note: {line}" for line in found.notes]
    lines += [f"# warning: {line}" for line in summary.warnings]
    lines += ["", "[data]", f"source = {toml_value(data.source)}"]
    if contract is not None and contract.codes:
        targets = list(contract.targets)
        lines.append(f"target = {toml_value(targets[0] if len(targets) == 1 else targets)}")
        lines.append(f"task = {toml_value(found.task if found.task != 'none' else 'auto')}  # {found.why}")
        named = {"words": "text"}
        kinds = ", ".join(
            f"{_key(code.column or str(code.place))} = {toml_value(named.get(code.kind, code.kind))}"
            for code in contract.codes
        )
        lines.append(f"features = {{ {kinds} }}" if contract.named else f"# features = {{ {kinds} }}")
        ids = list(contract.ids)
        own = {*map(str, ids), str(contract.weight)}
        reasons = {_name(name): why for name, why in found.ignored if str(_name(name)) not in own}
        lines.append(f"id = {toml_value(ids)}" if ids else "# id = []  # columns that name the samples")
        ignored, said = list(reasons), "; ".join(f"{name}: {why}" for name, why in reasons.items())
        lines.append(
            f"ignore = {toml_value(ignored)}  # {said}" if ignored else "# ignore = []  # columns that are left out"
        )
        lines.append(f"weight = {toml_value(contract.weight)}" if contract.weight is not None else "# weight = ")
        lines.append(f"header = {toml_value(contract.named)}")
        for key in ("delimiter", "decimal", "thousands"):
            value = getattr(data, key)
            lines.append(f"{key} = {toml_value(value)}" if value is not None else f"# {key} =   # found out by default")
        lines.append(f"fill = {toml_value(data.fill)}  # auto, median, mean, most_frequent, flag, refuse")
        lines.append(f"categories = {toml_value(data.categories)}  # one_hot, ordinal")
        lines.append(f"unseen = {toml_value(data.unseen)}  # ignore, refuse")
        lines.append(f"rare = {toml_value(data.rare)}  # categories with fewer samples, or a smaller share, are folded")
    else:
        lines.append(f"task = {toml_value(found.task if found.task != 'none' else 'auto')}  # {found.why}")
        lines += [f"{key} = {toml_value(getattr(data, key))}" for key in ("x", "y", "channels") if getattr(data, key)]
    lines.append(f"scale_target = {toml_value(data.scale_target)}")
    lines += [f"{key} = {toml_value(getattr(data, key))}" for key in ("validation", "test", "split", "split_seed")]
    lines += _others(config, lines, table=contract is not None and bool(contract.codes))
    lines += ["", f"# The rest is that of {preset}."]
    return "\n".join([*lines, *sections]) + "\n"


def _others(config: Any, lines: list[str], table: bool) -> list[str]:
    """The other keys of ``data`` that were given, and comments on those that tables are often edited by."""
    import tomllib

    from gpunet.persistence.folder import dump

    written = {line.removeprefix("# ").partition(" =")[0] for line in lines if " = " in line and line[:1] != " "}
    given, plain = tomllib.loads(dump(config))["data"], type(config.data)()
    others = [key for key in given if key not in written and getattr(config.data, key) != getattr(plain, key)]
    found = [f"{key} = {toml_value(given[key])}" for key in others]
    told = {
        "missing": '["", "NA"]  # texts of missing cells; the usual ones by default',
        "words": "1000  # most frequent words of a text beside other features",
        "preprocess": '["standardise"]  # min_max, robust, log1p, clip, scale, none, ... in their order',
        "split_column": '"column"  # with split = "group", "date" or "column"',
    }
    return found + [f"# {key} = {text}" for key, text in told.items() if table and key not in others]


def _rest(config: Any) -> tuple[list[str], list[str]]:
    """The lines above the sections, and those of the sections beside ``data``."""
    from gpunet.persistence.folder import dump

    top: list[str] = []
    sections: list[str] = []
    place: list[str] | None = top
    for line in dump(config).splitlines():
        if line.startswith("["):
            place = None if line.startswith("[data") else sections
        if place is not None and line and not line.startswith("config_version"):
            place.append(line)
    return top, sections


def _name(called: str) -> str | int:
    """The column that a message calls by its name or number."""
    rest = called.removeprefix("column ")
    return rest[1:-1] if rest[:1] in "'\"" and rest[-1:] == rest[:1] else int(rest) - 1


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def toml_value(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
