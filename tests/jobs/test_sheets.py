"""What contact sheets and downloads of a catalog hold."""

import io
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.derivatives import Made, Result
from indexer.derived import thumbnail_key
from indexer.errors import CatalogError, ConfigError
from indexer.jobs.lookup import Terms
from indexer.jobs.originals import GetReport, get, shots_of
from indexer.jobs.sheets import EqualBytes, Pictures, Sheet, Shown, Style, _head, _stream, file_name, plan, write
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, TimeRange, to_ms
from indexer.people import Names
from indexer.render.contact_sheet import ContactSheet
from indexer.render.fonts import Fonts
from indexer.render.sheet_html import HtmlSheet
from indexer.render.sheet_layout import Layout
from indexer.render.sheet_model import Block, Document, SheetHead, Tile
from indexer.render.sheet_words import Template, facts
from indexer.render.thumbnail import ThumbSpec
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore
from indexer.timeline.looks import Sight, Thresholds, described

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
SID = "a" * 32
LAYOUT = Layout(ThumbSpec(160, 90))

STYLE = Style(UTC, LAYOUT.tile)
TERMS = Terms({}, timedelta(hours=24), START + timedelta(days=30))
MD5 = replace(TERMS, md5_sources=frozenset({"prod"}))


def name(step: int, *, uid: str = "7", cname: str = "room", bak: str = "") -> str:
    return key_of(ScreenshotName(ShotHead("d/", bak, SID, cname, uid), START + timedelta(seconds=10 * step)))


def jpeg(other: bool = False) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), (120, 80, 40) if other else (40, 80, 120)).save(stream, "JPEG")
    return stream.getvalue()


class World:
    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        self.catalog = Catalog.open_to_write(f"sqlite:///{folder}/c.db", now=START)

    def fill(self, *keys: str) -> None:
        for key in keys:
            self.store.put(key, jpeg(), content_type="image/jpeg")
        sync(Access(self.store, ""), self.catalog, "prod", watch=Watch(lambda: START + timedelta(days=2)))

    def sheet(self, selection: Selection, *, every: timedelta | None = None, changed: bool = False) -> Sheet:
        likeness = EqualBytes(MD5.md5_sources) if changed else None
        return plan(self.catalog, selection, terms=MD5 if changed else TERMS, every=every, likeness=likeness)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def at(step: int) -> datetime:
    return START + timedelta(seconds=10 * step)


def steps(sheet: Sheet) -> list[int | str]:
    """The cells of a sheet: the step of each tile, and the length of each gap."""
    return [
        (cell.shot.captured_at - START) // timedelta(seconds=10)
        if isinstance(cell, Shown)
        else f"{cell.cause} {cell.length.total_seconds():.0f}s"
        for part in sheet.parts
        for cell in sheet.cells(part)
    ]


def shown(sheet: Sheet) -> list[Shown]:
    return [cell for part in sheet.parts for cell in sheet.cells(part) if isinstance(cell, Shown)]


def pages(head: SheetHead) -> Document:
    return ContactSheet(head, zone=UTC, fonts=Fonts(), layout=LAYOUT)


def test_a_sheet_of_a_user_is_in_time_order_with_its_gaps(world: World) -> None:
    world.fill(*map(name, (0, 1, 2, 3, 9, 10)), name(4, bak="bak0_"), name(0, uid="8"))
    assert steps(world.sheet(Selection(uid="7"))) == [0, 1, 2, 3, 4, "unknown 50s", 9, 10]


def test_a_sheet_of_a_channel_is_in_time_order_for_each_user(world: World) -> None:
    world.fill(name(0), name(1), name(0, uid="8"), name(1, uid="8"), name(0, uid="9", cname="hall"))
    sheet = world.sheet(Selection(cname="room"))
    assert [cell.shot.uid for cell in shown(sheet)] == ["7", "7", "8", "8"]


def test_sampling_keeps_one_shot_in_each_length_and_every_gap(world: World) -> None:
    world.fill(*map(name, [*range(7), *range(20, 27)]))
    sheet = world.sheet(Selection(uid="7"), every=timedelta(seconds=30))
    assert steps(sheet) == [0, 3, 6, "unknown 140s", 20, 23, 26]


