"""Keys that may be written without their section, on the command line and in Python alike.

A key is short where one of the sections ``data``, ``model``, ``optimizer`` and ``training`` alone has it, at whatever
model and rule; keys of sections inside these are written out, and what also stands in such a section is not short.
"""

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from ..families import Family
from .schema import Config, schema

SECTIONS = ("data", "model", "optimizer", "training")
NAMES = {"lr": "optimizer.learning_rate", "optimizer.lr": "optimizer.learning_rate", "label": "data.target"}


def full_key(key: str, families: tuple[type[Family], ...] = ()) -> str:
    """The dotted key that a key stands for; one that is none is given back as it is.

    >>> full_key("epochs"), full_key("lr"), full_key("training.epochs"), full_key("seed")
    ('training.epochs', 'optimizer.learning_rate', 'training.epochs', 'seed')
    """
    return NAMES.get(key) or short_keys(families).get(key, key)


@cache
def short_keys(families: tuple[type[Family], ...] = ()) -> dict[str, str]:
    """Every short key with what it stands for."""
    places: dict[str, set[str]] = {}
    for section in SECTIONS:
        for model in alternatives(schema(families).model_fields[section].annotation):
            for key, field in model.model_fields.items():
                places.setdefault(key, set()).add(f"{section}.{key}")
                for inner in inner_sections(field.annotation):
                    for deep in inner.model_fields:
                        places.setdefault(deep, set()).add(f"{section}.{key}.{deep}")
    taken = set(Config.model_fields)
    return {
        key: next(iter(found))
        for key, found in sorted(places.items())
        if len(found) == 1 and key not in taken and next(iter(found)).count(".") == 1
    }


def places_of(key: str) -> list[str]:
    """The dotted keys that end in a key, for messages about one that is not short."""
    found = set()
    for section in SECTIONS:
        for model in alternatives(Config.model_fields[section].annotation):
            for name, field in model.model_fields.items():
                found |= {f"{section}.{name}"} if name == key else set()
                for inner in inner_sections(field.annotation):
                    found |= {f"{section}.{name}.{key}"} if key in inner.model_fields else set()
    return sorted(found)


def alternatives(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in alternatives(part)]


def inner_sections(annotation: Any) -> list[type[BaseModel]]:
    """Sections with a place of their own inside a section, as ``training.plateau``; words of a family are none."""
    return [model for model in alternatives(annotation) if "name" not in model.model_fields]
