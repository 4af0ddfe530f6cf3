"""`livestills capture`."""

from pathlib import Path
from typing import Final

import click

from cli import bodies
from cli.calls import Agora, with_agora
from cli.captures import (
    NOTHING_STARTED,
    after_acquire,
    check_body,
    columns,
    identifiers,
    may_have_started,
    read_body,
    saving,
    tell_started,
    telling_on_interrupt,
)
from cli.options import common_options
from cli.output import Column, Kind, Output

_HOURS: Final = 72
"""As Agora has it where `resourceExpiredHour` is not said."""

_file = click.argument("file", metavar="FILE|-")
_check = click.option("--check/--no-check", default=True, show_default=True, help="Check the body before it is sent.")
_hours = click.option(
    "--resource-expired-hour",
    "hours",
    type=click.IntRange(1, 720),
    metavar="HOURS",
    help=f"How long query and stop work: {_HOURS} if not said.",
)
_save = click.option(
    "--save",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Write what query and stop must know to this new file.",
)
_from = click.option(
    "--from", "file", type=click.Path(path_type=Path, readable=False), metavar="FILE", help="What --save wrote."
)
_resource_id = click.option("--resource-id", metavar="ID", help="What acquire gave.")
_sid = click.option("--sid", metavar="SID", help="What start gave.")


@click.group()
@common_options
def capture() -> None:
    """Take screenshots of a channel: call Agora's RESTful API.

    Secrets are read from the body's file and from AGORA_CUSTOMER_SECRET, and never shown.
    """


@capture.command(epilog="For example:\n\n\b\n  livestills capture acquire start.json -o json | jq -r .resource_id")
@_file
@_hours
@_check
@with_agora
def acquire(agora: Agora, out: Output, *, file: str, hours: int | None, check: bool) -> None:
    """Get a resource ID, which is good for one start within 5 minutes.

    FILE is the body of an acquire, or that of a start, from which the one of the acquire is made.
    """
    from indexer.agora import routes

    body = read_body(file)
    if bodies.kind_of(body, otherwise="acquire") != "acquire":
        if check:
            check_body(out, file, "start", body)
        body = routes.acquire_body(body, resource_expired_hour=hours or _HOURS)
    elif hours is not None:
        raise click.UsageError("--resource-expired-hour goes with the body of a start; this one says it itself")
    elif check:
        check_body(out, file, "acquire", body)
    if agora.dry_run:
        agora.preview(out, routes.acquire(agora.app_id, body))
        return
    with agora.open() as client:
        acquired = client.acquire(body)
    record = {"resource_id": acquired.resource_id, "cname": body.get("cname"), "uid": body.get("uid")}
    out.record(record, columns("resource_id", "cname", "uid"))


@capture.command(
    epilog='For example:\n\n\b\n  livestills capture start start.json --resource-id "$ID" --save running.json'
)
@_file
@click.option("--resource-id", required=True, metavar="ID", help="What acquire gave.")
@_save
@_check
@with_agora
def start(agora: Agora, out: Output, *, file: str, resource_id: str, save: Path | None, check: bool) -> None:
    """Start taking screenshots, with a resource ID.

    Should the answer be lost, the same command may be given again: a resource ID never starts a second recording.
    """
    from indexer.agora import routes

    body = read_body(file)
    if check:
        check_body(out, file, "start", body)
    request = routes.start(agora.app_id, resource_id, body)
    if agora.dry_run:
        agora.preview(out, request)
        return
    again = agora.command("start", file, "--resource-id", resource_id)
    with agora.open() as client, telling_on_interrupt(NOTHING_STARTED) as leave, saving(save) as keep:
        leave(may_have_started(again))
        started = client.start(resource_id, body)
        try:
            keep(started)
        finally:
            tell_started(agora, out, started, save)


