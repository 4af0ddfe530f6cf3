"""Stopping a long run on request."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from indexer.errors import InterruptedRunError, TerminatedRunError


@contextmanager
def stopping() -> Iterator[Callable[[], None]]:
    """While inside, SIGINT or SIGTERM ends the run at the next call of what is yielded, a second one at once.

    What is yielded raises `InterruptedRunError` or `TerminatedRunError`.
    """
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    def check() -> None:
        if received:
            kind = TerminatedRunError if received[0] == signal.SIGTERM else InterruptedRunError
            raise kind(f"stopped by {signal.Signals(received[0]).name}; what was written stays, the next run goes on")

    # A shell lets its background jobs ignore SIGINT, so that Ctrl-C ends only what is in front.  That stays so.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
