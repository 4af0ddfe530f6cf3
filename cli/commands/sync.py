"""`livestills sync`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import click

from cli.estimates import EstimateAnswer
from cli.metrics import MetricsFile
from cli.notes import complain, note
from cli.options import common, parse_length, parse_share, with_app
from cli.output import Output
from cli.progress import follow
from cli.signals import stopping
from cli.syncs import Answer, Metrics
from cli.ways import FromInventory, FromKeys, Listing, Way
from indexer.errors import CatalogNotFoundError, ConfigError, ExitStatus, InterruptedRunError, LivestillsError

if TYPE_CHECKING:
    from indexer.app import App, ConfiguredSource
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.runs import SyncReport, Terms


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
@click.option(
    "--inventory", metavar="MANIFEST", help="Read what one source holds from this manifest.json of an S3 Inventory."
)
@click.option(
    "--keys", metavar="FILE|-", help="Only add the keys of this list to one source: plain or ndjson, one a line."
)
@click.option("--estimate", is_flag=True, help="Tell requests, time and money of the next sync, and change nothing.")
@click.option(
    "--list-price",
    type=click.FloatRange(0, 1_000_000),
    metavar="USD",
    help="What 1,000 LIST requests cost, for --estimate: 0.005 (AWS S3 Standard) if not said.",
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
    inventory: str | None,
    keys: str | None,
    estimate: bool,
    list_price: float | None,
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
    sources = app.sources(source)
    way = _way(
        app,
        sources,
        full=full,
        verify=verify,
        inventory=inventory,
        keys=keys,
        metrics=metrics_file is not None,
    )
    if list_price is not None and not isfinite(list_price):
        raise ConfigError("--list-price is no amount of money")
    if estimate or list_price is not None:
        if not estimate or not isinstance(way, Listing):
            raise ConfigError("--estimate is of a sync that lists, and --list-price is for it")
        _estimate(app, out, sources, way, list_price)
        return
    file = None if metrics_file is None else MetricsFile(metrics_file)  # also for a dry run, which tries the command
    with (
        Answer(out, dry_run=dry_run) as answer,
        Metrics(None if dry_run else file, [each.name for each in sources], app.now) as metrics,
        stopping(after=longest) as check,
        _catalog(app, dry_run=dry_run) as catalog,
    ):
        syncs = _Syncs(
            app, catalog, check, answer, metrics, way, dry_run=dry_run, allow_removal=allow_removal, wait=wait
        )
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


def _way(
    app: "App",
    sources: Sequence["ConfiguredSource"],
    *,
    full: bool,
    verify: str | None,
    inventory: str | None,
    keys: str | None,
    metrics: bool,
) -> Way:
    """How the sources are to be synced.  Raises `ConfigError` for what does not go together."""
    said = {"--full": full or None, "--verify": verify, "--inventory": inventory, "--keys": keys}
    options = [option for option, value in said.items() if value is not None]
    given = inventory is not None or keys is not None
    if given and len(options) > 1:
        raise ConfigError(f"{' and '.join(options)} are different ways to learn what a source holds: say one of them")
    if given and len(sources) > 1:
        raise ConfigError(f"{options[0]} is of one source: name it")
    if keys is not None and metrics:
        raise ConfigError("--metrics-file tells of syncs that see all of a source: leave it out with --keys")
    if inventory is not None:
        return FromInventory(inventory)
    if keys is not None:
        return FromKeys(keys)
    share = app.settings.sync.verify if verify is None else parse_share(verify, "--verify")
    return Listing(full=full, verify=share)


def _estimate(
    app: "App", out: Output, sources: Sequence["ConfiguredSource"], way: Listing, list_price: float | None
) -> None:
    """Tell of every source; one that fails does not stop the others, unless it is the only one."""
    from indexer.jobs.estimate import LIST_PRICE_USD
    from indexer.jobs.estimate import estimate as estimated

    price = LIST_PRICE_USD if list_price is None else list_price
    answer = EstimateAnswer(out)
    failures: list[LivestillsError] = []
    with stopping() as check, _catalog(app, dry_run=True) as catalog:
        for source in sources:
            try:
                wishes = way.wishes(app, source)
                found = estimated(
                    app.access(source),
                    catalog,
                    source.name,
                    wishes=wishes,
                    list_price_usd=price,
                    clock=perf_counter,
                    check=check,
                )
            except InterruptedRunError:
                raise
            except LivestillsError as exc:
                answer.failed(source.name, exc)
                failures.append(exc)
                if len(sources) > 1:
                    complain(f"source {source.name}: {exc}", source=source.name, status=int(exc.status))
            else:
                answer.told(found)
    answer.end()
    if failures and len(sources) == 1:
        raise failures[0]
    if failures:
        raise click.exceptions.Exit(ExitStatus.PARTIAL if len(failures) < len(sources) else failures[0].status)


@dataclass(slots=True)
class _Syncs:
    """The syncs of one command, one source behind the other."""

    app: "App"
    catalog: "Catalog"
    check: Callable[[], None]
    answer: Answer
    metrics: Metrics
    way: Way
    dry_run: bool
    allow_removal: bool
    wait: bool
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
        if refused or unrecognised:
            return ExitStatus.CHECK_FAILED
        return ExitStatus.PARTIAL if self.way.done_in_part else ExitStatus.DONE

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
        from indexer.jobs.runs import Watch

        expected = self.catalog.overview.objects_of_last_run(source.name) if self.way.sees_all else None
        with follow(common(), source.name, expected=expected) as progress:
            watch = Watch(self.app.now, self.check, progress)
            return self.way.sync(self.app, source, self.catalog, watch, self._terms(source))

    def _terms(self, source: "ConfiguredSource") -> "Terms":
        from indexer.jobs.runs import Terms

        wait = self._waiting_for(source.name) if self.wait else None
        return Terms(dry_run=self.dry_run, allow_removal=self.allow_removal, wait=wait)

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
