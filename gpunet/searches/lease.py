"""Leases: who is at work on a trial, until when, and how one tells that nobody is any more."""

import os
import platform
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 60.0  # that a lease lasts unless it is renewed
RENEWED = 10.0  # seconds between renewals
ATTEMPTS = 3  # after which a trial is given up: it may be what kills its workers


@dataclass(frozen=True)
class Lease:
    """Who works on a trial.

    Attributes:
        owner: a worker, by a name that no other has.
        host: its machine.
        pid: its process.
        started: when the process began, as the machine says it, so that its number cannot be mistaken.
        until: seconds since 1970 until which nobody else takes the trial.
        attempt: how often the trial was begun, from 1.
    """

    owner: str
    host: str
    pid: int
    started: str
    until: float
    attempt: int = 1

    def document(self) -> dict[str, Any]:
        """As a journal holds it."""
        return asdict(self)

    def is_alive(self, now: float) -> bool:
        """Whether its holder can still be at work: its time is not over, and its process there if it is one of here."""
        if now > self.until:
            return False
        return self.host != platform.node() or began(self.pid) == self.started

    @classmethod
    def of(cls, held: Any) -> "Lease | None":
        """A lease out of a journal; None where there is none that can be understood."""
        try:
            return cls(**held)
        except TypeError:
            return None


def began(pid: int) -> str:
    """When a process began, by the ticks that Linux counts; its mere existence elsewhere, and nothing if it is gone.

    >>> began(os.getpid()) == began(os.getpid()) != ""
    True
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if status[0] in "ZX" else status[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "there"


@dataclass(frozen=True)
class Worker:
    """Whoever takes trials.

    Attributes:
        owner: its name in leases.
        clock: tells the seconds since 1970.
    """

    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    clock: Callable[[], float] = time.time

    def lease(self, attempt: int) -> Lease:
        """A fresh lease."""
        pid = os.getpid()
        return Lease(self.owner, platform.node(), pid, began(pid), self.clock() + SECONDS, attempt)
