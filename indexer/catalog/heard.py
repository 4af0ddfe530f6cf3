"""Of which sessions callbacks tell the pictures, and from when to when: whoever tells of some should tell of all."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from indexer.agora.names import ShotHead
from indexer.catalog.listed import ListedStream
from indexer.catalog.owners import batches
from indexer.catalog.schema import announced, session


def note_heard(connection: Connection, source_id: int, streams: Iterable[ListedStream]) -> None:
    """Widen the periods of the sessions of these shots, which were announced in a source."""
    periods: dict[tuple[str, str], tuple[int, int]] = {}
    for each in streams:
        name = (each.head.sid, each.head.cname)
        first_ms, last_ms = periods.get(name, (each.captured_ms[0], each.captured_ms[-1]))
        periods[name] = min(first_ms, each.captured_ms[0]), max(last_ms, each.captured_ms[-1])
    for batch in batches(periods):
        query = (
            select(session.c.sid, session.c.cname, session.c.id, announced.c.first_ms, announced.c.last_ms)
            .outerjoin(announced, (announced.c.session_id == session.c.id) & (announced.c.source_id == source_id))
            .where(session.c.sid.in_({sid for sid, _ in batch}))
        )
        begun: list[dict[str, int]] = []
        wider: list[dict[str, int]] = []
        for row in connection.execute(query):
            if (row.sid, row.cname) not in periods:  # another channel of the same sid
                continue
            first_ms, last_ms = periods[row.sid, row.cname]
            if row.first_ms is None:
                begun.append({"session_id": row.id, "source_id": source_id, "first_ms": first_ms, "last_ms": last_ms})
            elif first_ms < row.first_ms or last_ms > row.last_ms:
                first_ms, last_ms = min(first_ms, row.first_ms), max(last_ms, row.last_ms)
                wider.append({"session": row.id, "first_ms": first_ms, "last_ms": last_ms})
        if begun:
            connection.execute(insert(announced), begun)
        if wider:
            of_session = (announced.c.session_id == bindparam("session")) & (announced.c.source_id == source_id)
            connection.execute(update(announced).where(of_session), wider)


def unheard(connection: Connection, source_id: int, added: Sequence[tuple[ShotHead, Sequence[int]]]) -> int:
    """How many of these shots of a source, by capture times that rise, lie among announced ones, and were not."""
    if not added or connection.scalar(select(announced.c.session_id).limit(1)) is None:
        return 0
    periods: dict[tuple[str, str], tuple[int, int]] = {}
    for batch in batches({head.sid for head, _ in added}):
        query = (
            select(session.c.sid, session.c.cname, announced.c.first_ms, announced.c.last_ms)
            .join(announced, (announced.c.session_id == session.c.id) & (announced.c.source_id == source_id))
            .where(session.c.sid.in_(batch))
        )
        periods |= {(row.sid, row.cname): (row.first_ms, row.last_ms) for row in connection.execute(query)}
    count = 0
    for head, captured_ms in added:
        if period := periods.get((head.sid, head.cname)):
            count += bisect_right(captured_ms, period[1]) - bisect_left(captured_ms, period[0])
    return count
