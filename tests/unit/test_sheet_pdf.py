import builtins
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from indexer.errors import ConfigError
from indexer.render import sheet_pdf
from indexer.render.fonts import Style, system_fonts
from indexer.render.image import encode
from indexer.render.sheet_layout import Layout
from indexer.render.sheet_model import Block, Gap, SheetHead, Tile
from indexer.render.sheet_pdf import PdfFonts, PdfSheet
from indexer.render.thumbnail import ThumbSpec

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
SMALL = Layout(ThumbSpec(160, 90))
HOSTILE = "a<b>&\"'\\)(\x1b[31m\u202e%PDF endstream endobj"


def jpeg(colour: str = "red", size: tuple[int, int] = (160, 90)) -> bytes:
    return encode(Image.new("RGB", size, colour))


def tiles(count: int) -> list[Tile]:
    picture = jpeg()
    return [Tile(NOON + timedelta(seconds=10 * index), picture) for index in range(count)]


def pdf_of(cells: Sequence[Tile | Gap], *, title: str = "Maya", fonts: PdfFonts | None = None) -> bytes:
    gaps = sum(isinstance(cell, Gap) for cell in cells)
    head = SheetHead(title, (("Channel", "algebra-7b"),), NOON, tiles=len(cells) - gaps, gaps=gaps)
    sheet = PdfSheet(head, zone=UTC, fonts=fonts or PdfFonts(), layout=SMALL)
    (pieces,) = sheet.files(cells)
    return b"".join(pieces)


def read(file: bytes) -> PdfReader:
    return PdfReader(BytesIO(file), strict=True)


def _title(reader: PdfReader) -> str | None:
    return None if reader.metadata is None else reader.metadata.title


def test_captions_gaps_and_the_legend_can_be_selected() -> None:
    gap = Gap(NOON + timedelta(seconds=20), NOON + timedelta(seconds=750), "user 1003 went on", "camera-off")
    last = Tile(NOON + timedelta(seconds=760), jpeg("blue"), bak=1, shots=3, frozen=True)
    text = read(pdf_of([*tiles(2), gap, last])).pages[0].extract_text()
    for said in (
        *("Maya", "Page 1 of 1", "algebra-7b", "2026-11-05", "12:00:10", "gap 12m 10s"),
        *("camera-off: user", "12:00:20 to 12:12:30", "bak1", "×3", "frozen", "taken by a failover recorder"),
    ):
        assert said in text


def test_thumbnails_are_embedded_byte_for_byte_and_once() -> None:
    red, grey = jpeg(), encode(Image.new("L", (160, 90), 90).convert("RGB"))
    file = pdf_of([Tile(NOON, red), Tile(NOON, grey), Tile(NOON, red)])
    resources: Any = read(file).pages[0]["/Resources"]
    streams = [each.get_object() for each in resources["/XObject"].values()]
    assert {stream["/Filter"] for stream in streams} == {"/DCTDecode"}
    assert sorted(stream._data for stream in streams) == sorted([red, grey])
    assert file.count(red) == 1


def test_what_is_no_thumbnail_is_made_one_before_it_goes_in() -> None:
    buffer = BytesIO()
    Image.new("RGB", (640, 360), "red").save(buffer, "JPEG", comment=b"secret")
    large = buffer.getvalue()
    buffer = BytesIO()
    Image.new("CMYK", (160, 90)).save(buffer, "JPEG")
    file = pdf_of([Tile(NOON, large), Tile(NOON, buffer.getvalue())])
    assert b"secret" not in file
    assert {picture.image.size for picture in read(file).pages[0].images if picture.image} == {(160, 90)}
    assert b"/DeviceCMYK" not in file


def test_equal_cells_give_equal_bytes_that_do_not_say_when() -> None:
    cells: list[Tile | Gap] = [*tiles(3), Gap(NOON, NOON + timedelta(hours=1)), Tile(NOON, None, "archived", bak=0)]
    assert pdf_of(cells) == pdf_of(cells)
    assert set(read(pdf_of(cells)).metadata or {}) == {"/Title", "/Creator"}


def test_each_user_of_each_session_has_a_bookmark() -> None:
    cells: list[Block | Tile] = []
    for group, title in (("one", "Maya"), ("one", "Ben"), ("two", "Maya")):
        cells += [Block(title, (("Presence", "83.3 %"),), group), *tiles(90)]
    head = SheetHead("Room", tiles=270, blocks=(90, 90, 90))
    (pieces,) = PdfSheet(head, zone=UTC, fonts=PdfFonts(), layout=SMALL).files(cells)
    reader = read(b"".join(pieces))
    assert _title(reader) == "Room"
    outline: Any = reader.outline  # lists in lists
    assert [outline[0].title, [each.title for each in outline[1]]] == ["one", ["Maya", "Ben"]]
    assert [outline[2].title, [each.title for each in outline[3]]] == ["two", ["Maya"]]
    texts = [page.extract_text() for page in reader.pages]
    assert all(f"Page {number} of {len(texts)}" in text for number, text in enumerate(texts, start=1))
    assert "continued" in texts[1]


