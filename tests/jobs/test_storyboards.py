"""What storyboards of a catalog hold, made by real worker processes, on folders."""

import io
import json
import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.agora.names import ScreenshotName, ShotHead, format_utc
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.compute.processes import Processes
from indexer.derived import thumbnail_key
from indexer.errors import ConfigError, InterruptedRunError
from indexer.jobs.lookup import Terms
from indexer.jobs.media import media_of
from indexer.jobs.storyboard_estimate import estimate
from indexer.jobs.storyboard_files import HEAD_LENGTH, Head, Result
from indexer.jobs.storyboard_plan import Places, Wishes
from indexer.jobs.storyboards import Follow, make
from indexer.jobs.sync import Access, Watch, sync
from indexer.jobs.thumbnails import Follow as ThumbFollow
from indexer.jobs.thumbnails import Places as ThumbPlaces
from indexer.jobs.thumbnails import make_thumbnails
from indexer.model import Selection, TimeRange, to_ms
from indexer.render.image import Flaw
from indexer.render.storyboard import Board
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.local import LocalStore
from indexer.storage.urls import Address, Location
from tests.catalogs import Urls, sqlite_urls
from tests.unit.test_webvtt import strictly_parsed

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SID = "a" * 32
SMALL = Board(ThumbSpec(32, 18), 4, 2)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def name(step: float, *, uid: str = "7", cname: str = "room", bak: str = "", sid: str = SID) -> str:
    return key_of(ScreenshotName(ShotHead("d/", bak, sid, cname, uid), at(10 * step)))


def jpeg(colour: int = 40) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (colour, 80, 120)).save(stream, "JPEG")
    return stream.getvalue()


def playlist(
    *places: tuple[float, float], bak: str = "", track: str = "video", uid: str = "7", end: bool = True
) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3"]
    for start, length in places:
        stamp = format_utc(to_ms(at(start)))
        lines += ["#EXT-X-DISCONTINUITY", f"#EXTINF:{length:.6f}"]
        lines += [f"{bak}{SID}_room__uid_s_{uid}__uid_e_{track}_{stamp}.ts"]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if end else []), ""])


def playlist_key(*, bak: str = "", track: str = "video", uid: str = "7", more: str = "") -> str:
    return f"d/{bak}{SID}_room__uid_s_{uid}__uid_e_{track}{more}.m3u8"


class World:
    """A bucket, a catalog of it, and folders for what is made."""

    def __init__(self, folder: Path, catalog_url: str) -> None:
        for place in ("bucket", "derived", "out"):
            (folder / place).mkdir()
        self.bucket = LocalStore(folder / "bucket")
        self.out = folder / "out"
        self.catalog = Catalog.open_to_write(catalog_url, now=START)
        self.origins = {"prod": Address(Location("file", str(folder / "bucket")))}
        self.derived = Address(Location("file", str(folder / "derived")))
        self.places = Places(self.origins, None, self.out)

    def fill(self, *keys: str) -> None:
        for key in keys:
            self.bucket.put(key, jpeg(), content_type="image/jpeg")

    def record(self, key: str, text: str) -> None:
        self.bucket.put(key, text.encode(), content_type="application/vnd.apple.mpegurl")

    def sync(self) -> None:
        sync(Access(self.bucket, ""), self.catalog, "prod", watch=Watch(lambda: at(10**6)))

    @property
    def terms(self) -> Terms:
        return Terms(intervals_s={}, horizon=timedelta(0), now=at(10**6))

    def make(
        self,
        selection: Selection = Selection(uid="7"),  # noqa: B008 - it is frozen
        *,
        board: Board = SMALL,
        every: timedelta | None = None,
        base_url: str = "",
        places: Places | None = None,
        again: bool = False,
        follow: Follow | None = None,
    ) -> list[Result]:
        return list(
            make(
                self.catalog,
                selection,
                Wishes(board, every, base_url=base_url),
                places or self.places,
                terms=self.terms,
                workers=1,
                follow=follow or Follow(),
                again=again,
                time_limit_s=60,
            )
        )

    def one(self, **wishes: Any) -> tuple[Result, dict[str, Any]]:
        (result,) = self.make(**wishes)
        assert result.json is not None
        return result, json.loads(result.json.read_text())


@pytest.fixture(scope="module")
def empty_catalogs(tmp_path_factory: pytest.TempPathFactory) -> Urls:
    return sqlite_urls(tmp_path_factory.mktemp("catalogs"))


