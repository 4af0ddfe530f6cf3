"""Units: what they hold besides shots, and whether their digest can be trusted."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, insert, null, select, update

from indexer.catalog.listed import RecordingGroup, RecordingSum, Stretch
from indexer.catalog.owners import batches, reaches_into
from indexer.catalog.schema import gone, recording, stream, unit
from indexer.digest import add


class _Unit(NamedTuple):
    id: int
    prefix: str
    digest: int | None
    newest_ms: int | None


class Touched(dict[int, int]):
    """Units whose streams changed, with the newest capture or upload seen in each (ms)."""

    def add(self, unit_id: int, newest_ms: int) -> None:
        """Note one."""
        self[unit_id] = max(newest_ms, self.get(unit_id, newest_ms))


class UnitBook:
    """The units of one source."""

    def __init__(self, connection: Connection, source_id: int) -> None:
        self._connection = connection
        self._source_id = source_id

    def ids(self, prefixes: Collection[str]) -> dict[str, int]:
        """The ids of units by prefix, made where they are new."""
        ids: dict[str, int] = {}
        for batch in batches(sorted(prefixes)):
            known = select(unit.c.prefix, unit.c.id).where(
                unit.c.source_id == self._source_id, unit.c.prefix.in_(batch)
            )
            ids |= {row.prefix: row.id for row in self._connection.execute(known)}
            missing = [{"source_id": self._source_id, "prefix": prefix} for prefix in batch if prefix not in ids]
            if missing:
                made = self._connection.execute(insert(unit).returning(unit.c.prefix, unit.c.id), missing)
                ids |= {row.prefix: row.id for row in made}
        return ids

    def conclude(self, stretch: Stretch, touched: Touched) -> None:
        """Bring the units of a stretch up to date behind its streams.

        One that changed and goes on behind the stretch has no digest until it is concluded.
        """
        wanted = [closed.prefix for closed in stretch.closed if closed.recordings]
        self.ids(wanted)
        units = self._within(stretch)
        concluded = {found.prefix: found for found in units if not stretch.ends_before(found.prefix)}
        changed = self._write_recordings(concluded, {closed.prefix: closed.recordings for closed in stretch.closed})
        self._forget_digests([found.id for found in units if found.id in touched and found.prefix not in concluded])
        stale = {found.id for found in concluded.values() if found.id in touched or found.digest is None}
        self.sum_up(stale | changed)
        self._note_newest(touched)

    def sum_up(self, ids: Iterable[int]) -> None:
        """Renew the digests of units that were listed to their end; remove a unit that holds nothing.

        One with shots that are gone but not removed yet gets no digest: it does not equal what was listed.
        """
        for batch in batches(ids):
            totals: dict[int, tuple[int, int]] = dict.fromkeys(batch, (0, 0))
            of_streams = select(stream.c.unit_id, stream.c.shots, stream.c.digest).where(stream.c.unit_id.in_(batch))
            of_recordings = select(recording.c.unit_id, recording.c.objects, recording.c.digest).where(
                recording.c.unit_id.in_(batch)
            )
            for query in (of_streams, of_recordings):
                for unit_id, objects, part in self._connection.execute(query):
                    before = totals[unit_id]
                    totals[unit_id] = before[0] + objects, add(before[1], part)
            empty = [unit_id for unit_id, (objects, _) in totals.items() if not objects]
            self._connection.execute(delete(unit).where(unit.c.id.in_(empty)))
            unfinished = self._with_gone(batch)
            for unit_id, (objects, total) in totals.items():
                if objects:
                    self._connection.execute(
                        update(unit)
                        .where(unit.c.id == unit_id)
                        .values(objects=objects, digest=null() if unit_id in unfinished else total)
                    )

    def _within(self, stretch: Stretch) -> list[_Unit]:
        query = select(*(unit.c[name] for name in _Unit._fields)).where(
            unit.c.source_id == self._source_id, reaches_into(unit.c.prefix, stretch)
        )
        return [_Unit._make(row) for row in self._connection.execute(query)]

    def _with_gone(self, ids: list[int]) -> set[int]:
        query = select(stream.c.unit_id).where(stream.c.unit_id.in_(ids), stream.c.id.in_(select(gone.c.stream_id)))
        return set(self._connection.scalars(query))

    def _forget_digests(self, ids: list[int]) -> None:
        for batch in batches(ids):
            self._connection.execute(update(unit).where(unit.c.id.in_(batch)).values(digest=null()))

    def _note_newest(self, touched: Touched) -> None:
        if touched:
            newest = bindparam("newest", type_=unit.c.newest_ms.type)
            latest = case((unit.c.newest_ms > newest, unit.c.newest_ms), else_=newest)
            self._connection.execute(
                update(unit).where(unit.c.id == bindparam("unit")).values(newest_ms=latest),
                [{"unit": unit_id, "newest": newest_ms} for unit_id, newest_ms in touched.items()],
            )

    def _write_recordings(
        self, units: dict[str, _Unit], listed: dict[str, dict[RecordingGroup, RecordingSum]]
    ) -> set[int]:
        """Make the recordings of these units what was listed; return the units where that changed something."""
        ids = {found.id: prefix for prefix, found in units.items()}
        known: dict[int, dict[RecordingGroup, RecordingSum]] = {}
        for batch in batches(ids):
            for row in self._connection.execute(select(recording).where(recording.c.unit_id.in_(batch))):
                group = RecordingGroup(row.cname, row.uid, row.track, row.extension)
                total = RecordingSum(row.objects, row.bytes, row.first_name, row.last_name, row.digest)
                known.setdefault(row.unit_id, {})[group] = total
        changed = {id_ for id_, prefix in ids.items() if known.get(id_, {}) != listed.get(prefix, {})}
        for batch in batches(changed):
            self._connection.execute(delete(recording).where(recording.c.unit_id.in_(batch)))
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
            for id_ in changed
            for group, total in listed.get(ids[id_], {}).items()
        ]
        if rows:
            self._connection.execute(insert(recording), rows)
        return changed
