"""Listing at the speed of many requests at once: intervals of the key space, divided while they are listed.

A single listing costs a round trip for each 1,000 keys, one after the other, whatever the client.  Here several threads
list; one with nothing to do cuts off a part of what another still has before it, wherever that is in the key space.
Nothing is kept in proportion to a bucket: what was listed leaves in stretches, in whatever order they are done.
"""

import queue
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Condition, Event, Lock, Thread
from typing import Final, Generic, Protocol, TypeVar

from indexer.agora.names import format_utc
from indexer.model import Interval, ListedObject, all_of, keys_of
from indexer.storage.base import ObjectStore
from indexer.storage.gate import Gate
from indexer.storage.paging import Paging
from indexer.storage.splitting import Rest, cuts, shared_beginning

IN_FLIGHT: Final = 16
"""Requests at once; S3 takes thousands a second, a small store of one's own perhaps a hundred."""

_CHECK_S: Final = 0.2
"""How long a wish to stop may go unheard while nothing comes."""

_PRINTABLE_END: Final = "~"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Work:
    """An interval to be listed, and why.  Plain values: it is sent to other processes."""

    interval: Interval
    purpose: str
    cuts: tuple[str, ...] = ()
    """Keys inside the interval, rising, at which it is divided from the start."""
    since_ms: int | None = None
    """The interval is one unit; only what was captured from this time on is listed of each of its streams."""
    divide_after: int | None = 1
    """Pages after which others may take a part of what is left; None: never.  Each division costs about a request."""
    objects: tuple[ListedObject, ...] | None = None
    """All that lies in the interval, where that is known already: no request is made."""


class Sink(Protocol[_T]):
    """What takes the pages of one consecutive listing, from where it was made for."""

    def take(self, page: Sequence[ListedObject]) -> list[_T]:
        """Take the next page; return what is complete now."""
        ...

    def cut(self, stop: str | None) -> _T:
        """Return the rest, which ends before `stop`; what is taken next begins there."""
        ...


@dataclass(frozen=True, slots=True)
class Part(Generic[_T]):
    """A piece of a work, listed to its end."""

    work: Work
    within: Interval
    """The interval of which all will have come when the work is done: that of the work, or a part of it that is left
    alone on both sides."""
    item: _T


@dataclass(frozen=True, slots=True)
class Done:
    """All parts of a work have come."""

    work: Work


def list_intervals(
    store: ObjectStore,
    prefix: str,
    works: Iterable[Work],
    sink: Callable[[str], Sink[_T]],
    *,
    in_flight: int = IN_FLIGHT,
    count: Callable[[str], None] = lambda _purpose: None,
    check: Callable[[], None] = lambda: None,
) -> "Iterator[Part[_T] | Done]":
    """List all works below `prefix`; their parts come in any order, each once, and together are all of each interval.

    `works` is asked for the next one, by one thread at a time, whenever there is a thread for it, and must not overlap.
    `sink` makes what collects pages from a key on; `count` is called with the purpose of each request, `check` now and
    then by the one who iterates.  The first error, of the storage, of `works`, of a sink or of `check`, ends everything
    and is raised; closing the iterator ends it too.
    """
    listing = _Listing(store, prefix, works, sink, in_flight, count, check)
    listing.start()
    try:
        yield from listing.events()
    finally:
        listing.stop()


@dataclass(slots=True, eq=False)
class _Range:
    """What one thread lists: it may lose its end to another one while it is at it."""

    start: str
    stop: str | None
    """Where it is cut."""
    state: "_State"
    bound: str | None = None
    """Where to stop asking: behind it, and before `stop`, there is known to be nothing."""
    first_key: str = ""
    position: str = ""
    pages: int = 0
    misses: int = 0
    """Cuts in a row behind which there was nothing."""
    try_at: int = 1
    """The number of pages from which on it may be cut again."""
    probe: "_Range | None" = None
    """The range that was cut off and has not shown yet whether it holds anything."""
    parent: "_Range | None" = None
    ended: bool = False


@dataclass(slots=True)
class _State:
    """A work under way."""

    work: Work
    ranges: int = 0


@dataclass(slots=True)
class _Failure:
    error: BaseException = field(repr=False)


