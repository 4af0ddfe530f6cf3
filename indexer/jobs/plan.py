"""What a sync lists: of all that there is, what can have changed.

Three levels, each of which falls back to the next: discovery by delimiter, discovery from unit to unit, everything.
All lead to the same catalog, once verification has had its round.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from indexer.catalog.planning import Known, KnownUnit, Planning
from indexer.model import Interval, all_of
from indexer.storage.base import PAGE_SIZE, ObjectStore
from indexer.storage.discovery import Foreign, Found, Loose, Unit, discover, hop
from indexer.storage.listing import Work

HORIZON: Final = timedelta(hours=96)
"""How late an upload can come: Agora keeps failed ones for 72 hours and goes on trying."""

VERIFY: Final = 1 / 30
"""Share of the source that each run lists again."""

LARGE_UNIT: Final = 10 * PAGE_SIZE
"""From so many objects on, only the open end of each stream of a unit is listed."""

BRIDGE: Final = PAGE_SIZE // 2
"""Up to so many objects that need not be listed are, where that joins two listings to one."""


_DIVIDE_AFTER: Final = 4
"""Pages of a unit after which its listing is divided: most have fewer, and there are others to be listed."""


_JOINED: Final = 500
"""Intervals that are joined to one at most: what is done of a source is noted for whole ones."""


class Mode(StrEnum):
    """How a sync finds out what changed."""

    FULL = "full"
    DISCOVERY = "discovery"
    HOP = "hop"
    INVENTORY = "inventory"
    KEYS = "keys"


class Purpose(StrEnum):
    """What a LIST request is for."""

    DISCOVERY = "discovery"
    ACTIVE = "active"
    VERIFICATION = "verification"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the user wants it."""

    mode: Mode | None = None
    """None: what costs least."""
    verify: float = VERIFY
    """Share of the source to list again, 0 to 1."""
    anew: bool = False
    """Do not go on where a first listing was cut off."""
    horizon: timedelta = HORIZON
    large_unit: int = LARGE_UNIT
    bridge: int = BRIDGE

    @property
    def horizon_ms(self) -> int:
        """The horizon as times in the catalog have it."""
        return self.horizon // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Costs:
    """LIST requests by what they would be for, of each way.  Fractions, because they are compared."""

    full: float
    groups: float
    """To discover by delimiter."""
    hops: float
    """To discover from unit to unit."""
    active: float
    verification: float

    @property
    def by_groups(self) -> float:
        """All that discovery by delimiter takes."""
        return self.groups + self.active + self.verification

    @property
    def by_hops(self) -> float:
        """All that discovery from unit to unit takes."""
        return self.hops + self.active + self.verification


