"""How much of each hour was covered, as a line of blocks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from cli.clock import HOUR, Stretch, axis, later, pieces
from cli.texts import counted, human_length
from indexer.timeline.days import day_after, midnight, usable


@dataclass(frozen=True, slots=True)
class Ink:
    """Characters to draw shares with."""

    levels: str
    """From the least to all of it."""
    none: str

    def of(self, share: float | None) -> str:
        """The mark of a share from 0 to 1; None is nothing at all.  What is not whole never looks so."""
        if share is None:
            return self.none
        if share >= _WHOLE:
            return self.levels[-1]
        return self.levels[int(max(share, 0) * (len(self.levels) - 1))]


BLOCKS: Final = Ink("▁▂▃▄▅▆▇█", "·")
DIGITS: Final = Ink("1234567#", ".")
"""Where the terminal's encoding has no blocks."""

_WHOLE: Final = 0.995
"""One shot of an hour lost at ten seconds' distance is 0.3 %."""

_FINE: Final = timedelta(hours=4)
"""What is shorter is drawn in minutes: of a lesson, hours tell nothing."""

_MINUTELY: Final = timedelta(hours=1)
_HOURS: Final = 24
_FEW: Final = 30
"""So many marks are drawn two columns wide."""


def sparkline(covered: Iterable[Stretch], span: Stretch, zone: tzinfo, *, ink: Ink = BLOCKS) -> Iterator[str]:
    """Draw the share of each hour of the span that is covered, in lines of at most 80 columns below a title.

    `covered` are stretches that do not overlap.  Up to four hours are drawn in minutes; more than a day has a line for
    each day of the zone, and days in a row without anything become one.  Where the clock is turned, a day has 23 or 25.
    """
    since, until = span
    zone = usable(zone, span)
    if until - since <= _FINE:
        step = timedelta(minutes=1 if until - since <= _MINUTELY else 5)
        return _fine(_sums(covered, step, zone), span, step, zone, ink)
    sums = _sums(covered, HOUR, zone)
    if until - since <= (_HOURS - 1) * HOUR:
        return _hours(sums, span, zone, ink)
    return _days(sums, span, zone, ink)


def _sums(covered: Iterable[Stretch], step: timedelta, zone: tzinfo) -> dict[datetime, timedelta]:
    """What is covered of each step in which anything is."""
    found: dict[datetime, timedelta] = {}
    for stretch in covered:
        for start, length in pieces(stretch, step, zone):
            found[start] = found.get(start, timedelta()) + length
    return found


def _share(sums: Mapping[datetime, timedelta], start: datetime, whole: timedelta) -> float | None:
    length = sums.get(start)
    if length is None:
        return None
    return min(length / whole, 1.0) if whole else 1.0


def _fine(sums: Mapping[datetime, timedelta], span: Stretch, step: timedelta, zone: tzinfo, ink: Ink) -> Iterator[str]:
    parts = list(pieces(span, step, zone))
    columns = 2 if len(parts) <= _FEW else 1
    drawn = parts[0][0], later(parts[-1][0], step)
    width = max(len(parts) * columns, len("14:00"))
    yield f"coverage per {'minute' if step == timedelta(minutes=1) else '5 minutes'}, {_dates(span, zone)}"
    yield "  " + "".join(ink.of(_share(sums, start, whole)) * columns for start, whole in parts)
    # A line that is too short for a round time tells when it begins.
    yield "  " + (axis(drawn, width, zone) or f"{drawn[0].astimezone(zone):%H:%M}")


def _hours(sums: Mapping[datetime, timedelta], span: Stretch, zone: tzinfo, ink: Ink) -> Iterator[str]:
    parts = list(pieces(span, HOUR, zone))
    yield f"coverage per hour, {_dates(span, zone)}"
    yield "  " + " ".join(ink.of(_share(sums, start, whole)) * 2 for start, whole in parts)
    yield "  " + " ".join(f"{start.astimezone(zone):%H}" for start, _ in parts)


def _dates(span: Stretch, zone: tzinfo) -> str:
    first, last = (moment.astimezone(zone).date().isoformat() for moment in span)
    return first if first == last else f"{first} to {last}"


def _days(sums: Mapping[datetime, timedelta], span: Stretch, zone: tzinfo, ink: Ink) -> Iterator[str]:
    yield "coverage per hour"
    yield "              00    06    12    18"
    first, last = (moment.astimezone(zone).date() for moment in span)
    seen = sorted({start.astimezone(zone).date() for start in sums} | {first, last})
    for day, following in pairwise([*seen, None]):
        if day is None:
            continue
        yield f"  {day}  {_day(sums, day, span, zone, ink)}"
        if following is not None and (empty := (following - day).days - 1):
            yield f"  ... {counted(empty, 'day')} without any"


def _day(sums: Mapping[datetime, timedelta], day: date, span: Stretch, zone: tzinfo, ink: Ink) -> str:
    following = day_after(day)
    start = midnight(day, zone)
    end = later(start, timedelta(days=1)) if following is None else midnight(following, zone)
    line, covered, hours = "", timedelta(), 0
    for hour, _ in pieces((start, end), HOUR, zone):
        hours += 1
        inside = min(later(hour, HOUR), span[1]) - max(hour, span[0])
        mark = ink.of(_share(sums, hour, inside)) if hour in sums or inside > timedelta() else " "
        # The hour that is skipped in spring stays empty; the one that comes twice in autumn moves what follows.
        line = line.ljust(hour.astimezone(zone).hour) + mark
        covered += sums.get(hour, timedelta())
    turned = "" if hours == _HOURS else f" (a day of {hours} hours)"
    return f"{line:<{_HOURS + 1}} {human_length(covered.total_seconds()):>9}{turned}"
