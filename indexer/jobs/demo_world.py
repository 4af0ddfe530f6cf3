"""The demo world: a small bucket as Agora would have filled it, with everything in it that happens in real ones.

Four calls on three channels, eight people: two lessons (one of them also recorded), an exam, a support call.  In it a
recorder fails over, a camera is off for a while, somebody comes late and leaves early, a picture is lost, another is
cut off, and there are files that are not Agora's.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from types import MappingProxyType
from typing import Final

from indexer.agora import names
from indexer.agora.names import RecordingName, ScreenshotName, ShotHead
from indexer.agora.playlist_text import END, NULL_PACKETS, PLAYLIST_TYPE, SLICE_TYPE, entry, heading
from indexer.agora.playlists import Slice
from indexer.model import to_ms
from indexer.render.frames import Person, Scene, draw_frame
from indexer.storage.base import ObjectStore

PREFIX: Final = "directory1/directory2/"
"""What Agora makes of `fileNamePrefix: ["directory1", "directory2"]`, the example of its own guide."""

INTERVAL: Final = timedelta(seconds=10)
"""Agora's default `captureInterval`."""

_SLICE: Final = timedelta(seconds=60)
_SILENCE: Final = timedelta(seconds=70)  # Agora: up to 90 s until another recorder has taken over
_BOTH: Final = timedelta(seconds=20)  # how long the first recorder still writes beside the second one

# Pillow holds the interpreter's lock for about half of a frame: a second thread saves a third, a third one nothing.
_THREADS: Final = 2
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Period:
    """Something that happened in a session between `since` and `until`: to `uid`, or to everybody."""

    sid: str
    cname: str
    uid: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class World:
    """What was written, and where to look for what."""

    prefix: str
    shots: int
    """Screenshot objects, the corrupt one included."""
    recordings: int
    foreign: int
    size: int
    """Bytes of all objects."""
    people: Mapping[tuple[str, str], str]
    """Names by (cname, uid)."""
    sessions: Sequence[Period]
    """Oldest first."""
    uid: str
    """Somebody worth looking up: in three sessions on two channels, among them `failover` and `camera_off`."""
    shared_uid: str
    """The uid of two people, each on a channel of their own."""
    failover: Period
    """When nobody was recorded, between two recorders."""
    camera_off: Period
    """When the user had no picture while others went on."""
    visit: Period
    """From when to when the user was there who came late and left early."""
    lost_key: str
    """The object that is missing though its camera was on."""
    corrupt_key: str
    """The picture that breaks off in its middle."""


@dataclass(frozen=True, slots=True)
class _Seat:
    """One user in a call.  Times count from its start."""

    uid: str
    person: Person
    joins: timedelta = timedelta()
    leaves: timedelta | None = None
    camera_off: tuple[timedelta, timedelta] | None = None
    on_phone: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    cname: str
    ago: timedelta
    lasts: timedelta
    seats: Sequence[_Seat]
    recorded: bool = False
    fails_over: timedelta | None = None


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


_TEACHER: Final = Person("Dr. Elena Marsh", 8, Scene.SLIDES)
_MAYA: Final = Person("Maya Lindqvist", 66, Scene.WINDOW)
_BEN: Final = Person("Ben Okafor", 6, Scene.BOOKSHELF)
_PRIYA: Final = Person("Priya Raman", 12, Scene.EVENING)
_GUEST: Final = Person("Leyla Demir", 79, Scene.WINDOW)
_PROCTOR: Final = Person("Grace Whitfield", 21, Scene.OFFICE)
_AGENT: Final = Person("Sam Carter", 62, Scene.OFFICE)
_CUSTOMER: Final = Person("Jonas Weber", 22, Scene.WINDOW)

