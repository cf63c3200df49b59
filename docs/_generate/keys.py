"""Every key of a configuration and every word with its settings, read from the schema like ``gpunet config show``."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from gpunet import vocabulary
from gpunet.config import Config, Key, section_keys
from gpunet.config.shortcuts import alternatives, short_keys
from gpunet.families import FAMILIES
from gpunet.metrics import usual_metrics
from gpunet.vocabulary import target

from .markdown import code, escaped, joined, marked, table

HEAD = ("key", "default", "takes", "meaning")

# What can be named, by heading: the union of the words that a configuration may have there.
WORDS: dict[str, Any] = {
    "Layers": vocabulary.LayerWord,
    "Losses": vocabulary.LossWord,
    "Metrics": vocabulary.MetricWord,
    "Schedules": vocabulary.ScheduleWord,
    "Weight averages": vocabulary.AveragingWord,
    "Initializers": vocabulary.InitializerWord,
    "Units of Boltzmann machines": vocabulary.UnitsWord,
    "Sources of samples of Boltzmann machines": vocabulary.ChainsWord,
    "Sparsity of Boltzmann machines": vocabulary.SparsityWord,
    "Preparations": vocabulary.PreparationWord,
    "Augmentations": tuple(vocabulary.AUGMENTATIONS.values()),
}


def sections() -> str:
    """The keys that stand in no section, and those of the sections that no model or rule changes."""
    top = [key for key in section_keys(Config) if not key.section and "." not in key.path]
    blocks = ["## Keys without a section", _table(top)]
    for name, field in Config.model_fields.items():
        kinds = alternatives(field.annotation)
        if len(kinds) == 1:
            keys = section_keys(kinds[0], name)
            blocks += [f"## {name}", marked(_first(kinds[0])), _table(keys)]
    return joined(*blocks)


def families() -> str:
    """The keys of ``[model]``, by family."""
    return joined(*_entries(FAMILIES, "model", 3, "model.name = "))


def rules() -> str:
    """The keys of ``[optimizer]``, by rule."""
    return joined(*_entries(alternatives(vocabulary.RuleWord), "optimizer", 3, "optimizer.name = "))


def words() -> str:
    """Every word with its settings, by kind."""
    blocks: list[str] = []
    for title, union in WORDS.items():
        kinds = list(union) if isinstance(union, tuple) else alternatives(union)
        blocks += [f"## {title}", *_entries(kinds, "", 3)]
    return joined(*blocks)


def metrics() -> str:
    """Every metric as it is printed, with what it is and where it lies."""
    rows = []
    for metric in usual_metrics():
        low, high = metric.bounds
        better = "higher" if metric.higher_is_better else "lower"
        rows.append((code(metric.name), marked(_first(type(metric))), f"{low:g} to {high:g}", better))
    return table(("figure", "definition", "lies", "better"), rows)


def _entries(kinds: Sequence[type[BaseModel]], path: str, level: int, before: str = "") -> Iterator[str]:
    for kind in kinds:
        yield f"{'#' * level} `{before}{_name(kind)}`"
        yield marked(_first(kind))
        yield _table([key for key in section_keys(kind, path) if not key.path.endswith(("name", ".n_in"))])


def _table(keys: Sequence[Key]) -> str:
    short = {full: name for name, full in short_keys().items()}
    rows = []
    for key in keys:
        if key.section and not key.words and not key.takes:
            continue
        brief = f" or {code(short[key.path])}" if key.path in short else ""
        default = (
            "" if key.default is None else code(key.default if isinstance(key.default, str) else _json(key.default))
        )
        rows.append((code(key.path) + brief, default, escaped(key.takes), escaped(key.about)))
    return table(HEAD, rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _name(kind: type[BaseModel]) -> str:
    return str(kind.model_fields["name"].default)


def _first(kind: type) -> str:
    """The first paragraph of a docstring; of a word that of the class that it stands for."""
    about = target(kind).__doc__ if issubclass(kind, vocabulary.Word) else kind.__doc__
    return (about or "").split("\n\n")[0]
