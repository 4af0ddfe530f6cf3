"""What a user showed, ready to be told: shots as they come, and timelines that say why there are none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby, islice
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.removals import removed_users
from indexer.catalog.shots import MOST_ROWS, Position, Series, Shots, groups
from indexer.catalog.witnesses import Others, SessionFacts, Witnesses
from indexer.model import Selection, Shot, TimeRange, from_ms
from indexer.timeline.explaining import explain
from indexer.timeline.figures import Timeline, capture, presence
from indexer.timeline.gaps import Case, Gap, Removed, within
from indexer.timeline.series import (
    SAMPLE,
    CaptureInterval,
    Hole,
    Run,
    capture_interval,
    fold,
    longest_pause,
    nearest_to_steps,
    needs_session,
    pieces,
    settled,
    usual_lag,
)

_MILLISECOND: Final = timedelta(milliseconds=1)
_NONE: Final = timedelta(0)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
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
    return catalog.shots.of_all(catalog.shots.series(uid, selection), selection.period, after=after)


def sampled(
    shots: Iterable[tuple[Shot, Position]], every: timedelta, *, after: Position | None = None
) -> Iterator[tuple[Shot, Position]]:
    """Of each session's shots the one nearest to each step; steps are multiples of `every` from 1970 on.

    Each is within half a step of its step, and none comes twice.  With `after`, the last one of the page before, the
    shots of its step are passed over.
    """
    for session_id, of_session in groupby(shots, key=lambda item: item[1].session_id):
        taken = from_ms(after.captured_ms) if after is not None and after.session_id == session_id else None
        yield from nearest_to_steps(of_session, every, moment=lambda item: item[0].captured_at, taken=taken)


def nearest_shot(catalog: Catalog, uid: str, selection: Selection, at: datetime) -> Iterator[Shot]:
    """Of each session in which the user was at that time the shot nearest to it, the nearest one first.

    Where the user was in none, the nearest shot of all.  The selection's period does not matter.
    """
    covering = replace(selection, period=_around(at, _NONE, _MILLISECOND))
    found: list[Shot] = []
    with catalog.reading() as connection:
        asked, shots = Witnesses(connection), catalog.shots.on(connection)
        for series in shots.present(uid, covering):
            if not min(part.first_at for part in series.streams) <= at <= max(part.last_at for part in series.streams):
                continue
            around = asked.neighbours([part.id for part in series.streams], at)
            moments = sorted(filter(None, around), key=lambda moment: abs(moment - at))
            found += [shot for moment in moments[:1] for shot in _shot_at(shots, series, moment)]
        if not found:
            ends = sorted(asked.ends_around(uid, selection, at), key=lambda moment: abs(moment - at))
            for moment in ends[:1]:
                there = replace(selection, period=_around(moment, _NONE, _MILLISECOND))
                for series in shots.series(uid, there):
                    found += _shot_at(shots, series, moment)
    yield from sorted(found, key=lambda shot: (abs(shot.captured_at - at), shot.source, shot.key))


def _shot_at(shots: Shots, series: Series, moment: datetime) -> Iterator[Shot]:
    """The first shot of that millisecond, if there is one."""
    return islice(_folded(shots, series, _around(moment, _NONE, _MILLISECOND)), 1)


def _around(moment: datetime, before: timedelta, behind: timedelta) -> TimeRange:
    """Open at an end where there is no such time: names go to the year 9999."""
    return TimeRange(
        moment - before if moment - _FIRST > before else None, moment + behind if _LAST - moment > behind else None
    )


def timelines(catalog: Catalog, uid: str, selection: Selection, *, terms: Terms) -> Iterator[Timeline]:
    """A user's timelines, the session that began first coming first.

    Sessions that reach into the period, but in which the user has shots before or behind it only, are among them: all
    gap.
    """
    for series in catalog.shots.present(uid, selection):
        yield from _told(catalog, [series], selection.period, terms, _SessionInterval())


def timelines_of_session(
    catalog: Catalog, sid: str, cname: str, *, terms: Terms, period: TimeRange = _ALWAYS, source: str | None = None
) -> Iterator[Timeline]:
    """One timeline for each user of a session, by first shot; also of who has no shot in the period, or none left.

    With a source, of what is in that one, and only of who has a shot there.
    """
    everybody = catalog.shots.of_session(sid, cname)
    if source is not None:
        everybody = [found for series in everybody if (found := _in_source(series, source)).streams]
    firsts = {each.uid: min(part.first_at for part in each.streams) for each in everybody}
    if everybody:
        with catalog.reading() as connection:
            gone = removed_users(connection, everybody[0].session_id)
        if source is not None:  # in which one it was, nobody remembers
            gone = {uid: first_ms for uid, first_ms in gone.items() if uid in firsts}
        everybody += [everybody[0]._replace(uid=uid, streams=()) for uid in gone.keys() - firsts.keys()]
        for uid, first_ms in gone.items():
            firsts[uid] = min(firsts.get(uid, _LAST), from_ms(first_ms))
    everybody.sort(key=lambda each: (firsts[each.uid], each.uid))
    interval = _SessionInterval()
    for group in groups(everybody, most=MOST_ROWS):
        yield from _told(catalog, group, period, terms, interval)


def _in_source(series: Series, source: str) -> Series:
    return series._replace(streams=tuple(part for part in series.streams if part.source == source))


def span_of_session(catalog: Catalog, sid: str, cname: str) -> tuple[datetime, datetime] | None:
    """What its timelines tile: from the first to the last shot of anybody, also of those that were removed since."""
    for series in islice(catalog.shots.of_session(sid, cname), 1):
        with catalog.reading() as connection:
            facts = Witnesses(connection).session(series.session_id)
        return None if facts is None else (facts.first_at, facts.last_at)
    return None


def _configured(series: Series, intervals_s: Mapping[str, int | None]) -> timedelta | None:
    found = {intervals_s.get(part.source) for part in series.streams}
    interval_s = found.pop() if len(found) == 1 else None
    return None if interval_s is None else timedelta(seconds=interval_s)


def _folded(shots: Shots, series: Series, period: TimeRange) -> Iterator[Shot]:
    ((_, parts),) = shots.in_parts([series], period)
    return fold(parts)


class _SessionInterval:
    """The capture interval of one session as all its users tell it: asked for when it is needed, and once."""

    def __init__(self) -> None:
        self._found: list[CaptureInterval | None] = []

    def of(self, asked: Witnesses, session_id: int) -> CaptureInterval | None:
        """None if nobody has two shots."""
        if not self._found:
            self._found.append(asked.interval(session_id))
        return self._found[0]


def _told(
    catalog: Catalog,
    group: Sequence[Series],
    period: TimeRange,
    terms: Terms,
    interval: _SessionInterval,
) -> list[Timeline]:
    """The timelines of some series of one session with all their parts, few enough to be read at once.

    Shots are read as of the moment of all else: what a sync adds meanwhile would lie behind the session's end.

    None of a series that has nothing to tell, nor of any if the session does not reach into the period.
    """
    with catalog.reading() as connection:
        asked = Witnesses(connection)
        facts = asked.session(group[0].session_id)
        if facts is None:
            return []
        session = _Session(catalog.shots.on(connection), asked, facts, period, terms, interval)
        if session.since > session.until:
            return []
        return list(session.timelines(group))


class _Session:
    """A session of which timelines are told, and what is the same in all of them."""

    def __init__(
        self,
        shots: Shots,
        asked: Witnesses,
        facts: SessionFacts,
        period: TimeRange,
        terms: Terms,
        interval: _SessionInterval,
    ) -> None:
        self._interval = interval
        self._shots = shots
        self._asked = asked
        self._facts = facts
        self._terms = terms
        self.since = facts.first_at if period.since is None else max(facts.first_at, period.since)
        self.until = facts.last_at if period.until is None else min(facts.last_at, period.until)
        covers_end = period.until is None or period.until > facts.last_at
        self.period = TimeRange(
            None if self.since == facts.first_at else period.since, None if covers_end else period.until
        )
        """Open where it covers the session."""

    def timelines(self, group: Sequence[Series]) -> Iterator[Timeline]:
        """Of each series that has one."""
        uids = [series.uid for series in group]
        session = group[0]
        removed = self._asked.removed(session.session_id, uids)
        told = None
        if self._facts.told_until is not None:
            told = self._asked.told(session.sid, session.cname, uids, self.period)
        for series, parts in self._shots.in_parts(group, self.period):
            others = self._asked.others(series.session_id, series.uid, told)
            if (found := self._timeline(series, fold(parts), removed[series.uid], others)) is not None:
                yield found

    def _timeline(
        self, series: Series, shots: Iterator[Shot], removed: Sequence[Removed], others: Others
    ) -> Timeline | None:
        # The interval does not depend on what is asked, so it is told from the first shots of the series.
        sample = list(islice(shots if self.period == _ALWAYS else _folded(self._shots, series, _ALWAYS), SAMPLE))
        if self.period == _ALWAYS:
            shots = chain(sample, shots)
        interval = self._interval_of(series, sample)
        case = Case(
            interval=interval,
            listed_at=self._facts.listed_at or self._terms.now,
            horizon=self._terms.horizon,
            alone=self._is_alone(series),
            usual_lag=usual_lag(sample),
            removed=removed,
            told_until=self._facts.told_until,
            backed_up=self._facts.backed_up,
        )
        runs: list[Run] = []
        gaps: list[Gap] = []
        for piece in self._pieces(series, shots, None if interval is None else interval.length):
            if isinstance(piece, Run):
                runs.append(piece)
            else:
                gaps += filter(None, (within(gap, self.since, self.until) for gap in explain(piece, case, others)))
        if not runs and not gaps:
            return None
        bounds = sorted([*((run.first_at, run.last_at) for run in runs), *((gap.since, gap.until) for gap in gaps)])
        since, until = bounds[0][0], bounds[-1][1]
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
            presence=presence(runs, gaps, span=until - since, interval=interval.length if interval else None),
            capture=capture(runs, gaps),
        )

    def _is_alone(self, series: Series) -> bool:
        return self._facts.users == (1 if series.streams else 0)

    def _interval_of(self, series: Series, sample: Iterable[Shot]) -> CaptureInterval | None:
        own = capture_interval(sample, configured=_configured(series, self._terms.intervals_s))
        is_asked = needs_session(own, self._facts.densest) and not self._is_alone(series)
        return settled(own, self._interval.of(self._asked, series.session_id) if is_asked else None)

    def _pieces(self, series: Series, shots: Iterator[Shot], interval: timedelta | None) -> Iterator[Run | Hole]:
        pause = timedelta(0) if interval is None else longest_pause(interval)
        before: list[Shot] = []
        after: list[Shot] = []
        ids = [part.id for part in series.streams]
        if self.period.since is not None:
            last, _ = self._asked.neighbours(ids, self.period.since)
            if last is not None:
                before = list(_folded(self._shots, series, _around(last, pause, _MILLISECOND)))
        if self.period.until is not None:
            _, first = self._asked.neighbours(ids, self.period.until)
            if first is not None:
                after = list(_folded(self._shots, series, _around(first, _NONE, pause)))
        return pieces(
            shots,
            since=self._facts.first_at,
            until=self._facts.last_at,
            interval=interval,
            md5_sources=self._terms.md5_sources,
            before=before,
            after=after,
        )
