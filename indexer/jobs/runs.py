"""The frame of every sync, however it learns what a source holds: lock, record, guard, report."""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import Changes, SyncWriter
from indexer.errors import InterruptedRunError, LivestillsError
from indexer.jobs.plan import Mode, Units
from indexer.jobs.stretches import Seen
from indexer.storage.base import ObjectStore
from indexer.storage.listing import IN_FLIGHT
from indexer.storage.urls import Address

_log = logging.getLogger("indexer.jobs.sync")  # what log lines of all syncs are filtered by

REMOVAL_SHARE: Final = 0.10
REMOVAL_SHOTS: Final = 1_000
"""More than both, of what the catalog has of a source, is not removed without being told to: a wrong prefix, an
emptied bucket and a listing that lags behind all look like a short, complete listing."""

NO_SOURCE: Final = 0
"""Id of a source that no catalog has: databases count from 1."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync of one source did."""

    source: str
    mode: str
    """How it found out what to list: `full`, `discovery`, `hop`, `inventory` or `keys`."""
    outcome: str
    """`done`, or `refused` when too much was gone to be removed unasked."""
    dry_run: bool
    seen: Seen
    changes: Changes
    units: Units
    requests: Mapping[str, int]
    """Requests to the storage by kind, retries included."""
    list_requests: Mapping[str, int]
    """LIST requests by purpose: `discovery`, `active`, `verification`, `full`; without retries."""
    duration: timedelta
    refused_lines: Mapping[str, int] = field(default_factory=dict)
    """Of a list of keys: how many named `outside_keys`, and how many were `unreadable_lines`."""

    def counts(self) -> dict[str, int]:
        """The figures of the run by name, as `sync_run` keeps and programs read them."""
        return {
            "objects": self.seen.objects,
            "shots": self.seen.shots,
            "added": self.changes.added,
            "changed": self.changes.changed,
            "unchanged": self.changes.unchanged,
            "gone": self.changes.gone,
            "removed": self.changes.removed,
            "recordings": self.seen.recordings,
            "unrecognised": self.seen.unrecognised,
            "ignored": self.seen.ignored,
            "units_listed": self.units.listed,
            "units_settled": self.units.settled,
            "units_vanished": self.units.vanished,
            "confirmed": self.changes.confirmed,
            "announced_missing": self.changes.announced_missing,
            "announced_dropped": self.changes.announced_dropped,
            "unannounced": self.changes.unannounced,
            **self.refused_lines,
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run is followed and stopped."""

    now: Callable[[], datetime]
    check: Callable[[], None] = lambda: None
    """Called between two batches and while nothing comes; raises `InterruptedRunError` to end the run there."""
    progress: Callable[[Seen], None] = lambda _seen: None
    """Called with the figures so far after every batch."""


@dataclass(frozen=True, slots=True)
class Access:
    """A source as a sync reaches it."""

    store: ObjectStore
    prefix: str
    address: Address | None = None
    """For another process to open it; without one, and for anything but S3, all is done in this process."""
    in_flight: int = IN_FLIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a run, whatever it lists."""

    dry_run: bool = False
    allow_removal: bool = False
    wait: Callable[[], None] | None = None
    """Called now and then while another run of the source is at work; without it that is a `LockedError`."""


class Run(ABC):
    """One sync of one source at work; it can be reported on at any moment.

    A subclass says how what a source holds gets into the catalog.  Make it where it begins: it notes the time.
    """

    mode: Mode
    units: Units

    def __init__(self, access: Access, catalog: Catalog, name: str, watch: Watch) -> None:
        self._access = access
        self._catalog = catalog
        self._name = name
        self._watch = watch
        self._started_at = watch.now()
        self._requests_before = self._requests()
        self._seen = Seen()
        self._changes = Changes()
        self.units = Units()

    @abstractmethod
    def open_writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        """What the run writes through."""

    @abstractmethod
    def take_over(self, source: Source, writer: SyncWriter) -> None:
        """Compare all that is listed, and write but for removals."""

    @abstractmethod
    def conclude(self, source: Source, writer: SyncWriter) -> None:
        """Note what is true behind the end of a run."""

    def report(self, outcome: str, *, dry_run: bool = False) -> SyncReport:
        """How it went so far."""
        return SyncReport(
            self._name,
            str(self.mode),
            outcome,
            dry_run,
            self._seen,
            self._changes,
            self.units,
            self._requests() - self._requests_before,
            self._list_requests(),
            self._watch.now() - self._started_at,
            self._refused_lines(),
        )

    def record(self, source: Source, *, allow_removal: bool) -> SyncReport:
        """Carry out the sync, and keep a `sync_run` of how it ended.  Only a kill leaves one that never did."""
        run_id = self._catalog.begin_run(source, mode="auto", now=self._started_at)
        outcome, message = "failed", None
        try:
            outcome = self._write(source, allow_removal=allow_removal)
        except LivestillsError as exc:
            outcome, message = "interrupted" if isinstance(exc, InterruptedRunError) else "failed", str(exc)
            raise
        finally:
            report = self.report(outcome)
            self._catalog.end_run(
                run_id,
                mode=report.mode,
                outcome=outcome,
                message=message,
                requests={**report.requests, **{f"list_{why}": n for why, n in report.list_requests.items()}},
                counts=report.counts(),
                now=self._watch.now(),
            )
        return report

    def compare(self, source: Source) -> SyncReport:
        """Only look what a sync would do."""
        with self._writer(source, dry_run=True) as writer:
            self.take_over(source, writer)
        return self.report("done", dry_run=True)

    def _write(self, source: Source, *, allow_removal: bool) -> str:
        """Take over what is listed; return the outcome."""
        shots = self._catalog.overview.shots_in(source.id)
        with self._writer(source, dry_run=False) as writer:
            self.take_over(source, writer)
            gone = self._changes.gone
            refused = gone > REMOVAL_SHOTS and gone > REMOVAL_SHARE * shots and not allow_removal
            if not refused:
                for _ in writer.remove_gone():
                    self._watch.check()
            self.conclude(source, writer)
        return "refused" if refused else "done"

    def _writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        writer = self.open_writer(source, dry_run=dry_run)
        self._changes = writer.changes
        return writer

    def _count(self, seen: Seen) -> None:
        self._seen.add(seen)
        self._watch.progress(self._seen)

    def _requests(self) -> Counter[str]:
        return Counter(self._access.store.requests)

    def _list_requests(self) -> Mapping[str, int]:
        return {}

    def _refused_lines(self) -> Mapping[str, int]:
        return {}


def carry_out(begin: Callable[[], Run], access: Access, catalog: Catalog, name: str, terms: Terms) -> SyncReport:
    """Make a run where it is its turn, and carry it out.

    Raises `LockedError`, `InterruptedRunError`, and what the run raises.  Too large a removal is not carried out and
    reported as `refused`; everything else is done then.
    """
    if terms.dry_run:
        return begin().compare(catalog.source(name) or Source(NO_SOURCE, name, ""))
    with catalog.sync_lock(name, wait=terms.wait):
        run = begin()
        source = catalog.add_source(name, f"{access.store.url}/{access.prefix}")
        report = run.record(source, allow_removal=terms.allow_removal)
    _log.info("synced %s: %s in %d ms", name, report.counts(), report.duration // timedelta(milliseconds=1))
    return report
