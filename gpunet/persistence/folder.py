"""The folder of a run."""

from __future__ import annotations

import itertools
import os
import re
import uuid
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..checkpoint.places import CONFIG, LAST, PREVIOUS
from ..errors import CheckpointError, ConfigError, DamagedError, ReaderError, WriteError
from ..paths import exists, is_folder
from ..writing import is_temporary, make_folder, replace_file

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint, Group
    from ..checkpoint.lock import Held

DAMAGED = "last.damaged{}.h5"
LOCK = ".lock"
RUNS = "runs"  # where runs are kept whose folder nobody named
IDENTITY = re.compile(r"# run ([0-9a-f]{32})\n")


class RunFolder:
    """A run's files; one process at a time may be inside, and all of them belong to one run.

    Args:
        path: of the folder.
        config: of a run that begins there, written down with its first checkpoint; None where a run goes on.
        begun: whether its ``config.toml`` may lie there already, and nothing else.

    Attributes:
        identity: of the run, in each of its files.
    """

    def __init__(self, path: Path, config: Any = None, begun: bool = False):
        from ..checkpoint import lock

        self.path, self.identity = path, uuid.uuid4().hex
        self._begins, self._begun, self._config = config is not None, begun, config
        self._lock: AbstractContextManager[Held] = lock(path)
        self._held: Held | None = None
        self._rotates, self._saved = True, (-1, -1)
        self._made: list[Path] = []  # folders that were not there before, innermost first

    @classmethod
    def create(cls, wanted: str | None, config: Any, begun: bool = False, name: str | None = None) -> RunFolder:
        """Make ``wanted``, or the next free ``runs/<name>-<n>``; the name is that of the configuration by default.

        Raises:
            ConfigError: ``wanted`` holds something already.
            WriteError: the folder cannot be made.
        """
        outer = Path(RUNS if wanted is None else wanted)
        missing = [place for place in (outer, *outer.parents) if not exists(place)]
        try:
            path = _make_next(name or config.name) if wanted is None else outer
            if wanted is not None:
                _check_free(path, begun)
                make_folder(path)
        except OSError as error:
            raise _unwritable(str(wanted or RUNS), error) from None
        found = cls(path, config, begun)
        found._made = missing if wanted is not None else [path, *missing]
        return found

    @staticmethod
    def check(wanted: str | None, begun: bool = False) -> None:
        """Refuse what :meth:`create` would refuse, with nothing made.

        Raises:
            ConfigError: ``wanted`` holds something already.
            WriteError: it cannot be made there.
        """
        place = Path(RUNS if wanted is None else wanted)
        if wanted is not None:
            try:
                _check_free(place, begun)
            except OSError as error:
                raise _unwritable(wanted, error) from None
        there = next((outer for outer in (place, *place.parents) if exists(outer)), Path())
        if not is_folder(there) or not os.access(there, os.W_OK | os.X_OK):
            reason = "Permission denied" if is_folder(there) else "Not a directory"
            raise WriteError(str(wanted or RUNS), "must be writable", reason, "Choose another folder")

    def write(self, name: str, content: Group) -> None:
        """Write a checkpoint of this run; ``last.h5`` keeps its predecessor, unless that has diverged.

        Raises:
            WriteError: the disk refuses, or the folder has been taken by somebody else.
            CheckpointError: the content is beyond what a reader would accept.
        """
        from ..checkpoint import write

        self._check()
        content.attrs["run_id"] = self.identity
        write(self.path / name, content, keep_previous=name == LAST and self._rotates)
        if name == LAST:
            self._rotates, self._saved = not content.attrs.get("diverged"), _position(content)
        if self._config is not None:  # only now, so that there is no configuration without something to go on from
            self.write_config(self._config)

    def holds(self, content: Group) -> bool:
        """Whether ``last.h5``, or what the run went on from, is of the same step: saving it again would be no gain."""
        return _position(content) == self._saved

    @property
    def begins(self) -> bool:
        """Whether a run begins here: then whatever is in the folder was written by it."""
        return self._begins

    def clear(self) -> None:
        """Remove all files of a run that begins here and came to nothing, so that another one can take the folder."""
        self._check()
        assert self._begins, "files of an earlier run stay"
        for inside in self.path.iterdir():
            if inside.name != LOCK and not is_folder(inside):
                inside.unlink()

    def write_text(self, name: str, text: str) -> None:
        """Write a file of text, in the place of an older one."""
        self._check()
        replace_file(self.path / name, [text.encode()])

    def write_config(self, config: Any) -> None:
        """Write the configuration, in the place of an older one."""
        self.write_text(CONFIG, f"# run {self.identity}\n{dump(config)}")
        self._config = None

    def go_on(self, source: Checkpoint, identity: str, config: Any, changed: bool) -> None:
        """Note what the run goes on from, before its first step.

        Args:
            source: the state, of this folder.
            identity: of the run that it belongs to; empty where its files are older than that.
            config: that the run goes on with.
            changed: whether it differs from that of the state.
        """
        self.identity = identity or self.identity
        self._rotates = source.path.name == LAST and not source.attrs.get("diverged")
        self._saved = _position(source.root)
        if source.path.name != LAST and self._damaged():
            self._set_aside()
            self._saved = (-1, -1)
        if changed:
            self.write_config(config)
        elif identity_in(self.path) is None:
            self._config = config

    def healthy(self) -> Path | None:
        """The newest state that has not diverged, None where there is none; the folder where it is ``last.h5``."""
        if self._rotates and exists(self.path / LAST):
            return self.path
        return self.path / PREVIOUS if exists(self.path / PREVIOUS) else None

    def _damaged(self) -> bool:
        """Whether the bytes of ``last.h5`` are proved wrong."""
        from ..checkpoint import read

        if not exists(self.path / LAST):
            return False
        try:
            read(self.path / LAST)
        except DamagedError:
            return True
        except (CheckpointError, ReaderError):
            return False
        return False

    def _set_aside(self) -> None:
        """Take ``last.h5`` out of the way: as the predecessor of the next save it would replace the one good file."""
        self._check()
        names = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        free = (self.path / DAMAGED.format(name) for name in names)
        try:
            (self.path / LAST).replace(next(path for path in free if not (exists(path) or path.is_symlink())))
        except OSError as error:
            raise _unwritable(str(self.path), error) from None

    def _check(self) -> None:
        assert self._held is not None, "the folder was not entered"
        self._held.check()

    def __enter__(self) -> RunFolder:
        """Take the folder's lock; whoever comes second does not begin a run in it."""
        self._held = self._lock.__enter__()
        if self._begins:
            try:
                _check_free(self.path, self._begun)
            except BaseException:
                self._lock.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the folder's lock; a folder that was made for a run that left nothing in it goes away again."""
        if error is not None and self._made:
            self._take_away()
        self._lock.__exit__(kind, error, trace)

    def _take_away(self) -> None:
        with suppress(OSError, WriteError):  # somebody put something there, or took it: then it is theirs
            self._check()
            if [inside.name for inside in self.path.iterdir()] == [LOCK]:
                (self.path / LOCK).unlink()
                for folder in self._made:
                    folder.rmdir()


