"""Timelines from a catalog: periods, parts, what has expired, other channels; the nearest shot, and samples."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog import shots as found_shots
from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Position
from indexer.jobs import lookup
from indexer.jobs.elsewhere import with_concurrent
from indexer.jobs.lookup import Terms, nearest_shot, sampled, shots_of_user, timelines, timelines_of_session
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import EPOCH, Selection, Shot, TimeRange
from indexer.storage.memory import MemoryStore
from indexer.timeline.figures import Timeline
from indexer.timeline.gaps import Cause
from indexer.timeline.series import Origin
from tests.catalog.test_lookups import counted_selects

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
SID = "1cd3d60b784382f12ce30fa615421852"
HORIZON = timedelta(hours=96)
NOW = NOON + timedelta(days=10)
TERMS = Terms({}, HORIZON, NOW)


def after(seconds: float) -> datetime:
    return NOON + timedelta(milliseconds=round(seconds * 1000))


class Bucket:
    """A bucket and its catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.store = MemoryStore()

    def has(
        self,
        uid: str,
        seconds: Sequence[float],
        *,
        bak: str = "",
        cname: str = "room",
        sid: str = SID,
        directory: str = "d/",
        picture: str | None = None,
    ) -> list[str]:
        """Put shots; each is another picture if none is said."""
        keys = []
        for second in seconds:
            key = key_of(ScreenshotName(ShotHead(directory, bak, sid, cname, uid), after(second)))
            data = (picture or key).encode()
            self.store.put(key, data, content_type="image/jpeg", modified=after(second + 2))
            keys.append(key)
        return keys

    def synced(self, now: datetime = NOW) -> Catalog:
        """The catalog as a full listing leaves it."""
        wishes = Wishes(Mode.FULL, horizon=HORIZON)
        watch = Watch(lambda: now)
        sync(Access(self.store, ""), self.catalog, "prod", watch=watch, wishes=wishes, allow_removal=True)
        return self.catalog


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/catalog.db", now=NOW) as catalog:
        yield Bucket(catalog)


@pytest.fixture
def any_bucket(catalog: Catalog) -> Bucket:
    """On each database: for every kind of question that is asked of one."""
    return Bucket(catalog)


def every_ten(since: int, until: int, *, late: float = 0) -> list[float]:
    return [second + late for second in range(since, until, 10)]


def told(catalog: Catalog, uid: str, period: TimeRange = TimeRange(), terms: Terms = TERMS) -> Timeline:  # noqa: B008
    (found,) = timelines(catalog, uid, Selection(period=period), terms=terms)
    return found


# Parts.


def test_a_failover_is_one_series_with_its_gap_named(bucket: Bucket) -> None:
    for uid in ("7", "8"):
        bucket.has(uid, every_ten(0, 300))
        bucket.has(uid, every_ten(363, 600), bak="bak0_")
    found = told(bucket.synced(), "7")
    assert [(run.shots, run.baks) for run in found.runs] == [(30, (None,)), (24, (0,))]
    assert [(gap.cause, gap.missing) for gap in found.gaps] == [(Cause.FAILOVER, 6)]
    assert found.presence == 1.0
    assert found.capture == 54 / 60


def test_the_order_in_which_parts_came_does_not_show(tmp_path: Path) -> None:
    found = []
    for order in ([0, 1, 2], [2, 1, 0]):
        with Catalog.open_to_write(f"sqlite:///{tmp_path}/{order}.db", now=NOW) as catalog:
            bucket = Bucket(catalog)
            for part in order:
                if part == 0:
                    bucket.has("7", every_ten(0, 300))
                    bucket.has("8", every_ten(3, 700))
                elif part == 1:
                    bucket.has("7", every_ten(280, 400), bak="bak0_")
                else:
                    bucket.has("7", every_ten(390, 600), bak="bak0_bak1_", directory="other/")
                bucket.synced()
            found.append(list(timelines_of_session(catalog, SID, "room", terms=TERMS)))
    assert found[0] == found[1]
    assert [run.baks for run in found[0][0].runs] == [(None, 0, 1)]


