"""`livestills sync`."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import click

from cli.options import common, with_app
from cli.output import Format, Output, Record, counted, human_length, note, shown
from cli.progress import follow
from cli.signals import stopping
from indexer.app import App
from indexer.catalog.catalog import Catalog
from indexer.errors import CatalogNotFoundError, ExitStatus, InterruptedRunError, LivestillsError
from indexer.jobs.sync import SyncReport, Watch
from indexer.jobs.sync import sync as carry_out


@click.command()
@click.argument("source", nargs=-1)
@click.option("--dry-run", is_flag=True, help="List and compare, write nothing.")
@click.option(
    "--allow-removal", is_flag=True, help="Remove also when more than 10 % and more than 1,000 shots are gone."
)
@click.option("--fail-on-unrecognised", is_flag=True, help="Exit 20 if a source holds keys that are not Agora's.")
@with_app
def sync(
    app: App, out: Output, *, source: tuple[str, ...], dry_run: bool, allow_removal: bool, fail_on_unrecognised: bool
) -> None:
    """Bring the catalog up to date with the storage: all sources, or those named.

    Only differences are written, so it can run as often as you like, and stopping it loses nothing: the next run
    goes on.  When much more is gone than usual (a wrong prefix, an emptied bucket), nothing is removed and the exit
    status is 20.
    """
    sources = app.sources(source)
    reports: list[SyncReport] = []
    failures: list[LivestillsError] = []
    with stopping() as check, _catalog(app, dry_run=dry_run) as catalog:
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
            except InterruptedRunError:
                raise
            except LivestillsError as exc:
                if len(sources) == 1:
                    raise
                note(f"livestills: source {each.name}: {shown(str(exc))}")
                failures.append(exc)
            else:
                reports.append(report)
                _tell(out, report)
    if out.format in {Format.JSON, Format.CSV}:
        out.write(map(_record, reports), fields=())
    status = _status(reports, failures, fail_on_unrecognised=fail_on_unrecognised)
    if status is not ExitStatus.DONE:
        raise click.exceptions.Exit(status)


@contextmanager
def _catalog(app: App, *, dry_run: bool) -> Iterator[Catalog]:
    """The catalog to write to; a dry run reads the one there is, or compares with an empty one."""
    if not dry_run:
        with app.catalog_to_write() as catalog:
            yield catalog
        return
    try:
        existing = app.catalog_to_read()
    except CatalogNotFoundError:
        with (
            TemporaryDirectory() as folder,
            Catalog.open_to_write(f"sqlite:///{folder}/empty.db", now=app.now()) as empty,
        ):
            yield empty
        return
    with existing:
        yield existing


def _tell(out: Output, report: SyncReport) -> None:
    if out.format is Format.NDJSON:
        out.write([_record(report)], fields=())
    if out.for_people:
        counts = report.counts()
        would = "would be " if report.dry_run else ""
        requests = counted(report.requests.get("list", 0), "LIST request")
        removed = report.changes.gone if report.dry_run else report.changes.removed
        out.line(
            f"{report.source}: {counts['shots']:,} shots among {counts['objects']:,} objects; "
            f"{would}{counts['added']:,} added, {counts['changed']:,} changed, {removed:,} removed; "
            f"{counts['recordings']:,} recording files, {counts['unrecognised']:,} unrecognised; "
            f"{requests}, {human_length(report.duration.total_seconds())}"
        )
    if report.outcome == "refused":
        note(
            f"livestills: {report.changes.gone:,} shots of {report.source} are gone from the storage, too many "
            "to remove unasked; check its url and the storage, then say --allow-removal if that is right"
        )


def _record(report: SyncReport) -> Record:
    return {
        "source": report.source,
        "outcome": report.outcome,
        "dry_run": report.dry_run,
        **report.counts(),
        "unrecognised_reasons": {str(reason): count for reason, count in report.seen.rejected.most_common()},
        "requests": dict(report.requests),
        "duration_s": report.duration.total_seconds(),
    }


def _status(reports: list[SyncReport], failures: list[LivestillsError], *, fail_on_unrecognised: bool) -> ExitStatus:
    if failures:
        return ExitStatus.PARTIAL if reports else failures[0].status
    refused = any(report.outcome == "refused" for report in reports)
    unrecognised = fail_on_unrecognised and any(report.seen.unrecognised for report in reports)
    return ExitStatus.CHECK_FAILED if refused or unrecognised else ExitStatus.DONE
