"""Stopping a long run: on request, or when its time is up."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from cli.texts import human_length
from indexer.errors import InterruptedRunError, OutOfTimeError, TerminatedRunError


@contextmanager
def stopping(*, after: timedelta | None = None) -> Iterator[Callable[[], None]]:
    """While inside, SIGINT or SIGTERM ends the run at the next call of what is yielded, a second one at once.

    What is yielded raises `InterruptedRunError`, `TerminatedRunError`, or `OutOfTimeError` once the time `after` has
    passed.
    """
    received: list[int] = []
    # Not the clock on the wall, which may be put forward or back meanwhile.
    ends_at = None if after is None else time.monotonic() + after.total_seconds()

    def remember(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    def check() -> None:
        if received:
            kind = TerminatedRunError if received[0] == signal.SIGTERM else InterruptedRunError
            raise kind(f"stopped by {signal.Signals(received[0]).name}; what was written stays, the next run goes on")
        if after is not None and ends_at is not None and time.monotonic() >= ends_at:
            length = human_length(after.total_seconds())
            raise OutOfTimeError(f"the {length} of this run are over; what was written stays, the next run goes on")

    # A shell lets its background jobs ignore SIGINT, so that Ctrl-C ends only what is in front.  That stays so.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
