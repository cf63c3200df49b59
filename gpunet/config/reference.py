"""All keys of a configuration with what they mean, what they take and their defaults, read from the schema."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ..errors import ConfigError, meant
from ..vocabulary import ByMember, Word, target, word_of
from .schema import Config
from .shortcuts import SECTIONS, alternatives, full_key, inner_sections

BEYOND = 1 << 53  # limits that nobody meets


@dataclass(frozen=True)
class Key:
    """A key of a configuration.

    Attributes:
        path: dotted.
        value: as the configuration has it, None where it is not set.
        default: without a preset, likewise; None also where there is none.
        about: what it means.
        takes: kinds of values, and their names.
        words: what can be named there, with a line about each.
        section: whether other keys stand below it.
    """

    path: str
    value: Any
    default: Any
    about: str
    takes: str
    words: tuple[tuple[str, str], ...] = ()
    section: bool = False


def keys(config: Config, path: str = "") -> list[Key]:
    """The keys of a configuration in the order of the schema, each section before what stands in it.

    Args:
        config: whose values are given.
        path: a section or a key, short or dotted, that they are to be of; everything by default.

    Raises:
        ConfigError: no such section or key, for this model and optimizer.

    >>> [key.path for key in keys(Config(), "training.plateau")]
    ['training.plateau', 'training.plateau.patience', 'training.plateau.factor']
    """
    wanted = full_key(path)
    found = list(_below("", type(config), config, wanted))
    if not path:
        return found
    chosen = [key for key in found if key.path == wanted or key.path.startswith(f"{wanted}.")]
    if not chosen:
        names = [key.path for key in found]
        raise ConfigError(
            "key", "must be one of this configuration", path, meant(wanted, names, "Leave it out for all")
        )
    return chosen


def section_keys(section: type[BaseModel], path: str = "") -> list[Key]:
    """The keys of one section, of a family of models or of a word, without values of any configuration.

    Args:
        section: class of the section.
        path: dotted, where it stands.

    >>> from gpunet.config.sections import PlateauConfig
    >>> [(key.path, key.default) for key in section_keys(PlateauConfig, "training.plateau")]
    [('training.plateau.patience', 5), ('training.plateau.factor', 0.1)]
    """
    return list(_below(path, section, None, ""))


def is_key(name: str, config: type[Config] = Config) -> bool:
    """Whether a name is that of a section or a key, for the first part of dotted ones."""
    return full_key(name).partition(".")[0] in config.model_fields


def _below(path: str, model: type[BaseModel], held: Any, wanted: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        if path and name == "name":
            continue  # shown as the value of the section
        place, value = f"{path}.{name}" if path else name, getattr(held, name, None)
        inner = _inner(field.annotation, value, place, wanted)
        yield Key(
            place,
            _plain(value) if inner is None else getattr(value, "name", None),
            _default(model, name, field),
            _about(field.description or ""),
            takes(field.annotation, field.metadata),
            _words(field.annotation),
            inner is not None,
        )
        if inner is not None:
            yield from _below(place, inner, value, wanted)


def _inner(annotation: Any, value: Any, place: str, wanted: str) -> type[BaseModel] | None:
    """The section whose keys are listed below a key; those of words inside a section only where they are asked for."""
    if own := inner_sections(annotation):
        return own[0]
    asked = wanted.startswith(place)
    if isinstance(value, BaseModel) and (asked or place in SECTIONS):
        return type(value)
    kinds = alternatives(annotation)
    return kinds[0] if asked and len(kinds) == 1 else None


def _about(text: str) -> str:
    """A description without what is said beside it: the default, and the marks of code."""
    text = re.sub(r"; [^;]* by default\.$", "", text).replace("``", "")
    return text if text.endswith("...") else text.rstrip(".")


def _default(model: type[BaseModel], name: str, field: Any) -> Any:
    """The default in plain values; that of a derived word may stand in its class alone."""
    if issubclass(model, Word) and field.default is None:
        own = next((f for f in fields(target(model)) if f.name == name), None)
        return None if own is None or own.default is MISSING else _plain(own.default)
    if field.default is PydanticUndefined:
        return None
    return getattr(field.default, "name", None) if isinstance(field.default, BaseModel) else _plain(field.default)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        word = word_of(value)
        return word if len(word) > 1 else word["name"]
    if isinstance(value, BaseModel):
        return {k: v for k, v in value.model_dump(mode="json").items() if v is not None}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _words(annotation: Any) -> tuple[tuple[str, str], ...]:
    """Names that can be given, with the first line of what is said about each, and its settings."""
    found = []
    for model in alternatives(annotation):
        if "name" in model.model_fields:
            name = get_args(model.model_fields["name"].annotation)[0]
            line = _about((model.__doc__ or "").split("\n")[0]).rstrip(":")
            settings = ", ".join(key for key in model.model_fields if key != "name")
            found.append((name, f"{line} ({settings})" if settings and issubclass(model, Word) else line))
    return tuple(found)


def takes(annotation: Any, bounds: Sequence[Any] = ()) -> str:
    """What a value may be, in words.

    >>> from gpunet.fields import Count, Fraction
    >>> takes(Count), takes(Fraction | None), takes(tuple[int, ...])
    ('a whole number from 1', 'a number from 0, below 1', 'a list of whole numbers')
    """
    found: list[str] = []
    for kind in _kinds(annotation, bounds):
        if kind not in found:
            found.append(kind)
    several = any(isinstance(mark, ByMember) for mark in (*bounds, *getattr(annotation, "__metadata__", ())))
    return " or ".join(found) + ("; also a list, one for each member" if several else "")


def _kinds(annotation: Any, bounds: Sequence[Any]) -> Iterator[str]:
    origin, inside = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _kinds(inside[0], [*bounds, *annotation.__metadata__])
    elif annotation is bool:
        yield "true or false"
    elif annotation is int:
        yield f"a whole number{_bounded(bounds)}"
    elif annotation is float:
        yield f"a number{_bounded(bounds)}"
    elif annotation is str:
        yield "a text"
    elif origin in (tuple, list):
        plain = " or ".join(_several(kind) for kind in _kinds(inside[0], ()))
        yield f"{len(inside)} {plain}" if Ellipsis not in inside else f"a list of {plain}"
    elif origin is dict:
        yield "a table by name"
    elif inside and all(isinstance(part, str | int) for part in inside):
        yield ", ".join(part if str(part).isidentifier() else repr(part) for part in inside)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        names = get_args(annotation.model_fields["name"].annotation) if "name" in annotation.model_fields else ()
        yield f"{names[0]}" if names else f"a table of {', '.join(annotation.model_fields)}"
    else:
        yield from _union(inside, bounds)


def _several(kind: str) -> str:
    """A kind of value, more than one of it."""
    return re.sub(r"^a (whole number|number|text)", r"\1s", kind)


def _union(parts: Sequence[Any], bounds: Sequence[Any]) -> Iterator[str]:
    """Of several words their names in one list, behind what is no word."""
    models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    for part in parts:
        if part is not NoneType and part not in models:
            yield from _kinds(part, bounds)
    if len(models) == 1 and issubclass(models[0], Word):
        settings = [key for key in models[0].model_fields if key != "name"]
        yield f"true, false or a table of {', '.join(settings)}" if settings else "true or false"
    elif models:
        names = ", ".join(next(_kinds(model, ())) for model in models)
        yield f"a schedule: {names}" if "one_cycle" in names else names


def _bounded(bounds: Sequence[Any]) -> str:
    said = {Ge: " from {}", Gt: " above {}", Le: " up to {}", Lt: " below {}"}
    values = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt"}
    found = [(said[type(bound)], getattr(bound, values[type(bound)])) for bound in bounds if type(bound) in said]
    return ",".join(text.format(f"{limit:g}") for text, limit in found if abs(limit) < BEYOND)
