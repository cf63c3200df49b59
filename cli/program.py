"""The program: hears signals and guards its streams before anything else is loaded, then runs the command."""

import os
import sys
from contextlib import suppress

from gpunet.interruption import Interrupts


def run() -> None:
    """Run the command that the arguments name; ends the process with its exit code."""
    _hold_streams()
    interrupts = Interrupts(_abandon)
    interrupts.listen()
    try:
        if "_GPUNET_COMPLETE" not in os.environ:  # what completes words writes bytes
            from .streams import guard_streams

            guard_streams()
        from .app import main

        main()
    except Exception:
        if not interrupts.received:
            raise
        raise SystemExit(interrupts.exit_code) from None  # what became of the interrupt inside a library
    except KeyboardInterrupt:  # before there was a command to say so
        raise SystemExit(interrupts.exit_code) from None
    finally:
        interrupts.end()


def _hold_streams() -> None:
    """Let closed streams lead nowhere, before the next file that is opened takes the place of one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)


def _abandon() -> None:
    """Take away what is half written, if anything was ever written."""
    if (writing := sys.modules.get("gpunet.writing")) is not None:
        writing.abandon()
