"""gpunet train."""

from dataclasses import replace
from functools import partial
from typing import Any

import click

from gpunet.errors import ConfigError

from ..options import Request, dask_option, from_option, profile_option, run_options


@click.command()
@click.option(
    "--folds", type=click.IntRange(2), metavar="K", help="Cross-validate: K trainings, each judged by a fold."
)
@click.option("--repeats", default=1, show_default=True, type=click.IntRange(1), help="Of the folds, each time others.")
@dask_option
@from_option
@click.option("--graft", "grafts", multiple=True, metavar="LAYER=LAYER", help="Which layer of --from goes where.")
@profile_option
@run_options
def train(
    request: Request,
    source: str | None,
    grafts: tuple[str, ...],
    folds: int | None,
    repeats: int,
    dask: str | None,
    profile: bool,
) -> None:
    """Train a model and keep the weights that are best on validation.

    Takes a preset (gpunet presets ls) or a TOML file, mlp by default, and a file or folder of data. KEY=VALUE overrides
    any key of it.

    While it trains, control.toml in its folder is read again after each epoch: numbers of the optimizer and dropout
    rates, such as lr = 0.01, momentum = 0.95 or dropout = 0.3, hold from the next epoch on and are noted in the
    history; stop = true ends the training there, and save = true writes its state. What is wrong in the file is told in
    one line, and training goes on.

    With --folds there are figures with an interval over folds, the out-of-fold predictions, and the networks of all
    folds as one ensemble, which predict and ensemble --method select take.

    With --profile nothing is trained to its end: steps are timed by operation, on a GPU launches and bytes are counted,
    and both stand beside what the products alone would take (docs/profile.md).

    \b
    gpunet train
    gpunet train flowers.csv
    gpunet train mlp --data flowers.csv training.epochs=50 optimizer.learning_rate=3e-4
    gpunet train residual --seeds 5 --run runs/five
    gpunet train finetune --from runs/digits-dbn-1/best.h5 model.hidden=[500,500,2000] data.labels=1000
    gpunet train dbm-finetune --from runs/digits-dbm-1
    gpunet train mlp --from runs/digits-mlp-1/best.h5 --graft 000_dense=000_dense
    gpunet train flowers.csv --folds 10 --repeats 3 --dask tcp://10.0.0.1:8786
    gpunet train my.toml --dry-run
    gpunet train my.toml --profile
    """
    from ..terminal import execute

    config = request.configuration("mlp")
    if config.model.command != "train":
        raise ConfigError("train", "trains networks with targets", config.model.name, "Use gpunet pretrain")
    if repeats > 1 and folds is None:
        raise ConfigError("--repeats", "repeats folds", "none", "Add --folds K")
    if dask is not None and folds is None:
        remedy = "Add --folds K; gpunet ensemble shares the members of one model"
        raise ConfigError("--dask", "shares folds among workers", "none", remedy)
    if grafts and source is None:
        raise ConfigError("--graft", "needs a checkpoint to take layers from", "none", "Add --from CHECKPOINT")
    if profile and folds is not None:
        raise ConfigError("--profile", "measures the steps of one training", "--folds", "Leave one of them out")
    pairs = [_pair(words) for words in grafts]
    instead = None if folds is None else partial(_fold, request, folds, repeats, pairs, dask)
    if profile:
        from ..profiling import check_profile, run_profile

        check_profile(request)
        instead = partial(run_profile, request, pairs, None)
    here = request if dask is None else replace(request, device="auto")  # the device that is asked for is the workers'
    execute(here, config, source, pairs, instead=instead)


def _fold(
    request: Request, folds: int, repeats: int, pairs: Any, dask: str | None, experiment: Any, checkpoint: Any
) -> None:
    """Cross-validate."""
    from ..folding import run_folds

    run_folds(request, experiment, folds, repeats, checkpoint, pairs, dask)


def _pair(words: str) -> tuple[str, str]:
    source, separator, target = words.partition("=")
    if not (source and separator and target):
        raise ConfigError("--graft", "must be LAYER=LAYER", repr(words), "For example 001_rbm=000_dense")
    return source, target
