"""What others of a session did, and where else a user was: the evidence that timelines are told by.

Every question is answered from the key of `shot`, by a step or two for each stream, however many shots lie between.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest, nsmallest
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, ScalarSelect, bindparam, case, func, select

from indexer.agora.facts import Fact, FactKind
from indexer.catalog.removals import removals_of
from indexer.catalog.schema import fact, removed, session, shot, source, stream, unit
from indexer.catalog.selecting import optional_time, stream_filter
from indexer.catalog.shots import reaching
from indexer.catalog.told import Told
from indexer.model import Selection, TimeRange, from_ms, to_ms
from indexer.timeline.gaps import WITNESSES, Removed, Witness
from indexer.timeline.series import SAMPLE, SURE, CaptureInterval, interval_of_session
from indexer.timeline.told import TOLERANCE_MS

_ASKED_AT_ONCE: Final = 32
"""Streams that one question asks about: of a session of hundreds, the first ones tell as much as all."""


class Reach(NamedTuple):
    """A stream of a session, and when it is."""

    uid: str
    id: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """A session as a whole."""

    first_at: datetime
    last_at: datetime
    """Also of shots that were removed since: what expires first is its beginning."""
    listed_at: datetime | None
    """Start of the last sync that listed something of it; None if all is known from lists of keys."""
    users: int
    """That have shots."""
    densest: timedelta | None
    """The shortest mean distance of two shots in any of its streams that has enough of them."""
    told_until: datetime | None = None
    """When the last callback told something of it beside pictures; None if none did."""
    backed_up: bool = False
    """A callback told that files of it wait in Agora's backup."""


class Elsewhere(NamedTuple):
    """A stream of a user in another channel."""

    stream_id: int
    cname: str
    first_at: datetime
    last_at: datetime


class _Silence(NamedTuple):
    """A stretch in which nobody of a session has a shot, with the shots beside it of the two users nearest to it."""

    before: list[tuple[int, str]]
    """When the last shot of a user was captured, and the uid; the latest one first."""
    after: list[tuple[int, str]]

    def holds(self, since_ms: int, until_ms: int) -> bool:
        """Whether all of [since, until) lies in it."""
        return all(ms < since_ms for ms, _ in self.before) and all(ms >= until_ms for ms, _ in self.after)