def test_how_much_is_read_at_once_does_not_show(any_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    any_bucket.has("7", every_ten(0, 300))
    any_bucket.has("7", every_ten(280, 400), bak="bak0_")
    any_bucket.has("8", [*every_ten(3, 100), *every_ten(203, 400)])
    catalog = any_bucket.synced()
    found = list(timelines_of_session(catalog, SID, "room", terms=TERMS))
    assert [each.shots for each in found] == [42, 30]
    for module in (lookup, found_shots):
        monkeypatch.setattr(module, "MOST_ROWS", 7)
    monkeypatch.setattr(found_shots, "FIRST_ROWS", 2)
    assert list(timelines_of_session(catalog, SID, "room", terms=TERMS)) == found


# Periods.


def test_a_gap_at_the_edge_of_a_period_is_judged_as_a_whole(any_bucket: Bucket) -> None:
    any_bucket.has("7", [*every_ten(0, 300), *every_ten(604, 900)])
    any_bucket.has("8", every_ten(0, 900, late=5))
    catalog = any_bucket.synced()
    (whole,) = told(catalog, "7").gaps
    found = told(catalog, "7", TimeRange(after(100), after(400)))
    assert (found.since, found.until) == (after(100), after(400))
    (gap,) = found.gaps
    assert (gap.since, gap.until) == (after(290), after(400))
    assert (gap.cause, gap.evidence) == (whole.cause, whole.evidence) == (Cause.CAMERA_OFF, "user 8 went on")
    assert gap.missing == 11
    inside = told(catalog, "7", TimeRange(after(350), after(550)))
    assert (inside.shots, inside.presence, inside.capture) == (0, 0.0, None)
    assert [(gap.since, gap.until, gap.cause) for gap in inside.gaps] == [(after(350), after(550), Cause.CAMERA_OFF)]


def test_a_period_that_begins_between_two_shots_begins_with_no_gap(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 900))
    found = told(bucket.synced(), "7", TimeRange(after(103), after(207)))
    assert (found.since, found.until, found.gaps, found.presence) == (after(110), after(200), (), 1.0)


def test_a_period_ends_before_its_end(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 900))
    catalog = bucket.synced()
    assert told(catalog, "7", TimeRange(after(0), after(890))).shots == 89
    assert told(catalog, "7", TimeRange(after(0), after(890.001))).shots == 90
    assert told(catalog, "7", TimeRange(after(0.001), after(1_000))).shots == 89


def test_the_interval_does_not_depend_on_the_period(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 900))
    found = told(bucket.synced(), "7", TimeRange(after(100), after(101)))
    assert found.interval is not None
    assert (found.shots, found.interval.length) == (1, timedelta(seconds=10))


def test_who_has_few_pictures_is_told_by_the_interval_of_the_session(any_bucket: Bucket) -> None:
    any_bucket.has("1", every_ten(0, 3610))
    any_bucket.has("2", [0, 1800, 3600])
    any_bucket.has("3", [3, 3543])
    any_bucket.has("4", [1200])
    any_bucket.has("5", [0, 10, 130])
    # A picture every two minutes, all along: a camera that is switched on for moments.
    any_bucket.has("6", list(range(0, 3600, 127)))
    any_bucket.has("7", every_ten(5, 3610))
    any_bucket.has("8", every_ten(5, 70))
    found = {each.uid: each for each in timelines_of_session(any_bucket.synced(), SID, "room", terms=TERMS)}
    for uid, each in found.items():
        assert each.interval is not None
        assert each.interval.length == timedelta(seconds=10)
        assert each.interval.origin is (Origin.SERIES if uid in {"1", "7"} else Origin.SESSION)
    assert [(gap.cause, gap.missing) for gap in found["2"].gaps] == [(Cause.CAMERA_OFF, 179)] * 2
    shares = {uid: round(each.presence, 2) for uid, each in found.items()}
    assert shares == {"1": 1.0, **dict.fromkeys("23456", 0.0), "7": 1.0, "8": 0.02}


def test_where_nothing_tells_an_interval_none_is_told_and_gaps_are_open(bucket: Bucket) -> None:
    bucket.has("1", [0, 10, 130])
    found = told(bucket.synced(), "1")
    assert found.interval is None
    assert [(run.shots, run.length) for run in found.runs] == [(1, timedelta(0))] * 3
    assert [(gap.cause, gap.on) for gap in found.gaps] == [(Cause.UNKNOWN, None)] * 2
    bucket.has("2", [70, 100])
    for each in timelines_of_session(bucket.synced(), SID, "room", terms=TERMS):
        assert each.interval is None
        assert {gap.cause for gap in each.gaps if gap.missing} <= {Cause.NOT_JOINED, Cause.LEFT}


def test_few_pictures_that_agree_tell_their_interval(bucket: Bucket) -> None:
    bucket.has("1", [0, 10, 20])
    found = told(bucket.synced(), "1")
    assert found.interval is not None
    assert (found.interval.length, found.interval.origin) == (timedelta(seconds=10), Origin.SERIES)


