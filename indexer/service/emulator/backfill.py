"""A history that never was: sessions of the past days, written to a storage as fast as it takes them.

The sessions of one seed and end are always the same, and so are keys and pictures: written again, they replace
themselves.
What a storage cannot be told is when a picture was uploaded: for it all of them came today.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count
from random import Random
from typing import IO, Final

from indexer.agora import events
from indexer.agora.events import Details
from indexer.model import from_ms, to_ms
from indexer.service.emulator import notes
from indexer.service.emulator.happening import FailedOver, Plan, RecorderLeft, ShotTaken, shot_key, told_at_once
from indexer.service.emulator.pictures import Camera, Studio
from indexer.service.emulator.scenario import LARGEST_UID, Scenario, random_scenario
from indexer.service.emulator.simulation import happenings
from indexer.service.emulator.telling import Numbering
from indexer.storage.base import ObjectStore

THREADS: Final = 8
_AHEAD: Final = 4 * THREADS
"""Uploads that may be under way or done while an older one is waited for."""

_CHANNELS: Final = ("math-101", "physics_2", "exam_2026-A", "support-4711", "standup", "ride_17822", "onboarding")
_LENGTH_MINUTES: Final = 15, 75
_USERS: Final = 2, 6


@dataclass(frozen=True, slots=True)
class Past:
    """Which history."""

    until: datetime
    """Aware; all sessions have ended by then, and all their pictures have come.  With the newest one just before."""
    shots: int = 100_000
    """Pictures in the storage, exactly: the last session that is written breaks off there."""
    seed: int = 0
    days: int = 30
    """The sessions lie in so many days before `until`."""
    interval: timedelta = timedelta(seconds=10)
    """Agora's default `captureInterval`."""
    prefix: str = ""
    """Empty, or with its trailing "/"."""
    size: tuple[int, int] = (320, 180)
    """Of a picture in pixels: 10 KB each; 640x360 are 30 KB."""


@dataclass(frozen=True, slots=True)
class PastSession:
    """One session of it."""

    plan: Plan
    scenario: Scenario
    start: datetime
    seed: int


@dataclass(slots=True)
class Written:
    """What was written."""

    sessions: int = 0
    shots: int = 0
    late: int = 0
    """Of the shots."""
    lost: int = 0
    """Captured, and never uploaded."""
    failovers: int = 0
    size: int = 0
    """Bytes of the shots."""
    notices: int = 0
    channels: set[str] = field(default_factory=set)
    since: datetime | None = None
    """Capture time of the oldest shot."""
    until: datetime | None = None
    """And of the newest."""


def past_sessions(past: Past) -> Iterator[PastSession]:
    """The sessions of a history, endless; the first one is the newest, the others are in no order."""
    for number in count():
        chance = Random(f"past {past.seed}/{number}")  # noqa: S311 - a world to look at, not a secret
        length = timedelta(minutes=chance.randint(*_LENGTH_MINUTES))
        ago = chance.uniform(0, past.days * 86_400) if number else 0
        plan = Plan(
            sid=_sid(past, number),
            cname=chance.choice(_CHANNELS),
            recorder_uid=str(chance.randint(1, LARGEST_UID)),
            prefix=past.prefix,
            interval=past.interval,
        )
        seed = chance.randrange(2**32)
        scenario = random_scenario(seed, users=chance.randint(*_USERS), length=length, size=past.size)
        latest = from_ms(to_ms(past.until)) - timedelta(milliseconds=int(ago * 1000) + 1)
        if scenario.late.share:
            latest -= scenario.late.by  # so that nothing is told that is still to come
        yield PastSession(plan, scenario, latest - length, seed)


def _sid(past: Past, number: int) -> str:
    # Another end has other sids: with the same ones, sessions would go on from the one time to the other.
    return blake2b(f"past {past.seed}/{to_ms(past.until)}/{number}".encode(), digest_size=16).hexdigest()


