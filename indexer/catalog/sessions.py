"""Questions about sessions."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    func,
    select,
    tuple_,
)

from indexer.agora.channels import spellings
from indexer.catalog.answers import RecordingSummary, SessionSummary, StreamSummary, UnitState, UnitSummary
from indexer.catalog.schema import recording, session, source, stream, unit
from indexer.catalog.selecting import PAGE, position_numbers, select_streams, stream_filter, to_stream
from indexer.model import Selection, from_ms


def _page() -> Select[Any]:
    """Sessions, newest first, with what is counted of each."""
    of_session = stream.c.session_id == session.c.id

    def counted(what: ColumnElement[Any]) -> ScalarSelect[int]:
        return select(func.count(what.distinct())).where(of_session).correlate(session).scalar_subquery()

    in_units = recording.c.unit_id.in_(select(stream.c.unit_id).where(of_session).correlate(session))
    recordings = select(func.sum(recording.c.objects)).where(in_units, recording.c.cname == session.c.cname)
    return (
        select(
            session,
            counted(stream.c.uid).label("users"),
            counted(func.nullif(stream.c.bak, "")).label("failovers"),
            recordings.correlate(session).scalar_subquery().label("recordings"),
        )
        .where(session.c.last_ms.is_not(None))
        .order_by(session.c.last_ms.desc(), session.c.id.desc())
        .limit(bindparam("rows", type_=Integer))
    )


# Made once: making them takes longer than running them.
_PAGE: Final = _page()
_LATER_PAGE: Final = _PAGE.where(
    tuple_(session.c.last_ms, session.c.id)
    < tuple_(bindparam("last_ms", type_=BigInteger), bindparam("id", type_=BigInteger))
)
_NUMBERS: Final = (
    select(session.c.id).where(session.c.last_ms.is_not(None)).order_by(session.c.last_ms.desc(), session.c.id.desc())
)
_SOURCES: Final = (
    select(stream.c.session_id, source.c.name)
    .join(source)
    .where(stream.c.session_id.in_(bindparam("sessions", expanding=True)))
    .distinct()
    .order_by(source.c.name)
)
_STREAMS: Final = (
    select_streams().where(session.c.sid == bindparam("sid")).order_by(stream.c.uid, stream.c.first_ms, stream.c.id)
)
_STREAMS_OF_CHANNEL: Final = _STREAMS.where(session.c.cname.in_(bindparam("cnames", expanding=True)))


class Sessions:
    """Asks about sessions; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def every(
        self, selection: Selection, *, after: str | None = None, limit: int | None = None
    ) -> Iterator[SessionSummary]:
        """Sessions with a shot of the selection's user, source and channel that reach into its period, newest first.

        `after` is the `position` of the last one seen: a session that has grown since stands before it.  Without it and
        a limit, every session that there is at the beginning comes once; its number is all that is held of it.
        """
        filters = list(_session_filter(selection))
        if after is None and limit is None:
            yield from self._all(filters)
            return
        last_ms, session_id = (None, None) if after is None else position_numbers(after, 2)
        while limit is None or limit > 0:
            query = _PAGE if last_ms is None else _LATER_PAGE
            query = query.where(*filters) if filters else query  # or it would be another one, to be made anew
            size = PAGE if limit is None else min(limit, PAGE)
            with self._engine.connect() as connection:
                rows = connection.execute(query, {"rows": size, "last_ms": last_ms, "id": session_id}).all()
                summaries = _summaries(connection, rows)
            yield from summaries
            if len(rows) < size:
                return
            last_ms, session_id = rows[-1].last_ms, rows[-1].id
            limit = None if limit is None else limit - size

    def _all(self, filters: Sequence[ColumnElement[bool]]) -> Iterator[SessionSummary]:
        """All of them in the order that they have now, also of those that grow meanwhile."""
        with self._engine.connect() as connection:
            rows = connection.execute(_PAGE.where(*filters) if filters else _PAGE, {"rows": PAGE}).all()
            summaries = _summaries(connection, rows)
            rest: array[int] = array("q")
            if len(rows) == PAGE:
                told = {row.id for row in rows}
                rest.extend(number for number in connection.scalars(_NUMBERS.where(*filters)) if number not in told)
        yield from summaries
        for start in range(0, len(rest), PAGE):
            numbers = list(rest[start : start + PAGE])
            query = _PAGE.where(session.c.id.in_(numbers), *filters)
            with self._engine.connect() as connection:
                found = {row.id: row for row in connection.execute(query, {"rows": PAGE})}
                summaries = _summaries(connection, [found[number] for number in numbers if number in found])
            yield from summaries

    def streams(self, sid: str, *, cname: str | None = None) -> list[StreamSummary]:
        """The streams of a session, by user, then in time order."""
        query = _STREAMS if cname is None else _STREAMS_OF_CHANNEL
        asked = {"sid": sid, "cnames": () if cname is None else spellings(cname)}
        with self._engine.connect() as connection:
            return [to_stream(row) for row in connection.execute(query, asked)]

    def recordings(self, sid: str, cname: str) -> list[RecordingSummary]:
        """Recording files of a session, by user."""
        units = select(stream.c.unit_id).join(session).where(session.c.sid == sid, session.c.cname == cname)
        query = (
            select(recording, source.c.name, unit.c.prefix)
            .join(unit, unit.c.id == recording.c.unit_id)
            .join(source, source.c.id == unit.c.source_id)
            .where(recording.c.unit_id.in_(units), recording.c.cname == cname)
            .order_by(recording.c.uid, recording.c.extension, recording.c.track)
        )
        with self._engine.connect() as connection:
            return [
                RecordingSummary(
                    source=row.name,
                    directory=row.prefix[: row.prefix.rfind("/") + 1],
                    uid=row.uid,
                    track=row.track,
                    extension=row.extension,
                    files=row.objects,
                    bytes=row.bytes,
                    first_name=row.first_name,
                    last_name=row.last_name,
                )
                for row in connection.execute(query)
            ]

    def units(self, sid: str) -> list[UnitSummary]:
        """What is listed for a session, by source and prefix: also units in which there is no shot."""
        query = (
            select(unit, source.c.name)
            .join(source, source.c.id == unit.c.source_id)
            # Naming the sources lets the index serve, which begins with them; else all units would be read.
            .where(unit.c.source_id.in_(select(source.c.id)), unit.c.sid == sid)
            .order_by(source.c.name, unit.c.prefix)
        )
        with self._engine.connect() as connection:
            return [
                UnitSummary(
                    source=row.name,
                    prefix=row.prefix,
                    objects=row.objects,
                    state=_state(row),
                    newest_at=_moment(row.newest_ms),
                    listed_at=_moment(row.listed_ms),
                    verified_at=_moment(row.verified_ms),
                )
                for row in connection.execute(query)
            ]


