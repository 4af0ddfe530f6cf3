"""How many requests may be under way at once: as many as the storage takes without complaining."""

import time
from collections.abc import Callable
from threading import Condition
from types import TracebackType
from typing import Final, Self

from indexer.storage.base import THROTTLED, ObjectStore

_PAUSE_S: Final = 1.0
"""After lowering the number, before it is lowered again: what was under way then still answers to the old one."""


class Gate:
    """Let through up to `most` at once; half as many when the storage says SlowDown, slowly more when it does not."""

    def __init__(self, store: ObjectStore, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._most = most
        self._clock = clock
        self._limit = float(most)
        self._inside = 0
        self._throttled = store.requests.get(THROTTLED, 0)
        self._lowered_at = -_PAUSE_S
        self._changed = Condition()

    @property
    def limit(self) -> int:
        """How many are let through now."""
        return int(self._limit)

    def __enter__(self) -> Self:
        with self._changed:
            while self._inside >= int(self._limit):
                self._changed.wait()
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        throttled = self._store.requests.get(THROTTLED, 0)
        with self._changed:
            self._inside -= 1
            if throttled > self._throttled:
                self._throttled = throttled
                if self._clock() - self._lowered_at >= _PAUSE_S:
                    self._limit = max(1.0, self._limit / 2)
                    self._lowered_at = self._clock()
            else:
                self._limit = min(float(self._most), self._limit + 1 / self._limit)
            self._changed.notify_all()
