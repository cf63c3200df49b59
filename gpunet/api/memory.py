"""How much memory features may take, beyond which they stream from their files."""

from collections.abc import Sequence
from dataclasses import replace

from ..config import Config, override
from ..persistence import Trained

MB = 1_000_000


def memory_of(config: Config) -> int | None:
    """Bytes that its features may take; None for whatever they need."""
    return None if config.data.memory is None else int(config.data.memory * MB)


def with_memory(models: Sequence[Trained], memory: float | None) -> list[Trained]:
    """The same models, whose data may take so many megabytes; as in their training where None."""
    if memory is None:
        return list(models)
    return [replace(model, config=override(model.config, {"data.memory": memory})) for model in models]
