"""One dimension of a space: what a key may become, and the scale on which its values lie evenly."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import ConfigError, meant, shortened
from ..plain import flattened, repeated

Kind = Literal["log", "one_minus_log", "uniform", "int", "int_log", "choice"]
KINDS: tuple[Kind, ...] = ("log", "one_minus_log", "uniform", "int", "int_log", "choice")
# What other programs call them.
OTHERS = {
    "quniform": "Write int for whole numbers, or choice with the values of the steps",
    "qloguniform": "Write int_log for whole numbers, or choice with the values of the steps",
    "loguniform": "Write log",
    "reverse_log": "Write one_minus_log",
    "randint": "Write int",
    "lograndint": "Write int_log",
    "float": "Write uniform, or log",
    **dict.fromkeys(("values", "categorical", "grid", "grid_search", "choices", "value"), "Write choice"),
    **dict.fromkeys(("min", "max", "low", "high"), "Write uniform = [low, high], or log = [low, high]"),
}
BOUNDED = "must be two numbers, the lower one first"


@dataclass(frozen=True)
class Dimension:
    """A key of the configuration with the values that are tried for it.

    Attributes:
        key: dotted.
        kind: ``uniform`` numbers; ``log``, even on the logarithmic scale; ``one_minus_log``, whose distance from 1 is
            even on the logarithmic scale, as suits momentum; whole numbers as ``int`` or ``int_log``; or a ``choice``.
        low: lowest value; of a choice 0.
        high: highest value, included; of a choice the number of its last value.
        choices: of a choice.
        when: other keys and the values that they must have for this one to be set at all.
    """

    key: str
    kind: Kind
    low: float
    high: float
    choices: tuple[Any, ...] = ()
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def label(self) -> str:
        """The last part of the key that says what it is, for tables and pictures.

        >>> Dimension("tune.optimizer.learning_rate.value", "log", 1e-4, 1e-2).label
        'tune learning_rate'
        """
        return label_of(self.key)

    def at(self, place: float) -> Any:
        """The value at a place between 0 and 1 on its own scale.

        >>> Dimension("lr", "log", 1e-4, 1e-2).at(0.5), Dimension("m", "one_minus_log", 0.9, 0.999).at(0.5)
        (0.001, 0.99)
        >>> [Dimension("n", "int", 1, 3).at(u) for u in (0.0, 0.34, 0.999)]
        [1, 2, 3]
        """
        if self.kind == "choice":
            return self.choices[min(int(place * len(self.choices)), len(self.choices) - 1)]
        if self.kind in ("int", "int_log"):
            low, high = (self.low, self.high + 1) if self.kind == "int" else (self.low - 0.5, self.high + 0.5)
            exact = low + place * (high - low) if self.kind == "int" else low * (high / low) ** place
            whole = math.floor(exact) if self.kind == "int" else round(exact)
            return int(min(max(whole, self.low), self.high))
        if self.kind == "log":
            return _clean(self.low * (self.high / self.low) ** place, self.low, self.high)
        if self.kind == "one_minus_log":
            far, near = 1 - self.low, 1 - self.high
            return _clean(1 - far * (near / far) ** place, self.low, self.high)
        return _clean(self.low + place * (self.high - self.low), self.low, self.high)

    def place(self, value: Any) -> float:
        """Where a value lies between 0 and 1 on its own scale; of whole numbers and choices the middle of its share.

        >>> round(Dimension("lr", "log", 1e-4, 1e-2).place(1e-3), 6)
        0.5
        """
        if self.kind == "choice":
            return (self.choices.index(value) + 0.5) / len(self.choices)
        if self.low == self.high:
            return 0.5
        if self.kind == "int":
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        if self.kind == "int_log":
            low, high = self.low - 0.5, self.high + 0.5
            return math.log(value / low) / math.log(high / low)
        if self.kind == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        if self.kind == "one_minus_log":
            return math.log((1 - value) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low))
        return (value - self.low) / (self.high - self.low)

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether its conditions hold.

        Args:
            values: of the keys that conditions may speak of.
        """
        return all(is_one_of(values.get(key), wanted) for key, wanted in self.when)

    def said(self, value: Any) -> str:
        """A value as a table shows it.

        >>> Dimension("lr", "log", 1e-4, 1e-2).said(0.00123456), Dimension("hidden", "choice", 0, 0).said([64, 8])
        ('0.00123', '64-8')
        """
        if isinstance(value, list | tuple):
            return "-".join(map(str, value))
        if isinstance(value, Mapping):
            return str(value.get("name", json.dumps(value)))
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    def document(self) -> dict[str, Any]:
        """As TOML has it, see :func:`dimension`."""
        found: dict[str, Any] = {self.kind: list(self.choices)} if self.choices else {self.kind: [self.low, self.high]}
        if self.when:
            found["when"] = {key: list(values) for key, values in self.when}
        return found


