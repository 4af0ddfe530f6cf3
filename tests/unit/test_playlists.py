"""Playlists of recordings, and the two clocks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from indexer.agora.names import format_utc
from indexer.agora.playlists import (
    MAX_BYTES,
    PRECISION,
    BadPlaylistError,
    MediaClock,
    Playlist,
    Slice,
    clock_of,
    parse_playlist,
)
from indexer.model import to_ms

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
SID = "a" * 32


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def name(seconds: float, *, bak: str = "") -> str:
    return f"{bak}{SID}_room__uid_s_7__uid_e_video_{format_utc(to_ms(after(seconds)))}.ts"


def text(*lines: str, end: bool = True) -> bytes:
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:3", *lines, *(["#EXT-X-ENDLIST"] if end else []), ""]).encode()


def slices(*places: tuple[float, float], start_anew: bool = True) -> list[str]:
    """Lines of slices at so many seconds behind noon, each so long."""
    lines = []
    for at, length in places:
        lines += [*(["#EXT-X-DISCONTINUITY"] if start_anew else []), f"#EXTINF:{length:.6f}", name(at)]
    return lines


def seconds(*values: float) -> list[timedelta]:
    return [timedelta(seconds=value) for value in values]


INTERRUPTED = text(
    "#EXT-X-MEDIA-SEQUENCE:0",
    "#EXT-X-ALLOW-CACHE:YES",
    "#EXT-X-TARGETDURATION:34",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-AGORA-ROTATE:WIDTH=640,HEIGHT=480,ROTATE=0,TIME=20261105120000000",
    "#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE=VIDEO,TIME=20261105120000000",
    "#EXTINF:15.000000",
    name(0),
    "#EXTINF:14.500000",
    name(15),
    "#EXT-X-DISCONTINUITY",
    "#EXTINF:20.000000",
    name(60),
)


def test_a_playlist_as_agora_writes_them_is_read_whole() -> None:
    playlist = parse_playlist(INTERRUPTED)
    assert playlist == Playlist(
        (
            Slice(name(0), timedelta(seconds=15), after(0), True),
            Slice(name(15), timedelta(seconds=14.5), after(15), False),
            Slice(name(60), timedelta(seconds=20), after(60), True),
        ),
        ended=True,
    )
    assert playlist.length == timedelta(seconds=49.5)


def test_media_time_jumps_over_what_was_not_recorded() -> None:
    clock = clock_of([parse_playlist(INTERRUPTED)])
    places = [clock.media_at(after(moment)) for moment in (0, 14.9, 29.4, 60, 79.9)]
    assert places == seconds(0, 14.9, 29.4, 29.5, 49.4)
    assert [clock.media_at(after(moment)) for moment in (-1, 31, 59, 81)] == [None] * 4
    assert clock.wall_at(timedelta(seconds=29.6)) == after(60.1)
    assert clock.wall_at(timedelta(seconds=49.5)) is None


def test_a_moment_beside_a_slice_counts_as_at_its_end_within_what_is_promised() -> None:
    clock = clock_of([parse_playlist(INTERRUPTED)])
    assert clock.media_at(after(0) - PRECISION) == timedelta(0)
    assert clock.media_at(after(29.9)) == timedelta(seconds=29.5)
    assert clock.media_at(after(59.7)) == timedelta(seconds=29.5)


def test_program_date_time_goes_before_the_stamp_in_a_name_and_that_before_agora_events() -> None:
    playlist = parse_playlist(
        text(
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-05T14:00:01+02:00",
            "#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE=VIDEO,TIME=20261105120003000",
            "#EXTINF:10,",
            name(0),
            "#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE=VIDEO,TIME=20261105120003000",
            "#EXTINF:10,",
            name(11),
            f"#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE=VIDEO,TIME={to_ms(after(30))}",
            "#EXTINF:10,",
            "other.ts",
        )
    )
    assert [each.starts_at for each in playlist.slices] == [after(1), after(11), after(30)]


def test_a_slice_without_a_time_goes_on_where_the_one_before_it_ended_but_not_behind_a_discontinuity() -> None:
    plain = ["#EXTINF:10", "a.ts"]
    clock = clock_of([parse_playlist(text("#EXTINF:10", name(0), *plain, "#EXT-X-DISCONTINUITY", *plain))])
    assert clock.media_at(after(19)) == timedelta(seconds=19)
    assert clock.media_at(after(25)) is None
    assert clock.wall_at(timedelta(seconds=25)) is None
    assert clock.length == timedelta(seconds=30)


def test_failover_parts_go_on_in_media_time_and_may_lie_over_each_other_on_the_wall() -> None:
    original = parse_playlist(text(*slices((0, 30))))
    taken_over = parse_playlist(text(*slices((25, 30))))
    clock = clock_of([original, taken_over])
    assert clock.length == timedelta(seconds=60)
    assert clock.media_at(after(26)) == timedelta(seconds=26), "the first recorder that took it"
    assert clock.media_at(after(40)) == timedelta(seconds=45)


def test_slices_may_be_addressed_by_url() -> None:
    playlist = parse_playlist(text("#EXTINF:5,title", f"https://cdn.example/a/{name(3)}?X-Amz-Expires=3#t"))
    assert playlist.slices[0].starts_at == after(3)
    hard = name(3).replace("room", "a#b?c")
    assert parse_playlist(text("#EXTINF:5,title", hard)).slices[0] == Slice(hard, timedelta(seconds=5), after(3), True)


def test_a_playlist_that_is_cut_off_is_read_as_far_as_whole_lines_go() -> None:
    whole = text(*slices((0, 10), (10, 10)), end=False)
    assert not parse_playlist(whole).ended
    assert [each.name for each in parse_playlist(whole[:-20]).slices] == [name(0)]
    assert parse_playlist(text(*slices((0, 10)))[:-1]).ended, "only the last line end is missing"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin with #EXTM3U"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "does not begin with #EXTM3U"),
        (b"#EXTM3U\n\xff\xfe\n", "is not UTF-8"),
        (b"#EXTM3U\n" + b"#" * MAX_BYTES, "more than 16,777,216 bytes"),
        (text("#EXT-X-STREAM-INF:BANDWIDTH=1", "low.m3u8"), "lists other playlists"),
        (text("a.ts"), "a slice without #EXTINF before it (line 3)"),
        (text("#EXTINF:-5,", "a.ts"), "a slice of '-5' seconds (line 3)"),
        (text("#EXTINF:nan,", "a.ts"), "a slice of 'nan' seconds (line 3)"),
        (text("#EXTINF:1e9,", "a.ts"), "a slice of '1e9' seconds (line 3)"),
        (text("#EXTINF:999999999,", "a.ts"), "a slice of 999,999,999 seconds (line 3)"),
        (text(f"#EXTINF:{'9' * 5000},", "a.ts"), "seconds (line 3)"),
        (text("#EXT-X-PROGRAM-DATE-TIME:yesterday", "#EXTINF:5,", "a.ts"), "has the time 'yesterday', which is none"),
    ],
)
def test_what_is_no_playlist_is_said_in_one_line(data: bytes, why: str) -> None:
    with pytest.raises(BadPlaylistError) as caught:
        parse_playlist(data)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@example_settings(max_examples=100)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["#EXTINF:5", "#EXTINF:", "#EXT-X-DISCONTINUITY", "a.ts", name(0), "#EXT-X-ENDLIST"]),
            st.from_regex(r"#EXTINF:[0-9]{1,6}\.[0-9]{1,9},?", fullmatch=True),
            st.from_regex(r"#EXT-X-PROGRAM-DATE-TIME:[0-9]{4}-[01][0-9]-[0-3][0-9]T23:59:59Z", fullmatch=True),
            st.from_regex(r"#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TIME=[0-9]{13,17}", fullmatch=True),
        ),
        max_size=12,
    )
)
def test_any_text_is_a_clock_that_tiles_media_time_or_one_line(lines: list[str]) -> None:
    try:
        clock = clock_of([parse_playlist("\n".join(["#EXTM3U", *lines, ""]).encode("utf-8", "replace"))])
    except BadPlaylistError:
        return
    assert all(one.end == other.at for one, other in pairwise(clock.stretches))
    for each in clock.stretches:
        assert each.length > timedelta(0)
        if each.since is not None:
            assert clock.media_at(each.since) is not None


@st.composite
def clocks(draw: st.DrawFn, *, overlapping: bool) -> MediaClock:
    """Playlists of slices with pauses between them, some of them behind a discontinuity."""
    found: list[Slice] = []
    at = 0
    for _ in range(draw(st.integers(1, 8))):
        length = draw(st.integers(1, 40_000))
        pause = draw(st.one_of(st.just(0), st.integers(-30_000 if overlapping else 0, 90_000)))
        at += pause
        stamped = draw(st.booleans()) or pause != 0
        moment = NOON + timedelta(milliseconds=at) if stamped else None
        found.append(Slice("a.ts", timedelta(milliseconds=length), moment, draw(st.booleans()) and stamped))
        at += length
    cut = draw(st.integers(0, len(found)))
    parts = [Playlist(tuple(part), True) for part in (found[:cut], found[cut:]) if part]
    return clock_of(parts)


@example_settings(max_examples=100)
@given(clocks(overlapping=False), st.data())
def test_the_clocks_are_inverse_inside_of_stretches(clock: MediaClock, data: st.DataObject) -> None:
    stretch = data.draw(st.sampled_from(clock.stretches))
    into = timedelta(microseconds=data.draw(st.integers(0, stretch.length // timedelta(microseconds=1) - 1)))
    place = stretch.at + into
    moment = clock.wall_at(place)
    assert (moment is None) == (stretch.since is None)
    if moment is not None:
        assert clock.media_at(moment) == place
        assert clock.wall_at(clock.media_at(moment) or timedelta(0)) == moment


@example_settings(max_examples=100)
@given(clocks(overlapping=True), st.data())
def test_a_place_of_a_moment_shows_that_moment_also_where_recorders_overlap(
    clock: MediaClock, data: st.DataObject
) -> None:
    stretch = data.draw(st.sampled_from(clock.stretches))
    if stretch.since is None:
        return
    moment = stretch.since + timedelta(
        microseconds=data.draw(st.integers(0, stretch.length // timedelta(microseconds=1) - 1))
    )
    place = clock.media_at(moment)
    assert place is not None
    assert place <= stretch.at + (moment - stretch.since), "the first of several places"
    assert clock.wall_at(place) == moment
