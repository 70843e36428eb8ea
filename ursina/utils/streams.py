"""What a program owes its surroundings: streams that may be closed, signals that ask it to end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that ask a program to save and end: Ctrl-C, a service manager, a terminal that closes."""


def tell(text: str, stream: IO[str] | None = None) -> None:
    """Print a line; a reader that has gone, or a full disk behind it, stops nothing."""
    with suppress(OSError, ValueError):
        print(text, file=stream or sys.stdout, flush=True)


def open_missing_streams() -> None:
    """Put the null device in place of standard streams that were closed when the program started.

    Otherwise the next file or pipe opened would take their place, and get what others print.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def end_on_signals() -> None:
    """Have the signals of :data:`ENDING` raise KeyboardInterrupt, as Ctrl-C does, until somebody does better."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)


def handle_ending(handler: Callable[[int, Any], None]) -> Callable[[], None]:
    """Set the handler of all signals of :data:`ENDING`; return what puts the ones before back."""
    before = {number: signal.signal(number, handler) for number in ENDING}

    def restore() -> None:
        for number, old in before.items():
            signal.signal(number, old)

    return restore
