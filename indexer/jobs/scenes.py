"""What a user showed, scene by scene: the timelines of a selection with what is known of how the pictures look."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import merge
from itertools import groupby, islice
from typing import Final, TypeVar

from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.jobs.lookup import Terms, timelines
from indexer.model import Selection, Shot, TimeRange
from indexer.timeline.days import Day
from indexer.timeline.figures import Timeline
from indexer.timeline.looks import Kind, Thresholds
from indexer.timeline.scenes import Scene, Seen, scenes
from indexer.timeline.series import RunLooks

_MILLISECOND: Final = timedelta(milliseconds=1)

_Shot = TypeVar("_Shot")


@dataclass(frozen=True, slots=True)
class Scenery:
    """One user in one session, within the asked period."""

    timeline: Timeline
    scenes: tuple[Scene[Shot], ...]
    """In time order; those of a run tile it."""
    unseen: int
    """Shots that nobody has looked at."""


def sceneries(
    catalog: Catalog, uid: str, selection: Selection, *, terms: Terms, thresholds: Thresholds
) -> Iterator[Scenery]:
    """A user's scenes, the session that began first coming first.  Holds those of one session."""
    for timeline in timelines(catalog, uid, selection, terms=terms):
        yield from scenery_of(catalog, timeline, selection, terms=terms, thresholds=thresholds)


def scenery_of(
    catalog: Catalog, timeline: Timeline, selection: Selection, *, terms: Terms, thresholds: Thresholds
) -> Iterator[Scenery]:
    """The scenes of a timeline of this selection; nothing if it is not in the catalog any more."""
    for series in _series(catalog, timeline, selection):
        yield scenery(catalog, series, timeline, terms=terms, thresholds=thresholds)


def scenery(catalog: Catalog, series: Series, timeline: Timeline, *, terms: Terms, thresholds: Thresholds) -> Scenery:
    """The scenes of a timeline that was told of this series."""
    unseen = 0

    def counted(seen: Iterable[Seen[Shot]]) -> Iterator[Seen[Shot]]:
        nonlocal unseen
        for each in seen:
            unseen += each.look is None
            yield each

    found: list[Scene[Shot]] = []
    for _, run in _runs(counted(sights(catalog, series, _within(timeline), terms=terms)), timeline):
        found += scenes(run, thresholds)
    return Scenery(timeline, tuple(found), unseen)


def was_looked_at(catalog: Catalog, series: Series) -> bool:
    """Whether there is any look of a shot of this series."""
    return any(True for part in series.streams for _ in islice(catalog.looks.of(part.id, page=1), 1))


def sights(catalog: Catalog, series: Series, period: TimeRange, *, terms: Terms) -> Iterator[Seen[Shot]]:
    """The shots of a series in time order, each with its look where there is one."""
    looks = {part.id: catalog.looks.of(part.id, period.since, period.until) for part in series.streams}
    coming = {stream_id: next(each, None) for stream_id, each in looks.items()}
    before: Shot | None = None
    for shot, position in catalog.shots.of(series, period):
        found = coming[position.stream_id]
        while found is not None and found[0] < shot.captured_at:
            found = next(looks[position.stream_id], None)
        coming[position.stream_id] = found
        look = found[1] if found is not None and found[0] == shot.captured_at else None
        equal = before is not None and shot.source in terms.md5_sources and before.source in terms.md5_sources
        equal = (
            equal and before is not None and (shot.etag, shot.size) == (before.etag, before.size) and shot.etag != ""
        )
        yield Seen(shot, shot.captured_at, look, equal, position.stream_id)
        before = shot


def with_looks(
    catalog: Catalog, found: Iterable[Timeline], selection: Selection, *, thresholds: Thresholds
) -> Iterator[Timeline]:
    """The same timelines, with how the pictures of their runs look, where somebody has looked.

    Reads looks and no shots.
    """
    for timeline in found:
        period = _within(timeline)
        looks = [
            (
                (captured_at, Seen(None, captured_at, look, False, part.id))
                for captured_at, look in catalog.looks.of(part.id, *bounds)
            )
            for series in _series(catalog, timeline, selection)
            for part in series.streams
            for bounds in [(period.since, period.until)]
        ]
        every = (seen for _, seen in merge(*looks, key=lambda pair: pair[0]))
        told = {index: _summed(run, thresholds) for index, run in _runs(every, timeline)}
        runs = (replace(run, looks=told.get(index)) for index, run in enumerate(timeline.runs))
        yield replace(timeline, runs=tuple(runs))


def days_with_looks(
    catalog: Catalog, found: Iterable[Day], selection: Selection, *, thresholds: Thresholds
) -> Iterator[Day]:
    """The same of days."""
    for day in found:
        looks = with_looks(catalog, day.timelines, selection, thresholds=thresholds)
        yield replace(day, timelines=tuple(looks))


def _summed(run: Iterable[Seen[None]], thresholds: Thresholds) -> RunLooks:
    lengths = dict.fromkeys(Kind, timedelta())
    shots = 0
    for scene in scenes(run, thresholds):
        lengths[scene.kind] += scene.length
        shots += scene.shots
    return RunLooks(shots, lengths[Kind.BLACK], lengths[Kind.COVERED], lengths[Kind.PLACEHOLDER], lengths[Kind.STILL])


def _series(catalog: Catalog, timeline: Timeline, selection: Selection) -> list[Series]:
    """The series that a timeline was told of."""
    one = Selection(selection.source, timeline.cname, timeline.sid, timeline.uid, selection.period)
    # Not those of another spelling of the channel.
    return [each for each in catalog.shots.series(timeline.uid, one) if each.cname == timeline.cname]


def _within(timeline: Timeline) -> TimeRange:
    """From the first shot to the last: what a sync adds meanwhile does not matter."""
    if not timeline.runs:
        return TimeRange(timeline.since, timeline.since + _MILLISECOND)
    return TimeRange(timeline.runs[0].first_at, timeline.runs[-1].last_at + _MILLISECOND)


def _runs(every: Iterable[Seen[_Shot]], timeline: Timeline) -> Iterator[tuple[int, Iterator[Seen[_Shot]]]]:
    """Sights by the number of the run that they are in."""
    runs = timeline.runs
    number = 0

    def of_run(seen: Seen[_Shot]) -> int:
        nonlocal number
        while number < len(runs) - 1 and runs[number].last_at < seen.captured_at:
            number += 1
        return number

    yield from groupby(every, key=of_run)
