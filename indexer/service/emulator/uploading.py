"""Uploads of all sessions: a bounded pool of threads, late ones at their time, failed ones again.

Nothing here grows without bound.  When the storage is slower than capturing, whoever captures waits for room, so an
emulated session falls behind its clock instead of losing pictures: what happens stays the same for the same seed.

What fails for now is tried again for `RETRY_S`, and is in the backup then (Agora's backup cloud, which is a list here),
from which it is brought every minute until it is in the storage, or 72 h old.  What is refused, because keys, bucket or
endpoint are wrong, is lost at once: nothing is backed up.  SOURCE: Agora's pages "Recording status" and "Status codes";
how often and for how long it tries again they do not say.
"""

import heapq
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import count, repeat
from threading import Event, Lock, Thread
from typing import Final

from indexer.errors import LivestillsError, StorageUnavailableError
from indexer.service.emulator.clock import Clock
from indexer.storage.base import ObjectStore

THREADS: Final = 8
"""Uploads under way.  A PUT to a server nearby takes a few milliseconds, to one across the world 200."""

WAITING: Final = 64
"""Uploads that wait for a thread; whoever brings more waits himself."""

LATE: Final = 100_000
"""Late and backed-up ones that are remembered, 500 bytes each; more are lost."""

RETRY_S: Final = 10.0
"""So long what fails for now is tried again before it is backed up."""

BACKUP_KEPT: Final = timedelta(hours=72)
BACKUP_PAUSE: Final = timedelta(minutes=1)

_LOOK_S: Final = 0.1
_LAST_S: Final = 0.5  # for a thread that is at its end anyway; one that hangs in a request is left to it
_PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0)


class Ending(Enum):
    """What became of an upload."""

    UPLOADED = auto()
    BACKED_UP = auto()
    """Not the end: it is `UPLOADED` later, or `GONE`."""
    REFUSED = auto()
    """The storage does not want it, and will not."""
    GONE = auto()
    """It was too late, or too many were waiting."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An object to be written.  It is made by `make` when its turn comes, so what waits takes no room."""

    store: ObjectStore
    key: str
    content_type: str
    make: Callable[[], bytes]
    taken_at: datetime
    ended: "Callable[[Upload, Ending, LivestillsError | None], None]"
    """Hears what became of it, in whatever thread."""
    is_late: bool = False
    """Others do not wait for it."""
    backed_up: bool = False
    """It has been `BACKED_UP`."""


class Uploads:
    """The pool.  Threads may share it."""

    def __init__(
        self, clock: Clock, *, threads: int = THREADS, waiting: int = WAITING, retry_s: float = RETRY_S
    ) -> None:
        self._clock, self._retry_s = clock, retry_s
        self._ready: queue.Queue[Upload | None] = queue.Queue(waiting)
        self._late: list[tuple[datetime, int, Upload]] = []
        self._down: set[int] = set()
        self._order = count()
        self._lock = Lock()
        self._closed = False
        self._closing = Event()
        self._newer = Event()
        self._workers = [Thread(target=self._work, name=f"upload-{number}", daemon=True) for number in range(threads)]
        self._releaser = Thread(target=self._release, name="uploads-late", daemon=True)
        for thread in (*self._workers, self._releaser):
            thread.start()

    def put(self, upload: Upload, interrupted: Event) -> bool:
        """Upload it soon; waits for room, and gives up when `interrupted`: whether it was taken."""
        while not self._closing.is_set():
            try:
                self._ready.put(upload, timeout=_LOOK_S)
            except queue.Full:
                if interrupted.is_set():
                    return False
            else:
                return True
        return False

    def put_at(self, due: datetime, upload: Upload) -> bool:
        """Upload it when the clock shows `due`: whether there was room to remember it."""
        with self._lock:
            if len(self._late) >= LATE or self._closing.is_set():
                return False
            heapq.heappush(self._late, (due, next(self._order), upload))
            is_next = self._late[0][2] is upload
        if is_next:
            self._newer.set()
        return True

    def close(self, *, within_s: float = 20.0) -> int:
        """Finish what waits, but for at most so long; what is late is forgotten.  How many were; again none are."""
        with self._lock:
            if self._closed:
                return 0
            self._closed = True
        deadline = time.monotonic() + within_s
        while self._ready.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 5)
        self._closing.set()
        self._newer.set()
        with self._lock:
            forgotten = [upload for _, _, upload in self._late]
            self._late.clear()
        forgotten += self._waiting()
        for _ in self._workers:
            self._ready.put(None)
        for thread in (*self._workers, self._releaser):
            thread.join(max(0.0, deadline - time.monotonic()) + _LAST_S)
        forgotten += self._waiting()  # what was brought just now
        for upload in forgotten:
            upload.ended(upload, Ending.GONE, None)
        return len(forgotten)

    def _waiting(self) -> list[Upload]:
        """Take out what waits for a thread."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._ready.get_nowait())
        return [upload for upload in found if upload is not None]

    def _work(self) -> None:
        while not self._closing.is_set():
            upload = self._ready.get()
            try:
                if upload is None:
                    return
                self._carry_out(upload)
            finally:
                self._ready.task_done()

    def _carry_out(self, upload: Upload) -> None:
        data = upload.make()
        until = time.monotonic() + self._retry_s
        for pause_s in _pauses():
            try:
                upload.store.put(upload.key, data, content_type=upload.content_type)
            except StorageUnavailableError as exc:
                # Where one has waited in vain the next ones need not.
                patient = not upload.backed_up and id(upload.store) not in self._down
                if patient and time.monotonic() + pause_s < until and not self._closing.wait(pause_s):
                    continue
                self._down.add(id(upload.store))
                self._back_up(upload, exc)
            except LivestillsError as exc:
                upload.ended(upload, Ending.REFUSED, exc)
            else:
                self._down.discard(id(upload.store))
                upload.ended(upload, Ending.UPLOADED, None)
            return

    def _back_up(self, upload: Upload, error: LivestillsError) -> None:
        now = self._clock.now()
        kept = now - upload.taken_at < BACKUP_KEPT and self.put_at(now + BACKUP_PAUSE, replace(upload, backed_up=True))
        if not kept:
            upload.ended(upload, Ending.GONE, error)
        elif not upload.backed_up:
            upload.ended(upload, Ending.BACKED_UP, error)

    def _release(self) -> None:
        """Bring late ones in when their time has come."""
        while not self._closing.is_set():
            with self._lock:
                due = self._late[0][0] if self._late else None
            if due is None:
                self._newer.wait()
                self._newer.clear()
            elif not self._clock.watch_for(due, self._newer):
                self._newer.clear()
            else:
                with self._lock:
                    upload = heapq.heappop(self._late)[2] if self._late else None
                if upload is not None and not self.put(upload, self._closing):
                    upload.ended(upload, Ending.GONE, None)


def _pauses() -> Iterator[float]:
    yield from _PAUSES_S
    yield from repeat(_PAUSES_S[-1])
