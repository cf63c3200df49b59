"""Parts of the manual that are made from the code whenever it is built, so that none can be stale.

A page says ``<!-- generated: NAME -->`` where the part of that name is to stand; in the files themselves, as on a
forge, the comment is not seen.  A part is a function that returns Markdown.
"""

import re
from collections.abc import Callable
from typing import Any

from . import commands, docstrings, evidence, keys, python

MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)

PARTS: dict[str, Callable[[], str]] = {
    "commands": commands.all_commands,
    "exit-codes": commands.exit_codes,
    "presets": commands.presets,
    "keys": keys.sections,
    "families": keys.families,
    "rules": keys.rules,
    "words": keys.words,
    "metrics": keys.metrics,
    "front-door": python.front_door,
    "results": python.results,
    "estimators": python.estimators,
    "parts": python.parts,
    "decisions": evidence.decisions,
    "benchmarks": evidence.benchmarks,
}


def filled(text: str) -> str:
    """A page with its generated parts.

    >>> filled("no part")
    'no part'
    """
    return MARK.sub(lambda found: PARTS[found[1]](), text)


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("source-read", lambda app, page, source: source.__setitem__(0, filled(source[0])))
    app.connect("autodoc-process-docstring", docstrings.escaped)
    return {"parallel_read_safe": True}