_CLASS: Final = (_Seat("1", _TEACHER), _Seat("1001", _MAYA), _Seat("1002", _BEN), _Seat("1003", _PRIYA))
_STAY: Final = _minutes(3), _minutes(6)
_OFF: Final = _minutes(3), _minutes(5)
_SWITCH: Final = _minutes(7.5)
_VISIT: Final = _Seat("1004", _GUEST, joins=_STAY[0], leaves=_STAY[1])
_BEN_UNSEEN: Final = _Seat("1002", _BEN, camera_off=_OFF)
_LESSON: Final = _Call("math-101", timedelta(hours=26), _minutes(7), _CLASS, recorded=True)
_REVISION: Final = _Call("math-101", timedelta(hours=7), _minutes(8), (*_CLASS, _VISIT))
_EXAM: Final = _Call(
    "exam_2026-A",
    timedelta(hours=4),
    _minutes(12),
    (_Seat("900", _PROCTOR), _Seat("1001", _MAYA), _BEN_UNSEEN, _Seat("1003", _PRIYA)),
    fails_over=_SWITCH,
)
_SUPPORT: Final = _Call(
    "support-4711",
    timedelta(hours=2),
    _minutes(5),
    (_Seat("1", _AGENT), _Seat("2725317129", _CUSTOMER, on_phone=True)),
)
_CALLS: Final = (_LESSON, _REVISION, _EXAM, _SUPPORT)


@dataclass(frozen=True, slots=True)
class _Shot:
    key: str
    seat: _Seat
    cname: str
    moment: datetime

    def draw(self, frame_height: int) -> bytes:
        """The picture, upright from a phone."""
        sides = frame_height * 16 // 9, frame_height
        width, height = reversed(sides) if self.seat.on_phone else sides
        return draw_frame(self.seat.person, channel=self.cname, moment=self.moment, width=width, height=height)


