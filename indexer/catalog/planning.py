"""What a sync asks before it lists: how much there is, which units can have changed, whose turn verification is."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from sqlalchemy import Engine, Row, Select, case, func, select, update

from indexer.catalog.dialects import WRITE
from indexer.catalog.owners import is_unfinished
from indexer.catalog.schema import recording, source, stream, unit
from indexer.catalog.selecting import PAGE
from indexer.model import Interval, all_of

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """A unit as the catalog has it."""

    prefix: str
    objects: int
    settled: bool
    has_recordings: bool
    listed_ms: int | None
    """Start of the last listing that compared all of it; None if there is none, or one was cut off in it since."""
    awaited_ms: int | None
    """When the first shot was captured that was announced since, and that no listing has shown."""


@dataclass(frozen=True, slots=True)
class Known:
    """How much the catalog has of a source."""

    units: int = 0
    objects: int = 0
    unsettled_units: int = 0
    unsettled_pages: int = 0
    """Requests that listing all units that are not settled takes, each from its start to its end."""
    unlisted_units: int = 0
    """Units that no listing has compared to their end."""


class Planning:
    """Questions about units in key order; nothing is held in proportion to their number."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def known(self, source_id: int, *, page_size: int) -> Known:
        """The sums of a source."""
        pages = (unit.c.objects + (page_size - 1)) // page_size
        watched = ~unit.c.settled
        query = select(
            func.count(),
            func.coalesce(func.sum(unit.c.objects), 0),
            func.coalesce(func.sum(case((watched, 1), else_=0)), 0),
            func.coalesce(func.sum(case((watched, pages), else_=0)), 0),
            func.coalesce(func.sum(case((unit.c.listed_ms.is_(None) | is_unfinished(), 1), else_=0)), 0),
        ).where(unit.c.source_id == source_id)
        with self._engine.connect() as connection:
            return Known(*map(int, connection.execute(query).one()))

    def units(self, source_id: int) -> Iterator[KnownUnit]:
        """Every unit of a source, in key order."""
        recorded = select(recording.c.unit_id).where(recording.c.unit_id == unit.c.id).exists()
        query = select(
            *(unit.c[name] for name in ("prefix", "objects", "settled", "listed_ms", "awaited_ms")),
            recorded.label("recorded"),
            is_unfinished().label("unfinished"),
        ).where(unit.c.source_id == source_id)
        for row in self._pages(query.order_by(unit.c.prefix), unit.c.prefix):
            listed_ms = None if row.unfinished else row.listed_ms
            yield KnownUnit(row.prefix, row.objects, row.settled, bool(row.recorded), listed_ms, row.awaited_ms)

    def turn(self, source_id: int, share: float) -> Interval | None:
        """The stretch of keys that is verified next: a share (0 to 1) of what the source holds; None for nothing.

        One stretch begins where the last one ended, and in 1 / share runs all keys had their turn, because it is
        measured by what is left of the round.
        """
        if share <= 0:
            return None
        begin, done = self._place(source_id)
        if share >= 1:
            return Interval()
        behind = (stream.c.source_id == source_id) & (stream.c.key_head >= begin)
        with self._engine.connect() as connection:
            left = connection.scalar(select(func.coalesce(func.sum(stream.c.shots), 0)).where(behind)) or 0
        if done + share > 1 - _ROUNDING or not left:
            return Interval(begin)
        return Interval(begin, self._end(source_id, begin, ceil(int(left) * share / (1 - done))))

    def turn_is_done(self, source_id: int, turn: Interval, share: float) -> None:
        """The stretch was verified: the next one begins behind it."""
        if share >= 1:
            return
        _, done = self._place(source_id)
        next_one = (turn.stop, done + share) if turn.stop is not None else ("", 0.0)
        with self._engine.execution_options(**{WRITE: True}).begin() as connection:
            connection.execute(
                update(source).where(source.c.id == source_id).values(verify_from=next_one[0], verify_share=next_one[1])
            )

    def cuts(self, source_id: int, interval: Interval, *, every: int) -> tuple[str, ...]:
        """Keys that divide an interval into pieces of about so many shots."""
        found: list[str] = []
        seen = 0
        for row in self._streams(source_id, interval):
            if seen >= every and row.key_head > interval.start:
                found.append(row.key_head)
                seen = 0
            seen += row.shots
        return tuple(found)

    def _place(self, source_id: int) -> tuple[str, float]:
        with self._engine.connect() as connection:
            row = connection.execute(
                select(source.c.verify_from, source.c.verify_share).where(source.c.id == source_id)
            ).one_or_none()
        return ("", 0.0) if row is None else (row.verify_from, row.verify_share)

    def _end(self, source_id: int, begin: str, wanted: int) -> str | None:
        """Where a stretch ends that holds so many shots: behind a unit, or inside a large one in which all is quiet.

        A unit is not cut where more than its shots must be compared.
        """
        seen = 0
        unit_prefix = ""
        whole = False  # the rest of this unit belongs to the stretch
        for row in self._streams(source_id, Interval(begin)):
            if not row.key_head.startswith(unit_prefix) or not unit_prefix:
                if seen and (whole or seen + row.objects / 2 >= wanted):  # nearer to what is wanted without this unit
                    return all_of(unit_prefix).stop
                unit_prefix, whole = row.prefix, False
            if seen >= wanted and not whole:
                if row.settled and row.objects > wanted and self._holds_only_shots(row.unit_id):
                    return str(row.key_head)
                whole = True
            seen += row.shots
        return None

    def _holds_only_shots(self, unit_id: int) -> bool:
        shots = select(func.sum(stream.c.shots)).where(stream.c.unit_id == unit_id).scalar_subquery()
        with self._engine.connect() as connection:
            return bool(connection.scalar(select(unit.c.objects == shots).where(unit.c.id == unit_id)))

    def _streams(self, source_id: int, interval: Interval) -> Iterator[Row[Any]]:
        query = (
            select(stream.c.key_head, stream.c.shots, stream.c.unit_id, unit.c.prefix, unit.c.objects, unit.c.settled)
            .join(unit, unit.c.id == stream.c.unit_id)
            .where(stream.c.source_id == source_id, stream.c.key_head >= interval.start)
            .order_by(stream.c.key_head)
        )
        if interval.stop is not None:
            query = query.where(stream.c.key_head < interval.stop)
        return self._pages(query, stream.c.key_head)

    def _pages(self, query: Select[Any], key: Any) -> Iterator[Row[Any]]:  # a column; the rows are of any shape
        """The rows of a query in the order of a unique key, a page for each of many short transactions."""
        last: str | None = None
        while True:
            with self._engine.connect() as connection:
                rows = connection.execute((query if last is None else query.where(key > last)).limit(PAGE)).all()
            yield from rows
            if len(rows) < PAGE:
                return
            last = getattr(rows[-1], key.name)
