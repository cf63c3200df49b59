"""Search from Python: trials over a space, and the chosen model."""

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from .. import cluster
from ..backend import Device, resolve_device
from ..checkpoint import in_memory as checkpoint_in_memory
from ..config import Config
from ..data import Dataset, Split
from ..ensembles import ROUNDS
from ..errors import ConfigError, DataError, GpunetWarning
from ..experiment import Experiment
from ..families import Family
from ..interruption import Stop
from ..paths import exists
from ..persistence import RunFolder, dump, open_trained, run_name
from ..searches import (
    NAME,
    Concluded,
    Journal,
    Search,
    SearchCallbacks,
    Settings,
    Workers,
    Written,
    begin_search,
    carry_out_search,
    check_search,
    check_space,
    fitted,
    goal_of,
    read_search,
    require_optuna,
)
from .configuring import full_keys, is_preset
from .ensemble import Ensemble
from .kept_arrays import NAME as ARRAYS
from .kept_arrays import keep_arrays, kept_arrays
from .loading import result_of
from .reading import IN_MEMORY, load_split, parts
from .samples import in_memory, is_path, pair
from .selecting import library_of_search
from .starting import batch_that_fits, following, source_of
from .training import check_targets, signals_heard, with_parts

SUFFIX = "search"  # of the names of folders


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search came to.

    Attributes:
        document: everything, as ``search.json`` holds it: trials with values, scores and curves, importances, notes.
        config: the chosen configuration.
        model: trained by it, with its best weights.
        folder: where everything is kept, or None.
        search: what was searched, on what data.
    """

    document: Mapping[str, Any]
    config: Config
    model: Any
    folder: Path | None
    search: Search

    @property
    def trials(self) -> list[dict[str, Any]]:
        """All trials by number: ``values``, ``score``, ``state``, ``curve``, ``seconds`` and more."""
        return list(self.document["trials"])

    @property
    def best(self) -> dict[str, Any]:
        """The chosen trial."""
        return dict(self.trials[self.document["best"]])

    @property
    def test(self) -> float | None:
        """Score of the chosen model on the test part, which no trial has seen; None where there is none."""
        return self.document["test"]

    def ensemble(self, rounds: int = ROUNDS) -> Ensemble:
        """The finished trials that are best together, by greedy selection on what trials were scored on.

        All of them are trained once more, since a search keeps figures alone.

        Args:
            rounds: how many steps are tried, see :func:`gpunet.ensembles.greedy_selection`.

        Raises:
            ConfigError: trials that predict no targets.
        """
        with self.search.experiment.device.activate():
            return library_of_search(self.document["trials"], self.search).select(rounds).ensemble

    @property
    def toml(self) -> str:
        """The chosen configuration as TOML, ready for ``gpunet train``."""
        return dump(self.config)

    def __repr__(self) -> str:
        score = self.document["score"]
        values = ", ".join(f"{key}={value}" for key, value in self.best["values"].items())
        return f"SearchResult({score['name']} {self.best['score']:.4g} of {len(self.trials)} trials: {values})"


def search(
    config: str | Path | Mapping[str, Any] | Config | Family = "mlp",
    x: Any = None,
    y: Any = None,
    space: Mapping[str, Any] | str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    target: Any = None,
    weights: Any = None,
    data: str | Path | None = None,
    validation: Any = None,
    test: Any = None,
    start: Any = None,
    tune: Mapping[str, Any] | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    dask: Any = None,
    device: str = "auto",
    families: Sequence[type[Family]] = (),
    on_trials: Callable[[list[Any]], Any] | None = None,
    stop: Stop | None = None,
    **keywords: Any,
) -> SearchResult:
    """Search for the best values of some keys of a configuration, and train the chosen model.

    Args:
        config: what trials start from: a preset, a TOML file that may hold ``[space]`` and ``[search]``, a mapping of
            sections, a Config or a family.
        x: features, as :func:`gpunet.train` takes them.
        y: targets.
        space: values to try by key: ``{"lr": {"log": [1e-4, 1e-1]}, "hidden": {"choice": [[64], [64, 64]]}}``, or the
            path of a TOML file; what comes along for ``mlp``, ``linear``, ``rbm``, ``dbn``,
            ``finetune`` and ``convnet`` by default.
        settings: values of the configuration by dotted or short key.
        target: column of a data frame ``x`` that holds the targets.
        weights: how much each sample counts.
        data: files instead of arrays.
        validation: part that scores trials: a fraction, a number of samples, or a pair (x, y).
        test: part that the chosen model is scored on, once: likewise; none of arrays by default.
        start: weights that every trial starts from.
        tune: keys of the network that is fine-tuned from what a trial pretrains.
        run: folder that keeps journal, figures and model; nothing is kept without it.
        resume: go on with the search in ``run``.
        workers: processes that train trials at once; they read arrays from a file that is written for them, and data
            frames from ``data``.
        dask: a cluster whose workers train instead, on this machine or others: ``tcp://HOST:PORT`` of its scheduler,
            ``local:N``, or a client of Dask. Search and data are sent to each worker once, whatever they were read
            from; it needs the extra ``distributed``.
        device: ``auto``, ``cpu`` or ``cuda[:N]``; with ``dask`` that of each worker.
        families: of models of your own.
        on_trials: called with all trials whenever some are finished.
        stop: ends the search after the present step where it is requested.
        keywords: fields of :class:`~gpunet.searches.Settings` such as ``trials=30, method="tpe", folds=5``, and
            values of the configuration by short key.

    Returns:
        The chosen model with all trials.

    Raises:
        ConfigError: a space or a setting that makes no sense, a journal of another search.
        DataError: data that are missing, damaged or unfit.
        Interrupted: it was stopped; with ``run``, ``resume=True`` goes on.
        ClusterError: the cluster cannot be had, or was lost; with ``run``, ``resume=True`` goes on.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((200, 4), np.float32)
    >>> found = search("mlp", x, x.sum(axis=1) > 2, {"lr": {"log": [1e-3, 1e-1]}}, trials=3, noise=0, epochs=3,
    ...                hidden=[8], dropout=0, input_dropout=0)
    >>> len(found.trials), found.config.optimizer.learning_rate == found.best["values"]["optimizer.learning_rate"]
    (3, True)
    """
    require_optuna()
    if is_path(x):
        if data is not None or y is not None:
            raise DataError("x", "names files and stands alone", "y or data as well", "Leave them out")
        x, data = None, x
    names = {field.name for field in fields(Settings)}
    how = {key: value for key, value in keywords.items() if key in names}
    rest = {key: value for key, value in keywords.items() if key not in names}
    given = full_keys({**(settings or {}), **with_parts(rest, validation, test)}, families)
    given |= {"data.source": str(data)} if data is not None else {}
    _check_workers(workers, dask)
    written = _written(config, given, how, space, full_keys(tune or {}), families)
    stop, place = stop or Stop(), resolve_device(device if dask is None else "auto")
    with ExitStack() as opened:
        opened.enter_context(place.activate())
        opened.enter_context(signals_heard(stop, run))
        source = source_of(start if start is not None else written.start or None)
        if x is None:
            found = opened_search(written, place, run, start=source, families=families, follow=isinstance(config, str))
        else:
            asked = isinstance(config, Config) or "test" in written.config.data.model_fields_set
            changed, dataset = in_memory(
                written.config, x, y, target, pair(validation), pair(test), hold_back=asked, weights=weights
            )
            check_targets(changed, dataset)
            split = parts(changed, dataset)
            if is_preset(config) and "training.batch_size" not in written.chosen:
                changed = batch_that_fits(changed, split)
            found = assembled(replace(written, config=changed), dataset, split, place, source)
        if workers > 1 and found.config.families:
            theirs = ", ".join(family.__name__ for family in found.config.families)
            remedy = 'Use workers=1, or dask="local:4", which sends them'
            raise ConfigError(
                "workers", "read a search from its file, which holds no families of yours", theirs, remedy
            )
        goal = goal_of(found)
        for line in (*found.left_out, *check_space(found)):
            warnings.warn(line, GpunetWarning, stacklevel=2)
        team = None if dask is None else opened.enter_context(cluster.opened(dask, device))
        where = run if run is not None else opened.enter_context(tempfile.TemporaryDirectory()) + "/search"
        folder = opened.enter_context(folder_for(found, str(where), resume))
        if workers > 1 and x is not None:
            keep_arrays(folder.path, found.config, x, y, weights, pair(validation), pair(test))
        journal = Journal(folder.path, found.identity(), goal.higher, begins=not resume)
        begin_search(found, folder, journal)
        own = Workers(folder.path, workers, str(place)) if workers > 1 else None
        told = _Told(on_trials)
        done = carry_out_search(found, goal, folder, journal, told, stop, team or own)
        return _result(done, place, folder.path if run is not None else None, found)


class _Told(SearchCallbacks):
    """Tells a function of finished trials."""

    def __init__(self, function: Callable[[list[Any]], Any] | None):
        self._function = function

    def on_trials(self, trials: list[Any]) -> None:
        """Pass them on."""
        if self._function is not None:
            self._function(trials)


def _result(done: Concluded, place: Device, folder: Path | None, found: Search) -> SearchResult:
    content = checkpoint_in_memory(done.network)
    model = result_of(content, place, "", folder, done.config.families)
    return SearchResult(done.document, done.config, model, folder, found)


def _written(
    config: Any, given: Mapping[str, Any], how: Mapping[str, Any], space: Any, tune: Mapping[str, Any], families: Any
) -> Written:
    space = str(space) if isinstance(space, str | Path) else space
    if isinstance(config, str | Path):
        return read_search(str(config), given, how, space, tune, {}, families)
    from .configuring import configured, known_families

    known = known_families(config, families)
    checked = configured(config, given, known)
    found = read_search(None, checked.model_dump(mode="json"), how, space, tune, {}, known, given=given)
    return replace(found, config=checked)


def _check_workers(workers: Any, dask: Any) -> None:
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise ConfigError("workers", "must be a number of processes, from 1 on", repr(workers))
    if workers > 1 and dask is not None:
        raise ConfigError("workers", "are those of the cluster with dask", workers, "Leave one of both out")


def opened_search(
    written: Written,
    place: Device,
    run: Any = None,
    writes: bool = True,
    start: Any = None,
    families: Sequence[type[Family]] = (),
    follow: bool = False,
    fits: bool = True,
) -> Search:
    """A search with its data out of files.

    Args:
        written: what is asked for.
        place: where to compute.
        run: folder beside which decoded images are kept.
        writes: whether images may be kept that are not there yet.
        start: checkpoint that trials start from, or None.
        families: of models of your own.
        follow: whether a preset takes over what such a start prescribes.
        fits: whether a batch that nobody has chosen becomes at most a quarter of the training part.
    """
    config = written.config
    donor = None if start is None or start.foreign else open_trained(start, families)
    if follow:
        config = following(config, dict.fromkeys(written.chosen), start, families)
    dataset, split = load_split(config, features_of=donor, run=run, writes=writes)
    if fits and "training.batch_size" not in written.chosen:
        config = batch_that_fits(config, split)
    return assembled(replace(written, config=config), dataset, split, place, start)


def assembled(written: Written, dataset: Dataset, split: Split, place: Device, start: Any = None) -> Search:
    """A search on a data set; members of its configuration become seeds of each trial."""
    config, settings = written.config, written.settings
    if config.members > 1:
        settings = replace(settings, seeds=max(settings.seeds, config.members))
        config = config.model_copy(update={"members": 1})
    path = written.start or ("" if start is None else str(start.path))
    space, lines = written.space, list[str]()
    if written.shipped:
        space, lines = fitted(space, config, written.tune, start is not None, len(split.train))
    experiment = Experiment(config, dataset, split, place)
    return Search(experiment, space, settings, written.tune, start, path, tuple(lines))


def reopened(folder: Path, place: Device, source: str | None = None, trials: int | None = None) -> Search:
    """The search of a folder, as it was begun.

    Args:
        folder: of the search.
        place: where to compute.
        source: of the data, where they lie elsewhere now.
        trials: how many there are to be, where that changes.

    Raises:
        ConfigError: no search there.
    """
    check_search(folder)
    overrides = {} if source is None else {"data.source": source}
    written = read_search(str(folder / NAME), overrides, environment={})
    if trials is not None:
        written = replace(written, settings=written.settings.with_trials(trials))
    if written.config.data.source == IN_MEMORY and exists(folder / ARRAYS):
        held = kept_arrays(folder)
        config, dataset = in_memory(
            written.config, held["x"], held["y"], validation=held["validation"], test=held["test"],
            weights=held["weights"],
        )  # fmt: skip
        begun = source_of(written.start or None)
        return assembled(replace(written, config=config), dataset, parts(config, dataset), place, begun)
    return opened_search(written, place, folder, start=source_of(written.start or None), fits=False)


def folder_for(found: Search, run: str | None, resume: bool) -> RunFolder:
    """The folder that a search writes to."""
    if resume:
        if run is None:
            raise ConfigError("resume", "needs the folder of a search", None, "Pass run=FOLDER")
        check_search(run)
        return RunFolder(Path(run))
    name = f"{run_name(found.config, found.experiment.dataset.name)}-{SUFFIX}"
    return RunFolder.create(run, found.config, name=name)