def test_a_configured_interval_counts(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 100))
    found = told(bucket.synced(), "7", terms=Terms({"prod": 5}, HORIZON, NOW))
    assert found.interval is not None
    assert found.interval.origin is Origin.CONFIGURATION
    assert sum(gap.missing for gap in found.gaps) == 9


def test_a_session_tells_of_everybody_also_of_who_had_left(bucket: Bucket) -> None:
    bucket.has("9", every_ten(0, 900))
    bucket.has("7", every_ten(200, 400))
    catalog = bucket.synced()
    found = list(timelines_of_session(catalog, SID, "room", terms=TERMS))
    assert [(each.uid, [gap.cause for gap in each.gaps]) for each in found] == [
        ("9", []),
        ("7", [Cause.NOT_JOINED, Cause.LEFT]),
    ]
    assert all((each.since, each.until) == (NOON, after(890)) for each in found)
    late = TimeRange(after(500), after(600))
    left = list(timelines_of_session(catalog, SID, "room", terms=TERMS, period=late))
    assert [(each.uid, each.presence, [gap.cause for gap in each.gaps]) for each in left] == [
        ("9", 1.0, []),
        ("7", 0.0, [Cause.LEFT]),
    ]
    never = TimeRange(after(5_000), after(6_000))
    assert list(timelines_of_session(catalog, SID, "room", terms=TERMS, period=never)) == []


def test_times_at_the_ends_of_the_calendar_are_times(bucket: Bucket) -> None:
    for stamp in ("00010101000000000", "00010101000010000", "99991231235950000", "99991231235959999"):
        for uid in ("7", "8"):
            key = f"d/{SID}_room__uid_s_{uid}__uid_e_video_{stamp}.jpg"
            bucket.store.put(key, stamp.encode(), content_type="image/jpeg", modified=NOON)
    catalog = bucket.synced()
    found = told(catalog, "7")
    assert (found.shots, len(found.gaps)) == (4, 1)
    ends = [run.first_at for run in found.runs] + [run.last_at for run in found.runs]
    for moment in ends:
        assert next(nearest_shot(catalog, "7", Selection(), moment)).captured_at == moment
        assert told(catalog, "7", TimeRange(moment)).until == found.until
        cut = list(timelines(catalog, "7", Selection(period=TimeRange(until=moment)), terms=TERMS))
        assert all(each.since == found.since for each in cut)


def test_of_many_who_went_on_enough_are_asked(bucket: Bucket) -> None:
    bucket.has("7", [*every_ten(0, 60), *every_ten(184, 240)])
    for other in range(100, 150):
        bucket.has(str(other), every_ten(0, 240) if other >= 120 else every_ten(0, 60))
    (gap,) = told(bucket.synced(), "7").gaps
    assert gap.cause is Cause.CAMERA_OFF
    assert gap.evidence.startswith("user 120 and at least ")


# What is gone, and what is frozen.


def test_what_a_sync_removed_has_expired(any_bucket: Bucket) -> None:
    keys = any_bucket.has("7", every_ten(0, 900))
    any_bucket.has("8", every_ten(0, 900))
    any_bucket.synced()
    for key in keys[20:50]:
        any_bucket.store.delete(key)
    found = told(any_bucket.synced(), "7")
    (gap,) = found.gaps
    assert (gap.cause, gap.missing, gap.on) == (Cause.EXPIRED, 30, True)
    assert (found.presence, found.capture) == (1.0, 1.0)


def test_what_expired_at_the_beginning_of_a_session_is_told_as_that(bucket: Bucket) -> None:
    whole = every_ten(0, 600)
    first = bucket.has("7", every_ten(0, 200)) + bucket.has("8", whole) + bucket.has("9", every_ten(53, 150))
    bucket.has("7", every_ten(403, 600))
    bucket.synced()
    for key in first[: 20 + 20] + first[20 + 60 :]:
        bucket.store.delete(key)
    seven, eight, nine = timelines_of_session(bucket.synced(), SID, "room", terms=TERMS)
    assert [each.uid for each in (seven, eight, nine)] == ["7", "8", "9"]
    assert [(gap.cause, gap.since, gap.until, gap.missing) for gap in seven.gaps] == [
        (Cause.EXPIRED, after(0), after(190), 20),
        (Cause.CAMERA_OFF, after(190), after(403), 20),
    ]
    assert [(gap.cause, gap.since, gap.until) for gap in eight.gaps] == [(Cause.EXPIRED, after(0), after(200))]
    assert [(gap.cause, gap.since, gap.until) for gap in nine.gaps] == [
        (Cause.NOT_JOINED, after(0), after(53)),
        (Cause.EXPIRED, after(53), after(143)),
        (Cause.LEFT, after(143), after(593)),
    ]
    assert (nine.shots, nine.runs, nine.sources) == (0, (), ())
    assert told(bucket.catalog, "7") == seven
    part = TimeRange(after(100), after(250))
    assert [each.uid for each in timelines_of_session(bucket.catalog, SID, "room", terms=TERMS, period=part)] == [
        *("7", "8", "9")
    ]


