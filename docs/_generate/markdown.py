"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence


def escaped(text: str) -> str:
    """Plain text whose signs mean themselves, on one line.

    >>> escaped("a*b <c> | d_e")
    'a\\\\*b \\\\<c\\\\> \\\\| d\\\\_e'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|$])", r"\\\1", re.sub(r"\s+", " ", text))


def marked(text: str) -> str:
    """Text of a docstring: code and references are code, and everything else means itself.

    >>> marked("see ``a_b``, :func:`f` and c_d")
    'see `a_b`, `f` and c\\\\_d'
    """
    parts = re.split(r"(``.+?``|:\w+:`[^`]+`)", text.strip())
    return "".join(f"`{part.strip(':`').split('`')[-1]}`" if part.endswith("`") else escaped(part) for part in parts)


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; without rows it is empty."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines]) if lines else ""


def joined(*blocks: str) -> str:
    """Blocks with an empty line between them."""
    return "\n\n".join(block for block in blocks if block)
