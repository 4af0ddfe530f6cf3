"""Questions about users."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, Row, Select, distinct, func, select

from indexer.catalog.answers import UserSummary
from indexer.catalog.schema import session, source, stream
from indexer.catalog.selecting import PAGE, stream_filter
from indexer.model import Selection, from_ms


class Users:
    """Asks about users; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def every(
        self, selection: Selection, *, after: str | None = None, limit: int | None = None
    ) -> Iterator[UserSummary]:
        """Every uid of the selection once, in byte order of its text.  `after` is the last uid seen."""
        query = _user_sums(selection).group_by(stream.c.uid).order_by(stream.c.uid)
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(limit, PAGE)
            page = query.limit(size)
            if after is not None:
                page = page.where(stream.c.uid > after)
            with self._engine.connect() as connection:
                rows = connection.execute(page).all()
            yield from (_user(row, None) for row in rows)
            if len(rows) < size:
                return
            after = rows[-1].uid
            limit = None if limit is None else limit - size

    def channels_of(self, uid: str, selection: Selection) -> list[UserSummary]:
        """One row for each channel that this uid was seen in, the latest first."""
        query = (
            _user_sums(selection)
            .add_columns(session.c.cname)
            .where(stream.c.uid == uid)
            .group_by(stream.c.uid, session.c.cname)
            .order_by(func.max(stream.c.last_ms).desc(), session.c.cname)
        )
        with self._engine.connect() as connection:
            return [_user(row, row.cname) for row in connection.execute(query)]


def _user_sums(selection: Selection) -> Select[Any]:
    query = (
        select(
            stream.c.uid,
            func.count(distinct(session.c.cname)).label("channels"),
            func.count(distinct(stream.c.session_id)).label("sessions"),
            func.sum(stream.c.shots).label("shots"),
            func.sum(stream.c.bytes).label("bytes"),
            func.min(stream.c.first_ms).label("first_ms"),
            func.max(stream.c.last_ms).label("last_ms"),
        )
        .join(session, session.c.id == stream.c.session_id)
        .join(source, source.c.id == stream.c.source_id)
        .where(*stream_filter(selection))
    )
    if selection.period.since_ms is not None:
        query = query.where(stream.c.last_ms >= selection.period.since_ms)
    if selection.period.until_ms is not None:
        query = query.where(stream.c.first_ms < selection.period.until_ms)
    return query


def _user(row: Row[Any], cname: str | None) -> UserSummary:
    return UserSummary(
        uid=row.uid,
        cname=cname,
        channels=row.channels,
        sessions=row.sessions,
        shots=row.shots,
        bytes=row.bytes,
        first_at=from_ms(row.first_ms),
        last_at=from_ms(row.last_ms),
    )
