"""What ends a run from outside: signals, and a reader of its output that has left."""

from __future__ import annotations

import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
CLOSED = "a closed output"  # the reason that a stop gives where its reader left
BROKEN_PIPE = 141  # what a shell reports for a program that its reader left, 128 + SIGPIPE
OUTPUTS = (1, 2)


class Stop:
    """Set from outside, e.g. by a signal, to end training after the current step."""

    def __init__(self) -> None:
        self.requested = ""

    def request(self, reason: str) -> None:
        """Ask training to stop after the step that it is in; ``reason`` is said to the user."""
        self.requested = reason


@contextmanager
def stops_on_signals(stop: Stop) -> Iterator[Callable[[], None]]:
    """While this is open, signals ask training to save and stop; what it yields, called now and then, asks for closed
    outputs as well.

    A second SIGINT ends the program at once. Other signals may come twice, as SIGHUP does from a terminal that closes
    and from its shell, and count once. A SIGHUP that is ignored, as under nohup, stays so.
    """
    interrupts = 0

    def handler(number: int, _frame: Any) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        if interrupts > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.request(signal.Signals(number).name)

    def look() -> None:
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in outputs.poll(0)):
            stop.request(CLOSED)

    outputs = select.poll()
    for descriptor in OUTPUTS:
        outputs.register(descriptor, 0)  # asks for nothing but what is told in any case: that the other end is gone
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    heard = [number for number in SIGNALS if not (ignored and number == signal.SIGHUP)]
    old = {number: signal.signal(number, handler) for number in heard}
    try:
        yield look
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)
