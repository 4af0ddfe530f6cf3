"""`livestills sessions`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from cli.options import Paging, Selector, common_options, paging_options, selection_options, with_app
from cli.output import Column, Format, Kind, Output, field_names, fields_of
from cli.texts import shown
from indexer.catalog.answers import SessionSummary
from indexer.model import Selection

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.catalog import Catalog

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


@sessions.command("show")
@click.argument("sid")
@click.option("--channel", metavar="NAME", help="Only this channel, should the session be in several.")
@with_app
def show_session(app: "App", out: Output, *, sid: str, channel: str | None) -> None:
    """Show one session: its users, recorders and recording files, and when they were listed.

    What is `settled` gets no more uploads, and a sync only verifies it now and then; what is `watched` is listed by
    every sync, and so is what one has left `unfinished`.  CSV has a line for each user and recorder.
    """
    with app.catalog_to_read() as catalog:
        found = list(_described(catalog, Selection(sid=sid, cname=channel)))
    if not found:
        out.note(f"the catalog has no session {shown(sid)}" + (f" in channel {shown(channel)}" if channel else ""))
    if out.format is Format.CSV:
        out.write((stream for session in found for stream in session["streams"]), fields=_STREAM_FIELDS)
    elif not out.for_people:
        out.write(found, fields=())
    else:
        for session in found:
            out.record(session, [column for column in _SESSIONS if column.field != "recordings"])
            out.rows(session["streams"], _STREAMS, fields=())
            out.rows(session["recording_files"], _RECORDINGS, fields=(), title="Recording files")
            out.rows(session["units"], _UNITS, fields=(), title="Listed")


def _described(catalog: "Catalog", selection: Selection) -> Iterator[dict[str, Any]]:
    for session in catalog.sessions.every(selection):
        streams = [
            {**fields_of(stream), "recorder": stream.bak_prefix.rstrip("_") or "original"}
            for stream in catalog.sessions.streams(session.sid)
            if stream.cname == session.cname
        ]
        yield {
            **fields_of(session),
            "streams": [{name: stream[name] for name in _STREAM_FIELDS} for stream in streams],
            "recording_files": [fields_of(kind) for kind in catalog.sessions.recordings(session.sid, session.cname)],
            "units": [fields_of(unit) for unit in catalog.sessions.units(session.sid)],
        }
