"""Every error that gpunet raises on purpose, and the exit code that each one ends the command line with.

Each message is one line of four parts: the thing that is wrong, the rule it breaks, what was received, and the
remedy.  The constructor takes the parts, so that no message can forget one silently.

    GpunetError                 1   something failed while running
    ├── ReaderError             1   the reader of files failed, which says nothing about the file
    ├── ConfigError             2   a configuration, an option or an argument
    ├── DataError               3   a data set, or a file of results, that is missing, damaged or unusable
    │   ├── NoTargetsError      3   samples without what they should be trained on or measured by
    │   └── LearnedError        3   samples that the networks learned from, where others must be measured on
    ├── CheckpointError         4   a checkpoint that is hostile or does not fit
    │   ├── DamagedError        4   its own bytes are proved to be others than were written
    │   └── UnreadableError     4   the system does not let it be read
    ├── DeviceError             5   a device that cannot be had, or has too little memory
    ├── DivergedError           6   training left the finite numbers; the last good state is kept
    ├── ClusterError            7   a cluster that does not answer, or was lost; what was finished is kept
    ├── WriteError             74   the disk refused; the old file is untouched
    ├── Interrupted           130   stopped by the user, after saving
    └── OutputClosed          141   the reader of the output has left
"""

from collections.abc import Sequence
from pathlib import Path


class GpunetError(Exception):
    """Base of all errors that gpunet raises on purpose.

    Args:
        thing: what is wrong, e.g. ``"digits.csv line 7"``.
        rule: the rule it breaks, e.g. ``"every row needs 65 columns"``.
        received: what was there instead, e.g. ``"64"``; left out where there is nothing to show.
        remedy: what to do about it, as a sentence without its full stop, or a question.

    >>> print(DataError("d.csv line 7", "every row needs 65 columns", "64", "Add the missing value"))
    d.csv line 7: every row needs 65 columns, got 64. Add the missing value.
    """

    exit_code = 1

    def __init__(self, thing: str, rule: str, received: object = None, remedy: str | None = None):
        self.thing, self.rule, self.received, self.remedy = thing, rule, received, remedy
        message = f"{thing}: {rule}"
        if received is not None:
            message += f", got {received}"
        message += f". {remedy}{'' if remedy.endswith('?') else '.'}" if remedy else "."
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        """Errors come back from other processes as they were raised there."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[GpunetError], args: tuple[object, ...], held: dict[str, object]) -> GpunetError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(held)
    return error


class GpunetWarning(UserWarning):
    """Something was done in another way than usual, with the same result; one line."""


class ConfigError(GpunetError, ValueError):
    """A configuration, an option or an argument breaks a rule; a ValueError, as Python users expect."""

    exit_code = 2


class ConfigErrors(ConfigError):
    """Several at once, one line each, so that nobody has to find them one by one."""

    def __init__(self, errors: Sequence[ConfigError]):
        first = errors[0]
        super().__init__(first.thing, first.rule, first.received, first.remedy)
        self.args = ("\n".join(str(error) for error in errors),)


class DataError(GpunetError, ValueError):
    """A data set, or a file of results, is missing, damaged or unfit; a ValueError, as Python users expect."""

    exit_code = 3


class NoTargetsError(DataError):
    """Samples are there, but not the targets that they should be trained on or measured by."""


class LearnedError(DataError):
    """No part of the samples was held out for networks that learned in folds of them, so that none can judge them."""


class CheckpointError(GpunetError):
    """A checkpoint cannot be read, is damaged, or does not fit what it is loaded into."""

    exit_code = 4


class DamagedError(CheckpointError):
    """A file was read, and its own bytes prove that it is not what was written.

    Only such a file is ever taken out of the way of a run; every other failure leaves all files where they are.
    """


class UnreadableError(CheckpointError):
    """The system refuses to read a file: permissions, a failing disk, a file that changed meanwhile."""


class ReaderError(GpunetError):
    """The reader of files ended early: it was killed or stopped, or there was no memory for it.

    Nothing is known about the file then; reading it again may well succeed.
    """


class DeviceError(GpunetError):
    """A device that was asked for cannot be had, has too little memory, or is lost.

    ``kept`` names what to go on from, where a training was under way: the folder of the run.
    """

    exit_code = 5
    kept: Path | None = None


class DivergedError(GpunetError):
    """A loss or gradient left the finite numbers; the weights of the last good step are kept.

    ``healthy`` names what to go on from: the folder of the run, or its last state before the divergence.
    """

    exit_code = 6
    healthy: Path | None = None


class ClusterError(GpunetError):
    """A cluster of workers that cannot be had, or that was lost; what was finished before is kept."""

    exit_code = 7


class WriteError(GpunetError):
    """The disk refused a write; what was there before is untouched."""

    exit_code = 74


class Interrupted(GpunetError):
    """The user stopped the run; its state was saved first."""

    exit_code = 130


class OutputClosed(GpunetError):
    """The reader of the output has left; 128 + SIGPIPE, as a shell reports it."""

    exit_code = 141


def meant(word: str, known: Sequence[str], otherwise: str) -> str:
    """A remedy for a word that is not known: the one that was probably meant, or ``otherwise``.

    >>> meant("adamm", ["sgd", "adam"], "Known: sgd, adam"), meant("x", ["sgd", "adam"], "Known: sgd, adam")
    ('Did you mean adam?', 'Known: sgd, adam')
    """
    import difflib

    close = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {close[0]}?" if close else otherwise


def shortened(text: str, most: int = 100) -> str:
    """A text from outside as a message can hold it: its beginning, where it is long.

    >>> shortened("abc"), shortened("abcdefgh", 3)
    ('abc', 'abc... (8 characters)')
    """
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def printable(text: str) -> str:
    r"""A text out of a file, safe to print on one line: whatever steers a terminal becomes an escape of JSON.

    >>> printable("red \x1b[31m, next\nline, grün")
    'red \\u001b[31m, next\\nline, grün'
    """
    import json

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
