from collections import defaultdict
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise

import pytest
from PIL import Image

from indexer.agora.names import RecordingName, ScreenshotName, Unrecognised, parse
from indexer.jobs import demo_world
from indexer.jobs.demo_world import INTERVAL, Period, World
from indexer.storage.memory import MemoryStore
from indexer.storage.paging import pages

NOW = datetime(2026, 11, 5, 14, 30, 12, 345_678, tzinfo=UTC)


def contents(store: MemoryStore) -> dict[str, bytes]:
    return {listed.key: store.get(listed.key) for page in pages(store) for listed in page.objects}


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return MemoryStore("demo")


@pytest.fixture(scope="module")
def reports() -> list[tuple[int, int]]:
    """What was said of the progress."""
    return []


@pytest.fixture(scope="module")
def world(store: MemoryStore, reports: list[tuple[int, int]]) -> World:
    return demo_world.build(store, now=NOW, progress=lambda *report: reports.append(report), frame_height=36)


@pytest.fixture(scope="module")
def objects(store: MemoryStore, world: World) -> dict[str, bytes]:
    assert world.shots
    return contents(store)


@pytest.fixture(scope="module")
def shots(objects: dict[str, bytes]) -> list[ScreenshotName]:
    """In the order they were taken."""
    parsed = (parse(key) for key in objects)
    return sorted((name for name in parsed if isinstance(name, ScreenshotName)), key=lambda shot: shot.captured_at)


def moments(shots: list[ScreenshotName], sid: str, uid: str | None = None, bak: int | None = -1) -> list[datetime]:
    """When shots were taken in a session: of one user, by one recorder, or of and by all."""
    return [
        shot.captured_at
        for shot in shots
        if shot.head.sid == sid and uid in {None, shot.head.uid} and bak in {-1, shot.head.bak}
    ]


def within(moments: list[datetime], period: Period) -> list[datetime]:
    return [moment for moment in moments if period.since <= moment < period.until]


def test_it_is_small_but_not_tiny(world: World, objects: dict[str, bytes]) -> None:
    assert 600 <= world.shots <= 900
    assert world.size == sum(map(len, objects.values()))
    assert len(world.sessions) == 4
    assert len({cname for cname, _ in world.people}) == 3


def test_every_key_is_read_as_what_it_is(world: World, objects: dict[str, bytes]) -> None:
    kinds = [type(parse(key)) for key in objects]
    assert kinds.count(ScreenshotName) == world.shots
    assert kinds.count(RecordingName) == world.recordings
    assert kinds.count(Unrecognised) == world.foreign
    assert all(key.startswith(world.prefix) for key in objects)


def test_every_picture_opens_but_the_corrupt_one(world: World, objects: dict[str, bytes]) -> None:
    broken = []
    for key, data in objects.items():
        if key.endswith(".jpg"):
            try:
                Image.open(BytesIO(data)).load()
            except OSError:
                broken.append(key)
    assert broken == [world.corrupt_key]


def test_no_two_pictures_are_the_same(objects: dict[str, bytes], shots: list[ScreenshotName]) -> None:
    pictures = [data for key, data in objects.items() if isinstance(parse(key), ScreenshotName)]
    assert len(set(pictures)) == len(pictures) == len(shots)


def test_everybody_on_a_picture_has_a_name_and_the_other_way_round(world: World, shots: list[ScreenshotName]) -> None:
    assert {(shot.head.cname, shot.head.uid) for shot in shots} == set(world.people)


def test_sids_are_like_agoras(world: World) -> None:
    sids = [session.sid for session in world.sessions]
    assert len(set(sids)) == len(sids)
    assert all(len(sid) == 32 and set(sid) <= set("0123456789abcdef") for sid in sids)


def test_the_calls_are_over_one_of_them_since_yesterday(world: World, shots: list[ScreenshotName]) -> None:
    ends = [session.until for session in world.sessions]
    assert ends == sorted(ends)
    assert NOW - ends[0] > timedelta(days=1)
    assert timedelta(hours=1) < NOW - ends[-1] < timedelta(hours=3)
    for session in world.sessions:
        taken = moments(shots, session.sid)
        assert session.since <= taken[0] < taken[-1] < session.until


def test_a_camera_is_captured_every_ten_seconds(world: World, shots: list[ScreenshotName]) -> None:
    support = world.sessions[-1]
    steps = [after - before for before, after in pairwise(moments(shots, support.sid, world.shared_uid))]
    assert all(abs(step - INTERVAL) < timedelta(milliseconds=100) for step in steps)


