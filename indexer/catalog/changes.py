"""How a listing gets into the catalog: compare stretch by stretch, write only the differences.

After a stretch the catalog equals the listing there, but for shots that are gone: those are noted, and removed at the
end of the run, when it is known how many they are.  Every transaction leaves a stream's sums equal to its rows, so a
run can be killed at any moment; the next one compares again.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Engine, delete, func, insert, select, update

from indexer.agora.names import ShotHead
from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.dialects import WRITE
from indexer.catalog.difference import Difference, difference, times_within
from indexer.catalog.heard import unheard
from indexer.catalog.listed import ListedStream, Stretch
from indexer.catalog.owners import batches, sum_up_sessions
from indexer.catalog.removals import Removals
from indexer.catalog.rows import ShotRow, came_before, shot_key, to_object
from indexer.catalog.schema import derivative, gone, grey, orphan, shot, stream
from indexer.catalog.snapshot import Snapshot
from indexer.catalog.streams import KnownStream, StreamBook, Verdict
from indexer.catalog.unfinished import Unfinished
from indexer.catalog.units import Touched, UnitBook
from indexer.derived import thumbnail_key
from indexer.digest import digest, subtract
from indexer.model import ANNOUNCED, Interval

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
    confirmed: int = 0
    """Announced by a callback before, and listed now."""
    announced_missing: int = 0
    """Announced, but not listed; they stay, because an upload can be late."""
    announced_dropped: int = 0
    """Announced, not listed, and not waited for any longer: they go, without ever having been there."""
    unannounced: int = 0
    """Added, though callbacks told of pictures of the same session before and after, but not of these."""


class SyncWriter:
    """Takes over one listing of one source, on a connection of its own.  Hold `sync_lock` while using it.

    With a `snapshot` the listing is one of the past: what the catalog knows from later is neither removed nor changed
    back, and counts as unchanged.  What was announced before `given_up_ms` and is not listed is gone; without that,
    what was announced stays.
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
        given_up_ms: int = 0,
    ) -> None:
        self._source_id = source_id
        self._name = name
        self.seed = seed
        self.dry_run = dry_run
        self._snapshot = snapshot
        self._given_up_ms = given_up_ms
        self._connection = engine.connect().execution_options(**{WRITE: not dry_run})
        self.units = UnitBook(self._connection, source_id, snapshot)
        """What is known of units, on the same connection."""
        self.unfinished = Unfinished(self._connection, source_id)
        """Full listings that were cut off, on the same connection."""
        self._streams = StreamBook(self._connection, source_id, self.units, seed=seed)
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
            self._count_unheard(new, verdicts)
            if not self.dry_run:
                touched = Touched()
                self._streams.insert(new, touched)
                self._streams.write(verdicts, touched)
                self._note_gone(verdicts)
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
                self._streams.insert(new, touched)
                self._streams.write(verdicts, touched)
                self.units.leave_open(stretch.units, touched)

    def remove_gone(self) -> Iterator[int]:
        """Remove what `apply` found gone, yielding the number of shots after each transaction.

        Only for a listing that has reached its end.
        """
        while True:
            with self._connection.begin():
                removed = self._remove_some()
            if removed is None:
                return
            self.changes.removed += removed
            yield removed

    @staticmethod
    def _leaves_open(stretch: Stretch, verdicts: list[Verdict]) -> bool:
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

    def _count(self, new: list[ListedStream], verdicts: list[Verdict]) -> None:
        changes = self.changes
        changes.added += sum(map(len, new))
        for _, _, found in verdicts:
            changes.added += len(found.added)
            changes.changed += len(found.changed)
            changes.confirmed += len(found.confirmed)
            changes.gone += found.gone_shots

    def _count_unheard(self, new: list[ListedStream], verdicts: list[Verdict]) -> None:
        times: list[tuple[ShotHead, Sequence[int]]] = [(listed.head, listed.captured_ms) for listed in new]
        times += [
            (listed.head, [row.captured_ms for row in found.added])
            for listed, _, found in verdicts
            if listed is not None and found.added
        ]
        self.changes.unannounced += unheard(self._connection, self._source_id, times)

    def _compare_what_is_there(self, stretch: Stretch) -> tuple[list[ListedStream], list[Verdict]]:
        """The same, without what is not in the stretch."""
        new, verdicts = self._streams.additions(stretch.streams)
        self.changes.unchanged += sum(found.unchanged for _, _, found in verdicts)
        return new, [verdict for verdict in verdicts if verdict.found]

    def _compare(self, stretch: Stretch) -> tuple[list[ListedStream], list[Verdict]]:
        """The streams within the stretch that are new, and those that differ."""
        known = self._streams.reaching_into(stretch)
        new: list[ListedStream] = []
        verdicts: list[Verdict] = []
        for listed in stretch.streams:
            before = known.pop(listed.key_head, None)
            if before is None:
                new.append(listed)
            elif found := self._compare_stream(stretch, listed, before):
                verdicts.append(Verdict(listed, before, found))
        left = ((before, self._compare_stream(stretch, None, before)) for before in known.values())
        verdicts.extend(Verdict(None, before, found) for before, found in left if found)
        return new, verdicts

    def _compare_stream(self, stretch: Stretch, listed: ListedStream | None, known: KnownStream) -> Difference:
        if not (stretch.begins_inside(known.key_head) or stretch.ends_inside(known.key_head)):
            # Of a stream that is not in a snapshot, any shot may have been uploaded since; and of one of which shots
            # were announced, any may still come.
            if listed is None and self._snapshot is None and not known.announced:
                return Difference(gone=[(known.first_ms, known.last_ms)], gone_shots=known.shots)
            if listed is not None and len(listed) == known.shots and listed.digest == known.digest:
                self.changes.unchanged += known.shots
                return Difference()
        rows = listed.rows() if listed else []
        times = times_within(stretch, known.key_head)
        there = self._streams.rows_of(known.id, times, shots=known.shots)
        found = difference(rows, there, snapshot=self._snapshot, given_up_ms=self._given_up_ms)
        self.changes.unchanged += found.unchanged
        self.changes.announced_missing += found.missing
        self.changes.announced_dropped += found.dropped
        return found

    # Writing.

    def _note_gone(self, verdicts: list[Verdict]) -> None:
        rows = [
            {"stream_id": known.id, "first_ms": first, "last_ms": last}
            for _, known, found in verdicts
            for first, last in found.gone
        ]
        if rows:
            self._connection.execute(insert(gone), rows)

    # Removing.

    def _remove_some(self) -> int | None:
        """Remove up to `REMOVED_AT_ONCE` shots and whatever is empty then; return how many, None behind the last.

        What was announced meanwhile within a run of shots that are gone stays: nobody has looked for it yet.
        """
        left = REMOVED_AT_ONCE
        removed = 0
        streams: set[int] = set()
        removals = Removals()
        runs = self._connection.execute(select(gone).order_by(gone.c.stream_id, gone.c.first_ms).limit(1_000)).all()
        if not runs:
            return None
        for stream_id, first_ms, last_ms in runs:
            rows = list(self._streams.rows_of(stream_id, range(first_ms, last_ms + 1), limit=left))
            for is_waited_for, run in groupby(rows, key=self._is_waited_for):
                if not is_waited_for:
                    removed += self._remove_rows(stream_id, list(run), removals)
            streams.add(stream_id)
            left -= len(rows)
            this = (gone.c.stream_id == stream_id) & (gone.c.first_ms == first_ms)
            if left <= 0:
                self._connection.execute(update(gone).where(this).values(first_ms=rows[-1].captured_ms + 1))
                break
            self._connection.execute(delete(gone).where(this))
        removals.write(self._connection)
        self._tidy(streams)
        return removed

    def _is_waited_for(self, row: ShotRow) -> bool:
        return row.tier == ANNOUNCED and not came_before(row, self._given_up_ms)

    def _remove_rows(self, stream_id: int, rows: list[ShotRow], removals: Removals) -> int:
        """Remove neighbours; return how many of them had been listed once."""
        columns = (
            stream.c[name] for name in ("key_head", "session_id", "uid", "shots", "bytes", "digest", "announced")
        )
        key_head, session_id, uid, shots, size, total, announced = self._connection.execute(
            select(*columns).where(stream.c.id == stream_id)
        ).one()
        were_there = [row for row in rows if row.tier != ANNOUNCED]
        if were_there:
            first, last = were_there[0].captured_ms, were_there[-1].captured_ms
            removals.add(session_id, uid, first, last, shots=len(were_there))
        self._orphan_derivatives(stream_id, key_head, rows[0].captured_ms, rows[-1].captured_ms)
        in_stream = shot.c.stream_id == stream_id
        self._connection.execute(
            delete(shot).where(in_stream, shot.c.captured_ms.between(rows[0].captured_ms, rows[-1].captured_ms))
        )
        first_ms, last_ms = (
            self._connection.scalar(select(func.min(shot.c.captured_ms)).where(in_stream)),
            self._connection.scalar(select(func.max(shot.c.captured_ms)).where(in_stream)),
        )
        self._streams.update_sums(
            [
                {
                    "stream": stream_id,
                    "shots": shots - len(rows),
                    "bytes": size - sum(row.size for row in rows),
                    "first_ms": MAX_MS if first_ms is None else first_ms,
                    "last_ms": MIN_MS if last_ms is None else last_ms,
                    "digest": subtract(total, digest((to_object(row, key_head) for row in rows), seed=self.seed)),
                    "announced": announced - (len(rows) - len(were_there)),
                }
            ]
        )
        return len(were_there)

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
