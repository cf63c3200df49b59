"""gpunet ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gpunet.errors import CheckpointError, ConfigError

from .. import completing
from ..drawing import FORMATS, require_matplotlib
from ..options import Request, dask_option, from_option, is_assignment, run_options
from ..output import Output

METHODS = ("seeds", "bagging", "subspaces", "snapshots", "boosting", "swa", "soup")
OF_RUNS = ("all", "select", "soup")


@click.command()
@click.option("--method", metavar="NAME", help="How members are made, or taken from runs; see above.")
@click.option(
    "--size",
    type=int,
    metavar="N",
    help="How many members; 5 by default. Of values by member, seeds of each; 1 by default.",
)
@click.option("--combine", metavar="mean|geometric|logits|majority", help="How their outputs become one.")
@click.option("--share", type=float, metavar="PART", help="Of the samples of bagging, or the features of subspaces.")
@from_option
@click.option("--control", is_flag=True, help="With --from: the same from random weights beside it.")
@click.option("--rounds", type=int, metavar="N", help="Steps that select tries; 50 by default.")
@click.option(
    "--reference", multiple=True, metavar="RUN", shell_complete=completing.runs,
    help="Independently trained networks, to count its worth in.",
)  # fmt: skip
@dask_option
@click.option("-o", "--output", metavar="FILE", help="Where to draw; ensemble.png in the run's folder by default.")
@run_options
def ensemble(
    request: Request,
    method: str | None,
    size: int | None,
    combine: str | None,
    share: float | None,
    source: str | None,
    control: bool,
    rounds: int | None,
    reference: tuple[str, ...],
    dask: str | None,
    output: str | None,
) -> None:
    """Train several networks that predict together, or put finished runs together, and say what that gains.

    \b
    seeds      other first weights and order of the samples (the default)
    bagging    each learns from samples drawn with replacement; out-of-bag error
    subspaces  each sees a random part of the features
    snapshots  one training in cosine cycles; the network at the end of each
    boosting   each learns most from what those before got wrong (SAMME)
    swa        one network: the mean of the weights of the last epochs
    soup       one network: the mean of the weights of those that help, all from one start or out of runs
    select     of finished runs those that are best together on validation;
               of runs with --folds on predictions out of fold; of a search,
               whose trials are trained once more
    all        all finished runs that are named

    The file best.h5 in the run's folder holds all members; predict, evaluate, inspect and verify take it. Probabilities
    are brought to one temperature, fitted on the validation part after averaging. --seeds N repeats all of it with
    other seeds, for the interval of the gain over seeds; six can show a difference that three cannot. The folder of a
    finished ensemble, given alone, is shown again. Members of seeds and bagging may differ: lr=[0.1,0.03,0.01].

    \b
    gpunet ensemble
    gpunet ensemble mlp flowers.csv --method bagging --size 10
    gpunet ensemble --method snapshots --size 5 training.epochs=50
    gpunet ensemble finetune --from runs/digits-dbn-1 --control data.labels=100
    gpunet ensemble runs/digits-mlp-* --method select
    gpunet ensemble runs/digits-mlp-folds-* --method select
    gpunet ensemble runs/digits-mlp-search-1
    gpunet ensemble runs/digits-mlp-seeds-1 -o picture.pdf
    """
    from gpunet.api.selecting import has_folds
    from gpunet.searches import is_search

    from ..opening import is_model

    runs = [word for word in request.words if is_model(word)]
    _check_folds(reference, "Name others as --reference")
    _check_paths(request.words, runs, method)
    drawing = None
    if output is not None:
        drawing = Output("-o", Path(output), FORMATS, [*request.words, source, request.data, *reference])
        require_matplotlib("-o")
    training = {
        "--size": size, "--share": share, "--from": source, "--control": control or None,
        "--seed": request.seed, "--seeds": request.members, "--data": request.data,
        "--dask": dask,
    }  # fmt: skip
    if len(request.words) == 1 and is_search(request.words[0]):  # beside others it stands for the model it chose
        given = {**training, "--data": None, "--combine": combine, "--reference": reference or None}
        _refuse(given, "does not go with a search")
        if method not in (None, "select"):
            raise ConfigError("--method", "must be select for a search", method, "Leave it out")
        from ..ensembling import select_out_of_search

        select_out_of_search(request.words[0], rounds, request, drawing)
        return
    if runs:
        others = [word for word in request.words if word not in runs]
        files = [word for word in others if not is_assignment(word)]
        if files:
            rule, remedy = "must be a checkpoint or the folder of a run, beside others", "gpunet evaluate measures data"
            raise CheckpointError(files[0], rule, "something else", remedy)
        _refuse({**training, **{word: word for word in others}}, "trains members, and does not go with finished runs")
        if method is None and len(runs) == 1 and combine is None:
            from ..ensembling import show_finished

            _refuse({"--rounds": rounds, "--reference": reference or None}, "must come with several runs")
            show_finished(runs[0], request, drawing)
            return
        chosen = method or "all"
        if chosen not in OF_RUNS:
            remedy = f"There are {', '.join(OF_RUNS)}; others train members"
            raise ConfigError("--method", "must be one that takes finished runs", chosen, remedy)
        if chosen == "select" and any(map(has_folds, runs)):
            _refuse({"--combine": combine, "--reference": reference or None}, "does not go with runs with folds")
            from ..ensembling import select_out_of_folds

            select_out_of_folds(runs, rounds, request, drawing)
            return
        _check_folds(runs, "Use --method select")
        if chosen != "select":
            _refuse({"--rounds": rounds}, "belongs to --method select")
        from ..ensembling import put_together

        put_together(runs, chosen, combine, rounds, reference, request, drawing)
        return
    chosen = method or "seeds"
    if chosen not in METHODS:
        known = chosen in OF_RUNS
        rule = "needs finished runs to take networks from" if known else "must be known"
        remedy = "Name folders of runs" if known else f"There are {', '.join(dict.fromkeys((*METHODS, *OF_RUNS)))}"
        raise ConfigError("--method", rule, "none" if known else chosen, remedy)
    _refuse({"--rounds": rounds}, "belongs to --method select")
    if control and source is None:
        raise ConfigError("--control", "needs members that start from a checkpoint", "none", "Add --from CHECKPOINT")
    from ..ensembling import Wish, train_together

    train_together(request, Wish(chosen, size, combine, share, source, control, reference, dask), drawing)


def _check_paths(words: Sequence[str], runs: Sequence[str], method: str | None) -> None:
    """Refuse a path that leads nowhere where finished runs are meant, instead of taking it for a preset or data.

    Raises:
        CheckpointError: no such file.
    """
    from gpunet.paths import exists

    from ..opening import unfinished_folds

    for word in words:
        if begun := unfinished_folds(word):
            raise CheckpointError(word, "must be a finished run", *begun)
    meant = bool(runs) or method in ("all", "select")
    lost = [word for word in words if word not in runs and not is_assignment(word) and not exists(word)]
    if meant and lost:
        rule, remedy = "must be an existing checkpoint or the folder of a run", "Check the path"
        raise CheckpointError(lost[0], rule, "no such file", remedy)


def _check_folds(runs: Sequence[str], remedy: str) -> None:
    """Refuse runs with folds where a part of the data must be held out.

    Raises:
        CheckpointError: one of them.
    """
    from gpunet.api.selecting import has_folds

    for run in filter(has_folds, runs):
        rule = "must have parts of its data that it did not learn from"
        raise CheckpointError(run, rule, "a run with folds", remedy)


def _refuse(given: Mapping[str, object], rule: str) -> None:
    """Refuse options that were written."""
    written = [name for name, value in given.items() if value is not None]
    if written:
        raise ConfigError(" ".join(written), rule, None, "Leave it out")
