from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.errors import ConfigError
from indexer.render.contact_sheet import ContactSheet, PageFormat
from indexer.render.fonts import Fonts
from indexer.render.sheet_layout import LONGEST_SIDE, PROPORTION, Band, Grid, Layout
from indexer.render.sheet_model import Block, Gap, SheetHead, Tile
from indexer.render.thumbnail import ThumbSpec

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
SMALL = Layout(ThumbSpec(160, 90))


def jpeg(colour: str = "red", size: tuple[int, int] = (160, 90)) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", quality=90, comment=b"secret")
    return buffer.getvalue()


def tiles(count: int, colour: str = "red") -> list[Tile | Gap]:
    picture = jpeg(colour)
    return [Tile(NOON + timedelta(seconds=10 * index), picture) for index in range(count)]


def sheet_of(cells: list[Tile | Gap], *, title: str = "Maya", layout: Layout = SMALL) -> ContactSheet:
    gaps = sum(isinstance(cell, Gap) for cell in cells)
    head = SheetHead(title, (("Channel", "algebra-7b"),), tiles=len(cells) - gaps, gaps=gaps)
    return ContactSheet(head, zone=UTC, fonts=Fonts(), layout=layout)


def pages_of(cells: list[Tile | Gap], *, layout: Layout = SMALL) -> list[Image.Image]:
    return [opened(page) for page in sheet_of(cells, layout=layout).pages(cells)]


def opened(page: bytes) -> Image.Image:
    with Image.open(BytesIO(page)) as picture:
        assert picture.format == "JPEG"
        picture.load()
        return picture


def is_red(pixel: object) -> bool:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return bool(red > 220 and green < 40 and blue < 40)


# --- Arithmetic -----------------------------------------------------------------------------------------------------

layouts = st.builds(
    Layout,
    tile=st.builds(ThumbSpec, st.integers(120, 1300), st.integers(16, 1000)),
    columns=st.none() | st.integers(1, 12),
    rows=st.none() | st.integers(1, 12),
    lines=st.integers(1, 2),
)


@settings(deadline=None)
@given(layouts, st.integers(0, 2_000), st.integers(60, 400), st.integers(40, 120))
def test_cells_lie_on_the_page_beside_each_other(layout: Layout, cells: int, header: int, footer: int) -> None:
    try:
        grid = Grid.of(layout, cells=cells, header=header, footer=footer)
    except ConfigError:
        return
    assert max(grid.width, grid.height) <= LONGEST_SIDE
    assert (grid.pages - 1) * grid.per_page < max(cells, 1) <= grid.pages * grid.per_page
    corners = [grid.corner(index) for index in range(grid.per_page)]
    assert min(x for x, _ in corners) == layout.margin == grid.width - max(x for x, _ in corners) - layout.tile.width
    assert corners[0][1] == header
    assert corners[-1][1] + layout.cell_height + footer == grid.height
    for (x, y), (other_x, other_y) in combinations(corners[:60], 2):
        assert other_x >= x + layout.tile.width + 8 or other_y >= y + layout.cell_height + 8 or other_x < x


@settings(deadline=None, max_examples=60)
@given(layouts, st.lists(st.integers(0, 90), min_size=1, max_size=12), st.booleans())
def test_every_cell_of_every_block_has_a_place_below_a_heading(
    layout: Layout, blocks: list[int], on_paper: bool
) -> None:
    heading = 60
    try:
        grid = Grid.of(
            layout,
            cells=sum(blocks),
            header=150,
            footer=60,
            blocks=blocks,
            heading=heading,
            paper=PROPORTION if on_paper else None,
        )
    except ConfigError:
        return
    pages = list(grid.bands())
    assert len(pages) == grid.pages
    assert not on_paper or grid.height == round(grid.width / PROPORTION)
    placed: list[int] = []
    for page in pages:
        assert page, "no page is empty"
        below = grid.top
        for band in page:
            assert band.top >= below
            assert band.first_row == band.top + heading
            below = band.first_row + _rows(band, grid) * (layout.cell_height + layout.gutter)
            if band.continued:
                placed[-1] += band.cells
            else:
                placed.append(band.cells)
        assert below - layout.gutter <= grid.height - 60
    assert placed == blocks


