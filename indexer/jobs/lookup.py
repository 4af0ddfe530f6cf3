"""What a user showed, ready to be told: shots as they come, and timelines that say why there are none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Position, Series
from indexer.model import Selection, Shot, TimeRange
from indexer.timeline.figures import Timeline, capture, presence
from indexer.timeline.gaps import Cause, Gap
from indexer.timeline.series import (
    CaptureInterval,
    Run,
    capture_interval,
    fold,
    missing_between,
    pieces,
)

_ALWAYS: Final = TimeRange()


@dataclass(frozen=True, slots=True)
class Terms:
    """What timelines are told by, beside the catalog."""

    intervals_s: Mapping[str, int | None]
    """The capture intervals that are configured, by source; where a series' source has none, it is inferred."""
    horizon: timedelta
    """How long after its capture a picture may come."""
    now: datetime
    md5_sources: frozenset[str] = frozenset()
    """Sources whose ETags are known to be MD5s."""


def shots_of_user(
    catalog: Catalog, uid: str, selection: Selection, *, after: Position | None = None
) -> Iterator[tuple[Shot, Position]]:
    """A user's shots session by session, in time order within each, with the positions to go on from."""
    for series in catalog.shots.series(uid, selection):
        yield from catalog.shots.of(series, selection.period, after=after)


def sampled(
    shots: Iterable[tuple[Shot, Position]], every: timedelta, *, after: Position | None = None
) -> Iterator[tuple[Shot, Position]]:
    """Of each session's shots the one nearest to each step; steps are multiples of `every` from 1970 on.

    Each is within half a step of its step, and none comes twice.  With `after`, the last one of the page before, the
    shots of its step are passed over.
    """
    raise NotImplementedError


def nearest_shot(catalog: Catalog, uid: str, selection: Selection, at: datetime) -> Iterator[Shot]:
    """Of each session in which the user was at that time the shot nearest to it, the nearest one first.

    Where there is none, the nearest shot of all.
    """
    raise NotImplementedError


def timelines(catalog: Catalog, uid: str, selection: Selection, *, terms: Terms) -> Iterator[Timeline]:
    """A user's timelines, the session that began first coming first."""
    for series in catalog.shots.series(uid, selection):
        yield _timeline(catalog, series, selection.period, terms)


def timelines_of_session(
    catalog: Catalog, sid: str, cname: str, *, terms: Terms, period: TimeRange = _ALWAYS
) -> Iterator[Timeline]:
    """One timeline for each user of a session, by first shot."""
    everybody = catalog.shots.all_series(Selection(sid=sid, cname=cname))
    for series in sorted(everybody, key=lambda each: (min(part.first_at for part in each.streams), each.uid)):
        yield _timeline(catalog, series, period, terms)


def interval_of(catalog: Catalog, series: Series, *, intervals_s: Mapping[str, int | None]) -> CaptureInterval | None:
    """The capture interval of a series, from its first shots unless its sources agree on one."""
    configured = {intervals_s.get(part.source) for part in series.streams}
    interval_s = configured.pop() if len(configured) == 1 else None
    return capture_interval(
        _folded(catalog, series, _ALWAYS),
        configured=None if interval_s is None else timedelta(seconds=interval_s),
    )


def _folded(catalog: Catalog, series: Series, period: TimeRange) -> Iterator[Shot]:
    parts = (series._replace(streams=(part,)) for part in series.streams)
    return fold([(shot for shot, _ in catalog.shots.of(part, period)) for part in parts])


def _timeline(catalog: Catalog, series: Series, period: TimeRange, terms: Terms) -> Timeline:
    shots = _folded(catalog, series, period)
    interval = interval_of(catalog, series, intervals_s=terms.intervals_s)
    since = min(part.first_at for part in series.streams)
    until = max(part.last_at for part in series.streams)
    length = None if interval is None else interval.length
    runs: list[Run] = []
    gaps: list[Gap] = []
    for piece in pieces(shots, since=since, until=until, interval=length, md5_sources=terms.md5_sources):
        if isinstance(piece, Run):
            runs.append(piece)
        else:
            missing = 0 if length is None else missing_between(piece.since, piece.until, length)
            gaps.append(Gap(piece.since, piece.until, missing, Cause.UNKNOWN, "not looked into yet"))
    return Timeline(
        uid=series.uid,
        cname=series.cname,
        sid=series.sid,
        sources=tuple(sorted({part.source for part in series.streams})),
        since=since,
        until=until,
        interval=interval,
        shots=sum(run.shots for run in runs),
        runs=tuple(runs),
        gaps=tuple(gaps),
        presence=presence(runs, gaps, span=until - since),
        capture=capture(runs, gaps),
        concurrent=(),
    )
