"""An ensemble told on the terminal: trained or put together, kept in a folder, and reported."""

from __future__ import annotations

import json
import shlex
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpunet.api.ensemble import Ensemble
from gpunet.api.ensemble_reports import documented, evidence_in, reference_of, soup_of, trained_report, worth_in
from gpunet.api.ensembling import check_method, made, temperature_of
from gpunet.api.loading import load_together
from gpunet.api.reading import load_split
from gpunet.api.searching import reopened
from gpunet.api.selecting import Library, library_of_folds, library_of_search, selected_report
from gpunet.api.starting import batch_that_fits, following, open_source
from gpunet.ensembles import (
    FOLDS,
    ROUNDS,
    Made,
    Making,
    checked_report,
    greedy_selection,
    made_on,
    method_named,
    over_seeds,
    usual_size,
)
from gpunet.errors import CheckpointError, ClusterError, ConfigError, GpunetError, Interrupted, printable
from gpunet.experiment import Experiment
from gpunet.interruption import Stop, stops_on_signals
from gpunet.persistence import BEST, RunFolder, open_trained, run_name
from gpunet.plain import finite
from gpunet.searches import read_results
from gpunet.stages import Callbacks

from .clusters import cluster_at
from .drawing import can_draw, require_matplotlib
from .execution import DRY, ended_by
from .opening import checkpoint_at
from .options import Request, choose_device, print_json, program
from .output import Output
from .remarks import remark
from .terminal import told
from .views.ensemble import ensemble_lines
from .views.ensemble_plot import draw_ensemble
from .views.folds import fold_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpunet.experiment import Run

RESULTS, PICTURE = "ensemble.json", "ensemble.png"


@dataclass(frozen=True)
class Wish:
    """What an ensemble that is trained is asked for.

    Attributes:
        method: that makes the members.
        size: how many, where it was said.
        combine: how their outputs become one, where it was said.
        share: of samples or features.
        source: checkpoint that every member starts from.
        control: whether the same is trained from random weights beside it.
        reference: independent networks, to count its worth in.
        dask: cluster whose workers train, or None.
    """

    method: str
    size: int | None
    combine: str | None
    share: float | None
    source: str | None
    control: bool
    reference: tuple[str, ...]
    dask: str | None = None


def train_together(request: Request, wish: Wish, drawing: Output | None) -> None:
    """Train an ensemble, write it, and report what it gains."""
    method = method_named(wish.method, wish.share)
    repeats = request.members or 1
    config = request.configuration("mlp")
    if request.members is not None and "members" not in request.written:  # --seeds repeats the whole ensemble
        config = config.model_copy(update={"members": 1})
    place = choose_device(request.device if wish.dask is None else "auto", told=wish.dask is None)
    with place.activate():
        source = None if wish.source is None else open_source(Path(checkpoint_at(wish.source)))
        donor = None if source is None or source.foreign else open_trained(source)
        if not request.names_file:
            config = following(config, request.written, source, ())
        dataset, parts = load_split(config, features_of=donor, run=request.place, writes=not request.dry_run)
        if not request.chooses_batch:
            config = batch_that_fits(config, parts)
        experiment = Experiment(config, dataset, parts, place)
        size = usual_size(experiment, method) if wish.size is None else wish.size
        check_method(Making(experiment, size, source), method, wish.combine)
        other = reference_of([checkpoint_at(path) for path in wish.reference], place)
        if request.dry_run:
            remark(f"{size * config.places} members by {method.name}, {repeats} times: {dataset.name}, {place}")
            remark(DRY)
            return
        name = f"{run_name(config, dataset.name)}-{method.name}"
        with ExitStack() as opened:
            cluster = None if wish.dask is None else opened.enter_context(cluster_at(wish.dask, request.device))
            folder = opened.enter_context(RunFolder.create(request.run, config, name=name))
            terminal, stop = opened.enter_context(told())
            began = time.perf_counter()

            def of_seeds(number: int) -> Experiment:
                return experiment.changed({"seed": config.seed + number * size})

            def once(number: int, start: Any, members: Made | None = None) -> tuple[Ensemble, dict[str, Any]]:
                own = of_seeds(number)
                together = made(own, method, size, wish.combine, start, terminal, stop, members)
                for line in together.left_out:
                    remark(f"  {line}")
                return together, trained_report(together, own, other)

            by_number: dict[int, tuple[Ensemble, dict[str, Any]]] = {}
            control = None
            stopped: GpunetError | None = None
            try:
                if cluster is not None:
                    numbers = [*range(repeats), *([0] if wish.control else [])]
                    starts = [*[source] * repeats, *([None] if wish.control else [])]
                    for which, members in made_on(cluster, [*map(of_seeds, numbers)], method, size, starts, stop):
                        if which < repeats:
                            remark(f"repetition {which + 1} of {repeats}" if repeats > 1 else "members are trained")
                            by_number[which] = once(which, source, members)
                        else:
                            remark("control: the same from random weights")
                            control = once(0, None, members)[1]
                for number in range(len(by_number), repeats):
                    if number:
                        remark(f"repetition {number + 1} of {repeats}")
                    by_number[number] = once(number, source)
                if wish.control and control is None:
                    remark("control: the same from random weights")
                    control = once(0, None)[1]
            except (Interrupted, ClusterError) as error:
                stopped = error
            found = [by_number[number] for number in sorted(by_number)]
            if stopped is not None and not found:
                raise _ended(stop, stopped, None, "Nothing was kept") from None
            together, document = found[0]
            document |= {"seconds": time.perf_counter() - began, "repetitions": len(found)}
            if len(found) > 1:
                document["over_seeds"] = over_seeds([one for _, one in found])
            if control is not None:
                document["control"] = control
            for number, (one, own) in enumerate(found[1:], 2):
                one.saved_report = own
                folder.write(f"repetition-{number}.h5", one.content)
            _keep(together, document, folder)
            if stopped is not None:
                done = f"{len(found)} of {repeats} repetitions" if repeats > 1 else "the ensemble without its control"
                shown = f"{program()} ensemble {shlex.quote(str(folder.path))}"
                raise _ended(stop, stopped, done, f"What was finished is kept; see it with {shown}")
        _say(document, folder.path, request.as_json, drawing)