def label_of(key: str) -> str:
    """The last part of a key that says what it is; of a schedule that is the name of what it schedules.

    >>> label_of("optimizer.learning_rate.then.value"), label_of("model.hidden")
    ('learning_rate', 'hidden')
    """
    parts = key.split(".")
    while parts[-1] in ("value", "high", "then") and len(parts) > 2:
        parts.pop()
    return f"tune {parts[-1]}" if parts[0] == "tune" else parts[-1]


def dimension(key: str, written: Mapping[str, Any], full: Any = str) -> Dimension:
    """A dimension out of what a space says of it.

    Args:
        key: dotted.
        written: one kind with its bounds or values, and perhaps conditions: ``{log = [1e-4, 1e-1]}``,
            ``{choice = ["sgd", "adam"]}``, ``{one_minus_log = [0.5, 0.99], when = {optimizer = "sgd"}}``.
        full: gives the dotted key that a key in a condition stands for.

    Raises:
        ConfigError: no kind or two, bounds the wrong way round, a logarithm of 0, no values, a word that is not known.
    """
    name = f"space.{key}"
    kinds = [kind for kind in KINDS if kind in written]
    unknown = [word for word in written if word not in (*KINDS, "when")]
    if unknown:
        raise unknown_word(key, unknown[0])
    if len(kinds) != 1:
        received = ", ".join(kinds) or "none"
        raise ConfigError(name, "must have one scale", received, f"Write one of {', '.join(KINDS)}")
    (kind,) = kinds
    when = _conditions(name, written.get("when", {}), full)
    if kind == "choice":
        choices = written[kind]
        if not isinstance(choices, list | tuple) or not choices:
            raise ConfigError(f"{name}.choice", "must be a list of values", _shown(choices), "For example [32, 64]")
        if (twice := repeated(choices)) is not None:
            raise ConfigError(f"{name}.choice", "must have each value once", f"{_shown(twice)} twice", "Leave one out")
        return Dimension(key, kind, 0, len(choices) - 1, tuple(choices), when)
    low, high = _bounds(f"{name}.{kind}", kind, written[kind])
    return Dimension(key, kind, low, high, (), when)


def unknown_word(key: str, word: str) -> ConfigError:
    """What is said of a word that is no scale: what it is called here, where other programs have it."""
    remedy = OTHERS.get(word) or meant(word, [*KINDS, "when"], f"There are {', '.join(KINDS)}, and when")
    return ConfigError(f"space.{key}", "has a word that is not known", shortened(word), remedy)


def _bounds(name: str, kind: Kind, written: Any) -> tuple[float, float]:
    numbers = written if isinstance(written, list | tuple) else ()
    whole = kind in ("int", "int_log")
    kinds = int if whole else (int, float)
    fit = [isinstance(n, kinds) and not isinstance(n, bool) and math.isfinite(n) for n in numbers]
    if len(numbers) != 2 or not all(fit):
        rule = "must be two whole numbers, the lower one first" if whole else BOUNDED
        raise ConfigError(name, rule, _shown(written), "For example [1, 10]" if whole else "For example [1e-4, 0.1]")
    low, high = numbers
    if low >= high:
        remedy = f"Write [{high:g}, {low:g}]" if low > high else "Set the key in the configuration instead"
        raise ConfigError(name, BOUNDED, _shown(written), remedy)
    if kind in ("log", "int_log") and low <= 0:
        remedy = f"Begin above 0, or use {'uniform' if kind == 'log' else 'int'}"
        raise ConfigError(name, "must lie above 0, since 0 has no logarithm", _shown(written), remedy)
    if kind == "one_minus_log" and high >= 1:
        remedy = "End below 1, as in [0.5, 0.99]"
        raise ConfigError(name, "must lie below 1, since 1 - 1 has no logarithm", _shown(written), remedy)
    return (low, high) if whole else (float(low), float(high))


def _conditions(name: str, written: Any, full: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    if not isinstance(written, Mapping):
        remedy = 'For example when = { optimizer = "sgd" }'
        raise ConfigError(f"{name}.when", "must be a table of keys with values", _shown(written), remedy)
    flat = flattened(written)
    # A section is told by its name, which is its value here.
    keys = {key.removesuffix(".name"): value for key, value in flat.items()}
    return tuple((full(key), tuple(v) if isinstance(v, list | tuple) else (v,)) for key, v in keys.items())


def is_one_of(value: Any, wanted: Sequence[Any]) -> bool:
    """Whether a value is one of several, a table by its name.

    >>> is_one_of({"name": "sgd", "momentum": 0.9}, ("sgd",)), is_one_of("adam", ("sgd",))
    (True, False)
    """
    return value in wanted or (isinstance(value, Mapping) and value.get("name") in wanted)


def _clean(value: float, low: float, high: float) -> float:
    """Without the digits that rounding alone made, and inside the bounds."""
    return min(max(float(f"{value:.12g}"), low), high)


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, default=str))
