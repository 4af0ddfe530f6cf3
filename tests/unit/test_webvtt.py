"""WebVTT of storyboards, read back by a parser that accepts only what every player does."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from indexer.render.webvtt import (
    LONGEST_MS,
    Box,
    ThumbnailCue,
    UnshowableError,
    fits_in_url,
    timestamp,
    write_thumbnails,
)

_TIME = r"([0-9]{2}):([0-5][0-9]):([0-5][0-9])\.([0-9]{3})"
_CUE = re.compile(rf"{_TIME} --> {_TIME}\n([!-~]+)#xywh=([0-9]+),([0-9]+),([0-9]+),([0-9]+)")


def strictly_parsed(text: str) -> list[ThumbnailCue]:
    """The cues of the subset; fails on anything else."""
    assert text.isascii()
    assert "\r" not in text
    assert text.endswith("\n")
    head, *blocks = text[:-1].split("\n\n")
    assert head.rstrip("\n") == "WEBVTT"
    cues = []
    for block in blocks:
        found = _CUE.fullmatch(block)
        assert found is not None, block
        hours, minutes, seconds, ms, *rest = found.groups()
        start = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)
        hours, minutes, seconds, ms = rest[:4]
        end = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)
        cues.append(ThumbnailCue(start, end, rest[4], Box(*map(int, rest[5:]))))
    assert not cues or cues[0].start_ms == 0
    assert all(cue.end_ms > cue.start_ms for cue in cues)
    assert all(one.end_ms == other.start_ms for one, other in pairwise(cues))
    return cues


URLS = st.text(st.characters(codec="ascii", min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40).filter(
    fits_in_url
)


@st.composite
def contiguous_cues(draw: st.DrawFn) -> list[ThumbnailCue]:
    cues: list[ThumbnailCue] = []
    start = 0
    for length in draw(st.lists(st.integers(1, 30_000_000), max_size=10)):
        box = Box(*(draw(st.integers(0, 4096)) for _ in range(4)))
        cues.append(ThumbnailCue(start, start + length, draw(URLS), box))
        start += length
    return cues


@example_settings(max_examples=100)
@given(contiguous_cues())
def test_what_is_written_is_read_back_by_the_strictest_of_players(cues: list[ThumbnailCue]) -> None:
    assert strictly_parsed("".join(write_thumbnails(cues))) == cues


BOX = Box(0, 0, 160, 90)


@pytest.mark.parametrize(
    ("cues", "why"),
    [
        ([ThumbnailCue(1, 2, "a.jpg", BOX)], "does not follow"),
        ([ThumbnailCue(0, 0, "a.jpg", BOX)], "does not follow"),
        ([ThumbnailCue(0, 5, "a.jpg", BOX), ThumbnailCue(4, 9, "a.jpg", BOX)], "does not follow"),
        ([ThumbnailCue(0, 5, "a.jpg", BOX), ThumbnailCue(6, 9, "a.jpg", BOX)], "does not follow"),
        (
            [ThumbnailCue(0, LONGEST_MS + 1, "a.jpg", BOX)],
            "lasts until 100:00:00.000, and players read no more than 99:59",
        ),
        ([ThumbnailCue(0, 5, "a b.jpg", BOX)], "cannot stand as an address"),
        ([ThumbnailCue(0, 5, "a-->b", BOX)], "cannot stand as an address"),
    ],
)
def test_what_players_would_misread_is_refused(cues: list[ThumbnailCue], why: str) -> None:
    with pytest.raises(UnshowableError, match=why):
        "".join(write_thumbnails(cues))


@pytest.mark.parametrize("text", ["", " ", "a\nb", "é", "a#b", "<c>", "a>b", 'a"b', "a&amp;b", "a-->b", "a\x7f", "a\0"])
def test_addresses_are_visible_ascii_without_markup(text: str) -> None:
    assert not fits_in_url(text)


def test_times_have_two_digits_of_hours_up_to_the_longest() -> None:
    assert [timestamp(ms) for ms in (0, 61_001, LONGEST_MS)] == ["00:00:00.000", "00:01:01.001", "99:59:59.999"]
