"""Why a series has a gap, told from evidence.  docs/timelines.md has the rules and their order.

Pure: what others did, and what was removed, is asked of a `Testimony`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from indexer.timeline.series import Captured, CaptureInterval, Hole, longest_pause, missing_between

FAILOVER: Final = timedelta(seconds=90)
"""Until another recorder has taken over (Agora: 30 s when a process was killed, up to 90 s with network trouble)."""

UPLOAD: Final = timedelta(minutes=20)
"""Until a picture is normally there (Agora: all of them up to 20 minutes behind the end of a session)."""

LATE: Final = timedelta(minutes=1)
"""An upload that took so long was not a normal one: normally it is seconds."""

FEW: Final = 10
"""So many shots in a row may be lost pictures.  A camera that is off misses as many, but its clock starts anew."""

WITNESSES: Final = 10
"""So many others who went on are enough to know."""

_LEAST_ALLOWED: Final = timedelta(milliseconds=50)
_DRIFT: Final = timedelta(milliseconds=5)  # how wrong an inferred interval may be
_SHARPEST: Final = 6
# A clock that began anew at any moment looks like one that went on once in three times, if a sixth of the interval is
# allowed to each side.  Where more would have to be allowed, the clock tells nothing.

_EDGE: Final = 0.1
# Nobody leaves or comes back at the same moment: what others did in the first and last tenth of a gap is no evidence.


class Cause(StrEnum):
    """Why there are no shots."""

    FAILOVER = "failover"
    """Another recorder took over."""
    CAMERA_OFF = "camera-off"
    """Others of the session went on."""
    SESSION_SILENT = "session-silent"
    """Nobody of the session has shots, though others did before and after."""
    NOT_JOINED = "not-joined"
    """Before the user's first shot."""
    LEFT = "left"
    """After the user's last shot."""
    PENDING = "pending"
    """Pictures may still come."""
    EXPIRED = "expired"
    """There were shots, and the storage no longer has them."""
    UNKNOWN = "unknown"
    """The evidence does not tell."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without shots, from the last shot before it to the first one behind it."""

    since: datetime
    """Or the beginning of the session, or of the asked period."""
    until: datetime
    """Or the end of the session, or of the asked period."""
    missing: int
    """Shots that one expects in it by the interval; of what has expired, those that were removed."""
    cause: Cause
    evidence: str
    """One short sentence for people."""
    on: bool | None = None
    """Whether the camera was on; None if the evidence does not tell."""

    @property
    def length(self) -> timedelta:
        """From its beginning to its end."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Removed:
    """Shots of a user that a sync found gone from the storage: when they were captured."""

    first_at: datetime
    last_at: datetime
    shots: int


@dataclass(frozen=True, slots=True)
class Witness:
    """Another user of the session who has shots inside a stretch of time."""

    uid: str
    first_at: datetime
    last_at: datetime


class Testimony(Protocol):
    """What is known of the others in the session."""

    def others_inside(self, since: datetime, until: datetime) -> Sequence[Witness]:
        """Those with shots in [since, until), at least `WITNESSES` of them where there are so many."""
        ...

    def others_around(self, since: datetime, until: datetime) -> tuple[datetime | None, datetime | None]:
        """When anybody was last seen before `since`, and first from `until` on."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of the user and of the listing."""

    interval: CaptureInterval | None
    listed_at: datetime
    """When the storage was last asked."""
    horizon: timedelta
    """How long after its capture a picture may come."""
    alone: bool
    """Nobody else is in the session."""
    usual_lag: timedelta = timedelta(0)
    """Between capture and upload of most shots.  It is long where a bucket was copied: that is no late upload."""
    removed: Sequence[Removed] = ()
    """In the order of their first shots."""


def explain(hole: Hole, case: Case, testimony: Testimony) -> Iterator[Gap]:
    """The gap that a hole is, with its cause; several, where shots were removed in a part of it.

    They tile the hole in time order.  The first rule that applies decides:

    1. Shots were captured in it and have been removed since: expired.
    2. It is before the user's first shot: not joined.  Behind the last one: left, or pending where uploads may be
       under way.
    3. Another recorder goes on behind it, after at most 90 s and an interval, and others did not go on: failover.
    4. A few shots are missing while the capture clock went on: pending up to the horizon, then unknown.
    5. The uploads beside it came late, or it is about to be uploaded: pending.
    6. Others went on in most of it: camera off.  Nobody did, but others were there right before and after: silent.
    7. Unknown.
    """
    for stretch in _split(hole, case):
        yield stretch if isinstance(stretch, Gap) else _Judgement(stretch, case, testimony).gap()