def _ended(stop: Stop, error: GpunetError, received: str | None, remedy: str) -> GpunetError:
    """What is said where something from outside ended it."""
    if isinstance(error, ClusterError):
        return ClusterError(error.thing, error.rule, error.received, remedy)
    return ended_by(stop.requested)("ensemble", f"was stopped by {stop.requested}", received, remedy)


def select_out_of_search(folder: str, rounds: int | None, request: Request, drawing: Output | None) -> None:
    """Train the finished trials of a search once more, and keep those that are best together.

    Raises:
        ConfigError: trials that predict no targets.
    """
    place = choose_device(request.device, told=True)
    with place.activate():
        search = reopened(Path(folder), place, request.data)
        found = read_results(folder)
        complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
        seconds = sum(trial["seconds"] for trial in complete)
        count = f"{len(complete)} finished trial{'s' * (len(complete) != 1)}"
        remark(f"Training {count} of {folder} once more, since a search keeps figures alone; they took {seconds:.1f} s")
        if request.dry_run:
            remark(DRY)
            return
        with stops_on_signals(stop := Stop()) as look:
            try:
                library = library_of_search(found["trials"], search, Trials(look), stop)
            except Interrupted as error:
                raise _ended(stop, error, None, "Nothing was kept") from None
        _keep_selected(library, rounds, request, drawing)


