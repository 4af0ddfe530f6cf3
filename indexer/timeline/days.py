"""Days of a time zone, and what a user showed on one of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import chain
from typing import Final

from indexer.model import TimeRange
from indexer.timeline.figures import Timeline, capture, on

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """What one user showed in one channel on one day, all sessions together."""

    uid: str
    cname: str
    day: date
    since: datetime
    """When the first session began, or the day."""
    until: datetime
    timelines: tuple[Timeline, ...]
    """Of the sessions, each cut to the day."""
    presence: float
    """As of a timeline; a time that several sessions recorded counts once."""
    capture: float | None

    @property
    def shots(self) -> int:
        """Of all sessions."""
        return sum(each.shots for each in self.timelines)


def folded(day: date, timelines: Sequence[Timeline]) -> Day:
    """The timelines of one user in one channel, of which there is at least one, all cut to the same day."""
    runs = [run for each in timelines for run in each.runs]
    gaps = [gap for each in timelines for gap in each.gaps]
    return Day(
        uid=timelines[0].uid,
        cname=timelines[0].cname,
        day=day,
        since=min(each.since for each in timelines),
        until=max(each.until for each in timelines),
        timelines=tuple(timelines),
        presence=_presence(timelines),
        capture=capture(runs, gaps),
    )


def _presence(timelines: Sequence[Timeline]) -> float:
    """By the times in which any of the sessions was there, and the user on in any of them."""
    span = _length((each.since, each.until) for each in timelines)
    if not span:
        return max(each.presence for each in timelines)
    if span == sum((each.until - each.since for each in timelines), timedelta()):
        return sum(each.presence * ((each.until - each.since) / span) for each in timelines)
    lengths = [None if each.interval is None else each.interval.length for each in timelines]
    pairs = zip(timelines, lengths, strict=True)
    stretches = (on(each.runs, each.gaps, interval=length) for each, length in pairs)
    return min(_length(chain.from_iterable(stretches)) / span, 1.0)


def union(stretches: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """The stretches in time order, those that touch or overlap as one."""
    since: datetime | None = None
    until: datetime | None = None
    for begin, end in sorted(stretches):
        if since is None or until is None or begin > until:
            if since is not None and until is not None:
                yield since, until
            since, until = begin, end
        until = max(until, end)
    if since is not None and until is not None:
        yield since, until


def _length(stretches: Iterable[tuple[datetime, datetime]]) -> timedelta:
    return sum((until - since for since, until in union(stretches)), timedelta())


# The calendar.


def usable(zone: tzinfo, span: tuple[datetime, datetime]) -> tzinfo:
    """The zone, or UTC where its local times of the span would lie outside all calendars, as names can tell."""
    try:
        for moment in span:
            (moment - _DAY).astimezone(zone)
            (moment + _DAY).astimezone(zone)
    except OverflowError:
        return UTC
    return zone


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day of the zone begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_after(day: date) -> date | None:
    """The next day; None behind the last one of all calendars."""
    return None if day == date.max else day + _DAY


def part_of(period: TimeRange, day: date, zone: tzinfo) -> TimeRange:
    """What of a period lies on a day of the zone, which it touches."""
    following = day_after(day)
    since = midnight(day, zone)
    until = None if following is None else midnight(following, zone)
    return TimeRange(
        since if period.since is None else max(since, period.since),
        period.until if until is None or (period.until is not None and period.until < until) else until,
    )