def title(config: Any, data: str) -> str:
    """What a configuration is called in front of its data: by its name, or its model where the name is of other data.

    Args:
        config: of a run.
        data: name of the data set.

    >>> from gpunet.config import load_config
    >>> preset = load_config("digits", {}, {})
    >>> title(preset, "digits"), title(preset, "iris.csv"), title(load_config("dbn", {}, {}), "iris.csv")
    ('digits', 'mlp', 'dbn')
    """
    about_digits = "digits" in config.name and "digits" not in _slug(data)
    return str(config.model.name if about_digits else config.name)


def run_name(config: Any, data: str) -> str:
    """What the folder of a run is called: after its data and what is trained on them.

    Args:
        config: of the run.
        data: name of the data set.

    >>> from gpunet.config import load_config
    >>> for preset, data in (("mlp", "Iris 2.csv"), ("digits", "iris.csv"), ("digits", "digits"), ("rbm", "mnist")):
    ...     print(run_name(load_config(preset, {}, {}), data))
    iris-2-mlp
    iris-mlp
    digits
    mnist-rbm
    """
    called, of = title(config, data), _slug(data)
    return called if not of or of in called.split("-") or called.startswith(of) else f"{of}-{called}"


def _slug(name: str) -> str:
    """The name of a file or folder without its endings, in letters, digits and dashes."""
    bare = re.sub(r"(\.\w{1,8}){1,2}$", "", name.rstrip("/").rpartition("/")[2].lower())
    return re.sub(r"[^a-z0-9_]+", "-", bare)[:40].strip("-")


