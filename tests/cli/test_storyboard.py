"""`livestills storyboard`."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from indexer.agora.names import format_utc
from indexer.model import to_ms
from tests.cli.running import done, livestills
from tests.cli.worlds import NOON, configure, folder, series, shot, sid
from tests.unit.test_webvtt import strictly_parsed


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (40, 80, 120)).save(stream, "JPEG")
    return stream.getvalue()


def fill(keys: list[str], *, playlist: str | None = None, cname: str = "room") -> None:
    """A bucket in a folder, cataloged."""
    store = folder(Path("bucket"))
    for key in keys:
        store.put(key, jpeg(), content_type="image/jpeg")
    if playlist is not None:
        key = f"{sid()}_{cname}__uid_s_7__uid_e_video.m3u8"
        store.put(key, playlist.encode(), content_type="application/vnd.apple.mpegurl")
    configure(prod=Path("bucket").absolute().as_uri())
    done("sync")


def recorded(cname: str = "room") -> str:
    name = f"{sid()}_{cname}__uid_s_7__uid_e_video_{format_utc(to_ms(NOON))}.ts"
    return f"#EXTM3U\n#EXTINF:25.000000\n{name}\n#EXT-X-ENDLIST\n"


def test_it_writes_files_that_players_read_and_says_where() -> None:
    fill(series("7", shots=3), playlist=recorded())
    answer = done("storyboard", "--user", "7", "--to", "out")
    vtt, media, figures = answer.lines
    assert [cue.end_ms for cue in strictly_parsed(Path(vtt).read_text())] == [10_000, 20_000, 30_000]
    assert [cue.end_ms for cue in strictly_parsed(Path(media).read_text())] == [10_000, 20_000, 25_000]
    assert figures.startswith("  3 shots · 0 gaps · 1 sprite, ")
    assert "25s of it recorded" in figures
    assert done("storyboard", "--user", "7", "--to", "out").lines[-1] == "  an earlier run has made the same"
    assert len(done("storyboard", "--user", "7", "--to", "other", "--no-media").lines) == 2


def test_programs_are_told_each_storyboard_with_its_files() -> None:
    fill(series("7", shots=3) + series("8", shots=2))
    records = done("storyboard", "--session", sid(), "--to", "out", "-o", "ndjson").records
    assert sorted((record["uid"], record["tiles"], record["state"]) for record in records) == [
        ("7", 3, "made"),
        ("8", 2, "made"),
    ]
    for record in records:
        assert json.loads(Path(record["json"]).read_text())["uid"] == record["uid"]
        assert record["media_vtt"] is None


def test_hostile_channels_end_up_in_safe_names_and_plain_ascii() -> None:
    cname = '<b>"& --> #?\x1b[31m前'
    fill(series("7", shots=2, cname=cname), playlist=recorded(cname), cname=cname)
    answer = done("storyboard", "--user", "7", "--to", "out")
    assert "\x1b" not in answer.out + answer.err
    for path in Path("out").iterdir():
        assert path.name.isascii()
        if path.suffix != ".jpg":
            assert path.read_bytes().isascii()
    (document,) = [json.loads(path.read_text()) for path in Path("out").glob("*.json")]
    assert document["cname"] == cname


def test_a_picture_or_a_playlist_that_fails_is_named_and_the_status_is_3() -> None:
    fill(series("7", shots=3), playlist="<Error/>")
    Path("bucket", shot("7", at=10)).write_bytes(b"x")
    answer = livestills("storyboard", "--user", "7", "--to", "out")
    assert answer.status == 3
    assert "no media time: the playlist" in answer.err
    assert f"no picture: {shot('7', at=10)} (wrong-size)" in answer.err
    assert Path(answer.lines[0]).exists()


def test_a_storyboard_with_a_broken_picture_has_status_3_also_when_it_was_made_earlier() -> None:
    fill(series("7", shots=3))
    Path("bucket", shot("7", at=10)).write_bytes(b"<html>")
    done("sync")
    for state in ("made", "there"):
        answer = livestills("storyboard", "--user", "7", "--to", "out", "-o", "ndjson")
        (record,) = answer.records
        assert (answer.status, record["state"], record["no_picture"]) == (3, state, {"not-jpeg": 1})


def test_an_estimate_tells_requests_bytes_and_money_and_writes_nothing() -> None:
    fill(series("7", shots=3), playlist=recorded())
    answer = done("storyboard", "--user", "7", "--to", "out", "--estimate")
    assert answer.lines[0] == "1 series: 3 shots in 1 sprite"
    assert answer.lines[1].startswith("  4 GET requests, about ")
    assert "4 files to write" in answer.lines[2]
    assert not Path("out").exists()
    (record,) = done("storyboard", "--user", "7", "--estimate", "-o", "ndjson").records
    assert (record["get_requests"], record["files"], record["tiles"]) == (4, 4, 3)
    assert record["usd_put_single_tiles"] == pytest.approx(3 * 0.005 / 1000)


def test_nothing_that_matches_is_an_empty_answer() -> None:
    fill(series("7", shots=2))
    answer = done("storyboard", "--user", "nobody", "--to", "out")
    assert answer.out == ""
    assert "no shot that matches" in answer.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--channel", "room"), "a storyboard shows a user or a session: say --user or --session"),
        (("--user", "7", "--tile", "4x4"), "size 4x4"),
        (("--user", "7", "--tile", "512x288"), "makes sprites of 5120x2880 pixels"),
        (("--user", "7", "--grid", "ten"), "grid 'ten'"),
        (("--user", "7", "--every", "soon"), "--every 'soon' is no length of time"),
        (("--user", "7", "--base-url", "https://x/a b#"), "--base-url"),
    ],
)
def test_what_cannot_be_meant_is_a_line_and_status_2(arguments: tuple[str, ...], why: str) -> None:
    fill(series("7", shots=2))
    answer = livestills("storyboard", *arguments, "--to", "out")
    assert answer.status == 2
    assert why in answer.error


def test_gaps_are_told_with_their_cause() -> None:
    fill([*series("7", shots=3), *series("7", shots=3, start=300), *series("8", shots=33)])
    done("storyboard", "--user", "7", "--to", "out")
    (document,) = [json.loads(path.read_text()) for path in Path("out").glob("*.json")]
    (gap,) = [tile for tile in document["tiles"] if tile["key"] is None]
    assert (gap["no_picture"], gap["gap"]["evidence"]) == ("camera-off", "user 8 went on")
