"""`livestills timeline`."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

import click

from cli.machine import Record
from cli.options import (
    Paging,
    Selector,
    paging_options,
    parse_length,
    parse_time,
    presign_options,
    selection_options,
    with_app,
)
from cli.output import Column, Kind, Output
from cli.shots import SHOT_FIELDS, machine_shot
from cli.texts import human_length, shown
from indexer.model import Selection, Shot, TimeRange

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.catalog import Catalog

_SHOTS = (
    Column("captured_at", "captured", Kind.TIME),
    Column("recorder", "recorder"),
    Column("size", "size", Kind.BYTES),
    Column("stored", "stored"),
    Column("key", "key"),
)
_SHOT_FIELDS = (*SHOT_FIELDS, "position")
_NEAREST = (
    Column("captured_at", "captured", Kind.TIME),
    Column("off", "off by"),
    Column("cname", "channel"),
    Column("recorder", "recorder"),
    Column("stored", "stored"),
    Column("key", "key"),
)
_NEAREST_FIELDS = (*SHOT_FIELDS, "offset_s")


class Group(StrEnum):
    """What is told together."""

    SESSION = "session"
    DAY = "day"


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills timeline 1002 --since 7d\n"
    "  livestills timeline 1002 --at 2026-11-05T14:30 --tz Europe/Berlin\n"
    "  livestills timeline 1002 --since 1d --every 1m --presign -o csv\n"
    "  livestills timeline 1002 --since 30d --group day"
)
@click.argument("uid")
@selection_options(user=False)
@paging_options
@click.option(
    "--shots/--runs",
    "as_shots",
    default=None,
    help="Every shot, or runs without a gap; programs get shots, tables runs and gaps.",
)
@click.option("--every", metavar="LENGTH", help="Of the shots, only the nearest to each step: 30s, 1m, 2h.")
@click.option("--at", metavar="TIME", help="Only the shot nearest to this time, of each session that covers it.")
@click.option(
    "--group",
    type=click.Choice([group.value for group in Group], case_sensitive=False),
    help="Figures with runs and gaps, by session, or by day of the time zone and channel.",
)
@presign_options
@with_app
def timeline(
    app: "App",
    out: Output,
    *,
    uid: str,
    select: Selector,
    paging: Paging,
    as_shots: bool | None,
    every: str | None,
    at: str | None,
    group: str | None,
    presigned_for: timedelta | None,
) -> None:
    """Show when a user was seen, and why not: runs, gaps or shots, by channel and session.

    The parts of a session that several recorders wrote after a failover are one series in time order, and each shot
    tells its recorder.  A gap tells its cause and what that is known by.  A uid names a person only within a channel.

    Presence is the share of the session's time in which the camera was on, capture the share of the pictures that one
    expects while it was.  Coverage is drawn by the hour, and by the minute for less than four hours; a dot is nothing.
    """
    if not uid:
        raise click.UsageError("the UID is empty; say one, for example 1002")
    _refuse(paging, as_shots=as_shots, every=every, at=at, group=group, presign=presigned_for is not None)
    selection = select(app)
    if at is not None and selection.period != TimeRange():
        raise click.UsageError("--at shows one moment, for which --since and --until cannot be said: leave them out")
    step = None if every is None else parse_length(every, "--every")
    moment = None if at is None else parse_time(at, "--at", app.zone, app.now())
    address = None if presigned_for is None else app.presigner(presigned_for)
    none = f"the catalog has no shot of user {shown(uid)} that matches"
    about_shots = as_shots or step is not None or address is not None or paging.wanted
    with app.catalog_for(selection) as catalog:
        if moment is not None:
            _show_nearest(out, catalog, uid, selection, moment, address, none)
        elif about_shots or (as_shots is None and group is None and not out.for_people):
            _show_shots(out, catalog, uid, selection, paging, step, address, none)
        else:
            _show_series(app, out, catalog, uid, selection, None if group is None else Group(group), none)


def _refuse(
    paging: Paging, *, as_shots: bool | None, every: str | None, at: str | None, group: str | None, presign: bool
) -> None:
    """Raise `UsageError` for options that contradict each other, naming them."""
    said = {
        "--runs": as_shots is False,
        "--shots": as_shots is True,
        "--group": group is not None,
        "--at": at is not None,
        "--every": every is not None,
        "--presign": presign,
        "--limit": paging.limit is not None,
        "--after": paging.after is not None,
    }

    def refuse(one: str, about: str, *others: str) -> None:
        found = [other for other in others if said[other]]
        if said[one] and found:
            raise click.UsageError(
                f"{one} shows {about}, for which {' and '.join(found)} cannot be said: leave {one} out"
            )

    refuse("--group", "figures", "--runs", "--shots", "--at", "--every", "--presign", "--limit", "--after")
    refuse("--runs", "runs", "--at", "--every", "--presign", "--limit", "--after")
    refuse("--at", "one moment", "--every", "--limit", "--after")


# Shots.


def _show_shots(
    out: Output,
    catalog: "Catalog",
    uid: str,
    selection: Selection,
    paging: Paging,
    step: timedelta | None,
    address: Callable[[Shot], str] | None,
    none: str,
) -> None:
    from indexer.catalog.shots import Position
    from indexer.jobs.lookup import sampled, shots_of_user

    after = None if paging.after is None else Position.from_string(paging.after)
    found = shots_of_user(catalog, uid, selection, after=after)
    if step is not None:
        found = sampled(found, step, after=after)
    page = paging.page(out, islice(found, paging.ask(out)), lambda item: str(item[1]))
    every = catalog.shots.series(uid, selection) if out.for_people else ()
    columns = _with_source(_SHOTS, (part.source for series in every for part in series.streams))
    records = ({**machine_shot(shot), "position": str(position), **_url(shot, address)} for shot, position in page)
    _rows(out, records, columns, _SHOT_FIELDS, address, none)


def _show_nearest(
    out: Output,
    catalog: "Catalog",
    uid: str,
    selection: Selection,
    at: datetime,
    address: Callable[[Shot], str] | None,
    none: str,
) -> None:
    from indexer.jobs.lookup import nearest_shot

    def record(shot: Shot) -> Record:
        offset_s = (shot.captured_at - at).total_seconds()
        told = {"offset_s": offset_s, **_url(shot, address)}
        if out.for_people:
            told["off"] = (
                "" if not offset_s else f"{human_length(abs(offset_s))} {'later' if offset_s > 0 else 'earlier'}"
            )
        return {**machine_shot(shot), **told}

    found = list(nearest_shot(catalog, uid, selection, at))
    columns = _with_source(_NEAREST, (shot.source for shot in found))
    _rows(out, map(record, found), columns, _NEAREST_FIELDS, address, none)
    if found and not _covers(catalog, found[0], selection, at):
        out.note(f"user {shown(uid)} was seen in no session at that time: this is the nearest shot of all")


def _covers(catalog: "Catalog", shot: Shot, selection: Selection, at: datetime) -> bool:
    """Whether the user was in the session of this shot then."""
    found = catalog.shots.series(shot.uid, Selection(selection.source, shot.cname, shot.sid))
    parts = [part for series in found for part in series.streams]
    return min(part.first_at for part in parts) <= at <= max(part.last_at for part in parts)


def _with_source(columns: tuple[Column, ...], sources: Iterable[str]) -> tuple[Column, ...]:
    """The columns with one that tells copies in several sources apart."""
    return (*columns[:-1], Column("source", "source"), columns[-1]) if len(set(sources)) > 1 else columns


def _url(shot: Shot, address: Callable[[Shot], str] | None) -> dict[str, object]:
    return {} if address is None else {"url": address(shot)}


def _rows(
    out: Output,
    records: Iterator[Record],
    columns: tuple[Column, ...],
    fields: tuple[str, ...],
    address: Callable[[Shot], str] | None,
    none: str,
) -> None:
    if address is not None:
        columns, fields = (*columns[:-1], Column("url", "address")), (*fields, "url")
    out.rows(records, columns, fields=fields, none=none)


# Runs and gaps.


def _show_series(
    app: "App", out: Output, catalog: "Catalog", uid: str, selection: Selection, group: Group | None, none: str
) -> None:
    from cli.series import DAY_FIELDS, RUN_FIELDS, SERIES_FIELDS, day_record, run_records, series_record
    from cli.timelines import Remarks, show_days, show_series
    from indexer.jobs.days import days_of_user
    from indexer.jobs.elsewhere import days_with_concurrent, with_concurrent
    from indexer.jobs.lookup import timelines
    from indexer.jobs.scenes import days_with_looks, with_looks

    remarks = Remarks(uid)
    terms, names = app.terms(catalog), app.names()
    thresholds = app.thresholds()
    if group is Group.DAY:
        of_days = days_of_user(catalog, uid, selection, out.zone, terms=terms)
        of_days = days_with_concurrent(catalog, days_with_looks(catalog, of_days, selection, thresholds=thresholds))
        days = remarks.of_days(of_days)
        if out.for_people:
            show_days(out, days, names)
        else:
            out.write((day_record(day, names) for day in days), fields=DAY_FIELDS)
    else:
        series = timelines(catalog, uid, selection, terms=terms)
        series = with_concurrent(catalog, with_looks(catalog, series, selection, thresholds=thresholds))
        found = remarks.of(series)
        if out.for_people:
            show_series(out, found, names)
        elif group is Group.SESSION:
            out.write((series_record(series, names) for series in found), fields=SERIES_FIELDS)
        else:
            out.write((record for series in found for record in run_records(series)), fields=RUN_FIELDS)
    if not remarks.any:
        out.note(none)
    remarks.note(out)
