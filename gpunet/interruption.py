"""What ends a run from outside: signals, and a reader of its output that has left."""

from __future__ import annotations

import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

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
def stops_on_signals(
    stop: Stop,
    signals: Sequence[signal.Signals] = SIGNALS,
    outputs: Sequence[int] = OUTPUTS,
    second: Literal["end", "raise"] = "end",
) -> Iterator[Callable[[], None]]:
    """While this is open, signals ask training to save and stop; what it yields, called now and then, asks for closed
    outputs as well.

    Other signals than SIGINT may come twice, as SIGHUP does from a terminal that closes and from its shell, and count
    once.  Signals that are ignored, as SIGHUP is under nohup, stay so.  Only the main thread hears signals; elsewhere
    nothing is changed.

    Args:
        stop: set where one comes.
        signals: to hear.
        outputs: descriptors to look at.
        second: what a second SIGINT does: end the program at once, or raise KeyboardInterrupt as Python would.
    """
    interrupts = 0

    def handler(number: int, frame: Any) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        if interrupts > 1:
            if second == "raise":
                raise KeyboardInterrupt
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.request(signal.Signals(number).name)

    def look() -> None:
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0)):
            stop.request(CLOSED)

    watched = select.poll()
    for descriptor in outputs:
        watched.register(descriptor, 0)  # asks for nothing but what is told in any case: that the other end is gone
    main = threading.current_thread() is threading.main_thread()
    heard = [number for number in signals if main and signal.getsignal(number) != signal.SIG_IGN]
    old = {number: signal.signal(number, handler) for number in heard}
    try:
        yield look
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)
