"""Questions about shots: the one place that reads them for people.

They are read in few statements, because one costs as much as a hundred rows, and a group of streams at a time, so that
what is held stays small.  The statements that are asked most are made once: making one takes longer than running it.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    cast,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.types import NullType

from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.answers import StreamSummary
from indexer.catalog.schema import session, shot, stream
from indexer.catalog.selecting import position_numbers, select_streams, stream_filter, to_stream
from indexer.model import Selection, Shot, ShotFacts, TimeRange

LONG_MS: Final = 12 * 3_600_000
"""Longer than nearly all streams: those that are not are looked for among a user's longest, whenever they were."""

FIRST_ROWS: Final = 500
MOST_ROWS: Final = 4_000
"""Shots that are read at once: few at first, so that a first page comes soon, then twice as many each time."""

_MOST_STREAMS: Final = 100


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

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among a user's series; the beginning of a `Position` in it."""
        return self.session_first_ms, self.session_id

    @property
    def most_shots(self) -> int:
        """As many as it has, in whatever period."""
        return sum(part.shots for part in self.streams)


_SINCE_MS: Final = bindparam("since_ms", type_=BigInteger)
_UNTIL_MS: Final = bindparam("until_ms", type_=BigInteger)
_ORDER: Final = (session.c.first_ms, session.c.id, stream.c.uid, stream.c.first_ms, stream.c.id)


