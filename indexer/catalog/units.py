"""Units: what they hold besides shots, and whether their digest can be trusted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, insert, literal, null, select, update

from indexer.agora.names import Reason
from indexer.agora.stamps import MIN_MS
from indexer.catalog.coverage import Coverage
from indexer.catalog.listed import SAMPLES, ListedUnit, RecordingGroup, RecordingSum, RejectedSum, Stretch
from indexer.catalog.owners import batches, beginnings, reaches_into
from indexer.catalog.schema import gone, recording, rejected, shot, stream, unit
from indexer.catalog.snapshot import Snapshot
from indexer.digest import add
from indexer.model import ANNOUNCED, Interval

BETWEEN: Final = 0
"""Instead of the id of a unit: between units."""


class _Unit(NamedTuple):
    id: int
    prefix: str
    digest: int | None
    listed_ms: int | None


class Touched(dict[int, int]):
    """Units in which something changed, with the newest capture or upload seen in each (ms)."""

    def add(self, unit_id: int, newest_ms: int) -> None:
        """Note one."""
        self[unit_id] = max(newest_ms, self.get(unit_id, newest_ms))


class UnitBook:
    """The units of one source during one run, which may take over a snapshot of the past."""

    def __init__(self, connection: Connection, source_id: int, snapshot: Snapshot | None = None) -> None:
        self._snapshot = snapshot
        self._connection = connection
        self._source_id = source_id
        self._of_source = unit.c.source_id == source_id
        self._covered = Coverage()
        self._between = ListedUnit("")

    def ids(self, prefixes: Collection[str]) -> dict[str, int]:
        """The ids of units by prefix, made where they are new."""
        ids: dict[str, int] = {}
        for batch in batches(sorted(prefixes)):
            known = select(unit.c.prefix, unit.c.id).where(self._of_source, unit.c.prefix.in_(batch))
            ids |= {row.prefix: row.id for row in self._connection.execute(known)}
            missing = [
                {"source_id": self._source_id, "prefix": prefix, "sid": _sid(prefix)}
                for prefix in batch
                if prefix not in ids
            ]
            if missing:
                made = self._connection.execute(insert(unit).returning(unit.c.prefix, unit.c.id), missing)
                ids |= {row.prefix: row.id for row in made}
        return ids

    # During a run.

    def conclude(self, stretch: Stretch, within: Interval, touched: Touched) -> None:
        """Bring the units of a stretch up to date behind its streams.

        One of which not all is listed yet has no digest, if it changed, until it is concluded.
        """
        parts = {part.prefix: part for part in stretch.units}
        if part := parts.pop("", None):
            self._between.add(part)
        self._covered.add(stretch)
        self.ids(parts)
        pending: list[int] = []
        cut: list[int] = []
        opened: list[int] = []
        concluded: dict[int, ListedUnit] = {}
        whole: set[int] = set()
        stale: set[int] = set()
        for known in self._reaching_into(stretch):
            part = parts.get(known.prefix)
            if not within.holds(known.prefix):
                cut.append(known.id)
                if part is not None and self._is_news(known.id, part):
                    # Of sums a part says nothing: the next run lists all of it.
                    touched.add(known.id, part.newest_s * 1000)
                    opened.append(known.id)
                continue
            if part is not None:
                self._covered.keep(part)
            if self._covered.holds_all_of(known.prefix):
                listed = self._covered.take(known.prefix)
                whole.add(known.id)
                # Sums do not tell which of their objects came later than a snapshot.
                if self._snapshot is None or (known.listed_ms or 0) <= self._snapshot.taken_ms:
                    concluded[known.id] = listed
                if known.digest is None or known.id in touched:
                    stale.add(known.id)
            else:
                pending.append(known.id)
        self._replace_recordings(concluded, touched)
        self._replace_rejected(concluded, touched)
        self._forget_digests([id_ for id_ in pending if id_ in touched])
        self.sum_up(stale | (touched.keys() & {*whole, *cut}))
        self._note_newest(touched)

    def sum_up(self, ids: Iterable[int]) -> None:
        """Renew the digests of units that were listed to their end; remove a unit that holds nothing.

        One with shots that are gone but not removed yet, or that were announced but not listed yet, gets no digest: it
        does not equal what was listed.
        """
        for batch in batches(ids):
            self._renew(batch, self._with_gone(batch) | self._doubtful(batch))

    def leave_open(self, parts: Iterable[ListedUnit], touched: Touched) -> None:
        """Have the next sync list the units in which something is new.

        Those are the touched ones, whose streams are up to date, and those of `parts`: sums of recording files and of
        what is not recognised cannot tell whether a file is among them.
        """
        for batch in batches(touched):
            self._renew(batch, batch)
        by_prefix = {part.prefix: part for part in parts if part.prefix}
        for prefix, id_ in self.ids(by_prefix).items():
            touched.add(id_, by_prefix[prefix].newest_s * 1000)
        self._forget_digests(list(touched))
        self._note_newest(touched)

    def wait_for(self, announced: Mapping[int, Sequence[int]], touched: Touched) -> None:
        """Have every sync list the units in which shots were announced, until it has listed them.

        By unit, when these were captured.  In a unit that was listed to its end, only they are missing.
        """
        first = bindparam("first", type_=unit.c.awaited_ms.type)
        awaited_ms = case(
            (unit.c.digest.is_not(None), first), (unit.c.awaited_ms > first, first), else_=unit.c.awaited_ms
        )
        if announced:
            self._connection.execute(
                update(unit)
                .where(unit.c.id == bindparam("unit"))
                .values(objects=unit.c.objects + bindparam("added"), awaited_ms=awaited_ms, digest=null()),
                [{"unit": id_, "added": len(times), "first": min(times)} for id_, times in announced.items()],
            )
        self._note_newest(touched)

    # At the end of an interval or a run.

    def listed(self, interval: Interval, *, started_ms: int) -> None:
        """Note that a listing that began then has compared everything in the interval.

        Of units that it cuts only the end counts: the interval before this one has verified the front.
        """
        going_on = [] if interval.stop is None else beginnings(interval.stop)
        in_interval = unit.c.prefix >= interval.start
        if interval.stop is not None:
            in_interval &= unit.c.prefix < interval.stop
        for units, values in (
            (in_interval, {"listed_ms": started_ms, "verified_ms": started_ms}),
            (unit.c.prefix.in_(beginnings(interval.start)), {"verified_ms": started_ms}),
        ):
            self._connection.execute(
                update(unit).where(self._of_source, units, unit.c.prefix.not_in(going_on)).values(values)
            )

    def conclude_snapshot(self) -> None:
        """Note what the snapshot tells of units and between them.

        It counts as a listing that began when it was taken, for units that were not listed later.  Without ETags it
        does not count at all: an object can have been replaced by one of the same size.  No unit is verified by what
        somebody else has read.
        """
        snapshot = self._snapshot
        if snapshot is None:
            raise ValueError("this run takes over no snapshot")
        later = select(func.count()).where(self._of_source, unit.c.listed_ms > snapshot.taken_ms)
        if not self._connection.scalar(later):
            self.conclude_between(whole=True)
        if snapshot.has_etags:
            earlier = unit.c.listed_ms.is_(None) | (unit.c.listed_ms < snapshot.taken_ms)
            self._connection.execute(update(unit).where(self._of_source, earlier).values(listed_ms=snapshot.taken_ms))

    def looked_at(self, prefix: str, *, started_ms: int) -> None:
        """Note that a listing that began then has compared everything in the unit that was new since the last one."""
        self._connection.execute(
            update(unit).where(self._of_source, unit.c.prefix == prefix).values(listed_ms=started_ms)
        )

    def conclude_between(self, *, whole: bool) -> None:
        """Note what lies between units; `whole` if everything was listed, so that what was not seen is gone."""
        of_source = rejected.c.source_id == self._source_id
        if whole:
            units = select(unit.c.id).where(self._of_source)
            stray = of_source & (rejected.c.unit_id != BETWEEN) & rejected.c.unit_id.not_in(units)
            self._connection.execute(delete(rejected).where(stray))
        self._replace_rejected({BETWEEN: self._between}, Touched())

    def settle(self, *, horizon_ms: int) -> int:
        """Mark the units of sessions in which nothing can change any more; return how many units are settled.

        That is a session all of whose units were listed to their end by listings that began later than its newest
        capture or upload and the time that an upload can take.
        """
        ready = (
            select(unit.c.sid)
            .where(self._of_source, unit.c.sid.in_(select(unit.c.sid).where(self._of_source, ~unit.c.settled)))
            .group_by(unit.c.sid)
            .having(
                func.count() == func.count(unit.c.digest),
                func.count() == func.count(unit.c.listed_ms),
                func.min(unit.c.listed_ms) > func.max(func.coalesce(unit.c.newest_ms, 0)) + horizon_ms,
            )
        )
        self._connection.execute(
            update(unit).where(self._of_source, ~unit.c.settled, unit.c.sid.in_(ready)).values(settled=True)
        )
        return self._connection.scalar(select(func.count()).where(self._of_source, unit.c.settled)) or 0

    # Parts.

    def _renew(self, batch: list[int], unfinished: Collection[int]) -> None:
        """Renew the sums of units, without a digest for those that are unfinished or hold what is only announced."""
        totals: dict[int, tuple[int, int]] = dict.fromkeys(batch, (0, 0))
        waiting: set[int] = set()
        of_streams = select(stream.c.unit_id, stream.c.shots, stream.c.digest, stream.c.announced).where(
            stream.c.unit_id.in_(batch)
        )
        of_recordings = select(
            recording.c.unit_id, recording.c.objects, recording.c.digest, literal(0).label("announced")
        ).where(recording.c.unit_id.in_(batch))
        # What nobody recognises has a share in the requests, so it counts, but no digest.
        of_rejected = select(rejected.c.unit_id, rejected.c.objects, literal(0), literal(0).label("announced")).where(
            rejected.c.source_id == self._source_id, rejected.c.unit_id.in_(batch)
        )
        for query in (of_streams, of_recordings, of_rejected):
            for unit_id, objects, part, announced in self._connection.execute(query):
                before = totals[unit_id]
                totals[unit_id] = before[0] + objects, add(before[1], part)
                if announced:
                    waiting.add(unit_id)
        empty = [unit_id for unit_id, (objects, _) in totals.items() if not objects]
        if empty:
            self._connection.execute(delete(unit).where(unit.c.id.in_(empty)))
        awaited_ms = self._awaited(waiting.difference(unfinished))
        is_open = waiting.union(unfinished)
        renewed = [
            {
                "unit": unit_id,
                "held": objects,
                "total": None if unit_id in is_open else total,
                "awaited": awaited_ms.get(unit_id),
            }
            for unit_id, (objects, total) in totals.items()
            if objects
        ]
        if renewed:
            self._connection.execute(
                update(unit)
                .where(unit.c.id == bindparam("unit"))
                .values(objects=bindparam("held"), digest=bindparam("total"), awaited_ms=bindparam("awaited")),
                renewed,
            )

    def _awaited(self, ids: Collection[int]) -> dict[int, int]:
        """When the first shot of each unit was captured that was announced and not listed yet."""
        if not ids:
            return {}
        # Not before the one that was the first until now: long streams need not be read from their beginning.
        not_before = shot.c.captured_ms >= func.coalesce(unit.c.awaited_ms, MIN_MS)
        query = (
            select(stream.c.unit_id, func.min(shot.c.captured_ms).label("first_ms"))
            .join(unit, unit.c.id == stream.c.unit_id)
            .join(shot, (shot.c.stream_id == stream.c.id) & not_before)
            .where(stream.c.unit_id.in_(ids), stream.c.announced > 0, shot.c.tier == ANNOUNCED)
            .group_by(stream.c.unit_id)
        )
        return {row.unit_id: row.first_ms for row in self._connection.execute(query)}

    def _reaching_into(self, interval: Interval) -> list[_Unit]:
        query = select(*(unit.c[name] for name in _Unit._fields)).where(
            self._of_source, reaches_into(unit.c.prefix, interval)
        )
        return [_Unit._make(row) for row in self._connection.execute(query)]

    def _with_gone(self, ids: list[int]) -> set[int]:
        query = select(stream.c.unit_id).where(stream.c.unit_id.in_(ids), stream.c.id.in_(select(gone.c.stream_id)))
        return set(self._connection.scalars(query))

    def _doubtful(self, ids: list[int]) -> set[int]:
        """Of units that a snapshot changes, those that must be listed again.

        Without ETags, all; else those that were listed later, because what it adds may have been removed again.
        """
        if self._snapshot is None:
            return set()
        if not self._snapshot.has_etags:
            return set(ids)
        later = unit.c.listed_ms > self._snapshot.taken_ms
        return set(self._connection.scalars(select(unit.c.id).where(unit.c.id.in_(ids), later)))

    def _forget_digests(self, ids: list[int]) -> None:
        for batch in batches(ids):
            self._connection.execute(update(unit).where(unit.c.id.in_(batch)).values(digest=null(), awaited_ms=null()))

    def _note_newest(self, touched: Touched) -> None:
        """What changed is watched again, and with it the other units of the session."""
        if touched:
            newest = bindparam("newest", type_=unit.c.newest_ms.type)
            latest = case((unit.c.newest_ms > newest, unit.c.newest_ms), else_=newest)
            self._connection.execute(
                update(unit).where(unit.c.id == bindparam("unit")).values(newest_ms=latest),
                [{"unit": unit_id, "newest": newest_ms} for unit_id, newest_ms in touched.items()],
            )
            for batch in batches(touched):
                sids = select(unit.c.sid).where(unit.c.id.in_(batch))
                self._connection.execute(
                    update(unit).where(self._of_source, unit.c.sid.in_(sids), unit.c.settled).values(settled=False)
                )

    def _recordings(self, ids: Iterable[int]) -> dict[int, dict[RecordingGroup, RecordingSum]]:
        known: dict[int, dict[RecordingGroup, RecordingSum]] = {}
        for batch in batches(ids):
            for row in self._connection.execute(select(recording).where(recording.c.unit_id.in_(batch))):
                group = RecordingGroup(row.cname, row.uid, row.track, row.extension)
                total = RecordingSum(row.objects, row.bytes, row.first_name, row.last_name, row.digest)
                known.setdefault(row.unit_id, {})[group] = total
        return known

    def _replace_recordings(self, units: dict[int, ListedUnit], touched: Touched) -> None:
        """Make the recordings of these units what was listed."""
        known = self._recordings(units)
        changed = [id_ for id_, listed in units.items() if self._differ(known.get(id_, {}), listed.recordings)]
        for batch in batches(changed):
            self._connection.execute(delete(recording).where(recording.c.unit_id.in_(batch)))
        self._insert_recordings({id_: units[id_].recordings for id_ in changed})
        for id_ in changed:
            touched.add(id_, units[id_].newest_s * 1000)

    def _differ(self, known: dict[RecordingGroup, RecordingSum], listed: dict[RecordingGroup, RecordingSum]) -> bool:
        if self._snapshot is None or self._snapshot.has_etags:
            return known != listed
        # The digests of a snapshot without ETags are those of nothing else.
        return {group: replace(total, digest=0) for group, total in known.items()} != {
            group: replace(total, digest=0) for group, total in listed.items()
        }

    def _is_news(self, unit_id: int, part: ListedUnit) -> bool:
        """Whether a part of a unit holds recordings, or more rejected keys than are known of all of it."""
        if part.recordings:
            return True
        counted = select(rejected.c.reason, rejected.c.objects).where(
            rejected.c.source_id == self._source_id, rejected.c.unit_id == unit_id
        )
        known = {row.reason: row.objects for row in self._connection.execute(counted)}
        return any(keys.objects > known.get(str(reason), 0) for reason, keys in part.rejected.items())

    def _insert_recordings(self, units: dict[int, dict[RecordingGroup, RecordingSum]]) -> None:
        rows = [
            {
                "unit_id": id_,
                **group._asdict(),
                "objects": total.objects,
                "bytes": total.bytes,
                "first_name": total.first_name,
                "last_name": total.last_name,
                "digest": total.digest,
            }
            for id_, groups in units.items()
            for group, total in groups.items()
        ]
        if rows:
            self._connection.execute(insert(recording), rows)

    def _replace_rejected(self, units: dict[int, ListedUnit], touched: Touched) -> None:
        """Make the rejected keys of these units what was listed."""
        of_source = rejected.c.source_id == self._source_id
        known: dict[int, dict[Reason, RejectedSum]] = {}
        for batch in batches(units):
            for row in self._connection.execute(select(rejected).where(of_source, rejected.c.unit_id.in_(batch))):
                known.setdefault(row.unit_id, {})[Reason(row.reason)] = RejectedSum(row.objects, row.samples)
        changed = [id_ for id_, listed in units.items() if known.get(id_, {}) != listed.rejected]
        for batch in batches(changed):
            self._connection.execute(delete(rejected).where(of_source, rejected.c.unit_id.in_(batch)))
        rows = [
            {
                "source_id": self._source_id,
                "unit_id": id_,
                "reason": str(reason),
                "objects": keys.objects,
                "samples": keys.samples[:SAMPLES],
            }
            for id_ in changed
            for reason, keys in sorted(units[id_].rejected.items())
        ]
        if rows:
            self._connection.execute(insert(rejected), rows)
        for id_ in changed:
            touched.add(id_, units[id_].newest_s * 1000)


def _sid(prefix: str) -> str:
    """The session that a unit belongs to: the last word of its prefix."""
    return prefix[:-1].rpartition("/")[2].rpartition("_")[2]
