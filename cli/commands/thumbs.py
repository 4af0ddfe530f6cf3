"""`livestills thumbs`."""

import os
from typing import TYPE_CHECKING

import click

from cli.machine import Record
from cli.notes import note
from cli.options import Selector, common, selection_options, with_app
from cli.output import Output
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, human_bytes, human_length, shown
from indexer.errors import ExitStatus

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.jobs.thumbnails import ThumbReport

_FIELDS = ("wanted", "made", "bytes", "failed", "archived", "pruned", "dry_run", "duration_s", "samples")


@click.command()
@selection_options()
@click.option(
    "--size",
    "sizes",
    multiple=True,
    default=("320x180",),
    metavar="WxH",
    show_default=True,
    help="Fit inside; repeatable.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Processes; as many as processors if not said."
)
@click.option("--retry-failed", is_flag=True, help="Try pictures again that failed before.")
@click.option("--keep-orphans", is_flag=True, help="Keep thumbnails whose shots are gone.")
@click.option("--dry-run", is_flag=True, help="Count what is to be made, make nothing.")
@with_app
def thumbs(
    app: "App",
    out: Output,
    *,
    select: Selector,
    sizes: tuple[str, ...],
    workers: int | None,
    retry_failed: bool,
    keep_orphans: bool,
    dry_run: bool,
) -> None:
    """Make the thumbnails that shots lack: of the selection, or of everything.

    They are kept under `url` of [derivatives].  One is made again when its picture has changed, and removed when its
    shot is gone.  A picture that is broken is recorded with its reason, and the exit status is 3 then.
    """
    from indexer.jobs.thumbnails import Follow, Places, make_thumbnails
    from indexer.render.thumbnail import ThumbSpec

    specs = [ThumbSpec.from_string(size) for size in dict.fromkeys(sizes)]
    places = Places({source.name: app.address(source) for source in app.sources()}, app.derivatives())
    selection = select(app)
    with app.catalog_to_write() as catalog, stopping() as check, counting(common(), "thumbs") as progress:
        app.refuse_unknown_source(catalog, selection)
        report = make_thumbnails(
            catalog,
            places,
            selection,
            specs,
            workers=workers or os.cpu_count() or 1,
            follow=Follow(app.now, check, lambda done, total: progress(done.wanted, total)),
            retry_failed=retry_failed,
            keep_orphans=keep_orphans,
            dry_run=dry_run,
        )
    _tell(out, report, dry_run=dry_run)
    if report.failed:
        raise click.exceptions.Exit(ExitStatus.PARTIAL)


def _tell(out: Output, report: "ThumbReport", *, dry_run: bool) -> None:
    if not out.for_people:
        out.write([_record(report, dry_run=dry_run)], fields=_FIELDS)
        return
    if dry_run:
        out.tell(f"{counted(report.wanted, 'picture')} to make thumbnails of; {report.archived:,} archived")
        return
    made = (
        f"{counted(report.made, 'thumbnail')} of {counted(report.wanted, 'picture')} made, {human_bytes(report.bytes)}"
    )
    rest = f"{report.failed.total():,} failed, {report.archived:,} archived, {report.pruned:,} removed"
    out.tell(f"{made}; {rest}; {human_length(report.duration.total_seconds())}")
    for reason, count in report.failed.most_common():
        note(f"failed: {counted(count, 'picture')}, {reason}")
    for key, reason in report.samples:
        note(f"failed: {shown(key)} ({reason})")


def _record(report: "ThumbReport", *, dry_run: bool) -> Record:
    return {
        "wanted": report.wanted,
        "made": report.made,
        "bytes": report.bytes,
        "failed": dict(report.failed),
        "archived": report.archived,
        "pruned": report.pruned,
        "dry_run": dry_run,
        "duration_s": report.duration.total_seconds(),
        "samples": [{"key": key, "reason": reason} for key, reason in report.samples],
    }
