"""Questions about shots: the one place that reads them for people."""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from sqlalchemy import Engine, Row, Select, select

from indexer.agora.grammar import last_bak
from indexer.catalog.answers import StreamSummary
from indexer.catalog.rows import ShotRow, shot_key, unpack_etag
from indexer.catalog.schema import session, shot, stream
from indexer.catalog.selecting import PAGE, position_numbers, select_streams, stream_filter, to_stream
from indexer.model import Selection, Shot, TimeRange, from_ms


class Position(NamedTuple):
    """Where a user's timeline goes on: behind this shot."""

    session_first_ms: int
    session_id: int
    captured_ms: int
    stream_id: int

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Inverse of `str`.  Raises `ConfigError`."""
        return cls(*position_numbers(text, len(cls._fields)))

    def __str__(self) -> str:
        return ".".join(map(str, self))


class Series(NamedTuple):
    """The shots of one user in one session: where they are, not yet read."""

    session_id: int
    session_first_ms: int
    sid: str
    cname: str
    uid: str
    streams: tuple[StreamSummary, ...]


class Shots:
    """Asks for shots; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def series(self, uid: str, selection: Selection) -> list[Series]:
        """A user's series that reach into the period, the session that began first coming first.

        Only the streams that could have a shot in the period are looked at, however long the history is.
        """
        until_ms = selection.period.until_ms
        query = self._streams_of(selection).where(stream.c.uid == uid)
        if until_ms is not None:
            # A stream in the period ends at most the longest stream's length behind its end.
            length = stream.c.last_ms - stream.c.first_ms
            longest = select(length).where(stream.c.uid == uid).order_by(length.desc()).limit(1)
            with self._engine.connect() as connection:
                query = query.where(stream.c.last_ms < until_ms + (connection.scalar(longest) or 0))
        return self._grouped(query)

    def all_series(self, selection: Selection) -> list[Series]:
        """The series of everybody in a selection that reach into its period, session by session, then by user.

        Meant for a session or a channel: of a whole catalog it is long.
        """
        return self._grouped(self._streams_of(selection))

    def _streams_of(self, selection: Selection) -> Select[Any]:
        query = select_streams().where(*stream_filter(selection))
        if selection.period.since_ms is not None:
            query = query.where(stream.c.last_ms >= selection.period.since_ms)
        if selection.period.until_ms is not None:
            query = query.where(stream.c.first_ms < selection.period.until_ms)
        return query.order_by(session.c.first_ms, session.c.id, stream.c.uid, stream.c.first_ms, stream.c.id)

    def _grouped(self, query: Select[Any]) -> list[Series]:
        found: dict[tuple[int, str], list[Row[Any]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found.setdefault((row.session_id, row.uid), []).append(row)
        return [
            Series(
                session_id, parts[0].session_first_ms, parts[0].sid, parts[0].cname, uid, tuple(map(to_stream, parts))
            )
            for (session_id, uid), parts in found.items()
        ]

    def of(
        self, series: Series, period: TimeRange, *, after: Position | None = None
    ) -> Iterator[tuple[Shot, Position]]:
        """The shots of all parts of a series in time order, each with its position.

        Shots of one millisecond come in the order of their streams.  With `after`, only what comes behind it.
        """
        if after is not None and (after.session_first_ms, after.session_id) > (
            series.session_first_ms,
            series.session_id,
        ):
            return
        if after is not None and after.session_id != series.session_id:
            after = None
        merged = heapq.merge(
            *(self._shots_of(part, period, after) for part in series.streams),
            key=lambda found: (found[0], found[1].id),
        )
        for captured_ms, part, row in merged:
            yield (
                Shot(
                    key=shot_key(part.key_head, captured_ms),
                    source=part.source,
                    directory=part.directory,
                    bak=last_bak(part.bak_prefix),
                    sid=part.sid,
                    cname=part.cname,
                    uid=part.uid,
                    captured_at=from_ms(captured_ms),
                    size=row.size,
                    etag=unpack_etag(row.etag),
                    last_modified=from_ms((captured_ms // 1000 + row.modified_lag_s) * 1000),
                    tier=row.tier,
                ),
                Position(series.session_first_ms, series.session_id, captured_ms, part.id),
            )

    def _shots_of(
        self, part: StreamSummary, period: TimeRange, after: Position | None
    ) -> Iterator[tuple[int, StreamSummary, ShotRow]]:
        columns = [shot.c[name] for name in ShotRow._fields]
        query = select(*columns).where(shot.c.stream_id == part.id).order_by(shot.c.captured_ms).limit(PAGE)
        if period.until_ms is not None:
            query = query.where(shot.c.captured_ms < period.until_ms)
        first_ms = period.since_ms
        if after is not None:
            # At the same millisecond, streams with a larger id come behind it.
            behind_ms = after.captured_ms + (0 if part.id > after.stream_id else 1)
            first_ms = behind_ms if first_ms is None else max(first_ms, behind_ms)
        while True:
            page = query if first_ms is None else query.where(shot.c.captured_ms >= first_ms)
            with self._engine.connect() as connection:
                rows = list(map(ShotRow._make, connection.execute(page)))
            for row in rows:
                yield row.captured_ms, part, row
            if len(rows) < PAGE:
                return
            first_ms = rows[-1].captured_ms + 1
