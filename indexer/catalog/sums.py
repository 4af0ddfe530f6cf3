"""Questions about how much there is: by day, by channel, by user.

Whatever lies wholly within a day, or within the asked period, is summed from the rows of streams; only of a stream that
crosses a border are shots read.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Integer,
    Row,
    Select,
    and_,
    case,
    distinct,
    func,
    literal,
    not_,
    select,
    union_all,
)

from indexer.catalog.schema import session, shot, source, stream
from indexer.catalog.selecting import PAGE, stream_filter
from indexer.errors import ConfigError
from indexer.model import Selection, TimeRange, from_ms, to_ms


@dataclass(frozen=True, slots=True)
class DaySums:
    """What was captured on one day."""

    day: date
    shots: int
    bytes: int
    sessions: int
    users: int
    """Distinct pairs of channel and uid."""
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelSums:
    """What was captured in one channel."""

    cname: str
    shots: int
    bytes: int
    sessions: int
    users: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class UserSums:
    """What was captured of one user of one channel."""

    cname: str
    uid: str
    shots: int
    bytes: int
    sessions: int
    first_at: datetime
    last_at: datetime


class Sums:
    """Asks for sums; changes nothing.

    Answers come as they are read: close a generator that is not read to its end.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_day(
        self, selection: Selection, zone: ZoneInfo, *, after: date | None = None, limit: int | None = None
    ) -> Generator[DaySums, None, None]:
        """The days of a zone on which something was captured, the latest first.  `after` is the last one seen.

        Before 1970 and from 2100 on, which no clock of a recorder says, days are those of UTC.
        """
        span = self._span(selection.period)
        if span is None:
            return
        pieces = _pieces(selection, _Days(zone, *span)).subquery()
        query = _summed(pieces, pieces.c.day).order_by(pieces.c.day.desc())
        if after is not None:
            query = query.where(pieces.c.day < after.toordinal())
        for row in self._rows(query, limit):
            yield DaySums(
                date.fromordinal(row.day),
                int(row.shots),
                int(row.bytes),
                row.sessions,
                row.users,
                from_ms(row.first_ms),
                from_ms(row.last_ms),
            )

    def by_channel(
        self, selection: Selection, *, after: str | None = None, limit: int | None = None
    ) -> Generator[ChannelSums, None, None]:
        """The channels, in byte order of their names.  `after` is the last one seen."""
        pieces = _pieces(selection, None).subquery()
        query = _summed(pieces, pieces.c.cname).order_by(pieces.c.cname)
        if after is not None:
            query = query.where(pieces.c.cname > after)
        for row in self._rows(query, limit):
            yield ChannelSums(
                row.cname,
                int(row.shots),
                int(row.bytes),
                row.sessions,
                row.users,
                from_ms(row.first_ms),
                from_ms(row.last_ms),
            )

    def by_user(
        self, selection: Selection, *, after: tuple[str, str] | None = None, limit: int | None = None
    ) -> Generator[UserSums, None, None]:
        """The users of each channel, in byte order of channel and uid.  `after` is the last channel and uid seen."""
        pieces = _pieces(selection, None).subquery()
        query = _summed(pieces, pieces.c.cname, pieces.c.uid).order_by(pieces.c.cname, pieces.c.uid)
        if after is not None:
            cname, uid = after
            query = query.where((pieces.c.cname > cname) | and_(pieces.c.cname == cname, pieces.c.uid > uid))
        for row in self._rows(query, limit):
            yield UserSums(
                row.cname,
                row.uid,
                int(row.shots),
                int(row.bytes),
                row.sessions,
                from_ms(row.first_ms),
                from_ms(row.last_ms),
            )

    def _span(self, period: TimeRange) -> tuple[int, int] | None:
        """First and last millisecond of the period in which there is anything; None if there is nothing at all."""
        query = select(func.min(session.c.first_ms), func.max(session.c.last_ms))
        with self._engine.connect() as connection:
            first_ms, last_ms = connection.execute(query).one()
        if first_ms is None:
            return None
        first_ms = first_ms if period.since_ms is None else max(first_ms, period.since_ms)
        return first_ms, max(first_ms, last_ms if period.until_ms is None else min(last_ms, period.until_ms))

    def _rows(self, query: Select[Any], limit: int | None) -> Generator[Row[Any], None, None]:
        # One statement, read as it goes: pages would sum everything up for each page.
        with self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=PAGE).execute(query.limit(limit))


def _summed(pieces: Any, *keys: ColumnElement[Any]) -> Select[Any]:  # a subquery of `_pieces`
    # Neither a channel nor a uid holds a "/", so the pair is one text; only PostgreSQL could count pairs.
    person = pieces.c.cname + "/" + pieces.c.uid
    return select(
        *keys,
        func.sum(pieces.c.shots).label("shots"),
        func.sum(pieces.c.bytes).label("bytes"),
        func.count(distinct(pieces.c.session_id)).label("sessions"),
        func.count(distinct(person)).label("users"),
        func.min(pieces.c.first_ms).label("first_ms"),
        func.max(pieces.c.last_ms).label("last_ms"),
    ).group_by(*keys)


