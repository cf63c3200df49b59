"""gpunet search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gpunet.errors import ConfigError

from ..options import Request, dask_option, from_option, is_assignment, run_options

SHOWING = ("words", "as_csv", "as_json", "quiet")  # what finished searches take
PREFIXES = ("search.", "tune.")


@click.command()
@click.option("--trials", type=int, metavar="N", help="Configurations to try.")
@click.option("--method", metavar="NAME", help="random, coarse_to_fine or tpe.")
@click.option("--prune", metavar="NAME", help="none, median or halving: end trials early that lag behind.")
@click.option("--folds", type=int, metavar="K", help="Cross-validate each trial; 1 scores it on the validation part.")
@click.option("--repeats", type=int, metavar="N", help="Repeat the folds, or the split into training and validation.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that train trials.")
@dask_option
@click.option("--space", metavar="FILE.toml", help="Take [space], [search] and [tune] of this file.")
@click.option("--resume", metavar="FOLDER", help="Go on with the search in this folder.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row for each trial, with all digits.")
@from_option
@run_options
def search(
    request: Request,
    source: str | None,
    space: str | None,
    resume: str | None,
    workers: int,
    dask: str | None,
    as_csv: bool,
    **how: Any,
) -> None:
    """Search for the best values of some keys, and train the chosen model.

    Takes a preset (mlp by default; spaces come along for mlp, linear, rbm, dbn, finetune and convnet), or a TOML file:
    a configuration with a table [space], and perhaps [search], [tune] and the key preset:

    \b
    preset = "mlp"
    [space]
    learning_rate = { log = [1e-4, 1e-1] }
    hidden = { choice = [[64], [128, 64]] }
    optimizer = { choice = ["sgd", "adam"] }
    momentum = { one_minus_log = [0.5, 0.99], when = { optimizer = "sgd" } }
    dropout = { uniform = [0, 0.6] }
    epochs = { int = [5, 50] }            (int_log likewise)
    [search]
    method = "coarse_to_fine"
    trials = 30

    Trials are scored on the validation part, or by --folds; --seeds N trains N models for each. The test part is read
    once, by the model that is chosen in the end. Draws of random and coarse_to_fine are a function of seed and trial,
    whatever the number of workers. Whatever ends the search, what is finished is kept: --resume goes on, also with
    more --trials. The folder of a search, given alone, is shown again.

    KEY=VALUE overrides keys of the configuration, search.KEY=VALUE those of [search], tune.KEY=VALUE those of the
    network that is fine-tuned from what a trial pretrains.

    \b
    gpunet search mlp --trials 30
    gpunet search my.toml --data flowers.csv --folds 5 --workers 4
    gpunet search mlp flowers.csv --dask tcp://10.0.0.1:8786
    gpunet search dbn --trials 8 tune.training.epochs=20
    gpunet search finetune --from runs/digits-dbn-1
    gpunet search --resume runs/digits-mlp-search-1
    gpunet search runs/digits-mlp-search-1 --csv > trials.csv
    """
    if as_csv and request.as_json:
        raise ConfigError("search", "must have one form of output", "--csv --json", "Choose one")
    form: Any = "csv" if as_csv else "json" if request.as_json else "table"
    from ..opening import check_alone
    from ..searching import go_on, run_search, show_search, shown_search

    if folder := shown_search(request.words):
        check_alone(SHOWING, "a new search, or with --resume")
        show_search(folder, form)
        return
    if dask is not None and workers > 1:
        raise ConfigError("--workers", "are those of the cluster with --dask", workers, "Leave one of both out")
    written = {key: value for key, value in how.items() if value is not None}
    if resume is not None:
        _check_resumed(request, source, space, written)
        go_on(Path(resume), request, workers, dask, written.get("trials"), form)
        return
    settings, tune, words = _parted(request.words)
    run_search(request, words, {**settings, **written}, space, tune, source, workers, dask, form)


def _check_resumed(request: Request, source: str | None, space: str | None, written: dict[str, Any]) -> None:
    """Refuse what belongs to the beginning of a search."""
    begun = {"--from": source, "--space": space, "--run": request.run, "--seed": request.seed}
    begun |= {"--seeds": request.members, "arguments": " ".join(request.words) or None}
    begun |= {f"--{key}": value for key, value in written.items() if key != "trials"}
    for name, value in begun.items():
        if value is not None:
            remedy = "Leave it out; --trials, --workers, --dask, --data and --device may change"
            raise ConfigError(name, "must stay as it was when a search goes on", value, remedy)


def _parted(words: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    """Settings of the search and keys of fine-tuning, and the other words."""
    from gpunet.config import parse_assignments

    found: list[dict[str, Any]] = []
    for prefix in PREFIXES:
        own = [word.removeprefix(prefix) for word in words if is_assignment(word) and word.startswith(prefix)]
        found.append(parse_assignments(own) if prefix == "tune." else _plain(own))
    rest = tuple(word for word in words if not (is_assignment(word) and word.startswith(PREFIXES)))
    return found[0], found[1], rest


def _plain(words: list[str]) -> dict[str, Any]:
    """Values by key as they are written, since keys of a search are none of a configuration."""
    from gpunet.config import parse_assignments

    return {
        key.removeprefix("search."): value for key, value in parse_assignments(f"search.{w}" for w in words).items()
    }