def test_what_expired_at_the_end_of_a_session_is_told_as_that(bucket: Bucket) -> None:
    keys = [key for uid in ("7", "8") for key in bucket.has(uid, every_ten(0, 600))]
    bucket.synced()
    for key in keys[30:60] + keys[90:]:
        bucket.store.delete(key)
    for each in timelines_of_session(bucket.synced(), SID, "room", terms=TERMS):
        assert [(gap.cause, gap.since, gap.until) for gap in each.gaps] == [(Cause.EXPIRED, after(290), after(590))]


def test_what_came_back_in_part_and_went_again_has_expired_as_a_whole(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 100) + every_ten(200, 300))
    bucket.has("8", every_ten(0, 300))
    for seconds in (every_ten(100, 200), every_ten(100, 150)):
        keys = bucket.has("7", seconds)
        bucket.synced()
        for key in keys:
            bucket.store.delete(key)
        bucket.synced()
    (gap,) = told(bucket.catalog, "7").gaps
    assert (gap.cause, gap.since, gap.until, gap.missing) == (Cause.EXPIRED, after(90), after(200), 10)


def test_what_two_recorders_took_of_a_moment_expires_once(bucket: Bucket) -> None:
    # Of the moments that are not removed one in five is lost, so capture cannot rise by what is removed.
    taken = [second for second in every_ten(0, 900) if second < 500 or second % 50]
    keys = bucket.has("7", taken)
    keys += bucket.has("7", every_ten(4, 400), bak="bak0_")
    bucket.has("8", every_ten(0, 900))
    before = told(bucket.synced(), "7").capture
    for key in keys[10:30] + keys[len(taken) + 10 : len(taken) + 30]:
        bucket.store.delete(key)
    found = told(bucket.synced(), "7")
    assert [(gap.missing, gap.evidence) for gap in found.gaps if gap.cause is Cause.EXPIRED] == [
        (20, "20 pictures of it were removed from the storage")
    ]
    assert found.capture == before


def test_frozen_pictures_are_told_where_etags_tell(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 100))
    bucket.has("7", every_ten(100, 200), picture="still")
    catalog = bucket.synced()
    (run,) = told(catalog, "7").runs
    assert run.frozen is None
    (run,) = told(catalog, "7", terms=Terms({}, HORIZON, NOW, frozenset({"prod"}))).runs
    assert run.frozen is not None
    ((first_at, last_at, shots),) = [(each.first_at, each.last_at, each.shots) for each in run.frozen]
    assert (first_at, last_at, shots) == (after(100), after(190), 10)


# Other channels.


def concurrent(catalog: Catalog) -> list[Timeline]:
    return list(with_concurrent(catalog, timelines(catalog, "7", Selection(), terms=TERMS)))


def test_a_uid_in_two_channels_at_once_is_told(any_bucket: Bucket) -> None:
    any_bucket.has("7", every_ten(0, 300))
    any_bucket.has("7", every_ten(205, 500), cname="other", sid="ab" * 16)
    any_bucket.has("7", every_ten(0, 300), cname="room", sid="cd" * 16)
    found = concurrent(any_bucket.synced())
    assert sorted((each.cname, each.concurrent) for each in found) == [
        ("other", ("room",)),
        ("room", ("other",)),
        ("room", ("other",)),
    ]


def test_who_goes_from_channel_to_channel_is_never_in_two(bucket: Bucket) -> None:
    bucket.has("7", [*every_ten(0, 300), *every_ten(600, 900)])
    bucket.has("7", every_ten(320, 580), cname="breakout", sid="ab" * 16)
    assert [each.concurrent for each in concurrent(bucket.synced())] == [(), ()]


