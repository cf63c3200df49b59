"""Files that commands are told to write: checked before the work begins, and put in place whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gpunet.errors import ConfigError, GpunetError, WriteError
from gpunet.writing import check_replaceable, clear_remains, replacing


@dataclass(frozen=True)
class Output:
    """A file to write.

    Args:
        option: that named it, for messages.
        path: of the file.
        endings: that fit what will be in it, such as ``.png``; capitals do as well.
        reads: all that the command reads; names of bundled things, which are no paths, do no harm.

    Raises:
        ConfigError: another ending, or a file that the command reads.
        WriteError: the folder is not there or cannot be written, or something that is no file is there.
    """

    option: str
    path: Path
    endings: Sequence[str]
    reads: Sequence[str | Path | None]

    def __post_init__(self) -> None:
        if self.ending not in self.endings:
            known = " or ".join(filter(None, [", ".join(self.endings[:-1]), self.endings[-1]]))
            example = f"For example {self.option} {self.path.stem or 'file'}{self.endings[0]}"
            raise ConfigError(self.option, f"must end in {known}", str(self.path), example)
        self._check()

    @property
    def ending(self) -> str:
        """In small letters, with its dot; the ending before one of gzip belongs to it where it fits."""
        suffix = self.path.suffix.lower()
        whole = "".join(self.path.suffixes[-2:]).lower()
        return whole if suffix == ".gz" and whole in self.endings else suffix

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file to write to, which takes its place when the block ends well.

        Raises:
            WriteError: the disk refuses; an old file is untouched.
        """
        self._check()
        with replacing(self.path) as file:
            yield file
        clear_remains(self.path)

    def write(self, parts: Iterable[bytes | memoryview]) -> None:
        """Write the whole content.

        Raises:
            WriteError: the disk refuses; an old file is untouched.
        """
        with self.opened() as file:
            for part in parts:
                file.write(part)

    def _check(self) -> None:
        """What can change while a command works."""
        try:
            check_replaceable(self.path)
            for source in (named for named in self.reads if named):
                if _reads(Path(source), self.path):
                    raise ConfigError(self.option, "must not be what the command reads", str(self.path), REMEDY)
            folder = self.path.resolve().parent
            if not folder.is_dir():
                raise WriteError(str(self.path), "must be writable", "no such folder", "Make the folder first")
            if not os.access(folder, os.W_OK | os.X_OK) or (self.path.exists() and not os.access(self.path, os.W_OK)):
                raise WriteError(str(self.path), "must be writable", "Permission denied", REMEDY)
        except GpunetError:
            raise
        except (OSError, ValueError) as error:  # a path that no system can have
            reason = getattr(error, "strerror", None) or str(error)
            raise WriteError(str(self.path), "must be writable", reason, REMEDY) from None


REMEDY = "Choose another place"


def _reads(source: Path, path: Path) -> bool:
    """Whether what is read is a file, or holds one in its folder."""
    if not (path.exists() and source.exists()):
        return False
    return source.samefile(path) or (source.is_dir() and source.resolve() in path.resolve().parents)