def _rows(band: Band, grid: Grid) -> int:
    return max(1, -(-band.cells // grid.columns))


def test_usual_pages_are_about_a4_lying_on_its_side() -> None:
    for tile in [ThumbSpec(160, 90), ThumbSpec(320, 180), ThumbSpec(480, 270), ThumbSpec(180, 320)]:
        width, height = sheet_of(tiles(500), layout=Layout(tile)).page_size
        assert 1_600 < width < 2_200
        assert 1.15 < width / height < 1.75


def test_few_shots_make_a_small_page() -> None:
    assert sheet_of(tiles(3), layout=Layout()).page_size[0] == 3 * 320 + 2 * 16 + 2 * 48
    assert sheet_of(tiles(1)).page_size == sheet_of(tiles(3)).page_size
    assert sheet_of(tiles(2)).file_count == 1


@pytest.mark.parametrize(
    "layout",
    [Layout(columns=13), Layout(rows=40, columns=3), Layout(ThumbSpec(4_096, 4_096)), Layout(ThumbSpec(4_000, 16))],
)
def test_pages_that_would_be_too_large_are_refused(layout: Layout) -> None:
    with pytest.raises(ConfigError, match=r"pixels (wide|high), more than 4,096: take fewer"):
        sheet_of(tiles(500), layout=layout)


def test_tiles_without_room_for_a_caption_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 120 pixels wide"):
        Layout(ThumbSpec(96, 54))
    with pytest.raises(ConfigError, match="at least one column"):
        Layout(columns=0)


# --- Blocks ---------------------------------------------------------------------------------------------------------


def blocks_of(*counts: int) -> tuple[ContactSheet, list[Block | Tile | Gap]]:
    cells: list[Block | Tile | Gap] = []
    for number, count in enumerate(counts):
        cells += [Block(f"User {number}", (("Presence", "83.3 %"), ("Capture", "99 %" * 40))), *tiles(count)]
    head = SheetHead("Room", tiles=sum(counts), blocks=counts)
    return ContactSheet(head, zone=UTC, fonts=Fonts(), layout=SMALL), cells


def test_a_block_that_goes_on_gets_its_heading_again() -> None:
    sheet, cells = blocks_of(150, 40, 3)
    pages = [opened(page) for page in sheet.pages(cells)]
    assert len(pages) == sheet.file_count == 2
    for page in pages:
        heading = page.crop((24, sheet._grid.top, 400, sheet._grid.top + 30))
        assert heading.getextrema() != ((255, 255),) * 3


@pytest.mark.parametrize("wrong", [0, 4])
def test_a_stream_without_its_blocks_is_an_error(wrong: int) -> None:
    sheet, cells = blocks_of(3, 3)
    cells[wrong] = tiles(1)[0]
    with pytest.raises(ValueError, match="a block begins"):
        list(sheet.pages(cells))


# --- Pages ----------------------------------------------------------------------------------------------------------


def test_pages_have_the_size_and_number_that_were_said() -> None:
    cells = tiles(250)
    sheet = sheet_of(cells)
    pages = [opened(page) for page in sheet.pages(cells)]
    assert len(pages) == sheet.file_count == 3
    assert {page.size for page in pages} == {sheet.page_size}


def test_each_picture_is_in_its_place() -> None:
    cells = tiles(30)
    cells[17] = Tile(NOON, jpeg("blue"))
    grid = sheet_of(cells)._grid
    (page,) = pages_of(cells)
    for index in range(30):
        x, y = grid.corner(index)
        corners = [(x + 10, y + 10), (x + 80, y + 45), (x + 149, y + 79)]
        assert all(is_red(page.getpixel(corner)) == (index != 17) for corner in corners)


def test_a_portrait_picture_stays_whole_in_the_middle_of_its_tile() -> None:
    cells: list[Tile | Gap] = [Tile(NOON, jpeg(size=(360, 640)))]
    x, y = sheet_of(cells)._grid.corner(0)
    (page,) = pages_of(cells)
    row = [is_red(page.getpixel((x + column, y + 45))) for column in range(160)]
    assert 46 <= sum(row) <= 54
    assert abs(row.index(True) - row[::-1].index(True)) <= 2


def test_a_small_picture_is_not_blown_up() -> None:
    cells: list[Tile | Gap] = [Tile(NOON, jpeg(size=(80, 40)))]
    x, y = sheet_of(cells)._grid.corner(0)
    (page,) = pages_of(cells)
    assert is_red(page.getpixel((x + 80, y + 45)))
    assert not is_red(page.getpixel((x + 30, y + 45)))


def test_the_same_cells_give_the_same_bytes() -> None:
    cells = [*tiles(5), Gap(NOON, NOON + timedelta(hours=1)), Tile(NOON, None, "archived", bak=0)]
    assert list(sheet_of(cells).pages(cells)) == list(sheet_of(cells).pages(cells))


def test_pages_carry_no_metadata() -> None:
    cells = tiles(2)
    (page,) = sheet_of(cells).pages(cells)
    assert b"secret" not in page
    assert set(opened(page).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_png_pages_show_the_very_pixels() -> None:
    cells = tiles(3)
    head = SheetHead("Maya", tiles=3)
    (page,) = ContactSheet(head, zone=UTC, fonts=Fonts(), layout=SMALL, page_format=PageFormat.PNG).pages(cells)
    with Image.open(BytesIO(page)) as picture:
        assert picture.format == "PNG"
        assert picture.getpixel((2, 2)) == (255, 255, 255)
        assert picture.info == {}


def test_no_shots_make_one_page_that_says_so() -> None:
    (page,) = pages_of([])
    assert page.height > 200


def test_cells_are_read_page_by_page() -> None:
    cells = tiles(250)
    read = 0

    def coming() -> Iterator[Tile | Gap]:
        nonlocal read
        for cell in cells:
            read += 1
            yield cell

    sheet = sheet_of(cells)
    next(sheet.pages(coming()))
    assert read == sheet._grid.per_page < len(cells)


@pytest.mark.parametrize("promised", [4, 6])
def test_another_number_of_cells_than_promised_is_an_error(promised: int) -> None:
    sheet = sheet_of(tiles(promised))
    with pytest.raises(ValueError, match=f"says {promised} cells"):
        list(sheet.pages(tiles(5)))


def test_broken_pictures_are_drawn_as_missing() -> None:
    whole = jpeg()
    chance = Random(7)
    broken = [b"", b"<html>", whole[:-40], whole[:300], b"\x89PNG\r\n\x1a\n" + whole]
    for _ in range(60):
        spoiled = bytearray(whole)
        for _ in range(8):
            spoiled[chance.randrange(2, len(whole))] = chance.randrange(256)
        broken.append(bytes(spoiled))
    cells: list[Tile | Gap] = [Tile(NOON, picture) for picture in broken]
    (page,) = pages_of(cells)
    x, y = sheet_of(cells)._grid.corner(1)
    red, green, blue = page.resize((1, 1), box=(x + 4, y + 4, x + 156, y + 20)).getpixel((0, 0))  # type: ignore[misc]
    assert min(red, green, blue) > 225


@pytest.mark.parametrize("tile", [ThumbSpec(120, 16), ThumbSpec(160, 90), ThumbSpec(320, 180), ThumbSpec(640, 360)])
def test_every_mark_can_be_drawn_in_every_size(tile: ThumbSpec) -> None:
    cells: list[Tile | Gap] = [
        Gap(NOON, NOON + timedelta(days=400), "the whole session was silent, as far as anybody can tell from outside"),
        Gap(NOON, NOON, cause="camera-off"),
        Tile(NOON, None),
        Tile(NOON, jpeg(), bak=1, until=NOON + timedelta(days=3), shots=12_345, frozen=True),
        Tile(NOON, None, "archived " * 40, bak=12_345_678_901_234_567_890, caption="Maya " * 50),
        *(Tile(NOON + timedelta(days=bak), jpeg(), bak=bak, caption="Maya") for bak in range(9)),
    ]
    assert pages_of(cells, layout=Layout(tile, lines=2))[0].width >= 2 * tile.width


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(), max_size=80))
def test_hostile_names_stay_text(name: str) -> None:
    head = SheetHead(name, (("Channel", name), (name, name)), tiles=2)
    cells = [Tile(NOON, None, name, caption=name), Tile(NOON, None, caption=name)]
    layout = Layout(ThumbSpec(120, 68), lines=2)
    (page,) = ContactSheet(head, zone=UTC, fonts=Fonts(), layout=layout).pages(cells)
    assert opened(page).width < 600


def test_a_channel_name_of_a_thousand_characters_keeps_the_header_small() -> None:
    usual = ContactSheet(SheetHead("Maya", (("Channel", "a"),)), zone=UTC, fonts=Fonts())
    long = ContactSheet(SheetHead("M" * 1_000, (("Channel", "a" * 1_000),)), zone=UTC, fonts=Fonts())
    assert long.page_size[1] - usual.page_size[1] < 80
    list(long.pages([]))


def test_letters_that_no_font_has_are_known_after_the_last_page() -> None:
    fonts = Fonts()
    sheet = ContactSheet(SheetHead("王", tiles=1), zone=UTC, fonts=fonts, layout=Layout(lines=2))
    list(sheet.pages([Tile(NOON, None, caption="明")]))
    assert fonts.missing == "明王"
