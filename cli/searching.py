"""A search told on the terminal, from its announcement to its table and pictures."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gpunet.api.searching import folder_for, opened_search, reopened
from gpunet.errors import ClusterError, Interrupted, OutputClosed, printable
from gpunet.interruption import CLOSED, Stop, stops_on_signals
from gpunet.persistence import CONFIG
from gpunet.searches import (
    RESULTS,
    SEARCH,
    TUNE,
    Journal,
    Search,
    SearchCallbacks,
    Workers,
    begin_search,
    carry_out_search,
    check_goes_on,
    check_space,
    goal_of,
    held_at,
    read_results,
    read_search,
    require_optuna,
    trials_of,
)

from .clusters import cluster_at, end_dry_run
from .drawing import can_draw, require_matplotlib
from .naming import translated
from .opening import shown_folder
from .options import Request, choose_device, print_json, program
from .output import Output
from .remarks import remark
from .tables import separated, write_table
from .terminal import Terminal
from .views.search import search_columns, show_results, trial_line
from .views.search_plot import draw_search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpunet.cluster import Cluster
    from gpunet.searches import Goal, Trial

PICTURE, TABLE = "search.png", "trials.csv"
Form = Literal["table", "json", "csv"]


class SearchTerminal(Terminal, SearchCallbacks):
    """Prints what a search tells on stderr.

    Args:
        look: called before each step, to see whether the reader of the output has left.
        search: that is carried out.
        goal: what trials are judged by.
        told: numbers of trials that are known already.
    """

    announces_first_layer = False

    def __init__(self, look: Callable[[], None], search: Search, goal: Goal, told: set[int]):
        super().__init__(look)
        self._search, self._goal, self._told = search, goal, told

    def on_trials(self, trials: list[Trial]) -> None:
        """Say what those came to that were not told yet."""
        for trial in trials:
            if trial.state in ("complete", "pruned", "failed") and trial.number not in self._told:
                self._told.add(trial.number)
                remark(trial_line(self._search.space, self._goal, trial))

    def on_choice(self, trial: Trial) -> None:
        """Say which trial was chosen."""
        remark(
            f"Best: trial {trial.number}, {self._goal.name} {self._goal.said(trial.score or 0.0)}; trained once more"
        )

    def on_noise(self, seeds: int) -> None:
        """Say what comes last."""
        remark(f"Training it with {seeds} other seeds, to see the noise")


def run_search(
    request: Request,
    words: Sequence[str],
    settings: Mapping[str, Any],
    space: str | None,
    tune: Mapping[str, Any],
    source: str | None,
    workers: int,
    dask: str | None,
    form: Form,
) -> None:
    """Begin a search and carry it out.

    Args:
        request: where to write, and what to print.
        words: the configuration and the keys that override it.
        settings: of the search.
        space: file of the space, or None.
        tune: keys of the network that is fine-tuned.
        source: checkpoint that trials start from.
        workers: processes that train trials.
        dask: cluster whose workers train instead, or None.
        form: what is printed.
    """
    from gpunet.api.starting import open_source
    from gpunet.config import is_file_name

    from .opening import checkpoint_at
    from .options import named_source

    require_optuna()
    name, overrides = named_source(words, request.flags, "mlp")
    written = read_search(name, overrides, settings, space, tune, note=remark)
    place = choose_device(request.device if dask is None else "auto", told=dask is None)
    with place.activate():
        path = source or written.start or None
        start = None if path is None else open_source(Path(checkpoint_at(path)))
        preset = not is_file_name(name)
        search = opened_search(written, place, request.place, not request.dry_run, start, follow=preset)
        goal = goal_of(search)
        _announce(search, goal, workers, dask)
        for line in check_space(search):
            remark(f"  Warning: {translated(line)}")
        if request.dry_run:
            end_dry_run(request.run, dask, request.device)
            return
        with ExitStack() as opened:
            cluster = None if dask is None else opened.enter_context(cluster_at(dask, request.device))
            folder = opened.enter_context(folder_for(search, request.run, False))
            team = None if workers == 1 else Workers(folder.path, workers, str(place))
            _carry_out(search, goal, folder, True, cluster or team, form)


def go_on(folder: Path, request: Request, workers: int, dask: str | None, trials: int | None, form: Form) -> None:
    """Go on with a search.

    Args:
        folder: of the search.
        request: where the data are now, and what to print.
        workers: processes that train trials.
        dask: cluster whose workers train instead, or None.
        trials: how many there are to be, None for as many as before.
        form: what is printed.
    """
    require_optuna()
    place = choose_device(request.device if dask is None else "auto", told=dask is None)
    with place.activate():
        search = reopened(folder, place, request.data, trials)
        goal = goal_of(search)
        _announce(search, goal, workers, dask)
        if request.dry_run:
            check_goes_on(search, Journal(folder, search.identity(), goal.higher, False))
            end_dry_run(None, dask, request.device)
            return
        with ExitStack() as opened:
            cluster = None if dask is None else opened.enter_context(cluster_at(dask, request.device))
            team = None if workers == 1 else Workers(folder, workers, str(place), request.data)
            kept = opened.enter_context(folder_for(search, str(folder), True))
            _carry_out(search, goal, kept, False, cluster or team, form)


def _carry_out(
    search: Search,
    goal: Goal,
    folder: Any,
    begins: bool,
    team: Workers | Cluster | None,
    form: Form,
) -> None:
    journal = Journal(folder.path, search.identity(), goal.higher, begins)
    begin_search(search, folder, journal)
    stop = Stop()
    known = {trial.number for trial in trials_of(journal) if trial.state in ("complete", "pruned", "failed")}
    if known:
        remark(f"  {len(known)} trials are finished already")
    with ExitStack() as opened:
        look = opened.enter_context(stops_on_signals(stop))
        told = SearchTerminal(look, search, goal, known)
        try:
            done = carry_out_search(search, goal, folder, journal, told, stop, team)
        except (Interrupted, ClusterError) as error:
            remedy = f"Go on with {program()} search --resume {folder.path}"
            kind = OutputClosed if stop.requested == CLOSED else type(error)
            raise kind(error.thing, error.rule, error.received, remedy) from None
        found = done.document
        picture = None
        if can_draw():
            require_matplotlib(PICTURE)
            picture = Output(PICTURE, folder.path / PICTURE, [".png"], [])
            draw_search(found, picture)
        write_table(search_columns(found), Output(TABLE, folder.path / TABLE, [".csv"], []))
    say(found, folder.path, form)
    if form != "table":
        return
    where = printable(str(folder.path))
    click.echo(f"Best configuration: {where}/{CONFIG}")
    click.echo(f"Results: {where}/{RESULTS}, {TABLE}{f', {PICTURE}' if picture else ''}")
    if picture is None:
        click.echo("No pictures: pip install 'gpunet[plot]' has matplotlib draw them")
    remark(f"Next: {program()} train {where}/{CONFIG}\n      {program()} report {where}")


def _announce(search: Search, goal: Goal, workers: int, dask: str | None) -> None:
    settings, split = search.settings, search.experiment.split
    parts = " + ".join(
        f"{len(getattr(split, name)):,} {name}" for name in ("train", "validation", "test") if len(getattr(split, name))
    )
    where = search.experiment.device if dask is None else dask
    remark(f"search: {search.config.model.name}, {search.experiment.dataset.name} ({parts}), {where}")
    how = settings.method.replace("_", " ")
    stages = f" in {settings.stages} stages" if settings.method == "coarse_to_fine" else ""
    prune = f", {settings.prune} pruning" if settings.prune != "none" else ""
    by = "workers of the cluster" if dask is not None else f"{workers} worker{'s' if workers > 1 else ''}"
    remark(f"  trials:   {settings.trials}, {how}{stages}{prune}; {by}")
    purpose = {"fine_tuning": " after fine-tuning"}.get(search.purpose, "")
    repeats = f", {settings.repeats} repeats" if settings.repeats > 1 else ""
    seeds = f", {settings.seeds} seeds each" if settings.seeds > 1 else ""
    remark(f"  score:    {goal.name.replace('_', ' ')}{purpose} on the {goal.part}{repeats}{seeds}")
    for one in search.space:
        bounds = ", ".join(one.said(v) for v in one.choices) if one.choices else f"{one.low:g} to {one.high:g}"
        when = "".join(f" when {key} is {' or '.join(map(str, values))}" for key, values in one.when)
        own = search.tune if one.key.startswith(TUNE) and search.tune is not None else search.config
        held = held_at(own, one.key.removeprefix(TUNE))
        scheduled = "optimizer." in one.key and hasattr(held, "name") and not one.choices
        instead = f", instead of the schedule {held.name}" if scheduled else ""
        remark(f"  {one.key}: {one.kind.replace('_', ' ')} {bounds}{when}{instead}")
    for line in search.left_out:
        remark(f"  {line}")


def shown_search(words: Sequence[str]) -> str | None:
    """The folder of a search, where it is what a command is given, see :func:`~.opening.shown_folder`."""
    return shown_folder(words, SEARCH)


def show_search(folder: str, form: Form) -> None:
    """Show what a search came to.

    Raises:
        GpunetError: it is not over, or its file is damaged.
    """
    say(read_results(folder), Path(folder), form)


def say(found: dict[str, Any], folder: Path, form: Form) -> None:
    """Print the results of a search as a table with what follows from it, or in a form for programs."""
    if form == "json":
        print_json({"folder": str(folder), **found})
    elif form == "csv":
        for text in separated(search_columns(found)):
            click.echo(text, nl=False)
    else:
        show_results(found)
