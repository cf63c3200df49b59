"""The command line, the only room that prints."""

from .app import main

__all__ = ["main"]
