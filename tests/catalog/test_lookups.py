"""What lookups answer, against the plain truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog import sessions as found_sessions
from indexer.catalog import shots as found_shots
from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import FIRST_ROWS, MOST_ROWS, PRESENT, STREAMS_OF_USER, Position
from indexer.errors import ConfigError
from indexer.jobs.lookup import Terms, shots_of_user, timelines_of_session
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, Shot, TimeRange
from indexer.storage.memory import MemoryStore
from tests.catalogs import Urls

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SIDS = ("a" * 32, "b" * 32, "c" * 32)


def name(sid: str, cname: str, uid: str, minute: int, bak: str = "") -> ScreenshotName:
    return ScreenshotName(ShotHead("d/", bak, sid, cname, uid), START + timedelta(minutes=minute))


shots = st.lists(
    st.builds(
        name,
        st.sampled_from(SIDS),
        st.sampled_from(["room", "hall"]),
        st.sampled_from(["1", "2"]),
        st.integers(0, 60),
        st.sampled_from(["", "bak0_"]),
    ),
    unique=True,
    max_size=60,
)
periods = st.tuples(st.one_of(st.none(), st.integers(-5, 65)), st.one_of(st.none(), st.integers(-5, 65))).map(
    lambda minutes: TimeRange(*(None if minute is None else START + timedelta(minutes=minute) for minute in minutes))
)

read_at_once = st.sampled_from([(1, 1), (2, 5), (FIRST_ROWS, MOST_ROWS)])


def filled(catalog_urls: Urls, names: list[ScreenshotName]) -> Catalog:
    store = MemoryStore()
    for each in names:
        store.put(key_of(each), b"x", content_type="image/jpeg")
    catalog = Catalog.open_to_write(catalog_urls(), now=START)
    sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: START))
    return catalog


def within(period: TimeRange, moment: datetime) -> bool:
    return (period.since is None or moment >= period.since) and (period.until is None or moment < period.until)


@settings(max_examples=30)
@given(names=shots, period=periods, sid=st.sampled_from([None, *SIDS]), page=st.integers(1, 5), rows=read_at_once)
def test_a_timeline_is_every_shot_of_the_period_once_in_order(
    catalog_urls: Urls,
    names: list[ScreenshotName],
    period: TimeRange,
    sid: str | None,
    page: int,
    rows: tuple[int, int],
) -> None:
    selection = Selection(sid=sid, cname="room", period=period)
    wanted = sorted(
        key_of(each)
        for each in names
        if each.head.uid == "1"
        and each.head.cname == "room"
        and within(period, each.captured_at)
        and sid in {None, each.head.sid}
    )
    with filled(catalog_urls, names) as catalog, pytest.MonkeyPatch.context() as patch:
        for constant, value in zip(("FIRST_ROWS", "MOST_ROWS"), rows, strict=True):
            patch.setattr(found_shots, constant, value)
        found = [shot for shot, _ in shots_of_user(catalog, "1", selection)]
        assert sorted(shot.key for shot in found) == wanted
        for one, other in pairwise(found):
            assert one.sid != other.sid or one.captured_at <= other.captured_at
        assert list(by_pages(catalog, selection, page)) == found


def by_pages(catalog: Catalog, selection: Selection, size: int) -> Iterator[Shot]:
    after: Position | None = None
    while True:
        for read, (shot, position) in enumerate(shots_of_user(catalog, "1", selection, after=after), start=1):
            yield shot
            if read == size:
                after = Position.from_string(str(position))
                break
        else:
            return


@settings(max_examples=20)
@given(names=shots, page=st.integers(1, 3))
def test_pages_of_sessions_and_users_hold_each_once(catalog_urls: Urls, names: list[ScreenshotName], page: int) -> None:
    with filled(catalog_urls, names) as catalog:
        sessions = list(catalog.sessions.every(Selection()))
        assert {(found.sid, found.cname) for found in sessions} == {(each.head.sid, each.head.cname) for each in names}
        assert [found.last_at for found in sessions] == sorted((found.last_at for found in sessions), reverse=True)
        assert sum(found.shots for found in sessions) == len(names)
        for found in sessions:
            own = [each for each in names if (each.head.sid, each.head.cname) == (found.sid, found.cname)]
            assert found.users == len({each.head.uid for each in own})
            assert found.failovers == len({each.head.bak_prefix for each in own} - {""})
            assert (found.first_at, found.last_at) == (
                min(each.captured_at for each in own),
                max(each.captured_at for each in own),
            )
        paged, after = [], None
        while part := list(catalog.sessions.every(Selection(), after=after, limit=page)):
            paged += part
            after = part[-1].position
        assert paged == sessions

        users = list(catalog.users.every(Selection()))
        assert [found.uid for found in users] == sorted({each.head.uid for each in names})
        assert sum(found.shots for found in users) == len(names)
        one_by_one = [user for known in users for user in catalog.users.every(Selection(uid=known.uid), limit=1)]
        assert one_by_one == users


def test_a_long_stream_is_found_from_its_middle(catalog_urls: Urls) -> None:
    """The end of a stream may lie far behind the period that is asked for."""
    names = [name(SIDS[0], "room", "1", minute) for minute in range(0, 3000, 10)]
    names += [name(SIDS[1], "room", "1", minute) for minute in (5, 6)]
    with filled(catalog_urls, names) as catalog:
        period = TimeRange(START + timedelta(minutes=4), START + timedelta(minutes=11))
        found = [shot.captured_at for shot, _ in shots_of_user(catalog, "1", Selection(period=period))]
        assert found == [START + timedelta(minutes=minute) for minute in (10, 5, 6)]


def test_a_lookup_reads_two_index_ranges_of_streams(tmp_path: Path) -> None:
    """Those that end in the period or soon behind it, and those that are long."""
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=START) as catalog, catalog.reading() as connection:
        asked = STREAMS_OF_USER.params(uid="1", since_ms=5, until_ms=9)
        text = asked.compile(connection, compile_kwargs={"literal_binds": True}).string
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert [step for step in plan if "stream" in step or "reaching" in step] == [
        "SEARCH stream USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH reaching USING COVERING INDEX ix_stream_uid_last_ms (uid=? AND last_ms>? AND last_ms<?)",
        "SEARCH reaching USING INDEX ix_stream_uid_span (uid=? AND <expr>>?)",
    ]


def test_the_sessions_of_a_user_are_found_without_reading_its_history(tmp_path: Path) -> None:
    """Those that end near the period, and of the long sessions those that reach into it."""
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=START) as catalog, catalog.reading() as connection:
        asked = PRESENT.params(uid="1", since_ms=5, until_ms=9)
        text = asked.compile(connection, compile_kwargs={"literal_binds": True}).string
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    steps = [step for step in plan if any(name in step for name in ("stream", "near", "lasting", "there"))]
    assert sorted(steps) == [
        "SEARCH lasting USING INDEX ix_session_span (<expr>>?)",
        "SEARCH near USING COVERING INDEX ix_stream_uid_last_ms (uid=? AND last_ms>? AND last_ms<?)",
        "SEARCH stream USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH there USING INDEX ix_stream_session_id (session_id=?)",
    ]


@contextmanager
def counted_selects() -> Iterator[list[str]]:
    """What is asked of databases meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.extend([statement] if statement.startswith("SELECT") else [])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_lookup_asks_twice_however_many_sessions_there_are(catalog_urls: Urls) -> None:
    day = [name(f"{number:032}", "room", "1", number) for number in range(30)]
    years = [name(f"{number:032}", "room", "1", -1_500 * number) for number in range(100, 200)]
    period = TimeRange(START, START + timedelta(minutes=30))
    for names in (day, day + years):
        with filled(catalog_urls, names) as catalog, counted_selects() as asked:
            assert len(list(shots_of_user(catalog, "1", Selection(period=period)))) == 30
        assert len(asked) == 2


