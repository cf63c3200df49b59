"""Signals that ask training to save and stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpunet.training import Stop


@contextmanager
def stops_on_signals(stop: Stop) -> Iterator[None]:
    """The first signal asks training to save and stop, the second ends the program at once."""

    def handler(number: int, _frame: Any) -> None:
        if stop.requested:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.request(signal.Signals(number).name)

    old = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)
