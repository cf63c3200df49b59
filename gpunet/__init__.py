"""gpunet: a GPU-native mini framework for neural networks and layer-wise pretraining.

The front door is seven functions and a class, which are loaded when they are first used:

- :func:`gpunet.train` trains a model by the name of a preset and returns it,
- :func:`gpunet.fit` trains a model that you put together from :mod:`gpunet.layers`,
- :func:`gpunet.load` loads what was saved, here or by the command line,
- :func:`gpunet.resume` goes on with a run where it stopped,
- :func:`gpunet.profile` measures what its training steps cost,
- :func:`gpunet.search` finds the best values of keys,
- :func:`gpunet.train_ensemble` trains several networks that predict together, a :class:`gpunet.Ensemble`.

What they return predicts, scores, encodes, samples and saves; see :mod:`gpunet.api`.  All errors that gpunet raises on
purpose are :class:`gpunet.errors.GpunetError`.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .api import Ensemble, fit, load, profile, resume, search, train, train_ensemble
    from .errors import GpunetError

__all__ = [
    "Ensemble",
    "GpunetError",
    "__version__",
    "fit",
    "load",
    "profile",
    "resume",
    "search",
    "train",
    "train_ensemble",
]


def __getattr__(name: str) -> Any:
    """Load the front door when it is first used, so that importing gpunet costs nothing."""
    if name in ("Ensemble", "fit", "load", "profile", "resume", "search", "train", "train_ensemble"):
        from . import api

        return getattr(api, name)
    if name == "GpunetError":
        from .errors import GpunetError

        return GpunetError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What can be had, loaded or not."""
    return sorted({*globals(), *__all__})
