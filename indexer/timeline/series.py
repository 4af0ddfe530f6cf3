"""From shots to runs and the holes between them.  Pure: shots in, values out; nothing is held but a run.

A series is all shots of one user in one session, by whatever recorders and in whatever directories.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, groupby, islice, pairwise
from math import inf
from operator import attrgetter
from statistics import median, median_low
from typing import Final, Protocol, TypeGuard, TypeVar

from indexer.model import EPOCH, Recorder, from_ms, is_announced, to_ms

SAMPLE: Final = 1_000
"""Shots from which the capture interval is inferred: hours of a series, read before anything is shown of it."""

SURE: Final = 10
"""So many distances tell an interval by themselves.  Fewer may be the pauses of a camera that was on for moments."""

STILL: Final = 3
"""So many equal pictures in a row are a frozen stretch.  Two may be a copy, or one slide between two blinks."""

_SHORTEST_MS: Final = 1_000
_LONGEST_MS: Final = 3_600_000
# captureInterval goes from 1 s to 3,600 s (Agora's start request).

_MILLISECOND: Final = timedelta(milliseconds=1)

_HALF: Final = 0.5
_OUTLYING: Final = 1.8  # every second picture may be missing all along, and then some jitter

_AGREEING: Final = 0.1
_LEAST_AGREEING: Final = timedelta(milliseconds=200)
# Timers are late by some 80 ms, which is much of a second and little of a minute.


class Captured(Protocol):
    """What a series is made of.  Times are numbers, because making one of each shot costs more than all else here."""

    @property
    def key(self) -> str:
        """Of the object."""
        ...

    @property
    def recorder(self) -> Recorder:
        """Who took it."""
        ...

    @property
    def captured_ms(self) -> int:
        """When it was taken, from 1970."""
        ...

    @property
    def lag_ms(self) -> int:
        """How long after that it was uploaded."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def etag(self) -> str:
        """Compared for equality only; "" where it is not known."""
        ...

    @property
    def tier(self) -> str | None:
        """Tells a shot that only a callback told of."""
        ...


_Shot = TypeVar("_Shot", bound=Captured)
_Item = TypeVar("_Item")


class Origin(StrEnum):
    """What a capture interval is known from."""

    SERIES = "series"
    """The user's own shots."""
    SESSION = "session"
    """Those of the others in the session."""
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class CaptureInterval:
    """The time from one shot of a recorder to its next one."""

    length: timedelta
    confidence: float
    """0 to 1: share of the sampled distances that agree with it; twice as long does not.  1 if there are none."""
    jitter: timedelta = timedelta(0)
    """By how much nine tenths of the distances that agree with it differ from it at most."""
    origin: Origin = Origin.SERIES
    distances: int = 0
    """So many were sampled."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A stretch of at least `STILL` shots in a row that are one picture, byte for byte."""

    first_at: datetime
    last_at: datetime
    shots: int


