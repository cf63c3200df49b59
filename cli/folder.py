"""The folder of a run."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import tomli_w

from gpunet.checkpoint import Group, lock, write
from gpunet.errors import ConfigError, WriteError


class RunFolder:
    """Made once, locked while it is written, never overwritten."""

    def __init__(self, path: Path):
        self.path = path
        self._lock: AbstractContextManager[None] = lock(path)

    @classmethod
    def create(cls, wanted: str | None, config: Any) -> RunFolder:
        """Make ``wanted``, or the next free ``runs/<name>-<n>``, and write the configuration into it.

        Raises:
            ConfigError: ``wanted`` holds something already.
            WriteError: the folder cannot be made.
        """
        try:
            path = _make_next(config.name) if wanted is None else Path(wanted)
            if wanted is not None:
                if path.exists() and (not path.is_dir() or any(path.iterdir())):
                    raise ConfigError("--run", "must be a new or empty folder", wanted, "Runs are never overwritten")
                path.mkdir(parents=True, exist_ok=True)
            (path / "config.toml").write_text(dump(config), encoding="utf-8")
        except OSError as error:
            raise WriteError(
                str(wanted or "runs"), "must be writable", error.strerror, "Choose another --run"
            ) from None
        return cls(path)

    def write(self, name: str, content: Group) -> None:
        """Write a checkpoint; ``last.h5`` keeps its predecessor."""
        write(self.path / name, content, keep_previous=name == "last.h5")

    def __enter__(self) -> RunFolder:
        """Take the folder's lock."""
        self._lock.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lock.__exit__(kind, error, trace)


def dump(config: Any) -> str:
    """A configuration as TOML; keys without a value are left out, since TOML has no null."""
    return tomli_w.dumps(_without_none(config.model_dump(mode="json")))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value


def _make_next(name: str) -> Path:
    """Make the first ``runs/<name>-<n>`` that is free; making it is what claims it."""
    for number in itertools.count(1):
        path = Path("runs") / f"{name}-{number}"
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError("numbers do not end")
