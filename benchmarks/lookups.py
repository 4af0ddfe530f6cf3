"""Catalogs of a long history in SQLite and PostgreSQL: their size, how fast they are written, and what lookups cost.

The peers, in the same run: the driver asked for the same rows of the same tables, and the naive table, one row a shot
with its key and the usual indexes.  What other things the machine does meanwhile slows some answers and not others, so
each is asked for twice in turn, and the quicker one counts.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.databases import NAIVE, Driver, Files, Place, server_place
from benchmarks.history import EVERYWHERE, History, Seat, stretches
from benchmarks.measuring import Figure, Scale, percentile
from benchmarks.sqlite import NOW
from benchmarks.world import DAY_MS
from indexer.catalog.catalog import Catalog
from indexer.catalog.listed import ListedStream
from indexer.catalog.rows import shot_key, unpack_etag
from indexer.jobs.lookup import Terms, shots_of_user, timelines_of_session
from indexer.model import Selection, TimeRange, from_ms

SHORTER: Final = 10
"""The history of the small catalog is so many times shorter than that of the large one."""
TIMES: Final = 2
_NIGHT: Final = 0.01
"""Share of the sessions that is new in the second sync."""
_TERMS: Final = Terms(intervals_s={}, horizon=timedelta(hours=24), now=NOW)
_WRITES_GOAL: Final = 150_000

_LARGE, _SMALL = "large", "small"

_LONGEST: Final = "SELECT last_ms - first_ms FROM stream WHERE uid = ? ORDER BY last_ms - first_ms DESC LIMIT 1"
_SHOTS: Final = (
    "SELECT stream.key_head, stream.directory, stream.bak, stream.uid, session.sid, session.cname, source.name, shot.*"
    " FROM stream JOIN session ON session.id = stream.session_id JOIN source ON source.id = stream.source_id"
    " JOIN shot ON shot.stream_id = stream.id"
    " WHERE stream.uid = ? AND stream.last_ms >= ? AND stream.last_ms < ? AND stream.first_ms < ?"
    " AND shot.captured_ms >= ? AND shot.captured_ms < ? ORDER BY session.first_ms, session.id, shot.captured_ms"
)
_SHOTS_OF_NAIVE: Final = (
    "SELECT * FROM shot WHERE uid = ? AND captured_ms >= ? AND captured_ms < ? ORDER BY captured_ms"
)
_SESSIONS: Final = (
    "SELECT session.*, (SELECT count(DISTINCT uid) FROM stream WHERE session_id = session.id),"
    " (SELECT count(DISTINCT bak) FROM stream WHERE session_id = session.id AND bak <> ''),"
    " (SELECT min(source.name) FROM stream JOIN source ON source.id = stream.source_id WHERE session_id = session.id),"
    " (SELECT sum(recording.objects) FROM recording WHERE recording.cname = session.cname AND"
    " recording.unit_id IN (SELECT unit_id FROM stream WHERE session_id = session.id))"
    " FROM session WHERE (last_ms, id) < (?, ?) ORDER BY last_ms DESC, id DESC LIMIT 50"
)
_SESSIONS_OF_NAIVE: Final = (
    "SELECT sid, cname, min(captured_ms), max(captured_ms), count(*), count(DISTINCT uid), sum(size) FROM shot"
    " GROUP BY sid, cname HAVING max(captured_ms) < ? ORDER BY max(captured_ms) DESC LIMIT 50"
)
_STREAMS: Final = (
    "SELECT stream.*, session.sid, session.cname, source.name FROM session"
    " JOIN stream ON stream.session_id = session.id JOIN source ON source.id = stream.source_id"
    " WHERE session.sid = ? ORDER BY stream.uid, stream.first_ms, stream.id"
)
_STREAMS_OF_NAIVE: Final = (
    "SELECT uid, substr(key, 1, length(key) - 21), min(captured_ms), max(captured_ms), count(*), sum(size) FROM shot"
    " WHERE sid = ? GROUP BY uid, substr(key, 1, length(key) - 21) ORDER BY uid"
)
_TIMES: Final = (
    "SELECT stream.uid, stream.bak, shot.captured_ms, shot.size, shot.etag, shot.modified_lag_s FROM session"
    " JOIN stream ON stream.session_id = session.id JOIN shot ON shot.stream_id = stream.id"
    " WHERE session.sid = ? ORDER BY stream.uid, shot.captured_ms"
)
_TIMES_OF_NAIVE: Final = (
    "SELECT uid, captured_ms, size, etag, modified_s FROM shot WHERE sid = ? ORDER BY uid, captured_ms"
)


def measure(scale: Scale) -> Iterator[Figure]:
    """Bytes a shot, shots a second, milliseconds a lookup."""
    history = History(scale.history_shots)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        yield from measured(Files(Path(name)), history, scale)
    with server_place() as place:
        yield from measured(place, history, scale)


def measured(place: Place, history: History, scale: Scale) -> Iterator[Figure]:
    """The figures of one kind of database."""
    what = f"{place.name}, {history.shots:,} shots"
    size, first_s, night_s = _fill(place, _LARGE, history)
    _fill(place, _SMALL, History(scale.history_shots // SHORTER))
    naive_s = _fill_naive(place, history)
    naive = place.naive_bytes()
    yield Figure(f"{what}: on disk", "B/shot", size / history.shots, place.bound, "bound")
    yield Figure(f"{what}: on disk", "B/shot", size / history.shots, naive / history.shots, "naive table")
    yield Figure(f"{what}: first sync, streams ready made", "shots/s", first_s, naive_s, "naive table, rows ready made")
    if place.bound > Files.bound:
        yield Figure(f"{what}: first sync, streams ready made", "shots/s", first_s, _WRITES_GOAL, "goal")
    yield Figure(f"{what}: second sync, {1 - _NIGHT:.0%} unchanged", "shots/s", night_s)
    asked = Questions(history, random.Random(3), scale.lookups)
    with (
        Catalog.open_to_read(place.url(_LARGE)) as catalog,
        place.driver(_LARGE) as driver,
        place.driver(NAIVE) as naive_driver,
    ):
        for question in asked.every():
            yield from _compared(f"{place.name}: {question.what}", question, catalog, driver, naive_driver)
        with Catalog.open_to_read(place.url(_SMALL)) as small:
            for question in asked.recent(History(scale.history_shots // SHORTER)):
                ways = (_bound(question.of_catalog, catalog), _bound(question.of_catalog, small))
                rows, (ours, before) = _took(question.asks, ways)
                told = f"{place.name}: {question.what} ({rows} rows)"
                for share, name in _SHARES:
                    peer = f"ours, a history {SHORTER} times shorter"
                    yield Figure(f"{told}, {name}", "ms", percentile(ours, share), percentile(before, share), peer)


# Filling.


def _fill(place: Place, name: str, history: History) -> tuple[int, float, float]:
    """Sync twice, the latest sessions in the second run: bytes on disk, and shots a second of each."""
    new = int(len(history.seats) * _NIGHT) + 1
    with Catalog.open_to_write(place.url(name), now=NOW) as catalog:
        first_s = _synced(catalog, history.seats[new:])
        place.settle(name)
        night_s = _synced(catalog, history.seats)
        place.settle(name)
        return catalog.size_bytes(), first_s, night_s


def _synced(catalog: Catalog, seats: list[Seat]) -> float:
    """Shots a second of a sync that has them all listed."""
    source = catalog.add_source("bench", "memory://bench/")
    run = catalog.begin_run(source, mode="full", now=NOW)
    took = 0.0
    with catalog.writer(source) as writer:
        for stretch in stretches(seats):
            start = time.perf_counter()
            writer.apply(stretch)
            took += time.perf_counter() - start
        start = time.perf_counter()
        writer.conclude(whole=True, horizon_ms=0)
        took += time.perf_counter() - start
    assert writer.changes.gone == 0
    catalog.end_run(run, mode="full", outcome="done", message=None, requests={}, counts={}, now=NOW)
    return sum(seat.shots for seat in seats) / took


def _fill_naive(place: Place, history: History) -> float:
    """Shots a second."""
    place.make_naive()
    took = 0.0
    with place.driver(NAIVE) as driver:
        for stretch in stretches(history.seats):
            rows = [row for stream in stretch.streams for row in _naive_rows(stream)]
            start = time.perf_counter()
            driver.insert(rows)
            took += time.perf_counter() - start
    place.settle(NAIVE)
    return history.shots / took


def _naive_rows(stream: ListedStream) -> Iterator[tuple[Any, ...]]:
    head = stream.head
    for row in stream.rows():
        key, modified_s = shot_key(stream.key_head, row.captured_ms), row.captured_ms // 1000 + row.modified_lag_s
        yield key, head.sid, head.cname, head.uid, row.captured_ms, row.size, unpack_etag(row.etag), modified_s


# Asking.

Ask = tuple[Any, ...]
_SHARES: Final = ((0.5, "p50"), (0.95, "p95"))


@dataclass(frozen=True, slots=True)
class Question:
    """One question, asked many times; each way answers with a number of rows."""

    what: str
    asks: list[Ask]
    of_catalog: Callable[..., int]
    of_driver: Callable[..., int]
    of_naive: Callable[..., int]
    naive_asks: int | None = None
    """As often as the naive table is asked, where it takes seconds."""


class Questions:
    """What is asked of a history."""

    def __init__(self, history: History, chance: random.Random, count: int) -> None:
        self._history = history
        self._chance = chance
        self._count = count

    def every(self) -> Iterator[Question]:
        seats = self._history.seats
        users = [seat for seat in seats if seat.head.uid != EVERYWHERE]
        everywhere = [seat for seat in seats if seat.head.uid == EVERYWHERE]
        yield _timeline("one user, a day", self._days(users))
        yield _timeline("one user, 30 days", self._days(users, 30))
        yield _timeline("one user, the first 200 of 30 days", self._days(users, 30), limit=200)
        yield _timeline("the uid of every session, a day", self._days(everywhere))
        chosen = [
            (seat.head.sid, seat.head.cname, seat.first_ms) for seat in self._chance.choices(seats, k=self._count)
        ]
        yield Question("a page of 50 sessions", chosen, _sessions, _raw_sessions, _naive_sessions, naive_asks=1)
        yield Question("the streams of a session", chosen, _streams, _raw_streams, _naive_streams)
        yield Question("the gaps of a session", chosen, _gaps, _raw_gaps, _naive_gaps)

    def recent(self, shorter: History) -> Iterator[Question]:
        """What has the same answer in a shorter history."""
        # Of its first day, the longer one knows more.
        whole_ms = min(seat.first_ms for seat in shorter.seats) + DAY_MS + 3_600_000
        seats = [seat for seat in shorter.seats if seat.first_ms >= whole_ms]
        if seats:
            yield _timeline("one of the latest days of one user", self._days(seats))
            everywhere = [seat for seat in seats if seat.head.uid == EVERYWHERE]
            yield _timeline("one of the latest days of the uid of every session", self._days(everywhere))

    def _days(self, seats: list[Seat], days: int = 1) -> list[Ask]:
        found = self._chance.choices(seats, k=self._count)
        starts = [(seat.head.uid, seat.first_ms // DAY_MS * DAY_MS) for seat in found]
        return [(uid, since_ms, since_ms + days * DAY_MS) for uid, since_ms in starts]


def _compared(what: str, question: Question, catalog: Catalog, driver: Driver, naive: Driver) -> Iterator[Figure]:
    ways = (_bound(question.of_catalog, catalog), _bound(question.of_driver, driver))
    rows, (ours, direct) = _took(question.asks, ways)
    some = question.asks[: question.naive_asks]
    _, (of_naive,) = _took(some, (_bound(question.of_naive, naive),))
    for share, name in _SHARES:
        told = f"{what} ({rows} rows), {name}"
        yield Figure(told, "ms", percentile(ours, share), percentile(direct, share), "raw query, same tables, tuples")
        yield Figure(told, "ms", percentile(ours, share), percentile(of_naive, share), "raw query, naive table, tuples")


def _bound(way: Callable[..., int], whom: Catalog | Driver) -> Callable[[Ask], int]:
    return lambda ask: way(whom, *ask)


def _took(asks: Iterable[Ask], ways: tuple[Callable[[Ask], int], ...]) -> tuple[int, tuple[list[float], ...]]:
    """Rows of the mean answer, and the milliseconds of each by each way."""
    took: tuple[list[float], ...] = tuple([] for _ in ways)
    counts: list[int] = []
    for ask in asks:
        quickest = [float("inf")] * len(ways)
        for _ in range(TIMES):
            answers = set()
            for number, way in enumerate(ways):
                start = time.perf_counter()
                answers.add(way(ask))
                quickest[number] = min(quickest[number], (time.perf_counter() - start) * 1000)
            assert len(answers) == 1, answers
        counts.append(answers.pop())
        for into, ms in zip(took, quickest, strict=True):
            into.append(ms)
    return sum(counts) // len(counts), took


def _timeline(what: str, asks: list[Ask], *, limit: int | None = None) -> Question:
    cut = "" if limit is None else f" LIMIT {limit}"

    def of_catalog(catalog: Catalog, uid: str, since_ms: int, until_ms: int) -> int:
        selection = Selection(uid=uid, period=TimeRange(from_ms(since_ms), from_ms(until_ms)))
        return len(list(islice(shots_of_user(catalog, uid, selection), limit)))

    def of_driver(driver: Driver, uid: str, since_ms: int, until_ms: int) -> int:
        ((longest,),) = driver.ask(_LONGEST, (uid,)) or ((0,),)
        bounds = (uid, since_ms, until_ms + longest, until_ms, since_ms, until_ms)
        return len(driver.ask(_SHOTS + cut, bounds))

    def of_naive(driver: Driver, uid: str, since_ms: int, until_ms: int) -> int:
        return len(driver.ask(_SHOTS_OF_NAIVE + cut, (uid, since_ms, until_ms)))

    return Question(what, asks, of_catalog, of_driver, of_naive)


def _sessions(catalog: Catalog, _sid: str, _cname: str, before_ms: int) -> int:
    return len(list(catalog.sessions.every(Selection(), after=f"{before_ms}.0", limit=50)))


def _raw_sessions(driver: Driver, _sid: str, _cname: str, before_ms: int) -> int:
    return len(driver.ask(_SESSIONS, (before_ms, 0)))


def _naive_sessions(driver: Driver, _sid: str, _cname: str, before_ms: int) -> int:
    return len(driver.ask(_SESSIONS_OF_NAIVE, (before_ms,)))


def _streams(catalog: Catalog, sid: str, cname: str, _before_ms: int) -> int:
    return len(catalog.sessions.streams(sid, cname=cname))


def _raw_streams(driver: Driver, sid: str, _cname: str, _before_ms: int) -> int:
    return len(driver.ask(_STREAMS, (sid,)))


def _naive_streams(driver: Driver, sid: str, _cname: str, _before_ms: int) -> int:
    return len(driver.ask(_STREAMS_OF_NAIVE, (sid,)))


def _gaps(catalog: Catalog, sid: str, cname: str, _before_ms: int) -> int:
    return sum(found.shots for found in timelines_of_session(catalog, sid, cname, terms=_TERMS))


def _raw_gaps(driver: Driver, sid: str, _cname: str, _before_ms: int) -> int:
    return len(driver.ask(_TIMES, (sid,)))


def _naive_gaps(driver: Driver, sid: str, _cname: str, _before_ms: int) -> int:
    return len(driver.ask(_TIMES_OF_NAIVE, (sid,)))
