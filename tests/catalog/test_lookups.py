"""What lookups answer, against the plain truth."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Position
from indexer.errors import ConfigError
from indexer.jobs.lookup import shots_of_user
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, Shot, TimeRange
from indexer.storage.memory import MemoryStore

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SIDS = ("a" * 32, "b" * 32, "c" * 32)
numbers = count()


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


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lookups") / "empty.db"
    Catalog.open_to_write(f"sqlite:///{path}", now=START).close()
    return path


def filled(empty: Path, names: list[ScreenshotName]) -> Catalog:
    store = MemoryStore()
    for each in names:
        store.put(key_of(each), b"x", content_type="image/jpeg")
    path = shutil.copy(empty, empty.with_name(f"{next(numbers)}.db"))
    catalog = Catalog.open_to_write(f"sqlite:///{path}", now=START)
    sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: START))
    return catalog


def within(period: TimeRange, moment: datetime) -> bool:
    return (period.since is None or moment >= period.since) and (period.until is None or moment < period.until)


@settings(max_examples=60, deadline=None)
@given(names=shots, period=periods, sid=st.sampled_from([None, *SIDS]), page=st.integers(1, 5))
def test_a_timeline_is_every_shot_of_the_period_once_in_order(
    empty: Path, names: list[ScreenshotName], period: TimeRange, sid: str | None, page: int
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
    with filled(empty, names) as catalog:
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


@settings(max_examples=40, deadline=None)
@given(names=shots, page=st.integers(1, 3))
def test_pages_of_sessions_and_users_hold_each_once(empty: Path, names: list[ScreenshotName], page: int) -> None:
    with filled(empty, names) as catalog:
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


def test_a_long_stream_is_found_from_its_middle(empty: Path) -> None:
    """The end of a stream may lie far behind the period that is asked for."""
    names = [name(SIDS[0], "room", "1", minute) for minute in range(0, 3000, 10)]
    names += [name(SIDS[1], "room", "1", minute) for minute in (5, 6)]
    with filled(empty, names) as catalog:
        period = TimeRange(START + timedelta(minutes=4), START + timedelta(minutes=11))
        found = [shot.captured_at for shot, _ in shots_of_user(catalog, "1", Selection(period=period))]
        assert found == [START + timedelta(minutes=minute) for minute in (10, 5, 6)]


def test_a_lookup_reads_an_index_range_of_streams(empty: Path) -> None:
    with filled(empty, []) as catalog, catalog.reading() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id FROM stream WHERE uid = '1' AND last_ms >= 5 AND last_ms < 9"
        ).all()
        assert "ix_stream_uid_last_ms (uid=? AND last_ms>? AND last_ms<?)" in plan[0].detail
        longest = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT last_ms - first_ms FROM stream WHERE uid = '1' "
            "ORDER BY last_ms - first_ms DESC LIMIT 1"
        ).all()
        assert [row.detail for row in longest] == ["SEARCH stream USING INDEX ix_stream_uid_span (uid=?)"]


def test_overlapping_recorders_keep_both_shots_in_time_order(empty: Path) -> None:
    names = [name(SIDS[0], "room", "1", minute) for minute in (0, 2, 4)]
    names += [name(SIDS[0], "room", "1", minute, "bak0_") for minute in (2, 3)]
    with filled(empty, names) as catalog:
        found = [(shot.captured_at.minute, shot.bak) for shot, _ in shots_of_user(catalog, "1", Selection())]
        assert found == [(0, None), (2, None), (2, 0), (3, 0), (4, None)]


def test_a_channel_is_found_by_the_name_that_file_names_may_fold(empty: Path) -> None:
    with filled(empty, [name(SIDS[0], "a-b-c", "1", 0), name(SIDS[1], "a_b c", "1", 0)]) as catalog:
        assert [found.cname for found in catalog.sessions.every(Selection(cname="a_b.c"))] == ["a-b-c"]
        assert [found.cname for found in catalog.sessions.every(Selection(cname="a_b c"))] == ["a_b c"]


def test_channels_of_a_uid_are_told_apart(empty: Path) -> None:
    names = [name(SIDS[0], "room", "1", 0), name(SIDS[1], "hall", "1", 5), name(SIDS[2], "hall", "1", 6)]
    with filled(empty, names) as catalog:
        found = [(user.cname, user.sessions, user.shots) for user in catalog.users.channels_of("1", Selection())]
        assert found == [("hall", 2, 2), ("room", 1, 1)]


@pytest.mark.parametrize("text", ["", "x", "1.2", "1.2.3.4.5", "1.2.3.x", "1..2.3"])
def test_a_position_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a position"):
        Position.from_string(text)
