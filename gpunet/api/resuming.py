"""Going on with a run where it stopped."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from ..backend import resolve_device
from ..checkpoint import Checkpoint, look_into, read
from ..config import load_config, override
from ..errors import CheckpointError, ConfigError, DataError
from ..experiment import Experiment
from ..families import Family
from ..interruption import Stop
from ..paths import exists, is_file, is_folder
from ..persistence import (
    BEST,
    CONFIG,
    ENSEMBLE,
    LAST,
    PREVIOUS,
    RunFolder,
    has_state,
    identity_of,
    is_ensemble,
    newest,
    open_trained,
)
from ..searches.listing import is_search
from ..stages import go_on, resumed_config
from ..studies import kept_in
from .configuring import full_keys
from .measuring import Monitors, monitors_of
from .progress import Watch, wants_bar
from .reading import IN_MEMORY, load_split, parts
from .samples import in_memory
from .training import OnEpoch, came_of, failures_told, functions, signals_heard, train

ANEW = "ended before its first save: it begins anew from its config.toml, with no weights of another checkpoint"


def resume(
    run: str | Path,
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    target: Any = None,
    weights: Any = None,
    validation: Any = None,
    test: Any = None,
    data: str | Path | None = None,
    device: str = "auto",
    families: Sequence[type[Family]] = (),
    on_epoch: OnEpoch | Iterable[OnEpoch] | None = None,
    monitors: Monitors = None,
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Any:
    """Go on with a run where it stopped, as if it had not stopped: ten epochs are five and five, bit for bit.

    Args:
        run: folder of the run, or its ``last.h5`` or ``last.previous.h5``.
        x: the same arrays as before, where it was trained on arrays.
        y: likewise.
        settings: values that change, by dotted or short key; whatever leaves the shapes of what was learned may.
        target: column of a frame ``x``, as before.
        weights: how much each sample of x counts, (samples,), from 0: one of weight 2 counts as two; all alike by
            default.
        validation: pair (x, y), where one was passed before.
        test: likewise.
        data: where the files are now, if they were moved.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that the run may be of.
        on_epoch: function, or several, called with the record of each epoch.
        monitors: functions that measure the model after each epoch, as for :func:`gpunet.train`; the history keeps
            the numbers that are known of every epoch.
        progress: whether to show a bar.
        stop: ends the training after the present step where it is requested.
        keywords: values that change, by short key: ``epochs=50``.

    Returns:
        What :func:`gpunet.train` returns.

    Raises:
        CheckpointError: no run there, or its state is damaged.
        ConfigError: a change that the state does not allow.
        DataError: other data than before.
    """
    if x is not None and data is not None:
        raise DataError("data", "stands for files and stands alone", "arrays as well", "Leave one of them out")
    path, stop = Path(run), stop or Stop()
    folder = folder_of(path)
    overrides = full_keys({**(settings or {}), **keywords}, families)
    if path == folder and not has_state(folder):
        warnings.warn(f"{folder} {ANEW}", stacklevel=2)
        return train(
            load_config(str(folder / CONFIG), overrides, {}, families), x, y, target=target, weights=weights,
            data=data, validation=validation, test=test, run=folder, device=device, families=families,
            on_epoch=on_epoch, monitors=monitors, progress=progress, stop=stop,
        )  # fmt: skip
    place = resolve_device(device)
    with place.activate(), ExitStack() as opened:
        target_folder = opened.enter_context(RunFolder(folder))
        source, passed_over = state_of(path, folder)
        if passed_over:
            warnings.warn(passed_over, stacklevel=2)
        saved = open_trained(source, families)
        identity, remark = identity_of(folder, saved, families)
        if remark:
            warnings.warn(remark, stacklevel=2)
        config = resumed_config(saved, overrides, None if data is None else str(data))
        if x is not None:
            kept = config.data
            config, dataset = in_memory(config, x, y, target, validation, test, weights=weights, known=saved)
            config = config.model_copy(update={"data": kept.model_copy(update={"source": IN_MEMORY})})
            split = parts(config, dataset)
            if dataset.sha256 != saved.description.sha256:
                remedy = "Pass x, y, target, validation and test as in the training"
                raise DataError("x", "must hold the data that the run was trained on", "other content", remedy)
        else:
            dataset, split = load_split(config, saved, run=folder)
        watch = Watch(functions(on_epoch), wants_bar(progress), True, monitors_of(monitors))

        experiment = Experiment(config, dataset, split, place)

        def open_folder() -> AbstractContextManager[RunFolder]:
            changed = config != override(saved.config, {"data.source": saved.source})
            target_folder.go_on(source, identity, config, changed)
            return nullcontext(target_folder)

        with signals_heard(stop, run), failures_told():
            found = go_on(experiment, saved, open_folder, watch, stop)
        assert found is not None, "this was no dry run"
        return came_of(found, stop, place, folder)


def folder_of(path: Path, elsewhere: bool = False) -> Path:
    """The folder of the run that was named, or of its checkpoint.

    Args:
        path: of a folder, or of a checkpoint in it.
        elsewhere: whether training goes on in another folder, so that any checkpoint will do.

    Raises:
        CheckpointError: no such thing, an ensemble, or a folder without the state of a run and its configuration.
        ConfigError: a checkpoint that is no state to go on from.
    """
    if not exists(path):
        rule = "must be the folder of a run, or its checkpoint"
        raise CheckpointError(str(path), rule, "no such file", "Check the path")
    _refuse_ensemble(path)
    if not is_folder(path) and path.name not in (LAST, PREVIOUS) and not elsewhere:
        remedy = "Say where to go on in another folder"
        raise ConfigError(str(path), f"must be a run's folder, its {LAST} or {PREVIOUS}", path.name, remedy)
    folder = path if is_folder(path) else path.parent
    if kept_in(folder):
        remedy = "gpunet resume goes on with the folds that are left"
        raise CheckpointError(str(folder), "must be the folder of one training", "finished folds", remedy)
    if is_search(folder) and not has_state(folder):
        remedy = f"Resume the search, or train longer from its {CONFIG}"
        raise CheckpointError(str(folder), "must be the folder of a run", "that of a search", remedy)
    if is_folder(path) and not has_state(folder) and not is_file(folder / CONFIG):
        raise CheckpointError(str(folder), f"must hold the {LAST} of a run", "none", "Check the path")
    return folder


def _refuse_ensemble(path: Path) -> None:
    """Refuse the file of an ensemble, or the folder of one: its networks are finished, and hold no state."""
    file = path / BEST if is_folder(path) and not has_state(path) else path
    if not is_file(file) or file.name in (LAST, PREVIOUS):
        return
    (held,) = look_into([file])
    if isinstance(held, Checkpoint) and is_ensemble(held.root):
        received = f"an ensemble of {held.root[ENSEMBLE].attrs.get('members')} members"
        remedy = "Train an ensemble anew with more epochs, or go on with runs and put them together afterwards"
        raise CheckpointError(str(path), "must be a single run to go on with", received, remedy)


def state_of(path: Path, folder: Path) -> tuple[Checkpoint, str]:
    """The checkpoint to go on from, and why it is not a newer one, or nothing."""
    if is_file(path) and path.name != LAST:
        return read(path), ""
    found, wrong = newest(folder, diverged=is_file(path))
    return found, f"{wrong}\nGoing on from the one before it, {found.path}." if wrong else ""
