"""Bring the catalog up to date with a source.

Here by listing all of it.  What is listed comes as `Stretch`es of the key space, each complete in itself, so a smarter
way to choose what to list only has to yield other stretches.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import Changes, SyncWriter
from indexer.catalog.dialects import sync_lock
from indexer.errors import InterruptedRunError, LivestillsError
from indexer.jobs.stretches import Seen, stretches
from indexer.model import ListedObject, to_ms
from indexer.storage.base import ObjectStore, pages

_log = logging.getLogger(__name__)

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
    outcome: str
    """`done`, or `refused` when too much was gone to be removed unasked."""
    dry_run: bool
    seen: Seen
    changes: Changes
    requests: Mapping[str, int]
    """Requests to the storage by kind, retries included."""
    duration: timedelta

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
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run is followed and stopped."""

    now: Callable[[], datetime]
    check: Callable[[], None] = lambda: None
    """Called between two batches; raises `InterruptedRunError` to end the run there."""
    progress: Callable[[Seen], None] = lambda _seen: None
    """Called with the figures so far after every page."""


def sync(
    store: ObjectStore,
    prefix: str,
    catalog: Catalog,
    name: str,
    *,
    watch: Watch,
    dry_run: bool = False,
    allow_removal: bool = False,
) -> SyncReport:
    """List everything of the source under `prefix` and write the differences.

    Whatever ends it early, what was written stays and is right; the next run finishes the work.  Raises `LockedError`,
    `InterruptedRunError`, and what the storage raises.  Too large a removal is not carried out and reported as
    `refused`; everything else is done then.
    """
    run = _Run(store, prefix, catalog, name, watch)
    if dry_run:
        return run.report(run.compare(catalog.source(name) or Source(NO_SOURCE, name, "")), dry_run=True)
    with sync_lock(catalog.path, name):
        source = catalog.add_source(name, f"{store.url}/{prefix}")
        report = run.record(source, allow_removal=allow_removal)
    _log.info("synced %s: %s in %d ms", name, report.counts(), report.duration // timedelta(milliseconds=1))
    return report


class _Run:
    """One sync at work; it can be reported on at any moment."""

    def __init__(self, store: ObjectStore, prefix: str, catalog: Catalog, name: str, watch: Watch) -> None:
        self._store = store
        self._prefix = prefix
        self._catalog = catalog
        self._name = name
        self._watch = watch
        self._started_at = watch.now()
        self._requests_before = Counter(store.requests)
        self._seen = Seen()
        self._changes = Changes()

    def report(self, outcome: str, *, dry_run: bool = False) -> SyncReport:
        requests = Counter(self._store.requests) - self._requests_before
        duration = self._watch.now() - self._started_at
        return SyncReport(self._name, outcome, dry_run, self._seen, self._changes, requests, duration)

    def record(self, source: Source, *, allow_removal: bool) -> SyncReport:
        """Carry out the sync, and keep a `sync_run` of how it ended.  Only a kill leaves one that never did."""
        run_id = self._catalog.begin_run(source, mode="full", now=self._started_at)
        outcome, message = "failed", None
        try:
            outcome = self.write(source, allow_removal=allow_removal)
        except LivestillsError as exc:
            outcome, message = "interrupted" if isinstance(exc, InterruptedRunError) else "failed", str(exc)
            raise
        finally:
            report = self.report(outcome)
            self._catalog.end_run(
                run_id,
                outcome=outcome,
                message=message,
                requests=report.requests,
                counts=report.counts(),
                now=self._watch.now(),
            )
        return report

    def write(self, source: Source, *, allow_removal: bool) -> str:
        """Take over the listing; return the outcome."""
        known = self._catalog.overview.shots_in(source.id)
        with self._writer(source, dry_run=False) as writer:
            self._apply(writer)
            gone = self._changes.gone
            refused = gone > REMOVAL_SHOTS and gone > REMOVAL_SHARE * known and not allow_removal
            if not refused:
                for _ in writer.remove_gone():
                    self._watch.check()
            rejections = {
                reason: (objects, self._seen.samples[reason]) for reason, objects in self._seen.rejected.items()
            }
            writer.conclude(rejections, started_ms=to_ms(self._started_at))
        return "refused" if refused else "done"

    def compare(self, source: Source) -> str:
        """Only look what a sync would do; return the outcome."""
        with self._writer(source, dry_run=True) as writer:
            self._apply(writer)
        return "done"

    def _writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        writer = self._catalog.writer(source, dry_run=dry_run)
        self._changes = writer.changes
        return writer

    def _apply(self, writer: SyncWriter) -> None:
        for stretch in stretches(self._pages(), self._seen, seed=writer.seed):
            writer.apply(stretch)

    def _pages(self) -> Iterator[list[ListedObject]]:
        for page in pages(self._store, self._prefix):
            self._watch.check()
            yield page.objects
            self._watch.progress(self._seen)
