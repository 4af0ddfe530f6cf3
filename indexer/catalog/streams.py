"""The streams of a source: those that are known, and how new ones and differences get in.

Every transaction leaves a stream's sums equal to its rows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from indexer.catalog.difference import Difference, additions
from indexer.catalog.inserting import shot_writes
from indexer.catalog.listed import ListedStream
from indexer.catalog.owners import add_sessions, batches, in_pieces, reaches_into, sum_up_sessions
from indexer.catalog.rows import Inserted, ShotRow, to_object
from indexer.catalog.schema import shot, stream
from indexer.catalog.units import Touched, UnitBook
from indexer.digest import add, digest, subtract
from indexer.model import ANNOUNCED, Interval


class KnownStream(NamedTuple):
    """A stream as the catalog has it."""

    id: int
    unit_id: int
    session_id: int
    key_head: str
    shots: int
    bytes: int
    first_ms: int
    last_ms: int
    digest: int
    announced: int


class Verdict(NamedTuple):
    """A stream that the catalog knows, and how it differs.  `listed` is None if nothing of it was listed."""

    listed: ListedStream | None
    known: KnownStream
    found: Difference


class StreamBook:
    """The streams of one source, on a connection in whose transactions they are changed."""

    def __init__(self, connection: Connection, source_id: int, units: UnitBook, *, seed: int) -> None:
        self._connection = connection
        self._source_id = source_id
        self._units = units
        self._seed = seed
        self._shots = shot_writes(connection.dialect)

    # What is known.

    def with_heads(self, key_heads: Collection[str]) -> dict[str, KnownStream]:
        """Those of these heads that are known."""
        of_source = stream.c.source_id == self._source_id
        known: dict[str, KnownStream] = {}
        for batch in batches(key_heads):
            query = select(*_COLUMNS).where(of_source, stream.c.key_head.in_(batch))
            known |= {row.key_head: row for row in map(KnownStream._make, self._connection.execute(query))}
        return known

    def reaching_into(self, interval: Interval) -> dict[str, KnownStream]:
        """Those that may have keys in the interval."""
        query = select(*_COLUMNS).where(
            stream.c.source_id == self._source_id, reaches_into(stream.c.key_head, interval)
        )
        return {row.key_head: row for row in map(KnownStream._make, self._connection.execute(query))}

    def rows_of(self, stream_id: int, times: range, *, shots: int = 0, limit: int | None = None) -> Iterator[ShotRow]:
        """Shots of a stream in time order; `shots` is how many it has at most."""
        query = _ROWS if limit is None else _ROWS.limit(limit)
        asked = {"of": stream_id, "since": times.start, "until": times.stop}
        return map(ShotRow._make, in_pieces(self._connection, query, asked, rows=shots))

    def additions(self, streams: Sequence[ListedStream]) -> tuple[list[ListedStream], list[Verdict]]:
        """Those that are new, and what the others have that the catalog has not; neither need be whole."""
        known = self.with_heads([listed.key_head for listed in streams])
        new: list[ListedStream] = []
        verdicts: list[Verdict] = []
        for listed in streams:
            before = known.get(listed.key_head)
            if before is None:
                new.append(listed)
                continue
            verdicts.append(Verdict(listed, before, additions(listed.rows(), self._same_times(listed, before))))
        return new, verdicts

    def _same_times(self, listed: ListedStream, known: KnownStream) -> Iterator[ShotRow]:
        """What is known of the times that are listed, and maybe of others between them, in time order."""
        if len(listed) * _APART < known.shots:
            for times in batches(listed.captured_ms):
                yield from map(ShotRow._make, self._connection.execute(_ROWS_AT, {"of": known.id, "times": times}))
        else:
            period = range(listed.captured_ms[0], listed.captured_ms[-1] + 1)
            yield from self.rows_of(known.id, period, shots=known.shots)

    # Writing.

    def insert(self, new: Sequence[ListedStream], touched: Touched) -> None:
        """Write new streams with their units, sessions and shots."""
        if not new:
            return
        units = self._units.ids({listed.head.unit for listed in new})
        sessions = add_sessions(self._connection, {(listed.head.sid, listed.head.cname) for listed in new})
        rows = [
            {
                "source_id": self._source_id,
                "unit_id": units[listed.head.unit],
                "session_id": sessions[listed.head.sid, listed.head.cname],
                "directory": listed.head.directory,
                "bak": listed.head.bak_prefix,
                "uid": listed.head.uid,
                "key_head": listed.key_head,
                "shots": len(listed),
                "bytes": listed.size,
                "first_ms": listed.captured_ms[0],
                "last_ms": listed.captured_ms[-1],
                "digest": listed.digest,
                "announced": _announced(listed.tiers.values()),
            }
            for listed in new
        ]
        ids = self._connection.scalars(insert(stream).returning(stream.c.id, sort_by_parameter_order=True), rows)
        inserts: list[Inserted] = []
        for stream_id, listed in zip(ids, new, strict=True):
            inserts += listed.inserts(stream_id)
            touched.add(units[listed.head.unit], max(listed.captured_ms[-1], listed.newest_s * 1000))
        self._shots.insert(self._connection, inserts)
        sum_up_sessions(self._connection, sessions.values())

    def write(self, verdicts: Sequence[Verdict], touched: Touched) -> None:
        """Write what differs in known streams; what is gone is still there, and counts."""
        inserts: list[Inserted] = []
        changed: list[Inserted] = []
        for _, known, found in verdicts:
            inserts += [(known.id, *row) for row in found.added]
            changed += [(known.id, *after) for _, after in found.replaced]
            written = (*found.added, *(after for _, after in found.replaced))
            touched.add(known.unit_id, max(map(_newest_ms, written), default=0))
        if inserts:
            self._shots.insert(self._connection, inserts)
        if changed:
            self._shots.change(self._connection, changed)
        self.update_sums([self._sums(*verdict) for verdict in verdicts])
        sum_up_sessions(self._connection, {known.session_id for _, known, _ in verdicts})

    def update_sums(self, sums: Sequence[dict[str, int]]) -> None:
        """Write the sums of streams, each by the id that it has under "stream"."""
        if sums:
            self._connection.execute(update(stream).where(stream.c.id == bindparam("stream")), sums)

    def _sums(self, listed: ListedStream | None, known: KnownStream, found: Difference) -> dict[str, int]:
        before, after = [row for row, _ in found.replaced], [row for _, row in found.replaced]
        if listed is not None and len(found.added) == len(listed):
            total = add(known.digest, listed.digest)
        else:
            total = add(known.digest, self._digest(known, found.added))
        total = add(subtract(total, self._digest(known, before)), self._digest(known, after))
        came = [*found.added, *after]
        return {
            "stream": known.id,
            "shots": known.shots + len(found.added),
            "bytes": known.bytes + sum(row.size for row in came) - sum(row.size for row in before),
            "first_ms": min([known.first_ms, *(row.captured_ms for row in found.added[:1])]),
            "last_ms": max([known.last_ms, *(row.captured_ms for row in found.added[-1:])]),
            "digest": total,
            "announced": known.announced
            + _announced(row.tier for row in came)
            - _announced(row.tier for row in before),
        }

    def _digest(self, known: KnownStream, rows: Iterable[ShotRow]) -> int:
        return digest((to_object(row, known.key_head) for row in rows), seed=self._seed)


_APART: Final = 10
"""A shot that is looked up by its time takes about as long as so many that are read one behind the other."""

# Made once: of many streams few rows are read.
_ROWS: Final = (
    select(*(shot.c[name] for name in ShotRow._fields))
    .where(
        shot.c.stream_id == bindparam("of"),
        shot.c.captured_ms >= bindparam("since"),
        shot.c.captured_ms < bindparam("until"),
    )
    .order_by(shot.c.captured_ms)
)
_ROWS_AT: Final = (
    select(*(shot.c[name] for name in ShotRow._fields))
    .where(shot.c.stream_id == bindparam("of"), shot.c.captured_ms.in_(bindparam("times", expanding=True)))
    .order_by(shot.c.captured_ms)
)
_COLUMNS: Final = [stream.c[name] for name in KnownStream._fields]


def _announced(tiers: Iterable[str | None]) -> int:
    return sum(tier == ANNOUNCED for tier in tiers)


def _newest_ms(row: ShotRow) -> int:
    return row.captured_ms + max(0, row.modified_lag_s * 1000)
