"""Matplotlib: loaded in one place, whatever the environment says, and its figures as bytes."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gpunet.errors import ConfigError, WriteError

if TYPE_CHECKING:
    from .output import Output

FORMATS = (".png", ".svg", ".pdf")


def require_matplotlib(thing: str, otherwise: str = "") -> None:
    """Load it before anything is read or computed; afterwards importing its parts cannot fail.

    Args:
        thing: that needs it, for messages.
        otherwise: what can be done without it.

    Raises:
        ConfigError: there is none.
        WriteError: it finds no folder for its cache.
    """
    os.environ["MPLBACKEND"] = "agg"  # it refuses to load with a name that it does not know; no window is opened here
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        remedy = f"Install the extra with pip install 'gpunet[plot]'{otherwise}"
        raise ConfigError(thing, "needs matplotlib", "none", remedy) from None
    except OSError as error:
        reason = str(error).partition(";")[0]
        raise WriteError("matplotlib", "needs a folder for its cache", reason, "Set MPLCONFIGDIR to one") from None


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def new_figure(width: float, height: float) -> Any:
    """An empty figure of matplotlib, whose panels make room for each other; no window is opened.

    Args:
        width: in inches.
        height: likewise.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write_figure(figure: Any, output: Output, dpi: int) -> None:
    """Draw a figure into its file, in the format that its ending says.

    Raises:
        WriteError: the file cannot be written.
    """
    output.write([drawn(figure, output.ending.removeprefix("."), dpi=dpi)])


def drawn(figure: Any, kind: str, **options: Any) -> bytes:
    """A figure in a format."""
    content = io.BytesIO()
    figure.savefig(content, format=kind, **options)
    return content.getvalue()