@pytest.fixture
def world(tmp_path: Path, empty_catalogs: Urls) -> Iterator[World]:
    made = World(tmp_path, empty_catalogs())
    yield made
    made.catalog.close()


def starts(document: dict[str, Any]) -> list[tuple[float, str]]:
    return [(tile["start"], tile["no_picture"] or "shot") for tile in document["tiles"]]


def check_files(result: Result, document: dict[str, Any]) -> None:
    """Everything that is told is there, and nothing else of this series."""
    assert result.vtt is not None
    assert result.json is not None
    sprites = {each["file"]: each for each in document["sprites"]}
    for path in filter(None, (result.vtt, result.media_vtt)):
        for cue in strictly_parsed(path.read_text(encoding="utf-8")):
            sprite = sprites[cue.url]
            assert cue.box.x + cue.box.width <= sprite["width"]
            assert cue.box.y + cue.box.height <= sprite["height"]
    cues = strictly_parsed(result.vtt.read_text(encoding="utf-8"))
    told = [(cue.start_ms / 1000, cue.end_ms / 1000, cue.url, cue.box.x, cue.box.y) for cue in cues]
    tiles = document["tiles"]
    assert told == [(each["start"], each["end"], each["sprite"], each["x"], each["y"]) for each in tiles]
    folder, stem = result.vtt.parent, result.vtt.name.removesuffix(".vtt")
    written = {path.name for path in folder.iterdir() if path.name.startswith(stem)}
    assert written == {path.name for path in (result.vtt, result.json, result.media_vtt) if path} | set(sprites)
    for file, each in sprites.items():
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600
        with Image.open(folder / file) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (each["width"], each["height"])
    assert not list(folder.glob(".livestills-*"))


def test_a_storyboard_shows_each_shot_from_its_moment_on_and_says_where_there_is_none(world: World) -> None:
    world.fill(*map(name, (0, 1, 2, 9, 10)), name(0, uid="8"), name(10, uid="8"))
    world.sync()
    result, document = world.one()
    assert starts(document) == [(0, "shot"), (10, "shot"), (20, "shot"), (30, "unknown"), (90, "shot"), (100, "shot")]
    assert (result.tiles, result.gaps, result.sprites, result.wall) == (5, 1, 1, timedelta(seconds=110))
    first = document["tiles"][0]
    assert (first["key"], first["captured_at"], first["source"]) == (name(0), "2026-11-05T09:00:00.000Z", "prod")
    assert first["etag"]
    assert document["media"] is None
    check_files(result, document)


def test_a_session_has_a_storyboard_for_each_user_with_as_many_sprites_as_it_takes(world: World) -> None:
    world.fill(*(name(step) for step in range(19)), *(name(step, uid="8") for step in range(3)))
    world.sync()
    results = world.make(Selection(sid=SID))
    assert sorted((each.uid, each.tiles, each.sprites) for each in results) == [("7", 19, 3), ("8", 3, 1)]
    for result in results:
        assert result.json is not None
        check_files(result, json.loads(result.json.read_text()))


def test_a_second_run_makes_only_what_has_changed_and_leaves_nothing_behind(world: World) -> None:
    world.fill(*map(name, range(10)))
    world.sync()
    result, _ = world.one()
    before = {path: path.stat().st_mtime_ns for path in world.out.iterdir()}
    (again,) = world.make()
    assert again.state == "there"
    assert {path: path.stat().st_mtime_ns for path in world.out.iterdir()} == before
    assert world.make(again=True)[0].state == "made"
    world.fill(name(10))
    world.bucket.delete(name(0))
    world.sync()
    changed, document = world.one()
    assert (changed.state, changed.vtt) == ("made", result.vtt)
    check_files(changed, document)


@pytest.mark.parametrize(
    "lost", ["*_????????????????.vtt", "*.media.vtt", "*.json", "*-0001-*.jpg", "*-0002-*.jpg", "*-none-*.jpg"]
)
def test_a_run_one_of_whose_files_was_removed_makes_it_again(world: World, lost: str) -> None:
    world.fill(*map(name, range(10)))
    world.record(playlist_key(), playlist((-600, 1200)))
    world.sync()
    world.make()
    (file,) = world.out.glob(lost)
    file.rename(file.with_name(file.name.replace("-0002-", "-0003-")) if "-0002-" in lost else world.out / "elsewhere")
    result, document = world.one()
    assert (result.state, file.is_file()) == ("made", True)
    check_files(result, document)
    (again,) = world.make()
    assert (again.state, again.media_vtt) == ("there", result.media_vtt)


