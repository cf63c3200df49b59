"""What ends a run from outside: signals, and a reader of its output that has left."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import subprocess

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
CLOSED = "a closed output"  # the reason that a stop gives where its reader left
OUTPUTS = (1, 2)
STOPPED = 130  # the exit code of a program that a signal ended
PATIENCE = 2.0  # seconds from a signal to the end of the program, even inside one long call


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


class Interrupts:
    """What signals do to a program wherever nothing else hears them: they raise KeyboardInterrupt, which says which.

    A signal is acted on between two instructions of Python; where that takes too long, inside one large product, or
    where a library swallows the interrupt, the program is ended without it.  Signals that were ignored when the program
    began stay so.  Only for programs: a library leaves signals to whoever uses it.

    Args:
        abandon: called before the program is ended so, to take away what is half written.
    """

    exit_code = STOPPED

    def __init__(self, abandon: Callable[[], None]):
        self._abandon = abandon
        self._heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._interrupts = 0
        self.received = ""

    def listen(self) -> None:
        """Hear signals from here on."""
        for number in self._heard:
            signal.signal(number, self._handle)
        with suppress(OSError, RuntimeError):  # no descriptor or no thread to be had: then only between instructions
            self._watch()

    def end(self) -> None:
        """Hear none any more: what is left of the program is its end."""
        signal.set_wakeup_fd(-1)
        for number in self._heard:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, frame: Any) -> None:
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if not self.received:  # SIGHUP comes twice, from a terminal that closes and from its shell
            self.received = signal.Signals(number).name
            raise KeyboardInterrupt(self.received)

    def _watch(self) -> None:
        """Have a thread see to it that a signal ends the program in time."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)  # a byte for each signal, written when it comes
        threading.Thread(target=self._end_in_time, args=(reader,), daemon=True, name="signals").start()

    def _end_in_time(self, reader: int) -> None:
        """End the program a while after a signal that is ours to hear; it has mostly ended by then."""
        import time

        while number := os.read(reader, 1):
            if signal.getsignal(number[0]) == self._handle:
                time.sleep(PATIENCE)
                if signal.getsignal(number[0]) == self._handle:
                    self._abandon()
                    os._exit(STOPPED)


def end_processes(processes: Sequence[subprocess.Popen[bytes]], grace: float) -> None:
    """Ask processes to end and wait for them; one that goes on for so many seconds is killed."""
    import subprocess  # not needed to begin a program

    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
