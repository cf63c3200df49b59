"""What stands behind ``import gpunet``, by its exports; the text is that of the docstrings."""

import importlib
import inspect
from collections.abc import Iterator

import gpunet
from gpunet import api

from .markdown import joined

# Rooms whose exports are put together by hand in Python, with the base that those derive from which are listed.
ROOMS = {
    "gpunet.layers": "Layer",
    "gpunet.losses": "Loss",
    "gpunet.optimizers": "Rule",
    "gpunet.schedules": "Schedule",
    "gpunet.initializers": "Initializer",
    "gpunet.metrics": "Metric",
    "gpunet.rbm": "Units",
    "gpunet.testing": "",
    "gpunet.families": "Family",
    "gpunet.errors": "GpunetError",
}


def front_door() -> str:
    """The functions of :mod:`gpunet`."""
    names = [name for name in gpunet.__all__ if inspect.isfunction(getattr(gpunet, name))]
    return _rst(f".. autofunction:: gpunet.{name}" for name in names)


def results() -> str:
    """What the functions return."""
    names = [name for name in api.__all__ if inspect.isclass(getattr(api, name)) and name != "Result"]
    return _rst(f".. autoclass:: gpunet.api.{name}\n   :members:\n   :inherited-members:" for name in names)


def estimators() -> str:
    """The face for scikit-learn."""
    room = importlib.import_module("gpunet.sklearn")
    return _rst(f".. autoclass:: gpunet.sklearn.{name}" for name in room.__all__)


def parts() -> str:
    """Classes and functions to put networks together from, by room."""
    blocks = []
    for name, base in ROOMS.items():
        room = importlib.import_module(name)
        kind = getattr(room, base) if base else None
        found = [getattr(room, one) for one in getattr(room, "__all__", sorted(vars(room)))]
        chosen = [
            c
            for c in found
            if (inspect.isclass(c) and issubclass(c, kind) if kind else inspect.isroutine(c) or inspect.isclass(c))
        ]
        if base:
            chosen.sort(key=lambda c: (c is not kind, c.__name__.lower()))
        blocks += [f"## {name}", _rst(_entry(name, thing, thing is kind) for thing in chosen)]
    return joined(*blocks)


def _entry(room: str, thing: type, whole: bool) -> str:
    how = "autoclass" if inspect.isclass(thing) else "autofunction"
    return f".. {how}:: {room}.{thing.__name__}" + ("\n   :members:" if whole else "")


def _rst(directives: Iterator[str]) -> str:
    return "```{eval-rst}\n" + "\n\n".join(directives) + "\n```"
