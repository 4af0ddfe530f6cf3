"""Notification callbacks: signed, posted in the background, sent again, and spoiled on request as networks spoil them.

SOURCE: "Receive notifications about channel events" of Agora's Notification Center Service: the headers, 10 s for an
answer, at most three re-sends, a new `notifyMs` for each; notices may be lost, come twice or in another order.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit

import httpx

from indexer.agora import events
from indexer.agora.events import Notice
from indexer.errors import ConfigError

_log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
"""For the answer of a receiver (Agora's)."""

PAUSES_S: Final = (0.0, 1.0, 3.0)
"""Before the re-sends: at once, then later and later.  Agora sends again three times; its pauses are not documented."""

QUEUED: Final = 10_000
"""Notices that wait for a slow receiver, 5 MB; more are dropped, as Agora does not keep them for ever either."""

POSTERS: Final = 4
"""Connections to a receiver.  They alone can bring notices of the same moment into another order."""

_HELD: Final = 5  # a notice that comes late lets at most so many others pass


class Taker(Protocol):
    """Where notices go.  `take` returns at once, in whatever thread it is called."""

    def take(self, notice: Notice) -> None:
        """Send a notice on its way."""
        ...

    def close(self, *, within_s: float) -> None:
        """Send what is under way, for so long at most.  Nothing may be taken behind it."""
        ...


@dataclass(slots=True)
class Counts:
    """What became of the notices that were posted."""

    delivered: int = 0
    """Answered with 200."""
    resent: int = 0
    """Posts of a notice that had been posted before."""
    failed: int = 0
    """Not answered with 200 after all re-sends."""
    dropped: int = 0
    """Never posted: too many were waiting, or the service ended."""


class Poster:
    """Posts notices to one address, signed with one secret."""

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        now: Callable[[], datetime],
        timeout_s: float = TIMEOUT_S,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """`now` gives the time of a re-send.  Raises `ConfigError` for an address that cannot be posted to."""
        self.counts = Counts()
        self._url = _checked(url)
        self._secret = secret
        self._now = now
        self._pauses_s = pauses_s
        self._client = httpx.Client(timeout=timeout_s, limits=httpx.Limits(max_connections=POSTERS), trust_env=False)
        self._waiting: queue.Queue[Notice] = queue.Queue(QUEUED)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        # Daemons: a receiver that hangs must not keep the process from ending.
        self._threads = [threading.Thread(target=self._post_all, name="callbacks", daemon=True) for _ in range(POSTERS)]
        for thread in self._threads:
            thread.start()

    def take(self, notice: Notice) -> None:
        """See `Taker`.  A notice is dropped when too many are waiting."""
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            self._count("dropped")

    def close(self, *, within_s: float) -> None:
        """See `Taker`."""
        deadline = time.monotonic() + within_s
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        self._ended.set()
        for thread in self._threads:
            thread.join(max(0.5, deadline - time.monotonic()))
        self._count("dropped", self._waiting.qsize())
        self._client.close()

    def _post_all(self) -> None:
        while not self._ended.is_set():
            try:
                notice = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            try:
                self._deliver(notice)
            finally:
                self._waiting.task_done()

    def _deliver(self, notice: Notice) -> None:
        trouble = self._post(notice)
        for pause_s in self._pauses_s:
            if trouble is None:
                break
            if self._ended.wait(pause_s):
                self._count("dropped")
                return
            self._count("resent")
            trouble = self._post(replace(notice, notified_at=self._now()))
        if trouble is None:
            self._count("delivered")
            return
        # One line is enough: with a receiver that is away this happens hundreds of times a second.
        if self._count("failed") == 1:
            _log.warning("no notices reach %s: %s", self._url, trouble)

    def _post(self, notice: Notice) -> str | None:
        """Post once; what was wrong, or None."""
        body = events.format(notice)
        headers = {
            "Content-Type": "application/json;charset=utf-8",
            events.HEADER_V1: events.signature_v1(body, self._secret),
            events.HEADER_V2: events.signature(body, self._secret),
        }
        try:
            status = self._client.post(self._url, content=body, headers=headers).status_code
        except httpx.HTTPError as exc:
            return str(exc) or type(exc).__name__
        return None if status == httpx.codes.OK else f"it answers {status}"

    def _count(self, what: str, more: int = 1) -> int:
        """Count, and tell how many there are by now."""
        with self._lock:
            count: int = getattr(self.counts, what) + more
            setattr(self.counts, what, count)
            return count


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        raise ConfigError(f"{url!r} is no address to post to: {exc}") from exc
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{url!r} is no address to post to: write http://host:port/path")
    return url


def appending(path: Path) -> BinaryIO:
    """A file of notices to write behind what is in it.  Raises `ConfigError`."""
    try:
        # For its owner alone: notices name people and rooms.
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
    except OSError as exc:
        raise ConfigError(f"notices cannot be written to {path}: {exc.strerror}") from exc


class Journal:
    """Writes notices to a file, one a line, as `livestills events ingest` reads them."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError`.  What was in the file stays before."""
        self.path, self.written = path, 0
        self._lock = threading.Lock()
        self._file = appending(path)

    def take(self, notice: Notice) -> None:
        """See `Taker`."""
        with self._lock:
            self._file.write(events.format(notice) + b"\n")
            self._file.flush()  # somebody may be reading it
            self.written += 1

    def close(self, *, within_s: float) -> None:  # noqa: ARG002  # nothing is under way
        """See `Taker`."""
        with self._lock:
            self._file.close()


@dataclass(frozen=True, slots=True)
class Spoiling:
    """Which shares of the notices do not arrive as they should, each from 0 to 1."""

    lost: float = 0
    repeated: float = 0
    late: float = 0
    """Arrive behind up to five others."""


@dataclass(slots=True)
class _Held:
    notice: Notice
    others: int
    """So many have yet to pass."""


@dataclass(slots=True)
class Spoiler:
    """Hands notices on to all `takers`, some of them not at all, twice or late.  The same seed spoils the same ones."""

    takers: Sequence[Taker]
    spoiling: Spoiling
    seed: int
    told: int = 0
    lost: int = 0
    repeated: int = 0
    late: int = 0
    _held: list[_Held] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"notices {self.seed}")  # noqa: S311  # a game that can be played again, no secret

    def take(self, notice: Notice) -> None:
        """See `Taker`."""
        with self._lock:
            self.told += 1
            # All three are drawn each time: one share does not change whom another one hits.
            lost, repeated, late = (self._random.random() for _ in range(3))
            others = self._random.randint(1, _HELD)
            if lost < self.spoiling.lost:
                self.lost += 1
                return
            if late < self.spoiling.late:
                self.late += 1
                self._held.append(_Held(notice, others))
                return
            self._hand_on(notice)
            if repeated < self.spoiling.repeated:
                self.repeated += 1
                self._hand_on(notice)
            self._release()

    def close(self, *, within_s: float) -> None:
        """See `Taker`."""
        with self._lock:
            for held in self._held:
                self._hand_on(held.notice)
            self._held.clear()
        for taker in self.takers:
            taker.close(within_s=within_s)

    def _release(self) -> None:
        """Let one more pass those that are held."""
        for held in self._held:
            held.others -= 1
        for held in [held for held in self._held if held.others <= 0]:
            self._held.remove(held)
            self._hand_on(held.notice)

    def _hand_on(self, notice: Notice) -> None:
        for taker in self.takers:
            taker.take(notice)
