"""`livestills users`."""

from typing import TYPE_CHECKING

import click

from cli.machine import Record
from cli.options import Paging, Selector, common_options, paging_options, selection_options, with_app
from cli.output import Column, Kind, Output, field_names, fields_of
from cli.texts import shown
from indexer.catalog.answers import UserSummary

if TYPE_CHECKING:
    from indexer.app import App

_SUMS = (
    Column("sessions", "sessions", Kind.NUMBER),
    Column("shots", "shots", Kind.NUMBER),
    Column("bytes", "size", Kind.BYTES),
    Column("first_at", "first shot", Kind.TIME),
    Column("last_at", "last shot", Kind.TIME),
)
_USERS = (Column("uid", "user"), Column("channels", "channels", Kind.NUMBER), *_SUMS)
_CHANNELS = (Column("cname", "channel"), *_SUMS)
_NAMES = Column("names", "name")
_FIELDS = (*field_names(UserSummary), "name", "names")


@click.group()
@common_options
def users() -> None:
    """Users by uid: list them, or look at one."""


@users.command("list")
@selection_options(user=False)
@paging_options
@with_app
def list_users(app: "App", out: Output, *, select: Selector, paging: Paging) -> None:
    """List every uid that was seen, with the sums of what it shows.

    A uid names a person only within a channel: where one has several channels, these may be different people.
    The names of [users] are shown; `name` is the one that holds in all channels, `names` are all.
    """
    from indexer.jobs.naming import names_of_user

    selection = select(app)
    names = app.names()
    columns = (_USERS[0], _NAMES, *_USERS[1:]) if names else _USERS
    with app.catalog_for(selection) as catalog:
        found = catalog.users.every(selection, after=paging.after, limit=paging.ask(out))
        page = paging.page(out, found, lambda user: user.uid)
        records = (_named(user, names_of_user(catalog, names, user.uid, selection)) for user in page)
        out.rows(records, columns, fields=_FIELDS, none="no user matches")


def _named(user: UserSummary, names: set[str | None]) -> Record:
    return {
        **fields_of(user),
        "name": next(iter(names)) if len(names) == 1 else None,
        "names": sorted(name for name in names if name is not None),
    }


@users.command("show")
@click.argument("uid")
@selection_options(user=False)
@with_app
def show_user(app: "App", out: Output, *, uid: str, select: Selector) -> None:
    """Show the channels that a uid was seen in, the latest first."""
    selection = select(app)
    names = app.names()
    columns = (_CHANNELS[0], _NAMES, *_CHANNELS[1:]) if names else _CHANNELS
    with app.catalog_for(selection) as catalog:
        found = catalog.users.channels_of(uid, selection)
    records = [_named(user, {names.name_of(str(user.cname), uid)}) for user in found]
    none = f"the catalog has no shot of user {shown(uid)} that matches"
    out.rows(records, columns, fields=_FIELDS, none=none)
    if len(found) > 1:
        out.note(f"{len(found)} channels: a uid names a person only within a channel, so these may be different people")