@dataclass(frozen=True, slots=True)
class RunLooks:
    """How the pictures of a run look, as far as somebody has looked at them."""

    shots: int
    """That were looked at."""
    black: timedelta
    covered: timedelta
    placeholder: timedelta
    still: timedelta
    """How long they were so."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a series without a gap, from its first shot to its last."""

    first_at: datetime
    last_at: datetime
    shots: int
    baks: tuple[int | None, ...]
    """The recorders it was taken by, in the order of their first shot; None is the original one."""
    overlapping: int = 0
    """Shots of moments, half an interval wide, that another recorder had taken already.  They are among `shots`."""
    frozen: tuple[Frozen, ...] | None = None
    """None where it cannot be known: the ETags of a source are not known to be MD5s."""
    missing: int = 0
    """Shots that are missing in pauses too short to be gaps, which there are at intervals of less than four seconds."""
    looks: RunLooks | None = None
    """None where nobody looked, or it was not asked."""

    @property
    def length(self) -> timedelta:
        """From the first shot to the last."""
        return self.last_at - self.first_at

    @property
    def moments(self) -> int:
        """Shots without those that show what another one shows."""
        return self.shots - self.overlapping


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a series has no shots for longer than a pause: a gap whose cause is not known yet."""

    since: datetime
    until: datetime
    before: Captured | None
    """The shot that it begins with; None if it begins with the session."""
    after: Captured | None
    """The shot that it ends with; None if it ends with the session."""
    taken_over: int | None = None
    """The recorder that has shots within a pause behind it, and had none in the run before it; None if none has."""


def fold(parts: Iterable[Iterable[_Shot]]) -> Iterator[_Shot]:
    """All shots of all parts in time order, each part being in time order.

    Shots of one millisecond come in the order of their sources and keys, so the order of the parts does not matter.
    """
    begun = [(first, rest) for rest in map(iter, parts) for first in islice(rest, 1)]
    begun.sort(key=lambda part: (part[0].recorder.source, part[0].key))
    # Of equal times it keeps the order of the parts, so none of the other shots is asked for its key.
    return heapq.merge(*(chain([first], rest) for first, rest in begun), key=attrgetter("captured_ms"))


def capture_interval(shots: Iterable[Captured], *, configured: timedelta | None = None) -> CaptureInterval | None:
    """The time between two shots: the median of the distances between neighbours of one recorder.

    Only the first `SAMPLE` are read, which are in time order.  Robust as long as fewer than half of the distances are
    gaps or lost pictures; another recorder beside the first one disturbs nothing.  None if nothing is configured and no
    recorder took two shots.  The result lies within what Agora can be told, 1 s to 3,600 s.
    """
    taken_ms: dict[Recorder, list[int]] = {}
    for recorder, taken in groupby(islice(shots, SAMPLE), key=attrgetter("recorder")):
        taken_ms.setdefault(recorder, []).extend([shot.captured_ms for shot in taken])
    neighbours = chain.from_iterable(map(pairwise, taken_ms.values()))
    distances = [later - earlier for earlier, later in neighbours if later > earlier]
    return _told_by(distances, configured)


def interval_of_session(streams: Iterable[Sequence[int]]) -> CaptureInterval | None:
    """The same from some streams of a session: when their shots were taken, of each in order."""
    distances = [later - earlier for taken_ms in streams for earlier, later in pairwise(taken_ms)]
    found = _told_by(distances, None)
    return None if found is None else replace(found, origin=Origin.SESSION)


def needs_session(own: CaptureInterval | None, densest: timedelta | None) -> bool:
    """Whether the session must be asked for the interval of a series, of which its own shots tell `own`.

    `densest` is the shortest mean distance in any stream of the session, where shots come at least as often.
    """
    if own is not None and own.origin is Origin.CONFIGURATION:
        return False
    if not _is_supported(own):
        return True
    return densest is not None and (own.distances < SURE or own.length >= densest * _OUTLYING)


def settled(own: CaptureInterval | None, of_session: CaptureInterval | None) -> CaptureInterval | None:
    """The interval that a series is told by: its own, or the session's where it has too few shots to know, or differs.

    A recording has one interval, so who has a picture every half an hour beside others with one every ten seconds had
    the camera off.  None if neither is known by distances that agree.
    """
    if own is not None and own.origin is Origin.CONFIGURATION:
        return own
    session = of_session if _is_supported(of_session) else None
    if session is not None:
        if not _is_supported(own):
            return session
        if session.distances >= SURE and (own.distances < SURE or own.length >= session.length * _OUTLYING):
            return session
    return own if _is_supported(own) or (own is not None and own.distances >= SURE) else None


def _is_supported(interval: CaptureInterval | None) -> TypeGuard[CaptureInterval]:
    """Whether at least two distances agree, and not fewer than disagree."""
    return interval is not None and interval.confidence >= _HALF and interval.confidence * interval.distances > 1.5


def _told_by(distances: Sequence[int], configured: timedelta | None) -> CaptureInterval | None:
    if configured is None and not distances:
        return None
    if configured is None:
        length_ms = min(max(median(distances), _SHORTEST_MS), _LONGEST_MS)
    else:
        length_ms = configured / _MILLISECOND
    allowed = max(length_ms * _AGREEING, _LEAST_AGREEING / _MILLISECOND)
    differences = sorted([difference for each in distances if (difference := abs(each - length_ms)) <= allowed])
    jitter_ms = differences[len(differences) * 9 // 10] if differences else 0
    return CaptureInterval(
        timedelta(milliseconds=length_ms),
        len(differences) / len(distances) if distances else 1.0,
        timedelta(milliseconds=jitter_ms),
        Origin.SERIES if configured is None else Origin.CONFIGURATION,
        len(distances),
    )


def usual_lag(shots: Iterable[Captured]) -> timedelta:
    """How long behind its capture a picture was uploaded, in the middle; zero without one.

    Of what only callbacks told of it is not known: they come when they come.
    """
    lags_ms = [shot.lag_ms for shot in shots if not is_announced(shot.tier)]
    return timedelta(milliseconds=max(0, median_low(lags_ms))) if lags_ms else timedelta(0)


def longest_pause(interval: timedelta) -> timedelta:
    """The longest distance of two shots that is no gap: with one and a half intervals, one is missing.

    At intervals below four seconds two seconds are allowed on top of one, because jitter would look like a gap there.
    """
    return max(interval * 1.5, interval + timedelta(seconds=2))


def missing_between(since: datetime, until: datetime, interval: timedelta) -> int:
    """Shots that one expects between two neighbours so far apart."""
    return max(0, round((until - since) / interval) - 1)


def pieces(
    shots: Iterable[Captured],
    *,
    since: datetime,
    until: datetime,
    interval: timedelta | None,
    md5_sources: Collection[str] = frozenset(),
    before: Sequence[Captured] = (),
    after: Sequence[Captured] = (),
) -> Iterator[Run | Hole]:
    """Cut folded shots into runs and holes, in time order.

    `since` and `until` are the session's span, within which all shots lie.  Where only a part of the series is read,
    `before` and `after` are the shots beside it, a pause wide: holes reach to them.
    Where a run comes nearer to the beginning or the end than a pause, no hole is between them: nothing is missing.
    """
    # Without an interval nobody knows which pause is one: all are told.
    pause_ms = longest_pause(interval) // _MILLISECOND if interval else 0
    run = _RunSoFar(interval, md5_sources)
    last = before[-1] if before else None
    last_ms = to_ms(since) if last is None else last.captured_ms
    recorders = {shot.recorder.bak for shot in before}
    hole: Hole | None = None
    for shot in shots:
        captured_ms = shot.captured_ms
        if captured_ms - last_ms > pause_ms:
            if hole is not None:
                yield hole
            if run.shots:
                yield run.end()
                recorders = set(run.baks)
                run = _RunSoFar(interval, md5_sources)
            hole = _hole(last_ms, captured_ms, last, shot)
        run.add(shot, captured_ms)
        if hole is not None:
            hole = _looked_behind(hole, shot, recorders)
            if captured_ms - run.first_ms > pause_ms:
                yield hole
                hole = None
        last, last_ms = shot, captured_ms
    for shot in after:
        if hole is not None:
            hole = _looked_behind(hole, shot, recorders)
    if hole is not None:
        yield hole
    if run.shots:
        yield run.end()
        recorders = set(run.baks)
    end_ms = after[0].captured_ms if after else to_ms(until)
    if end_ms - last_ms > pause_ms:
        hole = _hole(last_ms, end_ms, last, after[0] if after else None)
        for shot in after:
            hole = _looked_behind(hole, shot, recorders)
        yield hole


def _hole(since_ms: int, until_ms: int, before: Captured | None, after: Captured | None) -> Hole:
    return Hole(from_ms(since_ms), from_ms(until_ms), before, after)


def _looked_behind(hole: Hole, shot: Captured, recorders: Collection[int | None]) -> Hole:
    """The hole with what this shot tells of it; `recorders` are those of the run before it."""
    bak = shot.recorder.bak
    if hole.taken_over is not None or bak is None or not recorders or bak in recorders:
        return hole
    return replace(hole, taken_over=bak)


def nearest_to_steps(
    items: Iterable[_Item], every: timedelta, *, moment: Callable[[_Item], datetime], taken: datetime | None = None
) -> Iterator[_Item]:
    """Of items in time order the one nearest to each multiple of `every` from 1970 on, where one is within half of it.

    `taken` is a moment whose step had its item already.
    """
    done = None if taken is None else _step(taken, every)
    best: _Item | None = None
    best_step = best_distance = None
    for item in items:
        step = _step(moment(item), every)
        if step == done:
            continue
        distance = abs(moment(item) - EPOCH - step * every)
        if best is not None and step != best_step:
            yield best
            best = None
        if best is None or best_distance is None or distance < best_distance:
            best, best_step, best_distance = item, step, distance
    if best is not None:
        yield best


def _step(moment: datetime, every: timedelta) -> int:
    """The multiple of `every` that is nearest to a moment; between two the later one."""
    return (moment - EPOCH + every / 2) // every


class _RunSoFar:
    """A run that may go on."""

    def __init__(self, interval: timedelta | None, md5_sources: Collection[str]) -> None:
        self.shots = 0
        self.baks: list[int | None] = []
        self._interval = interval
        self._longest_ms: float = inf if interval is None else interval * 1.5 // _MILLISECOND
        self._half_ms: float = inf if interval is None else interval / 2 // _MILLISECOND
        self._md5_sources = md5_sources
        self._overlapping = self._missing = 0
        self.first_ms = self._last_ms = 0
        self._recorder: Recorder | None = None
        """Of the last shot."""
        self._moment: Captured | None = None
        """The last shot that did not show what another recorder had."""
        self._moment_ms = 0
        self._frozen: list[Frozen] | None = []
        self._still_since_ms = 0
        self._still = 0

    def add(self, shot: Captured, captured_ms: int) -> None:
        """The next shot in time order."""
        recorder = shot.recorder
        if recorder is not self._recorder:
            self._taken_by(recorder)
        self._last_ms = captured_ms
        self.shots += 1
        last = self._moment
        if last is None:
            self.first_ms = captured_ms
        else:
            distance_ms = captured_ms - self._moment_ms
            # Compared to the last moment that counted: of two recorders with half an interval between them, every
            # second shot counts, whoever took it.
            if distance_ms <= self._half_ms and recorder != last.recorder:
                self._overlapping += 1
                return
            if self._interval is not None and distance_ms > self._longest_ms:
                self._missing += missing_between(EPOCH, from_ms(distance_ms), self._interval)
        # Of shots that only callbacks told of, which have no ETag, nobody knows whether they are equal.
        if self._frozen is not None and (
            last is None or shot.size != last.size or shot.etag != last.etag or not shot.etag
        ):
            self._end_still()
            self._still_since_ms = captured_ms
        self._still += 1
        self._moment, self._moment_ms = shot, captured_ms

    def _taken_by(self, recorder: Recorder) -> None:
        self._recorder = recorder
        if recorder.bak not in self.baks:
            self.baks.append(recorder.bak)
        if recorder.source not in self._md5_sources:
            self._frozen = None

    def _end_still(self) -> None:
        if self._frozen is not None and self._still >= STILL:
            self._frozen.append(Frozen(from_ms(self._still_since_ms), from_ms(self._moment_ms), self._still))
        self._still = 0

    def end(self) -> Run:
        """What has become of it."""
        self._end_still()
        return Run(
            from_ms(self.first_ms),
            from_ms(self._last_ms),
            self.shots,
            tuple(self.baks),
            self._overlapping,
            None if self._frozen is None else tuple(self._frozen),
            self._missing,
        )
