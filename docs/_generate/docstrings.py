"""Docstrings as Sphinx reads them: an asterisk before a word is one, and no emphasis, as in ``(n, *shape)``."""

import re
from typing import Any

STAR = re.compile(r"(?<![\w\\`])\*(?=\w)")


def escaped(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape them outside of examples and of code."""
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = re.split(r"(``.+?``)", line)
            lines[number] = "".join(part if part.startswith("``") else STAR.sub(r"\\*", part) for part in parts)