def backfill(
    store: ObjectStore,
    past: Past,
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    check: Callable[[], None] = lambda: None,
    notices: IO[bytes] | None = None,
    threads: int = THREADS,
    studio: Studio | None = None,
) -> Written:
    """Write a history.  Nothing is held in proportion to it.

    `progress` hears of the shots written and of how many there will be.  `check` is called now and then: what it
    raises ends the work in between two pictures, and so do the errors of the storage.  The notices that Agora would
    have posted of it go to `notices`, one a line, each session's in the order of time.  A `studio` whose stock is drawn
    already saves a second.
    """
    written = Written()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="backfill")
    studio = studio or Studio(drawn_per_s=0)
    try:
        for session in past_sessions(past):
            if written.shots >= past.shots:
                return written
            written.sessions += 1
            written.channels.add(session.plan.cname)
            camera = studio.open(session.scenario, session.plan, speed=1)
            _write(_Work(store, past, pool, camera, session, written, progress, check, notices))
        raise AssertionError("histories are endless")
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Work:
    """One session to be written."""

    store: ObjectStore
    past: Past
    pool: ThreadPoolExecutor
    camera: Camera
    session: PastSession
    written: Written
    progress: Callable[[int, int], None]
    check: Callable[[], None]
    notices: IO[bytes] | None

    def put(self, key: str, shot: ShotTaken) -> int:
        """Upload a picture: its size."""
        data = self.camera.picture(shot.uid, shot.at)
        self.store.put(key, data, content_type="image/jpeg")
        return len(data)


def _write(work: _Work) -> None:
    scribe = _Scribe(work)
    under_way: deque[tuple[datetime, Details, ShotTaken | None, Future[int] | None]] = deque()

    def conclude() -> None:
        at, details, shot, future = under_way.popleft()
        if shot is not None and future is not None:
            _note(work.written, shot, future.result())
            work.progress(work.written.shots, work.past.shots)
        scribe.write(at, details)

    left = work.past.shots - work.written.shots
    for at, what in _told(work):
        if isinstance(what, ShotTaken):
            if not left:
                break
            left -= 1
            key = shot_key(work.session.plan, what)
            under_way.append((at, events.SnapshotFile(key), what, work.pool.submit(work.put, key, what)))
        else:
            under_way.append((at, what, None, None))
        if len(under_way) > _AHEAD:
            work.check()
            conclude()
    while under_way:
        conclude()


def _note(written: Written, shot: ShotTaken, size: int) -> None:
    written.shots += 1
    written.size += size
    written.late += shot.uploaded_at is not None and shot.uploaded_at > shot.at
    written.since = min(written.since or shot.at, shot.at)
    written.until = max(written.until or shot.at, shot.at)


def _told(work: _Work) -> Iterator[tuple[datetime, Details | ShotTaken]]:
    """What Agora would tell of a session, and pictures, when they are uploaded: in the order of time."""
    session, waiting, order = work.session, list[tuple[datetime, int, ShotTaken]](), count()
    yield session.start, events.UploaderStarted()
    for happening in happenings(session.scenario, session.plan, start=session.start, seed=session.seed):
        while waiting and waiting[0][0] <= happening.at:
            due, _, shot = heapq.heappop(waiting)
            yield due, shot
        details = told_at_once(happening)
        if details is not None:
            yield happening.at, details
        match happening:
            case ShotTaken(uploaded_at=None):
                work.written.lost += 1
            case ShotTaken(uploaded_at=datetime() as due):
                heapq.heappush(waiting, (due, next(order), happening))
            case FailedOver():
                work.written.failovers += 1
            case RecorderLeft(at):
                yield at, events.BackedUp() if waiting else events.Uploaded()
                yield at, notes.session_exit(normal=True)
    while waiting:
        due, _, shot = heapq.heappop(waiting)
        yield due, shot


class _Scribe:
    """Writes the notices of a session."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        plan = work.session.plan
        self._recorder_uid = plan.recorder_uid
        self._numbering = Numbering(plan.sid, plan.cname)

    def write(self, at: datetime, details: Details) -> None:
        """The next notice."""
        if self._work.notices is None:
            return
        if isinstance(details, events.SessionFailover):
            self._recorder_uid = details.new_uid
        notice = self._numbering.notice(details, recorder_uid=self._recorder_uid, at=at, notified_at=at)
        self._work.notices.write(events.format(notice) + b"\n")
        self._work.written.notices += 1
