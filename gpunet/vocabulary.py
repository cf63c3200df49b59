"""The words of a configuration, derived from the classes themselves.

Each layer, initializer, loss, rule and schedule is a dataclass.  Here each becomes a pydantic model with the same
fields, bounds and documentation plus a ``name``, and each family a union told apart by that name.  So a new class is
a new word as soon as its room exports it, and nothing else can be named.
"""

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic_core import core_schema

from . import data, initializers, layers, losses, metrics, optimizers, rbm, schedules
from .errors import ConfigError
from .fields import described, term
from .members import MEMBERS, PerMember, by_member

WIDTHS = ("n_in", "n")  # fields of layers and units that follow from what stands before, filled in by the builder


class ByMember:
    """Mark of a key in which members of a population may differ: ``{members = [...]}``, or a list, in the place of one.

    A list of one is that one.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """What pydantic asks for."""
        inner = handler(source)
        said = core_schema.wrap_serializer_function_ser_schema(_said_by_member, schema=inner)
        return core_schema.no_info_wrap_validator_function(_read_by_member, inner, serialization=said)


def _read_by_member(value: Any, read: Callable[[Any], Any]) -> Any:
    given = by_member(value)
    values = value if given is None and isinstance(value, list | tuple) else given
    if values is None:
        return read(value)
    if not isinstance(values, list | tuple) or not values:
        raise ValueError("must have a list of values, one for each member")
    found = PerMember(read(one) for one in values)
    return found if len(found) > 1 else found[0]


def _said_by_member(value: Any, say: Callable[[Any], Any]) -> Any:
    return {MEMBERS: [say(one) for one in value]} if isinstance(value, PerMember) else say(value)


BY_MEMBER = ByMember()


class Section(BaseModel):
    """Base of the sections: unknown keys are errors, and nothing changes after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Word(Section):
    """Base of the derived models: validated settings that know the class they are for."""

    def build(self, **filled: Any) -> Any:
        """Make the object; ``filled`` gives fields that the user need not write."""
        settings = {key: _build(getattr(self, key)) for key in type(self).model_fields if key != "name"}
        return target(type(self))(**{key: v for key, v in settings.items() if v is not None} | filled)


_TARGETS: dict[type[Word], type] = {}


def target(word: type[Word]) -> type:
    """The class that a derived model is for."""
    return _TARGETS[word]


def words() -> list[type[BaseModel]]:
    """All words with the configuration models that were derived from their classes."""
    return list(_TARGETS)


def _build(value: Any) -> Any:
    if isinstance(value, Word):
        return value.build()
    if isinstance(value, PerMember):
        return PerMember(_build(one) for one in value)
    return tuple(_build(v) for v in value) if isinstance(value, tuple | list) else value


def _family(base: type, room: types.ModuleType) -> list[type]:
    exported = [getattr(room, name) for name in room.__all__]
    return [c for c in exported if inspect.isclass(c) and issubclass(c, base) and c is not base]


def _annotation(hint: Any) -> Any:
    """Translate a field's type: families become their unions, and numbers that may differ by member are marked."""
    for base, union in _UNIONS.items():
        if hint is base:
            return union
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not PerMember]
        found: Any = Union[tuple(_annotation(part) for part in parts)]  # noqa: UP007 - built from a list
        return Annotated[found, BY_MEMBER] if len(parts) < len(get_args(hint)) else found
    if origin is Sequence:
        return tuple[_annotation(get_args(hint)[0]), ...]  # type: ignore[misc]
    return hint


def _is_number(hint: Any) -> bool:
    """Whether an annotation is that of a number, bounds aside."""
    return (get_args(hint)[0] if get_origin(hint) is Annotated else hint) in (int, float)


def _word(cls: type) -> type[Word]:
    hints, meanings = get_type_hints(cls, include_extras=True), described(cls)
    definitions: dict[str, Any] = {"name": (Literal[term(cls)], term(cls))}
    for field in fields(cls):
        hint, meaning = _annotation(hints[field.name]), meanings.get(field.name)
        if issubclass(cls, schedules.Schedule) and _is_number(hint):
            hint = Annotated[hint, BY_MEMBER]
        if field.name in WIDTHS:
            definitions[field.name] = (Optional[hint], Field(None, description="Follows from the layer before."))
        elif field.default is MISSING and field.default_factory is MISSING:
            definitions[field.name] = (hint, Field(description=meaning))
        else:
            # None stands for the default of the class, which then is written in one place only.
            default = field.default if isinstance(field.default, int | float | str) else None
            kind = hint if default is not None else Optional[hint]
            definitions[field.name] = (kind, Field(default, description=meaning))
    word = create_model(term(cls), __base__=Word, __doc__=inspect.getdoc(cls), **definitions)
    _TARGETS[word] = cls
    return word


