"""The command line, the only room that prints.

Importing it loads nothing, so that :mod:`.program` hears signals before anything else takes its time.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    """Load the commands when they are first asked for."""
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .app import main

    return main
