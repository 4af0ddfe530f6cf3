"""`livestills stats`."""

from typing import TYPE_CHECKING

import click

from cli.options import with_app
from cli.output import Column, Kind, Output, field_names, fields_of
from cli.texts import human_bytes
from indexer.catalog.answers import SourceStats

if TYPE_CHECKING:
    from indexer.app import App

_COLUMNS = (
    Column("source", "source"),
    Column("shots", "shots", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("sessions", "sessions", Kind.NUMBER),
    Column("channels", "channels", Kind.NUMBER),
    Column("users", "users", Kind.NUMBER),
    Column("recordings", "recording files", Kind.NUMBER),
    Column("unrecognised", "unrecognised", Kind.NUMBER),
    Column("first_at", "first shot", Kind.TIME),
    Column("last_at", "last shot", Kind.TIME),
    Column("synced_at", "last synced", Kind.TIME),
)

_ENOUGH = 10_000


@click.command()
@with_app
def stats(app: "App", out: Output) -> None:
    """Show what the catalog holds, source by source."""
    with app.catalog_to_read() as catalog:
        found = catalog.overview.stats()
        none = "the catalog has no source yet; run `livestills sync`"
        out.rows(map(fields_of, found), _COLUMNS, fields=field_names(SourceStats), none=none)
        shots = sum(source.shots for source in found)
        # The few pages of an empty database say nothing about what a shot costs.
        if out.for_people and shots >= _ENOUGH:
            size = catalog.path.stat().st_size
            out.block(f"The catalog takes {human_bytes(size)}, {size / shots:.1f} bytes a shot.")
