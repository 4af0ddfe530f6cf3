"""Full listings that were cut off: which stretches they had done, so that the next one need not list them again."""

from sqlalchemy import Connection, delete, func, insert, select, update

from indexer.catalog.owners import beginnings
from indexer.catalog.schema import listed, unit
from indexer.model import Interval, all_of


class Unfinished:
    """The stretches of one source, neighbours melted into one."""

    def __init__(self, connection: Connection, source_id: int) -> None:
        self._connection = connection
        self._source_id = source_id
        self._of_source = listed.c.source_id == source_id

    def remember(self, stretch: Interval, started_ms: int) -> None:
        """Keep a stretch that a full listing, begun then, has done; inside the transaction that takes it over."""
        stop = stretch.stop
        if stop is not None:
            behind = self._of_source & (listed.c.start == stop)
            next_one = self._connection.execute(select(listed.c.stop).where(behind)).one_or_none()
            if next_one is not None:
                stop = next_one.stop
                self._connection.execute(delete(listed).where(behind))
        grown = self._connection.execute(
            update(listed).where(self._of_source, listed.c.stop == stretch.start).values(stop=stop)
        )
        if not grown.rowcount:
            row = {"source_id": self._source_id, "start": stretch.start, "stop": stop, "started_ms": started_ms}
            self._connection.execute(insert(listed), row)

    def started_ms(self) -> int | None:
        """When the listing began that was cut off; None if there is none."""
        with self._connection.begin():
            started_ms: int | None = self._connection.scalar(
                select(func.min(listed.c.started_ms)).where(self._of_source)
            )
        return started_ms

    def done(self) -> list[Interval]:
        """What need not be listed again, in order: whole units only, because of others parts are forgotten."""
        query = select(listed.c.start, listed.c.stop, listed.c.started_ms).where(self._of_source)
        with self._connection.begin():
            rows = self._connection.execute(query.order_by(listed.c.start)).all()
            kept = [(self._between_units(Interval(row.start, row.stop)), row.started_ms) for row in rows]
            # The edges will be listed, and remembered, once more.
            self._connection.execute(delete(listed).where(self._of_source))
            found = [(interval, started_ms) for interval, started_ms in kept if interval is not None]
            if found:
                self._connection.execute(
                    insert(listed),
                    [
                        {"source_id": self._source_id, "start": each.start, "stop": each.stop, "started_ms": started_ms}
                        for each, started_ms in found
                    ],
                )
        return [interval for interval, _ in found]

    def forget(self) -> None:
        """Begin anew, or be done."""
        with self._connection.begin():
            self._connection.execute(delete(listed).where(self._of_source))

    def _between_units(self, interval: Interval) -> Interval | None:
        start: str | None = interval.start
        stop = interval.stop
        if cut := self._unit_around(interval.start):
            start = all_of(cut).stop
        if stop is not None:
            stop = self._unit_around(stop) or stop
        return None if start is None or (stop is not None and start >= stop) else Interval(start, stop)

    def _unit_around(self, key: str) -> str | None:
        """The outermost unit that begins before a key and goes on behind it."""
        around = unit.c.prefix.in_(beginnings(key))
        found: str | None = self._connection.scalar(
            select(func.min(unit.c.prefix)).where(unit.c.source_id == self._source_id, around)
        )
        return found
