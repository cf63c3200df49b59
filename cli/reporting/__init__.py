"""A report of runs as one HTML file: what checkpoints say, drawn with matplotlib, laid out by Jinja2.

Nothing but checkpoints is read, through the guarded reader, so a report needs neither the data nor the code of a model.
"""

from .page import render
from .runs import RunFile, open_run

__all__ = ["RunFile", "open_run", "render"]
