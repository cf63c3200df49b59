"""Spaces that come along, fitted to the model and the samples that they are used for."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..config import Config, family_name
from ..errors import ConfigError
from .dimensions import Dimension
from .space import TUNE, Space, changed

SHIPPED = ("mlp", "linear", "rbm", "dbn", "finetune", "convnet")
PEAKS = ("value", "high")  # of a schedule, the number that it is scaled by
STRUCTURE = ("model.hidden", "model.channels")


def shipped_path(name: str) -> Path:
    """The file of a space that comes with gpunet."""
    return Path(str(files("gpunet.searches") / "spaces")) / f"{name}.toml"


def shipped_for(config: Config, preset: str | None) -> str | None:
    """The name of the space that suits a configuration: by its preset, else by its family; None where there is none."""
    names = [preset, family_name(type(config.model))]
    return next((name for name in names if name in SHIPPED), None)


def fitted(
    space: Space, config: Config, tune: Config | None = None, starts: bool = False, samples: int | None = None
) -> tuple[Space, list[str]]:
    """What a space that comes along can try with a configuration, and a line for whatever it leaves out.

    The learning rate is the number of the configuration, or the height of its schedule. Keys that the model or the
    rule does not have, or that change nothing in it, are left out; widths too where weights are taken from another
    network or there are no hidden layers; and batches beyond a quarter of the training part.

    Args:
        space: that comes along.
        config: that trials start from.
        tune: the network that is fine-tuned from what a trial pretrains, or None.
        starts: whether trials start from weights.
        samples: of the training part, where it is known.
    """
    found: list[Dimension] = []
    lines: list[str] = []
    for one in space:
        tuned = one.key.startswith(TUNE)
        own = tune if tuned and tune is not None else config
        dimension, line = _fitted(one, own, TUNE if tuned else "", starts and not tuned, samples)
        found += [dimension] if dimension is not None else []
        lines += [line] if line else []
    if not found:
        rule, remedy = "must have a key that suits the model", "Write a [space] of your own"
        raise ConfigError("space", rule, f"{config.model.name} without any", remedy)
    return Space(tuple(found)), lines


def _fitted(
    one: Dimension, config: Config, prefix: str, starts: bool, samples: int | None
) -> tuple[Dimension | None, str]:
    """One dimension as it suits a configuration, and what is to be said about that."""
    key = one.key.removeprefix(prefix)
    section, _, name = key.partition(".")
    if section == "model" and name in config.model.idle:
        return None, f"{one.key} is not tried: it changes nothing in this model"
    if key in STRUCTURE and not getattr(config.model, name, True):
        return None, f"{one.key} is not tried: this model has none"
    if key in STRUCTURE and starts:
        return None, f"{one.key} is not tried: trials start from weights of these widths"
    if section == "optimizer":
        name = name.partition(".")[0]
        held = config.optimizer.model_dump(mode="json").get(name)
        key = f"optimizer.{name}"
        place = next(_heights(held), "") if isinstance(held, Mapping) else ""
        one = replace(one, key=f"{prefix}{key}{place}")
        key += place
    if key == "training.batch_size" and samples is not None:
        kept = [size for size in one.choices if 4 * size <= samples]
        if len(kept) < 2:
            return None, f"{one.key} is not tried: a quarter of the {samples:,} training samples is enough for a batch"
        one = replace(one, choices=tuple(kept), high=len(kept) - 1)
    try:
        for value in one.choices or (one.low, one.high):
            changed(config, {key: value})
    except ConfigError as error:
        return None, f"{one.key} is not tried: {str(error).splitlines()[0].rstrip('.')}"
    return one, ""


def _heights(schedule: Mapping[str, Any]) -> Iterator[str]:
    """The keys below a schedule of which one number is its height, if there is one."""
    yield from (f".{name}" for name in PEAKS if name in schedule)
    if isinstance(schedule.get("then"), Mapping):
        yield from (f".then{inner}" for inner in _heights(schedule["then"]))
