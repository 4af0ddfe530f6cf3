"""`livestills events`."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from cli.notes import warn
from cli.notices import ENV_SECRET, appending, check_path, explain, homes, read_secret, record, secret_option, summary
from cli.options import common, common_options, with_app
from cli.output import Output
from cli.pipes import live
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, shown
from indexer.agora.addresses import is_loopback
from indexer.errors import ConfigError, ExitStatus, InterruptedRunError

if TYPE_CHECKING:
    from indexer.agora.events import Notice
    from indexer.app import App
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.notice_files import NoticesRead
    from indexer.service.receiver import Answers
    from indexer.service.writing import Writer

_LOOK_EVERY_S: Final = 0.1
"""For a signal that ends the service."""

_source_option = click.option(
    "--source", multiple=True, metavar="NAME", help="The sources that the callbacks are of: all if not said."
)


@click.group()
@common_options
def events() -> None:
    """Notification callbacks: pictures within seconds, and better causes of gaps.

    Agora calls back when a screenshot is in the bucket, a camera goes on or off, or a recorder fails.  What callbacks
    tell is provisional: the next sync confirms it, and finds what they have missed.
    """


@events.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@_source_option
@click.option("--dry-run", is_flag=True, help="Read and count, write nothing.")
@click.option("--strict", is_flag=True, help="Exit 20, not 3, if something was no notice.")
@with_app
def ingest(
    app: "App", out: Output, *, files: tuple[str, ...], source: tuple[str, ...], dry_run: bool, strict: bool
) -> None:
    """Take callbacks from files, or from standard input: one body a line, an array, or a single one.

    Taking them in again changes nothing, so do that whenever in doubt.  Lines that are no notices are counted and
    shown, the others are taken (exit 3).  A sync may run meanwhile.
    """
    from indexer.jobs.notice_files import NoticesRead
    from indexer.jobs.notices import Batches, Intake

    if "-" in files and len(files) > 1:
        raise click.UsageError("- reads standard input: name no file beside it")
    places = homes(app, source)
    read = NoticesRead()
    with (
        stopping() as check,
        counting(common(), "notices") as progress,
        _catalog(app, dry_run=dry_run) as catalog,
    ):
        batches = Batches(Intake(catalog, places), now=app.now, check=check)

        def idle() -> None:
            # Whoever writes into a pipe may say nothing for hours, and what has come is to be seen before.
            batches.write()
            check()

        for notice in _notices(files, read, progress, idle):
            batches.add(notice)
        batches.write()
    report = batches.report
    if out.for_people:
        out.tell(summary(report, would=dry_run))
        explain(report, out)
        if read.other_products:
            out.note(f"{read.other_products:,} notices of other products than Cloud Recording")
    else:
        unreadable = [{"place": sample.place, "reason": sample.reason} for sample in read.samples]
        found = {"other_products": read.other_products, "unreadable": read.unreadable, "unreadable_samples": unreadable}
        out.record({**record(report), **found, "dry_run": dry_run}, ())
    if read.unreadable:
        _complain_of(read)
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED if strict else ExitStatus.PARTIAL)


@events.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one.")
@click.option("--path", default="/", show_default=True, help="Where callbacks are posted to.")
@secret_option
@click.option("--unsigned", is_flag=True, help="Take callbacks of everybody, without any secret.")
@click.option("--accept-v1", is_flag=True, help="Take the older signature (SHA-1) where there is no other.")
@_source_option
@click.option(
    "--log",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Append every callback to this file, one a line, as `events ingest` reads them.",
)
@with_app
def serve(
    app: "App",
    out: Output,
    *,
    host: str,
    port: int,
    path: str,
    secret_file: Path | None,
    unsigned: bool,
    accept_v1: bool,
    source: tuple[str, ...],
    log: Path | None,
) -> None:
    """Receive callbacks over HTTP until stopped.  A proxy in front of it does HTTPS.

    Only what is signed with your secret is taken, and answered when it is in the catalog; what cannot be written now is
    answered with 503, so that Agora sends it again.  Ctrl-C or SIGTERM end it when all that was taken is written.
    """
    try:
        from indexer.service.receiver import Answers, Trust, receiving
        from indexer.service.writing import Writer
    except ModuleNotFoundError as exc:
        if exc.name not in {"starlette", "uvicorn"}:
            raise
        raise ConfigError(
            f"receiving callbacks takes a web server ({exc.name} is not installed): pip install 'livestills[agora]'"
        ) from exc
    from indexer.jobs.notices import Intake

    trust = Trust(_secret(secret_file, unsigned=unsigned), accept_v1=accept_v1)
    path = check_path(path)
    places = homes(app, source)
    answers = Answers()
    with ExitStack() as stack:
        check = stack.enter_context(stopping())
        catalog = stack.enter_context(app.catalog_to_write())
        file = None if log is None else stack.enter_context(appending(log))
        writer = stack.enter_context(Writer(Intake(catalog, places), now=app.now, log=file))
        url = stack.enter_context(receiving(writer, trust, answers, host=host, port=port, path=path))
        if not is_loopback(host):
            warn(
                f"whoever reaches {shown(host)} can post here, in clear; let a proxy do HTTPS and end idle connections"
            )
        if trust.secret is None:
            warn("callbacks are taken unsigned: whoever reaches this address can write into the catalog")
        out.note(f"receiving callbacks at {url}{path}")
        try:
            while True:
                check()
                time.sleep(_LOOK_EVERY_S)
        except InterruptedRunError:
            pass  # that is how a service ends
    _tell_end(out, writer, answers)


def _tell_end(out: Output, writer: "Writer", answers: "Answers") -> None:
    if not out.for_people:
        out.record({**record(writer.report), **asdict(answers), "groups": writer.groups}, ())
        return
    refused = answers.unsigned + answers.unreadable + answers.too_long
    out.tell(summary(writer.report))
    elsewhere = f", {answers.elsewhere:,} posted to another path" if answers.elsewhere else ""
    out.tell(f"{counted(answers.taken, 'request')} taken, {refused:,} refused, {answers.put_off:,} put off{elsewhere}")
    explain(writer.report, out)


@contextmanager
def _catalog(app: "App", *, dry_run: bool) -> Iterator["Catalog | None"]:
    if dry_run:
        yield None
        return
    with app.catalog_to_write() as catalog:
        yield catalog


def _notices(
    files: Sequence[str],
    read: "NoticesRead",
    progress: Callable[[int, int | None], None],
    idle: Callable[[], None],
) -> "Iterator[Notice]":
    from indexer.jobs.notice_files import read_notices

    for name in files:
        origin = f"{shown(name)}, " if len(files) > 1 else ""
        with _open(name, idle) as file:
            yield from read_notices(file, read, origin=origin, progress=lambda pieces: progress(pieces, None))


def _open(name: str, idle: Callable[[], None]) -> BinaryIO:
    if name == "-":
        return live(sys.stdin.fileno(), idle)
    try:
        return Path(name).open("rb")
    except OSError as exc:
        raise ConfigError(f"{shown(name)} cannot be read: {exc.strerror}") from exc


def _complain_of(read: "NoticesRead") -> None:
    shown_now = 0 if common().quiet else 3
    for sample in read.samples[:shown_now]:
        warn(f"{sample.place}: {shown(sample.reason)}")
    warn(f"{read.unreadable:,} of {read.pieces:,} were no notices")


def _secret(file: Path | None, *, unsigned: bool) -> str | None:
    """The secret that callbacks are signed with; None for `--unsigned`.  Raises `ConfigError`."""
    if unsigned:
        if file is not None:
            raise ConfigError("--unsigned takes every callback, so that --secret-file is of no use: leave one out")
        return None
    told = read_secret(file)
    if not told:
        raise ConfigError(
            "callbacks are signed, and the secret is not known: copy it from Agora's console (Notifications) into a "
            f"file for --secret-file, or into {ENV_SECRET}; --unsigned takes callbacks of everybody"
        )
    return told