def expand(value: Any) -> Any:
    """A bare name stands for that thing with its defaults, and a list of layers for their sequence."""
    if isinstance(value, str):
        return {"name": value}
    return {"name": "sequential", "layers": value} if isinstance(value, list | tuple) else value


def expand_preparations(value: Any) -> Any:
    """``auto`` stands for None and ``none`` for an empty list; a single word for a list of it."""
    if value in ("auto", "none"):
        return None if value == "auto" else ()
    if isinstance(value, list | tuple):
        return [expand(word) for word in value]
    return [expand(value)] if value else value


def expand_each(value: Any) -> Any:
    """Words by their bare names; a single one for a list of it."""
    if isinstance(value, list | tuple):
        return [expand(word) for word in value]
    return [expand(value)]


def expand_chains(value: Any) -> Any:
    """A number stands for so many persistent chains."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"name": "persistent", "count": value}
    return expand(value)


def _union(words: list[type[Word]]) -> Any:
    choice: Any = Union[tuple(words)]  # noqa: UP007 - built from a list
    return Annotated[choice, Field(discriminator="name"), BeforeValidator(expand)]


def _nesting(base: type, room: types.ModuleType, name: str) -> Any:
    """The union of a family whose members may hold each other: named before it is made and resolved afterwards."""
    _UNIONS[base] = name
    family = [_word(c) for c in _family(base, room)]
    _UNIONS[base] = union = _union(family)
    for model in family:
        model.model_rebuild(_types_namespace={name: union})
    return union


_UNIONS: dict[type, Any] = {}
ScheduleWord: Any = _nesting(schedules.Schedule, schedules, "ScheduleWord")
InitializerWord: Any = _union([_word(c) for c in _family(initializers.Initializer, initializers)])
_UNIONS[initializers.Initializer] = InitializerWord
LossWord: Any = _union([_word(c) for c in _family(losses.Loss, losses)])
MetricWord: Any = _union([_word(c) for c in _family(metrics.Metric, metrics)])
UnitsWord: Any = _union([_word(c) for c in _family(rbm.Units, rbm)])
AveragingWord: Any = _union([_word(c) for c in _family(optimizers.Averaging, optimizers)])
_CHAINS: Any = Union[tuple(_word(c) for c in _family(rbm.Chains, rbm))]  # noqa: UP007 - built from a list
ChainsWord: Any = Annotated[_CHAINS, Field(discriminator="name"), BeforeValidator(expand_chains)]
PreparationWord: Any = _union([_word(c) for c in _family(data.Preparation, data)])
AUGMENTATIONS: dict[str, Any] = {term(c): _word(c) for c in _family(data.Augmentation, data)}
SparsityWord: Any = _word(rbm.Sparsity)
RuleWord: Any = _union([_word(c) for c in _family(optimizers.Rule, optimizers)])
LayerWord: Any = _nesting(layers.Layer, layers, "LayerWord")


def has_word(cls: type) -> bool:
    """Whether a class can be named in a configuration."""
    return cls in _TARGETS.values()


def word_of(thing: Any) -> dict[str, Any]:
    """The word, with its settings, that a layer, loss, rule, schedule, initializer or unit would be built from.

    Raises:
        ConfigError: a thing, or a part of it, that has no word.

    >>> from gpunet.layers import Dense
    >>> word = word_of(Dense(10))
    >>> word["name"], word["n_out"]
    ('dense', 10)
    """
    missing = without_word(thing)
    if missing:
        remedy = "Use one of gpunet's own, see the table in README.md"
        raise ConfigError(missing, "must be something that a configuration can name", type(thing).__name__, remedy)
    found: dict[str, Any] = {"name": term(type(thing))}
    for field in fields(thing):
        value = getattr(thing, field.name)
        if field.name not in WIDTHS and value is not None:
            found[field.name] = _plain(value)
    return found


def without_word(thing: Any) -> str:
    """The class of the first thing, or part of a thing, that no configuration can name; empty where there is none."""
    if not (is_dataclass(thing) and has_word(type(thing))):
        return type(thing).__name__
    for field in fields(thing):
        value = getattr(thing, field.name)
        for part in value if isinstance(value, list | tuple) else (value,):
            if is_dataclass(part) and (missing := without_word(part)):
                return missing
    return ""


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return word_of(value)
    if isinstance(value, PerMember):
        return {MEMBERS: [_plain(one) for one in value]}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