def test_what_may_be_readable_again_is_tried_again(world: World) -> None:
    world.fill(*map(name, range(5)))
    world.sync()
    world.bucket.delete(name(3))
    (Path(world.origins["prod"].location.place) / name(4)).write_bytes(b"half")
    for _ in range(2):
        (result,) = world.make()
        assert (result.state, result.flawed) == ("made", {"gone": 1, "wrong-size": 1})
    world.fill(name(3), name(4))
    result, document = world.one(places=Places({}, None, world.out))
    assert result.flawed == {"source not configured": 5}
    result, document = world.one()
    assert (result.state, result.flawed.total()) == ("made", 0)
    assert {tile["no_picture"] for tile in document["tiles"]} == {None}
    check_files(result, document)
    assert world.make()[0].state == "there"


def test_what_stays_broken_is_told_again_and_not_fetched_again(world: World) -> None:
    world.fill(*map(name, range(5)))
    world.bucket.put(name(1), b"<html>", content_type="image/jpeg")
    for step in (2, 3):
        world.bucket.put(name(step), jpeg()[:-300], content_type="image/jpeg")
    world.sync()
    result, document = world.one()
    assert result.flawed == document["no_picture"] == {"not-jpeg": 1, "truncated": 2}
    (again,) = world.make()
    assert (again.state, again.flawed) == ("there", result.flawed)


def test_the_counts_of_all_reasons_leave_the_first_line_as_long_as_it_is() -> None:
    reasons = [*map(str, Flaw), "gone", "archived", "source not configured"]
    head = Head("f" * 64, dict.fromkeys(reasons, 10**10 - 1), blank=False)
    assert len(str(head)) == len(str(Head("f" * 64, {}, blank=True))) == HEAD_LENGTH


def test_bad_pictures_are_tiles_with_their_reason(world: World) -> None:
    world.fill(*map(name, range(5)))
    world.bucket.put(name(1), b"<html>", content_type="image/jpeg")
    world.bucket.put(name(2), jpeg()[:-300], content_type="image/jpeg")
    world.sync()
    world.bucket.delete(name(3))
    result, document = world.one()
    assert [tile["no_picture"] for tile in document["tiles"]] == [None, "not-jpeg", "truncated", "gone", None]
    assert result.flawed.total() == 3
    assert (name(1), "not-jpeg") in result.samples
    check_files(result, document)


def test_thumbnails_are_used_where_they_exist_and_the_original_where_one_is_gone(world: World) -> None:
    world.fill(*map(name, range(4)))
    world.sync()
    make_thumbnails(
        world.catalog,
        ThumbPlaces(world.origins, world.derived),
        Selection(),
        [SMALL.tile],
        executor=Processes(1),
        follow=ThumbFollow(lambda: START),
    )
    places = Places(world.origins, world.derived, world.out)
    found = estimate(world.catalog, Selection(uid="7"), Wishes(SMALL), places, terms=world.terms)
    assert (found.from_thumbnails, found.gets) == (4, 4)
    LocalStore(Path(world.derived.location.place)).delete(thumbnail_key("prod", name(0), str(SMALL.tile)))
    for step in (1, 2):
        (Path(world.origins["prod"].location.place) / name(step)).write_bytes(b"replaced behind our back")
    result, document = world.one(places=places)
    assert (result.from_thumbnails, result.flawed.total()) == (3, 0)
    check_files(result, document)


def test_a_period_begins_at_its_beginning_where_the_user_had_been_seen_before(world: World) -> None:
    world.fill(*map(name, range(20)))
    world.sync()
    period = TimeRange(at(45), at(100))
    _, document = world.one(selection=Selection(uid="7", period=period))
    assert document["begins_at"] == "2026-11-05T09:00:45.000Z"
    assert document["tiles"][0]["start"] == 0
    assert document["tiles"][1]["start"] == 15
    assert document["tiles"][-1]["end"] == 55
    _, document = world.one(selection=Selection(uid="7", period=TimeRange(at(-3600), at(100))))
    assert document["begins_at"] == "2026-11-05T09:00:00.000Z"


