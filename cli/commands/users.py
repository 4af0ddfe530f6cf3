"""`livestills users`."""

from typing import TYPE_CHECKING

import click

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
_FIELDS = field_names(UserSummary)


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
    """
    selection = select(app)
    with app.catalog_for(selection) as catalog:
        found = catalog.users.every(selection, after=paging.after, limit=paging.ask(out))
        page = paging.page(out, found, lambda user: user.uid)
        out.rows(map(fields_of, page), _USERS, fields=_FIELDS, none="no user matches")


@users.command("show")
@click.argument("uid")
@selection_options(user=False)
@with_app
def show_user(app: "App", out: Output, *, uid: str, select: Selector) -> None:
    """Show the channels that a uid was seen in, the latest first."""
    selection = select(app)
    with app.catalog_for(selection) as catalog:
        found = catalog.users.channels_of(uid, selection)
    none = f"the catalog has no shot of user {shown(uid)} that matches"
    out.rows(map(fields_of, found), _CHANNELS, fields=_FIELDS, none=none)
    if len(found) > 1:
        out.note(f"{len(found)} channels: a uid names a person only within a channel, so these may be different people")