def newest(folder: Path, diverged: bool = False) -> tuple[Checkpoint, str]:
    """The newest whole and healthy state in the folder of a run, and what is wrong with a newer one, or nothing.

    Args:
        folder: of the run.
        diverged: take the state before a step that diverged, too.

    Raises:
        DamagedError: both are damaged, or one is and there is no other.
        CheckpointError: there is none, or a state that is not damaged cannot be read.
        ReaderError: likewise; another try may succeed.
    """
    from ..checkpoint import read

    last, previous = folder / LAST, folder / PREVIOUS
    if not exists(last):
        return read(previous), ""
    try:
        found = read(last)
    except DamagedError as damaged:
        if not exists(previous):
            raise
        try:
            return read(previous), str(damaged)
        except DamagedError:
            raise damaged from None
    if found.attrs.get("diverged") and not diverged and exists(previous):
        with suppress(DamagedError):
            return read(previous), f"{last}: is the state before a step that diverged."
    return found, ""


def has_state(folder: Path) -> bool:
    """Whether there is something to go on from."""
    return any(exists(folder / name) for name in (LAST, PREVIOUS))


def identity_in(folder: Path) -> str | None:
    """The identity that a folder's configuration names, None where it names none or cannot be read."""
    from ..config import read_text

    with suppress(ConfigError):
        if found := IDENTITY.match(read_text(folder / CONFIG)):
            return found[1]
    return None


def dump(config: Any) -> str:
    """A configuration as TOML; keys without a value are left out, since TOML has no null."""
    import tomli_w

    from ..config import stamped

    return tomli_w.dumps(_without_none(stamped(config.model_dump(mode="json"))))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value


def _position(content: Group) -> tuple[int, int]:
    """How far a state has come: layers, and steps of the last one; without any step it is no progress."""
    layers = content["pretraining"].children if "pretraining" in content else ()
    step = content.attrs.get("step")
    return len(layers), step if isinstance(step, int) else -1


def _check_free(path: Path, begun: bool) -> None:
    """Refuse a folder that holds anything but what a run leaves that ended before its first save."""
    if not exists(path):
        return
    found = [inside for inside in path.iterdir() if inside.name != LOCK] if is_folder(path) else [path]
    left = [inside for inside in found if not is_temporary(inside.name)]
    if left == [path / CONFIG] and (begun or _is_dump(path / CONFIG)):
        return
    if left:
        raise ConfigError("run", "must be a new or empty folder", str(path), "Runs are never overwritten")


def _is_dump(path: Path) -> bool:
    """Whether a configuration is one that :func:`dump` wrote, and not by hand."""
    import tomllib

    from ..config import check, read_text

    try:
        text = IDENTITY.sub("", read_text(path), count=1)
        return dump(check(tomllib.loads(text))) == text
    except (ConfigError, ValueError, RecursionError):
        return False


def _unwritable(place: str, error: OSError) -> WriteError:
    return WriteError(place, "must be writable", error.strerror, "Choose another folder")


def _make_next(name: str) -> Path:
    """Make the first ``runs/<name>-<n>`` that is free; making it is what claims it."""
    for number in itertools.count(1):
        path = Path(RUNS) / f"{name}-{number}"
        with suppress(FileExistsError):
            make_folder(path, fresh=True)
            return path
    raise AssertionError("numbers do not end")
