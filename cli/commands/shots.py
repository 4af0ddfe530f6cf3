"""`livestills shots`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import Selector, common, common_options, selection_options, with_app
from cli.output import Output
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, human_bytes, shown
from indexer.errors import ConfigError, ExitStatus

if TYPE_CHECKING:
    from indexer.app import App

_DRY_FIELDS = ("folder", "wanted", "dry_run")
_FIELDS = ("folder", "got", "bytes", "there", "archived", "failed", "announced")


@click.group()
@common_options
def shots() -> None:
    """Shots themselves: fetch the original pictures."""


@shots.command("get")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@selection_options()
@click.option("--dry-run", is_flag=True, help="Count what would be fetched, fetch nothing.")
@with_app
def get_shots(app: "App", out: Output, *, folder: Path, select: Selector, dry_run: bool) -> None:
    """Download the originals of a selection into a folder.

    Each lies below the name of its source under its key, in letters that every file system takes.  What is there
    already is not fetched again.
    """
    from indexer.jobs.originals import GetReport, get, shots_of
    from indexer.storage.local import LocalStore

    selection = select(app)
    if selection == type(selection)():
        raise ConfigError(
            "say which shots: at least one of --user, --session, --channel, --source, --since and --until"
        )
    with app.catalog_for(selection) as catalog, stopping() as check, counting(common(), "shots") as progress:
        wanted = sum(1 for _ in shots_of(catalog, selection))
        if dry_run:
            if out.for_people:
                out.tell(f"{counted(wanted, 'picture')} to fetch into {shown(str(folder))}")
            else:
                out.write([{"folder": str(folder), "wanted": wanted, "dry_run": True}], fields=_DRY_FIELDS)
            return
        report = GetReport()
        if wanted:
            folder.mkdir(parents=True, exist_ok=True)
            origins = {source.name: app.open_store(source) for source in app.sources()}
            for report in get(shots_of(catalog, selection), origins, LocalStore(folder), check=check):
                done = report.got + report.there + report.archived + report.announced
                progress(done + report.failed.total(), wanted)
        else:
            out.note("the catalog has no shot that matches")
    if out.for_people:
        if report.announced:
            out.note(f"passed over: {counted(report.announced, 'picture')}, announced and not there")
        out.tell(
            f"{counted(report.got, 'picture')} fetched into {shown(str(folder))}, {human_bytes(report.bytes)}; "
            f"{report.there:,} were there, {report.archived:,} archived, {report.failed.total():,} failed"
        )
    else:
        record = {
            "folder": str(folder),
            "got": report.got,
            "bytes": report.bytes,
            "there": report.there,
            "archived": report.archived,
            "failed": dict(report.failed),
            "announced": report.announced,
        }
        out.write([record], fields=_FIELDS)
    if report.failed:
        raise click.exceptions.Exit(ExitStatus.PARTIAL)