def _pieces(selection: Selection, days: "_Days | None") -> Any:  # a union, of which typing knows no columns
    """Sums that add up to the selection: of whole streams, and of what a stream that crosses a border has on a day."""
    period = selection.period
    whole: list[ColumnElement[bool]] = []
    touched: list[ColumnElement[bool]] = []
    inside: list[ColumnElement[bool]] = []
    if period.since_ms is not None:
        whole.append(stream.c.first_ms >= period.since_ms)
        touched.append(stream.c.last_ms >= period.since_ms)
        inside.append(shot.c.captured_ms >= period.since_ms)
    if period.until_ms is not None:
        whole.append(stream.c.last_ms < period.until_ms)
        touched.append(stream.c.first_ms < period.until_ms)
        inside.append(shot.c.captured_ms < period.until_ms)
    if days is not None:
        whole.append(days.day(stream.c.first_ms) == days.day(stream.c.last_ms))
        # Where clocks go back at midnight, a day can come twice.
        whole.append(days.offset(stream.c.first_ms) == days.offset(stream.c.last_ms))
    first_day, its_day = (
        literal(0, Integer) if days is None else days.day(moment) for moment in (stream.c.first_ms, shot.c.captured_ms)
    )
    streams = (
        select(
            stream.c.id,
            stream.c.session_id,
            session.c.cname,
            stream.c.uid,
            first_day.label("day"),
            stream.c.shots,
            stream.c.bytes,
            stream.c.first_ms,
            stream.c.last_ms,
        )
        .join(session, session.c.id == stream.c.session_id)
        .join(source, source.c.id == stream.c.source_id)
        .where(*stream_filter(selection), *touched)
    )
    if not whole:
        return streams
    crossing = streams.where(not_(and_(*whole))).subquery()
    shots = (
        select(shot.c.stream_id, its_day.label("day"), shot.c.captured_ms, shot.c.size)
        # Named so, their ids are looked up in the key of the shots; joined, all shots could be read.
        .where(shot.c.stream_id.in_(select(crossing.c.id)), *inside)
        .subquery()
    )
    days_of_streams = (
        select(
            shots.c.stream_id,
            shots.c.day,
            func.count().label("shots"),
            func.sum(shots.c.size).label("bytes"),
            func.min(shots.c.captured_ms).label("first_ms"),
            func.max(shots.c.captured_ms).label("last_ms"),
        )
        .group_by(shots.c.stream_id, shots.c.day)
        .subquery()
    )
    parts = (
        select(
            days_of_streams.c.stream_id,
            stream.c.session_id,
            session.c.cname,
            stream.c.uid,
            days_of_streams.c.day,
            days_of_streams.c.shots,
            days_of_streams.c.bytes,
            days_of_streams.c.first_ms,
            days_of_streams.c.last_ms,
        )
        .join(stream, stream.c.id == days_of_streams.c.stream_id)
        .join(session, session.c.id == stream.c.session_id)
    )
    return union_all(streams.where(*whole), parts)


_DAY_MS: Final = 86_400_000
_ORDINAL_OF_1970: Final = date(1970, 1, 1).toordinal()
_FIRST_MS: Final = 0
_BEHIND_MS: Final = to_ms(datetime(2100, 1, 1, tzinfo=UTC))
_STEP_MS: Final = 7 * _DAY_MS
"""No zone changes its offset and back within a week."""


class _Days:
    """The days of a time zone, in SQL that every database has, for moments from `first_ms` to `last_ms`."""

    def __init__(self, zone: ZoneInfo, first_ms: int, last_ms: int) -> None:
        self._offsets = list(_offsets(zone, first_ms, last_ms))

    def offset(self, moment: ColumnElement[int]) -> ColumnElement[int]:
        """Milliseconds by which the zone is ahead of UTC then."""
        *earlier, (_, last) = self._offsets
        steps = [(moment < until_ms, literal(offset_ms, BigInteger)) for until_ms, offset_ms in earlier]
        return case(*steps, else_=literal(last, BigInteger)) if steps else literal(last, BigInteger)

    def day(self, moment: ColumnElement[int]) -> ColumnElement[int]:
        """The ordinal number of the day."""
        # Counted from the year 1, because databases do not agree on how numbers below zero are divided.
        shift_ms = _ORDINAL_OF_1970 * _DAY_MS
        return (moment + self.offset(moment) + literal(shift_ms, BigInteger)) // literal(_DAY_MS, BigInteger)


def _offsets(zone: ZoneInfo, first_ms: int, last_ms: int) -> Iterator[tuple[int, int]]:
    """Up to which millisecond an offset (in milliseconds) holds, in time order; the last one holds to the end."""

    def offset_at(moment_ms: int) -> int:
        if not _FIRST_MS <= moment_ms < _BEHIND_MS:
            return 0
        return (from_ms(moment_ms).astimezone(zone).utcoffset() or timedelta(0)) // timedelta(milliseconds=1)

    weeks = range(max(first_ms, _FIRST_MS), min(last_ms, _BEHIND_MS), _STEP_MS)
    ends = {end for end in (_FIRST_MS - 1, _FIRST_MS, _BEHIND_MS - 1, _BEHIND_MS) if first_ms < end < last_ms}
    for earlier, later in pairwise(sorted({first_ms, *weeks, *ends, last_ms})):
        if offset_at(earlier) != offset_at(later):
            before, until = earlier, later
            while until - before > 1:
                middle = (before + until) // 2
                before, until = (middle, until) if offset_at(middle) == offset_at(earlier) else (before, middle)
            yield until, offset_at(earlier)
    yield last_ms, offset_at(last_ms)


def person_of(position: str) -> tuple[str, str]:
    """The channel and uid that `--after` of a listing of users says, `channel/uid`.  Raises `ConfigError`."""
    cname, slash, uid = position.rpartition("/")
    if not slash:
        raise ConfigError(f"--after {position!r} is not a position; write a channel and a uid, such as math-101/7")
    return cname, uid
