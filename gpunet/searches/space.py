"""Spaces: the keys of a configuration that a search changes, and what it tries for them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Config, full_key, is_key, override
from ..errors import ConfigError, meant, shortened
from ..families import Family
from ..plain import flattened
from .dimensions import KINDS, OTHERS, Dimension, dimension, is_one_of, unknown_word

TUNE = "tune."  # before keys of the network that is fine-tuned from what a trial pretrains


@dataclass(frozen=True)
class Space:
    """What a search tries.

    Attributes:
        dimensions: each after those that its conditions speak of.
    """

    dimensions: tuple[Dimension, ...]

    def __iter__(self) -> Iterator[Dimension]:
        """The dimensions in order."""
        return iter(self.dimensions)

    def values(self, places: Mapping[str, float], fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Values by key at places between 0 and 1; keys whose conditions do not hold have none.

        Args:
            places: by key, of all dimensions.
            fixed: values of other keys that conditions may speak of.
        """
        found: dict[str, Any] = {}
        for one in self:
            if one.applies({**fixed, **found}):
                found[one.key] = one.at(places[one.key])
        return found

    def document(self) -> dict[str, Any]:
        """As TOML has it."""
        return {one.key: one.document() for one in self}


def space_of(tables: Mapping[str, Any], families: Sequence[type[Family]] = (), toml: bool = False) -> Space:
    """A space out of what TOML, or Python, says.

    Args:
        tables: by key, short or dotted or nested: a kind with bounds or values, see
            :func:`~gpunet.searches.dimensions.dimension`.
        families: of models of your own.
        toml: whether they come out of a file, so that remedies are spelled as there.

    Raises:
        ConfigError: an empty space, a key that there is not, bounds that make no sense, conditions in a circle.

    >>> [one.key for one in space_of({"lr": {"log": [1e-4, 1e-1]}, "model": {"dropout": {"uniform": [0, 0.6]}}})]
    ['optimizer.learning_rate', 'model.dropout']
    """
    known = tuple(families)

    def full(key: str) -> str:
        tuned = key.startswith(TUNE)
        found = full_key(key.removeprefix(TUNE), known)
        if not is_key(found):
            names = sorted(Config.model_fields)
            rule, remedy = "is no key of a configuration", meant(found, names, "gpunet config show lists all keys")
            raise ConfigError(f"space.{shortened(key)}", rule, None, remedy)
        return f"{TUNE}{found}" if tuned else found

    written = flattened(tables, (*KINDS, "when"))
    if not written:
        example = scale_of("learning_rate", [1e-4, 0.1], toml)
        remedy = f"Add keys to [space], such as {example}" if toml else f"For example {example}"
        raise ConfigError("space", "must have a key to search over", "none", remedy)
    found = []
    for key, value in written.items():
        if not isinstance(value, Mapping):
            above, _, word = key.rpartition(".")
            if above and (word in OTHERS or full_key(above, known) != above):
                raise unknown_word(above, word)
            remedy = f"Write {scale_of(key, value, toml)}, or set it in the configuration"
            raise ConfigError(f"space.{key}", "must be a table with a scale", shortened(repr(value)), remedy)
        found.append(dimension(full(key), value, full))
    keys = [one.key for one in found]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"space.{key}", "must be there once", "twice, perhaps by its short name", "Leave one out")
    _check_conditions(found)
    return Space(tuple(_in_order(found)))


def scale_of(key: str, value: Any, toml: bool) -> str:
    """How what somebody wrote without a scale would be written with one, in TOML or in Python."""
    pair = isinstance(value, list | tuple) and len(value) == 2
    numbers = pair and all(map(_is_number, value)) and value[0] < value[1]
    scale = ("log" if value[0] > 0 else "uniform") if numbers else "choice"
    inner = json.dumps(list(value) if isinstance(value, list | tuple) else [value], default=str)
    return f"{key} = {{ {scale} = {inner} }}" if toml else f'{{"{key}": {{"{scale}": {inner}}}}}'


def _check_conditions(dimensions: Sequence[Dimension]) -> None:
    """Refuse conditions that ask for values which the space never tries."""
    by_key = {one.key: one for one in dimensions}
    for one in dimensions:
        for key, wanted in one.when:
            other = by_key.get(key)
            for value in wanted if other is not None else ():
                assert other is not None
                if other.choices and not any(is_one_of(choice, (value,)) for choice in other.choices):
                    tried = ", ".join(map(other.said, other.choices))
                elif not other.choices and not (_is_number(value) and other.low <= value <= other.high):
                    tried = f"{other.low:g} to {other.high:g}"
                else:
                    continue
                rule = f"must name values of {key} that the space tries"
                raise ConfigError(f"space.{one.key}.when", rule, shortened(repr(value)), f"It tries {tried}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _in_order(dimensions: Sequence[Dimension]) -> list[Dimension]:
    """Each after those that its conditions speak of, else as written."""
    left, done = list(dimensions), []
    while left:
        waiting = {one.key for one in left}
        ready = next((one for one in left if not any(key in waiting for key, _ in one.when)), None)
        if ready is None:
            thing, rule = f"space.{left[0].key}.when", "must not depend on itself"
            raise ConfigError(thing, rule, "conditions in a circle", "Leave one condition out")
        done.append(ready)
        left.remove(ready)
    return done


def check_not_set(space: Space, given: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse keys that somebody sets for one search although its space tries them.

    Args:
        space: of the search.
        given: values by dotted key, stronger than those of a file.
        prefix: of these keys in the space.

    Raises:
        ConfigError: naming the first one.
    """
    for key, value in flattened(given).items():
        full, word = f"{prefix}{key}", isinstance(value, str)
        for one in space:
            inside = full.startswith(f"{one.key}.") and one.kind != "choice"
            around = one.key.startswith(f"{full}.") and not word
            if one.key == full or inside or around:
                remedy = f"Leave it out here, or give a [space] without {one.key}"
                raise ConfigError(full, "must not be set where the space tries it", shortened(str(value)), remedy)


def changed(config: Config, values: Mapping[str, Any]) -> Config:
    """A configuration with the values of a trial; a section that is chosen comes before the keys in it.

    A choice that is what the configuration has already leaves the other keys of its section as they are.

    Raises:
        ConfigError: a value that the configuration cannot have.
    """
    before = {key: held_at(config, key) for key in values}
    order = sorted(values, key=lambda key: key.count("."))
    return override(config, {key: values[key] for key in order if not _names(values[key], before[key])})


def fixed_values(config: Config, space: Space, prefix: str = "") -> dict[str, Any]:
    """What conditions of a space may speak of beside its own keys: the values of the configuration."""
    keys = {key for one in space for key, _ in one.when}
    own = {key for key in keys if key.startswith(TUNE) == bool(prefix)}
    return {key: _plain(held_at(config, key.removeprefix(prefix))) for key in own}


def held_at(config: Config, key: str) -> Any:
    """What a configuration has at a dotted key, None where it has no such key."""
    value: Any = config
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _plain(value: Any) -> Any:
    """Sections by their name, tuples as lists."""
    value = getattr(value, "name", value)
    return list(value) if isinstance(value, tuple) else value


def _names(value: Any, before: Any) -> bool:
    """Whether a value is the bare name of the section that is there already."""
    return isinstance(value, str) and getattr(before, "name", None) == value
