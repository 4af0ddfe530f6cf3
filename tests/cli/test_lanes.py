"""Lanes: one line a user on a common clock."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.clock import Stretch, axis
from cli.lanes import LETTERS, ON, PARTLY, SIGNS, Sheet, cut_to, display_columns, drawn, lane, legend, pointers
from tests.cli.worlds import NOON

BERLIN = ZoneInfo("Europe/Berlin")


def _at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def _between(since: float, until: float) -> Stretch:
    return _at(since), _at(until)


SPAN = _between(0, 10)


def _drawn(stretches: Iterable[tuple[float, float, str]], width: int = 10) -> str:
    return drawn(lane([(_between(since, until), what) for since, until, what in stretches], SPAN, width), SIGNS)


def test_every_column_tells_what_was_going_on_in_it() -> None:
    assert _drawn([(0, 2, "not-joined"), (2, 4, ON), (4, 6, "camera-off"), (6, 8, ON), (8, 10, "left")]) == "··██oo██--"
    causes = ["failover", "session-silent", "pending", "expired", "unknown"]
    assert _drawn([(number, number + 1, cause) for number, cause in enumerate(causes)]) == "Fs~x?     "


def test_a_column_that_is_on_only_partly_has_a_mark_of_its_own() -> None:
    assert _drawn([(0, 2.5, ON), (2.5, 10, "left")]) == "██▄-------"
    assert _drawn([(0, 2.97, ON), (2.97, 10, "left")]) == "███-------"
    assert _drawn([(0, 2, "not-joined"), (2, 2, ON), (2, 10, "left")]) == "··▄-------"


def test_the_longer_of_two_gaps_names_a_column() -> None:
    assert _drawn([(0, 0.4, "failover"), (0.4, 1, "unknown"), (1, 10, ON)]) == "?█████████"


def test_a_session_of_one_moment_has_a_lane() -> None:
    assert lane([(_between(0, 0), ON)], _between(0, 0), 5) == [ON, None, None, None, None]


STRETCHES = st.lists(st.integers(0, 600_000), min_size=2, max_size=12, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(STRETCHES, st.integers(1, 120))
def test_what_tiles_the_span_leaves_no_column_empty_and_shows_all_that_is_on(cuts: list[int], width: int) -> None:
    moments = [NOON + timedelta(milliseconds=cut) for cut in cuts]
    span = moments[0], moments[-1]
    tiles = [
        ((first, last), ON if number % 2 else "camera-off") for number, (first, last) in enumerate(pairwise(moments))
    ]
    found = lane(tiles, span, width)
    assert len(found) == width
    assert None not in found
    assert (ON in found or PARTLY in found) == (len(tiles) > 1)


def test_only_the_marks_that_occur_are_explained() -> None:
    assert legend({"left", ON}, SIGNS) == "█ on  - left"
    assert legend([], SIGNS) == ""


def test_no_mark_stands_for_two_things() -> None:
    for marks in (SIGNS, LETTERS):
        assert len(set(marks.of.values())) == len(marks.of)
    assert all(sign.isascii() for sign in (*LETTERS.of.values(), LETTERS.pointer, LETTERS.ellipsis))


def test_failovers_are_pointed_at() -> None:
    assert pointers([(_at(5), "bak0")], SPAN, 20, SIGNS) == " " * 10 + "▼ bak0"
    # There is no place for the words of all.
    assert pointers([(_at(5), "bak0"), (_at(6), "bak1"), (_at(6.1), "bak2")], SPAN, 20, SIGNS) == " " * 10 + "▼ ▼"
    assert pointers([(_at(10), "bak0")], SPAN, 20, SIGNS) == " " * 19 + "▼"


def test_names_are_cut_by_the_columns_that_they_take() -> None:
    assert cut_to("中文频道", 8) == "中文频道"
    assert cut_to("中文频道", 7) == "中文频…"
    assert cut_to("中文频道", 6) == "中文…"
    assert cut_to("x" * 30, 5) == "xxxx…"


def test_lines_of_all_names_are_equally_wide() -> None:
    names = ["7", "中文频道" * 9, "\x1b[31mred", "👩\u200d💻", "e\u0301", "x" * 100]
    sheet = Sheet.fitting(SPAN, UTC, names, columns=100)
    found = lane([(SPAN, ON)], SPAN, sheet.lane_columns)
    lines = [sheet.line(name, found, "100 %", "99 %") for name in names]
    assert {display_columns(line) for line in lines} == {100}
    assert {display_columns(line[: line.index("█")]) for line in lines} == {26}
    assert "\x1b" not in "".join(lines)


def test_the_head_has_the_clock_of_the_zone_and_the_failovers() -> None:
    sheet = Sheet.fitting(SPAN, BERLIN, ["1001"], columns=60)
    assert list(sheet.head([(_at(5), "bak0")])) == [
        "user  13:00  13:02  13:04  13:06  13:08    presence  capture",
        "                       ▼ bak0",
    ]
    assert len(list(sheet.head())) == 1


def test_a_narrow_terminal_still_has_a_lane() -> None:
    assert Sheet.fitting(SPAN, UTC, ["x" * 50], columns=10).lane_columns == 20


@pytest.mark.parametrize(
    ("since", "minutes", "expected"),
    [
        (NOON, 0.5, "12:00:00     12:00:10     12:00:20"),
        (NOON, 10, "12:00   12:02   12:04   12:06   12:08"),
        (NOON, 600, "12:00   14:00   16:00   18:00   20:00"),
        (NOON, 60 * 24 * 40, "11-06  11-13  11-20  11-27  12-04  12-11"),
        # The clock goes from 03:00 back to 02:00, and from 02:00 on to 03:00.
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 240, "00:00     01:00     02:00     02:00"),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 180, "00:00        01:00        03:00"),
    ],
)
def test_an_axis_has_round_times_of_the_zone(since: datetime, minutes: float, expected: str) -> None:
    zone = UTC if since == NOON else BERLIN
    assert axis((since, since + timedelta(minutes=minutes)), 40, zone) == expected


def test_an_axis_reaches_over_all_calendars() -> None:
    ends = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        assert axis(ends, 40, ZoneInfo(zone)).startswith("0001")
        assert axis((ends[0], ends[0]), 40, ZoneInfo(zone)) == "00:00:00"
        assert axis((ends[1], ends[1]), 40, ZoneInfo(zone)) == ""