def test_sampling_does_not_skip_a_shot_that_came_a_little_early(world: World) -> None:
    early = name(3).replace("090030000", "090029950")
    world.fill(name(0), name(1), name(2), early, name(4))
    sheet = world.sheet(Selection(uid="7"), every=timedelta(seconds=30))
    assert [cell.shot.key for cell in shown(sheet)] == [name(0), early]


def test_others_tell_why_there_is_a_gap_and_the_edges_of_a_session_are_gaps(world: World) -> None:
    world.fill(*map(name, (*range(10, 20), *range(60, 70))), *(name(step, uid="8") for step in range(100)))
    assert [cell for cell in steps(world.sheet(Selection(uid="7"))) if isinstance(cell, str)] == [
        "not-joined 100s",
        "camera-off 410s",
        "left 300s",
    ]


def test_who_has_no_shot_in_the_period_is_a_gap_of_its_length(world: World) -> None:
    world.fill(*map(name, (*range(10), *range(60, 70))), *(name(step, uid="8") for step in range(70)))
    period = TimeRange(at(20), at(50))
    sheet = world.sheet(Selection(sid=SID, period=period))
    assert [part.timeline.shots for part in sheet.parts] == [0, 30]
    assert steps(sheet) == ["camera-off 300s", *range(20, 50)]


def test_each_user_of_each_session_is_a_block_with_its_name_and_figures(world: World, tmp_path: Path) -> None:
    world.fill(*map(name, (*range(10), *range(30, 40))), *(name(step, uid="8") for step in range(40)))
    style = replace(STYLE, names=Names({("room", "7"): "Maya Chen", (None, "8"): "Ben <b>"}))
    sheet = world.sheet(Selection(sid=SID))
    blocks = [cell for cell in _stream(sheet, Pictures({}, None), style) if isinstance(cell, Block)]
    assert [block.title for block in blocks] == ["Maya Chen · user 7", "Ben <b> · user 8"]
    assert dict(blocks[0].facts) == {
        "Period": "2026-11-05 09:00:00 to 09:06:30",
        "Shots": "20",
        "Gaps": "1",
        "Presence": "46.1 %",
        "Capture": "100 %",
    }
    head = _head(sheet, style)
    assert (head.blocks, head.tiles, head.gaps, head.marks.causes) == ((21, 40), 60, 1, {"camera-off"})
    alone = _head(world.sheet(Selection(uid="7")), style)
    assert alone.title == "Maya Chen · user 7"
    assert dict(facts(alone, UTC))["Presence"] == "46.1 %"
    (page,) = write(
        sheet, Pictures({}, None), tmp_path, style=style, suffix="html", document=lambda head: HtmlSheet(head, zone=UTC)
    )
    assert page.suffix == ".html"
    assert "Ben &lt;b&gt; · user 8" in page.read_text("utf-8")


def test_equal_pictures_in_a_row_are_one_tile_where_etags_are_md5s(world: World) -> None:
    for step in (*range(5), 6, 7, *range(20, 23)):
        world.store.put(name(step), jpeg(step in {4, 7}), content_type="image/jpeg")
    world.fill()
    folded = shown(world.sheet(Selection(uid="7"), changed=True))
    assert [(cell.shot.key, cell.until, cell.shots, cell.frozen) for cell in folded] == [
        (name(0), at(3), 4, True),
        (name(4), at(4), 1, False),
        (name(6), at(6), 1, False),
        (name(7), at(7), 1, False),
        (name(20), at(22), 3, True),
    ]
    untold = plan(world.catalog, Selection(uid="7"), terms=TERMS, likeness=EqualBytes(frozenset()))
    assert len(shown(untold)) == 10
    assert untold.untold_sources == ["prod"]
    assert world.sheet(Selection(uid="7"), changed=True).untold_sources == []


def test_pictures_that_are_only_announced_are_fetched_and_equal_nothing(world: World) -> None:
    source = world.catalog.add_source("prod", "memory://here/")
    world.catalog.announce(source, [(name(step), to_ms(at(step))) for step in range(3)])
    for step in (0, 1):
        world.store.put(name(step), jpeg(), content_type="image/jpeg")
    sheet = world.sheet(Selection(uid="7"), changed=True)
    assert [cell.shots for cell in shown(sheet)] == [1, 1, 1]
    style = replace(STYLE, caption=Template("{time}{size}"))
    tiles = list(_stream(sheet, Pictures({"prod": world.store}, None), style))
    assert [(tile.caption, tile.note) for tile in tiles if isinstance(tile, Tile)] == [
        ("09:00:00", None),
        ("09:00:10", None),
        ("09:00:20", "gone"),
    ]


