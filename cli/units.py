"""What numbers of a history are measured in."""

SQUARED = ("squared_error",)
STRAIGHT = ("absolute_error", "huber", "log_cosh", "quantile")
OF_TARGETS = ("rmse", "mae", "median_error")
OF_MACHINES = {"reconstruction_error": "squared, summed over inputs", "free_energy": "nats, up to log Z"}


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
