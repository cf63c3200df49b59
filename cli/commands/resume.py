"""gpunet resume."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpunet.errors import ConfigError

from .. import completing
from ..execution import DRY
from ..options import Request, choose_device, device_option, json_option
from ..remarks import quiet_option, remark

if TYPE_CHECKING:
    from gpunet.checkpoint import Checkpoint
    from gpunet.experiment import Run
    from gpunet.persistence import RunFolder


@click.command()
@click.argument("run", metavar="RUN|CHECKPOINT", shell_complete=completing.runs)
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...", shell_complete=completing.keys)
@click.option("--data", metavar="SOURCE", help="Where the data are now, if they were moved.")
@click.option("--run", "new", metavar="FOLDER", help="Go on in a new folder and leave the old one as it is.")
@device_option
@click.option("--dry-run", is_flag=True, help="Check everything, say what would run, and stop.")
@quiet_option
@json_option
def resume(
    run: str, words: tuple[str, ...], data: str | None, new: str | None, device: str, dry_run: bool, as_json: bool
) -> None:
    """Go on with a run where it stopped, as if it had not stopped.

    RUN is a run's folder; its last.h5 holds weights, optimizer, chains, counters and history, also from inside an
    epoch. Ten epochs are five and five, bit for bit, on the same kind of machine. Where last.h5 is damaged,
    last.previous.h5 takes its place, and likewise where it is the state before a step that diverged. A run that ended
    before its first save begins anew from its config.toml. Of a run with folds the folds that are left are trained.

    KEY=VALUE changes the saved configuration; what differs is printed. Everything may change that leaves the shapes of
    what was learned alone; seed, members, data and the kinds of model and optimizer may not. GPUNET_* variables have
    no say. In a stack, changes hold from the layer on that was under way.

    \b
    gpunet resume runs/digits-mlp-1
    gpunet resume runs/digits-mlp-1 training.epochs=50 optimizer.learning_rate=1e-4
    gpunet resume runs/digits-mlp-1 epochs=50 --run runs/longer
    gpunet resume runs/digits-mlp-1/last.previous.h5 --dry-run
    """
    from gpunet.api.reading import load_split
    from gpunet.api.resuming import ANEW, folder_of, state_of
    from gpunet.config import load_config, override, parse_assignments
    from gpunet.experiment import Experiment
    from gpunet.persistence import CONFIG, RunFolder, has_state, identity_of, open_trained
    from gpunet.stages import go_on, resumed_config
    from gpunet.studies import kept_in

    from ..folding import resume_folds
    from ..terminal import execute, finish, told
    from ..views.differences import changes

    overrides = parse_assignments(words)
    if kept := kept_in(run):
        if new is not None:
            rule, remedy = "stay in the folder of their cross-validation", "Leave it out"
            raise ConfigError("--run", rule, new, remedy)
        request = Request((str(Path(run) / CONFIG),), run, device, dry_run, as_json, data, None, None)
        resume_folds(request, kept, words)
        return
    folder = folder_of(Path(run), elsewhere=new is not None)
    if Path(run) == folder and not has_state(folder):
        remark(f"{folder} {ANEW}")
        document = str(folder / CONFIG)
        config = load_config(document, overrides | ({"data.source": data} if data else {}), {})
        request = Request((document,), new or str(folder), device, dry_run, as_json, None, None, None)
        execute(request, config, begun=new is None)
        return
    place = choose_device(device, told=True)
    with place.activate(), ExitStack() as opened:
        target = RunFolder(folder)
        if not (new or dry_run):
            opened.enter_context(target)  # read inside the lock, so that nobody writes meanwhile
        source, passed_over = state_of(Path(run), folder)
        if passed_over:
            remark(passed_over)
        saved = open_trained(source)
        identity, doubt = ("", "") if new else identity_of(folder, saved)
        if doubt:
            remark(doubt)
        config = resumed_config(saved, overrides, data)
        before = override(saved.config, {"data.source": saved.source})
        changed = changes(before.model_dump(mode="json"), config.model_dump(mode="json"))
        for line in changed:
            remark(f"  {line}")
        dataset, parts = load_split(config, saved, run=new or folder, writes=not dry_run)
        experiment = Experiment(config, dataset, parts, place)
        written = Path(new) if new else folder

        def open_folder() -> AbstractContextManager[RunFolder]:
            if new:
                return RunFolder.create(new, config)
            target.go_on(source, identity, config, bool(changed))
            return nullcontext(target)  # which is open already

        with told(lambda run: _say_where(run, source)) as (terminal, stop):
            carried = go_on(experiment, saved, open_folder, terminal, stop, dry_run)
        if carried is None:
            remark(DRY)
            return
        finish(carried, stop, written, as_json)


def _say_where(job: Run, source: Checkpoint) -> None:
    done, epochs = len(job.history), job.config.training.epochs
    if done == epochs:
        where = f"all {epochs} epochs are done; training.epochs={2 * epochs} would go on"
    elif not job.selection.active.any():
        where = f"it had stopped after epoch {done}; training.patience={2 * (job.selection.patience or 1)} would go on"
    else:
        where = f"epoch {done + 1} of {epochs}" + (f", after {job.batch} batches of it" if job.batch else "")
    remark(f"  from {source.path}: {where}")
