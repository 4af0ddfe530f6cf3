"""What an emulated recorder sees and takes, whatever happens in the session."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import RecordingName, ScreenshotName, format, parse  # noqa: A004 - as `names` calls it
from indexer.agora.playlist_text import END, entry, heading
from indexer.agora.playlists import Slice, parse_playlist
from indexer.service.emulator.happening import (
    FailedOver,
    Happening,
    Plan,
    RecorderFailed,
    RecorderLeft,
    RecorderLost,
    RecorderStarted,
    ShotTaken,
    SliceCut,
    StreamChanged,
    bak_prefix,
    playlist_key,
    shot_key,
    slice_key,
)
from indexer.service.emulator.scenario import (
    LONGEST_SILENCE,
    Failover,
    Late,
    Period,
    Scenario,
    User,
    default_scenario,
    random_scenario,
)
from indexer.service.emulator.simulation import MOST_VIDEOS, SLICE, Simulation, happenings

START: Final = datetime(2026, 11, 5, 14, 30, 12, 345_000, tzinfo=UTC)
PLAN: Final = Plan("a" * 32, "math_101", "99", "directory1/directory2/", timedelta(seconds=5))
ZERO: Final = timedelta()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def played(scenario: Scenario, plan: Plan = PLAN, seed: int = 1) -> list[Happening]:
    return list(happenings(scenario, plan, start=START, seed=seed))


def shots(found: list[Happening], uid: str | None = None, bak: int | None = -1) -> list[ShotTaken]:
    return [each for each in found if isinstance(each, ShotTaken) and uid in {None, each.uid} and bak in {-1, each.bak}]


def changes(found: list[Happening], uid: str | None = None) -> list[tuple[timedelta, str, bool]]:
    return [
        (each.at - START, each.uid, each.receiving)
        for each in found
        if isinstance(each, StreamChanged) and uid in {None, each.uid}
    ]


# --- Always ---------------------------------------------------------------------------------------------------------

SCENARIOS: Final = st.builds(
    random_scenario,
    st.integers(0, 10_000),
    users=st.integers(0, 24),
    length=st.integers(30, 900).map(seconds),
)
PLANS: Final = st.builds(
    Plan,
    sid=st.just("0123456789abcdef" * 2),
    cname=st.sampled_from(["room", "a_b", "x__uid_s_9", "<&%#?>", "bak0_lobby"]),
    recorder_uid=st.just("7"),
    prefix=st.sampled_from(["", "d/", "directory1/directory2/"]),
    interval=st.sampled_from([1, 5, 10, 60]).map(seconds),
    records=st.booleans(),
    pictures=st.booleans(),
    tracks=st.sampled_from([("audio", "video"), ("video",), ("audio",)]),
)


@settings(max_examples=40)
@given(SCENARIOS, PLANS, st.integers())
def test_happenings_are_in_time_order_and_the_same_for_the_same_seed(scenario: Scenario, plan: Plan, seed: int) -> None:
    found = played(scenario, plan, seed)
    assert found == played(scenario, plan, seed)
    moments = [each.at for each in found]
    assert moments == sorted(moments)
    assert isinstance(found[0], RecorderStarted)
    assert isinstance(found[-1], RecorderLeft)
    assert scenario.length is not None
    assert (moments[0], moments[-1]) == (START, START + scenario.length)
    assert all(moment.microsecond % 1000 == 0 for moment in moments)


@settings(max_examples=25)
@given(SCENARIOS, PLANS)
def test_every_name_is_read_as_what_it_names_and_no_two_are_equal(scenario: Scenario, plan: Plan) -> None:
    keys: Counter[str] = Counter()
    for each in played(scenario, plan):
        if isinstance(each, ShotTaken):
            name = parse(shot_key(plan, each))
            assert isinstance(name, ScreenshotName)
            assert format(name) == shot_key(plan, each)
            assert (name.head.sid, name.head.cname, name.head.uid) == (plan.sid, plan.cname, each.uid)
            assert (name.head.directory, name.head.bak, name.captured_at) == (plan.prefix, each.bak, each.at)
            keys[shot_key(plan, each)] += 1
        elif isinstance(each, SliceCut):
            cut, listing = parse(slice_key(plan, each)), parse(playlist_key(plan, each))
            assert isinstance(cut, RecordingName)
            assert isinstance(listing, RecordingName)
            assert cut == replace(listing, extension="ts", stamp=cut.stamp)
            assert (cut.uid, cut.track, cut.bak, cut.started_at) == (each.uid, each.track, each.bak, each.started_at)
            keys[slice_key(plan, each)] += 1
    assert not keys or keys.most_common(1)[0][1] == 1


@settings(max_examples=40)
@given(SCENARIOS, PLANS)
def test_shots_are_taken_only_of_users_who_publish_and_of_seventeen_at_most(scenario: Scenario, plan: Plan) -> None:
    publishing = {user.uid: user for user in scenario.users}
    receiving: set[str] = set()
    silent = False
    old: dict[str, datetime] = {}
    overlap_until = START
    for each in played(scenario, plan):
        match each:
            case StreamChanged(at, uid, True):
                assert not silent
                receiving.add(uid)
                assert len(receiving) <= MOST_VIDEOS
            case StreamChanged(at, uid, False):
                receiving.remove(uid)
                old[uid] = at
            case RecorderFailed():
                silent = True
            case FailedOver(at, _, bak, since):
                silent = False
                receiving.clear()
                overlap_until = at + scenario.failovers[bak].overlap
                assert at - since == scenario.failovers[bak].takes <= LONGEST_SILENCE
            case ShotTaken(at, uid):
                assert plan.pictures
                assert "video" in plan.tracks
                assert not silent
                assert uid in receiving
                assert _publishes(publishing[uid], at - START)
                if each.bak != _recorder_at(scenario, at):
                    assert at < overlap_until


def _publishes(user: User, at: timedelta) -> bool:
    there = user.joins <= at and (user.leaves is None or at < user.leaves)
    return there and any(
        period.since <= at and (period.until is None or at < period.until) for period in user.publishing
    )


def _recorder_at(scenario: Scenario, at: datetime) -> int | None:
    taken_over = [number for number, each in enumerate(scenario.failovers) if START + each.at + each.takes <= at]
    return taken_over[-1] if taken_over else None


@settings(max_examples=40)
@given(SCENARIOS, PLANS)
def test_one_recorder_takes_a_users_shots_an_interval_apart(scenario: Scenario, plan: Plan) -> None:
    """Or further, where something lay between them; so there is nothing to see twice."""
    series = defaultdict(list)
    for shot in shots(played(scenario, plan)):
        series[shot.uid, shot.bak].append(shot.at)
    for moments in series.values():
        steps = [after - before for before, after in pairwise(moments)]
        assert all(step > ZERO for step in steps)
        near = sum(abs(step - plan.interval) <= scenario.jitter for step in steps)
        assert near >= len(steps) - 7 * 2  # pauses and failures of a random scenario


# --- Users ----------------------------------------------------------------------------------------------------------


def test_video_that_resumes_has_a_phase_of_its_own() -> None:
    user = User("7", "Ada", publishing=(Period(ZERO, seconds(100)), Period(seconds(200))))
    found = played(Scenario((user,), length=seconds(300), jitter=ZERO))
    assert changes(found) == [(ZERO, "7", True), (seconds(100), "7", False), (seconds(200), "7", True)]
    phases = {(shot.at - START) % PLAN.interval for shot in shots(found)}
    assert len(phases) == 2
    assert len(shots(found)) == 2 * 20


def test_each_user_has_a_phase_of_their_own() -> None:
    found = played(Scenario(tuple(User(str(uid), "") for uid in range(1, 8)), length=seconds(60), jitter=ZERO))
    phases = {(shot.uid, (shot.at - START) % PLAN.interval) for shot in shots(found)}
    assert len(phases) == len({phase for _, phase in phases}) == 7


def test_an_eighteenth_user_is_captured_when_one_of_the_first_leaves() -> None:
    first = [User(str(uid), "", leaves=seconds(60) if uid == 5 else None) for uid in range(1, 18)]
    late = [User("18", "", joins=seconds(10)), User("19", "", joins=seconds(20))]
    found = played(Scenario((*late, *first), length=seconds(120)))
    assert changes(found, "18") == [(seconds(60), "18", True)]
    assert changes(found, "19") == []
    assert changes(found, "5") == [(ZERO, "5", True), (seconds(60), "5", False)]


def test_who_stops_keeps_the_place_of_who_leaves() -> None:
    first = [User(str(uid), "", publishing=(Period(ZERO, seconds(30)),)) for uid in range(1, 18)]
    found = played(Scenario((*first, User("18", "")), length=seconds(60)))
    assert changes(found, "18") == []


def test_only_users_who_are_subscribed_to_are_captured_and_take_a_place() -> None:
    users = tuple(User(str(uid), "") for uid in range(1, 30))
    plan = replace(PLAN, subscribed=frozenset({"29", "3", "31"}))
    assert {shot.uid for shot in shots(played(Scenario(users, length=seconds(30)), plan))} == {"29", "3"}


def test_whose_video_is_taken_may_change_on_the_way() -> None:
    users = tuple(User(str(uid), "") for uid in range(1, 20))
    plan = replace(PLAN, subscribed=frozenset({"1", "2"}))
    simulation = Simulation(Scenario(users, length=seconds(60)), plan, start=START, seed=1)
    found: list[Happening] = []
    while simulation.due is not None and simulation.due < START + seconds(20):
        found += simulation.step()
    found += simulation.subscribe(frozenset({"2", "3"}), START + seconds(20))
    while simulation.due is not None and simulation.due < START + seconds(40):
        found += simulation.step()
    found += simulation.subscribe(None, START + seconds(40))
    found += simulation.run()
    assert changes(found)[:4] == [
        *((ZERO, "1", True), (ZERO, "2", True)),
        *((seconds(20), "1", False), (seconds(20), "3", True)),
    ]
    assert [uid for at, uid, receiving in changes(found)[4:] if at == seconds(40) and receiving] == [
        "1",
        *(str(uid) for uid in range(4, 18)),
    ]
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert {shot.uid for shot in shots(found) if shot.at < START + seconds(40)} == {"1", "2", "3"}


def test_a_scenario_that_repeats_goes_on_without_end() -> None:
    users = (
        User("1", "", leaves=seconds(40)),
        User("2", "", joins=seconds(5), publishing=(Period(seconds(5), seconds(20)), Period(seconds(30)))),
    )
    found = list(islice(happenings(Scenario(users, repeats=seconds(60)), PLAN, start=START, seed=1), 5_000))
    assert [each for each in changes(found, "1") if each[0] < seconds(130)] == [
        (seconds(at), "1", receiving)
        for at, receiving in ((0, True), (40, False), (60, True), (100, False), (120, True))
    ]
    # The second one stays, so nobody sees where a turn ends.
    assert [(at, on) for at, _, on in changes(found, "2") if at < seconds(130)] == [
        (seconds(at), on) for at, on in ((5, True), (20, False), (30, True), (80, False), (90, True))
    ]
    assert found[-1].at - START > timedelta(hours=3)


def test_a_recorder_leaves_when_nobody_has_been_there_for_too_long() -> None:
    plan = replace(PLAN, max_idle=seconds(30))
    comes_back = (User("1", "", leaves=seconds(20)), User("2", "", joins=seconds(49), leaves=seconds(60)))
    assert played(Scenario(comes_back), plan)[-1] == RecorderLeft(START + seconds(90), idle=True)
    too_late = (User("1", "", leaves=seconds(20)), User("2", "", joins=seconds(51)))
    assert played(Scenario(too_late), plan)[-1] == RecorderLeft(START + seconds(50), idle=True)
    assert played(Scenario((User("1", "", joins=seconds(31)),)), plan)[-1].at == START + seconds(30)


# --- Recorders ------------------------------------------------------------------------------------------------------


def test_after_a_failure_another_recorder_takes_over_and_both_capture_for_a_while() -> None:
    failover = Failover(seconds(60), takes=seconds(45), overlap=seconds(20))
    found = played(Scenario((User("7", ""),), length=seconds(200), failovers=(failover,), jitter=ZERO))
    failed, taken_over = (each for each in found if isinstance(each, RecorderFailed | FailedOver))
    assert failed == RecorderFailed(START + seconds(60), None)
    assert isinstance(taken_over, FailedOver)
    assert (taken_over.at, taken_over.bak, taken_over.silent_since) == (START + seconds(105), 0, failed.at)
    assert taken_over.new_uid != PLAN.recorder_uid
    first, second = shots(found, bak=None), shots(found, bak=0)
    assert not [shot for shot in shots(found) if failed.at <= shot.at < taken_over.at]
    assert [shot.at for shot in first if shot.at >= taken_over.at][-1] < taken_over.at + failover.overlap
    assert len([shot for shot in first if shot.at >= taken_over.at]) == 4
    assert second[0].at >= taken_over.at
    assert len(second) == 19
    assert shot_key(PLAN, second[0]).startswith("directory1/directory2/bak0_aaaa")
    assert changes(found) == [(ZERO, "7", True), (seconds(105), "7", True)]


def test_the_fourth_failure_ends_the_session() -> None:
    failovers = tuple(Failover(seconds(60 * number), takes=seconds(10)) for number in range(1, 5))
    found = played(Scenario((User("7", ""),), length=seconds(600), failovers=failovers))
    assert {shot.bak for shot in shots(found)} == {None, 0, 1, 2}
    assert [bak_prefix(each.bak) for each in found if isinstance(each, FailedOver)] == ["bak0_", "bak1_", "bak2_"]
    assert found[-1] == RecorderLost(START + seconds(240))


def test_who_stops_while_nobody_looks_is_never_told_of() -> None:
    user = User("7", "", publishing=(Period(ZERO, seconds(70)), Period(seconds(150))))
    failovers = (Failover(seconds(60), takes=seconds(30)),)
    found = played(Scenario((user, User("8", "")), length=seconds(200), failovers=failovers))
    assert changes(found, "7") == [(ZERO, "7", True), (seconds(150), "7", True)]
    assert changes(found, "8") == [(ZERO, "8", True), (seconds(90), "8", True)]


# --- Uploads --------------------------------------------------------------------------------------------------------


def test_as_many_uploads_are_late_or_lost_as_the_scenario_says() -> None:
    scenario = Scenario(
        tuple(User(str(uid), "") for uid in range(1, 18)),
        length=timedelta(hours=1),
        late=Late(0.1, timedelta(minutes=5)),
        lost=0.05,
    )
    found = shots(played(scenario))
    lost = [shot for shot in found if shot.uploaded_at is None]
    delays = [shot.uploaded_at - shot.at for shot in found if shot.uploaded_at is not None]
    late = [delay for delay in delays if delay]
    assert 0.04 < len(lost) / len(found) < 0.06
    assert 0.09 < len(late) / len(found) < 0.11
    assert seconds(1) <= min(late) < max(late) <= timedelta(minutes=5)
    calm = shots(played(replace(scenario, late=Late(), lost=0.0)))
    assert [(shot.at, shot.uid) for shot in calm] == [(shot.at, shot.uid) for shot in found]


# --- Recordings -----------------------------------------------------------------------------------------------------


def test_recordings_are_cut_into_slices_that_tell_where_they_were_interrupted() -> None:
    user = User("7", "", leaves=seconds(120), publishing=(Period(ZERO, seconds(50)), Period(seconds(70))))
    found = played(Scenario((user,), length=seconds(130)), replace(PLAN, records=True))
    video = [each for each in found if isinstance(each, SliceCut) and each.track == "video"]
    assert [cut.anew for cut in video] == [True, False, False, False, True, False, False, False]
    assert [cut.length == SLICE for cut in video] == [True, True, True, False, True, True, True, False]
    assert [cut.at for cut in video if cut.length != SLICE] == [START + seconds(50), START + seconds(120)]
    audio = [each for each in found if isinstance(each, SliceCut) and each.track == "audio"]
    assert [cut.anew for cut in audio] == [True, *[False] * 7]
    for before, after in pairwise(audio):
        assert after.started_at == before.at


def test_a_failure_loses_the_slice_under_way() -> None:
    failover = Failover(seconds(40), takes=seconds(10), overlap=seconds(30))
    found = played(Scenario((User("7", ""),), length=seconds(100), failovers=(failover,)), replace(PLAN, records=True))
    cuts = [each for each in found if isinstance(each, SliceCut) and each.track == "video"]
    assert [cut.bak for cut in cuts] == [None, None, 0, 0, 0, 0]
    assert cuts[1].at < START + seconds(40)
    assert cuts[2].anew
    assert cuts[2].started_at > START + seconds(50)


def test_a_session_that_is_stopped_cuts_its_last_slices() -> None:
    simulation = Simulation(default_scenario(), replace(PLAN, records=True), start=START, seed=1)
    run = simulation.run()
    for each in run:
        if each.at > START + seconds(20):
            break
    stop = START + seconds(21)
    last = simulation.cut(stop)
    assert {(cut.uid, cut.track) for cut in last} == {
        (user.uid, track) for user in default_scenario().users for track in ("audio", "video")
    }
    assert all(cut.at == stop for cut in last)
    assert list(run) == []


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 10_000)), max_size=20))
def test_a_playlist_is_read_as_it_was_written(lengths: list[tuple[int, int]]) -> None:
    at, listed, text = START, [], heading(100)
    for number, (length_ms, hole_ms) in enumerate(lengths):
        anew = number == 0 or hole_ms > 5_000
        at += timedelta(milliseconds=hole_ms if anew else 0)
        key = slice_key(PLAN, SliceCut(at + timedelta(milliseconds=length_ms), "7", "video", None, at, anew))
        listed.append(Slice(key.rpartition("/")[2], timedelta(milliseconds=length_ms), at, anew))
        text += entry(listed[-1], "video", first=number == 0)
        at += timedelta(milliseconds=length_ms)
    assert parse_playlist(text.encode()).slices == tuple(listed)
    assert not parse_playlist(text.encode()).ended
    assert parse_playlist(f"{text}{END}".encode()).ended


def test_cameras_and_recordings_are_left_out_as_was_asked() -> None:
    scenario = Scenario((User("7", ""),), length=seconds(60))
    assert not shots(played(scenario, replace(PLAN, pictures=False)))
    audio = played(scenario, replace(PLAN, records=True, tracks=("audio",)))
    assert {type(each) for each in audio} == {RecorderStarted, SliceCut, RecorderLeft}
    video = played(scenario, replace(PLAN, records=True, tracks=("video",)))
    assert {each.track for each in video if isinstance(each, SliceCut)} == {"video"}
