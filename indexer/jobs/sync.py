"""Bring the catalog up to date with a source by listing it.

What is listed comes as `Stretch`es of the key space, each complete in itself and in any order, so the ways to find
out what to list (`indexer.jobs.plan`) and to list it (`indexer.jobs.listers`) need not know how the catalog takes it.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import EVERYTHING, SyncWriter
from indexer.catalog.planning import Known
from indexer.jobs.listers import Collected, Event, Purse, Spent, list_elsewhere, list_here
from indexer.jobs.plan import Discovery, Mode, Purpose, Wishes, choose
from indexer.jobs.runs import Access, Run, SyncReport, Terms, Watch, carry_out
from indexer.model import Interval, to_ms
from indexer.storage.base import PAGE_SIZE
from indexer.storage.discovery import groups_by_delimiter
from indexer.storage.listing import Part, Work
from indexer.storage.paging import Paging
from indexer.storage.splitting import session_cuts

__all__ = ["Access", "SyncReport", "Watch", "sync"]

UNKNOWN: Final = 1_000_000
"""Objects that a source is taken to have as long as nobody knows more than that a page is not all."""

SEVERAL: Final = 500_000
"""From so many objects on, listing is worth several processes."""

ELSEWHERE: Final = 100_000
"""From so many objects on, listing is worth a process of its own, which takes half a second to start."""

STRAYS: Final = timedelta(days=30)
"""For so long it is kept what callbacks told of sessions of which no picture was found."""


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
    terms = Terms(dry_run=dry_run, allow_removal=allow_removal, wait=wait)
    return carry_out(lambda: _Run(access, catalog, name, watch, wishes or Wishes()), access, catalog, name, terms)


@dataclass(slots=True)
class _Plan:
    """What a run lists, and what is true when all of it was listed."""

    known: Known
    verified: Interval | None = None
    started_ms: int = 0
    """When the oldest listing began that counts as a part of this one."""


class _Run(Run):
    """Asks the storage what there is."""

    def __init__(self, access: Access, catalog: Catalog, name: str, watch: Watch, wishes: Wishes) -> None:
        self._purse = Purse()
        self._elsewhere: dict[int, Spent] = {}
        """What other processes have asked for, by their number."""
        super().__init__(access, catalog, name, watch)
        self._wishes = wishes
        self.mode = Mode.FULL
        self._plan = _Plan(Known(), started_ms=to_ms(self._started_at))

    def open_writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        """See `Run`."""
        given_up_ms = to_ms(self._started_at) - self._wishes.horizon_ms
        return self._catalog.writer(source, dry_run=dry_run, given_up_ms=given_up_ms)

    def take_over(self, source: Source, writer: SyncWriter) -> None:
        """See `Run`."""
        if not writer.dry_run:
            # Behind an inventory, which settles nothing, all of a large source would else be listed once more.
            writer.settle(horizon_ms=self._wishes.horizon_ms)
        self._choose(source)
        events = self._events(source, writer)
        # Only now: what is left of a listing that was cut off began earlier than this run.
        remember_ms = self._plan.started_ms if self.mode is Mode.FULL else None
        for event in events:
            if isinstance(event, Part):
                writer.apply(event.item.stretch, self._within(event), remember_ms=remember_ms)
                self._count(event.item.seen)
                if event.work.purpose == Purpose.DISCOVERY and event.item.stretch.streams and not writer.dry_run:
                    writer.listed(event.within, started_ms=self._plan.started_ms)
            elif not writer.dry_run:
                self._note(writer, event.work)

    def _within(self, part: Part[Collected]) -> Interval:
        """The interval that will have been listed whole: works of these purposes have no holes between them."""
        if part.work.purpose == Purpose.FULL:
            return EVERYTHING
        if part.work.purpose == Purpose.VERIFICATION and self._plan.verified is not None:
            return self._plan.verified
        return part.within

    def conclude(self, source: Source, writer: SyncWriter) -> None:
        """See `Run`."""
        plan = self._plan
        whole = self.mode is Mode.FULL
        if whole:
            writer.listed(EVERYTHING, started_ms=plan.started_ms)
            writer.unfinished.forget()
            strays_ms = plan.started_ms - STRAYS // timedelta(milliseconds=1)
            self._catalog.facts.forget_strays(before_ms=strays_ms)
        if plan.verified is not None:
            writer.listed(plan.verified, started_ms=plan.started_ms)
        writer.conclude(whole=whole, horizon_ms=self._wishes.horizon_ms)
        if plan.verified is not None:
            self._catalog.planning.turn_is_done(source.id, plan.verified, self._wishes.verify)

    def _requests(self) -> Counter[str]:
        return sum((Counter(spent.by_kind) for spent in self._elsewhere.values()), super()._requests())

    def _list_requests(self) -> Counter[str]:
        return sum((Counter(spent.by_purpose) for spent in self._elsewhere.values()), self._purse.so_far())

    def _choose(self, source: Source) -> None:
        planning = self._catalog.planning
        self._plan.known = planning.known(source.id, page_size=PAGE_SIZE)
        self.mode = choose(self._plan.known, self._wishes, self._groups).mode
        if self.mode is not Mode.FULL:
            self._plan.verified = planning.turn(source.id, self._wishes.verify)

    def _groups(self) -> bool:
        def count() -> None:
            self._purse.count(Purpose.DISCOVERY)

        return groups_by_delimiter(self._access.store, self._access.prefix, count)

    # What is listed.

    def _events(self, source: Source, writer: SyncWriter) -> Iterator[Event]:
        if self.mode is Mode.FULL:
            return self._full(source, writer)
        return self._partial(source, writer)

    def _full(self, source: Source, writer: SyncWriter) -> Iterator[Event]:
        known = self._plan.known
        left = self._left(writer)
        # What callbacks, a list or an inventory told says little of how much there is.
        is_first = known.unlisted_units == known.units
        if not is_first or left != [EVERYTHING]:
            works = [piece for interval in left for piece in _pieces(self._work(source, interval, Purpose.FULL))]
            return self._list(works, writer, expected=known.objects)
        # How many there are shows with the first answer, which is all of a small source.
        self._watch.check()
        self._purse.count(Purpose.FULL)
        paging = Paging(self._access.store, self._access.prefix)
        first = paging.next()
        if paging.ended:
            return self._list([Work(EVERYTHING, Purpose.FULL, objects=tuple(first.objects))], writer)
        whole = self._work(source, EVERYTHING, Purpose.FULL)
        cuts = {*whole.cuts, *session_cuts(first.objects[-1].key if first.objects else "")}
        works = _pieces(replace(whole, cuts=tuple(sorted(cuts))))
        return self._list(works, writer, expected=max(UNKNOWN, known.objects))

    def _left(self, writer: SyncWriter) -> list[Interval]:
        """What a full listing has to list: all, or what one that was cut off has left."""
        if writer.dry_run:
            return [EVERYTHING]
        began_ms = writer.unfinished.started_ms()
        # Only the first listing goes on, which can take hours; what has come since, the next sync finds.  Behind it,
        # and for those who ask for everything, all of it is listed as it is now.
        known = self._plan.known
        asked_for = self._wishes.anew or self._wishes.verify >= 1
        if (
            asked_for
            or known.unlisted_units < known.units
            or began_ms is None
            or began_ms < self._plan.started_ms - self._wishes.horizon_ms
        ):
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
            mode=self.mode,
            planning=self._catalog.planning,
            source_id=source.id,
            verified=plan.verified,
            wishes=self._wishes,
            count=self._purse.count,
        )
        self.units = discovery.units
        yield from self._list(discovery.works(), writer)
        if plan.verified is not None:
            expected = int(plan.known.objects * self._wishes.verify)
            work = self._work(source, plan.verified, Purpose.VERIFICATION)
            yield from self._list(_pieces(work), writer, expected=expected)

    def _work(self, source: Source, interval: Interval, purpose: Purpose) -> Work:
        """A large interval, divided by what the catalog knows of it."""
        if purpose is Purpose.FULL:
            every = max(5 * PAGE_SIZE, self._plan.known.objects // (4 * self._access.in_flight))
            return Work(interval, purpose, cuts=self._catalog.planning.cuts(source.id, interval, every=every))
        # As few pieces as keep all threads busy: a division costs a request, and the size of these is known.
        every = max(100 * PAGE_SIZE, int(self._plan.known.objects * self._wishes.verify) // self._access.in_flight)
        cuts = self._catalog.planning.cuts(source.id, interval, every=every)
        return Work(interval, purpose, cuts=cuts, divide_after=None)

    def _list(self, works: Iterable[Work], writer: SyncWriter, *, expected: int = 0) -> Iterator[Event]:
        access = self._access
        if expected >= ELSEWHERE and access.address is not None and access.address.location.kind == "s3":
            return list_elsewhere(
                access.address,
                works,
                seed=writer.seed,
                in_flight=access.in_flight,
                processes=1 if expected < SEVERAL else min(processes(), access.in_flight),
                spent=self._elsewhere.__setitem__,
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

    def _note(self, writer: SyncWriter, work: Work) -> None:
        """Note that all of a work was compared; of the others that is noted at the end."""
        if work.purpose != Purpose.ACTIVE:
            return
        if work.since_ms is None:
            writer.listed(work.interval, started_ms=self._plan.started_ms)
        else:
            writer.looked_at(work.interval.start, started_ms=self._plan.started_ms)


def _pieces(work: Work) -> list[Work]:
    """A work as several, divided at its cuts: whoever is free takes the next."""
    bounds = [work.interval.start, *work.cuts, work.interval.stop]
    return [replace(work, interval=Interval(str(start), stop), cuts=()) for start, stop in pairwise(bounds)]


def processes() -> int:
    """How many processes list: with more, they wait for the database, which one process writes."""
    return max(1, min(3, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))
