"""`livestills sync`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import click

from cli.machine import Record
from cli.options import common, with_app
from cli.output import Format, Output, note
from cli.progress import follow
from cli.signals import stopping
from cli.streams import discard_stdout
from cli.texts import counted, human_length, shown
from indexer.errors import CatalogNotFoundError, ExitStatus, InterruptedRunError, LivestillsError

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.sync import SyncReport

_COUNTS = (
    *("objects", "shots", "added", "changed", "unchanged", "gone", "removed"),
    *("recordings", "unrecognised", "ignored"),
)
FIELDS = ("source", "outcome", "dry_run", *_COUNTS, "unrecognised_reasons", "requests", "duration_s", "message")


@click.command()
@click.argument("source", nargs=-1)
@click.option("--dry-run", is_flag=True, help="List and compare, write nothing.")
@click.option(
    "--allow-removal", is_flag=True, help="Remove also when more than 10 % and more than 1,000 shots are gone."
)
@click.option("--fail-on-unrecognised", is_flag=True, help="Exit 20 if a source holds keys that are not Agora's.")
@with_app
def sync(
    app: "App", out: Output, *, source: tuple[str, ...], dry_run: bool, allow_removal: bool, fail_on_unrecognised: bool
) -> None:
    """Bring the catalog up to date with the storage: all sources, or those named.

    Only differences are written, so it can run as often as you like, and stopping it loses nothing: the next run
    goes on.  When much more is gone than usual (a wrong prefix, an emptied bucket), nothing is removed and the exit
    status is 20.
    """
    from indexer.jobs.sync import Watch
    from indexer.jobs.sync import sync as carry_out

    sources = app.sources(source)
    reports: list[SyncReport] = []
    failures: list[LivestillsError] = []
    with _Answer(out, dry_run=dry_run) as answer, stopping() as check, _catalog(app, dry_run=dry_run) as catalog:
        for each in sources:
            try:
                with follow(common(), each.name, expected=catalog.overview.objects_of_last_run(each.name)) as progress:
                    report = carry_out(
                        app.open_store(each),
                        each.location.prefix,
                        catalog,
                        each.name,
                        watch=Watch(app.now, check, progress),
                        dry_run=dry_run,
                        allow_removal=allow_removal,
                    )
            except LivestillsError as exc:
                answer.failed(each.name, exc)
                if len(sources) == 1 or isinstance(exc, InterruptedRunError):
                    raise
                note(f"livestills: source {each.name}: {shown(str(exc))}")
                failures.append(exc)
            else:
                answer.done(report, where=str(each.location))
                reports.append(report)
    status = _status(reports, failures, fail_on_unrecognised=fail_on_unrecognised)
    if status is not ExitStatus.DONE:
        raise click.exceptions.Exit(status)


@contextmanager
def _catalog(app: "App", *, dry_run: bool) -> Iterator["Catalog"]:
    """The catalog to write to; a dry run reads the one there is, or compares with an empty one."""
    if not dry_run:
        with app.catalog_to_write() as catalog:
            yield catalog
        return
    try:
        existing = app.catalog_to_read()
    except CatalogNotFoundError:
        from indexer.catalog.catalog import Catalog

        with (
            TemporaryDirectory() as folder,
            Catalog.open_to_write(f"sqlite:///{folder}/empty.db", now=app.now()) as empty,
        ):
            yield empty
        return
    with existing:
        yield existing


def _status(reports: list["SyncReport"], failures: list[LivestillsError], *, fail_on_unrecognised: bool) -> ExitStatus:
    if failures:
        return ExitStatus.PARTIAL if reports else failures[0].status
    refused = any(report.outcome == "refused" for report in reports)
    unrecognised = fail_on_unrecognised and any(report.seen.unrecognised for report in reports)
    return ExitStatus.CHECK_FAILED if refused or unrecognised else ExitStatus.DONE


class _Answer:
    """What is said of each source when it is done.  Whoever reads that may leave: the syncs go on."""

    def __init__(self, out: Output, *, dry_run: bool) -> None:
        self._out = out
        self._dry_run = dry_run
        self._records: list[Record] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # Also behind an error: what is one document must be whole.
        if self._out.format in {Format.JSON, Format.CSV}:
            with _reader_may_leave():
                self._out.write(self._records, fields=FIELDS)

    def done(self, report: "SyncReport", *, where: str) -> None:
        """Tell of a sync that reached its end."""
        if self._out.for_people:
            with _reader_may_leave():
                self._out.tell(_summary(report))
        self._add(_record(report))
        if not report.seen.objects:
            self._out.note(f"{report.source}: nothing lies under {shown(where)}; is that the right place?")
        if report.outcome == "refused":
            note(
                f"livestills: {report.changes.gone:,} shots of {report.source} are gone from the storage, too many "
                "to remove unasked; check its url and the storage, then say --allow-removal if that is right"
            )

    def failed(self, source: str, error: LivestillsError) -> None:
        """Tell of a sync that did not."""
        outcome = "interrupted" if isinstance(error, InterruptedRunError) else "failed"
        told = {"source": source, "outcome": outcome, "dry_run": self._dry_run, "message": str(error)}
        self._add({name: told.get(name) for name in FIELDS})

    def _add(self, record: Record) -> None:
        if self._out.format is Format.NDJSON:
            with _reader_may_leave():
                self._out.write([record], fields=FIELDS)
        else:
            self._records.append(record)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


def _summary(report: "SyncReport") -> str:
    counts = report.counts()
    removed = f"{report.changes.removed:,} removed"
    if report.dry_run or report.outcome == "refused":
        removed = f"{report.changes.gone:,} {'removed' if report.dry_run else 'gone and kept'}"
    return (
        f"{report.source}: {counted(counts['shots'], 'shot')} among {counted(counts['objects'], 'object')}; "
        f"{'would be ' if report.dry_run else ''}{counts['added']:,} added, {counts['changed']:,} changed, {removed}; "
        f"{counted(counts['recordings'], 'recording file')}, {counts['unrecognised']:,} unrecognised; "
        f"{counted(report.requests.get('list', 0), 'LIST request')}, {human_length(report.duration.total_seconds())}"
    )


def _record(report: "SyncReport") -> Record:
    counts = report.counts()
    return {
        "source": report.source,
        "outcome": report.outcome,
        "dry_run": report.dry_run,
        **{name: counts[name] for name in _COUNTS},
        "unrecognised_reasons": {str(reason): count for reason, count in report.seen.rejected.most_common()},
        "requests": dict(report.requests),
        "duration_s": report.duration.total_seconds(),
        "message": None,
    }
