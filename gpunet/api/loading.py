"""Checkpoints into what can be used, alone or several together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..backend import Device, resolve_device
from ..checkpoint import Checkpoint, read
from ..ensembles import stored_in
from ..errors import CheckpointError, ConfigError
from ..families import Family
from ..paths import is_folder
from ..persistence import BEST, TrainedModel, TrainedStack, held_in, is_ensemble
from .autoencoder import Autoencoder
from .ensemble import Ensemble
from .machine import Machine
from .network import Network


def load(*paths: str | Path, device: str = "auto", families: Sequence[type[Family]] = ()) -> Any:
    """Load a model out of a checkpoint, or several models as an ensemble whose predictions are averaged.

    Args:
        paths: of checkpoints, or of the folders of runs, whose ``best.h5`` is meant.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that the files may hold, see :class:`gpunet.families.Family`.

    Returns:
        A :class:`Network`, :class:`Autoencoder` or :class:`Machine`; an :class:`Ensemble` of several networks, or of
        a file that holds one.

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
        found = [any_of(read(path_of(path)), place, families) for path in paths]
    return found[0] if len(found) == 1 else _together(found, paths)


def load_together(paths: Sequence[str | Path], device: Device) -> Ensemble:
    """The networks out of checkpoints as one ensemble, or the ensemble that a single file holds.

    Args:
        paths: of checkpoints.
        device: where they are put.

    Raises:
        CheckpointError: damaged, no networks with outputs, or networks that do not go together.
    """
    return together_of((read(path_of(path)) for path in paths), paths, device)


def together_of(checkpoints: Iterable[Checkpoint], paths: Sequence[str | Path], device: Device) -> Ensemble:
    """What :func:`load_together` gives, of checkpoints that were read; the paths are for messages."""
    found = [any_of(checkpoint, device) for checkpoint in checkpoints]
    for path, one in zip(paths, found):
        if not isinstance(one, Network | Ensemble):
            remedy = "It has likelihoods and samples, and a network can start from it"
            raise CheckpointError(str(path), "must hold a network with outputs", one.config.model.name, remedy)
    return found[0] if isinstance(found[0], Ensemble) and len(found) == 1 else _together(found, paths)


def any_of(checkpoint: Checkpoint, device: Device, families: Sequence[type[Family]] = ()) -> Any:
    """What a checkpoint holds: one model, or the networks of an ensemble.

    Args:
        checkpoint: that was read.
        device: where the models are put.
        families: of models that it may hold beside those that come with gpunet.

    Raises:
        CheckpointError: what is said does not fit what is there.
    """
    if not is_ensemble(checkpoint.root):
        return result_of(checkpoint, device, families=families)
    held = stored_in(checkpoint)
    networks = [result_of(network, device, families=families) for network in held.networks]
    members = sum(len(network.trained.predicting) for network in networks)
    weights = held.combination.weights
    if weights is not None and len(weights) != members:
        rule = f"must be one for each of its {members} members"
        raise CheckpointError(f"{checkpoint.path}: ensemble/weights", rule, len(weights))
    even = weights is None or bool((weights == weights[0]).all())
    combination = replace(held.combination, weights=None if even else weights)
    return Ensemble.of(networks, combination, held.method, held.facts, held.report)


def _together(found: Sequence[Any], paths: Sequence[str | Path]) -> Ensemble:
    """Several networks as one.

    Raises:
        CheckpointError: one that is an ensemble already.
    """
    for path, one in zip(paths, found):
        if isinstance(one, Ensemble):
            received = f"an ensemble of {len(one)}"
            raise CheckpointError(str(path), "must be a single network, beside others", received, "Name it alone")
    return Ensemble(found)


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


def path_of(path: str | Path) -> Path:
    """The file that is meant: itself, or the best checkpoint of a run's folder."""
    return Path(path) / BEST if is_folder(path) else Path(path)