class Trials(Callbacks):
    """Says which trials of a search are trained.

    Args:
        look: called before each step, to see whether the reader of the output has left.
    """

    def __init__(self, look: Callable[[], None]):
        self._look = look

    def on_note(self, text: str) -> None:
        """Print it."""
        remark(f"  {text}")

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Look."""
        self._look()


def select_out_of_folds(runs: Sequence[str], rounds: int | None, request: Request, drawing: Output | None) -> None:
    """Take of cross-validated runs those that are best together on their predictions out of fold, write and report.

    Raises:
        CheckpointError: runs of several kinds, or on other samples.
    """
    place = choose_device(request.device, told=True)
    with place.activate():
        library = library_of_folds([checkpoint_at(run) for run in runs], place, runs)
        if request.dry_run:
            remark(f"{len(library.names)} runs with folds to select from")
            remark(DRY)
            return
        _keep_selected(library, rounds, request, drawing)


def _keep_selected(library: Library, rounds: int | None, request: Request, drawing: Output | None) -> None:
    for line in library.left_out:
        remark(f"  {line}")
    chosen = library.select(ROUNDS if rounds is None else rounds)
    document, config = selected_report(chosen), chosen.ensemble.networks[0].config
    with RunFolder.create(request.run, config, name=f"{run_name(config, document['data'])}-select") as folder:
        _keep(chosen.ensemble, document, folder)
    _say(document, folder.path, request.as_json, drawing)


def put_together(
    runs: Sequence[str],
    method: str,
    combine: str | None,
    rounds: int | None,
    reference: Sequence[str],
    request: Request,
    drawing: Output | None,
) -> None:
    """Take networks out of finished runs, write them as one, and report what that gains."""
    place = choose_device(request.device, told=True)
    with place.activate():
        library = load_together([checkpoint_at(run) for run in runs], place)
        for network in library.networks:
            if network.reconstructs:
                rule, remedy = "must hold a network that predicts targets", "Leave it out"
                raise CheckpointError(str(network.trained.checkpoint.path), rule, network.config.model.name, remedy)
        for line in library.left_out:
            remark(f"  {line}")
        validation = evidence_in(library, "validation")
        together = library
        if method == "select":
            if validation is None:
                raise ConfigError("--method select", "needs a validation part to choose on", "none", "Use all")
            chosen = greedy_selection(validation.outputs, validation.outcome, ROUNDS if rounds is None else rounds)
            together = library.chosen(chosen)
        elif method == "soup":
            together = soup_of(library, place)
        together = together.with_rule(combine)
        validation = evidence_in(together, "validation")
        together = together.at(temperature_of(together, validation))
        worth = worth_in(reference_of([checkpoint_at(path) for path in reference], place))
        if request.dry_run:
            remark(f"{len(together)} of {len(library)} networks by {method}")
            remark(DRY)
            return
        document = documented(together, evidence_in(together, "test"), validation, worth)
        config = together.networks[0].config
        with RunFolder.create(request.run, config, name=f"{run_name(config, document['data'])}-{method}") as folder:
            _keep(together, document, folder)
        _say(document, folder.path, request.as_json, drawing)


def show_finished(run: str, request: Request, drawing: Output | None) -> None:
    """Show what a finished ensemble gained, and draw it anew where asked for.

    Raises:
        CheckpointError: no ensemble, or one without a report.
    """
    together = load_together([checkpoint_at(run)], choose_device("cpu"))
    if together.method == FOLDS and "pooled" in together.facts:
        _show_folds(together.facts, as_json=request.as_json, drawing=drawing)
        return
    if not together.saved_report:
        remedy = "gpunet evaluate measures it" if len(together.networks) > 1 else "Name several runs"
        raise CheckpointError(run, "must be a finished ensemble, or one of several runs", "no report", remedy)
    _show(checked_report(run, together.saved_report), request.as_json, None, drawing)


def _show_folds(facts: Mapping[str, Any], as_json: bool, drawing: Output | None) -> None:
    """Show what a cross-validation came to."""
    if drawing is not None:
        rule, remedy = "draws what an ensemble gained", "Select out of several runs with folds, or leave it out"
        raise ConfigError("-o", rule, "a run with folds", remedy)
    if as_json:
        print_json(finite(dict(facts)))
        return
    for line in fold_lines(finite(dict(facts))):
        click.echo(printable(line))


def _keep(together: Ensemble, document: dict[str, Any], folder: RunFolder) -> None:
    """Write all networks as one file, the report as JSON, and its picture where it can be drawn."""
    together.saved_report = finite(document)
    folder.write(BEST, together.content)
    folder.write_text(RESULTS, json.dumps(together.saved_report, indent=2) + "\n")
    if can_draw():
        require_matplotlib(PICTURE)
        draw_ensemble(together.saved_report, Output(PICTURE, folder.path / PICTURE, [".png"], []))


def _say(document: dict[str, Any], folder: Path, as_json: bool, drawing: Output | None) -> None:
    """Print the report, and where everything is."""
    _show(finite(document), as_json, folder, drawing)
    if as_json:
        return
    click.echo(f"Ensemble: {folder / BEST}")
    picture = drawing.path if drawing is not None else folder / PICTURE
    click.echo(f"Plot: {picture}" if can_draw() else "No plot: pip install 'gpunet[plot]' has matplotlib draw one")
    more = "" if document.get("part") == "test" else " FILE"
    remark(f"Next: {program()} predict {folder} FILE, or evaluate {folder}{more}")


def _show(document: dict[str, Any], as_json: bool, folder: Path | None, drawing: Output | None) -> None:
    if drawing is not None:
        draw_ensemble(document, drawing)
    if as_json:
        print_json({**({} if folder is None else {"folder": str(folder)}), **document})
        return
    for line in ensemble_lines(document):
        click.echo(printable(line))
