"""Checkpoints into what can be used, alone or several together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..backend import Device, resolve_device
from ..checkpoint import Checkpoint, read
from ..errors import CheckpointError, ConfigError
from ..families import Family
from ..paths import is_folder
from ..persistence import BEST, TrainedModel, TrainedStack, held_in
from .ensemble import Ensemble
from .machine import Machine
from .network import Autoencoder, Network


def load(*paths: str | Path, device: str = "auto", families: Sequence[type[Family]] = ()) -> Any:
    """Load a model out of a checkpoint, or several models as an ensemble whose predictions are averaged.

    Args:
        paths: of checkpoints, or of the folders of runs, whose ``best.h5`` is meant.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that the files may hold, see :class:`gpunet.families.Family`.

    Returns:
        A :class:`Network`, :class:`Autoencoder` or :class:`Machine`; an :class:`Ensemble` of several networks.

    Raises:
        CheckpointError: a file that is missing, damaged or of another kind, or models that do not go together.
        ConfigError: no path.

    >>> import gpunet, numpy as np, tempfile
    >>> x = np.random.default_rng(0).random((100, 3), np.float32)
    >>> net = gpunet.train("linear", x, (x[:, 0] > 0.5).astype(int), epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = gpunet.load(net.save(f"{folder}/net.h5"))
    >>> bool((again.predict(x) == net.predict(x)).all())
    True
    """
    wrong = next((path for path in paths if not isinstance(path, str | Path)), None)
    if not paths or wrong is not None:
        received = "none" if wrong is None else type(wrong).__name__
        remedy = 'For example gpunet.load("net.h5"), or gpunet.load(*paths)'
        raise ConfigError("paths", "must be paths of checkpoints", received, remedy)
    place = resolve_device(device)
    with place.activate():
        found = [result_of(read(_file(path)), place, families=families) for path in paths]
    return found[0] if len(found) == 1 else Ensemble(found)


def load_network(path: str | Path, device: Device) -> Network:
    """A network out of a checkpoint.

    Raises:
        CheckpointError: damaged, or no network with outputs.
    """
    found = result_of(read(_file(path)), device)
    if not isinstance(found, Network):
        remedy = "It has likelihoods and samples, and a network can start from it"
        raise CheckpointError(str(path), "must hold a network with outputs", found.config.model.name, remedy)
    return found


def result_of(
    checkpoint: Checkpoint,
    device: Device,
    stopped: str = "",
    run: Path | None = None,
    families: Sequence[type[Family]] = (),
) -> Any:
    """What a checkpoint holds, with memory on a device."""
    held = held_in(checkpoint, device, families)
    return wrapped(held, stopped=stopped, run=run)


def wrapped(held: TrainedModel | TrainedStack, unsavable: str = "", stopped: str = "", run: Any = None) -> Any:
    """A model with the methods of its kind."""
    if isinstance(held, TrainedStack):
        return Machine(held, unsavable, stopped, run)
    return (Autoencoder if held.reconstructs else Network)(held, unsavable, stopped, run)


def _file(path: str | Path) -> Path:
    return Path(path) / BEST if is_folder(path) else Path(path)
