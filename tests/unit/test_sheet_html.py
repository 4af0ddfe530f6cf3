from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.render.image import encode
from indexer.render.sheet_html import POLICY, HtmlSheet
from indexer.render.sheet_layout import Layout
from indexer.render.sheet_model import Block, Cell, Gap, Marks, SheetHead, Tile
from indexer.render.thumbnail import ThumbSpec

NOON = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
SMALL = Layout(ThumbSpec(160, 90), lines=2)
HOSTILE = "<script>alert(1)</script> \"onmouseover=alert(2) ' x=' </style><img src=x onerror=alert(3)>\u202e"


def jpeg(colour: str = "red") -> bytes:
    return encode(Image.new("RGB", (160, 90), colour))


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def html_of(cells: list[Block | Cell], head: SheetHead) -> Page:
    ((*pieces,),) = HtmlSheet(head, zone=ZoneInfo("Europe/Berlin"), layout=SMALL).files(cells)
    return Page(b"".join(pieces).decode())


def test_thumbnails_are_in_the_file_byte_for_byte() -> None:
    red, blue = jpeg(), jpeg("blue")
    page = html_of([Tile(NOON, red), Tile(NOON, blue)], SheetHead("Maya", tiles=2))
    sources = [str(image["src"]) for image in page.all("img")]
    assert [b64decode(source.removeprefix("data:image/jpeg;base64,")) for source in sources] == [red, blue]
    assert {image["alt"] for image in page.all("img")} == {"2026-11-05 13:00:00"}


def test_times_are_those_of_the_zone_and_tell_utc() -> None:
    page = html_of([Tile(NOON, jpeg())], SheetHead("Maya", tiles=1))
    assert page.all("time") == [{"datetime": "2026-11-05T12:00:00.000Z", "title": "2026-11-05 12:00:00 UTC"}]
    assert "2026-11-05" in page.text
    assert "13:00:00" in page.text


def test_blocks_gaps_marks_and_reasons_are_said() -> None:
    marks = Marks()
    cells: list[Block | Cell] = [
        Block("Maya Chen", (("Presence", "83.3 %"),)),
        Tile(NOON, jpeg(), bak=1, until=NOON + timedelta(minutes=1), shots=7, frozen=True),
        Gap(NOON, NOON + timedelta(seconds=130), "user 1003 went on", "camera-off"),
        Block("Ben"),
        Tile(NOON, None, "archived"),
        Tile(NOON, b"<html>"),
    ]
    for cell in cells:
        if not isinstance(cell, Block):
            marks.add(cell)
    page = html_of(cells, SheetHead("Room", tiles=3, gaps=1, blocks=(2, 2), marks=marks))
    for said in (
        *("Maya Chen", "83.3 %", "bak1", "×7", "frozen", "13:00:00 to 13:01:00", "gap 2m 10s"),
        *("camera-off: user 1003 went on", "no shots, and why", "archived", "the file is an HTML page"),
    ):
        assert said in page.text
    assert len(page.all("section")) == 2


def test_nothing_is_fetched_and_no_script_could_run() -> None:
    page = html_of([Tile(NOON, jpeg())], SheetHead("Maya", tiles=1))
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in page.all("meta")
    assert POLICY.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "form", "a", "object"} == set()


def hostile(name: str) -> Page:
    cells: list[Block | Cell] = [
        Block(name, ((name, name),), name),
        Tile(NOON, None, name, caption=name),
        Tile(NOON, jpeg(), caption=name),
        Gap(NOON, NOON, name, name),
    ]
    return html_of(cells, SheetHead(name, ((name, name),), tiles=2, gaps=1, blocks=(3,)))


def shape(page: Page) -> list[tuple[str, list[str]]]:
    return [(tag, sorted(attributes)) for tag, attributes in page.tags]


def test_hostile_names_are_text() -> None:
    page = hostile(HOSTILE)
    assert page.text.count("<script>alert(1)</script> \"onmouseover=alert(2) ' x='") >= 7
    assert "\u202e" not in page.text
    assert shape(page) == shape(hostile("Maya"))


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters() | st.sampled_from("<>&\"'=/ -!"), min_size=1, max_size=60))
def test_no_name_changes_the_elements_of_the_page(name: str) -> None:
    assert shape(hostile(name)) == shape(hostile("Maya"))


def test_pieces_come_as_cells_are_read() -> None:
    read = 0

    def coming() -> Iterator[Tile]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield Tile(NOON, jpeg())

    (pieces,) = HtmlSheet(SheetHead("Maya", tiles=50), zone=UTC, layout=SMALL).files(coming())
    found = iter(pieces)
    while b"<img" not in next(found):
        pass
    assert read == 1


@pytest.mark.parametrize("promised", [4, 6])
def test_another_number_of_cells_than_promised_is_an_error(promised: int) -> None:
    sheet = HtmlSheet(SheetHead("Maya", tiles=promised), zone=UTC, layout=SMALL)
    with pytest.raises(ValueError, match=f"says {promised} cells"):
        list(next(iter(sheet.files([Tile(NOON, None)] * 5))))


def test_pictures_that_are_no_thumbnails_are_made_ones() -> None:
    buffer = BytesIO()
    Image.new("RGB", (640, 360), "red").save(buffer, "JPEG", comment=b"secret")
    page = html_of([Tile(NOON, buffer.getvalue())], SheetHead("Maya", tiles=1))
    made = b64decode(str(page.all("img")[0]["src"]).partition(",")[2])
    assert b"secret" not in made
    with Image.open(BytesIO(made)) as picture:
        assert picture.size == (160, 90)


def test_no_shots_are_said() -> None:
    assert "No shots" in html_of([], SheetHead("Maya")).text