def test_pictures_that_were_looked_at_are_folded_by_scene_and_marked(world: World) -> None:
    world.fill(*map(name, range(9)))
    shots = world.catalog.derivatives.wanted(Selection(), ["160x90"], retry_failed=False)
    # Five that look alike, two that differ, two that are black.
    cells = [bytes([10 * max(0, n - 4) if n < 7 else 0] * 288 + [255 if n < 7 else 0] * 288) for n in range(9)]
    world.catalog.derivatives.record(
        [
            Result(
                shot,
                [Made("160x90", 1, 160, 90)],
                None,
                Sight(described(each, contrast=max(each) - min(each), dhash=0), each),
            )
            for shot, each in zip(shots, cells, strict=True)
        ]
    )
    one = Selection(uid="7")
    changed = plan(world.catalog, one, terms=TERMS, likeness=EqualBytes(frozenset()), thresholds=Thresholds())
    assert [(cell.shot.key, cell.until, cell.shots, cell.look) for cell in shown(changed)] == [
        (name(0), at(4), 5, None),
        (name(5), at(5), 1, None),
        (name(6), at(6), 1, None),
        (name(7), at(8), 2, "black"),
    ]
    assert changed.untold_sources == []
    whole = plan(world.catalog, one, terms=TERMS, thresholds=Thresholds())
    assert [cell.look for cell in shown(whole)] == [None] * 7 + ["black"] * 2
    assert _head(whole, STYLE).marks.looks == {"black"}


def test_captions_of_ones_own_tell_what_is_asked(world: World) -> None:
    world.fill(name(0), name(1, bak="bak1_"))
    template = Template("{date} {time} {uid} {name} {channel} {recorder} {size}")
    style = replace(STYLE, caption=template, names=Names({(None, "7"): "Maya"}))
    cells = list(_stream(world.sheet(Selection(uid="7")), Pictures({}, None), style))
    size = f"{len(jpeg()):,}"
    assert [cell.caption for cell in cells if isinstance(cell, Tile)] == [
        f"2026-11-05 09:00:00 7 Maya room original {size} B",
        f"2026-11-05 09:00:10 7 Maya room bak1 {size} B",
    ]


def test_a_catalog_that_changes_meanwhile_is_one_line_and_leaves_no_part_of_a_file(
    world: World, tmp_path: Path
) -> None:
    world.fill(*map(name, (*range(4), *range(8, 12))))
    sheet = world.sheet(Selection(uid="7"))
    (tmp_path / "out").mkdir()

    def late(head: SheetHead) -> Document:
        world.fill(name(4), name(20))
        return HtmlSheet(head, zone=UTC)

    with pytest.raises(CatalogError, match="draw it again"):
        list(write(sheet, Pictures({}, None), tmp_path / "out", style=STYLE, suffix="html", document=late))
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_session_goes_on_with_meanwhile_does_not_matter(world: World, tmp_path: Path) -> None:
    world.fill(*map(name, range(4)))
    sheet = world.sheet(Selection(uid="7"))

    def late(head: SheetHead) -> Document:
        world.fill(name(4), name(5))
        return HtmlSheet(head, zone=UTC)

    assert list(write(sheet, Pictures({}, None), tmp_path, style=STYLE, suffix="html", document=late))


def test_a_sheet_of_everything_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="--user, --session or --channel"):
        world.sheet(Selection())


def test_pages_are_private_files_of_safe_names(world: World, tmp_path: Path) -> None:
    hostile = "..%2F<b>&名 前"
    world.fill(*(name(step, cname=hostile) for step in range(60)))
    sheet = world.sheet(Selection(cname=hostile))
    folder = tmp_path / "out"
    folder.mkdir()
    pictures = Pictures({"prod": world.store}, None)
    written = list(write(sheet, pictures, folder, style=STYLE, suffix="jpg", document=pages))
    assert sorted(folder.iterdir()) == written
    for path in written:
        assert path.name.isascii()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Image.open(path) as page:
            assert page.format == "JPEG"