class _Listing(Generic[_T]):
    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        works: Iterable[Work],
        sink: Callable[[str], Sink[_T]],
        in_flight: int,
        count: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._works: Iterator[Work] | None = iter(works)
        self._sink = sink
        self._count = count
        self._check = check
        self._gate = Gate(store, in_flight)
        self._threads = [Thread(target=self._run, name=f"list-{number}", daemon=True) for number in range(in_flight)]
        self._alive = in_flight
        self._changed = Condition(Lock())
        self._pulling = False
        self._stopped = Event()
        self._waiting: deque[_Range] = deque()
        self._active: set[_Range] = set()
        self._events: queue.Queue[Part[_T] | Done | _Failure | None] = queue.Queue(maxsize=2 * in_flight)

    def start(self) -> None:
        """Begin to list."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let go of everything; requests under way are waited for, but their answers are not."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
        for thread in self._threads:
            while thread.is_alive():
                self._drain()
                thread.join(timeout=0.05)

    def _drain(self) -> None:
        while True:
            try:
                self._events.get_nowait()
            except queue.Empty:
                return

    def events(self) -> "Iterator[Part[_T] | Done]":
        """What comes, until all is done."""
        while True:
            self._check()
            try:
                event = self._events.get(timeout=_CHECK_S)
            except queue.Empty:
                continue
            if event is None:
                self._check()
                return
            if isinstance(event, _Failure):
                raise event.error
            yield event

    # In the threads.

    def _run(self) -> None:
        try:
            while (taken := self._next_range()) is not None:
                if taken.state.work.objects is not None:
                    self._hand_on(taken, list(taken.state.work.objects))
                elif taken.state.work.since_ms is None:
                    self._list_range(taken)
                else:
                    self._list_open_ends(taken)
                self._end(taken)
        except BaseException as exc:  # noqa: BLE001  # whatever it is belongs to the one who iterates
            self._fail(exc)
        with self._changed:
            self._alive -= 1
            last = self._alive == 0
        if last:
            self._put(None)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
        self._events.put(_Failure(error))

    def _put(self, event: Part[_T] | Done | None) -> None:
        while True:
            try:
                self._events.put(event, timeout=0.1)
            except queue.Full:
                if self._stopped.is_set():
                    return
            else:
                return

    def _next_range(self) -> _Range | None:
        """What this thread lists next: something that waits, a new work, or a part of what another one lists."""
        with self._changed:
            while not self._stopped.is_set():
                if self._waiting:
                    taken = self._waiting.popleft()
                elif self._works is not None and not self._pulling:
                    self._pull()
                    continue
                elif (cut_off := self._cut_off()) is not None:
                    taken = cut_off
                elif self._works is None and not self._active:
                    self._changed.notify_all()
                    return None
                else:
                    self._changed.wait()
                    continue
                self._active.add(taken)
                return taken
        return None

    def _pull(self) -> None:
        """Ask for the next work.  That may take requests, so the others go on meanwhile."""
        works = self._works
        self._pulling = True
        self._changed.release()
        try:
            work = None if works is None else next(works, None)
        finally:
            self._changed.acquire()
            self._pulling = False
        if work is None:
            self._works = None
        else:
            state = _State(work)
            bounds = [work.interval.start, *work.cuts, work.interval.stop]
            for start, stop in pairwise(bounds):
                self._waiting.append(_Range(str(start), stop, state, bound=stop, try_at=work.divide_after or 0))
                state.ranges += 1
        self._changed.notify_all()

    def _cut_off(self) -> _Range | None:
        """Take the end of the range that seems to have most before it."""
        best: tuple[tuple[int, int], _Range, str] | None = None
        for each in self._active:
            if (
                each.ended
                or not each.position
                or each.state.work.divide_after is None
                or each.state.work.since_ms is not None
                or each.probe is not None
                or each.pages < each.try_at
            ):
                continue
            found = cuts(Rest(each.position, each.bound, each.first_key, self._prefix))
            if found:
                shared = len(shared_beginning(each.position, each.bound or ""))
                ahead = ord(each.bound[shared]) if each.bound and len(each.bound) > shared else 0x110000
                behind = ord(each.position[shared]) if len(each.position) > shared else 0
                width = (-shared, ahead - behind)
                if best is None or width > best[0]:
                    best = width, each, found[min(each.misses, len(found) - 1)]
        if best is None:
            return None
        _, loser, at = best
        winner = _Range(at, loser.stop, loser.state, bound=loser.bound, parent=loser)
        loser.stop = loser.bound = at
        loser.probe = winner
        loser.state.ranges += 1
        return winner

    def _hand_on(self, this: _Range, objects: Sequence[ListedObject]) -> None:
        sink = self._sink(this.start)
        for item in (*sink.take(objects), sink.cut(this.stop)):
            self._put(Part(this.state.work, this.state.work.interval, item))

    def _list_range(self, this: _Range) -> None:
        sink = self._sink(this.start)
        paging = self._paging(this.start, this.bound)
        ended = False
        while not ended and not self._stopped.is_set():
            objects = self._request(paging, this.state.work, this.start)
            with self._changed:
                ended = paging.ended or bool(objects and this.bound is not None and objects[-1].key >= this.bound)
                if this.bound is not None and objects and objects[-1].key >= this.bound:
                    objects = objects[: bisect_left(keys_of(objects), this.bound)]
                if ended:
                    this.ended = True
                self._note(this, objects)
            for item in sink.take(objects):
                self._put(Part(this.state.work, this.state.work.interval, item))
        if not self._stopped.is_set() and not self._given_back(this):
            self._put(Part(this.state.work, this.state.work.interval, sink.cut(this.stop)))

    def _note(self, this: _Range, objects: Sequence[ListedObject]) -> None:
        """Remember how far a range has come, and what that says about the cut that it was made by."""
        if objects:
            this.first_key = this.first_key or objects[0].key
            this.position = objects[-1].key
        this.pages += 1
        loser = this.parent
        if loser is not None and loser.probe is this and (objects or this.ended):
            loser.probe = None
            if this.first_key:
                loser.misses = 0
                loser.try_at = loser.pages + 1
            else:
                loser.misses += 1
                loser.try_at = loser.pages + max(1, 2 ** (loser.misses - 3))
        self._changed.notify_all()

    def _given_back(self, this: _Range) -> bool:
        """Whether an empty range has melted into the one that it was cut off from, because that is still listing."""
        loser = this.parent
        if loser is None or this.first_key:
            return False
        with self._changed:
            if loser.ended or loser.stop != this.start:
                return False
            loser.stop = this.stop  # its bound stays: nothing is there to be asked for
            return True

    def _list_open_ends(self, this: _Range) -> None:
        """List the end of each stream of a unit, from the time on that the work says.

        From a time inside a stream on everything is listed, so streams that were not known come to light.  What is
        listed are intervals, each complete; what lies between them is left alone.
        """
        work = this.state.work
        stamp = format_utc(work.since_ms or 0)
        start: str | None = this.start
        while start is not None and not self._stopped.is_set():
            sink = self._sink(start)
            paging = self._paging(start, this.stop)
            next_start = None
            items: list[_T] = []
            stop = this.stop
            key_head = start[: -len(stamp)] if start.endswith(stamp) else ""
            while not paging.ended and next_start is None and not self._stopped.is_set():
                objects = self._request(paging, work, start)
                for index, listed in enumerate(objects):
                    if key_head and listed.key.startswith(key_head):
                        continue
                    head, _, tail = listed.key.rpartition("_")
                    recent = f"{head}_{stamp}"
                    if len(tail) == len("yyyyMMddHHmmssSSS.jpg") and head + "_" != key_head:
                        key_head = head + "_"
                        if objects[-1].key < recent and not paging.ended:
                            # All the rest of this page is older: go on where it gets interesting.
                            objects = objects[:index]
                            stop, next_start = listed.key, recent
                            break
                items += sink.take(objects)
            if self._stopped.is_set():
                return
            items.append(sink.cut(stop))
            for item in items:
                self._put(Part(work, Interval(start, stop), item))
            start = next_start

    def _request(self, paging: Paging, work: Work, start: str) -> Sequence[ListedObject]:
        """The next page from `start` on: a little more is listed where the place in front of it is not exact."""
        with self._gate:
            self._count(work.purpose)
            objects = paging.next().objects
        return objects if not objects or objects[0].key >= start else objects[bisect_left(keys_of(objects), start) :]

    def _end(self, this: _Range) -> None:
        with self._changed:
            self._active.discard(this)
            this.state.ranges -= 1
            finished = this.state.ranges == 0 and not self._stopped.is_set()
            self._changed.notify_all()
        if finished:
            self._put(Done(this.state.work))

    def _paging(self, start: str, stop: str | None) -> Paging:
        """A listing that begins at `start` or a little before it."""
        if start.startswith(self._prefix) and start and all_of(start).stop == stop:
            return Paging(self._store, start)
        if not start or start <= self._prefix:
            return Paging(self._store, self._prefix)
        shared = shared_beginning(start, stop) if stop is not None else ""
        prefix = shared if len(shared) > len(self._prefix) else self._prefix
        return Paging(self._store, prefix, after=just_before(start))


def just_before(key: str) -> str:
    """A text before `key` with hardly anything between them, to be listed behind: a listing leaves its start out."""
    code = ord(key[-1])
    if code == 0 or code == 0xE000:  # before it lies what no key can hold
        return key[:-1]
    return key[:-1] + chr(code - 1) + _PRINTABLE_END
