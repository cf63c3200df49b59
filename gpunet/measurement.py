"""What numbers of a history are measured in."""

from collections.abc import Iterable, Mapping
from typing import Any

SQUARED = ("squared_error",)
STRAIGHT = ("absolute_error", "huber", "log_cosh", "quantile")
OF_TARGETS = ("rmse", "mae", "median_error")
OF_MACHINES = {
    "reconstruction_error": "squared, summed over inputs",
    "free_energy": "nats, up to log Z",
    "log_z": "nats",
}


def bare(name: str) -> str:
    """The name of a number without the part that it was measured on.

    >>> bare("validation_loss"), bare("learning_rate")
    ('loss', 'learning_rate')
    """
    return name.removeprefix("train_").removeprefix("validation_").removeprefix("test_")


def unit_of(number: str, loss: str | None, classes: bool) -> str:
    """What a number is measured in, as far as its name and the loss say it; nothing where it is a plain number.

    Args:
        number: its name, such as ``train_loss``.
        loss: name of the loss, or None for the usual one of the task.
        classes: whether the targets are classes or labels.

    >>> unit_of("train_loss", None, True), unit_of("loss", "squared_error", False), unit_of("accuracy", None, True)
    ('nats', "target's units, squared", '')
    """
    name = bare(number)
    if name in OF_MACHINES:
        return OF_MACHINES[name]
    if name in OF_TARGETS:
        return "target's units"
    if name == "log_loss":
        return "nats"
    if name != "loss":
        return ""
    if loss is None:
        return "nats" if classes else "target's units, squared"
    if "cross_entropy" in loss:
        return "nats"
    return "target's units, squared" if loss in SQUARED else "target's units" if loss in STRAIGHT else ""


def history_units(
    settings: Mapping[str, Any], columns: Iterable[str], task: str | None, stacked: bool
) -> dict[str, str]:
    """What the numbers of a training are measured in, by name without the part; only those that have a unit.

    Args:
        settings: of the configuration, by section.
        columns: names in its histories.
        task: what was learned, as a checkpoint notes it.
        stacked: whether layers were trained one after another, each with a loss of its own.

    >>> history_units({"training": {"loss": "squared_error"}}, ["epoch", "train_loss", "validation_r2"], None, False)
    {'loss': "target's units, squared"}
    """
    names = dict.fromkeys(["loss", *map(bare, columns)])
    parts = [settings.get("training"), settings.get("model")]
    losses = [part.get("loss") for part in parts if isinstance(part, Mapping)]
    loss = next((one for one in losses if one is not None), None)
    loss = loss.get("name") if isinstance(loss, Mapping) else loss
    classes = "accuracy" in names or task == "multilabel"
    known = isinstance(loss, str) or classes or not stacked
    units = {name: unit_of(name, loss if isinstance(loss, str) else None, classes) for name in names}
    return {name: unit for name, unit in units.items() if unit and (known or name != "loss")}
