"""Posting notification callbacks: signed, in the background, and sent again as Agora sends them.

SOURCE: "Receive notifications" of Agora's Notification Center Service: the headers, 10 s for an answer, at most three
re-sends, a new `notifyMs` for each.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import httpx

from indexer.agora import events
from indexer.agora.events import Notice
from indexer.errors import ConfigError
from indexer.model import from_ms, to_ms

_log = logging.getLogger(__name__)

TIMEOUT_S: Final = 10.0
"""For the answer of a receiver (Agora's)."""

PAUSES_S: Final = (0.0, 1.0, 3.0)
"""Before the re-sends: at once, then later and later.  Agora sends again three times; its pauses are not documented."""

QUEUED: Final = 10_000
"""Notices that wait for a slow receiver, 5 MB; more are dropped, as Agora does not keep them for ever either."""

POSTERS: Final = 4
"""Connections to a receiver.  They alone can bring notices of the same moment into another order."""


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
        """See `callbacks.Taker`.  A notice is dropped when too many are waiting."""
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            self._count("dropped")

    def close(self, *, within_s: float) -> None:
        """See `callbacks.Taker`."""
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
            again_at = from_ms(to_ms(self._now()))  # a notice tells whole milliseconds
            trouble = self._post(replace(notice, notified_at=again_at))
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
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:  # the others tell of names of hosts
            return str(exc) or type(exc).__name__
        return None if status == httpx.codes.OK else f"it answers {status}"

    def _count(self, what: str, more: int = 1) -> int:
        """Count, and tell how many there are by now."""
        with self._lock:
            count: int = getattr(self.counts, what) + more
            setattr(self.counts, what, count)
            return count


def _checked(text: str) -> str:
    shown = f"***{text[text.rindex('@') :]}" if "@" in text else text  # in front of it may be a password
    try:
        url = httpx.URL(text)
        host = url.host
        url.raw_host.decode().encode("idna")  # as it is encoded to be looked up
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise ConfigError(f"{shown!r} is no address to post to: {exc}") from exc
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{shown!r} is no address to post to: write http://host:port/path")
    if url.userinfo:
        raise ConfigError(f"{shown!r} holds a name or a password: leave them out, notices are signed")
    return text