def costs(known: Known, wishes: Wishes) -> Costs:
    """What each way takes.  Of large units only the open ends are listed, so it is seldom more."""
    everything = known.objects / PAGE_SIZE
    return Costs(
        full=everything,
        groups=known.units / PAGE_SIZE + 1,
        hops=known.units,
        active=min(known.unsettled_pages, everything),
        verification=everything * wishes.verify,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode, and why it is the one."""

    mode: Mode
    reason: str


def choose(known: Known, wishes: Wishes, groups: Callable[[], bool]) -> Choice:
    """The mode that takes the fewest requests; `groups` asks the storage whether it groups keys by our delimiter."""
    forced = wishes.mode is not None
    if wishes.mode is not None and wishes.mode is not Mode.DISCOVERY:
        return Choice(wishes.mode, "it was asked for")
    if wishes.verify >= 1:
        return Choice(Mode.FULL, "everything is to be verified")
    if not forced and not known.units:
        return Choice(Mode.FULL, "the catalog knows nothing of it yet")
    if not forced and known.unlisted_units > known.units // 2:
        return Choice(Mode.FULL, f"{known.unlisted_units:,} of {known.units:,} units were never listed to their end")
    cost = costs(known, wishes)
    if not forced and min(cost.by_groups, cost.by_hops) >= cost.full:
        return Choice(Mode.FULL, f"{known.unsettled_units:,} of {known.units:,} units can have changed")
    why = "it was asked for" if forced else f"only {known.unsettled_units:,} of {known.units:,} units can have changed"
    if groups():
        return Choice(Mode.DISCOVERY, why)
    if cost.by_hops < cost.full or forced:
        return Choice(Mode.HOP, f"{why}, and the storage does not group keys by our delimiter")
    return Choice(Mode.FULL, "the storage does not group keys by our delimiter, and there are many small units")


@dataclass(slots=True)
class Units:
    """What became of the units in a plan."""

    listed: int = 0
    settled: int = 0
    """Passed over."""
    vanished: int = 0
    """Known, not discovered, and listed once more to be sure."""


class Discovery:
    """Works for what discovery finds and what it misses, in key order, outside of the stretch that is verified."""

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        *,
        mode: Mode,
        planning: Planning,
        source_id: int,
        verified: Interval | None,
        wishes: Wishes,
        count: Callable[[str], None],
    ) -> None:
        def discovered() -> None:
            count(Purpose.DISCOVERY)

        self.units = Units()
        self._found = (hop if mode is Mode.HOP else discover)(store, prefix, discovered)
        self._known = _Ahead(planning.units(source_id))
        self._verified = verified
        self._horizon_ms = wishes.horizon_ms
        self._large_unit = wishes.large_unit
        self._bridge = wishes.bridge
        self._pending: Interval | None = None
        self._joined = 0
        """Intervals in the pending one."""
        self._passed = 0
        """Objects behind the pending interval that need not be listed."""

    def works(self) -> Iterator[Work]:
        """What to list, in key order; no two works overlap."""
        end: str | None = ""
        for work in self._wanted():
            start, stop = work.interval.start, work.interval.stop
            if end is None or (stop is not None and stop <= end):
                continue
            if start < end:
                work = replace(work, interval=Interval(end, stop), since_ms=None)
            yield work
            end = stop

    def _wanted(self) -> Iterator[Work]:
        for found in self._found:
            yield from self._vanished(_start(found))
            match found:
                case Unit(prefix):
                    known = self._known.take(prefix)
                    self._known.drop(all_of(prefix))
                    yield from self._unit(prefix, known)
                case Loose(interval, objects):
                    self._known.drop(interval)
                    yield from self._flush()
                    for part in outside(interval, self._verified):
                        held = tuple(listed for listed in objects if holds_key(part, listed.key))
                        yield Work(part, Purpose.DISCOVERY, objects=held)
                case Foreign(interval):
                    self._known.drop(interval)
                    yield from self._flush()
                    for part in outside(interval, self._verified):
                        yield _active(part)
        yield from self._vanished(None)
        yield from self._flush()

    def _vanished(self, before: str | None) -> Iterator[Work]:
        """Known units that come before what was discovered next: one look whether they are really gone."""
        while (known := self._known.head) is not None and (before is None or known.prefix < before):
            self._known.take(known.prefix)
            if before is not None and before.startswith(known.prefix):
                continue  # it is there: what was found next lies in it
            if self._verified is not None and self._verified.holds(known.prefix):
                yield from self._flush()  # nothing is joined across what is verified
            else:
                self.units.vanished += 1
                yield from self._need(all_of(known.prefix))

    def _unit(self, prefix: str, known: KnownUnit | None) -> Iterator[Work]:
        if self._verified is not None and self._verified.holds(prefix):
            self.units.listed += 1
            yield from self._flush()
        elif known is not None and known.settled:
            self.units.settled += 1
            self._passed += known.objects
            if self._passed > self._bridge:
                yield from self._flush()
        else:
            self.units.listed += 1
            is_whole = outside(all_of(prefix), self._verified) == [all_of(prefix)]
            if is_whole and known is not None and known.listed_ms is not None and self._is_large(known):
                yield from self._flush()
                # What was captured longer before the last listing than an upload can take was there by then.
                since_ms = known.listed_ms - self._horizon_ms
                if known.awaited_ms is not None:
                    since_ms = min(since_ms, known.awaited_ms)
                yield Work(all_of(prefix), Purpose.ACTIVE, since_ms=since_ms)
            else:
                yield from self._need(all_of(prefix))

    def _is_large(self, known: KnownUnit) -> bool:
        """Whether only the ends of streams are listed.  Recording files are known as sums, which take all of them."""
        return known.objects > self._large_unit and not known.has_recordings

    def _need(self, interval: Interval) -> Iterator[Work]:
        """List an interval, together with what was to be listed before it if little lies between."""
        parts = outside(interval, self._verified)
        if self._pending is not None and parts == [interval] and self._joined < _JOINED:
            self._pending = Interval(self._pending.start, interval.stop)
            self._joined += 1
            self._passed = 0
            return
        yield from self._flush()
        self._pending = parts.pop() if parts else None
        for part in parts:
            yield _active(part)

    def _flush(self) -> Iterator[Work]:
        if self._pending is not None:
            yield _active(self._pending)
        self._pending = None
        self._joined = self._passed = 0


def _active(interval: Interval) -> Work:
    return Work(interval, Purpose.ACTIVE, divide_after=_DIVIDE_AFTER)


class _Ahead:
    """Known units, of which the next one can be looked at."""

    def __init__(self, units: Iterator[KnownUnit]) -> None:
        self._units = units
        self.head = next(units, None)

    def take(self, prefix: str) -> KnownUnit | None:
        """The next one if it has this prefix."""
        taken = self.head
        if taken is None or taken.prefix != prefix:
            return None
        self.head = next(self._units, None)
        return taken

    def drop(self, interval: Interval) -> None:
        """Pass over those that begin in the interval: it is listed or skipped as a whole."""
        while (head := self.head) is not None and holds_key(interval, head.prefix):
            self.take(head.prefix)


def outside(interval: Interval, other: Interval | None) -> list[Interval]:
    """What of an interval lies outside of another one, in order."""
    if other is None or _is_before(interval.stop, other.start) or _is_before(other.stop, interval.start):
        return [interval]
    parts = []
    if interval.start < other.start:
        parts.append(Interval(interval.start, other.start))
    if other.stop is not None and (interval.stop is None or other.stop < interval.stop):
        parts.append(Interval(other.stop, interval.stop))
    return parts


def _is_before(stop: str | None, start: str) -> bool:
    return stop is not None and stop <= start


def holds_key(interval: Interval, key: str) -> bool:
    """Whether a key lies in the interval."""
    return interval.start <= key and (interval.stop is None or key < interval.stop)


def _start(found: Found) -> str:
    return found.prefix if isinstance(found, Unit) else found.interval.start
