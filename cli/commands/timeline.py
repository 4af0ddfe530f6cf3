"""`livestills timeline`."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import click

from cli.machine import Record
from cli.options import Paging, Selector, paging_options, selection_options, with_app
from cli.output import Column, Kind, Output
from cli.shots import SHOT_FIELDS, machine_shot, recorder
from cli.texts import counted, human_length, shown
from indexer.model import Shot

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.shots import Position
    from indexer.timeline.figures import Timeline

_RUNS = (
    Column("first_at", "from", Kind.TIME),
    Column("last_at", "to", Kind.TIME),
    Column("length_s", "length", Kind.LENGTH),
    Column("shots", "shots", Kind.NUMBER),
    Column("recorders", "recorder"),
    Column("gap_before_s", "gap before", Kind.LENGTH),
)
_SHOTS = (
    Column("captured_at", "captured", Kind.TIME),
    Column("recorder", "recorder"),
    Column("size", "size", Kind.BYTES),
    Column("stored", "stored"),
    Column("key", "key"),
)
_LINKED = (*_SHOTS[:-1], Column("url", "address"))
_SHOT_FIELDS = (*SHOT_FIELDS, "position")
_RUN_FIELDS = "uid", "cname", "sid", "first_at", "last_at", "length_s", "shots", "baks", "recorders", "gap_before_s"


@click.command()
@click.argument("uid")
@selection_options(user=False)
@paging_options
@click.option(
    "--shots/--runs",
    "as_shots",
    default=None,
    help="Every shot, or runs without a gap; programs get shots, tables runs.",
)
@click.option(
    "--presign", is_flag=True, help="Add an address to each shot that opens it without credentials for a while."
)
@click.option(
    "--lifetime",
    type=click.IntRange(1, 7 * 24 * 60),
    default=15,
    metavar="MINUTES",
    show_default=True,
    help="How long such an address works.",
)
@with_app
def timeline(
    app: "App",
    out: Output,
    *,
    uid: str,
    select: Selector,
    paging: Paging,
    as_shots: bool | None,
    presign: bool,
    lifetime: int,
) -> None:
    """Show when a user was seen: runs and shots, by channel and session.

    The parts of a session that several recorders wrote after a failover are one series in time order, and each shot
    tells its recorder.  A uid names a person only within a channel.
    """
    from indexer.catalog.shots import Position
    from indexer.jobs.lookup import shots_of_user, timelines

    about_shots = presign or paging.wanted
    if as_shots is False and about_shots:
        raise click.UsageError("--presign, --limit and --after are about shots: leave --runs out")
    selection = select(app)
    after = None if paging.after is None else Position.from_string(paging.after)
    none = f"the catalog has no shot of user {shown(uid)} that matches"
    with app.catalog_for(selection) as catalog:
        if about_shots or as_shots or (as_shots is None and not out.for_people):
            address = app.presigner(timedelta(minutes=lifetime)) if presign else None
            found = islice(shots_of_user(catalog, uid, selection, after=after), paging.ask(out))
            page = paging.page(out, found, lambda item: str(item[1]))
            columns, fields = (_SHOTS, _SHOT_FIELDS) if address is None else (_LINKED, (*_SHOT_FIELDS, "url"))
            out.rows((_shot_record(*item, address) for item in page), columns, fields=fields, none=none)
        else:
            _show_runs(out, timelines(catalog, uid, selection, terms=app.terms(catalog)), none)


def _shot_record(shot: Shot, position: "Position", address: Callable[[Shot], str] | None) -> Record:
    record = {**machine_shot(shot), "position": str(position)}
    return record if address is None else {**record, "url": address(shot)}


def _show_runs(out: Output, found: Iterator["Timeline"], none: str) -> None:
    if not out.for_people:
        records = (record for series in found for record in _run_records(series))
        out.rows(records, _RUNS, fields=_RUN_FIELDS, none=none)
        return
    empty = True
    for series in found:
        empty = False
        every = "" if series.interval is None else f", one every {human_length(series.interval.length.total_seconds())}"
        told = " (configured)" if series.interval and series.interval.configured else ""
        shots = counted(series.shots, "shot")
        out.block(f"channel {shown(series.cname)} · session {shown(series.sid)} · {shots}{every}{told}")
        out.table(_run_records(series), _RUNS)
    if empty:
        out.note(none)


def _run_records(series: "Timeline") -> Iterator[Record]:
    for before, run in zip([None, *series.runs], series.runs, strict=False):
        yield {
            "uid": series.uid,
            "cname": series.cname,
            "sid": series.sid,
            "first_at": run.first_at,
            "last_at": run.last_at,
            "length_s": run.length.total_seconds(),
            "shots": run.shots,
            "baks": run.baks,
            "recorders": [recorder(bak) for bak in run.baks],
            "gap_before_s": None if before is None else (run.first_at - before.last_at).total_seconds(),
        }
