"""Which parts of the key space were listed in this run, whatever the order and however many there are.  Pure."""

from bisect import bisect_left, bisect_right

from indexer.catalog.listed import ListedUnit
from indexer.model import Interval, all_of


class Coverage:
    """A set of keys as disjoint intervals: neighbours melt into one, so it stays as small as there are holes."""

    def __init__(self) -> None:
        self._starts: list[str] = []
        self._stops: list[str | None] = []
        """None, the end of all keys, only as the last."""
        self._parts: dict[str, ListedUnit] = {}

    def add(self, interval: Interval) -> None:
        """Put an interval in that has nothing in common with those that are."""
        at = bisect_left(self._starts, interval.start)
        start, stop = interval.start, interval.stop
        if at < len(self._starts) and stop == self._starts[at]:
            stop = self._stops.pop(at)
            del self._starts[at]
        if at > 0 and self._stops[at - 1] == start:
            at -= 1
            start = self._starts.pop(at)
            del self._stops[at]
        self._starts.insert(at, start)
        self._stops.insert(at, stop)

    def holds(self, interval: Interval) -> bool:
        """Whether all of the interval was put in."""
        at = bisect_right(self._starts, interval.start) - 1
        if at < 0:
            return False
        stop = self._stops[at]
        return stop is None or (interval.stop is not None and interval.stop <= stop and interval.start < stop)

    def holds_all_of(self, prefix: str) -> bool:
        """Whether all keys with this prefix were put in."""
        return self.holds(all_of(prefix))

    def keep(self, part: ListedUnit) -> None:
        """Keep a part of a unit of which not all was listed yet."""
        self._parts.setdefault(part.prefix, ListedUnit(part.prefix)).add(part)

    def take(self, prefix: str) -> ListedUnit:
        """What was kept of a unit, which is forgotten here."""
        return self._parts.pop(prefix, None) or ListedUnit(prefix)
