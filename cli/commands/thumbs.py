"""`livestills thumbs`."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cli.machine import Record
from cli.notes import note, warn
from cli.options import Selector, common, selection_options, with_app
from cli.output import Output
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, human_bytes, human_length, shown
from indexer.errors import ConfigError, ExitStatus

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.compute.base import Executor
    from indexer.jobs.thumbnails import Places, ThumbReport

_FIELDS = ("wanted", "made", "bytes", "failed", "archived", "pruned", "dry_run", "duration_s", "samples", "announced")


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
@click.option("--dask", metavar="ADDRESS", help="Work on the Dask cluster of this scheduler, tcp://host:8786.")
@click.option(
    "--shared-folders", is_flag=True, help="Workers of the cluster see the folders of sources as they are here."
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
    dask: str | None,
    shared_folders: bool,
    retry_failed: bool,
    keep_orphans: bool,
    dry_run: bool,
) -> None:
    """Make the thumbnails that shots lack: of the selection, or of everything.

    They are kept under `url` of [derivatives].  One is made again when its picture has changed, and removed when its
    shot is gone.  A picture that is broken is recorded with its reason, and the exit status is 3 then.

    On a Dask cluster, workers read and write the storages with their own credentials, and this machine records.
    """
    from indexer.jobs.thumbnails import Follow, Places, make_thumbnails
    from indexer.render.thumbnail import ThumbSpec

    specs = [ThumbSpec.from_string(size) for size in dict.fromkeys(sizes)]
    places = Places({source.name: app.address(source) for source in app.sources()}, app.derivatives())
    selection = select(app)
    if workers is not None and dask is not None:
        raise ConfigError("--workers are processes of this machine and --dask are others: say one of them")
    scheduler = dask or (app.settings.compute.dask if workers is None else None)
    if scheduler is not None and not shared_folders:
        _refuse_folders(places)
    with app.catalog_to_write() as catalog, stopping() as check, counting(common(), "thumbs") as progress:
        app.refuse_unknown_source(catalog, selection)
        report = make_thumbnails(
            catalog,
            places,
            selection,
            specs,
            executor=_executor(scheduler, workers, check),
            follow=Follow(app.now, check, lambda done, total: progress(done.wanted, total)),
            md5_sources=app.terms(catalog).md5_sources,
            retry_failed=retry_failed,
            keep_orphans=keep_orphans,
            dry_run=dry_run,
        )
    _tell(out, report, dry_run=dry_run)
    if report.failed:
        raise click.exceptions.Exit(ExitStatus.PARTIAL)


def _executor(scheduler: str | None, workers: int | None, check: Callable[[], None]) -> "Executor":
    if scheduler is not None:
        from indexer.compute.dask import Cluster

        return Cluster(scheduler, check, warn)
    from indexer.compute.processes import Processes

    return Processes(workers or os.cpu_count() or 1)


def _refuse_folders(places: "Places") -> None:
    """On a machine that does not see a folder, every picture would be gone, or what is made would lie there."""
    named = {f"the source {name!r}": address for name, address in places.origins.items()}
    for what, address in {**named, "[derivatives]": places.target}.items():
        if address.location.kind != "s3":
            raise ConfigError(
                f"{what} is {address.location}, which the workers of a cluster do not see unless it is shared; "
                "say --shared-folders if all of them have it at this path"
            )


def _tell(out: Output, report: "ThumbReport", *, dry_run: bool) -> None:
    if not out.for_people:
        out.write([_record(report, dry_run=dry_run)], fields=_FIELDS)
        return
    if report.announced:
        note(f"passed over: {counted(report.announced, 'picture')}, announced, and no listing has shown them")
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
        "announced": report.announced,
    }