@capture.command(
    epilog="For example:\n\n\b\n"
    "  livestills capture run start.json --save running.json\n"
    "  livestills capture run start.json --dry-run"
)
@_file
@_hours
@_save
@_check
@with_agora
def run(agora: Agora, out: Output, *, file: str, hours: int | None, save: Path | None, check: bool) -> None:
    """Acquire and start, from the body of a start.

    The body of the acquire is made from it: the same cname and uid, and what will be started as startParameter.
    """
    from indexer.agora import routes
    from indexer.agora.failures import AgoraError

    body = read_body(file)
    if check:
        check_body(out, file, "start", body)
    first = routes.acquire_body(body, resource_expired_hour=hours or _HOURS)
    if agora.dry_run:
        then = routes.start(agora.app_id, "RESOURCE_ID", body)
        agora.preview(out, routes.acquire(agora.app_id, first), then)
        return
    with agora.open() as client, telling_on_interrupt(NOTHING_STARTED) as leave, saving(save) as keep:
        resource_id = client.acquire(first).resource_id
        again = agora.command("start", file, "--resource-id", resource_id)
        leave(may_have_started(again))
        try:
            started = client.start(resource_id, body)
        except AgoraError as exc:
            raise exc.followed_by(after_acquire(exc, resource_id, again)) from exc
        try:
            keep(started)
        finally:
            tell_started(agora, out, started, save)


@capture.command(epilog="For example:\n\n\b\n  livestills capture query --from running.json -o json | jq -r .state")
@_from
@_resource_id
@_sid
@with_agora
def query(agora: Agora, out: Output, *, file: Path | None, resource_id: str | None, sid: str | None) -> None:
    """Ask how a recording is.  Exit 10 if none such is running.

    After a start, ask after 5 s: it takes screenshots once the state is ready or in-progress.  Which ones it took, only
    the storage and callbacks tell.
    """
    from indexer.agora import routes

    resource_id, sid = identifiers(file, {"--resource-id": resource_id, "--sid": sid})
    if agora.dry_run:
        agora.preview(out, routes.query(agora.app_id, resource_id, sid))
        return
    with agora.open() as client:
        status = client.query(resource_id, sid)
    record = {
        "resource_id": resource_id,
        "sid": sid,
        "status": status.number,
        "state": status.name,
        "meaning": status.meaning,
        "running": status.is_running,
        "started_at": status.started_at,
    }
    started_at = [Column("started_at", "started at", Kind.TIME)] if status.started_at else []
    out.record(record, [*columns("sid", "status", "state", "meaning"), *started_at])


@capture.command(epilog="For example:\n\n\b\n  livestills capture stop --from running.json")
@_from
@_resource_id
@_sid
@click.option("--cname", metavar="NAME", help="The channel, as it was started.")
@click.option("--uid", metavar="UID", help="The recorder's uid, as it was started.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the upload, which takes up to 20 s.")
@with_agora
def stop(
    agora: Agora,
    out: Output,
    *,
    file: Path | None,
    resource_id: str | None,
    sid: str | None,
    cname: str | None,
    uid: str | None,
    no_wait: bool,
) -> None:
    """Stop taking screenshots, and tell whether all of them are in the storage.  Exit 10 if none such is running.

    Stopping once more what is ending is no error.
    """
    from indexer.agora import routes

    said = {"--resource-id": resource_id, "--sid": sid, "--cname": cname, "--uid": uid}
    resource_id, sid, cname, uid = identifiers(file, said)
    if agora.dry_run:
        agora.preview(out, routes.stop(agora.app_id, resource_id, sid, cname=cname, uid=uid, async_stop=no_wait))
        return
    asking = agora.command("query", *(("--from", str(file)) if file else ("--resource-id", resource_id, "--sid", sid)))
    with agora.open() as client, telling_on_interrupt(f"it may have been stopped; to know: {asking}"):
        stopped = client.stop(resource_id, sid, cname, uid, async_stop=no_wait)
    record = {
        "resource_id": resource_id,
        "sid": sid,
        "upload": str(stopped.upload),
        "meaning": stopped.upload.meaning,
        "was_ending": stopped.was_ending,
    }
    out.record(record, columns("sid", "upload", "meaning"))
    if stopped.was_ending:
        out.note("it was ending already: stopped before, or by itself")
