"""The state of a run between two steps: what a checkpoint holds beside the weights, so that training goes on exactly.

Each array of the state is named in one place, :func:`_places`, from which it is both saved and restored.  What follows
from the configuration and the position, such as the order of an epoch or the random numbers of a step, is not state.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..backend.arrays import Array
from ..checkpoint import Checkpoint, Group, NamedArray, Scalar, changed_in
from ..errors import CheckpointError, ConfigError, DivergedError
from ..experiment import Lineage, Run
from ..training import NEVER, EpochRecord

# Saved by epoch and member, restored with the history; and the steps at which members have left the finite numbers.
RECORDED = ("loop/active", "loop/improved", "loop/went_on", "loop/failed")


class StateMismatch(CheckpointError):
    """A checkpoint holds other arrays than the configuration asks for; ``lines`` has one line for each."""

    def __init__(self, name: str, lines: Sequence[str]):
        self.lines = lines
        table = "".join(f"\n  {line}" for line in lines)
        super().__init__(name, "must hold exactly the state of its configuration", table)


@dataclass(frozen=True)
class _Place:
    """Where an array of the state lives in a run."""

    path: str
    get: Callable[[], np.ndarray]
    put: Callable[[np.ndarray], object]


def save_state(run: Run, root: Group) -> None:
    """Add the present state to the checkpoint of a run; the weights are there already."""
    for place in _places(run):
        if place.path not in root:
            root[place.path] = NamedArray(place.get())
    loop: Group = root["loop"]
    loop.attrs |= {"epoch": len(run.history), "batch": int(run.device.get(run.trainer.cursor)[0])}
    root["loop/active"] = NamedArray(run.selection.active)
    if (
        0 < len(run.trainer.diverged) < len(run.selection.active)
    ):  # where all have, training may go on with other numbers
        root["loop/failed"] = NamedArray(run.trainer.failures())
    root["loop/improved"] = NamedArray(_by_epoch(run, [record.improved for record in run.history]))
    root["loop/went_on"] = NamedArray(_by_epoch(run, [record.active for record in run.history]))


def restore_state(run: Run, source: Checkpoint) -> None:
    """Put a run that has not begun where it was when a checkpoint was written.

    Raises:
        CheckpointError: it holds no state.
        StateMismatch: it holds another one than the configuration asks for.
        ConfigError: another monitored number than before.
    """
    if "loop" not in source.root:
        raise CheckpointError(str(source.path), "must hold the state of a run", "weights alone", "Resume last.h5")
    before = source.attrs.get("monitor")
    if before != run.monitor:
        rule = f"must stay {before}, by which the best weights so far were chosen"
        raise ConfigError("monitor", rule, run.monitor, f"Set monitor={before}")
    _make_room(run, source)
    places = list(_places(run))
    _check_arrays(source, places)
    attrs = source.group("loop").attrs
    run.go_on_from(_records(run, source, _count(source, attrs, "epoch")), _count(source, attrs, "batch"))
    _restore_changes(run, source)
    for place in places:
        place.put(source.array(place.path).data)
    best, best_epoch = (source.array(f"loop/{key}").data for key in ("best", "best_epoch"))
    run.selection.resume(len(run.history), best, best_epoch)
    if "loop/failed" in source.root:
        _restore_diverged(run, source)
    run.device.copy_into(run.trainer.active, run.selection.active)


def continue_learning(run: Run, source: Checkpoint) -> None:
    """Have a run that has not begun go on from what another has learned, on other samples.

    It takes the weights, what the optimizer remembers, and chains; epochs, what was best so far and whatever else
    belongs to the samples begin anew.

    Args:
        run: of the same model and optimizer.
        source: the checkpoint of a run that kept its state.

    Raises:
        CheckpointError: it holds no state.
        StateMismatch: it holds that of another model or optimizer.
    """
    if "loop" not in source.root:
        remedy = "Train it with incremental=True"
        raise CheckpointError(str(source.path), "must hold the state of its training", "weights alone", remedy)
    _make_room(run, source)
    kept = {f"loop/{name}" for name in ("step", *run.objective.state(), *run.objective.kept())}
    places = [place for place in _places(run) if not place.path.startswith("loop/") or place.path in kept]
    wrong = [line for place in places if (line := _mismatch(place, source))]
    wrong += _surplus(source, {place.path for place in places}, ("model", "optimizer"))
    if wrong:
        raise StateMismatch(str(source.path), wrong)
    for place in places:
        place.put(source.array(place.path).data)
    run.came_from(Lineage.of(source))


def _restore_changes(run: Run, source: Checkpoint) -> None:
    """What was changed while the run was trained, so that its history goes on saying so."""
    run.changes = changed_in(source)
    run.controlled_by = str(source.group("history").attrs.get("controlled_by", ""))


def _restore_diverged(run: Run, source: Checkpoint) -> None:
    """Members that had left the finite numbers stay where they ended."""
    failed = source.array("loop/failed").data
    if failed.shape != run.trainer.rows:
        raise CheckpointError(f"{source.path}: loop/failed", "must have a step for each member", failed.shape)
    run.device.copy_into(run.trainer.failed, failed)
    for member in map(int, np.flatnonzero(failed != NEVER)):
        rule = "left the finite numbers before training went on"
        run.trainer.diverged[member] = DivergedError(f"step {failed[member] + 1} of member {member}", rule)
    run.selection.active[list(run.trainer.diverged)] = False


def _places(run: Run) -> Iterator[_Place]:
    trainer, selection, parameters = run.trainer, run.selection, run.trainer.parameters
    optimizer = trainer.optimizer
    # Layers below are in the model of a stack as well, and what helps to train a layer is not.
    weights = "model" if run.config.model.layerwise is None else "loop/weights"
    flats = {weights: parameters.values, "loop/best_weights": selection.weights}
    flats |= {f"optimizer/{slot}": flat for slot, flat in optimizer.slots.items()}
    for prefix, flat in flats.items():
        for name in parameters.named:
            yield _on_device(run, f"{prefix}/{name}", parameters.view(flat, name))
    yield _on_device(run, "optimizer/updates", optimizer.updates)
    yield _on_device(run, "loop/step", trainer.clock)
    yield _on_device(run, "loop/totals", trainer.totals)
    states = run.objective.state() | run.objective.kept() | (run.doctor.state() if run.doctor else {})
    for name, array in states.items():
        yield _on_device(run, f"loop/{name}", array)
    yield _Place(
        "optimizer/rate_scale",
        lambda: np.asarray(optimizer.rate_scale),
        lambda values: setattr(optimizer, "rate_scale", values.copy()),
    )
    # Both are restored together, by Selection.resume.
    yield _Place("loop/best", lambda: selection.best_so_far, lambda values: None)
    yield _Place("loop/best_epoch", lambda: selection.best_epoch, lambda values: None)


def _make_room(run: Run, source: Checkpoint) -> None:
    """Let the objective make the arrays of which a checkpoint says how many there are."""
    arrays = {path: node for path, node in source.group("loop").walk() if isinstance(node, NamedArray)}
    run.objective.make_room({path: tuple(array.shape) for path, array in arrays.items()})


def _on_device(run: Run, path: str, array: Array) -> _Place:
    return _Place(path, lambda: run.device.get(array), lambda values: run.device.copy_into(array, values))


def _check_arrays(source: Checkpoint, places: Sequence[_Place]) -> None:
    known = {place.path for place in places}
    wrong = [line for place in places if (line := _mismatch(place, source))]
    wrong += _surplus(source, known, sorted({place.path.partition("/")[0] for place in places}))
    if wrong:
        raise StateMismatch(str(source.path), wrong)


def _surplus(source: Checkpoint, known: set[str], parts: Sequence[str]) -> list[str]:
    """A line for each array that nobody knows, of some groups of a checkpoint."""
    lines = []
    for part in parts:
        inside = ((f"{part}/{path}", node) for path, node in source.group(part).walk())
        found = {path for path, node in inside if isinstance(node, NamedArray)}
        lines += [f"{path}: nothing wanted" for path in sorted(found.difference(known, RECORDED))]
    return lines


def _mismatch(place: _Place, source: Checkpoint) -> str:
    wanted = _form(place.get())
    found = _form(source.array(place.path).data) if place.path in source.root else "nothing"
    return "" if wanted == found else f"{place.path}: {wanted} wanted, {found} found"


def _form(data: np.ndarray) -> str:
    return f"{'uint8' if data.dtype.kind == 'b' else data.dtype.name} {data.shape}"


def _count(source: Checkpoint, attrs: dict[str, Scalar], key: str) -> int:
    value = attrs.get(key)
    if not isinstance(value, int) or value < 0:
        raise CheckpointError(f"{source.path}: loop", f"must say its {key}", value)
    return value


def _by_epoch(run: Run, rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(rows) if rows else np.zeros((0, *run.trainer.rows), bool)


def _records(run: Run, source: Checkpoint, epochs: int) -> list[EpochRecord]:
    """What happened in the epochs that lie behind."""
    rows = (epochs, *run.trainer.rows)
    names = source.group("history").children.keys() - {"epoch", "seconds"}
    columns = {name: _column(source, f"history/{name}", rows) for name in names}
    improved, went_on = (_column(source, f"loop/{name}", rows).astype(bool) for name in ("improved", "went_on"))
    seconds, settings = _column(source, "history/seconds", rows), run.config.training
    return [
        EpochRecord(
            number + 1,
            settings.epochs,
            {name: column[number] for name, column in columns.items()},
            improved[number],
            went_on[number],
            float(seconds[number, 0]),
            run.monitor != "last",
        )
        for number in range(epochs)
    ]


def _column(source: Checkpoint, path: str, rows: tuple[int, ...]) -> np.ndarray:
    """Numbers by epoch and member; those of one model, and those that members share, are saved without that axis."""
    data = source.array(path).data
    if data.shape not in (rows, rows[:1]):
        raise CheckpointError(f"{source.path}: {path}", f"must have a number for each of {rows[0]} epochs", data.shape)
    return data.reshape(rows[0], *data.shape[1:] or (1,))