def test_each_block_and_each_page_begins_with_the_date() -> None:
    cells: list[Block | Tile] = []
    for title in ("Maya", "Ben", "Eva"):
        cells += [Block(title), *tiles(70)]
    head = SheetHead("Room", tiles=210, blocks=(70, 70, 70))
    (pieces,) = PdfSheet(head, zone=UTC, fonts=PdfFonts(), layout=SMALL).files(cells)
    texts = [page.extract_text() for page in read(b"".join(pieces)).pages]
    headings = [len(re.findall("^(?:Maya|Ben|Eva)", text, re.MULTILINE)) for text in texts]
    assert sum(headings) > 3
    assert [text.count("2026-11-05") for text in texts] == headings


def test_long_sheets_are_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_pdf, "MOST_PAGES", 2)
    cells = tiles(300)
    sheet = PdfSheet(SheetHead("Maya", tiles=300), zone=UTC, fonts=PdfFonts(), layout=SMALL)
    files = [b"".join(file) for file in sheet.files(cells)]
    assert len(files) == sheet.file_count > 1
    pages = [page.extract_text() for file in files for page in read(file).pages]
    assert len(pages) == sheet.page_count
    assert f"Page {len(pages)} of {len(pages)}" in pages[-1]


@pytest.mark.parametrize("promised", [4, 6])
def test_another_number_of_cells_than_promised_is_an_error(promised: int) -> None:
    sheet = PdfSheet(SheetHead("Maya", tiles=promised), zone=UTC, fonts=PdfFonts(), layout=SMALL)
    with pytest.raises(ValueError, match=f"says {promised} cells"):
        list(sheet.files(tiles(5)))


def test_no_shots_make_one_page_that_says_so() -> None:
    assert "No shots" in read(pdf_of([])).pages[0].extract_text()


def test_broken_pictures_are_said_to_be_missing() -> None:
    whole = jpeg()
    chance = Random(7)
    broken = [b"", b"<html>", b"<svg/>", whole[:-40], whole[:300], b"\x89PNG\r\n\x1a\n" + whole]
    for _ in range(200):
        spoiled = bytearray(whole)
        for _ in range(6):
            spoiled[chance.randrange(2, len(whole))] = chance.randrange(256)
        broken.append(bytes(spoiled))
    reader = read(pdf_of([Tile(NOON, picture) for picture in broken]))
    assert reader.pages[0].extract_text().count("no picture") >= 6
    assert all(page.extract_text() for page in reader.pages)


# --- Letters --------------------------------------------------------------------------------------------------------


def test_hostile_names_stay_text() -> None:
    reader = read(pdf_of([Tile(NOON, None, HOSTILE)], title=HOSTILE))
    text = reader.pages[0].extract_text()
    assert "a<b>&\"'\\)(\\x1b[31m\\u202e%PDF endstream endobj" in text
    assert _title(reader) == "a<b>&\"'\\)(\\x1b[31m\\u202e%PDF endstream endobj"


@settings(deadline=None, max_examples=25)
@given(st.text(st.characters(), max_size=60))
def test_any_name_makes_a_pdf(name: str) -> None:
    layout = Layout(ThumbSpec(160, 90), lines=2)
    cells: list[Block | Tile] = [Block(name, ((name, name),), name), Tile(NOON, None, name, caption=name)] * 2
    head = SheetHead(name, ((name, name),), tiles=2, blocks=(1, 1))
    (pieces,) = PdfSheet(head, zone=UTC, fonts=PdfFonts(), layout=layout).files(cells)
    assert len(read(b"".join(pieces)).pages) == 1


def test_letters_that_no_font_has_are_boxes_and_known() -> None:
    fonts = PdfFonts()
    text = read(pdf_of(tiles(1), title="Ben 王", fonts=fonts)).pages[0].extract_text()
    assert fonts.missing == "王"
    assert "Ben" in text


def _with(letters: str) -> Path | None:
    """A font of this machine that has them."""
    for path in system_fonts():
        fonts = PdfFonts([path])
        fonts.elided(letters, Style(10, "#000000"), 1_000)
        if not fonts.missing:
            return path
    return None


@pytest.mark.parametrize("name", ["Мария", "王小明"])
def test_letters_of_a_font_of_the_system_can_be_selected_and_are_embedded_as_a_subset(name: str) -> None:
    path = _with(name)
    if path is None:
        pytest.skip("no font of this machine has these letters")
    fonts = PdfFonts([path])
    file = pdf_of(tiles(1), title=name, fonts=fonts)
    assert name in read(file).pages[0].extract_text()
    assert len(file) < 60_000, "a whole font has half a megabyte and more"


def test_equal_letters_of_other_fonts_give_equal_bytes() -> None:
    path = _with("Мария")
    if path is None:
        pytest.skip("no font of this machine has these letters")
    first, second = (pdf_of(tiles(1), title="Мария", fonts=PdfFonts([path])) for _ in range(2))
    assert first == second


def test_files_that_are_no_fonts_are_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "DejaVuSans.ttf"
    broken.write_bytes(b"\0\1\0\0 no font")
    fonts = PdfFonts([broken, tmp_path / "missing.ttf"])
    pdf_of(tiles(1), title="Łódź", fonts=fonts)
    assert fonts.missing == "Łź"


def test_without_the_extra_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine: Callable[..., object] = builtins.__import__

    def importing(name: str, *rest: object, **named: object) -> object:
        if name.split(".")[0] == "fpdf":
            raise ImportError(name)
        return genuine(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.delitem(sys.modules, "fpdf", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'livestills\[pdf\]'"):
        PdfFonts()