def test_sampling_shows_fewer(world: World) -> None:
    world.fill(*map(name, range(10)))
    world.sync()
    _, document = world.one(every=timedelta(seconds=30))
    assert [tile["start"] for tile in document["tiles"]] == [0, 30, 60, 90]


def test_different_wishes_are_different_files(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.sync()
    results = [
        *world.make(),
        *world.make(every=timedelta(seconds=20)),
        *world.make(board=Board(ThumbSpec(32, 18), 3, 2)),
        *world.make(Selection(uid="7", period=TimeRange(at(5)))),
        *world.make(Selection(uid="7", source="prod")),
    ]
    assert len({result.vtt for result in results}) == 5


def test_addresses_may_be_absolute(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.sync()
    result, document = world.one(base_url="https://cdn.example/boards/")
    assert result.vtt is not None
    cues = strictly_parsed(result.vtt.read_text())
    assert {cue.url for cue in cues} == {f"https://cdn.example/boards/{document['sprites'][0]['file']}"}


def test_what_lasts_longer_than_players_can_read_is_refused_and_the_others_are_made(world: World) -> None:
    world.fill(*map(name, (0, 1, 2)), name(36_001), *(name(step, sid="b" * 32) for step in range(3)))
    world.sync()
    results = {result.sid[0]: result for result in world.make()}
    assert results["b"].state == "made"
    assert results["a"].state == "failed"
    assert "lasts 100:00:" in (results["a"].failure or "")


def test_a_storyboard_of_everything_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="--user or --session"):
        world.make(Selection())


def test_an_interrupted_run_leaves_nothing_half_written(world: World) -> None:
    world.fill(*map(name, range(20)))
    world.sync()

    def stop() -> None:
        raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        world.make(follow=Follow(stop))
    assert not [path for path in world.out.iterdir() if path.suffix != ".jpg"]
    result, document = world.one()
    check_files(result, document)


# --- Media time


def media_starts(document: dict[str, Any]) -> list[tuple[float, int | None]]:
    cues = document["media"]["cues"]
    assert all(one["end"] == other["start"] for one, other in pairwise(cues))
    return [(cue["start"], cue["tile"]) for cue in cues]


def test_the_media_time_of_a_recording_goes_by_its_slices(world: World) -> None:
    world.fill(*map(name, range(9)))
    world.record(playlist_key(), playlist((1, 28), (59, 21)))
    world.record(playlist_key(track="audio"), playlist((0, 90), track="audio"))
    world.sync()
    result, document = world.one()
    assert result.media == timedelta(seconds=49)
    # Those at 30, 40 and 50 s were taken while nothing was recorded, and the first one a second before it.
    assert result.left_out == document["media"]["left_out"] == 4
    assert media_starts(document) == [(0, 1), (19, 2), (28, 6), (39, 7)]
    assert document["media"]["playlists"] == [{"source": "prod", "key": playlist_key()}]
    check_files(result, document)


def test_failover_parts_go_on_in_media_time(world: World) -> None:
    world.fill(*map(name, range(3)), *(name(step, bak="bak0_") for step in range(6, 9)))
    world.record(playlist_key(bak="bak0_"), playlist((60, 30), bak="bak0_"))
    world.record(playlist_key(), playlist((0, 30)))
    world.sync()
    result, document = world.one()
    assert [each["key"] for each in document["media"]["playlists"]] == [playlist_key(), playlist_key(bak="bak0_")]
    assert media_starts(document) == [(0, 0), (10, 1), (20, 2), (30, 4), (40, 5), (50, 6)]
    assert result.left_out == 0
    check_files(result, document)


def test_of_snapshots_of_a_playlist_the_newest_counts(world: World) -> None:
    world.fill(*map(name, range(3)))
    for index in (2, 9, 10):
        world.record(playlist_key(more=f"_22194679897_{index}"), playlist((0, index)))
    world.sync()
    result, _ = world.one()
    assert result.media == timedelta(seconds=10)


def test_where_the_recording_shows_nobody_a_shared_tile_says_so(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.record(playlist_key(), playlist((-600, 1200)))
    world.sync()
    result, document = world.one()
    assert media_starts(document) == [(0, None), (600, 0), (610, 1), (620, 2), (630, None)]
    check_files(result, document)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<Error/>", "does not begin with #EXTM3U"),
        ("#EXTM3U\n#EXTINF:-1\na.ts\n", "a slice of '-1' seconds"),
        ("#EXTM3U\n#EXT-X-ENDLIST\n", "its playlists list nothing"),
        ("#EXTM3U\n#EXTINF:5\na.ts\n", "no slice of its playlists tells its time"),
        ("#EXTM3U\n" + "#EXTINF:86400\na.ts\n" * 5, "no slice of its playlists tells its time"),
        (
            playlist((0, 80_000), (90_000, 80_000), (180_000, 80_000), (270_000, 80_000), (360_000, 80_000)),
            "lasts longer",
        ),
    ],
)
def test_a_bad_playlist_costs_media_time_alone(world: World, text: str, why: str) -> None:
    world.fill(*map(name, range(3)))
    world.record(playlist_key(), text)
    world.sync()
    result, document = world.one()
    assert why in (result.media_failure or "")
    assert "\n" not in (result.media_failure or "")
    assert (result.state, result.media_vtt, document["media"]) == ("made", None, None)
    check_files(result, document)