def reaching(is_user: Callable[[ColumnElement[str]], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether a stream is one of some users' that have a part in [since_ms, until_ms).

    Two ranges of indices a user, however long the history is: those that end in the period or soon behind it, because
    all but a few streams are short, and the few that are not.
    """
    found = stream.alias("reaching")
    ends = found.c.last_ms
    short = select(found.c.id).where(is_user(found.c.uid), ends >= _SINCE_MS, ends < _UNTIL_MS + LONG_MS)
    long = select(found.c.id).where(is_user(found.c.uid), ends - found.c.first_ms > LONG_MS)
    in_period = (stream.c.last_ms >= _SINCE_MS) & (stream.c.first_ms < _UNTIL_MS)
    return stream.c.id.in_(union_all(short, long)) & in_period


def _shots() -> Select[Any]:
    """What `ShotFacts` holds, of [since_ms, until_ms)."""
    # What every row costs is what a lookup costs: all is taken as the driver gives it.
    lag_s = cast(shot.c.modified_lag_s, BigInteger)
    etag, tier = type_coerce(shot.c.etag, NullType()), type_coerce(shot.c.tier, NullType())
    return select(shot.c.captured_ms, shot.c.stream_id, shot.c.size, lag_s, etag, tier).where(
        shot.c.captured_ms >= _SINCE_MS, shot.c.captured_ms < _UNTIL_MS
    )


def _present() -> ColumnElement[bool]:
    """Whether a stream is one of a user's in a session that reaches into [since_ms, until_ms).

    However long the history is: in a session that is not long, all streams end near the period, and of the long ones
    only those are looked at that reach into it.
    """
    found, lasting = stream.alias("near"), session.alias("lasting")
    is_user = found.c.uid == bindparam("uid")
    ends = found.c.last_ms
    near = select(found.c.id).where(is_user, ends >= _SINCE_MS - LONG_MS, ends < _UNTIL_MS + LONG_MS)
    # What is added to a column keeps its index from being used: the user's would read all of the history.
    long = (
        select(lasting.c.id)
        .where(lasting.c.last_ms - lasting.c.first_ms > LONG_MS)
        .where(lasting.c.last_ms + 0 >= _SINCE_MS, lasting.c.first_ms < _UNTIL_MS)
    )
    there = stream.alias("there")
    in_long = select(there.c.id).where(there.c.session_id.in_(long), there.c.uid + "" == bindparam("uid"))
    in_period = (session.c.last_ms >= _SINCE_MS) & (session.c.first_ms < _UNTIL_MS)
    return stream.c.id.in_(union_all(near, in_long)) & in_period


PRESENT: Final = select_streams().where(_present()).order_by(*_ORDER)
STREAMS_OF_USER: Final = select_streams().where(reaching(lambda uid: uid == bindparam("uid"))).order_by(*_ORDER)
_STREAMS_OF_SESSION: Final = (
    select_streams().where(session.c.sid == bindparam("sid"), session.c.cname == bindparam("cname")).order_by(*_ORDER)
)
_OF_STREAMS: Final = (
    _shots()
    .where(shot.c.stream_id.in_(bindparam("streams", expanding=True)))
    .order_by(shot.c.stream_id, shot.c.captured_ms)
)
_OF_STREAM: Final = (
    _shots().where(shot.c.stream_id == bindparam("stream")).order_by(shot.c.captured_ms).limit(bindparam("rows"))
)


class Shots:
    """Asks for shots; changes nothing."""

    def __init__(self, engine: Engine, connection: Connection | None = None) -> None:
        self._engine = engine
        self._connection = connection
        self._tier = shot.c.tier.type.dialect_impl(engine.dialect).result_processor(engine.dialect, None)

    def on(self, connection: Connection) -> Self:
        """The same questions, asked on this connection: what it sees is of one moment."""
        return type(self)(self._engine, connection)

    def _connected(self) -> AbstractContextManager[Connection]:
        return self._engine.connect() if self._connection is None else nullcontext(self._connection)

    def series(self, uid: str, selection: Selection) -> list[Series]:
        """A user's series that reach into the period, the session that began first coming first.

        Only the streams that could have a shot in the period are looked at, however long the history is.
        """
        return self._of_user(STREAMS_OF_USER, uid, selection)

    def present(self, uid: str, selection: Selection) -> list[Series]:
        """A user's series in the sessions that reach into the period, the session that began first coming first.

        With all their parts, of which none need reach into it.
        """
        return self._of_user(PRESENT, uid, selection)

    def _of_user(self, query: Select[Any], uid: str, selection: Selection) -> list[Series]:
        times = _times(selection.period)
        others = replace(selection, uid=None) if selection.uid == uid else selection
        query = query.where(*filters) if (filters := list(stream_filter(others))) else query
        return self._grouped(query, {"uid": uid, "since_ms": times.start, "until_ms": times.stop})

    def all_series(self, selection: Selection) -> list[Series]:
        """The series of everybody in a selection that reach into its period, session by session, then by user.

        Meant for a session or a channel: of a whole catalog it is long.
        """
        query = select_streams().where(*stream_filter(selection))
        if selection.period.since_ms is not None:
            query = query.where(stream.c.last_ms >= selection.period.since_ms)
        if selection.period.until_ms is not None:
            query = query.where(stream.c.first_ms < selection.period.until_ms)
        return self._grouped(query.order_by(*_ORDER), {})

    def of_session(self, sid: str, cname: str) -> list[Series]:
        """The series of everybody in one session, by user: not those in another spelling of the channel."""
        return self._grouped(_STREAMS_OF_SESSION, {"sid": sid, "cname": cname})

    def _grouped(self, query: Select[Any], values: Mapping[str, object]) -> list[Series]:
        found: dict[tuple[int, str], list[Row[Any]]] = {}
        with self._connected() as connection:
            for row in connection.execute(query, values):
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
        return self.of_all([series], period, after=after)

    def of_all(
        self, every: Iterable[Series], period: TimeRange, *, after: Position | None = None
    ) -> Iterator[tuple[Shot, Position]]:
        """The same of a user's series one after the other, as `series` gives them."""
        times = _times(period)
        if after is not None:
            left = [series for series in every if series.place >= after[:2]]
            begun = [series for series in left if series.place == after[:2]]
            rest = range(max(times.start, after.captured_ms), times.stop)
            for series in begun:
                yield from (told for told in _told(series, self._merged(series, rest)) if told[1] > after)
            every = left[len(begun) :]
        for group in groups(every, most=FIRST_ROWS):
            if group[0].most_shots > MOST_ROWS:
                yield from _told(group[0], self._merged(group[0], times))
            else:
                for series, found in self._at_once(group, times):
                    yield from _told(series, found)

    def in_parts(self, group: Sequence[Series], period: TimeRange) -> list[tuple[Series, list[Iterator[Shot]]]]:
        """Each series of a group, which `groups` makes, with the shots of each of its parts in time order."""
        times = _times(period)
        if sum(series.most_shots for series in group) > MOST_ROWS:
            return [(each, [_shots_of(part, self._pages(part.id, times)) for part in each.streams]) for each in group]
        found = self._by_stream(group, times)
        return [(each, [_shots_of(part, found.get(part.id, ())) for part in each.streams]) for each in group]

    def _at_once(self, group: Sequence[Series], times: range) -> Iterator[tuple[Series, list[ShotFacts]]]:
        """Each of a group with its shots in time order."""
        found = self._by_stream(group, times)
        for series in group:
            # In runs that are sorted, which is what `sorted` is good at.
            yield series, sorted(chain.from_iterable(found.get(part.id, ()) for part in series.streams))

    def _by_stream(self, group: Sequence[Series], times: range) -> dict[int, list[ShotFacts]]:
        """The shots of a group in one statement, those of each stream in time order; nothing for one that has none."""
        streams = [part.id for series in group for part in series.streams]
        found = self._asked(_OF_STREAMS, {"streams": streams, "since_ms": times.start, "until_ms": times.stop})
        return {stream_id: list(rows) for stream_id, rows in groupby(found, key=itemgetter(1))}

    def _merged(self, series: Series, times: range) -> Iterator[ShotFacts]:
        """The shots of a series that may be large in time order, a page of each part at a time."""
        return heapq.merge(*(self._pages(part.id, times) for part in series.streams))

    def _pages(self, stream_id: int, times: range) -> Iterator[ShotFacts]:
        rows = FIRST_ROWS
        asked = {"stream": stream_id, "since_ms": times.start, "until_ms": times.stop}
        while True:
            found = self._asked(_OF_STREAM, {**asked, "rows": rows})
            yield from found
            if len(found) < rows:
                return
            asked["since_ms"] = found[-1][0] + 1
            rows = min(2 * rows, MOST_ROWS)

    def _asked(self, query: Select[Any], values: Mapping[str, object]) -> Sequence[ShotFacts]:
        """Rows of `_shots`; of a tier, which few have, what the database changed in it is undone."""
        with self._connected() as connection, connection.execute(query, values) as result:
            assert result.cursor is not None  # noqa: S101 - a question has rows
            found: Sequence[ShotFacts] = result.cursor.fetchall()  # tuples: a `Row` costs as much as reading it
        meant = self._tier
        if meant is None:
            return found
        return [facts if facts[5] is None else (*facts[:5], meant(facts[5])) for facts in found]


def _times(period: TimeRange) -> range:
    """A period in milliseconds; where it is open, to the end of what names can say."""
    since_ms = MIN_MS if period.since_ms is None else period.since_ms
    return range(since_ms, MAX_MS + 1 if period.until_ms is None else period.until_ms)


def groups(every: Iterable[Series], *, most: int) -> Iterator[list[Series]]:
    """Neighbours that are few enough shots to be read at once; what is too large for that is a group of its own.

    The first group has at most so many shots, unless it is one series.
    """
    group: list[Series] = []
    shots = streams = 0
    for series in every:
        shots += series.most_shots
        streams += len(series.streams)
        if group and (shots > most or streams > _MOST_STREAMS):
            yield group
            most = min(2 * most, MOST_ROWS)
            group, shots, streams = [], series.most_shots, len(series.streams)
        group.append(series)
    if group:
        yield group


def _shots_of(part: StreamSummary, found: Iterable[ShotFacts]) -> Iterator[Shot]:
    return map(Shot, repeat(part), found)


def _told(series: Series, found: Iterable[ShotFacts]) -> Iterator[tuple[Shot, Position]]:
    parts = {part.id: part for part in series.streams}
    first_ms, session_id = series.place
    for row in found:
        yield Shot(parts[row[1]], row), Position(first_ms, session_id, row[0], row[1])
