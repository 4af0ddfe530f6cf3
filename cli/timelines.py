"""Timelines as people read them: a block for each session or day, with its coverage drawn, its runs and its gaps."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from cli.machine import Record
from cli.options import common
from cli.output import Column, Kind, Output
from cli.series import figures_text, gap_text, ink, interval_text, recorders_text
from cli.sparkline import sparkline
from cli.texts import counted, shown
from indexer.people import Names
from indexer.timeline.days import Day, union
from indexer.timeline.figures import Timeline

_ROWS: Final = (
    Column("since", "from"),
    Column("until", "to"),
    Column("length_s", "length", Kind.LENGTH),
    Column("shots", "shots", Kind.NUMBER),
    Column("missing", "missing", Kind.NUMBER),
    Column("what", "recorder, or cause of the gap"),
)
_SESSION: Final = Column("sid", "session")
_CHANNELS: Final = 5
"""Named in a note; more are counted."""


class Remarks:
    """What is to be said once about all timelines of an answer, when they have been told."""

    def __init__(self, uid: str) -> None:
        self._uid = uid
        self._concurrent: dict[str, None] = {}  # an ordered set
        self._undetermined = False
        self.any = False

    def of(self, found: Iterable[Timeline]) -> Iterator[Timeline]:
        """The same timelines, remembering what is remarkable."""
        for series in found:
            self.any = True
            if series.concurrent:
                self._concurrent |= dict.fromkeys((series.cname, *series.concurrent))
            self._undetermined |= any(run.frozen is None for run in series.runs)
            yield series

    def of_days(self, found: Iterable[Day]) -> Iterator[Day]:
        """The same of days."""
        for day in found:
            for _ in self.of(day.timelines):
                pass
            yield day

    def note(self, out: Output) -> None:
        """Say it."""
        if self._concurrent:
            channels = ", ".join(map(shown, islice(self._concurrent, _CHANNELS)))
            if len(self._concurrent) > _CHANNELS:
                channels += f" and {len(self._concurrent) - _CHANNELS:,} more"
            out.note(
                f"user {shown(self._uid)} was seen in several channels at the same time ({channels}): "
                "a uid names a person only within a channel, so these may be different people"
            )
        if self._undetermined and common().verbose:
            out.note("frozen pictures: not determinable where it is not known that ETags are MD5s (`etag_is_md5`)")


def show_series(out: Output, found: Iterable[Timeline], names: Names) -> None:
    """A block for each session."""
    for series in found:
        heading = [f"channel {shown(series.cname)}", f"session {shown(series.sid)}"]
        figures = f"{counted(series.shots, 'shot')}{interval_text(series.interval)}"
        _block(out, heading, figures, series, [series], names)


def show_days(out: Output, found: Iterable[Day], names: Names) -> None:
    """A block for each day and channel."""
    for day in found:
        heading = [f"channel {shown(day.cname)}", str(day.day)]
        if len(day.timelines) > 1:
            heading.append(counted(len(day.timelines), "session"))
        else:
            heading.append(f"session {shown(day.timelines[0].sid)}")
        _block(out, heading, counted(day.shots, "shot"), day, day.timelines, names)


def _block(
    out: Output,
    heading: list[str],
    figures: str,
    told: Timeline | Day,
    parts: Sequence[Timeline],
    names: Names,
) -> None:
    name = names.name_of(told.cname, told.uid)
    out.block(out.dot.join([*heading, *([] if name is None else [shown(name)])]))
    out.line(out.dot.join([figures, *figures_text(told.presence, told.capture)]))
    runs = union((run.first_at, run.last_at) for series in parts for run in series.runs)
    for line in sparkline(runs, (told.since, told.until), out.zone, ink=ink(out)):
        out.line(line)
    dated = out.time(told.since)[:_DATE] != out.time(told.until)[:_DATE]
    rows = sorted((row for series in parts for row in _rows(series)), key=lambda row: (row[0], row[1]))
    columns = _ROWS if len(parts) == 1 else (*_ROWS[:-1], _SESSION, _ROWS[-1])
    out.table((_shown_row(row, out, dated=dated) for row in rows), columns)


_DATE: Final = len("2026-11-05")

_Row = tuple[datetime, datetime, Record]


def _rows(series: Timeline) -> Iterator[_Row]:
    for run in series.runs:
        yield (
            run.first_at,
            run.last_at,
            {
                "length_s": run.length.total_seconds(),
                "shots": run.shots,
                "missing": run.missing or None,
                "what": recorders_text(run),
                "sid": series.sid,
            },
        )
    for gap in series.gaps:
        yield (
            gap.since,
            gap.until,
            {
                "length_s": gap.length.total_seconds(),
                "missing": gap.missing,
                "what": gap_text(gap),
                "sid": series.sid,
            },
        )


def _shown_row(row: _Row, out: Output, *, dated: bool) -> Record:
    since, until, told = row
    times = {"since": out.time(since), "until": out.time(until)}
    return {**(times if dated else {name: text[_DATE + 1 :] for name, text in times.items()}), **told}
