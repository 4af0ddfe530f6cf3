"""`livestills sync`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click

from cli.metrics import MetricsFile
from cli.notes import complain, note
from cli.options import common, parse_length, parse_share, with_app
from cli.output import Output
from cli.progress import follow
from cli.signals import stopping
from cli.syncs import Answer, Metrics
from indexer.errors import CatalogNotFoundError, ExitStatus, InterruptedRunError, LivestillsError

if TYPE_CHECKING:
    from indexer.app import App, ConfiguredSource
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.plan import Wishes
    from indexer.jobs.sync import SyncReport

_MODES: Final = {"auto": None, "delimiter": "discovery", "hop": "hop", "full": "full"}
"""What `discovery` of a source forces."""


@click.command()
@click.argument("source", nargs=-1)
@click.option("--dry-run", is_flag=True, help="List and compare, write nothing.")
@click.option(
    "--allow-removal", is_flag=True, help="Remove also when more than 10 % and more than 1,000 shots are gone."
)
@click.option("--fail-on-unrecognised", is_flag=True, help="Exit 20 if a source holds keys that are not Agora's.")
@click.option("--full", is_flag=True, help="List everything, whatever is known already.")
@click.option(
    "--verify", metavar="SHARE", help="List this share of what is settled again: 1/30, 5%, 0 or 100% (everything)."
)
@click.option("--wait", is_flag=True, help="Wait while another sync of a source is running, instead of exit 11.")
@click.option("--max-duration", metavar="TIME", help="End cleanly with exit 3 once this is over, such as 30m or 2h.")
@click.option(
    "--metrics-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Keep metrics for Prometheus in this file, named *.prom for node_exporter.",
)
@with_app
def sync(
    app: "App",
    out: Output,
    *,
    source: tuple[str, ...],
    dry_run: bool,
    allow_removal: bool,
    fail_on_unrecognised: bool,
    full: bool,
    verify: str | None,
    wait: bool,
    max_duration: str | None,
    metrics_file: Path | None,
) -> None:
    """Bring the catalog up to date with the storage: all sources, or those named.

    Only differences are written, so it can run as often as you like, and stopping it loses nothing: the next run
    goes on.  When much more is gone than usual (a wrong prefix, an emptied bucket), nothing is removed and the exit
    status is 20.
    """
    longest = None if max_duration is None else parse_length(max_duration, "--max-duration")
    how = _How(
        dry_run=dry_run,
        allow_removal=allow_removal,
        wait=wait,
        full=full,
        verify=app.settings.sync.verify if verify is None else parse_share(verify, "--verify"),
    )
    sources = app.sources(source)
    file = None if metrics_file is None else MetricsFile(metrics_file)  # also for a dry run, which tries the command
    with (
        Answer(out, dry_run=dry_run) as answer,
        Metrics(None if dry_run else file, [each.name for each in sources], app.now) as metrics,
        stopping(after=longest) as check,
        _catalog(app, dry_run=dry_run) as catalog,
    ):
        syncs = _Syncs(app, catalog, check, answer, metrics, how)
        syncs.carry_out(sources)
    status = syncs.status(fail_on_unrecognised=fail_on_unrecognised)
    if metrics.failed and status is ExitStatus.DONE:
        status = ExitStatus.ERROR
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """What the command line and the settings say of all the syncs of one command."""

    dry_run: bool
    allow_removal: bool
    wait: bool
    full: bool
    verify: float

    def wishes(self, app: "App", source: "ConfiguredSource") -> "Wishes":
        """How a source is to be listed."""
        from indexer.jobs.plan import Mode, Wishes

        forced = "full" if self.full else _MODES[source.settings.discovery]
        horizon = timedelta(hours=app.settings.sync.horizon_h)
        return Wishes(None if forced is None else Mode(forced), verify=self.verify, horizon=horizon)


@dataclass(slots=True)
class _Syncs:
    """The syncs of one command, one source behind the other."""

    app: "App"
    catalog: "Catalog"
    check: Callable[[], None]
    answer: Answer
    metrics: Metrics
    how: _How
    reports: list["SyncReport"] = field(default_factory=list)
    failures: list[LivestillsError] = field(default_factory=list)

    def carry_out(self, sources: Sequence["ConfiguredSource"]) -> None:
        """Sync them all.  One that fails does not stop the others, unless it is the only one."""
        to_come = deque(sources)
        try:
            while to_come:
                self.check()
                self._one(to_come.popleft(), is_only=len(sources) == 1)
        except InterruptedRunError:
            self.answer.not_started(each.name for each in to_come)
            raise

    def status(self, *, fail_on_unrecognised: bool) -> ExitStatus:
        """How it went altogether."""
        if self.failures:
            return ExitStatus.PARTIAL if self.reports else self.failures[0].status
        refused = any(report.outcome == "refused" for report in self.reports)
        unrecognised = fail_on_unrecognised and any(report.seen.unrecognised for report in self.reports)
        return ExitStatus.CHECK_FAILED if refused or unrecognised else ExitStatus.DONE

    def _one(self, source: "ConfiguredSource", *, is_only: bool) -> None:
        try:
            with self.metrics.of(source.name) as reports:
                reports.append(self._report(source))
        except LivestillsError as exc:
            self.answer.failed(source.name, exc)
            if is_only or isinstance(exc, InterruptedRunError):
                raise
            complain(f"source {source.name}: {exc}", source=source.name, status=int(exc.status))
            self.failures.append(exc)
        else:
            self.answer.done(reports[0], where=str(source.location))
            self.reports += reports

    def _report(self, source: "ConfiguredSource") -> "SyncReport":
        from indexer.jobs.sync import Access, Watch
        from indexer.jobs.sync import sync as carry_out

        expected = self.catalog.overview.objects_of_last_run(source.name)
        access = Access(
            self.app.open_store(source),
            source.location.prefix,
            self.app.address(source),
            in_flight=self.app.settings.sync.in_flight,
        )
        with follow(common(), source.name, expected=expected) as progress:
            return carry_out(
                access,
                self.catalog,
                source.name,
                watch=Watch(self.app.now, self.check, progress),
                wishes=self.how.wishes(self.app, source),
                dry_run=self.how.dry_run,
                allow_removal=self.how.allow_removal,
                wait=self._waiting_for(source.name) if self.how.wait else None,
            )

    def _waiting_for(self, source: str) -> Callable[[], None]:
        """What is called again and again while another sync of the source is running: says so once."""
        said = False

        def wait() -> None:
            nonlocal said
            if not said:
                note(f"another sync of {source!r} is running: waiting for it to end")
                said = True
            self.check()

        return wait
