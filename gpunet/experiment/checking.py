"""What a run is refused for before its first step, unless it began when gpunet did not look."""

from collections.abc import Iterator
from typing import Any

from ..config import Config
from ..errors import ConfigError
from ..layers import BatchNorm
from ..parameter import children


def check_batches(config: Config, model: Any, samples: int) -> None:
    """Raise :class:`ConfigError` where batch norm would see a single sample, which leaves nothing of it.

    Args:
        config: of the run.
        model: that is trained; it knows the shape of a sample.
        samples: of an epoch.
    """
    batch, training = config.training.batch_size, config.training
    remainder = 0 if training.drop_last else samples % batch
    if 1 not in (batch, remainder) or all(layer.positions > 1 for layer in _batch_norms(model)):
        return
    rule = "must give batch norm at least two samples in every step"
    if batch == 1:
        raise ConfigError("batch_size", rule, 1, "Set batch_size=2 or more")
    received = f"{batch}, which leaves one of {samples:,} samples over"
    raise ConfigError("batch_size", rule, received, f"Set batch_size={batch - 1}, or drop_last=true")


def _batch_norms(model: Any) -> Iterator[BatchNorm]:
    if isinstance(model, BatchNorm):
        yield model
    for _, child in children(model):
        yield from _batch_norms(child)
