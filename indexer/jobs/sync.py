"""Bring the catalog up to date with a source.

Here by listing all of it.  What is listed comes as `Stretch`es of the key space, each complete in itself, so a smarter
way to choose what to list only has to yield other stretches.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import Changes
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
    started_at = watch.now()
    if dry_run:
        source = catalog.source(name) or Source(NO_SOURCE, name, "")
        return _carry_out(store, prefix, catalog, source, started_at, watch, dry_run=True, allow_removal=allow_removal)
    with sync_lock(catalog.path, name):
        source = catalog.add_source(name, f"{store.url}/{prefix}")
        with _recorded(catalog, source, store, watch) as record:
            report = _carry_out(
                store, prefix, catalog, source, started_at, watch, dry_run=False, allow_removal=allow_removal
            )
            record(report)
    _log.info("synced %s: %s in %d ms", name, report.counts(), report.duration // timedelta(milliseconds=1))
    return report


def _carry_out(
    store: ObjectStore,
    prefix: str,
    catalog: Catalog,
    source: Source,
    started_at: datetime,
    watch: Watch,
    *,
    dry_run: bool,
    allow_removal: bool,
) -> SyncReport:
    seen = Seen()
    seed = catalog.digest_seed()
    with catalog.writer(source, seed=seed, dry_run=dry_run) as writer:
        known = catalog.overview.shots_in(source.id)
        for stretch in stretches(_watched(store, prefix, seen, watch), seen, seed=seed):
            writer.apply(stretch)
        changes = writer.changes
        refused = changes.gone > REMOVAL_SHOTS and changes.gone > REMOVAL_SHARE * known and not allow_removal
        if not dry_run:
            if not refused:
                for _ in writer.remove_gone():
                    watch.check()
            rejections = {reason: (objects, seen.samples[reason]) for reason, objects in seen.rejected.items()}
            writer.conclude(rejections, started_ms=to_ms(started_at))
    outcome = "refused" if refused else "done"
    duration = watch.now() - started_at
    return SyncReport(source.name, outcome, dry_run, seen, changes, dict(store.requests), duration)


def _watched(store: ObjectStore, prefix: str, seen: Seen, watch: Watch) -> Iterator[list[ListedObject]]:
    for page in pages(store, prefix):
        watch.check()
        yield page.objects
        watch.progress(seen)


@contextmanager
def _recorded(
    catalog: Catalog, source: Source, store: ObjectStore, watch: Watch
) -> Iterator[Callable[[SyncReport], None]]:
    """Keep a `sync_run` of what happens inside.  Only a kill leaves one that never ended."""
    run_id = catalog.begin_run(source, mode="full", now=watch.now())
    outcome, message, counts = "failed", None, {}

    def record(report: SyncReport) -> None:
        nonlocal outcome, counts
        outcome, counts = report.outcome, report.counts()

    try:
        yield record
    except InterruptedRunError as exc:
        outcome, message = "interrupted", str(exc)
        raise
    except LivestillsError as exc:
        message = str(exc)
        raise
    finally:
        catalog.end_run(
            run_id, outcome=outcome, message=message, requests=store.requests, counts=counts, now=watch.now()
        )
