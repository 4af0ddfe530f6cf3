"""Hours and days of a time zone along a line: where they begin, and how an axis is labelled with them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from indexer.timeline.days import day_after, midnight, usable

Stretch = tuple[datetime, datetime]
"""From a moment to another one, both aware."""

HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def begin(moment: datetime, step: timedelta, zone: tzinfo) -> datetime:
    """Where the step of the local clock begins that `moment` lies in.  An hour is a whole number of steps."""
    local = moment.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) % step
    return moment - past


def pieces(stretch: Stretch, step: timedelta, zone: tzinfo) -> Iterator[tuple[datetime, timedelta]]:
    """Cut a stretch at the steps of the local clock: where each of them begins, and how long the stretch is in it."""
    moment, until = stretch
    while True:
        start = begin(moment, step, zone)
        end = min(later(start, step), until)
        yield start, end - moment
        if end >= until:
            return
        moment = end


def later(moment: datetime, length: timedelta) -> datetime:
    """The moment behind a length of time, at most the last one of all calendars."""
    return moment + length if _LATEST - moment > length else _LATEST


def days(span: Stretch, zone: tzinfo) -> Iterator[tuple[date, Stretch]]:
    """The days of the zone that a span touches, each with its part of the span.  A span of no length has one."""
    since, until = span
    day: date | None = since.astimezone(zone).date()
    while day is not None:
        following = day_after(day)
        end = until if following is None else min(midnight(following, zone), until)
        yield day, (since, end)
        if end >= until:
            return
        since, day = end, following


# Axes.

_STEPS: Final = (
    *(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 15, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 30, 90, 365, 3_650, 36_500, 365_000)),
)


def axis(span: Stretch, width: int, zone: tzinfo) -> str:
    """Times of the zone over a line of `width` columns that shows a span, each where it begins.

    They are round ones: 14:05 or 06:00, and days where the span has many.
    """
    zone = usable(zone, span)
    step = next((step for step in _STEPS if _fits(step, span, width, zone)), _STEPS[-1])
    line = ""
    for moment in _round(span, step, zone):
        column = column_of(moment, span, width)
        label = _label(moment.astimezone(zone), step)
        if (column > len(line) or not line) and column + len(label) <= width:
            line = line.ljust(column) + label
    return line


def _fits(step: timedelta, span: Stretch, width: int, zone: tzinfo) -> bool:
    """Whether labels a step apart have two columns between them."""
    since, until = span
    length = len(_label(since.astimezone(zone), step)) + 2
    return (until - since) * length <= step * width


def _label(local: datetime, step: timedelta) -> str:
    if step >= _DAY:
        return f"{local:%m-%d}" if step < timedelta(days=365) else f"{local.year:04}"
    return f"{local:%H:%M:%S}" if step < timedelta(minutes=1) else f"{local:%H:%M}"


def _round(span: Stretch, step: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """The moments of a span at which the local clock shows a multiple of the step."""
    since, until = span
    if step >= _DAY:
        day = since.astimezone(zone).date()
        while True:
            moment = midnight(day, zone)
            if moment > until:
                return
            if moment >= since:
                yield moment
            if date.max - day <= step:
                return
            day += step if moment >= since or step == _DAY else _DAY
    moment = begin(since, min(step, HOUR), zone)
    while moment <= until:
        # A clock that is turned shows no other minutes, only another hour.
        if moment >= since and (step <= HOUR or moment.astimezone(zone).hour % (step // HOUR) == 0):
            yield moment
        moment = later(moment, min(step, HOUR))
        if moment == _LATEST:
            return


def column_of(moment: datetime, span: Stretch, width: int) -> int:
    """The column of a line of `width` columns in which a moment of the span lies."""
    since, until = span
    if until <= since:
        return 0
    return min(max((moment - since) * width // (until - since), 0), width - 1)