def test_nobody_is_recorded_while_the_recorder_fails_over(world: World, shots: list[ScreenshotName]) -> None:
    taken = moments(shots, world.failover.sid)
    assert within(taken, world.failover) == []
    assert taken[0] < world.failover.since
    assert taken[-1] > world.failover.until


def test_behind_the_failover_both_recorders_write_for_a_moment(world: World, shots: list[ScreenshotName]) -> None:
    sid = world.failover.sid
    for uid in {shot.head.uid for shot in shots if shot.head.sid == sid}:
        first, second = moments(shots, sid, uid, bak=None), moments(shots, sid, uid, bak=0)
        assert min(second) >= world.failover.until
        assert 1 <= len([moment for moment in first if moment >= min(second) - INTERVAL]) <= 2
        assert max(first) < max(second)
    assert {shot.head.sid for shot in shots if shot.head.bak is not None} == {sid}


def test_the_camera_off_gap_is_only_that_users(world: World, shots: list[ScreenshotName]) -> None:
    gap = world.camera_off
    assert gap.until - gap.since >= 6 * INTERVAL
    for uid in {shot.head.uid for shot in shots if shot.head.sid == gap.sid}:
        taken = moments(shots, gap.sid, uid)
        assert (within(taken, gap) == []) == (uid == gap.uid)
        assert taken[0] < gap.since
        assert taken[-1] > gap.until


def test_the_visitor_comes_late_and_leaves_early(world: World, shots: list[ScreenshotName]) -> None:
    taken, everyone = moments(shots, world.visit.sid, world.visit.uid), moments(shots, world.visit.sid)
    assert within(taken, world.visit) == taken != []
    assert everyone[0] < world.visit.since < world.visit.until < everyone[-1]


def test_one_picture_is_lost_in_the_middle_of_a_series(
    world: World, objects: dict[str, bytes], shots: list[ScreenshotName]
) -> None:
    lost = parse(world.lost_key)
    assert isinstance(lost, ScreenshotName)
    assert world.lost_key not in objects
    taken = moments(shots, lost.head.sid, lost.head.uid)
    holes = [(before, after) for before, after in pairwise(taken) if after - before > 1.5 * INTERVAL]
    assert [before < lost.captured_at < after for before, after in holes] == [True]


def test_the_uid_to_look_up_has_much_to_show(world: World, shots: list[ScreenshotName]) -> None:
    heads = {shot.head for shot in shots if shot.head.uid == world.uid}
    assert len({head.sid for head in heads}) == 3
    assert len({head.cname for head in heads}) == 2
    assert world.failover.sid in {head.sid for head in heads if head.bak == 0}
    assert world.camera_off.uid == world.uid


def test_one_uid_is_two_people(world: World) -> None:
    names = defaultdict(set)
    for (_, uid), name in world.people.items():
        names[uid].add(name)
    assert [uid for uid, called in names.items() if len(called) > 1] == [world.shared_uid]


def test_playlists_list_the_slices_beside_them(objects: dict[str, bytes]) -> None:
    listed = set()
    for key, data in objects.items():
        if key.endswith(".m3u8"):
            lines = data.decode().splitlines()
            assert (lines[0], lines[-1]) == ("#EXTM3U", "#EXT-X-ENDLIST")
            listed |= {f"{demo_world.PREFIX}{line}" for line in lines if not line.startswith("#")}
    assert listed == {key for key in objects if key.endswith(".ts")} != set()
    assert all(len(objects[key]) % 188 == 0 and objects[key][::188].strip(b"\x47") == b"" for key in listed)


def test_foreign_files_are_of_several_kinds(objects: dict[str, bytes]) -> None:
    read = [parse(key) for key in objects]
    assert len({name.reason for name in read if isinstance(name, Unrecognised)}) > 1


def test_progress_is_reported_object_by_object(world: World, reports: list[tuple[int, int]]) -> None:
    total = world.shots + world.recordings + world.foreign
    assert reports == [(done, total) for done in range(1, total + 1)]


def test_the_same_minute_builds_the_same_objects_also_at_the_root(objects: dict[str, bytes]) -> None:
    store = MemoryStore("root")
    demo_world.build(store, now=NOW.replace(second=40), prefix="", frame_height=36)
    assert contents(store) == {key.removeprefix(demo_world.PREFIX): data for key, data in objects.items()}
