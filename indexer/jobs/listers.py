"""Listing and grouping, in this process or in one of its own.

Reading and hashing names costs as much as the database does with them, so for many keys the two go to two cores.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from indexer.catalog.listed import Stretch
from indexer.compute.streaming import from_children
from indexer.jobs.stretches import Grouping, Seen
from indexer.model import ListedObject
from indexer.storage.base import ObjectStore
from indexer.storage.listing import Done, Part, Work, list_intervals
from indexer.storage.urls import Address, open_store


@dataclass(frozen=True, slots=True)
class Collected:
    """A stretch, and what was seen in it."""

    stretch: Stretch
    seen: Seen


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests so far."""

    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_purpose: Mapping[str, int] = field(default_factory=dict)


Event = Part[Collected] | Done


class Purse:
    """Counts LIST requests by purpose, for all threads."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, purpose: str) -> None:
        """One more."""
        with self._lock:
            self._counter[str(purpose)] += 1

    def so_far(self) -> Counter[str]:
        """All of them."""
        with self._lock:
            return self._counter.copy()


class Collector:
    """Groups the pages of one consecutive listing, from a key on."""

    def __init__(self, start: str, seed: int) -> None:
        self._grouping = Grouping(seed=seed, start=start)

    def take(self, page: Sequence[ListedObject]) -> list[Collected]:
        """See `listing.Sink`."""
        return [self._collected(stretch) for stretch in self._grouping.take(page)]

    def cut(self, stop: str | None) -> Collected:
        """See `listing.Sink`."""
        return self._collected(self._grouping.cut(stop))

    def _collected(self, stretch: Stretch) -> Collected:
        seen, self._grouping.seen = self._grouping.seen, Seen()
        return Collected(stretch, seen)


def list_here(
    store: ObjectStore,
    prefix: str,
    works: Iterable[Work],
    *,
    seed: int,
    in_flight: int,
    purse: Purse,
    check: Callable[[], None],
) -> Iterator[Event]:
    """See `list_intervals`."""
    return list_intervals(
        store,
        prefix,
        works,
        lambda start: Collector(start, seed),
        in_flight=in_flight,
        count=purse.count,
        check=check,
    )


def list_elsewhere(
    address: Address,
    works: Iterable[Work],
    *,
    seed: int,
    in_flight: int,
    processes: int,
    spent: Callable[[int, Spent], None],
    check: Callable[[], None],
) -> Iterator[Event]:
    """The same in processes of their own; `spent` is told what the requests of each come to."""
    each = -(-in_flight // processes)
    for number, (event, so_far) in from_children(
        _in_child, works, address, seed, each, processes=processes, check=check
    ):
        spent(number, so_far)
        yield event


def _in_child(works: Iterator[Work], address: Address, seed: int, in_flight: int) -> Iterator[tuple[Event, Spent]]:
    # Nothing here is in circles but what a request leaves behind; looking for them among the keys of many pages costs
    # a tenth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    purse = Purse()
    store = open_store(address.location, address.options)
    prefix = address.location.prefix
    for event in list_here(store, prefix, works, seed=seed, in_flight=in_flight, purse=purse, check=lambda: None):
        yield event, Spent(dict(store.requests), dict(purse.so_far()))
