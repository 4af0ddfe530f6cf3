"""`livestills stats`."""

from contextlib import closing
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click

from cli.options import Paging, Selector, paging_options, selection_options, with_app
from cli.output import Column, Kind, Output, field_names, fields_of
from cli.texts import human_bytes
from indexer.catalog.answers import SourceStats
from indexer.errors import ConfigError
from indexer.model import Selection

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.catalog import Catalog

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
_SUMS = (
    Column("shots", "shots", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("sessions", "sessions", Kind.NUMBER),
    Column("users", "users", Kind.NUMBER),
    Column("first_at", "first shot", Kind.TIME),
    Column("last_at", "last shot", Kind.TIME),
)
_SUM_FIELDS = tuple(column.field for column in _SUMS)

_ENOUGH = 10_000
_NONE = "no shot matches"


class By(StrEnum):
    """What sums are made of."""

    DAY = "day"
    CHANNEL = "channel"
    USER = "user"


@click.command()
@click.option("--by", type=click.Choice(By, case_sensitive=False), help="Sums of days, channels or users.")
@selection_options()
@paging_options
@with_app
def stats(app: "App", out: Output, *, by: By | None, select: Selector, paging: Paging) -> None:
    """Show what the catalog holds, source by source, or the sums of a selection by day, channel or user.

    Days are those of --tz, the latest first.  Users are counted by channel: a uid names a person only within one.
    """
    selection = select(app)
    if by is not None:
        with app.catalog_for(selection) as catalog:
            _SHOWN[by](app, out, catalog, selection, paging)
    elif paging.wanted or selection != Selection():
        raise click.UsageError("a selection or a page is of --by day, --by channel or --by user: say which")
    else:
        _show_sources(app, out)


def _show_sources(app: "App", out: Output) -> None:
    with app.catalog_to_read() as catalog:
        found = catalog.overview.stats()
        none = "the catalog has no source yet; run `livestills sync`"
        out.rows(map(fields_of, found), _COLUMNS, fields=field_names(SourceStats), none=none)
        shots = sum(source.shots for source in found)
        # The few pages of an empty database say nothing about what a shot costs.
        if out.for_people and shots >= _ENOUGH:
            size = catalog.size_bytes()
            out.block(f"The catalog takes {human_bytes(size)}, {size / shots:.1f} bytes a shot.")


def _show_days(app: "App", out: Output, catalog: "Catalog", selection: Selection, paging: Paging) -> None:
    after = None if paging.after is None else _day(paging.after)
    with closing(catalog.sums.by_day(selection, app.zone, after=after, limit=paging.ask(out))) as found:
        page = paging.page(out, found, lambda sums: str(sums.day))
        records = ({**fields_of(sums), "day": str(sums.day), "tz": str(app.zone)} for sums in page)
        out.rows(records, (Column("day", "day"), *_SUMS), fields=("day", *_SUM_FIELDS, "tz"), none=_NONE)


def _show_channels(_app: "App", out: Output, catalog: "Catalog", selection: Selection, paging: Paging) -> None:
    with closing(catalog.sums.by_channel(selection, after=paging.after, limit=paging.ask(out))) as found:
        page = paging.page(out, found, lambda sums: sums.cname)
        columns = (Column("cname", "channel"), *_SUMS)
        out.rows(map(fields_of, page), columns, fields=("cname", *_SUM_FIELDS), none=_NONE)


def _show_users(app: "App", out: Output, catalog: "Catalog", selection: Selection, paging: Paging) -> None:
    from indexer.catalog.sums import person_of

    names = app.names()
    name = (Column("name", "name"),) if names else ()
    sums_of_one = tuple(column for column in _SUMS if column.field != "users")
    after = None if paging.after is None else person_of(paging.after)
    with closing(catalog.sums.by_user(selection, after=after, limit=paging.ask(out))) as found:
        page = paging.page(out, found, lambda sums: f"{sums.cname}/{sums.uid}")
        records = ({**fields_of(sums), "name": names.name_of(sums.cname, sums.uid)} for sums in page)
        columns = (Column("cname", "channel"), Column("uid", "user"), *name, *sums_of_one)
        fields = ("cname", "uid", *(column.field for column in sums_of_one), "name")
        out.rows(records, columns, fields=fields, none=_NONE)


_SHOWN: Final = {By.DAY: _show_days, By.CHANNEL: _show_channels, By.USER: _show_users}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(f"--after {text!r} is not a position; write a day such as 2026-11-05") from exc
