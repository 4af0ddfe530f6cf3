from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import ConfigError
from indexer.render.sheet_model import Gap, Marks, SheetHead, Tile
from indexer.render.sheet_words import (
    FIELDS,
    Clock,
    Template,
    facts,
    gap_caption,
    gap_note,
    gap_title,
    legend,
    length,
    tile_caption,
)

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
VALUES = {field: f"<{field}>" for field in FIELDS}


def test_the_date_is_said_when_it_changes_and_the_offset_when_that_does() -> None:
    clock = Clock(BERLIN)
    before = datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC)
    assert clock.read(before) == ("2026-10-25", "02:59:50", "")
    assert clock.read(before + timedelta(seconds=10)) == ("", "02:00:00", "UTC+1")
    assert clock.peek(before + timedelta(days=1)) == clock.read(before + timedelta(days=1))
    assert clock.read(before + timedelta(days=1)) == ("", "01:59:50", "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.6, "1s"),
        (59, "59s"),
        (130, "2m 10s"),
        (3_600, "1h"),
        (3_605, "1h"),
        (79_000, "21h 56m"),
        (266_400, "3d 2h"),
    ],
)
def test_a_length_is_said_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert length(timedelta(seconds=seconds)) == text


def test_the_period_and_the_zone_are_facts() -> None:
    head = SheetHead("Maya", since=NOON, until=NOON + timedelta(hours=1), tiles=1_500, gaps=2)
    assert dict(facts(head, BERLIN)) == {
        "Period": "2026-11-05 13:00:00 to 14:00:00",
        "Time zone": "Europe/Berlin (UTC+1)",
        "Shots": "1,500",
        "Gaps": "2",
    }
    assert dict(facts(SheetHead("Maya", since=NOON, tiles=3, shots=7), UTC)) == {
        "Period": "from 2026-11-05 12:00:00",
        "Time zone": "UTC",
        "Shots": "7",
        "Shown": "3",
    }


def test_a_gap_says_how_long_it_is_and_why() -> None:
    gap = Gap(NOON, NOON + timedelta(minutes=12, seconds=10), "user 1003 went on", "camera-off")
    assert gap_title(gap) == "gap 12m 10s"
    assert gap_note(gap) == "camera-off: user 1003 went on"
    assert gap_note(Gap(NOON, NOON)) == ""
    assert gap_caption(gap, Clock(UTC)).time == "12:00:00 to 12:12:10"


def test_a_tile_that_stands_for_several_says_how_many_and_up_to_when() -> None:
    clock = Clock(UTC)
    tile = Tile(NOON, None, bak=1, until=NOON + timedelta(minutes=2), shots=13, frozen=True)
    caption = tile_caption(tile, clock)
    assert (caption.date, caption.time) == ("2026-11-05", "12:00:00 to 12:02:00")
    assert [badge.text for badge in caption.badges] == ["×13", "frozen", "bak1"]
    assert [badge.text for badge in tile_caption(Tile(NOON, None, look="black"), clock).badges] == ["black"]
    night = tile_caption(Tile(NOON, None, until=NOON + timedelta(days=1), shots=2), clock)
    assert (night.time, night.brief) == ("12:00:00 to 2026-11-06 12:00:00", "12:00:00 to 12:00:00")


def test_the_legend_has_what_occurs_and_nothing_else() -> None:
    marks = Marks()
    assert list(legend(marks)) == []
    marks.add(Tile(NOON, None, bak=3))
    marks.add(Gap(NOON, NOON, cause="left"))
    assert [(entry.swatch, entry.text) for entry in legend(marks)] == [
        (None, "taken by a failover recorder"),
        ("gap", "no shots, and why"),
    ]
    marks.add(Tile(NOON, None, shots=2, frozen=True))
    marks.add(Tile(NOON, None, look="covered"))
    marks.missing = True
    assert len(list(legend(marks))) == 6


# --- Captions of one's own ------------------------------------------------------------------------------------------


def test_a_template_is_filled_with_what_a_shot_tells() -> None:
    assert Template("{date} {time}  {{{uid}}}\n{name}").fill(VALUES) == "<date> <time> {<uid>} <name>"
    assert all(Template(f"{{{field}}}").fill(VALUES) == f"<{field}>" for field in FIELDS)


@pytest.mark.parametrize(
    "text",
    [
        "{foo}",
        "{}",
        "{0}",
        "{time.__class__}",
        "{uid[0]}",
        "{name!r}",
        "{size:>9}",
        "{time:{uid}}",
        "{time",
        "time}",
        "",
        "  ",
        "x" * 201,
    ],
)
def test_a_template_with_anything_but_fields_is_refused_with_their_names(text: str) -> None:
    with pytest.raises(ConfigError, match=r"fields are \{time\}, \{date\}, \{uid\}, \{name\}, \{channel\}"):
        Template(text)


@settings(max_examples=100)
@given(st.text(st.sampled_from("{}!:.[]_ atimeud0"), max_size=24))
def test_a_template_is_refused_or_can_be_filled(text: str) -> None:
    try:
        template = Template(text)
    except ConfigError:
        return
    assert "\n" not in template.fill(VALUES)
