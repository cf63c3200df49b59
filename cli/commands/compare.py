"""gpunet compare."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gpunet.errors import ConfigError

from ..drawing import FORMATS, require_matplotlib
from ..opening import check_alone
from ..options import Request, choose_device, dask_option, run_options
from ..output import Output

SEEDS = 6
SHOWING = ("words", "output", "as_csv", "as_latex", "as_json", "quiet")  # what finished comparisons take
PREFIX = "tune."
GIVEN = re.compile(r"(data|seed|members|name|model\.(name|hidden|activation|initializer))\b")


@click.command()
@click.option("--labels", "counts", default="100,all", show_default=True, metavar="N,...", help="Labels to learn from.")
@click.option("--rates", default="0.01,0.03,0.1", show_default=True, metavar="R,...", help="Learning rates to try.")
@click.option("--tune", default="finetune", show_default=True, metavar="CONFIG|PRESET", help="How all arms are tuned.")
@click.option("--from", "source", metavar="CHECKPOINT", help="Take this pretrained stack; charges its recorded time.")
@dask_option
@click.option("-o", "--output", metavar="FILE", help="Where to draw; compare.png in the run's folder by default.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a row for each network, with all digits.")
@click.option("--latex", "as_latex", is_flag=True, help="Print the table for LaTeX, with booktabs.")
@run_options
def compare(
    request: Request,
    counts: str,
    rates: str,
    tune: str,
    source: str | None,
    dask: str | None,
    output: str | None,
    as_csv: bool,
    as_latex: bool,
) -> None:
    """Pretrained networks against tuned controls, over numbers of labels and seeds.

    Three arms of the same widths: a sigmoid network that starts from a pretrained stack, the same network from random
    weights, and a ReLU network with He initialization. For each seed they share split, labelled samples, order of the
    batches and output layer. Each arm and number of labels chooses its learning rate, by the mean over seeds, and each
    network its epoch, on the validation part alone; the test part is scored once, with what was chosen.

    Pretraining sees all training samples without labels (model.method=supervised only those with labels). The labelled
    subsets are stratified and nested. All arms may train equally long: tune.training.epochs epochs, where an epoch
    passes over the labelled samples as often as it takes for tune.training.updates updates; tune.training.patience
    stops earlier. Rates and seeds are trained at once, six seeds by default, as fewer cannot show a difference at 5 %.
    Where a choice lies at an end of the rates, more are tried beyond it.

    The folder of a finished comparison, given alone, is shown again, also with -o, --csv, --latex or --json.

    KEY=VALUE overrides keys of the stack and its pretraining (dbn by default), tune.KEY=VALUE those of fine-tuning.

    \b
    gpunet compare
    gpunet compare --labels 50,200,all --seeds 5 model.method=denoising tune.training.epochs=200
    gpunet compare dbn-mnist --data mnist/ --labels 100,1000,all model.hidden=[500,500]
    gpunet compare --from runs/digits-dbn-1/best.h5 --tune my.toml --rates 0.001,0.003 tune.optimizer=adam
    gpunet compare runs/compare-1 --latex > table.tex
    """
    form = _form(as_csv, as_latex, request.as_json)
    from ..comparing import finished_comparison, run_comparison, show_finished

    if folder := finished_comparison(request.words):
        check_alone(SHOWING, "a new comparison")
        show_finished(folder, None if output is None else _drawing(output, [folder]), form)
        return
    labels, tried, words = _labels(counts), _rates(rates), request.words
    network = _network(tune, [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)])
    rest = tuple(word for word in words if not word.startswith(PREFIX))
    drawing = None if output is None else _drawing(output, [source, tune, request.data, *rest])
    if source is not None and rest:
        rule, remedy = "brings its own configuration", f"Leave it out, or write {PREFIX}KEY=VALUE"
        raise ConfigError("--from", rule, " ".join(rest), remedy)
    config = request.configuration("dbn", rest)
    if request.members is None and config.members == 1:
        config = config.model_copy(update={"members": SEEDS})
    place = choose_device(request.device if dask is None else "auto", told=dask is None)
    with place.activate():
        checkpoint, donor = None, None
        if source is not None:
            config, checkpoint, donor = _restored(source, place, request)
        from gpunet.api.reading import load_split

        dataset, parts = load_split(config, donor, run=request.place, writes=not request.dry_run)
        from gpunet.experiment import Experiment
        from gpunet.studies import Comparison

        comparison = Comparison(Experiment(config, dataset, parts, place), network, labels, tried)
        if checkpoint is not None:
            comparison.check_source(checkpoint)
        run_comparison(comparison, checkpoint, request, drawing, form, dask)


def _form(as_csv: bool, as_latex: bool, as_json: bool) -> Any:
    """What is printed."""
    asked = [form for form, wanted in (("csv", as_csv), ("latex", as_latex), ("json", as_json)) if wanted]
    if len(asked) > 1:
        received = " ".join(f"--{form}" for form in asked)
        raise ConfigError("compare", "must have one form of output", received, "Choose one")
    return asked[0] if asked else "table"


def _drawing(name: str, reads: Sequence[str | None]) -> Output:
    """The file to draw into, refused before hours of training where that could not be."""
    output = Output("-o", Path(name), FORMATS, reads)
    require_matplotlib("-o")
    return output


def _labels(text: str) -> list[int | None]:
    found = [None if word == "all" else int(word) if word.isdecimal() else 0 for word in text.split(",")]
    if 0 in found:
        raise ConfigError(
            "--labels", "must be numbers above 0, or all, with commas between", text, "For example 100,all"
        )
    return found


def _rates(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = [0.0]
    if not all(rate > 0 and math.isfinite(rate) for rate in found):
        raise ConfigError("--rates", "must be numbers above 0, with commas between", text, "For example 0.01,0.03,0.1")
    return found


def _network(tune: str, words: Sequence[str]) -> Any:
    """The configuration of fine-tuning; what is wrong with it is named as the user wrote it."""
    from gpunet.config import load_config, parse_assignments

    for word in words:
        if GIVEN.match(word):
            key = f"{PREFIX}{word.partition('=')[0]}"
            raise ConfigError(key, "is the same for all arms, or what they differ in", None, "Leave it out")
    overrides = parse_assignments(words)
    try:
        return load_config(tune, overrides, {})
    except ConfigError as error:
        prefix = "--tune " if error.thing in ("preset", tune) else PREFIX
        error.args = ("\n".join(f"{prefix}{line}" for line in str(error).splitlines()),)
        raise


def _restored(source: str, place: Any, request: Request) -> tuple[Any, Any, Any]:
    """Configuration, checkpoint and contract of a pretrained stack; a single one serves any number of seeds."""
    from gpunet.persistence import load_stack

    from ..opening import checkpoint_at

    found, members, seed = load_stack(checkpoint_at(source), place), request.members, request.seed
    own = found.config.members
    if own > 1 and (members not in (None, own) or seed not in (None, found.config.seed)):
        rule = f"must be those of the checkpoint, {own} from seed {found.config.seed} on"
        raise ConfigError("--seeds", rule, "others", "Leave --seed and --seeds out")
    changes = {
        "data": found.config.data.model_copy(update={"source": request.data or found.source}),
        "seed": found.config.seed if seed is None else seed,
        "members": own if own > 1 else members or SEEDS,
    }
    return found.config.model_copy(update=changes), found.checkpoint, found
