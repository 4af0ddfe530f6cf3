"""What a user showed, day by day."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.jobs.lookup import Terms, timelines
from indexer.model import Selection, TimeRange
from indexer.timeline.days import Day, folded, part_of, usable
from indexer.timeline.figures import Timeline


def days_of_user(catalog: Catalog, uid: str, selection: Selection, zone: tzinfo, *, terms: Terms) -> Iterator[Day]:
    """The days of the zone on which a user has shots, one after the other; on each, one `Day` a channel.

    Holds what it tells of a day.  Days without shots cost nothing, however many lie between two that have some.
    """
    series = catalog.shots.series(uid, selection)
    if not series:
        return
    parts = [part for each in series for part in each.streams]
    zone = usable(zone, (min(part.first_at for part in parts), max(part.last_at for part in parts)))
    period: TimeRange = selection.period
    while (moment := _next_shot(catalog, series, period)) is not None:
        day = moment.astimezone(zone).date()
        today = part_of(selection.period, day, zone)
        found: dict[str, list[Timeline]] = {}
        for timeline in timelines(catalog, uid, replace(selection, period=today), terms=terms):
            found.setdefault(timeline.cname, []).append(timeline)
        for of_channel in found.values():
            yield folded(day, of_channel)
        if today.until is None:
            return
        period = TimeRange(today.until, selection.period.until)
        if period.until is not None and today.until >= period.until:
            return


def _next_shot(catalog: Catalog, series: Sequence[Series], period: TimeRange) -> datetime | None:
    """When the first shot in the period was taken."""
    found: datetime | None = None
    for each in series:
        for part in each.streams:
            if (period.since is not None and part.last_at < period.since) or (found and part.first_at >= found):
                continue
            moment: datetime | None = part.first_at
            if period.since is not None and part.first_at < period.since:
                alone = each._replace(streams=(part,))
                moment = next((shot.captured_at for shot, _ in catalog.shots.of(alone, period)), None)
            if moment is not None and (period.until is None or moment < period.until):
                found = moment if found is None else min(found, moment)
    return found