def within(gap: Gap, since: datetime, until: datetime) -> Gap | None:
    """The part of a gap that lies in a period, judged as the whole; None if there is none."""
    part = replace(gap, since=max(gap.since, since), until=min(gap.until, until))
    if part.length <= timedelta(0):
        return None
    if part.length == gap.length:
        return part
    missing = round(gap.missing * (part.length / gap.length))
    told = _told_removed(missing) if gap.cause is Cause.EXPIRED else gap.evidence
    return replace(part, missing=missing, evidence=told)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A hole, or what removed shots leave of one."""

    since: datetime
    until: datetime
    before: Captured | None
    after: Captured | None
    is_first: bool = False
    """It begins with the session."""
    is_last: bool = False
    """It ends with the session."""
    taken_over: int | None = None
    """See `Hole`."""


def _split(hole: Hole, case: Case) -> Iterator[Gap | _Stretch]:
    begin, before = hole.since, hole.before
    # Whose pictures before it or behind it were removed had joined, or came back.
    first = hole.before is None and all(each.first_at > hole.since for each in case.removed)
    last = hole.after is None and all(each.last_at < hole.until for each in case.removed)
    for gap in _expired(hole, case.removed, case.interval.length if case.interval else None):
        if gap.since > begin:
            yield _Stretch(begin, gap.since, before, None, is_first=first and begin == hole.since)
        yield gap
        begin, before = gap.until, None
    if begin == hole.since:
        yield _Stretch(hole.since, hole.until, hole.before, hole.after, first, last, hole.taken_over)
    elif begin < hole.until:
        yield _Stretch(begin, hole.until, None, hole.after, is_last=last, taken_over=hole.taken_over)


def _expired(hole: Hole, removed: Sequence[Removed], interval: timedelta | None) -> Iterator[Gap]:
    """What was removed in a hole, in time order: what lies no further apart than a pause together."""
    pause = longest_pause(interval) if interval else timedelta(0)
    found: Gap | None = None
    for each in removed:
        if each.last_at <= hole.since or each.first_at >= hole.until:
            continue
        since, until = max(each.first_at, hole.since), min(each.last_at, hole.until)
        length = each.last_at - each.first_at
        shots = max(1, round(each.shots * ((until - since) / length))) if length else each.shots
        if found is not None and since - found.until > pause:
            yield _counting_once(found, hole, interval)
            found = None
        if found is None:
            begin = hole.since if since - hole.since <= pause else since
            found = Gap(begin, until, shots, Cause.EXPIRED, "", on=True)
            continue
        # Of what overlaps, another recorder took the same moments: it adds what it has behind the rest.
        behind = shots
        if interval and since <= found.until:
            behind = min(shots, max(0, round((until - found.until) / interval)))
        found = replace(found, until=max(found.until, until), missing=max(found.missing + behind, shots))
    if found is not None:
        if hole.until - found.until <= pause:
            found = replace(found, until=hole.until)
        yield _counting_once(found, hole, interval)


def _counting_once(gap: Gap, hole: Hole, interval: timedelta | None) -> Gap:
    """What has expired with no more shots than its time holds, beside those that are still there."""
    missing = gap.missing
    if interval:
        beside = (hole.before is not None and gap.since == hole.since) + (
            hole.after is not None and gap.until == hole.until
        )
        missing = max(1, min(missing, round(gap.length / interval) + 1 - beside))
    return replace(gap, missing=missing, evidence=_told_removed(missing))


class _Judgement:
    """One stretch, and what speaks for which cause."""

    def __init__(self, stretch: _Stretch, case: Case, testimony: Testimony) -> None:
        self._stretch = stretch
        self._case = case
        self._testimony = testimony
        self._length = stretch.until - stretch.since
        self._interval = case.interval.length if case.interval else None
        self._missing = self._count_missing()
        self._clock_went_on = self._phase()

    def gap(self) -> Gap:
        """The first rule that applies."""
        stretch = self._stretch
        if stretch.is_first:
            return self._of(Cause.NOT_JOINED, "before the user's first picture", on=False)
        if stretch.is_last:
            return self._pending() or self._of(Cause.LEFT, "behind the user's last picture", on=False)
        return self._failover() or self._lost() or self._pending() or self._by_others()

    def _of(self, cause: Cause, evidence: str, *, on: bool | None) -> Gap:
        return Gap(self._stretch.since, self._stretch.until, self._missing, cause, evidence, on)

    def _count_missing(self) -> int:
        if self._interval is None:
            return 0
        if self._stretch.is_first or self._stretch.is_last:
            return self._length // self._interval
        return missing_between(self._stretch.since, self._stretch.until, self._interval)

    def _phase(self) -> bool | None:
        """Whether the shot behind it comes at a tick of the clock of the one before; None if that cannot be told."""
        before, after, interval = self._stretch.before, self._stretch.after, self._case.interval
        if before is None or after is None or interval is None:
            return None
        if before.recorder != after.recorder:
            return None
        ticks = round(self._length / interval.length)
        allowed = max(_LEAST_ALLOWED, interval.jitter * 3) + _DRIFT * ticks
        if allowed * _SHARPEST > interval.length:
            return None
        return abs(self._length - interval.length * ticks) <= allowed

    def _failover(self) -> Gap | None:
        before, bak = self._stretch.before, self._stretch.taken_over
        if bak is None:
            return None
        if self._length > FAILOVER + (self._interval or timedelta(0)) or self._witnesses():
            return None
        if before is None:
            return self._of(Cause.FAILOVER, f"the recorder bak{bak} took over", on=True)
        recorder = "original" if before.recorder.bak is None else f"bak{before.recorder.bak}"
        return self._of(Cause.FAILOVER, f"the recorder changed from {recorder} to bak{bak}", on=True)

    def _lost(self) -> Gap | None:
        if self._missing > FEW or not self._clock_went_on:
            return None
        told = "the capture clock went on through it"
        if self._case.listed_at - self._stretch.until < self._case.horizon:
            return self._of(Cause.PENDING, f"{told}: pictures may still come", on=True)
        return self._of(Cause.UNKNOWN, f"{told}: pictures seem to be lost", on=True)

    def _pending(self) -> Gap | None:
        stretch, listed_at = self._stretch, self._case.listed_at
        # What is missing at the end is missing from its first moment on.
        moment = stretch.since if stretch.is_last else stretch.until
        behind = listed_at - moment
        if behind >= self._case.horizon:
            return None
        beside = [shot.lag_ms for shot in (stretch.before, stretch.after) if shot is not None]
        lag = timedelta(milliseconds=max(beside, default=0))
        on = True if self._clock_went_on else None
        usual = self._case.usual_lag
        if lag >= usual * 1.5 + LATE and behind < 2 * lag:
            return self._of(Cause.PENDING, f"pictures beside it came {_minutes(lag)} late", on=on)
        if behind < UPLOAD and self._clock_went_on is not False:
            return self._of(Cause.PENDING, "it was listed so soon that uploads may have been under way", on=on)
        return None

    def _by_others(self) -> Gap:
        if self._case.alone:
            return self._of(Cause.UNKNOWN, "nobody else was in the session to compare with", on=None)
        if self._interval is None and self._stretch.before and self._stretch.after:
            return self._of(Cause.UNKNOWN, "too few pictures to tell how often they are taken", on=None)
        if self._missing <= FEW and self._clock_went_on is None and self._stretch.before and self._stretch.after:
            return self._of(Cause.UNKNOWN, "pictures may be lost: a few are missing, and no clock tells", on=None)
        witnesses = self._witnesses()
        if witnesses:
            if self._seen_for(witnesses) * 2 >= self._length - 2 * self._slack():
                return self._of(Cause.CAMERA_OFF, f"{_named(witnesses)} went on", on=False)
            return self._of(Cause.UNKNOWN, f"{_named(witnesses)} went on in a part of it only", on=None)
        return self._by_nobody_inside()

    def _by_nobody_inside(self) -> Gap:
        since, until, slack = self._stretch.since, self._stretch.until, self._slack()
        last, first = self._testimony.others_around(since + slack, until - slack)
        if last is None or first is None:
            return self._of(Cause.UNKNOWN, "nobody else was there before and after it", on=None)
        pause = longest_pause(self._interval) if self._interval else timedelta(0)
        if first - last <= pause:
            return self._of(Cause.CAMERA_OFF, "others of the session went on", on=False)
        if since - last > slack + pause or first - until > slack + pause:
            return self._of(Cause.UNKNOWN, "nobody else was there right before and after it", on=None)
        told = "nobody has pictures in it, though others have before and after"
        if self._stretch.taken_over is not None:  # a failover that took too long, or one during a pause of everybody
            return self._of(Cause.SESSION_SILENT, f"{told}, and the recorder changed", on=None)
        return self._of(Cause.SESSION_SILENT, told, on=False)

    def _slack(self) -> timedelta:
        """How far from its ends others are no evidence: their clocks tick at other moments."""
        least = timedelta(0)
        if self._case.interval is not None:
            least = self._case.interval.length + max(_LEAST_ALLOWED, self._case.interval.jitter * 3)
        return min(max(least, self._length * _EDGE), self._length / 2)

    def _witnesses(self) -> Sequence[Witness]:
        """Others with shots in its inner part, which there is from two missing shots on."""
        since, until = self._stretch.since + self._slack(), self._stretch.until - self._slack()
        return () if self._case.alone or since >= until else self._testimony.others_inside(since, until)

    def _seen_for(self, witnesses: Sequence[Witness]) -> timedelta:
        seen = max(each.last_at for each in witnesses) - min(each.first_at for each in witnesses)
        return seen + (self._interval or timedelta(0))


def _told_removed(shots: int) -> str:
    return f"{_counted(shots, 'picture')} of it {'was' if shots == 1 else 'were'} removed from the storage"


def _named(witnesses: Sequence[Witness]) -> str:
    others = len(witnesses) - 1
    told = f"{'at least ' if len(witnesses) >= WITNESSES else ''}{_counted(others, 'other')}"
    return f"user {witnesses[0].uid}" + (f" and {told}" if others else "")


def _minutes(lag: timedelta) -> str:
    return _counted(round(lag / timedelta(minutes=1)), "minute")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
