"""Sessions, and what all changes share: which rows a stretch concerns, and values in batches."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Result,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from indexer.catalog.schema import announced, fact, removed, session, stream, unit
from indexer.model import Interval

_BATCH: Final = 5_000
"""Values in one statement: well below the 32,766 variables that SQLite takes."""

MOST_ROWS: Final = 20_000
"""Rows held at once, some MB."""

_T = TypeVar("_T")


def batches(values: Iterable[_T], size: int = _BATCH) -> Iterator[list[_T]]:
    """The values in lists of up to `size`."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch


def in_pieces(
    connection: Connection, query: Select[Any], values: Mapping[str, object] | None = None, *, rows: int
) -> Result[Any]:
    """Execute a query that gives about so many rows, without holding all of them.

    A server would else send them at once; few of them come faster that way.
    """
    large = rows > MOST_ROWS
    return connection.execute(query, values, execution_options={"yield_per": MOST_ROWS} if large else {})


def reaches_into(prefix: Column[str], interval: Interval) -> ColumnElement[bool]:
    """The rows whose keys, which all begin with this column, may lie within the interval."""
    within = prefix >= interval.start
    if interval.stop is not None:
        within &= prefix < interval.stop
    # What begins before the interval is a part of its first key.  Heads and units end in "_", so these are few.
    shorter = beginnings(interval.start)
    return or_(within, prefix.in_(shorter)) if shorter else within


def is_unfinished() -> ColumnElement[bool]:
    """The units that no sync has listed to their end, or in which one was cut off since.

    Of the others nothing is missing but what was announced.
    """
    return unit.c.digest.is_(None) & unit.c.awaited_ms.is_(None)


def beginnings(text: str) -> list[str]:
    """The proper beginnings of a text that could be a head or the prefix of a unit, the shortest first."""
    return [text[: end + 1] for end, char in enumerate(text[:-1]) if char == "_"]


def add_sessions(connection: Connection, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of sessions by (sid, cname), made where they are new."""
    ids: dict[tuple[str, str], int] = {}
    for batch in batches(sorted(names)):
        columns = (session.c.sid, session.c.cname, session.c.id)
        known = select(*columns).where(session.c.sid.in_({sid for sid, _ in batch}))
        ids |= {(sid, cname): id_ for sid, cname, id_ in connection.execute(known)}
        missing = [{"sid": sid, "cname": cname} for sid, cname in batch if (sid, cname) not in ids]
        if missing:
            ids |= {
                (sid, cname): id_
                for sid, cname, id_ in connection.execute(insert(session).returning(*columns), missing)
            }
    return ids


def sum_up_sessions(connection: Connection, ids: Iterable[int]) -> None:
    """Renew what a session says of its streams; remove one that has none, with all that is known of it."""
    for batch in batches(ids):
        has_stream = session.c.id.in_(select(stream.c.session_id).where(stream.c.session_id.in_(batch)))
        empty = delete(session).where(session.c.id.in_(batch), ~has_stream)
        ended = connection.execute(empty.returning(session.c.id, session.c.sid, session.c.cname)).all()
        if ended:
            connection.execute(delete(removed).where(removed.c.session_id.in_([row.id for row in ended])))
            connection.execute(delete(announced).where(announced.c.session_id.in_([row.id for row in ended])))
            told = (fact.c.sid == bindparam("of_sid")) & (fact.c.cname == bindparam("of_cname"))
            names = [{"of_sid": row.sid, "of_cname": row.cname} for row in ended]
            connection.execute(delete(fact).where(told), names)
        sums = (
            select(
                stream.c.session_id,
                func.sum(stream.c.shots).label("shots"),
                func.sum(stream.c.bytes).label("bytes"),
                func.min(stream.c.first_ms).label("first_ms"),
                func.max(stream.c.last_ms).label("last_ms"),
            )
            .where(stream.c.session_id.in_(batch))
            .group_by(stream.c.session_id)
            .subquery()
        )
        values = {name: sums.c[name] for name in ("shots", "bytes", "first_ms", "last_ms")}
        connection.execute(update(session).where(session.c.id == sums.c.session_id).values(values))
