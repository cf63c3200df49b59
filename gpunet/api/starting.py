"""What a training starts from: the weights of another model, and what follows from it for those that take them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checkpoint import LAYOUT, Checkpoint, is_foreign, is_safetensors, read, read_safetensors
from ..config import Config, override
from ..data import Split
from ..errors import CheckpointError, ConfigError
from ..families import Family
from ..paths import is_folder
from ..persistence import BEST, open_trained
from ..vocabulary import word_of
from .results import Result
from .samples import is_path


def source_of(start: Any) -> Checkpoint | None:
    """The checkpoint to take weights from, of a model in memory or of a file.

    Raises:
        ConfigError: something else.
        CheckpointError: a file that cannot be read.
    """
    if start is None:
        return None
    if isinstance(start, Result):
        return start.checkpoint
    if not is_path(start):
        rule = "must be a trained model, or the path of a checkpoint"
        raise ConfigError("start", rule, type(start).__name__, "Pass what gpunet.train returned")
    return open_source(Path(start) / BEST if is_folder(start) else Path(start))


def open_source(path: Path) -> Checkpoint:
    """A checkpoint, or weights in a safetensors file.

    Raises:
        CheckpointError: neither, or damaged.
    """
    if is_safetensors(path):
        return read_safetensors(path)
    if is_foreign(path):
        rule = "must be a checkpoint of gpunet, or a .safetensors file, to start from"
        remedy = f"Save its weights in one, named {LAYOUT}"
        raise CheckpointError(str(path), rule, "HDF5 of another program", remedy)
    return read(path)


def following(
    config: Config,
    given: Mapping[str, Any],
    source: Checkpoint | None,
    families: Sequence[type[Family]],
    widths: bool = True,
) -> Config:
    """A preset with what a start prescribes and nobody has written otherwise.

    Features are prepared as those that the start has learned from, and a network of hidden layers gets the widths of
    the start; an autoencoder its last one as the code.

    Args:
        config: of a preset.
        given: values by dotted key that were asked for.
        source: to start from, or None.
        families: of models of your own.
        widths: whether hidden layers are taken from the bottom, so that their widths must agree.
    """
    if source is None or source.foreign:
        return config
    before = open_trained(source, families)
    changes: dict[str, Any] = {}
    if not given.keys() & {"data", "data.preprocess"}:
        changes["data.preprocess"] = [word_of(step.preparation) for step in before.preprocessing.steps] or "none"
    hidden = before.config.model.hidden_widths if widths else ()
    sizes = {f"model.{name}": value for name, value in config.model.starting_from(hidden).items()} if hidden else {}
    if not given.keys() & {"model", "model.name", *sizes}:
        changes |= {key: list(value) if isinstance(value, tuple) else value for key, value in sizes.items()}
    return override(config, changes) if changes else config


def batch_that_fits(config: Config, split: Split) -> Config:
    """The configuration with a batch of at most a quarter of the training part, and of the samples that have labels.

    For batches that nobody has chosen.
    """
    labels = config.data.labels if config.model.wants_targets else None
    most = max(1, min(len(split.train) // 4, labels or len(split.train)))
    return override(config, {"training.batch_size": most}) if config.training.batch_size > most else config
