"""Why there is a gap: each cause from its evidence, and no cause where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.agora.facts import Fact, FactKind
from indexer.model import ANNOUNCED, to_ms
from indexer.timeline.explaining import FAILOVER, FEW, UPLOAD, explain
from indexer.timeline.figures import capture, presence
from indexer.timeline.gaps import Case, Cause, Gap, Removed, ToldBy, Witness, within
from indexer.timeline.series import CaptureInterval, Hole, Run, pieces
from indexer.timeline.told import CAMERA, TOLERANCE_MS
from tests.captured import Taken

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=10)
HORIZON = timedelta(hours=96)


def after(seconds: float) -> datetime:
    return NOON + timedelta(milliseconds=round(seconds * 1000))


@dataclass(frozen=True)
class Others:
    """What others have taken, by uid."""

    shots: dict[str, list[float]]
    facts: Sequence[Fact] = ()

    def others_inside(self, since: datetime, until: datetime) -> Sequence[Witness]:
        found = {uid: [after(each) for each in shots if since <= after(each) < until]
                 for uid, shots in self.shots.items()}  # fmt: skip
        return [Witness(uid, shots[0], shots[-1]) for uid, shots in found.items() if shots]

    def others_around(self, since: datetime, until: datetime) -> tuple[datetime | None, datetime | None]:
        every = [after(each) for shots in self.shots.values() for each in shots]
        return (
            max((each for each in every if each < since), default=None),
            min((each for each in every if each >= until), default=None),
        )

    def told(self, since: datetime, until: datetime) -> Sequence[Fact]:
        since_ms, until_ms = to_ms(since) - TOLERANCE_MS, to_ms(until) + TOLERANCE_MS
        before = [fact for fact in self.facts if fact.kind in CAMERA and fact.at_ms < since_ms]
        return [*before[-1:], *(fact for fact in self.facts if since_ms <= fact.at_ms <= until_ms)]


NOBODY = Others({})
EVERY_TEN = [float(second) for second in range(-603, 1200, 10)]
CASE = Case(
    interval=CaptureInterval(INTERVAL, confidence=1.0, jitter=timedelta(milliseconds=50)),
    listed_at=NOON + timedelta(days=30),
    horizon=HORIZON,
    alone=False,
)


def hole(length: float, *, bak: int | None = None, lag: timedelta = timedelta(seconds=2)) -> Hole:
    before, behind = Taken(NOON, lag=lag), Taken(after(length), bak, lag)
    return Hole(before.captured_at, behind.captured_at, before, behind, taken_over=bak)


def cause(found: Hole, case: Case = CASE, others: Others = NOBODY) -> Cause:
    (gap,) = explain(found, case, others)
    assert (gap.since, gap.until) == (found.since, found.until)
    assert gap.evidence
    return gap.cause


# Another recorder.


def test_a_recorder_that_takes_over_within_its_time_is_a_failover() -> None:
    (gap,) = explain(hole(99, bak=0), CASE, NOBODY)
    assert (gap.cause, gap.on, gap.missing) == (Cause.FAILOVER, True, 9)
    assert gap.evidence == "the recorder changed from original to bak0"


def test_a_recorder_that_takes_over_later_is_none() -> None:
    longest = (FAILOVER + INTERVAL).total_seconds()
    assert cause(hole(longest, bak=0)) is Cause.FAILOVER
    assert cause(hole(longest + 0.1, bak=0)) is not Cause.FAILOVER


def test_where_others_went_on_it_was_no_failover() -> None:
    assert cause(hole(95, bak=0), CASE, Others({"7": EVERY_TEN})) is Cause.UNKNOWN


# Others.


def test_a_camera_is_off_while_others_go_on() -> None:
    (gap,) = explain(hole(303), CASE, Others({"7": EVERY_TEN, "8": EVERY_TEN, "9": EVERY_TEN}))
    assert (gap.cause, gap.on, gap.evidence) == (Cause.CAMERA_OFF, False, "user 7 and 2 others went on")


def test_a_session_is_silent_while_nobody_has_shots() -> None:
    others = Others({"7": [each for each in EVERY_TEN if not -1 < each < 302]})
    (gap,) = explain(hole(303), CASE, others)
    assert (gap.cause, gap.on) == (Cause.SESSION_SILENT, False)
    (changed,) = explain(hole(303, bak=0), CASE, others)
    assert (changed.cause, changed.on) == (Cause.SESSION_SILENT, None)


@given(st.floats(15.5, 60), st.floats(0, 10))
def test_somebody_who_goes_on_is_seen_however_their_clock_ticks(length: float, phase: float) -> None:
    others = Others({"7": [second + phase for second in EVERY_TEN]})
    assert cause(hole(length), CASE, others) in {Cause.CAMERA_OFF, Cause.UNKNOWN}


@given(st.floats(200, 600), st.lists(st.floats(0, 10), min_size=1, max_size=4))
def test_a_silence_is_seen_however_the_clocks_of_others_tick(length: float, phases: list[float]) -> None:
    others = Others({str(number): [each + phase for each in EVERY_TEN if not 0 <= each + phase < length]
                     for number, phase in enumerate(phases)})  # fmt: skip
    assert cause(hole(length), CASE, others) is Cause.SESSION_SILENT


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([-300.0, -290.0, 700.0, 710.0], id="long before and after"),
        pytest.param([-20.0, -10.0], id="before only"),
        pytest.param([310.0, 320.0], id="after only"),
        pytest.param([-5.0, 5.0, *range(35, 120, 10), 310.0], id="for a part of it"),
    ],
)
def test_others_that_do_not_tell_leave_it_open(seen: list[float]) -> None:
    assert cause(hole(303), CASE, Others({"7": seen})) is Cause.UNKNOWN


def test_the_only_one_of_a_session_may_be_silent_or_off() -> None:
    (gap,) = explain(hole(303), replace(CASE, alone=True), NOBODY)
    assert (gap.cause, gap.on) == (Cause.UNKNOWN, None)


# The clock.


@given(st.integers(2, FEW + 1), st.integers(-90, 90))
def test_a_few_shots_missing_while_the_clock_goes_on_may_be_lost(ticks: int, late_ms: int) -> None:
    (gap,) = explain(hole(ticks * 10 + late_ms / 1000), CASE, Others({"7": EVERY_TEN}))
    assert (gap.cause, gap.on, gap.missing) == (Cause.UNKNOWN, True, ticks - 1)


@given(st.integers(2, FEW + 1), st.integers(1_000, 4_000))
def test_a_clock_that_began_anew_tells_a_camera_that_was_off(ticks: int, late_ms: int) -> None:
    assert cause(hole(ticks * 10 + late_ms / 1000), CASE, Others({"7": EVERY_TEN})) is Cause.CAMERA_OFF


def test_as_long_as_they_may_come_lost_pictures_are_pending() -> None:
    case = replace(CASE, listed_at=NOON + timedelta(hours=95))
    (gap,) = explain(hole(20), case, Others({"7": EVERY_TEN}))
    assert (gap.cause, gap.on) == (Cause.PENDING, True)


def test_a_clock_that_cannot_be_read_leaves_few_missing_shots_open() -> None:
    second = CaptureInterval(timedelta(seconds=1), confidence=1, jitter=timedelta(milliseconds=60))
    others = Others({"7": [float(each) for each in range(-60, 60)]})
    assert cause(hole(4.5), replace(CASE, interval=second), others) is Cause.UNKNOWN
    assert cause(hole(24.5), replace(CASE, interval=second), others) is Cause.CAMERA_OFF


# Uploads.


def test_late_uploads_beside_it_make_it_pending() -> None:
    slow = timedelta(hours=2)
    soon, later = NOON + timedelta(hours=3), NOON + timedelta(hours=6)
    others = Others({"7": EVERY_TEN})
    assert cause(hole(303, lag=slow), replace(CASE, listed_at=soon), others) is Cause.PENDING
    assert cause(hole(303, lag=slow), replace(CASE, listed_at=later), others) is Cause.CAMERA_OFF


def test_a_copied_bucket_has_no_late_uploads() -> None:
    lag = timedelta(days=2)
    case = replace(CASE, listed_at=NOON + timedelta(days=3), usual_lag=lag)
    assert cause(hole(303, lag=lag), case, Others({"7": EVERY_TEN})) is Cause.CAMERA_OFF


def test_who_was_there_shortly_before_the_listing_may_be_there_still() -> None:
    last = Taken(NOON)
    gone = Hole(NOON, after(900), last, None)
    assert cause(gone, replace(CASE, listed_at=after(900))) is Cause.PENDING
    assert cause(gone, replace(CASE, listed_at=NOON + UPLOAD)) is Cause.LEFT


# The ends.


def test_before_the_first_shot_one_has_not_joined_and_behind_the_last_one_left() -> None:
    (first,) = explain(Hole(NOON, after(95), None, Taken(after(95))), CASE, NOBODY)
    (last,) = explain(Hole(NOON, after(95), Taken(NOON), None), CASE, NOBODY)
    assert (first.cause, first.on, first.missing) == (Cause.NOT_JOINED, False, 9)
    assert (last.cause, last.on, last.missing) == (Cause.LEFT, False, 9)


# What was removed.


def test_removed_shots_are_told_apart_from_the_rest_of_a_gap() -> None:
    case = replace(CASE, removed=[Removed(after(100), after(190), 10)])
    found = list(explain(hole(603), case, Others({"7": EVERY_TEN})))
    assert [(gap.cause, gap.since, gap.until) for gap in found] == [
        (Cause.CAMERA_OFF, NOON, after(100)),
        (Cause.EXPIRED, after(100), after(190)),
        (Cause.CAMERA_OFF, after(190), after(603)),
    ]
    assert (found[1].missing, found[1].on) == (10, True)
    assert found[1].evidence == "10 pictures of it were removed from the storage"


def test_before_what_was_removed_one_had_not_joined() -> None:
    case = replace(CASE, removed=[Removed(after(300), after(590), 30)])
    found = list(explain(Hole(NOON, after(600), None, Taken(after(600))), case, NOBODY))
    assert [gap.cause for gap in found] == [Cause.NOT_JOINED, Cause.EXPIRED]
    assert found[1].until == after(600)


def test_who_had_pictures_that_were_removed_before_it_had_joined() -> None:
    case = replace(CASE, removed=[Removed(after(-300), after(-200), 10), Removed(after(800), after(900), 10)])
    others = Others({"7": EVERY_TEN})
    assert cause(Hole(NOON, after(303), None, Taken(after(303))), case, others) is Cause.CAMERA_OFF
    assert cause(Hole(NOON, after(303), Taken(NOON), None), case, others) is Cause.CAMERA_OFF


@pytest.mark.parametrize(
    ("removed", "missing"),
    [
        pytest.param(
            [Removed(after(100), after(190), 10), Removed(after(104), after(194), 10)], 10, id="two recorders"
        ),
        pytest.param(
            [Removed(after(100), after(300), 10), Removed(after(104), after(294), 9)], 10, id="half of it lost"
        ),
        pytest.param([Removed(after(100), after(190), 10), Removed(after(150), after(300), 16)], 21, id="a switch"),
        pytest.param(
            [Removed(after(100), after(300), 3), Removed(after(104), after(300), 20)], 20, id="few beside many"
        ),
        pytest.param([Removed(after(100), after(190), 10), Removed(after(200), after(290), 10)], 20, id="in turns"),
    ],
)
def test_removed_shots_of_a_moment_count_once(removed: list[Removed], missing: int) -> None:
    found = [gap for gap in explain(hole(603), replace(CASE, removed=removed), NOBODY) if gap.cause is Cause.EXPIRED]
    assert [gap.missing for gap in found] == [missing]


@st.composite
def removals(draw: st.DrawFn) -> list[Removed]:
    spans = draw(st.lists(st.tuples(st.integers(-200, 900), st.integers(0, 300), st.integers(1, 40)), max_size=5))
    return [Removed(after(begin), after(begin + length), shots) for begin, length, shots in sorted(spans)]


@given(st.floats(16, 700), removals(), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 200))
def test_the_gaps_of_a_hole_tile_it(
    length: float, removed: list[Removed], is_first: bool, is_last: bool, alone: bool, hours: int
) -> None:
    whole = hole(length)
    found = replace(whole, before=None if is_first else whole.before, after=None if is_last else whole.after)
    case = replace(CASE, removed=removed, alone=alone, listed_at=NOON + timedelta(hours=hours))
    gaps = list(explain(found, case, Others({"7": EVERY_TEN})))
    assert (gaps[0].since, gaps[-1].until) == (found.since, found.until)
    assert all(one.until == other.since for one, other in pairwise(gaps))
    assert all(gap.length >= timedelta(0) and gap.missing >= 0 and gap.evidence for gap in gaps)


# Periods.


def test_a_part_of_a_gap_has_the_cause_of_the_whole() -> None:
    (gap,) = explain(hole(303), CASE, Others({"7": EVERY_TEN}))
    part = within(gap, after(100), after(200))
    assert part is not None
    assert (part.since, part.until, part.cause, part.missing) == (after(100), after(200), Cause.CAMERA_OFF, 10)
    assert within(gap, after(303), after(400)) is None
    assert within(gap, NOON, after(400)) == gap


def test_of_a_part_of_what_has_expired_the_pictures_of_the_part_are_told() -> None:
    case = replace(CASE, removed=[Removed(after(10), after(910), 91)])
    (gap,) = explain(hole(920), case, NOBODY)
    part = within(gap, after(100), after(700))
    assert part is not None
    assert (part.missing, part.evidence) == (59, "59 pictures of it were removed from the storage")


# The figures.

gaps_of_any_kind = st.builds(
    Gap,
    since=st.just(NOON),
    until=st.integers(1, 2_000).map(after),
    missing=st.integers(0, 200),
    cause=st.sampled_from(Cause),
    evidence=st.just("it is a test"),
    on=st.sampled_from([True, False, None]),
)
runs_of_any_kind = st.builds(
    Run,
    first_at=st.just(NOON),
    last_at=st.integers(0, 2_000).map(after),
    shots=st.integers(1, 200),
    baks=st.just((None,)),
    overlapping=st.just(0),
    missing=st.integers(0, 5),
)


@given(st.lists(runs_of_any_kind, max_size=5), st.lists(gaps_of_any_kind, max_size=5))
def test_presence_and_capture_are_shares(runs: list[Run], gaps: list[Gap]) -> None:
    span = sum([*(run.length for run in runs), *(gap.length for gap in gaps)], timedelta())
    assert 0 <= presence(runs, gaps, span=span, interval=INTERVAL) <= 1
    share = capture(runs, gaps)
    assert share is None or 0 <= share <= 1
    if runs:
        assert share is not None


def test_presence_never_claims_what_is_not_known() -> None:
    run = Run(NOON, after(100), 11, (None,))
    gap = Gap(after(100), after(200), 9, Cause.UNKNOWN, "", on=None)
    assert presence([run], [gap], span=timedelta(seconds=200)) == 0.5
    assert presence([run], [replace(gap, on=True)], span=timedelta(seconds=200)) == 1.0
    assert presence([run], [replace(gap, on=False)], span=timedelta(seconds=200)) == 0.5


def test_capture_counts_what_is_missing_while_the_camera_was_on() -> None:
    run = Run(NOON, after(100), 11, (None,))
    gap = Gap(after(100), after(200), 9, Cause.FAILOVER, "", on=True)
    assert capture([run], [gap]) == 11 / 20
    assert capture([run], [replace(gap, on=False)]) == 1.0
    assert capture([run], [replace(gap, on=None)]) == 1.0
    assert capture([], []) is None


def test_what_has_expired_was_captured() -> None:
    run = Run(NOON, after(100), 11, (None,))
    gap = Gap(after(100), after(200), 9, Cause.EXPIRED, "", on=True)
    assert capture([run], [gap]) == 1.0
    assert presence([run], [gap], span=timedelta(seconds=200), interval=INTERVAL) == 1.0
    # Three pictures do not show that the camera was on all the time.
    few = replace(gap, missing=3)
    assert presence([run], [few], span=timedelta(seconds=200), interval=INTERVAL) == 0.7


def test_two_recorders_do_not_make_up_for_what_is_lost() -> None:
    both = [Taken(after(second), bak) for second in range(0, 101, 10) for bak in (None, 0)]
    late = [Taken(after(second)) for second in range(200, 301, 10)]
    found = list(pieces([*both, *late], since=NOON, until=after(300), interval=INTERVAL))
    runs = [piece for piece in found if isinstance(piece, Run)]
    gap = Gap(after(100), after(200), 9, Cause.UNKNOWN, "", on=True)
    assert capture(runs, [gap]) == 22 / 31


# Callbacks.

ON, OFF, TAKEN_OVER, LEFT, STARTED = (
    FactKind.CAMERA_ON,
    FactKind.CAMERA_OFF,
    FactKind.FAILOVER,
    FactKind.RECORDER_LEFT,
    FactKind.RECORDER_STARTED,
)
TOLD = replace(CASE, told_until=after(5_000))
GONE_ON = {"7": EVERY_TEN}


def facts(*told: tuple[float, FactKind]) -> list[Fact]:
    of_user = {ON, OFF}
    found = [Fact("sid", "room", "1" if kind in of_user else "", to_ms(after(at)), kind) for at, kind in told]
    return sorted(found, key=lambda fact: fact.at_ms)


def told_gaps(
    found: Hole, told: Sequence[tuple[float, FactKind]], shots: dict[str, list[float]] | None = None, case: Case = TOLD
) -> list[tuple[Cause, float, float, bool | None]]:
    """Cause, beginning, end, and whether the camera was on."""
    gaps = list(explain(found, case, Others(shots or {}, facts(*told))))
    assert (gaps[0].since, gaps[-1].until) == (found.since, found.until)
    assert all(one.until == other.since for one, other in pairwise(gaps))
    return [(gap.cause, (gap.since - NOON).total_seconds(), (gap.until - NOON).total_seconds(), gap.on) for gap in gaps]


@pytest.mark.parametrize(
    ("told", "evidence"),
    [
        pytest.param(
            [(-300, ON), (4, OFF), (299, ON)],
            "the user sent no video from 12:00:04Z to 12:04:59Z (callbacks)",
            id="both ends",
        ),
        pytest.param([(-300, ON), (4, OFF)], "the user stopped sending video at 12:00:04Z (callback)", id="off only"),
        pytest.param([(-300, ON), (299, ON)], "the user began to send video at 12:04:59Z (callback)", id="on only"),
        pytest.param([(299, ON)], "the user began to send video at 12:04:59Z (callback)", id="nothing before"),
        pytest.param(
            [(-300, ON), (299, ON), (299.4, ON)],
            "the user began to send video at 12:04:59Z (callback)",
            id="on only, and twice",
        ),
        pytest.param(
            [(-9, OFF), (-1, ON), (299, ON)],
            "the user began to send video at 12:04:59Z (callback)",
            id="on at both ends",
        ),
        pytest.param(
            [(-300, ON), (-1, OFF), (299, ON), (299.4, ON)],
            "the user sent no video from 11:59:59Z to 12:04:59Z (callbacks)",
            id="clocks that differ, and twice",
        ),
        pytest.param(
            [(-300, ON), (4, OFF), (80, ON), (90, OFF), (299, ON)],
            "the user sent no video from 12:00:04Z to 12:04:59Z (callbacks)",
            id="on between two pictures",
        ),
        pytest.param(
            [(-300, ON), (4, OFF), (120, TAKEN_OVER), (299, ON)],
            "the user sent no video from 12:00:04Z to 12:04:59Z (callbacks)",
            id="a failover meanwhile",
        ),
    ],
)
@pytest.mark.parametrize("shots", [GONE_ON, {}])
def test_one_callback_of_two_tells_that_a_camera_was_off(
    told: list[tuple[float, FactKind]], evidence: str, shots: dict[str, list[float]]
) -> None:
    (gap,) = explain(hole(303), replace(TOLD, alone=not shots), Others(shots, facts(*told)))
    assert (gap.cause, gap.on, gap.evidence, gap.told_by) == (Cause.CAMERA_OFF, False, evidence, ToldBy.CALLBACKS)


def test_a_gap_that_is_partly_a_camera_that_was_off_is_told_in_parts() -> None:
    told = [(-300.0, ON), (104.0, OFF), (204.0, ON)]
    assert told_gaps(hole(303), told) == [
        (Cause.UNKNOWN, 0, 104, True),
        (Cause.CAMERA_OFF, 104, 204, False),
        (Cause.UNKNOWN, 204, 303, True),
    ]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([(second, ON) for second in range(-600, 1_000, 60)], id="by the minute"),
        pytest.param([(second, ON) for second in range(-570, 1_000, 60)], id="half a minute later"),
        pytest.param([(-300, ON), (20, ON), (290, ON)], id="twice"),
    ],
)
def test_callbacks_that_repeat_that_a_camera_is_on_do_not_tell_that_it_was_off(
    told: list[tuple[float, FactKind]],
) -> None:
    assert told_gaps(hole(303), told, GONE_ON) == [(Cause.UNKNOWN, 0, 303, True)]


def test_a_camera_was_on_from_the_first_callback_that_tells_it() -> None:
    off = (Cause.CAMERA_OFF, 0, 150, False)
    assert told_gaps(hole(303), [(4, OFF), (150, ON), (290, ON)]) == [off, (Cause.UNKNOWN, 150, 303, True)]
    # What a new recorder says of whom it sees is no repetition.
    assert told_gaps(hole(303), [(-300, ON), (150, ON), (200, TAKEN_OVER), (201, ON)])[0] == off


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([(-300, ON), (100, OFF), (101, ON)], id="off for a moment"),
        pytest.param([(-300, ON), (3, ON)], id="on right behind the last picture"),
        pytest.param([(-300, OFF), (3, ON)], id="the same, and off before"),
        pytest.param([(-300, ON), (290, OFF)], id="off right before the next picture"),
    ],
)
def test_a_camera_that_was_off_for_no_longer_than_a_pause_makes_no_part(told: list[tuple[float, FactKind]]) -> None:
    assert told_gaps(hole(303), told) == [(Cause.UNKNOWN, 0, 303, True)]


def test_a_gap_that_is_hardly_longer_than_a_pause_is_a_camera_that_was_off_for_a_moment() -> None:
    assert told_gaps(hole(16.5), [(-300, ON), (5, OFF), (7, ON)]) == [(Cause.CAMERA_OFF, 0, 16.5, False)]


def test_at_the_ends_of_a_session_a_moment_off_makes_a_part_only_if_nobody_came_back() -> None:
    first, last = Hole(NOON, after(95), None, Taken(after(95))), Hole(NOON, after(300), Taken(NOON), None)
    assert told_gaps(first, [(5, ON)]) == [(Cause.UNKNOWN, 0, 95, True)]
    assert told_gaps(last, [(-90, ON), (295, OFF)]) == [
        (Cause.UNKNOWN, 0, 295, True),
        (Cause.LEFT, 295, 300, False),
    ]
    (gap,) = explain(last, TOLD, Others({}, facts((-90, ON), (100, OFF), (101, ON))))
    assert (gap.cause, gap.on) == (Cause.UNKNOWN, None)
    assert gap.evidence == "the user sent video from 12:01:41Z on (callback), and has no pictures"


def test_a_camera_that_callbacks_tell_was_on_was_not_off_whatever_others_did() -> None:
    soon = replace(TOLD, listed_at=NOON + timedelta(hours=1))
    for shots in (GONE_ON, {}):
        others = Others(shots, facts((-300, ON), (900, OFF)))
        (gap,) = explain(hole(303), TOLD, others)
        assert (gap.cause, gap.on, gap.missing) == (Cause.UNKNOWN, True, 29)
        assert gap.evidence == "the camera was on (callbacks): pictures seem to be lost"
        (gap,) = explain(hole(303), soon, others)
        assert (gap.cause, gap.on) == (Cause.PENDING, True)
        (gap,) = explain(hole(303), replace(soon, backed_up=True), others)
        assert (
            gap.evidence == "the camera was on (callbacks), and files wait in Agora's backup: pictures may still come"
        )


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([], id="none of this user"),
        pytest.param([(-300, OFF)], id="a switch that got lost before"),
        pytest.param([(-300, OFF), (500, ON)], id="the last before tells that it is off"),
        pytest.param([(500, ON), (600, OFF)], id="only later ones"),
    ],
)
def test_where_callbacks_do_not_tell_others_do(told: list[tuple[float, FactKind]]) -> None:
    assert told_gaps(hole(303), told, GONE_ON) == [(Cause.CAMERA_OFF, 0, 303, False)]
    assert told_gaps(hole(303), told, case=replace(TOLD, alone=True)) == [(Cause.UNKNOWN, 0, 303, None)]


def test_callbacks_that_ended_before_the_gap_did_tell_nothing_of_it() -> None:
    case = replace(CASE, told_until=after(200))
    assert told_gaps(hole(303), [(-300, ON)], GONE_ON, case) == [(Cause.CAMERA_OFF, 0, 303, False)]


def test_a_failover_that_a_callback_tells_of_may_take_longer_and_need_no_picture_of_the_new_recorder() -> None:
    told = [(-300.0, ON), (80.0, TAKEN_OVER), (81.0, ON)]
    assert told_gaps(hole(130), told) == [(Cause.FAILOVER, 0, 130, True)]
    (gap,) = explain(hole(130, bak=0), TOLD, Others({}, facts(*told)))
    assert (gap.evidence, gap.told_by) == (
        "another recorder took over at 12:01:20Z (callback)",
        ToldBy.CALLBACKS,
    )
    assert told_gaps(hole(95, bak=0), told) == [(Cause.FAILOVER, 0, 95, True)]
    # But nobody has pictures while there is no recorder, and it does not take for ever.
    assert told_gaps(hole(130), told, GONE_ON) == [(Cause.CAMERA_OFF, 0, 130, False)]
    assert told_gaps(hole(603), told)[0][0] is not Cause.FAILOVER


def test_a_new_recorder_that_tells_whom_it_sees_does_not_tell_that_they_were_off() -> None:
    told = [(-300.0, ON), (80.0, ON)]
    assert told_gaps(hole(95, bak=0), told) == [(Cause.FAILOVER, 0, 95, True)]


@pytest.mark.parametrize(
    ("told", "evidence"),
    [
        ([(3, LEFT), (296, STARTED)], "no recorder was there from 12:00:03Z to 12:04:56Z (callbacks)"),
        ([(3, LEFT)], "the recorder left at 12:00:03Z (callback)"),
        ([(296, STARTED), (297, ON)], "a recorder began at 12:04:56Z (callback)"),
    ],
)
def test_where_no_recorder_was_there_the_session_is_silent(told: list[tuple[float, FactKind]], evidence: str) -> None:
    others = Others({}, facts((-300, ON), *told))
    (gap,) = explain(hole(303), replace(TOLD, alone=True), others)
    assert (gap.cause, gap.on, gap.evidence) == (Cause.SESSION_SILENT, None, evidence)
    # A recorder that leaves while another one goes on makes no silence.
    assert told_gaps(hole(303), [(-300, ON), *told], GONE_ON) == [(Cause.CAMERA_OFF, 0, 303, False)]


@pytest.mark.parametrize("told", [(-0.8, STARTED), (1.5, STARTED), (18.5, LEFT), (21.0, LEFT)])
def test_a_recorder_that_begins_or_leaves_at_the_end_of_a_gap_was_not_away_in_it(told: tuple[float, FactKind]) -> None:
    assert told_gaps(hole(20), [told])[0][0] is not Cause.SESSION_SILENT


def test_a_recorder_that_was_away_for_less_than_half_of_a_gap_does_not_explain_it() -> None:
    for back, is_silent in ((195.0, False), (230.0, True)):
        (gap,) = explain(hole(303), TOLD, Others({}, facts((-300, ON), (100, LEFT), (back, STARTED))))
        assert (gap.cause is Cause.SESSION_SILENT) == is_silent


def test_before_the_first_picture_one_has_not_joined_until_a_callback_tells_it() -> None:
    first = Hole(NOON, after(95), None, Taken(after(95)))
    assert told_gaps(first, []) == [(Cause.NOT_JOINED, 0, 95, False)]
    assert told_gaps(first, [(92, ON)]) == [(Cause.NOT_JOINED, 0, 95, False)]
    assert told_gaps(first, [(42, ON)]) == [(Cause.NOT_JOINED, 0, 42, False), (Cause.UNKNOWN, 42, 95, True)]
    assert told_gaps(first, [(-5, ON)]) == [(Cause.UNKNOWN, 0, 95, True)]
    assert told_gaps(first, [(1, ON)]) == [(Cause.UNKNOWN, 0, 95, True)]


def test_behind_the_last_picture_one_has_left_unless_a_callback_tells_of_coming_back() -> None:
    last = Hole(NOON, after(300), Taken(NOON), None)
    assert told_gaps(last, [(-90, ON)]) == [(Cause.LEFT, 0, 300, False)]
    (gap,) = explain(last, TOLD, Others({}, facts((-90, ON), (4, OFF))))
    assert (gap.cause, gap.evidence) == (Cause.LEFT, "the user stopped sending video at 12:00:04Z (callback)")
    assert told_gaps(last, [(54, OFF)]) == [(Cause.UNKNOWN, 0, 54, True), (Cause.LEFT, 54, 300, False)]
    came_back = [(4.0, OFF), (100.0, ON)]
    assert told_gaps(last, came_back) == [(Cause.CAMERA_OFF, 0, 100, False), (Cause.UNKNOWN, 100, 300, None)]
    soon = replace(TOLD, listed_at=after(400))
    assert told_gaps(last, came_back, case=soon)[1] == (Cause.PENDING, 100, 300, None)
    assert told_gaps(last, [*came_back, (200.0, OFF)])[1:] == [
        (Cause.UNKNOWN, 100, 200, True),
        (Cause.LEFT, 200, 300, False),
    ]


def test_who_left_shortly_before_the_listing_has_left_if_a_callback_tells_it() -> None:
    last = Hole(NOON, after(300), Taken(NOON), None)
    case = replace(TOLD, listed_at=after(310))
    assert told_gaps(last, [(-90, ON)], case=case) == [(Cause.PENDING, 0, 300, None)]
    assert told_gaps(last, [(-90, ON), (4, OFF)], case=case) == [(Cause.LEFT, 0, 300, False)]


moments = st.integers(-400, 900).map(float)


@given(
    st.floats(16, 700),
    st.lists(st.tuples(moments, st.sampled_from([ON, OFF, TAKEN_OVER, LEFT, STARTED])), max_size=8),
    st.booleans(),
    st.booleans(),
    removals(),
)
def test_whatever_callbacks_tell_gaps_tile_their_hole(
    length: float, told: list[tuple[float, FactKind]], is_first: bool, is_last: bool, removed: list[Removed]
) -> None:
    whole = hole(length)
    found = replace(whole, before=None if is_first else whole.before, after=None if is_last else whole.after)
    case = replace(TOLD, removed=removed)
    gaps = list(explain(found, case, Others(GONE_ON, facts(*told))))
    assert (gaps[0].since, gaps[-1].until) == (found.since, found.until)
    assert all(one.until == other.since for one, other in pairwise(gaps))
    assert all(gap.missing >= 0 and gap.evidence for gap in gaps)
    # One picture that was removed expires in a moment.
    assert all(gap.length > timedelta(0) for gap in gaps if gap.cause is not Cause.EXPIRED)
    again = list(explain(found, case, Others(GONE_ON, facts(*told, *told))))
    assert again == gaps


def test_beside_what_has_expired_as_many_are_missing_as_without_callbacks() -> None:
    removed = [Removed(after(100), after(190), 10)]
    silent, told = (
        list(explain(hole(610), replace(case, removed=removed), Others(GONE_ON, facts((-300, ON)))))
        for case in (CASE, TOLD)
    )
    assert [gap.missing for gap in told] == [gap.missing for gap in silent] == [9, 10, 41]
    assert [gap.cause for gap in told] == [Cause.UNKNOWN, Cause.EXPIRED, Cause.UNKNOWN]


class Read(Fact):
    """A fact that counts how often anything of it is read."""

    times = 0

    def __getattribute__(self, name: str) -> object:
        Read.times += 1
        return super().__getattribute__(name)


@pytest.mark.parametrize("kinds", [(ON, ON), (OFF, ON), (LEFT, STARTED), (OFF, TAKEN_OVER, ON)])
def test_twice_the_callbacks_of_a_gap_are_about_twice_the_work(kinds: Sequence[FactKind]) -> None:
    work = []
    for count in (240, 480):
        told = facts((-300, ON), *((10 + 30 * number, kinds[number % len(kinds)]) for number in range(count)))
        Read.times = 0
        assert list(explain(hole(30 * count + 20), TOLD, Others({}, [Read(*fact) for fact in told])))
        work.append(Read.times)
    assert work[1] < 2.5 * work[0]


def test_a_picture_that_only_a_callback_told_of_says_nothing_of_uploads() -> None:
    slow = timedelta(hours=2)
    case = replace(CASE, listed_at=NOON + timedelta(hours=3))
    late = hole(303, lag=slow)
    announced = replace(late, before=Taken(NOON, lag=slow, tier=ANNOUNCED), after=Taken(after(303), tier=ANNOUNCED))
    assert cause(late, case, Others(GONE_ON)) is Cause.PENDING
    assert cause(announced, case, Others(GONE_ON)) is Cause.CAMERA_OFF
