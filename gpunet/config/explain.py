"""Turns pydantic's error details into the project's one-line messages."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, meant, shortened
from ..families import FAMILIES
from ..vocabulary import words
from .schema import Config
from .shortcuts import places_of, short_keys

Location = tuple[int | str, ...]


MOST = 20  # lines about one configuration
OWN_FAMILY = "a family of your own is passed in Python as families=[...]"


def explain(error: ValidationError, values: Mapping[str, Any], schema: type[Config]) -> list[ConfigError]:
    """One error for each place of ``values`` that is wrong, with the remedy where there is a likely one.

    Of very many the first are told, and how many more there are.
    """
    by_path: dict[str, ConfigError] = {}
    details = error.errors(include_url=False)
    for number, detail in enumerate(details):
        if len(by_path) == MOST:
            rule = f"must be mended in {len({detail['loc'] for detail in details[number:]}):,} more places"
            return [*by_path.values(), ConfigError("configuration", rule)]
        path = ".".join(map(str, _keys_of_user(detail["loc"], values, schema)))
        # A union reports each alternative; the first is the usual one.
        by_path.setdefault(path, _one(path, detail, schema))
    return list(by_path.values())


def _one(path: str, detail: Any, schema: type[Config]) -> ConfigError:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        key, beside = str(detail["loc"][-1]), _keys_beside(detail["loc"], schema)
        places = places_of(key) if len(detail["loc"]) == 1 else []
        if places:
            return ConfigError(path, "is no key here", None, f"Write {' or '.join(places)}")
        short = list(short_keys(schema.families)) if len(detail["loc"]) == 1 else []
        return ConfigError(path, "is no key here", None, meant(key, [*beside, *short], f"Known: {', '.join(beside)}"))
    if kind in ("union_tag_invalid", "literal_error"):
        known = str(context.get("expected_tags") or context["expected"]).replace(" or ", ", ")
        received = str(context.get("tag", value))
        names = [name.strip(" '") for name in known.split(",")]
        remedy = _remedy(received, names)
        if path == "model" and not remedy.endswith("?"):
            remedy = f"{remedy}; {OWN_FAMILY}"
        return ConfigError(path, "is no known choice", shortened(repr(received)), remedy)
    if kind == "missing":
        return ConfigError(path, "is needed", "nothing", f"Add {path} = ...")
    listed = kind == "tuple_type" and isinstance(value, int | float | str)
    rule = "must be a list" if listed else detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return ConfigError(path, rule, shortened(repr(value)), f"Write {shortened(str([value]))}" if listed else None)


def _remedy(word: str, known: list[str]) -> str:
    return meant(word, known, f"Known: {', '.join(known)}")


def _keys_of_user(loc: Location, values: Any, schema: type[Config]) -> Iterable[int | str]:
    """The parts of a location that the user wrote; pydantic adds the names of chosen alternatives between them."""
    for number, part in enumerate(loc):
        inside = isinstance(values, Mapping) and part in values
        listed = isinstance(values, list | tuple) and isinstance(part, int)
        if inside or listed:
            values = values[part]
            yield part
        elif number == len(loc) - 1 and isinstance(values, Mapping | str) and part in _keys_beside(loc, schema):
            yield part  # a key that is missing, also where a bare name stands for the table


def _keys_beside(loc: Location, schema: type[Config]) -> list[str]:
    """The keys that the section at the end of a location accepts."""
    section: type[BaseModel] = schema
    named: dict[str, type[BaseModel]] = {_name(model): model for model in [*FAMILIES, *schema.families, *words()]}
    for part in loc[:-1]:
        field = section.model_fields.get(str(part))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            section = field.annotation
        elif str(part) in named:
            section = named[str(part)]
    return list(section.model_fields)


def _name(model: type[BaseModel]) -> str:
    return get_args(model.model_fields["name"].annotation)[0]
