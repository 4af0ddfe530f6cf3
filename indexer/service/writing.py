"""Writes notices into the catalog in a thread of its own, as many at a time as have come meanwhile."""

import asyncio
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Self

from indexer.agora import events
from indexer.agora.events import Notice
from indexer.errors import CatalogLostError, LivestillsError
from indexer.jobs.notices import BATCH, Intake, NoticeReport

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
"""Notices between receiving and writing, 10 MB; more are put off, and sent again by Agora."""


class FullError(Exception):
    """More notices are waiting than can be."""


class NotTakenError(Exception):
    """The catalog, or the log, could not be written."""


@dataclass(frozen=True, slots=True)
class _Item:
    body: bytes
    notice: Notice | None
    done: "asyncio.Future[None]"


class Writer:
    """Use it as a context manager: at its end everything that was taken is written.

    While a transaction is committed others wait, and go together into the next one: that is what makes many notices a
    second possible.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        now: Callable[[], datetime],
        log: BinaryIO | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`log` gets the body of every notice, one a line, before it is answered."""
        self.report = NoticeReport()
        """What came of the notices; complete at the end."""
        self.groups = 0
        """Transactions so far."""
        self.trouble: str | None = None
        """Why the last group could not be written."""
        self._since: float | None = None
        self._intake, self._now, self._log = intake, now, log
        self._waiting: queue.Queue[_Item | None] = queue.Queue(most_waiting)
        # A daemon: who ends the process at once, by a second signal, waits for no database.
        self._thread = threading.Thread(target=self._write_all, name="notices", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    @property
    def waiting(self) -> int:
        """How many are not written yet, about."""
        return self._waiting.qsize()

    @property
    def busy_s(self) -> float:
        """How long the group that is being written has taken so far; 0 if there is none."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    async def write(self, body: bytes, notice: Notice | None) -> None:
        """Return when a notice is in the catalog, and its body in the log.  None is only logged.

        Raises `FullError` and `NotTakenError`.  Whoever gives up waiting leaves it to be written.
        """
        # A body may have a megabyte, and thousands may wait.
        kept = b"" if self._log is None else body
        item = _Item(kept, notice, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(item)
        except queue.Full as exc:
            raise FullError("too many notices are waiting for the catalog") from exc
        await item.done

    def _write_all(self) -> None:
        goes_on = True
        while goes_on:
            group, goes_on = self._next_group()
            if group:
                self._since = time.monotonic()
                self._settle(group, self._write(group))
                self._since = None

    def _next_group(self) -> tuple[list[_Item], bool]:
        """Wait for one, and take what else is there; whether more may come."""
        group: list[_Item] = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) == BATCH:
                return group, True
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _write(self, group: Sequence[_Item]) -> str | None:
        """What could not be written, if anything."""
        notices = [item.notice for item in group if item.notice is not None]
        where = "catalog"
        try:
            if notices:
                self.report.merge(self._take(notices))
            where = "log"
            if self._log is not None:
                self._append(self._log, group)
        except (LivestillsError, OSError) as exc:
            _log.log(
                logging.DEBUG if self.trouble else logging.WARNING,
                "notices could not be written into the %s: %s",
                *(where, exc),
            )
            self.trouble = str(exc)
        except Exception as exc:  # noqa: BLE001  # a mistake of ours must not end the thread that all requests wait for
            _log.exception("notices could not be written into the %s", where)
            self.trouble = type(exc).__name__
        else:
            self.trouble = None
            self.groups += 1
            return None
        return where

    def _take(self, notices: Sequence[Notice]) -> NoticeReport:
        try:
            return self._intake.take(notices, now=self._now())
        except CatalogLostError as exc:
            # A server that was started anew has ended the connections that we kept; the next one is new.
            _log.debug("notices are written once more: %s", exc)
            return self._intake.take(notices, now=self._now())

    def _append(self, log: BinaryIO, group: Sequence[_Item]) -> None:
        # What failed before may have left half a line; an empty one is none.
        before = b"" if self.trouble is None else b"\n"
        log.write(before + b"".join(_line(item.body) for item in group))
        log.flush()

    @staticmethod
    def _settle(group: Sequence[_Item], refused: str | None) -> None:
        def settle() -> None:
            for item in group:
                if item.done.done():  # given up
                    continue
                if refused is None:
                    item.done.set_result(None)
                else:
                    item.done.set_exception(NotTakenError(f"the {refused} cannot be written now"))

        try:
            group[0].done.get_loop().call_soon_threadsafe(settle)
        except RuntimeError:  # the loop has ended, and nobody waits any more
            _log.debug("%d notices were written after their requests had ended", len(group))


def _line(body: bytes) -> bytes:
    """The body as one line, as it came where that is one."""
    if b"\n" in body or b"\r" in body:
        body = json.dumps(events.decode(body), separators=(",", ":")).encode()
    return body + b"\n"
