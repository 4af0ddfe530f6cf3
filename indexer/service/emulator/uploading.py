"""Uploads of all sessions: a bounded pool of threads, late ones at their time, failed ones again.

Nothing here grows without bound.  When the storage is slower than capturing, whoever captures waits for room, so an
emulated session falls behind its clock instead of losing pictures: what happens stays the same for the same seed.
Each storage has a lane of its own, and never all threads, so that one that hangs delays nobody else's pictures.

What fails for now is tried again for `RETRY_S`, and is in the backup then (Agora's backup cloud, which is a list here),
from which it is brought every minute until it is in the storage, or 72 h old.  What is refused, because keys, bucket or
endpoint are wrong, is lost at once: nothing is backed up.  SOURCE: Agora's pages "Recording status" and "Status codes";
how often and for how long it tries again they do not say.
"""

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import count, repeat
from threading import Condition, Event, Lock, Thread
from typing import Final
from weakref import WeakKeyDictionary

from indexer.errors import LivestillsError, StorageUnavailableError
from indexer.service.emulator.clock import Clock
from indexer.storage.base import ObjectStore

_log = logging.getLogger(__name__)

THREADS: Final = 8
"""Uploads under way to one storage.  A PUT to a server nearby takes a few milliseconds, to one across the world 200."""

WAITING: Final = 64
"""Uploads to one storage that wait for a thread; whoever brings more waits himself."""

LATE: Final = 100_000
"""Late and backed-up ones that are remembered, 500 bytes each; more are lost."""

RETRY_S: Final = 10.0
"""So long what fails for now is tried again before it is backed up."""

BACKUP_KEPT: Final = timedelta(hours=72)
BACKUP_PAUSE: Final = timedelta(minutes=1)

_LOOK_S: Final = 0.1
_LAST_S: Final = 0.5  # for threads that are at their end anyway; those that hang in a request are left to it
_PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0)


class Ending(Enum):
    """What became of an upload."""

    UPLOADED = auto()
    BACKED_UP = auto()
    """Not the end: it is `UPLOADED` later, or `GONE`."""
    REFUSED = auto()
    """The storage does not want it, and will not."""
    GONE = auto()
    """It was too late, too many were waiting, or a mistake of ours broke it off."""


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


class _Lane:
    """What waits for one storage."""

    def __init__(self, lock: Lock) -> None:
        self.waiting, self.released = deque[Upload](), deque[Upload]()
        """In time, and late ones whose time has come: those wait for no room, they are remembered anyhow."""
        self.late_next = False
        self.under_way = 0
        self.down = False
        """The last one waited in vain; so the next ones need not."""
        self.room = Condition(lock)


