"""What the pages of a contact sheet are drawn of with Pillow: header, headings, cells and footer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from PIL import Image, ImageColor, ImageDraw

from indexer.render.fonts import Fonts, Style
from indexer.render.image import decode, open_jpeg
from indexer.render.sheet_layout import Grid, Layout
from indexer.render.sheet_model import Block, Marks
from indexer.render.sheet_words import FRAME, MADE_BY, Badge, Caption, frame_of, legend

PAPER: Final = "#ffffff"
_INK: Final = "#101828"
_TEXT: Final = "#344054"
_MUTED: Final = "#667085"
_RULE: Final = "#e4e7ec"
_MAT: Final = "#f2f4f7"
_HATCH: Final = "#e1e5eb"

_FINE: Final = 4  # round corners are drawn this many times too large, because Pillow's shapes have hard edges


def _scale(width: int) -> float:
    """How large letters of header and footer are, so that pages of all widths look alike when shown in one size."""
    return min(max(width / 2096, 0.75), 1.6)


@dataclass(frozen=True, slots=True)
class _Placed:
    name: str
    value: str
    x: int
    line: int


class Header:
    """Title and facts, arranged once for all pages: as many facts a line as fit."""

    def __init__(self, title: str, facts: Iterable[tuple[str, str]], *, fonts: Fonts, width: int, margin: int) -> None:
        self._fonts = fonts
        self._margin = margin
        self._right = width - margin
        self._unit = _scale(width)
        self._title_style = Style(self._px(40), _INK, weight=self._px(40) / 60)
        self._name_style = Style(self._px(15), _MUTED)
        self._value_style = Style(self._px(20), _TEXT)
        self._page_style = Style(self._px(20), _MUTED)
        room = width - 2 * margin
        title_room = room - fonts.width("Page 1,000 of 1,000", self._page_style)
        self._title = fonts.elided(title, self._title_style, title_room)
        self._facts = self._arranged(facts, room)
        lines = 1 + max((fact.line for fact in self._facts), default=-1)
        self._baseline = margin + self._px(30)
        self._rule = self._baseline + self._px(34) + lines * self._px(64)

    @property
    def height(self) -> int:
        """Pixels from the edge of the page to the first row of tiles."""
        return self._rule + self._px(28)

    def draw(self, page: Image.Image, number: str) -> None:
        """Draw it with the number of the page."""
        canvas = ImageDraw.Draw(page)
        self._fonts.draw(canvas, (self._margin, self._baseline), self._title, self._title_style)
        start = self._right - self._fonts.width(number, self._page_style)
        self._fonts.draw(canvas, (start, self._baseline), number, self._page_style)
        for fact in self._facts:
            top = self._baseline + self._px(26) + fact.line * self._px(64)
            self._fonts.draw(canvas, (fact.x, top + self._px(16)), fact.name, self._name_style)
            self._fonts.draw(canvas, (fact.x, top + self._px(42)), fact.value, self._value_style)
        canvas.line((self._margin, self._rule, self._right - 1, self._rule), _RULE, width=self._px(2))

    def _arranged(self, facts: Iterable[tuple[str, str]], room: int) -> list[_Placed]:
        placed: list[_Placed] = []
        x = line = 0
        for name, value in facts:
            fitting_name = self._fonts.elided(name, self._name_style, room)
            fitting_value = self._fonts.elided(value, self._value_style, room)
            wide = max(
                self._fonts.width(fitting_name, self._name_style), self._fonts.width(fitting_value, self._value_style)
            )
            if x and x + wide > room:
                x, line = 0, line + 1
            placed.append(_Placed(fitting_name, fitting_value, self._margin + x, line))
            x += round(wide) + self._px(44)
        return placed

    def _px(self, usual: int) -> int:
        return round(usual * self._unit)


class Heading:
    """Who is shown below it: a name, and what is known of the time."""

    def __init__(self, *, fonts: Fonts, width: int, margin: int) -> None:
        self._fonts = fonts
        self._left, self._right = margin, width - margin
        self._unit = unit = _scale(width)
        self._title_style = Style(round(26 * unit), _INK, weight=round(26 * unit) / 60)
        self._name_style = Style(round(17 * unit), _MUTED)
        self._value_style = Style(round(17 * unit), _TEXT)

    @property
    def height(self) -> int:
        """Pixels, with the white below it."""
        return round(84 * self._unit)

    def draw(self, page: Image.Image, top: int, block: Block, *, continued: bool) -> None:
        """Draw it on a page; where a block goes on, it says so."""
        canvas = ImageDraw.Draw(page)
        fonts, unit = self._fonts, self._unit
        room = self._right - self._left
        title = fonts.elided(block.title, self._title_style, room * 0.8)
        x = fonts.draw(canvas, (self._left, top + round(26 * unit)), title, self._title_style)
        if continued:
            fonts.draw(canvas, (x + round(12 * unit), top + round(26 * unit)), "continued", self._name_style)
        x = float(self._left)
        for name, value in block.facts:
            shown = fonts.elided(value, self._value_style, room * 0.4)
            needed = fonts.width(f"{name} ", self._name_style) + fonts.width(shown, self._value_style)
            if x + needed > self._right:
                break
            x = fonts.draw(canvas, (x, top + round(58 * unit)), f"{name} ", self._name_style)
            x = fonts.draw(canvas, (x, top + round(58 * unit)), shown, self._value_style) + round(26 * unit)


class Cells:
    """Draws what is in the grid."""

    def __init__(self, layout: Layout, fonts: Fonts) -> None:
        self._layout = layout
        self._fonts = fonts
        self._size = layout.tile.width, layout.tile.height
        self._frame = _Frame(FRAME, line=1, radius=_radius(self._size))
        self._recorder_frame = cache(lambda bak: _Frame(frame_of(bak), line=3, radius=_radius(self._size)))
        self._hatched = cache(lambda: _hatched(self._size, pitch=max(8, layout.tile.width // 22)))
        size = layout.caption_px
        self._time_style = Style(size, _TEXT)
        self._date_style = Style(size, _INK, weight=size / 40)
        self._label_style = Style(round(size * 0.9), _MUTED)

    def draw_picture(self, page: Image.Image, corner: tuple[int, int], jpeg: bytes, *, bak: int | None) -> None:
        """Draw a picture, whole, in the middle of its tile.  Raises `BadPictureError`, then nothing is drawn."""
        opened = open_jpeg(jpeg)
        size = self._layout.tile.inside(*opened.size)
        decoded = decode(opened, at_least=size)
        picture = decoded.picture
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.BICUBIC, decoded.box, reducing_gap=2.0)
        if size != self._size:
            mat = Image.new("RGB", self._size, _MAT)
            mat.paste(picture, ((self._size[0] - size[0]) // 2, (self._size[1] - size[1]) // 2))
            picture = mat
        _paste_framed(page, corner, picture, self._frame if bak is None else self._recorder_frame(bak))

    def draw_missing(self, page: Image.Image, corner: tuple[int, int], reason: str) -> None:
        """Draw that there is no picture, and why."""
        _paste_framed(page, corner, Image.new("RGB", self._size, _MAT), self._frame)
        self._write_inside(page, corner, "no picture", reason)

    def draw_gap(self, page: Image.Image, corner: tuple[int, int], title: str, note: str) -> None:
        """Draw that nothing was taken, for how long and why."""
        _paste_framed(page, corner, self._hatched(), self._frame)
        self._write_inside(page, corner, title, note)

    def draw_caption(self, page: Image.Image, corner: tuple[int, int], caption: Caption) -> None:
        """Write under a tile."""
        canvas = ImageDraw.Draw(page)
        fonts, size = self._fonts, self._layout.caption_px
        x, baseline = float(corner[0]), corner[1] + self._size[1] + round(size * 1.4)
        right = corner[0] + self._size[0]
        for badge in reversed(caption.badges):
            badge = badge._replace(text=fonts.elided(badge.text, self._time_style, self._size[0] / 3))
            start = round(right - _badge_width(fonts, badge.text, size))
            if start > x:
                _draw_badge(canvas, fonts, (start, baseline), badge, size)
                right = start - size // 3
        if caption.text is not None:
            self._write_lines(canvas, (corner[0], baseline), caption.text, right)
            return
        time = caption.time
        if caption.date or caption.brief or caption.offset:
            words = f"{caption.date} {caption.time} {caption.offset}"
            fits = x + fonts.width(words, self._date_style) + size * 0.8 <= right
            if caption.date:
                x = fonts.draw(canvas, (x, baseline), caption.date if fits else caption.date[-5:], self._date_style)
                x += size * 0.5
            time = time if fits else fonts.elided(caption.brief or time, self._time_style, right - x)
        else:
            time = fonts.elided(time, self._time_style, right - x)
        x = fonts.draw(canvas, (x, baseline), time, self._time_style)
        if caption.offset:
            offset = fonts.elided(caption.offset, self._label_style, right - x - size)
            fonts.draw(canvas, (x + size * 0.5, baseline), offset, self._label_style)

    def _write_lines(self, canvas: ImageDraw.ImageDraw, at: tuple[int, int], text: str, right: int) -> None:
        left, baseline = at
        lines = self._fonts.wrapped(text, self._time_style, right - left, lines=self._layout.lines)
        for index, line in enumerate(lines):
            self._fonts.draw(canvas, (left, baseline + index * self._layout.line_height), line, self._time_style)

    def draw_nothing(self, page: Image.Image, grid: Grid, text: str) -> None:
        """Draw that the whole sheet is empty."""
        canvas = ImageDraw.Draw(page)
        left, top = grid.corner(0)
        right, bottom = grid.width - left, top + self._size[1]
        canvas.rounded_rectangle((left, top, right - 1, bottom - 1), _radius(self._size), _MAT, _RULE)
        style = Style(round(22 * _scale(grid.width)), _MUTED)
        shown = self._fonts.elided(text, style, right - left - 2 * style.size)
        x = (left + right - self._fonts.width(shown, style)) / 2
        self._fonts.draw(canvas, (x, (top + bottom) / 2 + style.size * 0.35), shown, style)

    def _write_inside(self, page: Image.Image, corner: tuple[int, int], title: str, note: str) -> None:
        """Write a title and as much of a note as fits into the middle of a tile."""
        fonts, pitch = self._fonts, self._layout.line_height
        room = self._size[0] * 0.84
        title_style = Style(round(self._layout.caption_px * 1.15), _TEXT, weight=self._layout.caption_px / 50)
        lines = min(3, self._size[1] // pitch - 2)
        notes = fonts.wrapped(note, self._label_style, room, lines=lines) if note and lines > 0 else []
        canvas = ImageDraw.Draw(page)
        centre = corner[0] + self._size[0] / 2
        first = corner[1] + (self._size[1] - len(notes) * pitch) / 2 + title_style.size * 0.35
        for index, (text, style) in enumerate([(title, title_style), *((line, self._label_style) for line in notes)]):
            shown = fonts.elided(text, style, room)
            fonts.draw(canvas, (centre - fonts.width(shown, style) / 2, first + index * pitch), shown, style)


class Footer:
    """Explains the marks of a page, and says what made it."""

    def __init__(self, *, fonts: Fonts, width: int, margin: int) -> None:
        self._fonts = fonts
        self._left, self._right = margin, width - margin
        self._margin = margin
        self._style = Style(round(15 * _scale(width)), _MUTED)

    @property
    def height(self) -> int:
        """Pixels from the last row of tiles to the edge of the page."""
        return round(self._style.size * 2.6) + self._margin

    def draw(self, page: Image.Image, marks: Marks) -> None:
        """Draw it with what occurs on this page."""
        canvas = ImageDraw.Draw(page)
        fonts, size = self._fonts, self._style.size
        baseline = page.height - self._margin
        right = self._right - fonts.width(MADE_BY, self._style)
        fonts.draw(canvas, (right, baseline), MADE_BY, self._style)
        x = float(self._left)
        swatch = size * 2, size
        frame = _Frame(FRAME, line=1, radius=_radius(swatch))
        for entry in legend(marks):
            if x + size * 6 > right:
                break  # no room even for the mark
            for badge in entry.badges:
                x = _draw_badge(canvas, fonts, (x, baseline), badge, size) + size * 0.5
            if entry.swatch is not None:
                ground = _hatched(swatch, pitch=size // 2) if entry.swatch == "gap" else Image.new("RGB", swatch, _MAT)
                _paste_framed(page, (round(x), baseline - round(size * 0.85)), ground, frame)
                x += size * 2.5
            x = self._explain(canvas, (x, baseline), entry.text, right)

    def _explain(self, canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, right: float) -> float:
        shown = self._fonts.elided(text, self._style, right - at[0] - self._style.size)
        return self._fonts.draw(canvas, at, shown, self._style) + self._style.size * 1.8


# --- Shapes ---------------------------------------------------------------------------------------------------------


def _badge_style(ink: str, beside: int) -> Style:
    return Style(max(9, round(beside * 0.82)), ink, weight=beside / 60)


def _badge_width(fonts: Fonts, text: str, beside: int) -> float:
    return fonts.width(text, _badge_style(_INK, beside)) + beside * 0.8


def _draw_badge(canvas: ImageDraw.ImageDraw, fonts: Fonts, at: tuple[float, float], badge: Badge, beside: int) -> float:
    """Draw a mark that goes with text of size `beside`.  Return where it ends."""
    x, baseline = at
    end = x + _badge_width(fonts, badge.text, beside)
    corners = (x, round(baseline - beside * 0.98), end - 1, round(baseline + beside * 0.28))
    canvas.rounded_rectangle(corners, beside * 0.3, badge.ground)
    fonts.draw(canvas, (x + beside * 0.4, baseline - beside * 0.06), badge.text, _badge_style(badge.ink, beside))
    return end


def _radius(size: tuple[int, int]) -> int:
    return min(8, max(2, min(size) // 24))


class _Frame:
    """A line around a rectangle whose corners are rounded.

    Only its own pixels are touched: masks as large as tiles took a third of the time of a page of a hundred.
    """

    def __init__(self, colour: str, *, line: int, radius: int) -> None:
        self._colour = ImageColor.getrgb(colour)
        self._line = line
        self._side = side = max(radius, line) + 1
        fine = 2 * side * _FINE
        corners = (0, 0, fine - 1, fine - 1)
        outside = Image.new("L", (fine, fine), 255)
        ImageDraw.Draw(outside).rounded_rectangle(corners, radius * _FINE, 0)
        touched = Image.new("L", (fine, fine), 255)
        inner = tuple(place + change * line * _FINE for place, change in zip(corners, (1, 1, -1, -1), strict=True))
        ImageDraw.Draw(touched).rounded_rectangle(inner, max(0, radius - line) * _FINE, 0)
        ring = Image.new("RGB", (2 * side, 2 * side), colour)
        ring.paste(PAPER, mask=outside.reduce(_FINE))
        ring.putalpha(touched.reduce(_FINE))
        self._corners = [ring.crop((x, y, x + side, y + side)) for y in (0, side) for x in (0, side)]

    def draw(self, page: Image.Image, box: tuple[int, int, int, int]) -> None:
        """Draw it around left, top, width and height, on the inner side."""
        left, top, width, height = box
        side, line = self._side, self._line
        right, bottom = left + width, top + height
        page.paste(self._colour, (left + side, top, right - side, top + line))
        page.paste(self._colour, (left + side, bottom - line, right - side, bottom))
        page.paste(self._colour, (left, top + side, left + line, bottom - side))
        page.paste(self._colour, (right - line, top + side, right, bottom - side))
        places = ((left, top), (right - side, top), (left, bottom - side), (right - side, bottom - side))
        for place, corner in zip(places, self._corners, strict=True):
            page.paste(corner, place, corner)


def _paste_framed(page: Image.Image, corner: tuple[int, int], picture: Image.Image, frame: _Frame) -> None:
    page.paste(picture, corner)
    frame.draw(page, (*corner, *picture.size))


def _hatched(size: tuple[int, int], *, pitch: int) -> Image.Image:
    """Slanted lines on a light ground."""
    width, height = size
    picture = Image.new("RGB", (width * 2, height * 2), "#f9fafb")
    canvas = ImageDraw.Draw(picture)
    for x in range(0, 2 * (width + height), 2 * pitch):
        canvas.line((x, 0, x - 2 * height, 2 * height), _HATCH, width=max(2, pitch // 4))
    return picture.reduce(2)