def test_timelines_of_a_session_ask_as_often_for_many_users_as_for_one(catalog_urls: Urls) -> None:
    terms = Terms({}, timedelta(hours=24), START + timedelta(days=9))
    alone = [name(SIDS[0], "room", "1", minute) for minute in range(5)]
    others = [name(SIDS[0], "room", str(uid), minute) for uid in range(2, 20) for minute in range(5)]
    counts = []
    for names in (alone, alone + others):
        with filled(catalog_urls, names) as catalog, counted_selects() as asked:
            found = list(timelines_of_session(catalog, SIDS[0], "room", terms=terms))
        assert sum(timeline.shots for timeline in found) == len(names)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_first_page_reads_few_of_many_shots(catalog_urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_shots, "FIRST_ROWS", 4)
    names = [name(f"{number:032}", "room", "1", number) for number in range(40)]
    with filled(catalog_urls, names) as catalog, counted_selects() as asked:
        assert len(list(islice(shots_of_user(catalog, "1", Selection()), 4))) == 4
        assert len(asked) == 2
        assert len(list(shots_of_user(catalog, "1", Selection()))) == 40
        assert len(asked) == 2 + 1 + 4  # of 4, 8, 16 and the last 12


def test_a_session_that_grows_while_all_are_read_is_not_passed_over(
    catalog_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_sessions, "PAGE", 2)
    names = [name(f"{number:032}", "room", "1", number) for number in range(9)]
    with filled(catalog_urls, names) as catalog:
        every = catalog.sessions.every(Selection())
        found = [next(every).sid]
        store = MemoryStore()
        for each in [*names, name(names[2].head.sid, "room", "1", 100)]:
            store.put(key_of(each), b"x", content_type="image/jpeg")
        sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: START), wishes=Wishes(Mode.FULL))
        found += [session.sid for session in every]
        assert found == [each.head.sid for each in reversed(names)]


def test_overlapping_recorders_keep_both_shots_in_time_order(catalog_urls: Urls) -> None:
    names = [name(SIDS[0], "room", "1", minute) for minute in (0, 2, 4)]
    names += [name(SIDS[0], "room", "1", minute, "bak0_") for minute in (2, 3)]
    with filled(catalog_urls, names) as catalog:
        found = [(shot.captured_at.minute, shot.bak) for shot, _ in shots_of_user(catalog, "1", Selection())]
        assert found == [(0, None), (2, None), (2, 0), (3, 0), (4, None)]


def test_a_channel_is_found_by_the_name_that_file_names_may_fold(catalog_urls: Urls) -> None:
    with filled(catalog_urls, [name(SIDS[0], "a-b-c", "1", 0), name(SIDS[1], "a_b c", "1", 0)]) as catalog:
        assert [found.cname for found in catalog.sessions.every(Selection(cname="a_b.c"))] == ["a-b-c"]
        assert [found.cname for found in catalog.sessions.every(Selection(cname="a_b c"))] == ["a_b c"]


def test_channels_of_a_uid_are_told_apart(catalog_urls: Urls) -> None:
    names = [name(SIDS[0], "room", "1", 0), name(SIDS[1], "hall", "1", 5), name(SIDS[2], "hall", "1", 6)]
    with filled(catalog_urls, names) as catalog:
        found = [(user.cname, user.sessions, user.shots) for user in catalog.users.channels_of("1", Selection())]
        assert found == [("hall", 2, 2), ("room", 1, 1)]


@pytest.mark.parametrize("text", ["", "x", "1.2", "1.2.3.4.5", "1.2.3.x", "1..2.3"])
def test_a_position_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a position"):
        Position.from_string(text)
