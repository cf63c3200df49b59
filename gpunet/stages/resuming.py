"""Runs that go on from a checkpoint, with a configuration that may differ in what has no shape."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..checkpoint import Checkpoint
from ..config import Config, differing, override
from ..errors import ConfigError, DataError
from ..experiment import Experiment, Lineage, Prepared, Run
from ..persistence import StateMismatch, Trained, restore_state
from .growth import growth
from .stack import Stack

KEPT = ("seed", "members", "model.name", "optimizer.name")  # what the state was made with, as it were
ANEW = "Begin another run with gpunet train"


def resumed_config(saved: Trained, overrides: Mapping[str, Any], source: str | None = None) -> Config:
    """The configuration of a run that goes on.

    Args:
        saved: what its checkpoint says.
        overrides: values by dotted key.
        source: where its data are now, if not where they were.

    Raises:
        ConfigError: an unknown key, or a change that the state of the run does not allow.
    """
    before = override(saved.config, {"data.source": source or saved.source})
    for key in KEPT:
        was = _value(before, key)
        if overrides.get(key, was) != was:
            raise ConfigError(key, f"must stay {was} when a run goes on", overrides[key], ANEW)
    config = override(before, overrides)
    for key in (*KEPT, "data"):
        was, now = _value(before, key), _value(config, key)
        if was != now:
            kept = "as it was" if key == "data" else str(was)
            remedy = "Pass the same data from elsewhere" if key == "data" else ANEW
            raise ConfigError(key, f"must stay {kept} when a run goes on", None if key == "data" else now, remedy)
    if config.dtype != before.dtype:
        was, now = before.training.precision, config.training.precision
        raise ConfigError("precision", f"must stay {was} when a run goes on", now, ANEW)
    _check_position(saved, before, config)
    return config


def resume(experiment: Experiment, saved: Trained) -> Iterator[Run]:
    """The runs that are left: the one that a checkpoint was written in, at its place, and the layers above it.

    Raises:
        DataError: other data than it was trained on.
        ConfigError: a configuration with other shapes than the checkpoint.
        CheckpointError: a checkpoint that does not hold the state of a run.
    """
    config = experiment.config
    if experiment.dataset.sha256 != saved.description.sha256:
        remedy = "Say where the data are now"
        raise DataError(config.data.source, "must hold the data that the run was trained on", "other content", remedy)
    source = saved.checkpoint
    if experiment.prepared is None:
        experiment = replace(experiment, prepared=Prepared(None, saved.description.target_scale))
    try:
        if config.model.layerwise is not None:
            stack = Stack(experiment, interrupted=source)
            if not stack.left:
                begun = len(stack.finished) + 1
                rule = f"must keep the {begun} layers that the run has begun"
                raise ConfigError("hidden", rule, f"{begun - 1} of them", ANEW)
            yield from stack.stages()
        else:
            run = Run(experiment, lineage=Lineage.of(source))
            restore_state(run, source)
            run.changes += [{"epoch": len(run.history) + 1, **one} for one in differing(saved.config, config)]
            yield run
            yield from growth(run)
    except StateMismatch as error:
        if config == override(saved.config, {"data.source": config.data.source}):
            raise
        more = f" and {len(error.lines) - 1} more" if len(error.lines) > 1 else ""
        rule = "must keep the shape of everything that the run has learned"
        raise ConfigError("overrides", rule, f"{error.lines[0]}{more}", ANEW) from None


def _value(config: Config, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _check_position(saved: Trained, before: Config, config: Config) -> None:
    """Refuse what the place where the run stands does not allow."""
    checkpoint: Checkpoint = saved.checkpoint
    loop = checkpoint.group("loop").attrs if "loop" in checkpoint.root else {}
    epoch, batch = loop.get("epoch", 0), loop.get("batch", 0)
    training = config.training
    if isinstance(epoch, int) and training.epochs < epoch:
        raise ConfigError("epochs", f"must be at least the {epoch} that lie behind", training.epochs)
    for key in ("batch_size", "updates"):
        was, rule = getattr(before.training, key), "can change between epochs only"
        if batch and getattr(training, key) != was:
            got = f"a run that stands at batch {batch} of epoch {int(epoch) + 1}"
            raise ConfigError(key, rule, got, "Leave it out" if was is None else f"Leave it at {was}")