@dataclass(frozen=True, slots=True)
class _Object:
    key: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class _Session:
    """A call at its place in time and in the bucket."""

    call: _Call
    start: datetime
    prefix: str

    @property
    def sid(self) -> str:
        return hashlib.blake2b(f"{self.call.cname} {self.call.ago}".encode(), digest_size=16).hexdigest()

    def period(self, since: timedelta, until: timedelta, uid: str | None = None) -> Period:
        """A part of this session, as it is told to others."""
        return Period(self.sid, self.call.cname, uid, self.start + since, self.start + until)

    def shots_of(self, seat: _Seat) -> list[_Shot]:
        """What the recorders took of one user, in time order for each recorder."""
        call, chance = self.call, self._chance(seat)
        switch = self.call.lasts if call.fails_over is None else call.fails_over
        first = [
            moment
            for moment in self._ticks(seat, seat.joins, chance)
            if not switch <= moment < switch + _SILENCE and moment < switch + _SILENCE + _BOTH
        ]
        second = [] if call.fails_over is None else self._ticks(seat, switch + _SILENCE, chance)
        return [
            _Shot(self._key(bak, seat.uid, self.start + moment), seat, call.cname, self.start + moment)
            for bak, moments in (("", first), ("bak0_", second))
            for moment in moments
        ]

    def recording_of(self, seat: _Seat) -> Iterator[_Object]:
        """The playlists of one user's recording and what they list: well-formed, but without sound or picture."""
        chance = self._chance(seat)
        for track in ("audio", "video"):
            started = self.start + timedelta(milliseconds=chance.randrange(300, 900))
            playlist = RecordingName(self.prefix, "", self.sid, self.call.cname, "m3u8", seat.uid, track)
            text = heading(int(_SLICE.total_seconds()))
            for number in range(self.call.lasts // _SLICE):
                moment = started + number * _SLICE
                part = names.format(replace(playlist, extension="ts", stamp=names.format_utc(to_ms(moment))))
                first = number == 0
                text += entry(Slice(part.rpartition("/")[2], _SLICE, moment, anew=first), track, first=first)
                yield _Object(part, NULL_PACKETS, SLICE_TYPE)
            yield _Object(names.format(playlist), f"{text}{END}".encode(), PLAYLIST_TYPE)

    def _ticks(self, seat: _Seat, begin: timedelta, chance: Random) -> list[timedelta]:
        """When a recorder takes pictures that began with this user at `begin`."""
        end = self.call.lasts if seat.leaves is None else seat.leaves
        off_since, off_until = seat.camera_off or (end, end)
        tick = begin + timedelta(milliseconds=chance.randrange(200, 6_000))
        late = [timedelta(milliseconds=chance.randrange(80)) for _ in range((end - tick) // INTERVAL + 1)]
        moments = (tick + number * INTERVAL + delay for number, delay in enumerate(late))
        return [moment for moment in moments if moment < end and not off_since <= moment < off_until]

    def _key(self, bak: str, uid: str, moment: datetime) -> str:
        return names.format(ScreenshotName(ShotHead(self.prefix, bak, self.sid, self.call.cname, uid), moment))

    def _chance(self, seat: _Seat) -> Random:
        return Random(f"{self.sid}/{seat.uid}")  # noqa: S311 - a world to look at, not a secret


def build(
    store: ObjectStore,
    *,
    now: datetime,
    prefix: str = PREFIX,
    progress: Callable[[int, int], None] | None = None,
    frame_height: int = 360,
) -> World:
    """Write the world as it is at `now` (aware) under `prefix`, which is empty or ends with "/".

    The same arguments write the same objects.  The sids are always the same: built twice in one place at two times,
    sessions would run from the one to the other.  `progress` hears of the objects written and of how many there will
    be.  Pictures of a smaller `frame_height` are drawn faster.
    """
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    lesson, revision, exam, _ = sessions = [_Session(call, minute - call.ago, prefix) for call in _CALLS]
    shots = [shot for session in sessions for seat in session.call.seats for shot in session.shots_of(seat)]
    shots.sort(key=lambda shot: shot.moment)  # so that neighbours, drawn at the same time, are different people
    lost, corrupt = lesson.shots_of(_CLASS[3])[20], revision.shots_of(_CLASS[1])[17]
    shots.remove(lost)
    recordings = [part for seat in lesson.call.seats for part in lesson.recording_of(seat)]
    foreign = list(_foreign_files(prefix, revision.shots_of(_CLASS[2])[5], frame_height))
    written = size = 0
    for item in chain(_drawn(shots, corrupt, frame_height), recordings, foreign):
        store.put(item.key, item.data, content_type=item.content_type)
        written, size = written + 1, size + len(item.data)
        if progress is not None:
            progress(written, len(shots) + len(recordings) + len(foreign))
    return World(
        prefix=prefix,
        shots=len(shots),
        recordings=len(recordings),
        foreign=len(foreign),
        size=size,
        people=MappingProxyType({(call.cname, seat.uid): seat.person.name for call in _CALLS for seat in call.seats}),
        sessions=[session.period(timedelta(), session.call.lasts) for session in sessions],
        uid=_BEN_UNSEEN.uid,
        shared_uid=_SUPPORT.seats[0].uid,
        failover=exam.period(_SWITCH, _SWITCH + _SILENCE),
        camera_off=exam.period(*_OFF, uid=_BEN_UNSEEN.uid),
        visit=revision.period(*_STAY, uid=_VISIT.uid),
        lost_key=lost.key,
        corrupt_key=corrupt.key,
    )


def _drawn(shots: Sequence[_Shot], corrupt: _Shot, frame_height: int) -> Iterator[_Object]:
    """The pictures of `shots`, in their order.  While one batch is written the next is drawn, and no more than that."""

    def draw(shot: _Shot) -> bytes:
        jpeg = shot.draw(frame_height)
        return jpeg[: len(jpeg) * 11 // 20] if shot.key == corrupt.key else jpeg

    batches = [shots[first : first + _BATCH] for first in range(0, len(shots), _BATCH)]
    with ThreadPoolExecutor(_THREADS) as pool:
        upcoming = pool.map(draw, batches[0])
        for batch, following in zip(batches, [*batches[1:], []], strict=True):
            drawn, upcoming = upcoming, pool.map(draw, following)
            for shot, jpeg in zip(batch, drawn, strict=True):
                yield _Object(shot.key, jpeg, "image/jpeg")


def _foreign_files(prefix: str, downloaded: _Shot, frame_height: int) -> Iterator[_Object]:
    """What people leave in buckets."""
    yield _Object(f"{prefix}README.txt", _README, "text/plain")
    yield _Object(f"{prefix}.DS_Store", b"\x00\x00\x00\x01Bud1".ljust(6148, b"\x00"), "application/octet-stream")
    yield _Object(f"{prefix}course-intro.mp4", _MP4, "video/mp4")
    # Browsers name a second download so, and this one was uploaded again.
    yield _Object(f"{downloaded.key.removesuffix('.jpg')} (1).jpg", downloaded.draw(frame_height), "image/jpeg")


_README: Final = b"""\
Screenshots of our lessons, exams and support calls, as Agora Cloud Recording wrote them.
Deleted after 30 days.  Ask the platform team before you move anything.
"""
_MP4: Final = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x20\x08free".ljust(8224, b"\x00")