class Witnesses:
    """Asks for evidence, on a connection that is not given up in between."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._streams: dict[int, list[Reach]] = {}
        self._silences: dict[int, list[_Silence]] = {}

    def session(self, session_id: int) -> SessionFacts | None:
        """None if it is gone."""
        row = self._connection.execute(_FACTS, {"session": session_id}).one()
        if row.first_ms is None:
            return None
        first_ms, last_ms = row.first_ms, row.last_ms
        if row.first_removed_ms is not None:
            first_ms, last_ms = min(first_ms, row.first_removed_ms), max(last_ms, row.last_removed_ms)
        densest = None if row.densest_ms is None else timedelta(milliseconds=row.densest_ms)
        return SessionFacts(
            from_ms(first_ms),
            from_ms(last_ms),
            optional_time(row.listed_ms),
            row.users,
            densest,
            optional_time(row.told_ms),
            row.backed_up_ms is not None,
        )

    def interval(self, session_id: int) -> CaptureInterval | None:
        """The capture interval of a session, from the first shots of its largest streams."""
        found: dict[int, list[int]] = {}
        for stream_id, captured_ms in self._connection.execute(_TAKEN, {"session": session_id}):
            found.setdefault(stream_id, []).append(captured_ms)
        return interval_of_session(found.values())

    def removed(self, session_id: int, uids: Collection[str]) -> dict[str, list[Removed]]:
        """What was removed of the series of these users, of each in the order of the first shots."""
        found: dict[str, list[Removed]] = {uid: [] for uid in uids}
        for uid, run in removals_of(self._connection, session_id, uids):
            found[uid].append(Removed(from_ms(run.first_ms), from_ms(run.last_ms), run.shots))
        return found

    def streams(self, session_id: int) -> list[Reach]:
        """All streams of a session, by user: asked once, however many of its users are told of."""
        if session_id not in self._streams:
            found = self._connection.execute(_STREAMS, {"session": session_id})
            self._streams[session_id] = sorted(map(Reach._make, found))
        return self._streams[session_id]

    def silence(self, session_id: int, since_ms: int, until_ms: int) -> _Silence | None:
        """The silence of everybody that holds [since, until), if it is known: each user of a session asks for it."""
        known = self._silences.get(session_id, ()) if since_ms < until_ms else ()
        return next((each for each in known if each.holds(since_ms, until_ms)), None)

    def listen(self, session_id: int, since_ms: int, until_ms: int) -> _Silence | None:
        """The same, finding out."""
        asked = {"session": session_id, "since": since_ms, "until": since_ms}
        before: dict[str, int] = {}
        after: dict[str, int] = {}
        for uid, last, first in self._connection.execute(_BESIDE, asked):
            if last is not None:
                before[uid] = max(last, before.get(uid, last))
            if first is not None:
                after[uid] = min(first, after.get(uid, first))
        found = _Silence(
            nlargest(2, ((ms, uid) for uid, ms in before.items())),
            nsmallest(2, ((ms, uid) for uid, ms in after.items())),
        )
        if not found.holds(since_ms, until_ms):
            return None
        self._silences.setdefault(session_id, []).append(found)
        return found

    def told(self, sid: str, cname: str, uids: Collection[str], period: TimeRange) -> Told:
        """What callbacks told of these users of a session, most of it read at once."""
        return Told(self._connection, sid, cname, uids, period)

    def others(self, session_id: int, uid: str, told: Told | None = None) -> "Others":
        """Everybody in a session but one user, and what callbacks told."""
        return Others(self._connection, self, session_id, uid, told)

    def neighbours(self, streams: Collection[int], at: datetime) -> tuple[datetime | None, datetime | None]:
        """When the last shot of some streams was captured before a moment, and the first from it on."""
        at_ms = to_ms(at)  # a period may begin within a millisecond
        if from_ms(at_ms) < at:
            at_ms += 1
        asked = {"streams": list(streams), "since": at_ms, "until": at_ms}
        return _extremes(self._connection.execute(_NEIGHBOURS, asked))

    def elsewhere(
        self, uids: Collection[str], cname: str, since: datetime, until: datetime
    ) -> dict[str, list[Elsewhere]]:
        """The streams of these users in other channels whose bounds reach into [since, until], of each by channel.

        Only those are looked at that could, however long the history is.
        """
        found: dict[str, list[Elsewhere]] = {uid: [] for uid in uids}
        asked = {"uids": list(found), "cname": cname, "since_ms": to_ms(since), "until_ms": to_ms(until) + 1}
        for uid, stream_id, other, first_ms, last_ms in self._connection.execute(_ELSEWHERE, asked):
            found[uid].append(Elsewhere(stream_id, other, from_ms(first_ms), from_ms(last_ms)))
        return found

    def next_shots(self, streams: Collection[int], since: datetime) -> dict[int, datetime]:
        """When the first shot of each of these streams was captured from then on; all of them have one."""
        rows = self._connection.execute(_NEXT, {"streams": list(streams), "since": to_ms(since)})
        return {stream_id: from_ms(captured_ms) for stream_id, captured_ms in rows}

    def ends_around(self, uid: str, selection: Selection, at: datetime) -> list[datetime]:
        """When the last stream of a user ended before a moment, and when the first one began behind it.

        Only where no stream of the selection reaches over the moment these are the nearest shots.
        """
        found = (
            select(func.max(stream.c.last_ms)).where(stream.c.last_ms <= to_ms(at)),
            select(func.min(stream.c.first_ms)).where(stream.c.first_ms > to_ms(at)),
        )
        moments = []
        for query in found:
            joined = query.join(session, session.c.id == stream.c.session_id)
            joined = joined.join(source, source.c.id == stream.c.source_id)
            moments.append(self._connection.scalar(joined.where(stream.c.uid == uid, *stream_filter(selection))))
        return [from_ms(each) for each in moments if each is not None]


class Others:
    """Everybody in a session but one user, and what callbacks told: a `Testimony`."""

    def __init__(
        self, connection: Connection, asked: Witnesses, session_id: int, uid: str, callbacks: Told | None
    ) -> None:
        self._connection = connection
        self._asked = asked
        self._session_id = session_id
        self._uid = uid
        self._callbacks = callbacks

    def told(self, since: datetime, until: datetime) -> Sequence[Fact]:
        """What callbacks told of the user and of the session around [since, until], in time order."""
        if self._callbacks is None:
            return ()
        return self._callbacks.of(self._uid, to_ms(since) - TOLERANCE_MS, to_ms(until) + TOLERANCE_MS + 1)

    def others_inside(self, since: datetime, until: datetime) -> list[Witness]:
        """Other users with shots in [since, until), by uid, all their parts together; `WITNESSES` or all there are."""
        since_ms, until_ms = to_ms(since), to_ms(until)
        if self._asked.silence(self._session_id, since_ms, until_ms) is not None:
            return []
        others = (each for each in self._asked.streams(self._session_id) if each.uid != self._uid)
        reaching = [each for each in others if each.first_ms < until_ms and each.last_ms >= since_ms]
        found: dict[str, Witness] = {}
        for start in range(0, len(reaching), _ASKED_AT_ONCE):
            streams = [each.id for each in reaching[start : start + _ASKED_AT_ONCE]]
            asked = {"streams": streams, "since": since_ms, "until": until_ms}
            for row in self._connection.execute(_INSIDE, asked).all():
                if row.first is not None:
                    first_at, last_at = from_ms(row.first), from_ms(row.last)
                    known = found.get(row.uid)
                    if known is not None:
                        first_at, last_at = min(first_at, known.first_at), max(last_at, known.last_at)
                    found[row.uid] = Witness(row.uid, first_at, last_at)
            if len(found) >= WITNESSES:
                break
            if not found and not start and self._asked.listen(self._session_id, since_ms, until_ms) is not None:
                break
        return [found[uid] for uid in sorted(found)]

    def others_around(self, since: datetime, until: datetime) -> tuple[datetime | None, datetime | None]:
        """When anybody else was last seen before `since`, and first from `until` on."""
        since_ms, until_ms = to_ms(since), to_ms(until)
        silence = self._asked.silence(self._session_id, since_ms, until_ms)
        if silence is not None:
            last, first = (
                next((ms for ms, uid in beside if uid != self._uid), None) for beside in (silence.before, silence.after)
            )
            return optional_time(last), optional_time(first)
        asked = {"session": self._session_id, "uid": self._uid, "since": since_ms, "until": until_ms}
        return _extremes(self._connection.execute(_AROUND, asked).all())


def _extremes(rows: Iterable[Any]) -> tuple[datetime | None, datetime | None]:
    """The latest of the column `before` and the earliest of `after`."""
    found = [(row.before, row.after) for row in rows]
    return (
        optional_time(max((before for before, _ in found if before is not None), default=None)),
        optional_time(min((after for _, after in found if after is not None), default=None)),
    )


def _step(found: ColumnElement[int], *where: ColumnElement[bool]) -> ScalarSelect[int]:
    """One step in the key of `shot`, for the stream at hand."""
    return select(found).where(shot.c.stream_id == stream.c.id, *where).correlate(stream).scalar_subquery()


_FIRST: Final = func.min(shot.c.captured_ms)
_LAST: Final = func.max(shot.c.captured_ms)
_SINCE: Final = bindparam("since", type_=BigInteger)
_UNTIL: Final = bindparam("until", type_=BigInteger)
_FROM_SINCE: Final = shot.c.captured_ms >= _SINCE
_TO_UNTIL: Final = shot.c.captured_ms < _UNTIL
_OF_SESSION: Final = stream.c.session_id == bindparam("session")

_THESE: Final = stream.c.id.in_(bindparam("streams", expanding=True))
_STREAMS: Final = select(*(stream.c[name] for name in Reach._fields)).where(_OF_SESSION)
_INSIDE: Final = select(
    stream.c.uid,
    _step(_FIRST, _FROM_SINCE, _TO_UNTIL).label("first"),
    _step(_LAST, _FROM_SINCE, _TO_UNTIL).label("last"),
).where(_THESE)

_BEFORE_AND_AFTER: Final = select(
    _step(_LAST, shot.c.captured_ms < _SINCE).label("before"),
    _step(_FIRST, shot.c.captured_ms >= _UNTIL).label("after"),
)
_AROUND: Final = _BEFORE_AND_AFTER.select_from(stream).where(_OF_SESSION, stream.c.uid != bindparam("uid"))
_BESIDE: Final = (
    _BEFORE_AND_AFTER.with_only_columns(stream.c.uid, *_BEFORE_AND_AFTER.selected_columns)
    .select_from(stream)
    .where(_OF_SESSION)
)
_NEIGHBOURS: Final = _BEFORE_AND_AFTER.select_from(stream).where(_THESE)

_LARGEST: Final = select(stream.c.id).where(_OF_SESSION).order_by(stream.c.shots.desc(), stream.c.id).limit(3)
_TAKEN: Final = (
    select(shot.c.stream_id, shot.c.captured_ms)
    .where(shot.c.stream_id.in_(_LARGEST))
    .order_by(shot.c.stream_id, shot.c.captured_ms)
    .limit(SAMPLE)
)

_MEAN_MS: Final = (stream.c.last_ms - stream.c.first_ms) // (stream.c.shots - 1)
_IS_REMOVED_OF_SESSION: Final = removed.c.session_id == bindparam("session")
_OF_CALLBACKS: Final = (
    select(func.max(fact.c.at_ms))
    .join(session, (session.c.sid == fact.c.sid) & (session.c.cname == fact.c.cname))
    .where(session.c.id == bindparam("session"))
)
_IS_BACKED_UP: Final = (fact.c.uid == "") & (fact.c.kind == str(FactKind.BACKED_UP))
_FACTS: Final = (
    select(
        _OF_CALLBACKS.scalar_subquery().label("told_ms"),
        _OF_CALLBACKS.where(_IS_BACKED_UP).scalar_subquery().label("backed_up_ms"),
        select(func.min(removed.c.first_ms)).where(_IS_REMOVED_OF_SESSION).scalar_subquery().label("first_removed_ms"),
        select(func.max(removed.c.last_ms)).where(_IS_REMOVED_OF_SESSION).scalar_subquery().label("last_removed_ms"),
        func.max(session.c.first_ms).label("first_ms"),
        func.max(session.c.last_ms).label("last_ms"),
        func.max(unit.c.listed_ms).label("listed_ms"),
        func.count(stream.c.uid.distinct()).label("users"),
        func.min(case((stream.c.shots > SURE, _MEAN_MS))).label("densest_ms"),
    )
    .join(stream, stream.c.session_id == session.c.id)
    .join(unit, unit.c.id == stream.c.unit_id)
    .where(session.c.id == bindparam("session"))
)

_ELSEWHERE: Final = (
    select(stream.c.uid, stream.c.id, session.c.cname, stream.c.first_ms, stream.c.last_ms)
    .join(session, session.c.id == stream.c.session_id)
    .where(reaching(lambda uid: uid.in_(bindparam("uids", expanding=True))), session.c.cname != bindparam("cname"))
    .order_by(session.c.cname, stream.c.first_ms, stream.c.id)
)

_NEXT: Final = select(stream.c.id, _step(_FIRST, _FROM_SINCE)).where(_THESE)
