"""Training from Python: by the name of a preset, or with objects; and going on with a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ..backend import Device, resolve_device
from ..checkpoint import Checkpoint, read
from ..checkpoint import in_memory as checkpoint_in_memory
from ..config import Config, override
from ..data import Dataset
from ..errors import ConfigError, DataError, DeviceError, DivergedError, Interrupted
from ..experiment import Experiment, Prepared, Run
from ..families import Family
from ..interruption import SIGNALS, Stop, stops_on_signals
from ..persistence import BEST, RunFolder, Trained, open_trained, snapshot
from ..stages import Carried, begin
from ..training import EpochRecord
from .configuring import configured, full_keys, is_preset, known_families
from .loading import result_of
from .measuring import Monitors, monitors_of
from .progress import Watch, wants_bar
from .reading import load_split, parts
from .samples import class_names, in_memory, is_path, pair, share
from .sampling import check_count
from .starting import batch_that_fits, following, source_of

OnEpoch = Callable[[EpochRecord], Any]


def train(
    config: str | Path | Mapping[str, Any] | Config | Family = "mlp",
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    target: Any = None,
    weights: Any = None,
    classes: Any = None,
    data: str | Path | None = None,
    validation: Any = None,
    test: Any = None,
    seeds: int | None = None,
    start: Any = None,
    incremental: bool = False,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    families: Sequence[type[Family]] = (),
    on_epoch: OnEpoch | Iterable[OnEpoch] | None = None,
    monitors: Monitors = None,
    progress: bool | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> Any:
    """Train a model and return it with its best weights.

    Args:
        config: name of a preset (``gpunet presets ls``), path of a TOML file, a mapping of sections, a Config, or a
            family of models with its settings; the batch of a preset becomes smaller where there are fewer samples.
        x: features: an array of NumPy, CuPy or anything with ``__dlpack__`` or ``__array__``, a data frame of pandas,
            polars or pyarrow with numeric columns, nested lists, or the path of files; (samples, features) or
            (samples, height, width[, channels]).
        y: targets: class names or numbers (samples,), or values (samples,) or (samples, outputs); None for models that
            need none.  Where ``classrbm`` has ``unlabelled`` above 0, labels may be missing: None, NaN, masked, null or
            empty ones.
        settings: values by dotted or short key, such as ``{"training.plateau.patience": 3}``; a mapping for a
            section, as ``{"training": {"l2": 1e-4}}``, leaves its other keys as they are.
        target: column of the frame ``x`` that holds the targets, or several of them, instead of ``y``.
        weights: how much each sample of x counts, (samples,), from 0: one of weight 2 counts as two; all alike by
            default.
        classes: all classes that there are, in the order of the outputs, where ``y`` may lack some; by default those of
            ``y``, in their order, or of an incremental ``start``.
        data: files instead of arrays: ``digits``, or a path that the command line would take.
        validation: part to select the best epoch on: a fraction, a number of samples, a pair (x, y), or with
            ``target`` a data frame that has this column too.
        test: part for a final figure, scored once: likewise; none of arrays by default.
        seeds: how many models to train at once, with seeds ``seed``, ``seed + 1``, ...; predictions are averaged.
        start: weights to start from: a trained model, or the path of a checkpoint or .safetensors file; a preset then
            prepares features as the start did, and has its widths, unless you say otherwise.
        incremental: keep the latest weights and, with them, all that a training goes on from; a ``start`` that was
            trained so goes on with these samples: with what its optimizer and chains remember, and with features and
            targets prepared by the numbers of its own samples.
        grafts: pairs (layer of ``start``, layer of the network) instead of all from the bottom.
        keep_layers: how many finished layers of ``start`` a stack keeps.
        run: folder to write checkpoints to, from which :func:`resume` goes on; nothing is written without it.
        device: ``auto``, ``cpu`` or ``cuda[:N]``.
        families: of models of your own that ``config`` may name, see :class:`gpunet.families.Family`.
        on_epoch: function, or several, called with the record of each epoch; ``print`` shows a line.
        monitors: functions, or functions by name, that get the model after each epoch and return a number, or one for
            each member: a column of ``history``.  They do not choose the best epoch.
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

    Functions of your own measure what is trained:

    >>> def strongest(machine):
    ...     return np.linalg.svd(machine.weights["weight"], compute_uv=False)[0]
    >>> rbm = train("rbm", (x > 0.5).astype(float), hidden=4, epochs=3, monitors=strongest)
    >>> rbm.history["strongest"].shape, bool(np.isclose(rbm.history["strongest"][-1], strongest(rbm)))
    ((3,), True)
    """
    experiment, source = experiment_of(
        config, x, y, settings, target=target, weights=weights, classes=classes, data=data, validation=validation,
        test=test, seeds=seeds, start=start, incremental=incremental, grafts=grafts, keep_layers=keep_layers, run=run,
        device=device, families=families, **keywords,
    )  # fmt: skip
    with experiment.device.activate():
        return carried(experiment, source, grafts, keep_layers, run, on_epoch, progress, stop, monitors, incremental)


def experiment_of(
    config: str | Path | Mapping[str, Any] | Config | Family = "mlp",
    x: Any = None,
    y: Any = None,
    settings: Mapping[str, Any] | None = None,
    *,
    target: Any = None,
    weights: Any = None,
    classes: Any = None,
    data: str | Path | None = None,
    validation: Any = None,
    test: Any = None,
    seeds: int | None = None,
    start: Any = None,
    incremental: bool = False,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    families: Sequence[type[Family]] = (),
    **keywords: Any,
) -> tuple[Experiment, Checkpoint | None]:
    """What :func:`train` trains, and the checkpoint that it starts from; the arguments are those of that.

    Raises:
        ConfigError: what cannot be trained so, each wrong key named.
        DataError: data that are missing, damaged or unfit.
    """
    if is_path(x):
        if data is not None or y is not None:
            raise DataError("x", "names files and stands alone", "y or data as well", "Leave them out")
        x, data = None, x
    families = known_families(config, families)
    given = full_keys({**(settings or {}), **with_parts(keywords, validation, test)}, families)
    given |= full_keys({} if seeds is None else {"seeds": seeds})
    given |= {"data.source": str(data)} if data is not None else {}
    wanted, source = configured(config, given, families), source_of(start)
    _check_start(source, grafts, keep_layers)
    # Whoever passes arrays has a test part of their own, so none is held back unless it was asked for.
    asked = isinstance(config, Config) or "test" in wanted.data.model_fields_set
    _check_files(config, wanted, data, x, y, (target, weights, classes, pair(validation), pair(test)))
    _check_incremental(incremental, source, grafts)
    if incremental and wanted.training.monitor == "auto":
        wanted = override(wanted, {"training.monitor": "last"})
    if is_preset(config):
        wanted = following(wanted, given, source, families, widths=not grafts)
    place = resolve_device(device)
    with place.activate():
        donor = None if source is None or source.foreign else open_trained(source, families)
        if x is None:
            dataset, split = load_split(wanted, features_of=donor, run=run)
        else:
            wanted, dataset = in_memory(
                wanted,
                x,
                y,
                target,
                pair(validation),
                pair(test),
                hold_back=asked,
                weights=weights,
                features_of=donor,
                classes=known_classes(classes, donor if incremental else None),
                incremental=incremental,
            )
            check_targets(wanted, dataset)
            split = parts(wanted, dataset)
        if is_preset(config) and not given.keys() & {"training", "training.batch_size"}:
            wanted = batch_that_fits(wanted, split)
        before = Prepared(donor.preprocessing, donor.description.target_scale) if incremental and donor else None
        return Experiment(wanted, dataset, split, place, before), source


def carried(
    experiment: Experiment,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    keep_layers: int | None = None,
    run: str | Path | None = None,
    on_epoch: OnEpoch | Iterable[OnEpoch] | None = None,
    progress: bool | None = None,
    stop: Stop | None = None,
    monitors: Monitors = None,
    incremental: bool = False,
) -> Any:
    """Train, with signals and folder as asked for, and wrap what came of it."""
    stop = stop or Stop()
    folders: list[RunFolder] = []

    def open_folder() -> RunFolder:
        folders.append(RunFolder.create(str(run), experiment.config))
        return folders[0]

    watch = Watch(functions(on_epoch), wants_bar(progress), run is not None, monitors_of(monitors))
    with signals_heard(stop, run), failures_told():
        found = begin(
            experiment, source, grafts, keep_layers,
            open_folder if run is not None else None, watch, stop, incremental=incremental,
        )  # fmt: skip
    assert found is not None, "this was no dry run"
    return came_of(found, stop, experiment.device, folders[0].path if folders else None, incremental)


def came_of(found: Carried, stop: Stop, device: Device, folder: Path | None, with_state: bool = False) -> Any:
    """The model of a training, with the best weights so far where it was stopped.

    Args:
        found: what came of it.
        stop: that may have ended it.
        device: where the model is put.
        folder: of the run.
        with_state: whether the model keeps the present weights, and what a training goes on from.

    Raises:
        Interrupted: a signal other than Ctrl-C ended it; its state is in the folder.
    """
    if not found.finished and stop.requested.startswith("SIG") and stop.requested != "SIGINT":
        where = f"; its state is in {folder}" if folder else ""
        remedy = f"Go on with gpunet.resume({str(folder)!r})" if folder else "Pass run=FOLDER to keep the state"
        raise Interrupted("training", f"was stopped by {stop.requested}{where}", None, remedy)
    families = found.run.config.families
    if folder is not None and found.finished and not with_state:
        return result_of(read(folder / BEST), device, run=folder, families=families)
    content = snapshot(found.run, best=not with_state and bool(found.run.selection.best_epoch.max() > 0))
    return result_of(checkpoint_in_memory(content), device, "" if found.finished else stop.requested, folder, families)


@contextmanager
def failures_told() -> Iterator[None]:
    """Say how to go on from the last healthy state of a training that diverges in here, or loses its device.

    Raises:
        DeviceError: with the call that does so.
        DivergedError: likewise.
    """
    try:
        yield
    except DivergedError as error:
        if error.healthy is None:
            raise
        remedy = f"{error.remedy} and go on from before it with gpunet.resume({str(error.healthy)!r}, lr=...)"
        found = DivergedError(error.thing, error.rule, error.received, remedy)
        found.healthy = error.healthy
        raise found from None
    except DeviceError as error:
        if error.kept is None:
            raise
        remedy = f"Go on from what was saved last with gpunet.resume({str(error.kept)!r}) in a new process"
        lost = DeviceError(error.thing, error.rule, error.received, remedy)
        lost.kept = error.kept
        raise lost from None


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


def with_parts(keywords: Mapping[str, Any], validation: Any, test: Any) -> dict[str, Any]:
    """The keywords with those parts that are shares or numbers of samples."""
    found = dict(keywords)
    for name, part in (("validation", validation), ("test", test)):
        if (size := share(part, name)) is not None:
            found[f"data.{name}"] = size
    return found


def _check_start(source: Checkpoint | None, grafts: Any, keep_layers: Any) -> None:
    """Refuse what speaks of a start where there is none, and what does not say layers."""
    for names in grafts:
        if not (isinstance(names, tuple | list) and len(names) == 2 and all(isinstance(n, str) for n in names)):
            remedy = 'For example grafts=[("000_rbm", "000_dense")]'
            raise ConfigError("grafts", "must be pairs of names of layers", repr(names), remedy)
    if keep_layers is not None:
        check_count("keep_layers", keep_layers)
    for name, value in (("grafts", grafts or None), ("keep_layers", keep_layers)):
        if source is None and value is not None:
            raise ConfigError(name, "speaks of the layers of a start", "no start", f"Pass start=..., or no {name}")


def known_classes(given: Any, before: Trained | None) -> tuple[str, ...] | None:
    """Names of the classes that there are: those that were given, else those of the training that goes on."""
    if given is not None:
        return class_names(given)
    return before.description.classes or None if before is not None else None


def _check_incremental(incremental: bool, source: Checkpoint | None, grafts: Any) -> None:
    """Refuse to go on from arrays alone, or from some layers."""
    if incremental and (grafts or (source is not None and source.foreign)):
        received = "grafts" if grafts else "a file of arrays alone"
        raise ConfigError("incremental", "goes on with all of a start", received, "Leave incremental out")


def _check_files(config: Any, wanted: Config, data: Any, x: Any, y: Any, parts: tuple[Any, ...]) -> None:
    """Refuse to train without features, and arrays beside files."""
    arrays = y is not None or any(part is not None for part in parts)
    if data is not None and (x is not None or arrays):
        raise DataError("data", "stands for files and stands alone", "arrays as well", "Leave one of them out")
    if x is None and data is None and arrays:
        raise DataError("x", "must be given with y, target and parts", "none", "Pass gpunet.train(config, x, y)")
    if x is None and data is None and not isinstance(config, Config) and "source" not in wanted.data.model_fields_set:
        raise DataError("x", "must be given", "none", 'Pass arrays, or data="digits" or a path')


def signals_heard(stop: Stop, run: Any) -> AbstractContextManager[Any]:
    """While this is open, Ctrl-C ends training after the present step; with a folder other signals do so too."""
    return stops_on_signals(stop, SIGNALS if run is not None else SIGNALS[:1], (), "raise")


def functions(on_epoch: OnEpoch | Iterable[OnEpoch] | None) -> list[OnEpoch]:
    """One function, several or none as a list.

    Raises:
        ConfigError: something that cannot be called.
    """
    given = [on_epoch] if callable(on_epoch) else list(on_epoch or ())
    for function in given:
        if not callable(function):
            raise ConfigError("on_epoch", "must be a function, or several", repr(function), "For example print")
    return given