def test_a_playlist_without_an_end_is_used_and_said(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.record(playlist_key(), playlist((0, 30), end=False))
    world.sync()
    result, _ = world.one()
    assert result.media == timedelta(seconds=30)
    assert any("has no end" in text for text in result.notes)


def test_a_playlist_that_is_gone_is_said(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.record(playlist_key(), playlist((0, 30)))
    world.sync()
    world.bucket.delete(playlist_key())
    result, _ = world.one()
    assert "is gone: run `livestills sync`" in (result.media_failure or "")


def test_the_playlist_is_that_of_what_people_play(world: World) -> None:
    world.fill(*map(name, range(3)), name(0, uid="8"))
    composite = f"d/{SID}_room.m3u8"
    for key in (
        playlist_key(track="audio"),
        composite,
        playlist_key(uid="8", track="av"),
        playlist_key(),
        playlist_key(track="av"),
    ):
        world.record(key, playlist((0, 30)))
    for key in (playlist_key(track="av"), playlist_key(), composite, playlist_key(track="audio")):
        world.sync()
        (series,) = world.catalog.shots.series("7", Selection())
        media = media_of(world.catalog, series, {"prod": world.bucket})
        assert media.playlists == (("prod", key),)
        world.bucket.delete(key)
    world.sync()
    assert media_of(world.catalog, series, {"prod": world.bucket}).clock is None


def test_a_recorder_without_a_playlist_between_others_is_said(world: World) -> None:
    world.fill(*map(name, range(3)), name(6, bak="bak1_"))
    world.record(playlist_key(), playlist((0, 30)))
    world.record(playlist_key(bak="bak1_"), playlist((60, 30), bak="bak1_"))
    world.sync()
    (series,) = world.catalog.shots.series("7", Selection())
    media = media_of(world.catalog, series, {"prod": world.bucket})
    assert media.notes == ("there is no playlist of bak0: media time is that of the others alone",)


# --- Estimates


def test_an_estimate_says_what_a_run_then_does(world: World) -> None:
    world.fill(*map(name, range(19)), name(40))
    world.record(playlist_key(), playlist((0, 30)))
    world.sync()
    found = estimate(world.catalog, Selection(uid="7"), Wishes(SMALL), world.places, terms=world.terms)
    assert not list(world.out.iterdir())
    result, _ = world.one()
    assert (found.series, found.tiles, found.gaps, found.sprites) == (1, result.tiles, result.gaps, result.sprites)
    assert found.gets == 20 + 1
    assert found.bytes_read == sum(_sizes(world, [*map(name, range(19)), name(40)]))
    assert found.files == len(list(world.out.iterdir()))
    assert found.usd_gets == pytest.approx(21 * 0.0004 / 1000)


def _sizes(world: World, keys: Iterable[str]) -> list[int]:
    return [len(world.bucket.get(key)) for key in keys]


def test_what_a_killed_run_has_left_goes_after_a_day(world: World) -> None:
    world.fill(*map(name, range(3)))
    world.sync()
    old, young = world.out / ".livestills-old", world.out / ".livestills-young"
    for path, seconds in ((old, 10**6 - 90_000), (young, 10**6)):
        path.touch()
        os.utime(path, (at(seconds).timestamp(), at(seconds).timestamp()))
    world.make()
    assert not old.exists()
    assert young.exists()
