"""The recordings that run, and what the five calls of the RESTful API do to them.

SOURCE: the pages "acquire", "start", "query", "update" and "stop" of the Cloud Recording RESTful API.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from indexer.agora.codes import Call
from indexer.agora.request import INDIVIDUAL, Finding, StorageConfig
from indexer.agora.vendors import prefix_of
from indexer.errors import LivestillsError
from indexer.model import to_ms
from indexer.service.emulator import orders
from indexer.service.emulator.answers import Answer, refusal
from indexer.service.emulator.callbacks import Taker
from indexer.service.emulator.capture import Capture
from indexer.service.emulator.clock import Clock
from indexer.service.emulator.orders import Order
from indexer.service.emulator.pictures import Studio
from indexer.service.emulator.resources import Resource, Resources
from indexer.service.emulator.scenario import Scenario
from indexer.service.emulator.status import State, Status, UploadingStatus
from indexer.service.emulator.telling import Teller
from indexer.service.emulator.uploading import Uploads
from indexer.storage.base import ObjectStore
from indexer.storage.urls import Address, open_store

_log = logging.getLogger(__name__)

_STORES: Final = 64
"""Storages, each with its keys, that stay open for the next session: opening one takes a quarter of a second."""

_TELL_WITHIN_S: Final = 1.0
"""For what sessions tell of their ends, once nothing is uploaded any more."""

_STARTING: Final = 2
_IN_PROGRESS: Final = 5
# `status` in the answer to a query.
_RUNNING: Final = frozenset({State.STARTING, State.RUNNING, State.SILENT})
_ANSWERING: Final = frozenset({State.STARTING, State.RUNNING})
"""While a recorder is being replaced, Agora answers 404."""
_OVER: Final = frozenset({State.ENDED, State.LOST, State.REFUSED})


@dataclass(frozen=True, slots=True)
class World:
    """What is played."""

    scenario: Scenario
    seed: int
    clock: Clock
    s3_endpoint: str | None = None
    """Stands for the storages of all vendors."""
    most_sessions: int = 50
    """Recordings that run at once: 50 is what Agora gives an App ID unless agreed otherwise."""


@dataclass(slots=True)
class Totals:
    """What all sessions did so far."""

    sessions: int = 0
    running: int = 0
    taken: int = 0
    """Pictures."""
    uploaded: int = 0
    lost: int = 0
    refused: int = 0
    """Sessions that the storage ended."""

    def add(self, status: Status) -> None:
        """Count one session more."""
        self.sessions += 1
        self.running += status.state in _RUNNING
        self.taken += status.taken
        self.uploaded += status.uploaded
        self.lost += status.lost
        self.refused += status.state is State.REFUSED


@dataclass(slots=True)
class _Session:
    sid: str
    resource_id: str
    resource: Resource
    capture: Capture
    stopping: bool = False
    complained: bool = False

    @property
    def named(self) -> dict[str, object]:
        """What every answer begins with."""
        found = self.resource
        return {"cname": found.cname, "uid": found.uid, "resourceId": self.resource_id, "sid": self.sid}


class Sessions:
    """All recordings.  Its methods may be called in any thread and raise `RefusedError`."""

    def __init__(
        self,
        world: World,
        taker: Taker | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        uploads: Uploads | None = None,
    ) -> None:
        """`taker` hears of everything.  `uploads` is closed with it."""
        self._world, self._taker = world, taker
        self._uids = frozenset(user.uid for user in world.scenario.users)
        self._uploads, self._studio = uploads or Uploads(world.clock), Studio()
        self._opened = lru_cache(_STORES)(_open)
        self._lock = threading.RLock()
        self._resources = Resources(monotonic)
        self._sessions: dict[str, _Session] = {}
        self._starting: set[tuple[str, str, str]] = set()
        self._forgotten = Totals()

    def totals(self) -> Totals:
        """What they did so far, those included that are over."""
        with self._lock:
            found = replace(self._forgotten)
            for session in self._sessions.values():
                found.add(session.capture.status())
            return found

    def watch(self) -> None:
        """Log of each session once what keeps its pictures from the storage."""
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            status = session.capture.status()
            # Of one that is refused the capture itself tells.
            if status.error is not None and status.state is not State.REFUSED and not session.complained:
                session.complained = True
                _log.warning("session %s cannot upload for now: %s", session.sid, status.error)

    def close(self, *, within_s: float) -> None:
        """End all of them, and upload for so long at most what they took.  Nothing is told behind it."""
        deadline = time.monotonic() + within_s
        with self._lock:
            captures = [session.capture for session in self._sessions.values()]
        for capture in captures:
            capture.stop(wait=False)
        for capture in captures:
            capture.join(max(0.0, deadline - time.monotonic()))
        self._uploads.close(within_s=max(0.0, deadline - time.monotonic()))
        told_by = time.monotonic() + _TELL_WITHIN_S
        for capture in captures:
            capture.join(max(0.0, told_by - time.monotonic()))

    # --- The calls --------------------------------------------------------------------------------------------------

    def acquire(self, app_id: str, body: object) -> Answer:
        """Give a resource ID for one recording."""
        acquisition = orders.acquisition(body)
        wanted, in_vain = acquisition.wanted, acquisition.in_vain
        with self._lock:
            self._refuse_too_many(Call.ACQUIRE, 406)
            resource_id = self._resources.acquire(
                app_id, wanted.cname, wanted.uid, hours=wanted.resource_expired_hour, in_vain=bool(in_vain)
            )
        _warn_of(in_vain)
        return Answer(200, {"cname": wanted.cname, "uid": wanted.uid, "resourceId": resource_id})

    def start(self, app_id: str, resource_id: str, mode: str, body: object) -> Answer:
        """Begin to capture what the scenario has in the channel."""
        sid = secrets.token_hex(16)
        order = orders.order(body, mode=mode, sid=sid, uids=self._uids, now=datetime.now(UTC))
        store = self._storage(order.storage, Call.START)
        with self._lock:
            resource = self._resources.to_start(resource_id, app_id, order.plan.cname, order.plan.recorder_uid)
            if resource.who in self._starting or self._runs(resource.who):
                raise refusal(53, Call.START)
            self._refuse_too_many(Call.START, 502)
            resource.started = True
            self._starting.add(resource.who)
        if resource.in_vain:
            order = order.fruitless()
        try:  # without the lock: nobody else need wait
            session = _Session(sid, resource_id, resource, self._capture(order, store))
            with self._lock:
                self._sessions[sid] = session
        finally:
            with self._lock:
                self._starting.discard(resource.who)
        session.capture.start()
        _log.info("session %s of %r by recorder %s", sid, order.plan.cname, order.plan.recorder_uid)
        _warn_of(order.in_vain)
        return Answer(200, session.named)

    def query(self, app_id: str, resource_id: str, sid: str, mode: str) -> Answer:
        """Tell how it goes.  With screenshots no file is named."""
        session, status = self._running(app_id, resource_id, sid, mode, Call.QUERY)
        server: dict[str, object] = {"status": _IN_PROGRESS if status.started_at else _STARTING}
        if status.started_at is not None:
            server["sliceStartTime"] = to_ms(status.started_at)
        return Answer(200, {**session.named, "serverResponse": server})

    def update(self, app_id: str, resource_id: str, sid: str, mode: str, body: object) -> Answer:
        """Change where it uploads to, or whose video it takes."""
        changes = orders.changes(body, now=datetime.now(UTC))
        session, _ = self._running(app_id, resource_id, sid, mode, Call.UPDATE)
        self._refuse_others(session, body, Call.UPDATE)
        if changes.storage is not None:
            store = self._storage(changes.storage, Call.UPDATE)
            session.capture.move(store, prefix_of(changes.storage.file_name_prefix))
        if changes.videos is not None:
            session.capture.subscribe(changes.videos.among(self._uids))
        return Answer(200, session.named)

    def stop(self, app_id: str, resource_id: str, sid: str, mode: str, body: object) -> Answer:
        """End it.  Unless told not to wait, the answer comes when all is uploaded, after 20 s at most."""
        at_once = orders.stops_at_once(body)
        session, _ = self._running(app_id, resource_id, sid, mode, Call.STOP)
        self._refuse_others(session, body, Call.STOP)
        with self._lock:
            if session.stopping:
                raise refusal(49, Call.STOP)
            session.stopping = True
        uploading = session.capture.stop(wait=not at_once)
        status = session.capture.status()
        self._forget_some()
        if not status.taken and not status.files:
            raise refusal(435, Call.STOP)
        if uploading is UploadingStatus.UNKNOWN and not at_once:
            raise refusal(50, Call.STOP)
        return Answer(200, {**session.named, "serverResponse": {"uploadingStatus": str(uploading)}})

    # --- What they have in common -----------------------------------------------------------------------------------

    def _running(self, app_id: str, resource_id: str, sid: str, mode: str, call: Call) -> tuple[_Session, Status]:
        """A session that runs, and no failover keeps it from answering."""
        with self._lock:
            session = self._sessions.get(sid)
        if session is None or mode != INDIVIDUAL:
            raise refusal(404, call)
        if (session.resource.app_id, session.resource_id) != (app_id, resource_id):
            raise refusal(1003, call)
        self._resources.refuse_expired(session.resource, call)
        status = session.capture.status()
        if session.stopping and call is Call.STOP and status.state not in _OVER:
            raise refusal(49, call)
        if session.stopping or status.state not in _ANSWERING:
            raise refusal(404, call)
        return session, status

    def _refuse_others(self, session: _Session, body: object, call: Call) -> None:
        """Raise `RefusedError` if the body does not name the channel and recorder of the session."""
        if orders.channel(body, call) != (session.resource.cname, session.resource.uid):
            raise refusal(432, call)

    def _refuse_too_many(self, call: Call, number: int) -> None:
        self._forget_some()
        running = sum(session.capture.status().state in _RUNNING for session in self._sessions.values())
        if running + len(self._starting) >= self._world.most_sessions:
            raise refusal(number, call)

    def _runs(self, who: tuple[str, str, str]) -> bool:
        """Whether this recorder is in that channel already."""
        return any(
            session.resource.who == who and session.capture.status().state in _RUNNING
            for session in self._sessions.values()
        )

    def _forget_some(self) -> None:
        """Keep only the figures of sessions that are over, so that nothing grows for ever."""
        with self._lock:
            for sid, session in list(self._sessions.items()):
                status = session.capture.status()
                if status.state in _OVER and not status.pending:
                    self._forgotten.add(status)
                    del self._sessions[sid]

    def _storage(self, storage: StorageConfig, call: Call) -> ObjectStore:
        try:
            return self._opened(orders.address_of(storage, s3_endpoint=self._world.s3_endpoint))
        except LivestillsError as exc:
            raise refusal(2, call, f"{call.capitalize()}: {exc}") from exc

    def _capture(self, order: Order, store: ObjectStore) -> Capture:
        world = self._world
        tell = Teller(order.plan.sid, order.plan.cname, world.clock, self._taker)
        return Capture(
            order.plan,
            world.scenario,
            store,
            world.clock,
            tell,
            world.seed,
            uploads=self._uploads,
            studio=self._studio,
        )


def _open(address: Address) -> ObjectStore:
    return open_store(address.location, address.options)


def _warn_of(in_vain: Sequence[Finding]) -> None:
    for finding in in_vain:
        _log.warning("%s %s: Agora %s, and so does this", finding.path, finding.message, finding.rule.otherwise)
