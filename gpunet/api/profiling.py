"""What the steps of a training cost, from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import ConfigError
from ..families import Family
from ..stages import profiles_of
from ..training import StepProfile
from .training import experiment_of


def profile(
    config: str | Path | Mapping[str, Any] | Config | Family = "mlp",
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    start: Any = None,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    seconds: float = 2.0,
    **given: Any,
) -> list[StepProfile]:
    """Measure what the steps of a training cost, beside the least that they could cost; nothing is kept.

    On the CPU the time of a step is told by operation, and the floor is what its products alone take.  On CUDA a step
    is one graph: its nodes, launches and the bytes that they are given are counted, and the floor is the longer of its
    products alone and of these bytes at the bandwidth of a copy.

    Args:
        config: what would be trained, as for :func:`gpunet.train`.
        x: features, likewise.
        y: targets, likewise.
        settings: values by dotted or short key, likewise.
        start: weights to start from, likewise.
        grafts: pairs of layers, likewise.
        keep_layers: of a stack, likewise.
        seconds: to measure for at least, for each layer of a stack.
        given: what else :func:`gpunet.train` takes to say what is trained, such as ``data``, ``device``, ``seeds`` or
            values by short key.

    Returns:
        One :class:`~gpunet.training.StepProfile`, or one for each layer of a stack.

    Raises:
        ConfigError: what cannot be trained so.
        DataError: data that are missing, damaged or unfit.
        DeviceError: memory does not suffice; it names the batch that does.
        DivergedError: the steps left the finite numbers.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((300, 5), np.float32)
    >>> (found,) = profile("mlp", x, x.sum(axis=1) > 2.5, hidden=[16], batch_size=20, seconds=0.1)
    >>> found.samples, {"products", "relu", "optimizer"} <= {one.name for one in found.operations}
    (20, True)
    >>> found.fraction == found.products_alone / found.seconds
    True
    """
    if not seconds > 0:
        raise ConfigError("seconds", "must be above 0", seconds)
    experiment, source = experiment_of(
        config, x, y, settings, start=start, grafts=grafts, keep_layers=keep_layers, **given
    )
    with experiment.device.activate():
        return profiles_of(experiment, source, grafts, keep_layers, seconds)
