"""A training that is looked after: its folder's ``control.toml`` is read again after each epoch."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..backend import capture
from ..config import Config, build_optimization, differing, full_key, override
from ..config.budget import bytes_of, check_size, parse, text_of
from ..config.rates import in_place_of
from ..errors import ConfigError, GpunetError, meant, shortened
from ..experiment import Run, build_objective
from ..layers import Dropout, Layer
from ..parameter import Parameter, children
from ..paths import is_file

CONTROL = "control.toml"
ORDERS = ("stop", "save")


class Control:
    """Carries out what ``control.toml`` says, once for each version of the file.

    Numbers of the optimizer and dropout rates of a network hold from the next epoch on, and are noted in
    ``run.changes``; the configuration of the run changes with them, so that a run that goes on has them.

    Args:
        folder: of the run.
        note: told in one line what has changed, or what is wrong in the file; training goes on then.
    """

    def __init__(self, folder: Path, note: Callable[[str], object]):
        self._path, self._note = folder / CONTROL, note
        self._seen, self._refused = "", ""

    def after_epoch(self, run: Run, over: bool) -> bool:
        """Carry out what is new in the file; whether the state is to be written now.

        Args:
            run: between two epochs.
            over: whether it was the last one, after which nothing can change.
        """
        if over or not is_file(self._path):
            return False
        mark = ""  # of the content, so that each is carried out, or refused, once
        try:
            content = bytes_of(self._path)
            mark = hashlib.sha256(content).hexdigest()
            text = text_of(str(self._path), content)
            mark = hashlib.sha256(text.encode()).hexdigest()
            if mark in (self._seen, run.controlled_by):
                return False
            self._seen = mark
            saves = self._carry_out(run, _read(self._path, text), mark)
        except GpunetError as error:
            said = " ".join(str(error).splitlines()).rstrip(".").removeprefix(f"{self._path}: ")
            line = f"{CONTROL}: {said}; training goes on as before"
            if (mark or line) != self._refused:
                self._note(line)
            self._refused = mark or line
            return False
        self._refused = ""
        return saves

    def _carry_out(self, run: Run, written: dict[str, Any], digest: str) -> bool:
        orders = {key: written.pop(key) for key in ORDERS if key in written}
        for key, value in orders.items():
            if not isinstance(value, bool):
                raise ConfigError(key, "must be true or false", shortened(repr(value)))
        changed = _changed(run, written)
        if changed is not None:
            for line in change(run, changed):
                self._note(f"{CONTROL}: from epoch {len(run.history) + 1} on, {line}")
        if orders.get("stop"):
            run.selection.active[:] = False
            self._note(f"{CONTROL}: stop after epoch {len(run.history)}")
        elif orders.get("save"):
            self._note(f"{CONTROL}: saved after epoch {len(run.history)}")
        run.controlled_by = digest
        return True


def _read(path: Path, text: str) -> dict[str, Any]:
    try:
        found = parse(str(path), text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the file", "must be readable TOML", shortened(str(error), 200)) from None
    check_size(found)
    return dict(found)


def _changed(run: Run, written: Mapping[str, Any]) -> Config | None:
    """The configuration with what is written, None where nothing differs.

    Raises:
        ConfigError: a key that cannot change during a training, or a value that it cannot have.
    """
    known = {f"optimizer.{name}" for name in run.trainer.optimizer.hyperparameters}
    known |= {f"model.{name}" for name in type(run.config.model).model_fields if name.endswith("dropout")}
    values = {full_key(key, run.config.families): value for key, value in _flat(written)}
    # A schedule that is named alone begins where training began, not at whatever number stands there by now.
    first = run.begun.optimizer.model_dump(mode="json")
    for key in values:
        if key.startswith("optimizer."):
            values[key] = in_place_of(first.get(key.removeprefix("optimizer.")), values[key])
    for key in values:
        if key not in known:
            names = sorted([*ORDERS, *known])
            last = [name.rpartition(".")[2] for name in names]  # words in front are alike, and would make any two so
            remedy = meant(key.rpartition(".")[2], last, f"These can: {', '.join(names)}")
            raise ConfigError(key, "cannot change during a training", None, remedy)
    config = override(run.config, values)
    if config == run.config:
        return None
    if run.config.model.layerwise is not None or run.config.model.grown_on is not None:
        rule, received = "can change in one network or machine", "layers that are trained one after the other"
        raise ConfigError(", ".join(values), rule, received, "Write stop or save alone")
    if config.population != run.config.population:
        rule = f"must be one number, or as many as before, {run.config.places}"
        raise ConfigError(", ".join(values), rule, f"{config.places}")
    return config


def _flat(written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys in sections by their dotted names; a table with a name, or of values by member, is a value."""
    for key, value in written.items():
        if key in ("optimizer", "model") and isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def change(run: Run, config: Config) -> list[str]:
    """Go on by another configuration from the next epoch on; a line for each key that differs.

    Raises:
        ConfigError: one that needs other state or other layers than the run has.
    """
    optimizer, model = run.trainer.optimizer, run.objective.model
    optimization = build_optimization(config)
    if optimization.rule.slots != optimizer.rule.slots:
        rule, remedy = "must stay above 0, or 0, as it was when training began", "Write a small number instead of 0"
        raise ConfigError("momentum", rule, None, remedy)
    pairs = _pairs(model, build_objective(config, run.description, run.inputs).model)
    lines = []
    for one in differing(run.config, config):
        run.changes.append({"epoch": len(run.history) + 1, **one})
        lines.append(f"{one['key']} = {one['after']} (before: {one['before']})")
    for ours, theirs in pairs:
        ours.rate = theirs.rate
    optimizer.rule, optimizer.optimization = optimization.rule, optimization
    run.experiment = run.experiment.configured(config)
    run.trainer.step = capture(run.trainer._step, run.device)  # a recorded one holds the old numbers
    return lines


def _pairs(ours: Any, theirs: Any) -> list[tuple[Dropout, Dropout]]:
    """Layers of dropout of a network, and the same ones of another of the same layers.

    Raises:
        ConfigError: other layers.
    """
    mine, other = (
        [(name, child) for name, child in children(one) if not isinstance(child, Parameter)] for one in (ours, theirs)
    )
    if [(name, type(child)) for name, child in mine] != [(name, type(child)) for name, child in other]:
        rule, remedy = "must stay above 0, or 0, as it was when training began", "Write a small number instead of 0"
        raise ConfigError("dropout", rule, None, remedy)
    found = [(ours, theirs)] if isinstance(ours, Dropout) and isinstance(theirs, Dropout) else []
    for (_, child), (_, twin) in zip(mine, other):
        if isinstance(child, Layer):
            found += _pairs(child, twin)
    return found
