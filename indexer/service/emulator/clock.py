"""The time of the emulated world: real, some times faster, or as fast as everybody is ready."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import Final

UNHURRIED: Final = math.inf
"""A speed: nobody waits, and it is always as late as somebody has waited for."""

_LOOK_S: Final = 0.02
_LONGEST_WAIT_S: Final = 3600.0  # more than a platform's timers take would raise


class Clock:
    """Tells the time and waits for it.  Threads may share it."""

    def __init__(
        self,
        *,
        speed: float = 1.0,
        start: datetime | None = None,
        ticking: Callable[[], float] = time.monotonic,
    ) -> None:
        """It begins at `start` (aware; now, if it is None) and runs `speed` times as fast as `ticking`, in seconds."""
        if not speed > 0:
            raise ValueError(f"a clock cannot run {speed} times as fast")
        self.speed: Final = speed
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._ticking = ticking
        self._begun = ticking()
        self._lock = Lock()

    def now(self) -> datetime:
        """Aware UTC, never earlier than before."""
        if self.speed == UNHURRIED:
            with self._lock:
                return self._start
        return self._start + timedelta(seconds=(self._ticking() - self._begun) * self.speed)

    def sleep_until(self, moment: datetime, interrupted: Event) -> bool:
        """Wait for a moment, or for `interrupted`; whether the moment has come.  An unhurried clock is set to it."""
        if self.speed == UNHURRIED:
            with self._lock:
                self._start = max(self._start, moment)
            return not interrupted.is_set()
        return self._wait(moment, interrupted)

    def watch_for(self, moment: datetime, interrupted: Event) -> bool:
        """The same, but others make an unhurried clock go on."""
        if self.speed != UNHURRIED:
            return self._wait(moment, interrupted)
        while self.now() < moment:
            if interrupted.wait(_LOOK_S):
                return False
        return not interrupted.is_set()

    def _wait(self, moment: datetime, interrupted: Event) -> bool:
        while (left := moment - self.now()) > timedelta():
            if interrupted.wait(min(left.total_seconds() / self.speed, _LONGEST_WAIT_S)):
                return False
        return not interrupted.is_set()
