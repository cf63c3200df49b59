"""How much text from outside may say: files, KEY=VALUE and variables are refused in one line where it is beyond use.

The largest configuration that makes sense has some thousand values.  Whatever is far beyond that is a mistake or an
attack, and would otherwise take minutes, fill the screen or exhaust the stack.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, shortened

MOST_BYTES = 1 << 20
MOST_VALUES = 20_000
MOST_DEPTH = 64
MOST_KEY = 200
REMEDY = "Correct it there"
WHOLE = range(-(1 << 63), 1 << 64)


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: no regular file, one that cannot be read, too large, or not in UTF-8.
    """
    return text_of(str(path), bytes_of(path))


def bytes_of(path: Path) -> bytes:
    """The bytes of a configuration file.

    Raises:
        ConfigError: no regular file, one that cannot be read, or too large.
    """
    name = shortened(str(path))
    try:
        # Without O_NONBLOCK a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123  it is open already
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(name, "must be a readable TOML file", "a folder, pipe or device", "Check the path")
            content = file.read(MOST_BYTES + 1)
    except ConfigError:
        raise
    except FileNotFoundError:
        raise ConfigError(name, "must be an existing TOML file", "no file", "See gpunet presets ls") from None
    except OSError as error:
        raise ConfigError(name, "must be a readable TOML file", error.strerror, "Check the path") from None
    except ValueError as error:  # a path with a zero byte
        raise ConfigError(name, "must be a readable TOML file", error, REMEDY) from None
    if len(content) > MOST_BYTES:
        raise ConfigError(name, f"must be at most {MOST_BYTES:,} bytes long", "more", REMEDY)
    return content


def text_of(name: str, content: bytes) -> str:
    """The text of a configuration file, with one kind of line ends.

    Args:
        name: of the file, for messages.
        content: of it.

    Raises:
        ConfigError: not in UTF-8.
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except ValueError as error:
        raise ConfigError(shortened(name), "must be a readable TOML file", error, REMEDY) from None


def parse(thing: str, text: str) -> dict[str, Any]:
    """A TOML document.

    Args:
        thing: what it is, for messages.
        text: of the document.

    Raises:
        TOMLDecodeError: it is none.
        ConfigError: it is too large, or nested too deep, or has numbers of thousands of digits.
    """
    if len(text) > MOST_BYTES:
        raise ConfigError(thing, f"must be at most {MOST_BYTES:,} characters long", f"{len(text):,}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ConfigError(thing, f"must be nested at most {MOST_DEPTH} deep", "more") from None
    except ValueError as error:  # of int, which bounds the digits that it takes
        raise ConfigError(thing, "must have numbers of 64 bits", shortened(str(error))) from None


def check_size(values: Mapping[str, Any]) -> None:
    """Refuse nested values that are too many, too deep or too large to be a configuration.

    Raises:
        ConfigError: naming the first key beyond the limits.
    """
    level: list[tuple[str, Any]] = [(key, value) for key, value in values.items()]
    count, depth, size = 0, 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        size += sum(len(value) for _, value in level if isinstance(value, str))
        if count > MOST_VALUES:
            raise ConfigError("configuration", f"must have at most {MOST_VALUES:,} values", "more")
        if size > MOST_BYTES:
            raise ConfigError("configuration", f"must be at most {MOST_BYTES:,} characters long", "more")
        if depth > MOST_DEPTH:
            thing = shortened(level[0][0])
            raise ConfigError(thing, f"must be nested at most {MOST_DEPTH} deep", "more")
        inner: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, int) and not isinstance(value, bool) and value not in WHOLE:
                raise ConfigError(name, "must be a number of 64 bits", f"one of {value.bit_length():,} bits")
            if isinstance(value, Mapping):
                for key in value:
                    _check_key(str(key))
                inner += [(name if depth > 2 else f"{name}.{key}", part) for key, part in value.items()]
            elif isinstance(value, list | tuple):
                if count + len(inner) + len(value) > MOST_VALUES:
                    raise ConfigError(name, f"must have at most {MOST_VALUES:,} values", f"{len(value):,}")
                inner += [(name, part) for part in value]
        level = inner
    for key in values:
        _check_key(str(key))


def _check_key(key: str) -> None:
    """Refuse a name that no key has."""
    if len(key) > MOST_KEY:
        rule = f"must be a key of at most {MOST_KEY} characters"
        raise ConfigError(shortened(key), rule, f"{len(key):,}")
