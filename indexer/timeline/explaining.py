"""Why a series has a gap, told from evidence.  docs/timelines.md has the rules and their order.

Pure: what others did, and what callbacks told, is asked of a `Testimony`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from indexer.model import is_announced
from indexer.timeline.cutting import Stretch, cut
from indexer.timeline.gaps import WITNESSES, Case, Cause, Gap, Testimony, ToldBy, Witness
from indexer.timeline.series import Hole, longest_pause, missing_between
from indexer.timeline.told import away, clock, failed_over

FAILOVER: Final = timedelta(seconds=90)
"""Until another recorder has taken over (Agora: 30 s when a process was killed, up to 90 s with network trouble)."""

TOLD_FAILOVER: Final = 2 * FAILOVER
"""The same where a callback tells of it: what the new recorder takes first may be missing, too."""

UPLOAD: Final = timedelta(minutes=20)
"""Until a picture is normally there (Agora: all of them up to 20 minutes behind the end of a session)."""

LATE: Final = timedelta(minutes=1)
"""An upload that took so long was not a normal one: normally it is seconds."""

FEW: Final = 10
"""So many shots in a row may be lost pictures.  A camera that is off misses as many, but its clock starts anew."""

_LEAST_ALLOWED: Final = timedelta(milliseconds=50)
_DRIFT: Final = timedelta(milliseconds=5)  # how wrong an inferred interval may be
_SHARPEST: Final = 6
# A clock that began anew at any moment looks like one that went on once in three times, if a sixth of the interval is
# allowed to each side.  Where more would have to be allowed, the clock tells nothing.

_EDGE: Final = 0.1
# Nobody leaves or comes back at the same moment: what others did in the first and last tenth of a gap is no evidence.


def explain(hole: Hole, case: Case, testimony: Testimony) -> Iterator[Gap]:
    """The gap that a hole is, with its cause; several, where shots were removed or the camera was off in a part of it.

    They tile the hole in time order.  The first rule that applies decides:

    1. Shots were captured in it and have been removed since: expired.
    2. Callbacks tell that the user's camera was off: camera off; at the ends not joined, and left.
    3. It is before the user's first shot: not joined.  Behind the last one: left, or pending where uploads may be
       under way.
    4. Another recorder goes on behind it, after at most 90 s and an interval, or a callback tells of it, and others did
       not go on: failover.  Callbacks tell that there was no recorder: silent.
    5. Callbacks tell that the camera was on: pending up to the horizon, then unknown.
    6. A few shots are missing while the capture clock went on: pending up to the horizon, then unknown.
    7. The uploads beside it came late, or it is about to be uploaded: pending.
    8. Others went on in most of it: camera off.  Nobody did, but others were there right before and after: silent.
    9. Unknown.
    """
    for part in cut(hole, case, testimony):
        yield part if isinstance(part, Gap) else _Judgement(part, case, testimony).gap()


class _Judgement:
    """One stretch, and what speaks for which cause."""

    def __init__(self, stretch: Stretch, case: Case, testimony: Testimony) -> None:
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
        if stretch.camera is False:
            cause = Cause.NOT_JOINED if stretch.is_first else Cause.LEFT if stretch.is_last else Cause.CAMERA_OFF
            return self._told(cause, stretch.told, on=False)
        if stretch.is_first and not stretch.camera:
            return self._of(Cause.NOT_JOINED, "before the user's first picture", on=False)
        if stretch.is_last:
            return self._came_back() or self._pending() or self._left()
        return self._failover() or self._away() or self._on() or self._lost() or self._pending() or self._by_others()

    def _of(self, cause: Cause, evidence: str, *, on: bool | None) -> Gap:
        return Gap(self._stretch.since, self._stretch.until, self._missing, cause, evidence, on)

    def _told(self, cause: Cause, evidence: str, *, on: bool | None) -> Gap:
        return replace(self._of(cause, evidence, on=on), told_by=ToldBy.CALLBACKS)

    def _count_missing(self) -> int:
        stretch = self._stretch
        if self._interval is None:
            return 0
        if stretch.is_first or stretch.is_last or stretch.is_part:
            return self._length // self._interval
        return missing_between(self._stretch.since, self._stretch.until, self._interval)

    def _phase(self) -> bool | None:
        """Whether the shot behind it comes at a tick of the clock of the one before; None if that cannot be told."""
        before, after, interval = self._stretch.before, self._stretch.after, self._case.interval
        if before is None or after is None or interval is None or before.recorder != after.recorder:
            return None
        ticks = round(self._length / interval.length)
        allowed = max(_LEAST_ALLOWED, interval.jitter * 3) + _DRIFT * ticks
        if allowed * _SHARPEST > interval.length:
            return None
        return abs(self._length - interval.length * ticks) <= allowed

    def _left(self) -> Gap:
        return self._of(Cause.LEFT, "behind the user's last picture", on=False)

    def _came_back(self) -> Gap | None:
        """At the end, where a callback tells that the camera was on again: for how long nothing tells."""
        if not self._stretch.told:
            return None
        if self._case.listed_at - self._stretch.since < self._case.horizon:
            return self._told(Cause.PENDING, f"{self._stretch.told}: pictures may still come", on=None)
        return self._told(Cause.UNKNOWN, f"{self._stretch.told}, and has no pictures", on=None)

    def _failover(self) -> Gap | None:
        return self._changed() or self._failed_over()

    def _changed(self) -> Gap | None:
        before, bak = self._stretch.before, self._stretch.taken_over
        if bak is None:
            return None
        if self._length > FAILOVER + (self._interval or timedelta(0)) or self._witnesses():
            return None
        if before is None:
            return self._of(Cause.FAILOVER, f"the recorder bak{bak} took over", on=True)
        recorder = "original" if before.recorder.bak is None else f"bak{before.recorder.bak}"
        return self._of(Cause.FAILOVER, f"the recorder changed from {recorder} to bak{bak}", on=True)

    def _failed_over(self) -> Gap | None:
        at = failed_over(self._stretch.changes)
        if at is None or self._length > TOLD_FAILOVER + (self._interval or timedelta(0)) or self._witnesses():
            return None
        return self._told(Cause.FAILOVER, f"another recorder took over at {clock(at)} (callback)", on=True)

    def _away(self) -> Gap | None:
        """Where callbacks tell that there was no recorder in most of it."""
        found = away(self._stretch.since, self._stretch.until, self._stretch.changes)
        if found is None or not self._is_most(found.until - found.since) or self._witnesses():
            return None
        return self._told(Cause.SESSION_SILENT, found.evidence, on=None)

    def _on(self) -> Gap | None:
        """Where callbacks tell that the camera was on."""
        if not self._stretch.camera:
            return None
        told = "the camera was on (callbacks)"
        if self._interval is None:
            return self._told(Cause.UNKNOWN, f"{told}, with too few pictures to tell how often they are taken", on=True)
        if self._case.listed_at - self._stretch.until < self._case.horizon:
            backup = ", and files wait in Agora's backup" if self._case.backed_up else ""
            return self._told(Cause.PENDING, f"{told}{backup}: pictures may still come", on=True)
        return self._told(Cause.UNKNOWN, f"{told}: pictures seem to be lost", on=True)

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
        shots = (stretch.before, stretch.after)
        beside = [shot.lag_ms for shot in shots if shot is not None and not is_announced(shot.tier)]
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
            if self._is_most(self._seen_for(witnesses)):
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

    def _is_most(self, time: timedelta) -> bool:
        """Whether it is at least half of what lies between the slack at both ends."""
        return time * 2 >= self._length - 2 * self._slack()

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


def _named(witnesses: Sequence[Witness]) -> str:
    others = len(witnesses) - 1
    told = f"{'at least ' if len(witnesses) >= WITNESSES else ''}{_counted(others, 'other')}"
    return f"user {witnesses[0].uid}" + (f" and {told}" if others else "")


def _minutes(lag: timedelta) -> str:
    return _counted(round(lag / timedelta(minutes=1)), "minute")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
