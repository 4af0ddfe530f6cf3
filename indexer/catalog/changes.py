"""How a listing gets into the catalog: compare stretch by stretch, write only the differences.

After a stretch the catalog equals the listing there, but for shots that are gone: those are noted, and removed at the
end of the run, when it is known how many they are.  Every transaction leaves a stream's sums equal to its rows, so a
run can be killed at any moment; the next one compares again.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, NamedTuple, Self

from sqlalchemy import Engine, bindparam, delete, func, insert, select, update

from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.dialects import WRITE
from indexer.catalog.difference import Difference, additions, difference, times_within
from indexer.catalog.inserting import shot_writes
from indexer.catalog.listed import ListedStream, Stretch
from indexer.catalog.owners import add_sessions, batches, in_pieces, reaches_into, sum_up_sessions
from indexer.catalog.removals import Removals
from indexer.catalog.rows import Inserted, ShotRow, shot_key, to_object
from indexer.catalog.schema import derivative, gone, grey, orphan, shot, stream
from indexer.catalog.snapshot import Snapshot
from indexer.catalog.unfinished import Unfinished
from indexer.catalog.units import Touched, UnitBook
from indexer.derived import thumbnail_key
from indexer.digest import add, digest, subtract
from indexer.model import Interval

EVERYTHING: Final = Interval()

REMOVED_AT_ONCE: Final = 50_000
"""Shots removed in one transaction."""


@dataclass(slots=True)
class Changes:
    """What a run found different, in shots."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    """In the catalog, but no longer in the storage."""
    removed: int = 0
    """Gone, and removed from the catalog too."""


class _Known(NamedTuple):
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


class _Verdict(NamedTuple):
    """A stream that the catalog knows, and how it differs.  `listed` is None if nothing of it was listed."""

    listed: ListedStream | None
    known: _Known
    found: Difference


class SyncWriter:
    """Takes over one listing of one source, on a connection of its own.  Hold `sync_lock` while using it.

    With a `snapshot` the listing is one of the past: what the catalog knows from later is neither removed nor changed
    back, and counts as unchanged.
    """

    def __init__(
        self,
        engine: Engine,
        source_id: int,
        name: str,
        *,
        seed: int,
        dry_run: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._source_id = source_id
        self._name = name
        self.seed = seed
        self.dry_run = dry_run
        self._snapshot = snapshot
        self._connection = engine.connect().execution_options(**{WRITE: not dry_run})
        self.units = UnitBook(self._connection, source_id, snapshot)
        """What is known of units, on the same connection."""
        self.unfinished = Unfinished(self._connection, source_id)
        """Full listings that were cut off, on the same connection."""
        self._shots = shot_writes(engine.dialect)
        self.changes = Changes()
        if not dry_run:  # which writes nothing, not even this
            with self._connection.begin():
                gone.create(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not back to the pool: the temporary table must go with the run.
        self._connection.invalidate()
        self._connection.close()

    def apply(self, stretch: Stretch, within: Interval = EVERYTHING, *, remember_ms: int | None = None) -> None:
        """Take over one stretch of an interval that is listed bit by bit, in any order; one transaction.

        Removes no shot yet.  Units that lie whole in the interval are concluded as soon as all of them was listed; of
        those that it cuts, only the listed part is compared, and the rest is taken to be as it was.  With
        `remember_ms`, the start of a full listing, a later one can go on where this one is cut off.
        """
        with self._connection.begin():
            new, verdicts = self._compare(stretch)
            self._count(new, verdicts)
            if not self.dry_run:
                touched = Touched()
                self._insert(new, touched)
                self._write(verdicts, touched)
                self.units.conclude(stretch, within, touched)
                if remember_ms is not None and not self._leaves_open(stretch, verdicts):
                    self.unfinished.remember(stretch, remember_ms)

    def add(self, stretch: Stretch) -> None:
        """Take over the objects of a stretch, which need not be all that there are; one transaction.

        Nothing is gone, and nothing is known of a unit in which something is new but that the next sync must list it.
        """
        with self._connection.begin():
            new, verdicts = self._compare_what_is_there(stretch)
            self._count(new, verdicts)
            if not self.dry_run:
                touched = Touched()
                self._insert(new, touched)
                self._write(verdicts, touched)
                self.units.leave_open(stretch.units, touched)

    def remove_gone(self) -> Iterator[int]:
        """Remove what `apply` found gone, yielding the number of shots after each transaction.

        Only for a listing that has reached its end.
        """
        while True:
            with self._connection.begin():
                removed = self._remove_some()
            if not removed:
                return
            self.changes.removed += removed
            yield removed

    @staticmethod
    def _leaves_open(stretch: Stretch, verdicts: "list[_Verdict]") -> bool:
        """Whether something of the stretch is only written at the end of the run."""
        return any(verdict.found.gone for verdict in verdicts) or any(not part.prefix for part in stretch.units)

    def listed(self, interval: Interval, *, started_ms: int) -> None:
        """Note that a listing that began then has compared all of an interval."""
        with self._connection.begin():
            self.units.listed(interval, started_ms=started_ms)

    def looked_at(self, prefix: str, *, started_ms: int) -> None:
        """Note that a listing that began then has compared what was new in a unit."""
        with self._connection.begin():
            self.units.looked_at(prefix, started_ms=started_ms)

    def settle(self, *, horizon_ms: int) -> None:
        """Settle the sessions in which, by what was listed so far, nothing can change any more."""
        with self._connection.begin():
            self.units.settle(horizon_ms=horizon_ms)

    def conclude(self, *, whole: bool, horizon_ms: int) -> None:
        """Note what lies between units, and settle sessions.

        `whole` if everything was listed.  Only for a run that has reached its end.
        """
        with self._connection.begin():
            self.units.conclude_between(whole=whole)
            self.units.settle(horizon_ms=horizon_ms)

    def conclude_snapshot(self) -> None:
        """Note what is true of all units behind the end of a snapshot.  None is settled or verified by one."""
        with self._connection.begin():
            self.units.conclude_snapshot()

    # Comparing.

    def _count(self, new: list[ListedStream], verdicts: list[_Verdict]) -> None:
        self.changes.added += sum(map(len, new))
        for _, _, found in verdicts:
            self.changes.added += len(found.added)
            self.changes.changed += len(found.changed)
            self.changes.gone += found.gone_shots

    def _compare_what_is_there(self, stretch: Stretch) -> tuple[list[ListedStream], list[_Verdict]]:
        """The same, without what is not in the stretch."""
        known = {row.key_head: row for row in self._known_of([listed.key_head for listed in stretch.streams])}
        new: list[ListedStream] = []
        verdicts: list[_Verdict] = []
        for listed in stretch.streams:
            before = known.get(listed.key_head)
            if before is None:
                new.append(listed)
                continue
            times = range(listed.captured_ms[0], listed.captured_ms[-1] + 1)
            found = additions(listed.rows(), self._rows_of(before.id, times, shots=before.shots))
            self.changes.unchanged += found.unchanged
            if found:
                verdicts.append(_Verdict(listed, before, found))
        return new, verdicts

    def _known_of(self, key_heads: list[str]) -> Iterator[_Known]:
        of_source = stream.c.source_id == self._source_id
        for batch in batches(key_heads):
            query = select(*(stream.c[name] for name in _Known._fields)).where(of_source, stream.c.key_head.in_(batch))
            yield from map(_Known._make, self._connection.execute(query))

    def _compare(self, stretch: Stretch) -> tuple[list[ListedStream], list[_Verdict]]:
        """The streams within the stretch that are new, and those that differ."""
        known = {row.key_head: row for row in self._known_within(stretch)}
        new: list[ListedStream] = []
        verdicts: list[_Verdict] = []
        for listed in stretch.streams:
            before = known.pop(listed.key_head, None)
            if before is None:
                new.append(listed)
            elif found := self._compare_stream(stretch, listed, before):
                verdicts.append(_Verdict(listed, before, found))
        left = ((before, self._compare_stream(stretch, None, before)) for before in known.values())
        verdicts.extend(_Verdict(None, before, found) for before, found in left if found)
        return new, verdicts

    def _known_within(self, stretch: Stretch) -> list[_Known]:
        query = select(*(stream.c[name] for name in _Known._fields)).where(
            stream.c.source_id == self._source_id, reaches_into(stream.c.key_head, stretch)
        )
        return [_Known._make(row) for row in self._connection.execute(query)]

    def _compare_stream(self, stretch: Stretch, listed: ListedStream | None, known: _Known) -> Difference:
        if not (stretch.begins_inside(known.key_head) or stretch.ends_inside(known.key_head)):
            # Of a stream that is not in a snapshot, any shot may have been uploaded since.
            if listed is None and self._snapshot is None:
                return Difference(gone=[(known.first_ms, known.last_ms)], gone_shots=known.shots)
            if listed is not None and len(listed) == known.shots and listed.digest == known.digest:
                self.changes.unchanged += known.shots
                return Difference()
        rows = listed.rows() if listed else []
        times = times_within(stretch, known.key_head)
        found = difference(rows, self._rows_of(known.id, times, shots=known.shots), snapshot=self._snapshot)
        self.changes.unchanged += found.unchanged
        return found

    def _rows_of(self, stream_id: int, times: range, *, shots: int = 0, limit: int | None = None) -> Iterator[ShotRow]:
        """Shots of a stream in time order; `shots` is how many it has at most."""
        query = (
            select(*(shot.c[name] for name in ShotRow._fields))
            .where(shot.c.stream_id == stream_id, shot.c.captured_ms >= times.start, shot.c.captured_ms < times.stop)
            .order_by(shot.c.captured_ms)
            .limit(limit)
        )
        return map(ShotRow._make, in_pieces(self._connection, query, rows=shots))

    # Writing.

    def _insert(self, new: list[ListedStream], touched: Touched) -> None:
        """Write new streams with their units, sessions and shots."""
        if not new:
            return
        units = self.units.ids({listed.head.unit for listed in new})
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

    def _write(self, verdicts: list[_Verdict], touched: Touched) -> None:
        """Write what differs in known streams."""
        sums: list[dict[str, int]] = []
        inserts: list[Inserted] = []
        changed: list[Inserted] = []
        for listed, known, found in verdicts:
            inserts += [(known.id, *row) for row in found.added]
            changed += [(known.id, *after) for _, after in found.changed]
            sums.append(self._sums(known, listed, found))
            self._note_gone(known.id, found)
            written = (*found.added, *(after for _, after in found.changed))
            touched.add(known.unit_id, max(map(_newest_ms, written), default=0))
        if inserts:
            self._shots.insert(self._connection, inserts)
        if changed:
            self._shots.change(self._connection, changed)
        self._update_sums(sums)
        sum_up_sessions(self._connection, {known.session_id for _, known, _ in verdicts})

    def _sums(self, known: _Known, listed: ListedStream | None, found: Difference) -> dict[str, int]:
        """The sums of a stream with what was added and changed; what is gone still counts."""
        seed = self.seed
        if listed is not None and len(found.added) == len(listed):
            total = add(known.digest, listed.digest)
        else:
            total = add(known.digest, digest((to_object(row, known.key_head) for row in found.added), seed=seed))
        total = subtract(total, digest((to_object(row, known.key_head) for row, _ in found.changed), seed=seed))
        total = add(total, digest((to_object(row, known.key_head) for _, row in found.changed), seed=seed))
        return {
            "stream": known.id,
            "shots": known.shots + len(found.added),
            "bytes": known.bytes
            + sum(row.size for row in found.added)
            + sum(after.size - before.size for before, after in found.changed),
            "first_ms": min([known.first_ms, *(row.captured_ms for row in found.added[:1])]),
            "last_ms": max([known.last_ms, *(row.captured_ms for row in found.added[-1:])]),
            "digest": total,
        }

    def _update_sums(self, sums: list[dict[str, int]]) -> None:
        if sums:
            self._connection.execute(update(stream).where(stream.c.id == bindparam("stream")), sums)

    def _note_gone(self, stream_id: int, found: Difference) -> None:
        if found.gone:
            self._connection.execute(
                insert(gone),
                [{"stream_id": stream_id, "first_ms": first, "last_ms": last} for first, last in found.gone],
            )

    # Removing.

    def _remove_some(self) -> int:
        """Remove up to `REMOVED_AT_ONCE` shots and whatever is empty then; return how many."""
        left = REMOVED_AT_ONCE
        streams: set[int] = set()
        removals = Removals()
        runs = self._connection.execute(select(gone).order_by(gone.c.stream_id, gone.c.first_ms).limit(1_000)).all()
        for stream_id, first_ms, last_ms in runs:
            rows = list(self._rows_of(stream_id, range(first_ms, last_ms + 1), limit=left))
            self._remove_rows(stream_id, rows, removals)
            streams.add(stream_id)
            left -= len(rows)
            this = (gone.c.stream_id == stream_id) & (gone.c.first_ms == first_ms)
            if left <= 0:
                self._connection.execute(update(gone).where(this).values(first_ms=rows[-1].captured_ms + 1))
                break
            self._connection.execute(delete(gone).where(this))
        removals.write(self._connection)
        self._tidy(streams)
        return REMOVED_AT_ONCE - left

    def _remove_rows(self, stream_id: int, rows: list[ShotRow], removals: Removals) -> None:
        if not rows:
            return
        columns = (stream.c[name] for name in ("key_head", "session_id", "uid", "shots", "bytes", "digest"))
        key_head, session_id, uid, shots, size, total = self._connection.execute(
            select(*columns).where(stream.c.id == stream_id)
        ).one()
        removals.add(session_id, uid, rows[0].captured_ms, rows[-1].captured_ms, shots=len(rows))
        self._orphan_derivatives(stream_id, key_head, rows[0].captured_ms, rows[-1].captured_ms)
        in_stream = shot.c.stream_id == stream_id
        self._connection.execute(
            delete(shot).where(in_stream, shot.c.captured_ms.between(rows[0].captured_ms, rows[-1].captured_ms))
        )
        first_ms, last_ms = (
            self._connection.scalar(select(func.min(shot.c.captured_ms)).where(in_stream)),
            self._connection.scalar(select(func.max(shot.c.captured_ms)).where(in_stream)),
        )
        self._update_sums(
            [
                {
                    "stream": stream_id,
                    "shots": shots - len(rows),
                    "bytes": size - sum(row.size for row in rows),
                    "first_ms": MAX_MS if first_ms is None else first_ms,
                    "last_ms": MIN_MS if last_ms is None else last_ms,
                    "digest": subtract(total, digest((to_object(row, key_head) for row in rows), seed=self.seed)),
                }
            ]
        )

    def _orphan_derivatives(self, stream_id: int, key_head: str, first_ms: int, last_ms: int) -> None:
        """Forget what was made of these shots, but for the objects that are still to be removed."""
        of_shots = (derivative.c.stream_id == stream_id) & derivative.c.captured_ms.between(first_ms, last_ms)
        made = self._connection.execute(select(derivative.c.captured_ms, derivative.c.spec).where(of_shots)).all()
        if made:
            keys = {thumbnail_key(self._name, shot_key(key_head, row.captured_ms), row.spec) for row in made}
            for batch in batches(keys):
                known = set(self._connection.scalars(select(orphan.c.key).where(orphan.c.key.in_(batch))))
                if new := set(batch) - known:
                    self._connection.execute(insert(orphan), [{"key": key} for key in new])
            self._connection.execute(delete(derivative).where(of_shots))
            cells = (grey.c.stream_id == stream_id) & grey.c.captured_ms.between(first_ms, last_ms)
            self._connection.execute(delete(grey).where(cells))

    def _tidy(self, streams: Collection[int]) -> None:
        """Bring everything above these streams up to date, without those that are empty now."""
        units: set[int] = set()
        sessions: set[int] = set()
        for ids in batches(streams):
            owners = select(stream.c.unit_id, stream.c.session_id).where(stream.c.id.in_(ids))
            for unit_id, session_id in self._connection.execute(owners):
                units.add(unit_id)
                sessions.add(session_id)
            self._connection.execute(delete(stream).where(stream.c.id.in_(ids), stream.c.shots == 0))
        sum_up_sessions(self._connection, sessions)
        self.units.sum_up(units)


def _newest_ms(row: ShotRow) -> int:
    return row.captured_ms + max(0, row.modified_lag_s * 1000)
