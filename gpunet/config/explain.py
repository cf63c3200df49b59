"""Turns pydantic's error details into the project's one-line messages."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, shortened
from ..families import FAMILIES
from ..members import MEMBERS, by_member
from ..vocabulary import words
from .schema import Config
from .suggestions import for_inner_key, for_key, for_word

Location = tuple[int | str, ...]


MOST = 20  # lines about one configuration
TABLES = ("model_type", "model_attributes_type", "dict_type")
# What pydantic says in the terms of Python.
RULES = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be a text",
} | dict.fromkeys(TABLES, "must be a table of keys")
OWN_FAMILY = "a family of your own is passed in Python as families=[...]"


def explain(error: ValidationError, values: Mapping[str, Any], schema: type[Config]) -> list[ConfigError]:
    """One error for each place of ``values`` that is wrong, with the remedy where there is a likely one.

    Of very many the first are told, and how many more there are.
    """
    by_path: dict[str, ConfigError] = {}
    details = error.errors(include_url=False)
    tags = _words_of_numbers(details, values, schema)
    for number, detail in enumerate(details):
        if len(by_path) == MOST:
            rule = f"must be mended in {len({detail['loc'] for detail in details[number:]}):,} more places"
            return [*by_path.values(), ConfigError("configuration", rule)]
        path = ".".join(map(str, _keys_of_user(detail["loc"], values, schema)))
        # A union reports each alternative; the first is the usual one.
        if refused := _by_member(path, detail):
            by_path.setdefault(str(refused.thing), refused)
        elif path in tags:
            by_path.setdefault(path, _number_or_word(path, detail, tags[path]))
        elif not any(path.startswith(f"{other}.") for other in tags):  # what a table would lack that is none
            by_path.setdefault(path, _one(path, detail, schema))
    return list(by_path.values())


def _one(path: str, detail: Any, schema: type[Config]) -> ConfigError:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        key, beside = str(detail["loc"][-1]), _keys_beside(detail["loc"], schema)
        if len(detail["loc"]) == 1:
            return ConfigError(path, "is no key here", None, for_key(key, schema))
        rule, remedy = for_inner_key(path, _kind(detail["loc"]), beside, schema)
        return ConfigError(path, rule, None, remedy)
    if kind in ("union_tag_invalid", "literal_error"):
        known = str(context.get("expected_tags") or context["expected"]).replace(" or ", ", ")
        received = str(context.get("tag", value))
        names = [name.strip(" '") for name in known.split(",")]
        remedy = for_word(received, names)
        if path == "model" and not remedy.endswith("?"):
            remedy = f"{remedy}; {OWN_FAMILY}"
        return ConfigError(path, "is no known choice", shortened(repr(received)), remedy)
    if kind == "missing":
        return ConfigError(path, "is needed", "nothing", f"Add {path} = ...")
    if isinstance(own := context.get("error"), ConfigError):  # raised by a check of ours, in its four parts already
        return own
    rule = RULES.get(kind) or detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return ConfigError(path, rule, shortened(repr(value)), _how(path, kind, value))


def _by_member(path: str, detail: Any) -> ConfigError | None:
    """What is said about a list of values by member where there is none, or nothing in it."""
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden" and detail["loc"][-1] == MEMBERS and "." in path:
        path, value = path.rpartition(".")[0], {MEMBERS: value}
    given = value if kind == "value_error" and value in ([], ()) else by_member(value)
    if given is None:
        return None
    if kind == "value_error":
        rule, remedy = "must have a list of values, one for each member", f"For example {path}=[0.1, 0.03]"
        return ConfigError(path, rule, shortened(str(given)), remedy)
    rule = "must be the same for all members, which differ in numbers that are no shape"
    return ConfigError(path, rule, shortened(str(given)), "Write one value, and train the others by themselves")


def _how(path: str, kind: str, value: Any) -> str | None:
    """How a value of another type is written, where that is plain."""
    if kind == "tuple_type" and isinstance(value, int | float | str):
        return f"Write {shortened(str([value]))}"
    if isinstance(value, list | tuple) and kind in ("int_type", "float_type"):
        return "Write one number; members do not differ in it"
    if kind in TABLES and path == "data":
        return f"Write data.source={shortened(str(value))}"
    return f"Write {path}.KEY=VALUE" if kind in TABLES else None


def _kind(loc: Location) -> str:
    """The kind of model or rule that a key was looked for in."""
    named = {_name(model) for model in [*FAMILIES, *words()]}
    return str(loc[1]) if len(loc) == 3 and loc[0] in ("model", "optimizer") and str(loc[1]) in named else ""


def _words_of_numbers(details: Any, values: Any, schema: type[Config]) -> dict[str, list[str]]:
    """The words that may stand for a number, by path, where neither a number nor one of them stands there."""
    numbers, found = set(), {}
    for detail in details:
        path = ".".join(map(str, _keys_of_user(detail["loc"], values, schema)))
        if detail["type"] in ("float_parsing", "int_parsing", "float_type", "int_type"):
            numbers.add(path)
        if detail["type"] == "union_tag_invalid":
            found[path] = [word.strip(" '") for word in str(detail["ctx"]["expected_tags"]).split(",")]
    return {path: known for path, known in found.items() if path in numbers}


def _number_or_word(path: str, detail: Any, known: list[str]) -> ConfigError:
    value = detail["input"]
    if isinstance(value, str) and value.startswith((f"{MEMBERS}=", "[")):
        rule, remedy = "must be a number, a schedule, or a list of them", f"Write '{path}=[0.1, 0.03]' in quotes"
        return ConfigError(path, rule, shortened(repr(value)), remedy)
    word = value.get("name") if isinstance(value, Mapping) else value
    what = "schedule" if "one_cycle" in known else "known word"
    return ConfigError(path, f"must be a number or a {what}", shortened(repr(word)), for_word(str(word), known))


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