def test_different_sheets_have_different_names(world: World) -> None:
    world.fill(name(0, cname="a b"), name(0, cname="a.b"), name(0, cname="a-b"))
    sheets = [world.sheet(Selection(cname=cname)) for cname in ("a b", "a-b")]
    sheets += [world.sheet(Selection(cname="a b"), changed=True)]
    names = [file_name(sheet) for sheet in sheets]
    assert len({*names, file_name(sheets[0], Template("{time}"))}) == 4


def test_thumbnails_are_used_where_they_exist(world: World, tmp_path: Path) -> None:
    world.fill(name(0), name(1), name(2))
    (tmp_path / "derived").mkdir()
    derived = LocalStore(tmp_path / "derived")
    shot, changed, failed = world.catalog.derivatives.wanted(Selection(), ["160x90"], retry_failed=False)
    made = Made("160x90", 1, 160, 90)
    world.catalog.derivatives.record([Result(shot, [made]), Result(changed, [made]), Result(failed, [], "truncated")])
    derived.put("team/" + thumbnail_key("prod", shot.key, "160x90"), jpeg(), content_type="image/jpeg")
    world.store.put(changed.key, jpeg()[:-2] + b"\xff\xfe\x00\x03x\xff\xd9", content_type="image/jpeg")
    world.fill()
    before = world.store.requests["get"]
    pictures = Pictures({"prod": world.store}, derived, "team/")
    tiles = list(_stream(world.sheet(Selection(uid="7")), pictures, STYLE))
    assert world.store.requests["get"] - before == 1, "only the shot that is not what its thumbnail shows is fetched"
    assert [tile.note for tile in tiles if isinstance(tile, Tile)] == [None, None, "truncated"]


def test_what_cannot_be_shown_is_a_tile_that_says_why(world: World, tmp_path: Path) -> None:
    world.store.put(name(0), jpeg()[:-50], content_type="image/jpeg")
    world.store.put(name(1), jpeg(), content_type="image/jpeg", tier="GLACIER")
    world.fill(name(2), name(3))
    world.store.delete(name(2))
    sheet = world.sheet(Selection(uid="7"))
    pictures = Pictures({"prod": world.store}, None)
    tiles = [tile for tile in _stream(sheet, pictures, STYLE) if isinstance(tile, Tile)]
    assert [tile.note for tile in tiles] == ["truncated", "archived", "gone", None]
    assert list(write(sheet, pictures, tmp_path, style=STYLE, suffix="jpg", document=pages))


def fetched(world: World, target: LocalStore) -> GetReport:
    *_, report = get(shots_of(world.catalog, Selection(uid="7")), {"prod": world.store}, target, check=lambda: None)
    return report


def test_originals_are_fetched_once_under_safe_names(world: World, tmp_path: Path) -> None:
    world.fill(*map(name, range(20)), name(0, cname="..%2f..%2fetc"), name(0, uid="8"))
    (tmp_path / "got").mkdir()
    target = LocalStore(tmp_path / "got")
    report = fetched(world, target)
    assert (report.got, report.there, report.bytes) == (21, 0, 21 * len(jpeg()))
    files = [path for path in (tmp_path / "got").rglob("*") if path.is_file()]
    assert len(files) == 21
    assert all(path.read_bytes() == jpeg() for path in files)
    again = fetched(world, target)
    assert (again.got, again.there) == (0, 21)


def test_what_is_announced_and_not_there_is_no_failure(world: World, tmp_path: Path) -> None:
    world.fill(name(0))
    source = world.catalog.add_source("prod", f"{world.store.url}/")
    world.catalog.announce(source, [(name(1), 1_000), (name(2), 1_000)])
    world.store.put(name(1), jpeg(), content_type="image/jpeg")
    report = fetched(world, LocalStore(tmp_path))
    assert (report.got, report.announced, report.failed.total()) == (2, 1, 0)


def test_what_is_gone_or_archived_is_counted(world: World, tmp_path: Path) -> None:
    world.store.put(name(1), jpeg(), content_type="image/jpeg", tier="DEEP_ARCHIVE")
    world.fill(name(0), name(2))
    world.store.delete(name(2))
    report = fetched(world, LocalStore(tmp_path))
    assert (report.got, report.archived, dict(report.failed)) == (1, 1, {"gone": 1})
