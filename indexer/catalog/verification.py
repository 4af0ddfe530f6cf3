"""Does the catalog agree with itself?"""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from indexer.catalog.catalog import Catalog
from indexer.catalog.owners import in_pieces
from indexer.catalog.rows import ShotRow, to_object
from indexer.catalog.schema import session, shot, stream, unit
from indexer.catalog.selecting import PAGE
from indexer.digest import add, digest
from indexer.model import ANNOUNCED


def problems(catalog: Catalog) -> Iterator[str]:
    """Everything that is wrong, a line each: damage of the file, rows without owners, sums that do not add up.

    Reads all shots, holding a page of them.
    """
    seed = catalog.digest_seed()
    with catalog.reading() as connection:
        yield from catalog.damage(connection)
        orphans = select(func.count()).select_from(shot).where(shot.c.stream_id.not_in(select(stream.c.id)))
        if count := connection.scalar(orphans):
            yield f"{count} shots belong to no stream"
        last_id = 0
        while rows := connection.execute(
            select(stream).where(stream.c.id > last_id).order_by(stream.c.id).limit(PAGE)
        ).all():
            for row in rows:
                is_now = (row.shots, row.bytes, row.first_ms, row.last_ms, row.digest, row.announced)
                if is_now != _sums(connection, row.id, row.key_head, row.shots, seed):
                    yield f"the sums of stream {row.key_head!r} do not match its shots; a sync repairs that"
            last_id = rows[-1].id
        yield from _units(connection)
        yield from _sessions(connection)


def _sums(
    connection: Connection, stream_id: int, key_head: str, about: int, seed: int
) -> tuple[int, int, int | None, int | None, int, int]:
    columns = [shot.c[name] for name in ShotRow._fields]
    shots = size = total = announced = 0
    first_ms = last_ms = None
    query = select(*columns).where(shot.c.stream_id == stream_id).order_by(shot.c.captured_ms)
    for part in in_pieces(connection, query, rows=about).partitions(PAGE):
        rows = [ShotRow._make(row) for row in part]
        shots += len(rows)
        size += sum(row.size for row in rows)
        total = add(total, digest((to_object(row, key_head) for row in rows), seed=seed))
        announced += sum(row.tier == ANNOUNCED for row in rows)
        first_ms = rows[0].captured_ms if first_ms is None else first_ms
        last_ms = rows[-1].captured_ms
    return shots, size, first_ms, last_ms, total, announced


def _units(connection: Connection) -> Iterator[str]:
    waiting = select(stream.c.unit_id).where(stream.c.announced > 0)
    for prefix in connection.scalars(select(unit.c.prefix).where(unit.c.digest.is_not(None), unit.c.id.in_(waiting))):
        yield f"unit {prefix!r} is taken for whole, but shots in it were announced and not listed yet"
    early = (
        select(unit.c.prefix)
        .distinct()
        .join(stream, stream.c.unit_id == unit.c.id)
        .join(shot, (shot.c.stream_id == stream.c.id) & (shot.c.captured_ms < unit.c.awaited_ms))
        .where(stream.c.announced > 0, shot.c.tier == ANNOUNCED)
    )
    for prefix in connection.scalars(early):
        yield f"unit {prefix!r} waits for what was announced, but not for the first of it"


def _sessions(connection: Connection) -> Iterator[str]:
    sums = (
        select(
            stream.c.session_id,
            func.sum(stream.c.shots).label("shots"),
            func.sum(stream.c.bytes).label("bytes"),
            func.min(stream.c.first_ms).label("first_ms"),
            func.max(stream.c.last_ms).label("last_ms"),
        )
        .group_by(stream.c.session_id)
        .subquery()
    )
    query = (
        select(session.c.sid)
        .outerjoin(sums, sums.c.session_id == session.c.id)
        .where(
            sums.c.session_id.is_(None)
            | (session.c.shots != sums.c.shots)
            | (session.c.bytes != sums.c.bytes)
            | (session.c.first_ms != sums.c.first_ms)
            | (session.c.last_ms != sums.c.last_ms)
        )
    )
    for (sid,) in connection.execute(query):
        yield f"the sums of session {sid!r} do not match its streams; a sync repairs that"
