"""Bring the catalog up to date with a source.

What is listed comes as `Stretch`es of the key space, each complete in itself and in any order, so the ways to find
out what to list (`indexer.jobs.plan`) and to list it (`indexer.jobs.listers`) need not know how the catalog takes it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import EVERYTHING, Changes, SyncWriter
from indexer.catalog.dialects import sync_lock
from indexer.catalog.planning import Known
from indexer.errors import InterruptedRunError, LivestillsError
from indexer.jobs.listers import Event, Purse, Spent, list_elsewhere, list_here
from indexer.jobs.plan import Discovery, Mode, Purpose, Units, Wishes, choose
from indexer.jobs.stretches import Seen
from indexer.model import Interval, to_ms
from indexer.storage.base import PAGE_SIZE, ObjectStore
from indexer.storage.discovery import groups_by_delimiter
from indexer.storage.listing import IN_FLIGHT, Part, Work
from indexer.storage.paging import Paging
from indexer.storage.urls import Address

_log = logging.getLogger(__name__)

REMOVAL_SHARE: Final = 0.10
REMOVAL_SHOTS: Final = 1_000
"""More than both, of what the catalog has of a source, is not removed without being told to: a wrong prefix, an
emptied bucket and a listing that lags behind all look like a short, complete listing."""

ELSEWHERE: Final = 100_000
"""From so many objects on, listing is worth a process of its own, which takes half a second to start."""

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


def sync(
    access: Access,
    catalog: Catalog,
    name: str,
    *,
    watch: Watch,
    wishes: Wishes | None = None,
    dry_run: bool = False,
    allow_removal: bool = False,
    wait: Callable[[], None] | None = None,
) -> SyncReport:
    """Find out what can have changed under the prefix of the source, list it, and write the differences.

    Whatever ends it early, what was written stays and is right; the next run finishes the work.  With `wait`, which is
    called now and then, it waits for another run of the source to end.  Raises `LockedError`, `InterruptedRunError`,
    and what the storage raises.  Too large a removal is not carried out and reported as `refused`; everything else is
    done then.
    """
    wishes = wishes or Wishes()
    if dry_run:
        return _Run(access, catalog, name, watch, wishes).compare(catalog.source(name) or Source(NO_SOURCE, name, ""))
    with sync_lock(catalog.path, name, wait=wait):
        run = _Run(access, catalog, name, watch, wishes)
        source = catalog.add_source(name, f"{access.store.url}/{access.prefix}")
        report = run.record(source, allow_removal=allow_removal)
    _log.info("synced %s: %s in %d ms", name, report.counts(), report.duration // timedelta(milliseconds=1))
    return report


@dataclass(slots=True)
class _Plan:
    """What a run lists, and what is true when all of it was listed."""

    mode: Mode
    known: Known
    verified: Interval | None = None
    started_ms: int = 0
    """When the oldest listing began that counts as a part of this one."""
    units: Units = field(default_factory=Units)


class _Run:
    """One sync at work; it can be reported on at any moment."""

    def __init__(self, access: Access, catalog: Catalog, name: str, watch: Watch, wishes: Wishes) -> None:
        self._access = access
        self._catalog = catalog
        self._name = name
        self._watch = watch
        self._wishes = wishes
        self._started_at = watch.now()
        self._requests_before = Counter(access.store.requests)
        self._purse = Purse()
        self._elsewhere = Spent()
        self._seen = Seen()
        self._changes = Changes()
        self._plan = _Plan(Mode.FULL, Known(), started_ms=to_ms(self._started_at))

    def report(self, outcome: str, *, dry_run: bool = False) -> SyncReport:
        return SyncReport(
            self._name,
            str(self._plan.mode),
            outcome,
            dry_run,
            self._seen,
            self._changes,
            self._plan.units,
            Counter(self._access.store.requests) - self._requests_before + Counter(self._elsewhere.by_kind),
            self._purse.so_far() + Counter(self._elsewhere.by_purpose),
            self._watch.now() - self._started_at,
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
            self._choose(source)
            for event in self._events(source, writer):
                if isinstance(event, Part):
                    self._count(event.item.seen)
                    writer.apply(event.item.stretch, event.within)
        return self.report("done", dry_run=True)

    def _write(self, source: Source, *, allow_removal: bool) -> str:
        """Take over what is listed; return the outcome."""
        shots = self._catalog.overview.shots_in(source.id)
        with self._writer(source, dry_run=False) as writer:
            self._choose(source)
            plan = self._plan
            remember_ms = plan.started_ms if plan.mode is Mode.FULL else None
            for event in self._events(source, writer):
                if isinstance(event, Part):
                    writer.apply(event.item.stretch, event.within, remember_ms=remember_ms)
                    self._count(event.item.seen)
                else:
                    self._note(writer, event.work)
            gone = self._changes.gone
            refused = gone > REMOVAL_SHOTS and gone > REMOVAL_SHARE * shots and not allow_removal
            if not refused:
                for _ in writer.remove_gone():
                    self._watch.check()
            self._conclude(source, writer)
        return "refused" if refused else "done"

    def _choose(self, source: Source) -> None:
        planning = self._catalog.planning
        known = planning.known(source.id, page_size=PAGE_SIZE)
        self._plan.known = known
        self._plan.mode = choose(known, self._wishes, self._groups)
        if self._plan.mode is not Mode.FULL:
            self._plan.verified = planning.turn(source.id, self._wishes.verify)

    def _groups(self) -> bool:
        def count() -> None:
            self._purse.count(Purpose.DISCOVERY)

        return groups_by_delimiter(self._access.store, self._access.prefix, count)

    # What is listed.

    def _events(self, source: Source, writer: SyncWriter) -> Iterator[Event]:
        if self._plan.mode is Mode.FULL:
            return self._full(source, writer)
        return self._partial(source, writer)

    def _full(self, source: Source, writer: SyncWriter) -> Iterator[Event]:
        known = self._plan.known
        works = [self._work(source, interval, Purpose.FULL) for interval in self._left(writer)]
        expected = known.objects
        if not expected and works == [Work(Interval(), Purpose.FULL)]:
            # How many there are shows with the first answer, which is all of a small source.
            self._watch.check()
            self._purse.count(Purpose.FULL)
            paging = Paging(self._access.store, self._access.prefix)
            first = paging.next()
            if paging.ended:
                works = [Work(Interval(), Purpose.FULL, objects=tuple(first.objects))]
            else:
                expected = ELSEWHERE
        return self._list(works, writer, expected=expected)

    def _left(self, writer: SyncWriter) -> list[Interval]:
        """What a full listing has to list: all, or what one that was cut off has left."""
        if writer.dry_run:
            return [EVERYTHING]
        began_ms = writer.unfinished.started_ms()
        horizon_ms = self._wishes.horizon // timedelta(milliseconds=1)
        if began_ms is None or began_ms < self._plan.started_ms - horizon_ms:
            writer.unfinished.forget()
            return [EVERYTHING]
        self._plan.started_ms = began_ms
        left: list[Interval] = []
        start: str | None = ""
        for done in writer.unfinished.done():
            if start is not None and start < done.start:
                left.append(Interval(start, done.start))
            start = done.stop
        if start is not None:
            left.append(Interval(start))
        return left

    def _partial(self, source: Source, writer: SyncWriter) -> Iterator[Event]:
        plan = self._plan
        discovery = Discovery(
            self._access.store,
            self._access.prefix,
            mode=plan.mode,
            planning=self._catalog.planning,
            source_id=source.id,
            verified=plan.verified,
            wishes=self._wishes,
            count=self._purse.count,
        )
        plan.units = discovery.units
        yield from self._list(discovery.works(), writer)
        if plan.verified is not None:
            expected = int(plan.known.objects * self._wishes.verify)
            yield from self._list([self._work(source, plan.verified, Purpose.VERIFICATION)], writer, expected=expected)

    def _work(self, source: Source, interval: Interval, purpose: Purpose) -> Work:
        pieces = max(PAGE_SIZE * 5, self._plan.known.objects // (4 * self._access.in_flight))
        return Work(interval, purpose, cuts=self._catalog.planning.cuts(source.id, interval, every=pieces))

    def _list(self, works: Iterable[Work], writer: SyncWriter, *, expected: int = 0) -> Iterator[Event]:
        access = self._access
        if expected >= ELSEWHERE and access.address is not None and access.address.location.kind == "s3":

            def spent(so_far: Spent) -> None:
                self._elsewhere = so_far

            return list_elsewhere(
                access.address,
                list(works),
                seed=writer.seed,
                in_flight=access.in_flight,
                spent=spent,
                check=self._watch.check,
            )
        return list_here(
            access.store,
            access.prefix,
            works,
            seed=writer.seed,
            in_flight=access.in_flight,
            purse=self._purse,
            check=self._watch.check,
        )

    # What follows.

    def _count(self, seen: Seen) -> None:
        self._seen.add(seen)
        self._watch.progress(self._seen)

    def _note(self, writer: SyncWriter, work: Work) -> None:
        """Note that all of a work was compared."""
        if work.purpose == Purpose.FULL or work.objects is not None:
            return
        if work.since_ms is None:
            writer.listed(work.interval, started_ms=self._plan.started_ms)
        else:
            writer.looked_at(work.interval.start, started_ms=self._plan.started_ms)

    def _conclude(self, source: Source, writer: SyncWriter) -> None:
        plan = self._plan
        whole = plan.mode is Mode.FULL
        if whole:
            writer.listed(EVERYTHING, started_ms=plan.started_ms)
            writer.unfinished.forget()
        writer.conclude(whole=whole, horizon_ms=self._wishes.horizon // timedelta(milliseconds=1))
        if plan.verified is not None:
            self._catalog.planning.turn_is_done(source.id, plan.verified, self._wishes.verify)

    def _writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        writer = self._catalog.writer(source, dry_run=dry_run)
        self._changes = writer.changes
        return writer
