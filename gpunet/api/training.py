"""Training from Python: by the name of a preset, or with objects; and going on with a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..backend import Device, resolve_device
from ..checkpoint import Checkpoint, is_safetensors, read, read_safetensors
from ..config import Config
from ..data import Dataset, Split
from ..errors import ConfigError, DataError, Interrupted
from ..experiment import Experiment, Run
from ..families import Family
from ..interruption import SIGNALS, Stop, stops_on_signals
from ..persistence import BEST, RunFolder, snapshot
from ..stages import Carried, begin
from ..training import EpochRecord
from .configuring import configured
from .loading import result_of
from .members import in_memory as checkpoint_in_memory
from .progress import Watch, wants_bar
from .results import Result
from .samples import in_memory, is_path, load_split, parts

OnEpoch = Callable[[EpochRecord], Any]


def train(
    config: str | Path | Mapping[str, Any] | Config = "mlp",
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    target: str | Sequence[str] | None = None,
    data: str | Path | None = None,
    validation: float | int | tuple[Any, Any] | None = None,
    test: float | int | tuple[Any, Any] | None = None,
    seeds: int | None = None,
    start: Any = None,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    families: Sequence[type[Family]] = (),
    on_epoch: OnEpoch | Iterable[OnEpoch] = (),
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Any:
    """Train a model and return it with its best weights.

    Args:
        config: name of a preset (``gpunet presets ls``), path of a TOML file, a mapping of sections, or a Config.
        x: features: an array of NumPy, CuPy or anything with ``__dlpack__`` or ``__array__``, a data frame of pandas,
            polars or pyarrow with numeric columns, nested lists, or the path of files; (samples, features) or
            (samples, height, width[, channels]).
        y: targets: class names or numbers (samples,), or values (samples,) or (samples, outputs); None for models that
            need none.
        settings: values by dotted or short key, such as ``{"training.plateau.patience": 3}``.
        target: column of the frame ``x`` that holds the targets, or several of them, instead of ``y``.
        data: files instead of arrays: ``digits``, or a path that the command line would take.
        validation: part to select the best epoch on: a fraction, a number of samples, or a pair (x, y).
        test: part for a final figure, scored once: likewise; none of arrays by default.
        seeds: how many models to train at once, with seeds ``seed``, ``seed + 1``, ...; predictions are averaged.
        start: weights to start from: a trained model, or the path of a checkpoint or .safetensors file.
        grafts: pairs (layer of ``start``, layer of the network) instead of all from the bottom.
        keep_layers: how many finished layers of ``start`` a stack keeps.
        run: folder to write checkpoints to, from which :func:`resume` goes on; nothing is written without it.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that ``config`` may name, see :class:`gpunet.families.Family`.
        on_epoch: function, or several, called with the record of each epoch; ``print`` shows a line.
        progress: whether to show a bar; by default in terminals and notebooks.
        stop: ends the training after the present step where it is requested.
        keywords: values by short key: ``epochs=20, hidden=[256], lr=1e-3``; the list is that of the command line.

    Returns:
        A :class:`~gpunet.api.Network`, :class:`~gpunet.api.Autoencoder` or :class:`~gpunet.api.Machine`.  After Ctrl-C
        it has the best weights so far, and ``stopped`` says so.

    Raises:
        ConfigError: what cannot be trained so, each wrong key named.
        DataError: data that are missing, damaged or unfit.
        DivergedError: a loss or gradient left the finite numbers.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((300, 5), np.float32)
    >>> net = train("mlp", x, x.sum(axis=1) > 2.5, epochs=10, hidden=[16], batch_size=20)
    >>> net.score(x, x.sum(axis=1) > 2.5) > 0.8
    True
    """
    if is_path(x):
        if data is not None or y is not None:
            raise DataError("x", "names files and stands alone", "y or data as well", "Leave them out")
        x, data = None, x
    given = _parts(keywords, validation, test) | ({} if seeds is None else {"members": seeds})
    given |= {"source": str(data)} if data is not None else {}
    wanted = configured(config, settings, given, families)
    place = resolve_device(device)
    with place.activate():
        if data is not None or x is None:
            if x is not None or y is not None:
                raise DataError("data", "stands for files and stands alone", "x or y as well", "Leave them out")
            if "source" not in wanted.data.model_fields_set:
                raise DataError("x", "must be given", "none", 'Pass arrays, or data="digits" or a path')
            dataset, split = load_split(wanted)
        else:
            # Whoever passes arrays has a test part of their own, so none is held back unless it was asked for.
            asked = isinstance(config, Config) or "test" in wanted.data.model_fields_set
            wanted, dataset = in_memory(wanted, x, y, target, pair(validation), pair(test), hold_back=asked)
            check_targets(wanted, dataset)
            split = parts(wanted, dataset)
        return carried(
            wanted, dataset, split, place, _source(start), grafts, keep_layers, run, on_epoch, progress, stop
        )


def carried(
    config: Config,
    dataset: Dataset,
    split: Split,
    device: Device,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    run: str | Path | None = None,
    on_epoch: OnEpoch | Iterable[OnEpoch] = (),
    progress: bool | None = None,
    stop: Stop | None = None,
) -> Any:
    """Train, with signals and folder as asked for, and wrap what came of it."""
    stop = stop or Stop()
    folders: list[RunFolder] = []

    def open_folder() -> RunFolder:
        folders.append(RunFolder.create(str(run), config))
        return folders[0]

    watch = Watch(functions(on_epoch), wants_bar(progress), keep_portrait=run is not None)
    with signals_heard(stop, run):
        found = begin(
            Experiment(config, dataset, split, device), source, grafts, keep_layers,
            open_folder if run is not None else None, watch, stop,
        )  # fmt: skip
    assert found is not None, "this was no dry run"
    return came_of(found, stop, device, folders[0].path if folders else None)


def came_of(found: Carried, stop: Stop, device: Device, folder: Path | None) -> Any:
    """The model of a training, with the best weights so far where it was stopped.

    Raises:
        Interrupted: a signal other than Ctrl-C ended it; its state is in the folder.
    """
    if not found.finished:
        settle(found.run)
        if stop.requested.startswith("SIG") and stop.requested != "SIGINT":
            where = f"; its state is in {folder}" if folder else ""
            remedy = f"Go on with gpunet.resume({str(folder)!r})" if folder else "Pass run=FOLDER to keep the state"
            raise Interrupted("training", f"was stopped by {stop.requested}{where}", None, remedy)
    families = found.run.config.families
    if folder is not None and found.finished:
        return result_of(read(folder / BEST), device, run=folder, families=families)
    content = snapshot(found.run, best=bool(found.run.selection.best_epoch.max() > 0))
    return result_of(checkpoint_in_memory(content), device, "" if found.finished else stop.requested, folder, families)


def settle(run: Run) -> None:
    """Put the best weights of a run that was stopped back, for members that have some."""
    if (run.selection.best_epoch > 0).all():
        run.selection.restore()


def check_targets(config: Config, dataset: Dataset) -> None:
    """Refuse to train without targets what learns from them.

    Raises:
        DataError: there are none.
    """
    if config.model.wants_targets and not dataset.classes and dataset.y.shape[-1] == 0:
        remedy = "Pass y, or target=COLUMN of a data frame"
        raise DataError("y", f"must be given to train {config.model.name}", "none", remedy)


def _parts(keywords: Mapping[str, Any], validation: Any, test: Any) -> dict[str, Any]:
    """The keywords with those parts that are shares or numbers of samples."""
    found = dict(keywords)
    for name, part in (("data.validation", validation), ("data.test", test)):
        if part is not None and not isinstance(part, tuple | list):
            found[name] = part
    return found


def pair(part: Any) -> Any:
    """A part that is passed by itself, as (x, y), or None."""
    return part if isinstance(part, tuple | list) else None


def _source(start: Any) -> Checkpoint | None:
    if start is None:
        return None
    if isinstance(start, Result):
        return start.checkpoint
    if not is_path(start):
        rule = "must be a trained model, or the path of a checkpoint"
        raise ConfigError("start", rule, type(start).__name__, "Pass what gpunet.train returned")
    path = Path(start) / BEST if Path(start).is_dir() else Path(start)
    return read_safetensors(path) if is_safetensors(str(path)) else read(path)


def signals_heard(stop: Stop, run: Any) -> AbstractContextManager[Any]:
    """While this is open, Ctrl-C ends training after the present step; with a folder other signals do so too."""
    return stops_on_signals(stop, SIGNALS if run is not None else SIGNALS[:1], (), "raise")


def functions(on_epoch: OnEpoch | Iterable[OnEpoch]) -> list[OnEpoch]:
    """One function or several as a list."""
    return [on_epoch] if callable(on_epoch) else list(on_epoch)
