"""`livestills sessions`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cli.options import Paging, Selector, common_options, paging_options, selection_options, with_app
from cli.output import Column, Format, Kind, Output, field_names, fields_of
from cli.texts import percent, shown
from indexer.catalog.answers import SessionSummary, StreamSummary
from indexer.model import Selection

if TYPE_CHECKING:
    from cli.clock import Stretch
    from indexer.app import App
    from indexer.catalog.catalog import Catalog
    from indexer.people import Names
    from indexer.timeline.figures import Timeline

_SESSIONS = (
    Column("cname", "channel"),
    Column("sid", "session"),
    Column("first_at", "first shot", Kind.TIME),
    Column("last_at", "last shot", Kind.TIME),
    Column("users", "users", Kind.NUMBER),
    Column("shots", "shots", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("failovers", "failovers", Kind.NUMBER),
    Column("recordings", "recording files", Kind.NUMBER),
    Column("sources", "source"),
)
_STREAMS = (
    Column("uid", "user"),
    Column("recorder", "recorder"),
    Column("first_at", "first shot", Kind.TIME),
    Column("last_at", "last shot", Kind.TIME),
    Column("shots", "shots", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("source", "source"),
    Column("directory", "directory"),
)
_STREAM_FIELDS = (
    *("source", "directory", "bak_prefix", "sid", "cname", "uid", "key_head", "shots", "bytes", "first_at", "last_at"),
    "recorder",
)
_RECORDINGS = (
    Column("uid", "user"),
    Column("track", "track"),
    Column("extension", "type"),
    Column("files", "files", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("first_name", "first file"),
)
_UNITS = (
    Column("prefix", "unit"),
    Column("objects", "objects", Kind.NUMBER),
    Column("state", "settled"),
    Column("listed_at", "last listed", Kind.TIME),
    Column("verified_at", "last verified", Kind.TIME),
    Column("source", "source"),
)


@click.group()
@common_options
def sessions() -> None:
    """Recorded sessions: list them, or look at one."""


@sessions.command("list")
@selection_options()
@paging_options
@with_app
def list_sessions(app: "App", out: Output, *, select: Selector, paging: Paging) -> None:
    """List sessions, the latest first."""
    selection = select(app)
    with app.catalog_for(selection) as catalog:
        found = catalog.sessions.every(selection, after=paging.after, limit=paging.ask(out))
        page = paging.page(out, found, lambda session: session.position)
        out.rows(map(fields_of, page), _SESSIONS, fields=field_names(SessionSummary), none="no session matches")


@sessions.command(
    "show",
    epilog="For example:\n\n\b\n"
    "  livestills sessions show 82c90eb4d5c47d2c0a8081f527033515 --tz Europe/Berlin\n"
    "  livestills sessions show 82c90eb4d5c47d2c0a8081f527033515 -o json | jq '.[].users[] | {uid, presence}'",
)
@click.argument("sid")
@click.option("--channel", metavar="NAME", help="Only this channel, should the session be in several.")
@with_app
def show_session(app: "App", out: Output, *, sid: str, channel: str | None) -> None:
    """Show one session: who was on when, its recorders and recording files, and when they were listed.

    Each user has a line on a common clock, in the width of the terminal or of COLUMNS, with the cause where there are
    no shots; `livestills gaps --session SID` tells them one by one.  Presence is the share of the session's time in
    which the camera was on, capture the share of the pictures that one expects while it was.

    What is `settled` gets no more uploads, and a sync only verifies it now and then; what is `watched` is listed by
    every sync, and so is what one has left `unfinished`.  CSV has a line for each user and recorder.
    """
    from indexer.jobs.elsewhere import with_concurrent
    from indexer.jobs.lookup import span_of_session, timelines_of_session

    names = app.names()
    with app.catalog_to_read() as catalog:
        terms = app.terms(catalog)

        def users(session: SessionSummary) -> Iterator["Timeline"]:
            return timelines_of_session(catalog, session.sid, session.cname, terms=terms)

        found = [_described(catalog, each) for each in catalog.sessions.every(Selection(sid=sid, cname=channel))]
        if out.format is Format.CSV:
            out.write((stream for each in found for stream in each.record["streams"]), fields=_STREAM_FIELDS)
        elif not out.for_people:
            told = (each.with_users(with_concurrent(catalog, users(each.summary)), names) for each in found)
            out.write(told, fields=())
        else:
            for each in found:
                span = span_of_session(catalog, each.summary.sid, each.summary.cname)
                _show(out, each, span, users(each.summary), names)
    if not found:
        out.note(f"the catalog has no session {shown(sid)}" + (f" in channel {shown(channel)}" if channel else ""))


@dataclass(frozen=True, slots=True)
class _Described:
    """A session and what belongs to it, but for its shots."""

    summary: SessionSummary
    streams: Sequence[StreamSummary]
    record: dict[str, Any]

    def with_users(self, timelines: Iterator["Timeline"], names: "Names") -> dict[str, Any]:
        """The record of a program."""
        from cli.series import SERIES_FIELDS, series_record

        fields = [field for field in SERIES_FIELDS if field not in {"cname", "sid"}]
        users = (series_record(series, names) for series in timelines)
        return {**self.record, "users": [{field: user[field] for field in fields} for user in users]}

    @property
    def failovers(self) -> list[tuple[datetime, str]]:
        """When recorders took over, and which."""
        first: dict[str, datetime] = {}
        for stream in self.streams:
            if stream.bak_prefix:
                first[stream.bak_prefix] = min(stream.first_at, first.get(stream.bak_prefix, stream.first_at))
        return sorted((moment, prefix.rstrip("_")) for prefix, moment in first.items())


def _described(catalog: "Catalog", session: SessionSummary) -> _Described:
    streams = [stream for stream in catalog.sessions.streams(session.sid) if stream.cname == session.cname]
    records = [{**fields_of(stream), "recorder": stream.bak_prefix.rstrip("_") or "original"} for stream in streams]
    record = {
        **fields_of(session),
        "streams": [{name: stream[name] for name in _STREAM_FIELDS} for stream in records],
        "recording_files": [fields_of(kind) for kind in catalog.sessions.recordings(session.sid, session.cname)],
        "units": [fields_of(unit) for unit in catalog.sessions.units(session.sid)],
    }
    return _Described(session, streams, record)


def _show(
    out: Output, session: _Described, span: "Stretch | None", timelines: Iterator["Timeline"], names: "Names"
) -> None:
    out.record(session.record, [column for column in _SESSIONS if column.field != "recordings"])
    _show_lanes(out, session, span, timelines, names)
    out.rows(session.record["streams"], _STREAMS, fields=())
    out.rows(session.record["recording_files"], _RECORDINGS, fields=(), title="Recording files")
    out.rows(session.record["units"], _UNITS, fields=(), title="Listed")


def _show_lanes(
    out: Output, session: _Described, span: "Stretch | None", timelines: Iterator["Timeline"], names: "Names"
) -> None:
    """A line for each user, written as soon as its shots are read."""
    from cli.lanes import LETTERS, SIGNS, Sheet, lane, legend
    from cli.series import person, stretches

    cname, span = session.summary.cname, span or (session.summary.first_at, session.summary.last_at)
    people = {stream.uid: person(stream.uid, names.name_of(cname, stream.uid)) for stream in session.streams}
    marks = SIGNS if all(out.can_write(sign) for sign in (*SIGNS.of.values(), SIGNS.pointer)) else LETTERS
    sheet = Sheet.fitting(span, out.zone, people.values(), columns=out.columns, marks=marks)
    used: dict[str, None] = {}
    out.block()
    for line in sheet.head(session.failovers):
        out.line(line)
    for series in timelines:
        found = lane(stretches(series), span, sheet.lane_columns)
        used |= dict.fromkeys(what for what in found if what is not None)
        presence, capture = percent(series.presence), "" if series.capture is None else percent(series.capture)
        out.line(
            sheet.line(
                people.get(series.uid) or person(series.uid, names.name_of(cname, series.uid)), found, presence, capture
            )
        )
    failed = f"  {marks.pointer} another recorder took over" if session.failovers else ""
    out.line(f"{legend(used, marks)}{failed}")