def test_however_many_channels_there_are_a_run_is_asked_about_once(bucket: Bucket) -> None:
    bucket.has("7", [*every_ten(100, 200), *every_ten(300, 400)])
    for number in range(30):
        inside = [150] if number % 2 else [350] if number % 3 else []
        bucket.has("7", [0, *inside, 500], cname=f"c{number:02}", sid=f"{number:032x}")
    catalog = bucket.synced()
    (whole,) = timelines(catalog, "7", Selection(cname="room"), terms=TERMS)
    with counted_selects() as asked:
        (found,) = with_concurrent(catalog, [whole])
    assert found.concurrent == tuple(f"c{number:02}" for number in range(30) if number % 2 or number % 3)
    assert len(asked) == 1 + 1


# The nearest shot.


def nearest(catalog: Catalog, second: float, cname: str | None = None) -> list[tuple[str, float]]:
    found = nearest_shot(catalog, "7", Selection(cname=cname), after(second))
    return [(shot.cname, (shot.captured_at - NOON).total_seconds()) for shot in found]


def test_the_nearest_shot_is_told_for_each_session_at_that_time(any_bucket: Bucket) -> None:
    any_bucket.has("7", [*every_ten(0, 300), *every_ten(600, 900)])
    any_bucket.has("7", every_ten(101, 400), cname="other", sid="ab" * 16)
    catalog = any_bucket.synced()
    assert nearest(catalog, 204) == [("other", 201), ("room", 200)]
    assert nearest(catalog, 204.9, cname="room") == [("room", 200)]
    assert nearest(catalog, 206, cname="room") == [("room", 210)]
    assert nearest(catalog, 210, cname="room") == [("room", 210)]
    assert nearest(catalog, 400, cname="room") == [("room", 290)]


def test_between_two_recorders_both_are_near(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 300))
    bucket.has("7", every_ten(360, 600), bak="bak0_")
    bucket.has("7", every_ten(1, 600), cname="other", sid="ab" * 16)
    catalog = bucket.synced()
    assert nearest(catalog, 320) == [("other", 321), ("room", 290)]
    assert nearest(catalog, 340) == [("other", 341), ("room", 360)]


def test_where_nobody_was_the_nearest_shot_of_all_is_told(any_bucket: Bucket) -> None:
    any_bucket.has("7", every_ten(0, 300))
    any_bucket.has("7", every_ten(1_000, 1_200), sid="ab" * 16)
    catalog = any_bucket.synced()
    assert nearest(catalog, -50) == [("room", 0)]
    assert nearest(catalog, 600) == [("room", 290)]
    assert nearest(catalog, 700) == [("room", 1_000)]
    assert nearest(catalog, 9_000) == [("room", 1_190)]
    assert nearest(catalog, 600, cname="nowhere") == []


# Samples.

STEPS = st.integers(1, 60).map(lambda seconds: timedelta(seconds=seconds))


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Shot, Position]]:
    path = tmp_path_factory.mktemp("sampled") / "catalog.db"
    with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
        bucket = Bucket(catalog)
        bucket.has("7", [second * 1.37 for second in range(60)])
        bucket.has("7", [40.002, 41, 300, 301.5], bak="bak0_")
        bucket.has("7", [second * 7.1 for second in range(20)], cname="other", sid="ab" * 16)
        return list(shots_of_user(bucket.synced(), "7", Selection()))


@settings(max_examples=50)
@given(every=STEPS)
def test_samples_are_the_nearest_shots_to_distinct_steps(taken: list[tuple[Shot, Position]], every: timedelta) -> None:
    def step_of(item: tuple[Shot, Position]) -> tuple[int, int]:
        return item[1].session_id, (item[0].captured_at - EPOCH + every / 2) // every

    def distance(item: tuple[Shot, Position]) -> timedelta:
        return abs(item[0].captured_at - EPOCH - step_of(item)[1] * every)

    found = list(sampled(taken, every))
    assert [item[1] for item in found] == sorted({item[1] for item in found})
    assert [step_of(item) for item in found] == sorted({step_of(item) for item in taken})
    for item in found:
        assert distance(item) <= every / 2
        assert distance(item) == min(distance(other) for other in taken if step_of(other) == step_of(item))


@settings(max_examples=50)
@given(every=STEPS, data=st.data())
def test_samples_go_on_behind_any_of_them(
    taken: list[tuple[Shot, Position]], every: timedelta, data: st.DataObject
) -> None:
    whole = list(sampled(taken, every))
    index = data.draw(st.integers(0, len(whole) - 1))
    after_it = whole[index][1]
    rest = [item for item in taken if item[1] > after_it]
    assert list(sampled(rest, every, after=after_it)) == whole[index + 1 :]
