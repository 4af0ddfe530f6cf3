"""Where else a user was at the same time: asked for only by who shows it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from indexer.catalog.catalog import Catalog
from indexer.catalog.witnesses import Elsewhere, Witnesses
from indexer.timeline.days import Day
from indexer.timeline.figures import Timeline
from indexer.timeline.series import Run


def with_concurrent(catalog: Catalog, found: Iterable[Timeline]) -> Iterator[Timeline]:
    """The same timelines, with the other channels in which the user was at the same time."""
    for timeline in found:
        yield replace(timeline, concurrent=_concurrent(catalog, timeline))


def days_with_concurrent(catalog: Catalog, found: Iterable[Day]) -> Iterator[Day]:
    """The same of days."""
    for day in found:
        yield replace(day, timelines=tuple(with_concurrent(catalog, day.timelines)))


def _concurrent(catalog: Catalog, timeline: Timeline) -> tuple[str, ...]:
    """Other channels that have a shot of the user within one of the runs.  That bounds overlap says little."""
    runs = timeline.runs
    if not runs:
        return ()
    with catalog.reading() as connection:
        asked = Witnesses(connection)
        others = asked.elsewhere([timeline.uid], timeline.cname, runs[0].first_at, runs[-1].last_at)[timeline.uid]
        return tuple(dict.fromkeys(sorted(_meeting(asked, others, runs))))


def _meeting(asked: Witnesses, others: Sequence[Elsewhere], runs: Sequence[Run]) -> Iterator[str]:
    """Channels with a shot in a run: go from run to shot to run in turns, with all streams at once.

    Asks at most once a run, however many streams there are, and of no stream of which an end lies in a run.
    """
    waiting: dict[int, list[Elsewhere]] = {}
    for other in others:
        first, last = _run_at(runs, other.first_at), _run_at(runs, other.last_at)
        if any(
            run < len(runs) and runs[run].first_at <= end
            for run, end in ((first, other.first_at), (last, other.last_at))
        ):
            yield other.cname
        elif first < last:
            waiting.setdefault(first, []).append(other)
    for number, run in enumerate(runs):
        here = waiting.pop(number, [])
        found = asked.next_shots([other.stream_id for other in here], run.first_at) if here else {}
        for other in here:
            moment = found[other.stream_id]
            index = _run_at(runs, moment)
            if index < len(runs) and runs[index].first_at <= moment:
                yield other.cname
            elif index < _run_at(runs, other.last_at):
                waiting.setdefault(index, []).append(other)


def _run_at(runs: Sequence[Run], moment: datetime) -> int:
    """Which run the moment is in; else the next one."""
    return bisect_left(runs, moment, key=lambda run: run.last_at)