def _state(row: Row[Any]) -> UnitState:
    if row.digest is None and row.awaited_ms is None:
        return UnitState.UNFINISHED
    return UnitState.SETTLED if row.settled else UnitState.WATCHED


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _session_filter(selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.sid is not None:
        yield session.c.sid == selection.sid
    if selection.cname is not None:
        yield session.c.cname.in_(spellings(selection.cname))
    if selection.period.since_ms is not None:
        yield session.c.last_ms >= selection.period.since_ms
    if selection.period.until_ms is not None:
        yield session.c.first_ms < selection.period.until_ms
    if selection.uid is not None or selection.source is not None:
        inner = select(stream.c.id).join(source, source.c.id == stream.c.source_id)
        only = Selection(source=selection.source, uid=selection.uid)
        yield inner.where(stream.c.session_id == session.c.id, *stream_filter(only)).exists()


def _summaries(connection: Connection, rows: Sequence[Row[Any]]) -> list[SessionSummary]:
    # Without a transaction around both the sources may be a moment newer, which nobody can tell.
    names: dict[int, list[str]] = {row.id: [] for row in rows}
    for known, name in connection.execute(_SOURCES, {"sessions": list(names)}):
        names[known].append(name)
    return [_summary(row, names[row.id]) for row in rows]


def _summary(row: Row[Any], sources: Iterable[str]) -> SessionSummary:
    return SessionSummary(
        sid=row.sid,
        cname=row.cname,
        first_at=from_ms(row.first_ms),
        last_at=from_ms(row.last_ms),
        users=row.users,
        shots=row.shots,
        bytes=row.bytes,
        failovers=row.failovers,
        sources=tuple(sources),
        recordings=int(row.recordings or 0),
        position=f"{row.last_ms}.{row.id}",
    )
