"""The line of blocks that tells how much of each hour was covered."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.clock import Stretch, days
from cli.sparkline import BLOCKS, DIGITS, sparkline
from tests.cli.worlds import NOON

BERLIN = ZoneInfo("Europe/Berlin")


def _between(since_h: float, until_h: float, begin: datetime = NOON) -> Stretch:
    return begin + timedelta(hours=since_h), begin + timedelta(hours=until_h)


def _lines(covered: list[Stretch], span: Stretch, zone: tzinfo = UTC) -> list[str]:
    return list(sparkline(covered, span, zone))


@pytest.mark.parametrize(
    ("share", "mark"),
    [(None, "·"), (0, "▁"), (0.1, "▁"), (0.5, "▄"), (0.99, "▇"), (0.994, "▇"), (0.995, "█"), (1, "█")],
)
def test_a_share_has_a_block_and_only_the_whole_looks_whole(share: float | None, mark: str) -> None:
    assert BLOCKS.of(share) == mark


def test_without_blocks_there_are_digits() -> None:
    assert [DIGITS.of(share) for share in (None, 0, 0.5, 1)] == [".", "1", "4", "#"]


def test_each_hour_stands_over_its_name() -> None:
    assert _lines([_between(0, 3.5), _between(6.1, 8)], _between(0, 8)) == [
        "coverage per hour, 2026-11-05",
        "  ██ ██ ██ ▄▄ ·· ·· ▇▇ ██",
        "  12 13 14 15 16 17 18 19",
    ]


def test_hours_are_those_of_the_zone() -> None:
    assert _lines([_between(0, 8)], _between(0, 8), ZoneInfo("Asia/Kolkata"))[1:] == [
        "  ██ ██ ██ ██ ██ ██ ██ ██ ██",
        "  17 18 19 20 21 22 23 00 01",
    ]


@pytest.mark.parametrize(
    ("begin", "hours"),
    [
        (datetime(2026, 10, 24, 22, tzinfo=UTC), "  00 01 02 02 03 04"),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), "  00 01 03 04 05 06"),
    ],
)
def test_an_hour_that_a_turned_clock_repeats_or_skips_is_one_or_none(begin: datetime, hours: str) -> None:
    whole = _between(0, 6, begin)
    assert _lines([whole], whole, BERLIN)[1:] == ["  ██ ██ ██ ██ ██ ██", hours]


def test_more_than_a_day_is_a_line_a_day() -> None:
    begin = datetime(2026, 10, 24, 5, tzinfo=UTC)
    covered = [_between(0, 50, begin), _between(216, 219.2, begin)]
    assert _lines(covered, _between(0, 240, begin), BERLIN) == [
        "coverage per hour",
        "              00    06    12    18",
        "  2026-10-24         █████████████████  17h00m00s",
        "  2026-10-25  █████████████████████████     1d01h (a day of 25 hours)",
        "  2026-10-26  ████████················   8h00m00s",
        "  ... 6 days without any",
        "  2026-11-02  ······███▂··············   3h12m00s",
        "  2026-11-03  ······                           0s",
    ]
    begin = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert _lines([_between(0, 30, begin)], _between(0, 30, begin), BERLIN)[3:] == [
        "  2026-03-29  ██ █████████████████████  23h00m00s (a day of 23 hours)",
        "  2026-03-30  ██████                     6h00m00s",
    ]


def test_of_a_lesson_minutes_are_drawn() -> None:
    assert _lines([_between(0, 0.05), _between(0.075, 0.12)], _between(0, 0.12)) == [
        "coverage per minute, 2026-11-05",
        "  ██████··▄▄██████",
        "  12:00     12:05",
    ]
    assert _lines([_between(0, 1.5)], _between(0, 3)) == [
        "coverage per 5 minutes, 2026-11-05",
        "  ██████████████████··················",
        "  12:00       13:00       14:00",
    ]


def test_a_single_shot_is_seen() -> None:
    assert _lines([_between(0, 0)], _between(0, 0))[1:] == ["  ██", "  12:00"]
    assert _lines([_between(1, 1)], _between(0, 5))[1:] == ["  ·· ▁▁ ·· ·· ··", "  12 13 14 15 16"]


def test_it_reaches_over_all_calendars() -> None:
    ends = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        lines = _lines([(end, end) for end in ends], ends, ZoneInfo(zone))
        assert [line.split()[0] for line in lines[2:]] == ["0001-01-01", "...", "9999-12-31"]
        for end in ends:
            assert len(_lines([(end, end)], (end, end), ZoneInfo(zone))) == 3


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 365 * 24 * 60), st.integers(1, 20_000), ZONES)
def test_what_is_covered_throughout_has_nothing_but_whole_blocks(begin: int, minutes: int, zone: str) -> None:
    since = NOON + timedelta(minutes=begin)
    span = since, since + timedelta(minutes=minutes)
    drawing = "".join(_lines([span], span, ZoneInfo(zone)))
    assert "█" in drawing
    assert not set(drawing) & set("▁▂▃▄▅▆▇·")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 365 * 24 * 60), st.integers(1, 20_000), ZONES)
def test_days_tile_a_span_and_each_is_of_one_date(begin: int, minutes: int, zone: str) -> None:
    since = NOON + timedelta(minutes=begin)
    span = since, since + timedelta(minutes=minutes)
    parts = list(days(span, ZoneInfo(zone)))
    assert [parts[0][1][0], *(until for _, (_, until) in parts)] == [*(since for _, (since, _) in parts), span[1]]
    for day, (first, last) in parts:
        assert first.astimezone(ZoneInfo(zone)).date() == day
        assert (last - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() == day
