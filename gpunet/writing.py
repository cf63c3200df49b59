"""The one way to write a file: whatever happens, its path holds the old file or the new one, whole.

Everything that gpunet writes goes through :func:`replace_file` or, where the content is made piece by piece,
:func:`replacing`; folders are made by :func:`make_folder`.  Every call to the system is made through ``os``, which
tests replace to let each of them fail.
"""

# ruff: noqa: PTH102, PTH105, PTH108  pathlib would go past that replacement
import errno
import glob
import io
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from .errors import WriteError

CHUNK = 1 << 24
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
NOTHING_TO_FLUSH = (errno.EINVAL, errno.EOPNOTSUPP)  # what network file systems say of a folder
ABANDONED = 600.0  # seconds after which nobody writes to a temporary file any more
LONGEST = 200  # bytes that a temporary name takes of its target's; file systems allow 255

_numbers = itertools.count()
_making: set[Path] = set()  # temporary files of this process


def replace_file(path: Path, parts: Iterable[bytes | memoryview], keep_previous: bool = False) -> None:
    """Write a temporary file beside ``path``, flush it to the disk and rename it over ``path``.

    Args:
        path: of the file.
        parts: its content.
        keep_previous: let a file that is there live on as ``<stem>.previous.h5``; what was there before goes only
            when the new file is in place.

    Raises:
        WriteError: where the disk refuses, or something other than a file is there; nothing temporary is left.
    """
    with replacing(path, keep_previous) as file:
        for part in parts:
            file.write(part)


@contextmanager
def replacing(path: Path, keep_previous: bool = False, fresh: bool = False) -> Iterator[BinaryIO]:
    """A new file to write bytes to, which takes the place of ``path`` when the block ends well.

    It can be searched, as an archive needs, and has no name of its own.  Where the block raises, and where the disk
    refuses, the path holds what it held.

    Args:
        path: of the file.
        keep_previous: as in :func:`replace_file`.
        fresh: refuse to take the place of anything.

    Raises:
        FileExistsError: ``fresh``, and something is there.
        WriteError: as in :func:`replace_file`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as file:
    ...     _ = file.write(b"whole")
    >>> (folder / "a.txt").read_bytes(), len(list(folder.iterdir()))
    (b'whole', 1)
    """
    temporary, previous = _temporary(path), path.with_name(f"{path.stem}.previous{path.suffix}")
    kept = _temporary(previous)
    remedy = "The old file, if any, is untouched"
    try:
        if not fresh:
            check_replaceable(path)
        with _Disk(temporary) as file:
            yield cast(BinaryIO, file)
            file.settle()
        has_kept = keep_previous and _keep(path, kept)
        _place(temporary, path, fresh)
        remedy = "The new file is in place, but its predecessor may be lost, or itself in a power cut"
        if has_kept:
            os.replace(kept, previous)
        sync_folder(path.parent)
    except OSError as error:
        if fresh and isinstance(error, FileExistsError):
            raise
        raise WriteError(str(path), "must be writable", error.strerror or str(error), remedy) from None
    finally:
        for name in (temporary, kept):
            _take_away(name)


def abandon() -> None:
    """Take away what is half written, for a process that ends without going on."""
    for name in list(_making):
        _take_away(name)


def clear_remains(path: Path) -> None:
    """Take away what killed programs left half written beside a file that they were to write.

    A program that was killed can do so itself no more.  One that may still be at work, here or at another machine that
    shares the folder, keeps its file: those that were written to in the last ten minutes stay.

    Args:
        path: of the file that they were to write.
    """
    for name in path.parent.glob(f".{glob.escape(_beginning(path))}.[0-9]*.[0-9]*.tmp"):
        with suppress(OSError):
            if is_temporary(name.name) and name not in _making and time.time() - name.lstat().st_mtime > ABANDONED:
                os.unlink(name)


def check_replaceable(path: Path) -> None:
    """Refuse whatever a rename would take away that is no plain file.

    Raises:
        WriteError: a link, a folder, a pipe or a device is there.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        received = "a link" if path.is_symlink() else "a folder, pipe or device"
        raise WriteError(str(path), "must be a file that can be replaced", received, "Choose another path")


def make_folder(path: Path, fresh: bool = False) -> None:
    """Make a folder with all above it, and flush each folder that got a new one, so that it outlives a power cut.

    Args:
        path: of the folder.
        fresh: refuse one that is there already.

    Raises:
        FileExistsError: ``fresh``, and the folder is there; nothing else raises it.
        NotADirectoryError: something else is there, or above it.
        OSError: the disk refuses.
    """
    above = path.parent
    if above != path and not above.is_dir():
        make_folder(above)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        if fresh:
            raise
    else:
        sync_folder(above)


def is_temporary(name: str) -> bool:
    """Whether a name is one that only a file in the making has.

    >>> is_temporary(".last.h5.4711.0.tmp"), is_temporary(".mine.tmp"), is_temporary("last.h5")
    (True, False, False)
    """
    parts = name.split(".")
    return len(parts) > 4 and not parts[0] and parts[-1] == "tmp" and parts[-2].isdecimal()


def sync_folder(folder: Path) -> None:
    """Make a rename last; some network file systems have nothing to flush there and say so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOTHING_TO_FLUSH:
            raise
    finally:
        os.close(descriptor)


class _Disk(io.RawIOBase):
    """A file that nobody had before, written without a buffer; what the system takes in part is offered again."""

    def __init__(self, path: Path):
        # Exclusive: a name that is taken belongs to somebody else, and a link there leads to a stranger's file.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        _making.add(path)
        try:
            self._descriptor = os.open(path, flags, 0o666)
        except FileExistsError:
            _making.discard(path)
            raise

    def write(self, data: object, /) -> int:
        """Write all of it."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        size = len(view)
        while view:
            view = view[os.write(self._descriptor, view[:CHUNK]) :]
        return size

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """The place."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def settle(self) -> None:
        """Have the disk take all that was written."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def _temporary(path: Path) -> Path:
    """A name beside the file that no other writer takes; one that a crash left behind is passed over."""
    while True:
        found = path.with_name(f".{_beginning(path)}.{os.getpid()}.{next(_numbers)}.tmp")
        if not os.path.lexists(found):
            return found


def _beginning(path: Path) -> str:
    """What temporary names take of a name."""
    return os.fsdecode(os.fsencode(path.name)[:LONGEST])


def _place(temporary: Path, path: Path, fresh: bool) -> None:
    """Give the file its name; a second name, unlike a rename, takes the place of nothing."""
    if fresh:
        try:
            os.link(temporary, path)
            return
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    os.replace(temporary, path)


def _take_away(name: Path) -> None:
    """Remove a temporary file, where one was made."""
    if name in _making:
        with suppress(OSError):
            os.unlink(name)
        _making.discard(name)


def _keep(path: Path, kept: Path) -> bool:
    """Give the present file a second name, or copy it where the file system has no links; False if there is none."""
    if not path.exists():
        return False
    try:
        _making.add(kept)
        os.link(path, kept)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        with _Disk(kept) as file:
            file.write(path.read_bytes())
            file.settle()
    return True
