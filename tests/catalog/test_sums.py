"""Sums by day, channel and user equal what one counts shot by shot."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.sums import person_of
from indexer.errors import ConfigError
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, TimeRange
from indexer.storage.memory import MemoryStore
from tests.catalogs import Urls, opened

MIDNIGHT = datetime(2026, 10, 25, tzinfo=UTC)
"""In the night in which clocks of Europe go back."""
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati")
]
NOW = datetime(2026, 11, 5, tzinfo=UTC)
numbers = count()


class Truth(NamedTuple):
    """What a shot's name says."""

    cname: str
    sid: str
    uid: str
    at: datetime


truths = st.lists(
    st.builds(
        Truth,
        st.sampled_from(["room", "hall", "a b"]),
        st.sampled_from(["a" * 32, "b" * 32]),
        st.sampled_from(["1", "2", "10"]),
        st.integers(-40, 40).map(lambda hours: MIDNIGHT + timedelta(hours=hours, minutes=30)),
    ),
    unique=True,
    max_size=40,
)
moments = st.one_of(st.none(), st.integers(-45, 45).map(lambda hours: MIDNIGHT + timedelta(hours=hours)))
selections = st.builds(
    Selection,
    cname=st.sampled_from([None, None, "room", "a b"]),
    uid=st.sampled_from([None, None, "1"]),
    period=st.builds(TimeRange, moments, moments),
)


@pytest.fixture(scope="module")
def catalog(catalog_urls: Urls) -> Iterator[Catalog]:
    with opened(catalog_urls) as made:
        yield made


def fill(catalog: Catalog, found: list[Truth]) -> str:
    """Put these shots, of sizes 1, 2, ..., into a source of their own; its name."""
    store = MemoryStore()
    for size, truth in enumerate(found, 1):
        head = ShotHead("", "", truth.sid, truth.cname, truth.uid)
        store.put(key_of(ScreenshotName(head, truth.at)), b"x" * size, content_type="image/jpeg")
    name = f"source-{next(numbers)}"
    sync(Access(store, ""), catalog, name, watch=Watch(now=lambda: NOW))
    return name


def in_words(source: str, selection: Selection) -> Selection:
    return Selection(source, selection.cname, None, selection.uid, selection.period)


def is_meant(selection: Selection, truth: Truth) -> bool:
    since, until = selection.period.since, selection.period.until
    return (
        selection.cname in {None, truth.cname}
        and selection.uid in {None, truth.uid}
        and (since is None or truth.at >= since)
        and (until is None or truth.at < until)
    )


def counted(
    found: list[Truth], selection: Selection, key: Callable[[Truth], object]
) -> dict[object, tuple[int, int, int, int, datetime, datetime]]:
    groups: dict[object, list[tuple[int, Truth]]] = defaultdict(list)
    for size, truth in enumerate(found, 1):
        if is_meant(selection, truth):
            groups[key(truth)].append((size, truth))
    return {
        of: (
            len(group),
            sum(size for size, _ in group),
            len({(truth.cname, truth.sid) for _, truth in group}),
            len({(truth.cname, truth.uid) for _, truth in group}),
            min(truth.at for _, truth in group),
            max(truth.at for _, truth in group),
        )
        for of, group in groups.items()
    }


@settings(max_examples=15)
@given(truths, selections, st.sampled_from(ZONES))
def test_sums_equal_what_is_counted(catalog: Catalog, found: list[Truth], selection: Selection, zone: ZoneInfo) -> None:
    meant = in_words(fill(catalog, found), selection)
    sums = catalog.sums
    days = list(sums.by_day(meant, zone))
    assert [day.day for day in days] == sorted({day.day for day in days}, reverse=True)
    assert {
        day.day: (day.shots, day.bytes, day.sessions, day.users, day.first_at, day.last_at) for day in days
    } == counted(found, selection, lambda truth: truth.at.astimezone(zone).date())
    channels = list(sums.by_channel(meant))
    assert [channel.cname for channel in channels] == sorted({channel.cname for channel in channels})
    assert {
        of.cname: (of.shots, of.bytes, of.sessions, of.users, of.first_at, of.last_at) for of in channels
    } == counted(found, selection, lambda truth: truth.cname)
    users = list(sums.by_user(meant))
    assert [(user.cname, user.uid) for user in users] == sorted({(user.cname, user.uid) for user in users})
    assert {
        (of.cname, of.uid): (of.shots, of.bytes, of.sessions, 1, of.first_at, of.last_at) for of in users
    } == counted(found, selection, lambda truth: (truth.cname, truth.uid))


def test_a_day_is_counted_once_where_clocks_go_back_over_midnight(catalog: Catalog) -> None:
    """In Newfoundland of 2010 they went back at 00:01: the 6th, a minute of the 7th, the 6th again."""
    back = datetime(2010, 11, 7, 2, 31, tzinfo=UTC)
    times = [back + timedelta(seconds=seconds) for seconds in (-61, -60, -1, 0, 3539, 3540)]
    name = fill(catalog, [Truth("room", "c" * 32, "1", at) for at in times])
    days = list(catalog.sums.by_day(Selection(source=name), ZoneInfo("America/St_Johns")))
    assert [(day.day, day.shots) for day in days] == [(date(2010, 11, 7), 3), (date(2010, 11, 6), 3)]


def test_times_of_no_clock_have_days_of_utc(catalog: Catalog) -> None:
    ends = [datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)]
    last = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    name = fill(catalog, [Truth("room", "d" * 32, "1", at) for at in [*ends, last]])
    for zone in ZONES[:2]:
        days = list(catalog.sums.by_day(Selection(source=name), zone))
        assert [day.day for day in days] == [moment.date() for moment in (last, *reversed(ends))]


def test_pages_go_on_behind_the_last_one_seen(catalog: Catalog) -> None:
    found = [Truth(cname, "a" * 32, uid, MIDNIGHT) for cname in ("b", "a") for uid in ("1", "2")]
    later = [truth._replace(at=MIDNIGHT + timedelta(days=1)) for truth in found]
    meant = Selection(source=fill(catalog, found + later))
    sums = catalog.sums
    first = list(sums.by_user(meant, limit=3))
    rest = list(sums.by_user(meant, after=(first[-1].cname, first[-1].uid)))
    assert [(user.cname, user.uid) for user in first + rest] == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    assert [channel.cname for channel in sums.by_channel(meant, after="a")] == ["b"]
    utc = ZoneInfo("UTC")
    assert [day.day.day for day in sums.by_day(meant, utc, limit=1)] == [26]
    assert [day.day.day for day in sums.by_day(meant, utc, after=date(2026, 10, 26))] == [25]


def test_a_position_among_users_is_channel_and_uid() -> None:
    assert person_of("math-101/7") == ("math-101", "7")
    with pytest.raises(ConfigError, match="--after '7' is not a position; write a channel and a uid"):
        person_of("7")


def test_only_streams_that_cross_a_border_are_read_shot_by_shot(in_sqlite: Urls) -> None:
    """Whoever plans the statement must not read all shots to find those of a few streams."""
    asked: list[tuple[str, Any]] = []
    with opened(in_sqlite) as catalog:
        fill(catalog, [Truth("room", "a" * 32, "1", MIDNIGHT)])
        event.listen(catalog._engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        list(catalog.sums.by_channel(Selection(period=TimeRange(MIDNIGHT, None))))
        statement, parameters = next(each for each in asked if "shot" in each[0])
        with catalog.reading() as connection:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    (step,) = (step for step in plan if "shot" in step)
    assert step.startswith("SEARCH shot USING PRIMARY KEY (stream_id=? AND")
