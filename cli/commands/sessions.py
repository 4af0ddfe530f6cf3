"""`livestills sessions`."""

from typing import Any

import click

from cli.options import Paging, Selector, common_options, paging_options, selection_options, with_app
from cli.output import Column, Format, Kind, Output, fields_of, shown
from indexer.app import App
from indexer.model import Selection

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
_RECORDINGS = (
    Column("uid", "user"),
    Column("track", "track"),
    Column("extension", "type"),
    Column("files", "files", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("first_name", "first file"),
)


@click.group()
@common_options
def sessions() -> None:
    """Recorded sessions: list them, or look at one."""


@sessions.command("list")
@selection_options()
@paging_options
@with_app
def list_sessions(app: App, out: Output, *, select: Selector, paging: Paging) -> None:
    """List sessions, the latest first."""
    with app.catalog_to_read() as catalog:
        found = catalog.sessions.every(select(app.zone, app.now()), after=paging.after, limit=paging.ask(out))
        page = paging.page(out, found, lambda session: session.position)
        out.rows(map(fields_of, page), _SESSIONS, none="no session matches")


@sessions.command("show")
@click.argument("sid")
@click.option("--channel", metavar="NAME", help="Only this channel, should the session be in several.")
@with_app
def show_session(app: App, out: Output, *, sid: str, channel: str | None) -> None:
    """Show one session: its users, recorders and recording files."""
    with app.catalog_to_read() as catalog:
        selection = Selection(sid=sid, cname=channel)
        found = list(catalog.sessions.every(selection))
        if not found:
            out.note(f"the catalog has no session {shown(sid)}")
        records: list[dict[str, Any]] = []
        for session in found:
            streams = [
                {**fields_of(part), "recorder": part.bak_prefix.rstrip("_") or "original"}
                for part in catalog.sessions.streams(sid, cname=session.cname)
            ]
            records.append(
                {
                    **fields_of(session),
                    "streams": streams,
                    "recording_files": [fields_of(kind) for kind in catalog.sessions.recordings(sid, session.cname)],
                }
            )
        if out.format is Format.CSV:
            out.rows((row for record in records for row in record["streams"]), _STREAMS)
            return
        if not out.for_people:
            out.write(records, fields=())
            return
        for record in records:
            out.record(record, [column for column in _SESSIONS if column.field != "recordings"])
            out.rows(record["streams"], _STREAMS)
            out.rows(record["recording_files"], _RECORDINGS, title="Recording files")
