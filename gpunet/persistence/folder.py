"""The folder of a run."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, ConfigError, WriteError

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint, Group

LAST, PREVIOUS, BEST = "last.h5", "last.previous.h5", "best.h5"
DAMAGED = "last.damaged.h5"
CONFIG, LOCK = "config.toml", ".lock"


class RunFolder:
    """A run's files; one process at a time may be inside.

    Args:
        path: of the folder.
        config: of a run that begins there, to be written down; None where a run goes on.
    """

    def __init__(self, path: Path, config: Any = None):
        from ..checkpoint import lock

        self.path, self._config = path, config
        self._lock: AbstractContextManager[None] = lock(path)

    @classmethod
    def create(cls, wanted: str | None, config: Any) -> RunFolder:
        """Make ``wanted``, or the next free ``runs/<name>-<n>``; the configuration is written when it is entered.

        Raises:
            ConfigError: ``wanted`` holds something already.
            WriteError: the folder cannot be made.
        """
        try:
            path = _make_next(config.name) if wanted is None else Path(wanted)
            if wanted is not None:
                _check_empty(path)
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(str(wanted or "runs"), error) from None
        return cls(path, config)

    def write(self, name: str, content: Group) -> None:
        """Write a checkpoint; ``last.h5`` keeps its predecessor."""
        from ..checkpoint import write

        write(self.path / name, content, keep_previous=name == LAST)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of text, in the place of an older one."""
        from ..checkpoint import replace_file

        replace_file(self.path / name, [text.encode()])

    def write_config(self, config: Any) -> None:
        """Write the configuration, in the place of an older one."""
        self.write_text(CONFIG, dump(config))

    def set_aside(self) -> None:
        """Take a damaged ``last.h5`` out of the way, so that it does not become the predecessor of the next one."""
        try:
            (self.path / LAST).replace(self.path / DAMAGED)
        except OSError as error:
            raise _unwritable(str(self.path), error) from None

    def __enter__(self) -> RunFolder:
        """Take the folder's lock; whoever comes second does not begin a run in it."""
        self._lock.__enter__()
        if self._config is not None:
            try:
                _check_empty(self.path)
                self.write_config(self._config)
            except BaseException:
                self._lock.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the folder's lock."""
        self._lock.__exit__(kind, error, trace)


def newest(folder: Path) -> tuple[Checkpoint, CheckpointError | None]:
    """The newest whole state in the folder of a run, and what is wrong with a newer one.

    Raises:
        CheckpointError: there is none.
    """
    from ..checkpoint import read

    last, previous = folder / LAST, folder / PREVIOUS
    if not last.exists():
        return read(previous), None
    try:
        return read(last), None
    except CheckpointError as damaged:
        try:
            return read(previous), damaged
        except CheckpointError:
            raise damaged from None


def dump(config: Any) -> str:
    """A configuration as TOML; keys without a value are left out, since TOML has no null."""
    import tomli_w

    from ..config import stamped

    return tomli_w.dumps(_without_none(stamped(config.model_dump(mode="json"))))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value


def _check_empty(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(inside.name != LOCK for inside in path.iterdir())):
        raise ConfigError("run", "must be a new or empty folder", str(path), "Runs are never overwritten")


def _unwritable(place: str, error: OSError) -> WriteError:
    return WriteError(place, "must be writable", error.strerror, "Choose another folder")


def _make_next(name: str) -> Path:
    """Make the first ``runs/<name>-<n>`` that is free; making it is what claims it."""
    for number in itertools.count(1):
        path = Path("runs") / f"{name}-{number}"
        with suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError("numbers do not end")
