"""The keys of a configuration with what they mean: as a listing, as commented TOML, or as one document."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .initial import toml_value

if TYPE_CHECKING:
    from gpunet.config import Config, Key

NAMES, VALUES = 18, 14  # columns of the listing
COMMENT = 100  # columns of a comment


def listing(found: Sequence[Key], asked: bool) -> Iterator[str]:
    """Lines for people: each key with its value, what it means, takes and is by default.

    Args:
        found: the keys.
        asked: whether one section or key was asked for, whose choices are then told one by one.
    """
    width = max(60, min(shutil.get_terminal_size().columns, 120))
    for number, key in enumerate(found):
        depth = key.path.count(".") - found[0].path.count(".") if asked else key.path.count(".")
        if key.section and depth == 0 and number:
            yield ""
        yield from _entry(key, "  " * depth, width)
        if asked and number == 0 and key.words:
            yield ""
            yield from _choices(key, width)
            if len(found) > 1:
                yield ""


def _entry(key: Key, indent: str, width: int) -> Iterator[str]:
    name = indent + (key.path if not indent else key.path.rpartition(".")[2])
    value = "" if key.value is None else _short(key.value)
    head = f"{name:{NAMES}} {value:{VALUES}} "
    if key.section and key.value is None and not key.words:
        yield f"{name:{NAMES}} {key.about}".rstrip()
        return
    body = _said(key)
    rest = " " * (NAMES + VALUES + 2)
    lines = textwrap.wrap(body, width - len(rest), break_long_words=False, break_on_hyphens=False) or [""]
    if len(head) > len(rest):  # a long value has the line to itself
        yield head.rstrip()
    else:
        yield head + lines.pop(0)
    for line in lines:
        yield rest + line


def _choices(key: Key, width: int) -> Iterator[str]:
    yield "can be:"
    wide = max(len(name) for name, _ in key.words)
    for name, line in key.words:
        yield from textwrap.wrap(line, width, initial_indent=f"  {name:{wide}}  ", subsequent_indent=" " * (wide + 4))


def commented(config: Config, found: Sequence[Key]) -> str:
    """TOML that means this configuration, with a comment above each key; those without a value stand in comments."""
    from gpunet.config.migration import version_line

    document = config.model_dump(mode="json")
    lines = [version_line()]
    # In TOML, what belongs to no section stands before all of them.
    for key in sorted(found, key=lambda key: key.section or "." in key.path):
        *above, name = key.path.split(".")
        if len(above) > 1 or (above and above[0] not in document):
            continue  # in the table of the key above
        if not above and isinstance(document[name], dict) and key.section:
            lines += ["", *_comment(key.about), f"[{name}]"]
            if key.value is not None:
                lines += [*_comment(key.takes), f"name = {toml_value(key.value)}"]
            continue
        value = document[above[0]][name] if above else document[name]
        lines += ["", *_comment(_said(key))]
        lines.append(f"# {name} =" if value is None else f"{name} = {toml_value(_without_none(value))}")
    return "\n".join(lines) + "\n"


def document(found: Sequence[Key]) -> dict[str, Any]:
    """The same for programs, by path."""
    return {
        key.path: {
            "value": key.value,
            "default": key.default,
            "description": key.about,
            "takes": key.takes,
            "choices": [name for name, _ in key.words],
        }
        for key in found
    }


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, COMMENT, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _said(key: Key) -> str:
    """What a key means, takes and is by default."""
    default = "" if key.default is None else f"; default {_short(key.default)}"
    return f"{key.about}. " * bool(key.about) + f"[{key.takes}{default}]"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