class Uploads:
    """The pool.  Threads may share it."""

    def __init__(
        self, clock: Clock, *, threads: int = 2 * THREADS, waiting: int = WAITING, retry_s: float = RETRY_S
    ) -> None:
        """Half of the threads are for one storage at most."""
        self._clock, self._most_waiting, self._retry_s = clock, waiting, retry_s
        self._late: list[tuple[datetime, int, Upload]] = []
        self._remembered = 0
        self._lanes: WeakKeyDictionary[ObjectStore, _Lane] = WeakKeyDictionary()
        self._turns: deque[_Lane] = deque()  # those in which something waits
        self._free = threads
        self._unfinished = 0
        self._order = count()
        self._lock = Lock()
        self._ready = Condition(self._lock)
        self._closed = False
        self._closing = Event()
        self._newer = Event()
        self._workers = [Thread(target=self._work, name=f"upload-{number}", daemon=True) for number in range(threads)]
        self._releaser = Thread(target=self._release, name="uploads-late", daemon=True)
        for thread in (*self._workers, self._releaser):
            thread.start()

    def put(self, upload: Upload, interrupted: Event) -> bool:
        """Upload it soon; waits for room, and gives up when `interrupted`: whether it was taken."""
        with self._lock:
            lane = self._lane(upload.store)
            while len(lane.waiting) >= self._most_waiting and not self._closing.is_set():
                if interrupted.is_set():
                    return False
                lane.room.wait(_LOOK_S)
            if self._closing.is_set():
                return False
            self._line_up(lane, lane.waiting, upload)
        return True

    def put_at(self, due: datetime, upload: Upload) -> bool:
        """Upload it when the clock shows `due`: whether there was room to remember it."""
        with self._lock:
            if self._remembered >= LATE or self._closing.is_set():
                return False
            self._remembered += 1
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
        while self._unfinished and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 5)
        with self._lock:
            self._closing.set()
            forgotten = [upload for _, _, upload in self._late]
            self._late.clear()
            for lane in self._turns:
                forgotten += (*lane.waiting, *lane.released)
                lane.waiting.clear()
                lane.released.clear()
            self._turns.clear()
            self._ready.notify_all()
        self._newer.set()
        ended_by = time.monotonic() + _LAST_S
        for thread in (*self._workers, self._releaser):
            thread.join(max(0.0, ended_by - time.monotonic()))
        for upload in forgotten:
            upload.ended(upload, Ending.GONE, None)
        return len(forgotten)

    # --- Lanes, each method with the lock ---------------------------------------------------------------------------

    def _lane(self, store: ObjectStore) -> _Lane:
        return self._lanes.setdefault(store, _Lane(self._lock))

    def _line_up(self, lane: _Lane, line: deque[Upload], upload: Upload) -> None:
        if not lane.waiting and not lane.released:
            self._turns.append(lane)
        line.append(upload)
        self._unfinished += 1
        self._ready.notify()

    def _take(self) -> tuple[_Lane, Upload] | None:
        """The next one, of another storage than the last one if there is one.

        No lane has more threads than it leaves free: one alone has half of them, and something is left for the next.
        """
        for _ in range(len(self._turns)):
            lane = self._turns.popleft()
            upload = self._first_of(lane) if lane.under_way < self._free else None
            if lane.waiting or lane.released:
                self._turns.append(lane)
            if upload is not None:
                lane.under_way += 1
                self._free -= 1
                return lane, upload
        return None

    def _first_of(self, lane: _Lane) -> Upload:
        """Late ones take turns with those in time."""
        late = bool(lane.released) and (lane.late_next or not lane.waiting)
        lane.late_next = not late
        if late:
            self._remembered -= 1
            return lane.released.popleft()
        lane.room.notify()
        return lane.waiting.popleft()

    # --- Threads ----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        """Whether there may be more.  What was done is not held while waiting for the next."""
        with self._lock:
            while (taken := self._take()) is None:
                if self._closing.is_set():
                    return False
                self._ready.wait()
        lane, upload = taken
        try:
            self._carry_out(lane, upload)
        except Exception:  # noqa: BLE001  # a mistake of ours must not end the thread for which others wait
            _log.exception("what became of %s was not heard", upload.key)
        finally:
            with self._lock:
                lane.under_way -= 1
                self._free += 1
                self._unfinished -= 1
                self._ready.notify()  # this one takes one itself, but now there may be two
        return True

    def _carry_out(self, lane: _Lane, upload: Upload) -> None:
        try:
            ending, error = self._put(lane, upload)
        except Exception:  # noqa: BLE001  # the session waits to hear of it, whatever went wrong
            _log.exception("the upload of %s broke off", upload.key)
            ending, error = Ending.GONE, None
        if ending is Ending.BACKED_UP:
            self._back_up(upload, error)
        else:
            upload.ended(upload, ending, error)

    def _put(self, lane: _Lane, upload: Upload) -> tuple[Ending, LivestillsError | None]:
        data = upload.make()
        until = time.monotonic() + self._retry_s
        for pause_s in _pauses():
            try:
                upload.store.put(upload.key, data, content_type=upload.content_type)
            except StorageUnavailableError as exc:
                patient = not upload.backed_up and not lane.down
                if patient and time.monotonic() + pause_s < until and not self._closing.wait(pause_s):
                    continue
                lane.down = True
                return Ending.BACKED_UP, exc
            except LivestillsError as exc:
                return Ending.REFUSED, exc
            lane.down = False
            break
        return Ending.UPLOADED, None

    def _back_up(self, upload: Upload, error: LivestillsError | None) -> None:
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
                    if self._late:
                        upload = heapq.heappop(self._late)[2]
                        lane = self._lane(upload.store)
                        self._line_up(lane, lane.released, upload)


def _pauses() -> Iterator[float]:
    yield from _PAUSES_S
    yield from repeat(_PAUSES_S[-1])
