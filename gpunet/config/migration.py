"""Configurations of earlier versions: their words and keys go on to work, and what they left open keeps its meaning.

A document says which version it was written for, ``config_version``; :func:`stamped` puts it into everything that
gpunet writes, and a file without one is of version 1.  A key or word that has another name now is accepted in
documents of every version.  A default that changes is another matter: a key that an old file leaves out must go on to
mean what it meant then.  Whoever changes a default raises :data:`CURRENT` and adds a function to :data:`FILLERS` that
writes the old default into documents below the new version, where the key is absent.

| version | what changed |
|---|---|
| 1 | |
| 2 | the layer and activation ``linear`` is called ``identity``, batch norm's ``averaging`` is called ``momentum`` |
| 3 | ``numerics`` is 2 and not 1; ``noisy_relu`` has a ``sampler``, which is ``exact`` and not ``rectified``; |
|   | ``data.label`` is called ``data.target``; targets of regression are standardised, which they were not before |
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import ConfigError

CURRENT = 3
FIRST = 1  # of files that do not say
KEY = "config_version"

UNITS = ("visible_units", "hidden_units", "top_units")  # keys of models that hold kinds of units


def _before_version_3(document: dict[str, Any]) -> None:
    """The arithmetic of that time, rectified units drawn as rectified normal numbers, and targets as they are."""
    document.setdefault("numerics", 1)
    data = document.get("data", {})
    if isinstance(data, Mapping):
        document["data"] = {"scale_target": False, **data}
    model = document.get("model")
    if not isinstance(model, Mapping):
        return
    filled = dict(model)
    for key in UNITS:
        units = {"name": model[key]} if isinstance(model.get(key), str) else model.get(key)
        if isinstance(units, Mapping) and units.get("name") == "noisy_relu":
            filled[key] = {"sampler": "rectified", **units}
    document["model"] = filled


# By version, what fills in the defaults that the versions before it had.
FILLERS: dict[int, Callable[[dict[str, Any]], None]] = {3: _before_version_3}


def migrate(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A configuration document of any version in the words of this one.

    Args:
        document: nested tables, from a checkpoint, a run's folder, a TOML file or overrides; it may hold anything, and
            what it holds is checked elsewhere.

    Returns:
        The document as this version would have written it, without its version, and a line for each old name.

    Raises:
        ConfigError: it is of a later version than this one.

    >>> document, notes = migrate({"model": {"name": "mlp", "activation": "linear"}})
    >>> document["model"], notes
    ({'name': 'mlp', 'activation': 'identity'}, ['model.activation: linear is called identity now'])
    """
    found = {key: value for key, value in document.items() if key != KEY}
    version = document.get(KEY, FIRST)
    if not isinstance(version, int) or isinstance(version, bool) or not FIRST <= version <= CURRENT:
        rule = f"must be a version from {FIRST} to {CURRENT}"
        raise ConfigError(KEY, rule, repr(version), "A newer gpunet may have written it")
    notes: list[str] = []
    model = found.get("model")
    if isinstance(model, Mapping):
        model = dict(model)
        for key in ("activation", "code_activation"):
            if model.get(key) == "linear":
                model[key] = "identity"
                notes.append(f"model.{key}: linear is called identity now")
        if "layers" in model:
            model["layers"] = _layers(model["layers"], "model.layers", notes)
        found["model"] = model
    data = found.get("data")
    if isinstance(data, Mapping) and "label" in data:
        label = data["label"]
        others = {key: value for key, value in data.items() if key != "label"}
        found["data"] = others if label is None else {**others, "target": label}
        notes += [] if label is None else ["data.label: is called data.target now"]
    for number in range(version + 1, CURRENT + 1):
        if number in FILLERS:
            FILLERS[number](found)
    return found, notes


def stamped(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document of this version, to be written, with the number of its version.

    >>> stamped({"seed": 3})
    {'config_version': 3, 'seed': 3}
    """
    return {KEY: CURRENT, **document}


def version_line() -> str:
    """That number as a line of TOML."""
    return f"{KEY} = {CURRENT}"


def _layers(value: Any, place: str, notes: list[str]) -> Any:
    """A layer by its bare name or its table, or a list of layers, at any depth."""
    if isinstance(value, list | tuple):
        return [_layers(item, f"{place}.{number}", notes) for number, item in enumerate(value)]
    if value == "linear":
        notes.append(f"{place}: linear is called identity now")
        return "identity"
    if not isinstance(value, Mapping):
        return value
    return dict(_of_layer(value, place, notes))


def _of_layer(layer: Mapping[str, Any], place: str, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """The settings of one layer under their present names."""
    for key, value in layer.items():
        if key == "name":
            yield key, _layers(value, place, notes)
        elif key in ("layers", "body", "shortcut"):
            yield key, _layers(value, f"{place}.{key}", notes)
        elif key == "averaging" and layer.get("name") == "batch_norm" and "momentum" not in layer:
            notes.append(f"{place}.averaging: is called momentum now")
            yield "momentum", value
        else:
            yield key, value
