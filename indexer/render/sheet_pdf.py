"""Contact sheets as PDF: thumbnails as they are, and text that can be searched, selected and copied.

fpdf2 is an extra, and takes a fifth of a second to import: only `PdfSheet` and `PdfFonts` load it.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from indexer.errors import ConfigError
from indexer.model import EPOCH
from indexer.render.embedding import embedded
from indexer.render.fonts import Letters, Style, box_pitch, face_number, is_for_signs, plain, run_width
from indexer.render.image import BadPictureError
from indexer.render.sheet_layout import PROPORTION, Band, Grid, Layout
from indexer.render.sheet_model import Block, Cell, Coming, Gap, Marks, SheetHead, Tile
from indexer.render.sheet_words import (
    FRAME,
    MADE_BY,
    Badge,
    Caption,
    Clock,
    facts,
    frame_of,
    gap_caption,
    gap_note,
    gap_title,
    legend,
    tile_caption,
)

if TYPE_CHECKING:
    from fpdf import FPDF
    from fpdf.drawing_primitives import DeviceRGB

MOST_PAGES: Final = 100
"""Of a file: 3,000 tiles of the usual size, 30 to 40 MB.  It is in memory twice until it is written."""

_PIECE: Final = 1024 * 1024

_WIDTH_PT: Final = 841.89  # A4 lying on its side

_PAPER: Final = "#ffffff"
_INK: Final = "#101828"
_TEXT: Final = "#344054"
_MUTED: Final = "#667085"
_RULE: Final = "#e4e7ec"
_MAT: Final = "#f2f4f7"
_HATCH: Final = "#e1e5eb"


def _fpdf() -> Any:  # a module
    try:
        import fpdf
    except ImportError as exc:
        raise ConfigError(
            "a PDF takes fpdf2 to write it: pip install 'livestills[pdf]', or say --format html or jpg"
        ) from exc
    return fpdf


# --- Fonts ----------------------------------------------------------------------------------------------------------


class _Face:
    """A font as PDFs use it; a file of the system, or Helvetica, which every reader has."""

    def __init__(self, path: Path | None, letters: Callable[[str], bool], widths: Callable[[str], float]) -> None:
        self.path = path
        self.has_all = cache(letters)
        self._widths = cache(widths)

    @property
    def family(self) -> str:
        """What it is called in a file."""
        return "helvetica" if self.path is None else f"{self.path.stem.lower()}-{face_number(self.path)}"

    @property
    def is_for_signs(self) -> bool:
        return self.path is not None and is_for_signs(self.path)

    def width(self, text: str, size: int) -> float:
        return self._widths(text) * size


class PdfFonts(Letters[_Face]):
    """The fonts to write with: Helvetica for Western letters, then subsets of `files` in their order, embedded.

    Raises `ConfigError` if fpdf2 is not installed.
    """

    def __init__(self, files: Iterable[Path] = ()) -> None:
        _fpdf()
        super().__init__(_helvetica(), _of_file, files)


_ENCODING: Final = "cp1252"
"""What PDF calls WinAnsiEncoding."""


def _helvetica() -> _Face:
    from fpdf.fonts import CORE_FONTS_CHARWIDTHS

    per_mille = CORE_FONTS_CHARWIDTHS["helvetica"]
    widths = {
        char: per_mille[chr(code)] / 1000
        for code in range(0x20, 0x100)
        if (char := bytes([code]).decode(_ENCODING, "ignore"))
    }
    return _Face(None, lambda text: widths.keys() >= set(text), lambda text: sum(widths[char] for char in text))


def _of_file(path: Path) -> _Face:
    """Raises `OSError` for a file that cannot be read, is no font, or may not be embedded."""
    from fontTools.ttLib import TTFont, TTLibError  # type: ignore[import-untyped]

    try:
        # Opened here: of a file that is no font, fontTools would leave it to chance when it is closed.
        with path.open("rb") as file, TTFont(file, fontNumber=face_number(path), lazy=True) as font:
            glyphs = font.getBestCmap()
            metrics, em = font["hmtx"].metrics, font["head"].unitsPerEm
            restricted = font["OS/2"].fsType & _NOT_TO_BE_EMBEDDED
            widths = {code: metrics[glyph][0] / em for code, glyph in glyphs.items()}
    except (TTLibError, KeyError, AttributeError, AssertionError, ValueError) as exc:
        raise OSError(f"{path} is not a font that a PDF can use") from exc
    if restricted:
        raise OSError(f"{path} may not be embedded, as it says")
    return _Face(
        path,
        lambda text: all(ord(char) in widths for char in text),
        lambda text: sum(widths[ord(char)] for char in text),
    )


_NOT_TO_BE_EMBEDDED: Final = 0x0002


# --- Sheet ----------------------------------------------------------------------------------------------------------


class PdfSheet:
    """A sheet whose pages are known, but not yet drawn: pages of A4, up to `MOST_PAGES` in a file.

    Equal cells give equal bytes with the same fonts and version of fpdf2: no file says when it was made.  Letters that
    no font has are collected in `fonts.missing` as they are met.  Raises `ConfigError` if fpdf2 is not installed, or
    the layout makes pages too large.
    """

    def __init__(self, head: SheetHead, *, zone: tzinfo, fonts: PdfFonts, layout: Layout | None = None) -> None:
        self._head = head
        self._zone = zone
        self._fonts = fonts
        self._layout = layout = layout or Layout()
        width = layout.page_width(layout.columns or layout.columns_for(sys.maxsize))
        self._parts = _Parts(fonts, layout, width)
        self._facts = self._parts.arranged(facts(head, zone))
        self._grid = Grid.of(
            layout,
            cells=head.cells,
            header=self._parts.header_height(self._facts),
            footer=self._parts.footer_height,
            blocks=head.blocks,
            heading=self._parts.heading_height,
            paper=PROPORTION,
        )

    @property
    def file_count(self) -> int:
        """How many files there are; at least one."""
        return -(-self._grid.pages // MOST_PAGES)

    @property
    def page_count(self) -> int:
        """How many pages there are, all files together."""
        return self._grid.pages

    def files(self, cells: Iterable[Block | Cell]) -> Iterator[Iterable[bytes]]:
        """Yield the files, each to be read before the next one is asked for; one is held at a time.

        Raises `BrokenPromiseError` if there are not as many cells as the head says.
        """
        coming = Coming(cells, self._head)
        pages = enumerate(self._grid.bands(), start=1)
        block: Block | None = None
        for _ in range(self.file_count):
            file = _File(self._head, self._parts, self._grid, self._zone)
            for number, bands in islice(pages, MOST_PAGES):
                block = file.add_page(number, bands, coming, block, self._facts)
            yield file.written()
            del file
            if self.file_count > 1:
                # The objects of a PDF refer to each other: left alone, they would be in memory beside the next file.
                gc.collect()
        coming.end()


class _File:
    """One PDF as it is made."""

    def __init__(self, head: SheetHead, parts: "_Parts", grid: Grid, zone: tzinfo) -> None:
        self._head = head
        self._parts = parts
        self._grid = grid
        self._zone = zone
        self._marked: tuple[str | None, str] | None = None
        scale = _WIDTH_PT / grid.width
        self._pdf: FPDF = _fpdf().FPDF(unit=scale, format=(grid.width, grid.height))
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.core_fonts_encoding = _ENCODING
        self._pdf.set_title(plain(head.title))
        self._pdf.set_creator("livestills")
        self._pdf.set_lang("en")
        self._pdf.set_creation_date(EPOCH)  # it goes into the identifier of the file, and nowhere else

    def add_page(
        self,
        number: int,
        bands: list[Band],
        coming: Coming,
        block: Block | None,
        placed: list["_Placed"],
    ) -> Block | None:
        """Draw a page; return the block that may go on behind it."""
        pen = _Pen(self._pdf, self._parts.fonts)
        self._pdf.add_page()
        self._parts.draw_header(pen, self._head.title, placed, f"Page {number:,} of {self._grid.pages:,}")
        marks = Marks()
        for band in bands:
            clock = Clock(self._zone)
            if self._grid.heading:
                block = block if block is not None and band.continued else coming.block()
                self._bookmark(block, band.top)
                self._parts.draw_heading(pen, band.top, block, continued=band.continued)
            elif self._pdf.page == 1:
                self._pdf.start_section(plain(self._head.title))
            for index in range(band.cells):
                self._draw(pen, self._grid.corner(index, band.first_row), coming.cell(), clock, marks)
        if not self._head.cells:
            self._parts.draw_nothing(pen, self._grid)
        self._parts.draw_footer(pen, self._grid, marks)
        return block

    def _bookmark(self, block: Block, top: int) -> None:
        """Where a block begins in this file; where it goes on there is none."""
        before, self._marked = self._marked, (block.group, block.title)
        if before == self._marked:
            return
        self._pdf.set_y(top)
        if block.group is not None and (before is None or before[0] != block.group):
            self._pdf.start_section(plain(block.group))
        self._pdf.start_section(plain(block.title), level=0 if block.group is None else 1)

    def _draw(self, pen: "_Pen", corner: tuple[int, int], cell: Cell, clock: Clock, marks: Marks) -> None:
        marks.add(cell)
        if isinstance(cell, Gap):
            self._parts.draw_gap(pen, corner, cell)
            self._parts.draw_caption(pen, corner, gap_caption(cell, clock))
            return
        if missing := self._draw_picture(pen, corner, cell):
            self._parts.draw_missing(pen, corner, missing)
            marks.missing = True
        self._parts.draw_caption(pen, corner, tile_caption(cell, clock))

    def _draw_picture(self, pen: "_Pen", corner: tuple[int, int], tile: Tile) -> str | None:
        """Why there is none."""
        if tile.picture is None:
            return tile.note or "there is none"
        try:
            self._parts.draw_picture(pen, corner, tile.picture, bak=tile.bak)
        except BadPictureError as exc:
            return f"the file {exc}"
        return None

    def written(self) -> Iterator[bytes]:
        """The whole file in pieces.  Behind the last one nothing of it is held any more."""
        from fpdf.output import OutputProducer, PDFInfo

        class Undated(OutputProducer):
            def _add_info(self) -> PDFInfo:
                info = super()._add_info()
                info.creation_date = None  # type: ignore[assignment]  # left out where there is none
                return info

        pdf = self._pdf
        try:
            whole = memoryview(pdf.output(output_producer_class=Undated))
            for start in range(0, len(whole), _PIECE):
                yield bytes(whole[start : start + _PIECE])
        finally:
            for font in pdf.fonts.values():
                if hasattr(font, "ttfont"):
                    font.ttfont.close()
            pdf.image_cache.images.clear()
            pdf.buffer = None


class _Pen:
    """Draws on the page at hand."""

    def __init__(self, pdf: "FPDF", fonts: PdfFonts) -> None:
        self.pdf = pdf
        self._fonts = fonts
        self._modes = _fpdf().TextMode

    def write(self, at: tuple[float, float], text: str, style: Style) -> float:
        """Write from `at`, the left end of the baseline.  Return where it ends."""
        x, baseline = at
        pdf = self.pdf
        pdf.set_text_color(_colour(style.colour))
        # With another colour to fill with, fpdf2 puts the text into brackets, out of which no way of drawing gets.
        pdf.set_fill_color(_colour(_PAPER if style.weight else style.colour))
        if style.weight:
            pdf.set_draw_color(_colour(style.colour))
            pdf.set_line_width(style.weight)
        pdf.text_mode = self._modes.FILL_STROKE if style.weight else self._modes.FILL
        for run in self._fonts.runs(text):
            if run.face is None:
                self._boxes((x, baseline), len(run.text), style)
            else:
                self._choose(run.face, style.size)
                pdf.text(x, baseline, run.text)
            x += run_width(run, style)
        return x

    def _choose(self, face: _Face, size: int) -> None:
        if face.path is not None and face.family not in self.pdf.fonts:
            self.pdf.add_font(face.family, fname=face.path, collection_font_number=face_number(face.path))
        self.pdf.set_font(face.family, size=size * self.pdf.k)

    def _boxes(self, at: tuple[float, float], count: int, style: Style) -> None:
        self.pdf.set_draw_color(_colour(style.colour))
        self.pdf.set_line_width(max(1, style.size // 16))
        for index in range(count):
            left = at[0] + index * box_pitch(style) + style.size * 0.08
            self.pdf.rect(left, at[1] - style.size * 0.7, style.size * 0.54, style.size * 0.7)

    def frame(self, box: tuple[float, float, float, float], colour: str, line: float) -> None:
        """Draw a line around left, top, width and height, on the inner side."""
        left, top, width, height = box
        self.pdf.set_draw_color(_colour(colour))
        self.pdf.set_line_width(line)
        self.pdf.rect(left + line / 2, top + line / 2, width - line, height - line)

    def fill(self, box: tuple[float, float, float, float], colour: str, *, radius: float = 0) -> None:
        """Fill left, top, width and height."""
        self.pdf.set_fill_color(_colour(colour))
        self.pdf.rect(*box, style="F", round_corners=bool(radius), corner_radius=radius)

    def hatch(self, box: tuple[float, float, float, float], pitch: float) -> None:
        """Fill it with slanted lines."""
        left, top, width, height = box
        self.fill(box, "#f9fafb")
        self.pdf.set_draw_color(_colour(_HATCH))
        self.pdf.set_line_width(max(1.0, pitch / 4))
        with self.pdf.rect_clip(*box):
            x = left
            while x < left + width + height:
                self.pdf.line(x, top, x - height, top + height)
                x += pitch


@cache
def _colour(text: str) -> "DeviceRGB":
    from fpdf.drawing_primitives import DeviceRGB

    red, green, blue = (int(text[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return DeviceRGB(red, green, blue)


_Placed = tuple[float, int, str, str]
"""Left and line of a fact, its name and its value."""


class _Parts:
    """What pages are drawn of, in the pixels of the layout."""

    def __init__(self, fonts: PdfFonts, layout: Layout, width: int) -> None:
        self.fonts = fonts
        self._layout = layout
        self._margin = layout.margin
        self._right = width - layout.margin
        self._room = width - 2 * layout.margin
        self._size = layout.tile.width, layout.tile.height
        self._unit = unit = width / 2096
        self._title = Style(round(38 * unit), _INK, weight=38 * unit / 40)
        self._block = Style(round(26 * unit), _INK, weight=26 * unit / 40)
        self._name = Style(round(16 * unit), _MUTED)
        self._value = Style(round(19 * unit), _TEXT)
        self._foot = Style(round(15 * unit), _MUTED)
        caption = layout.caption_px
        self._time = Style(caption, _TEXT)
        self._date = Style(caption, _INK, weight=caption / 34)
        self._detail = Style(round(caption * 0.9), _MUTED)
        self._inside = Style(round(caption * 1.15), _TEXT, weight=caption / 34)

    # Header and footer.

    def arranged(self, told: Iterable[tuple[str, str]]) -> list[_Placed]:
        """As many facts a line as fit."""
        placed: list[_Placed] = []
        x, line = 0.0, 0
        for name, value in told:
            name_shown = self.fonts.elided(name, self._name, self._room)
            value_shown = self.fonts.elided(value, self._value, self._room)
            wide = max(self.fonts.width(name_shown, self._name), self.fonts.width(value_shown, self._value))
            if x and x + wide > self._room:
                x, line = 0.0, line + 1
            placed.append((self._margin + x, line, name_shown, value_shown))
            x += wide + 44 * self._unit
        return placed

    def header_height(self, placed: list[_Placed]) -> int:
        """From the edge of the page to what is below the rule."""
        return round(self._rule(placed) + 18 * self._unit)

    def _rule(self, placed: list[_Placed]) -> float:
        lines = 1 + max((line for _, line, _, _ in placed), default=-1)
        return self._margin + (30 + 30 + lines * 60) * self._unit

    def draw_header(self, pen: _Pen, title: str, placed: list[_Placed], number: str) -> None:
        unit, baseline = self._unit, self._margin + 30 * self._unit
        start = self._right - self.fonts.width(number, self._value)
        shown = self.fonts.elided(title, self._title, start - self._margin - 40 * unit)
        pen.write((self._margin, baseline), shown, self._title)
        pen.write((start, baseline), number, self._value)
        for x, line, name, value in placed:
            top = baseline + (24 + line * 60) * unit
            pen.write((x, top + 16 * unit), name, self._name)
            pen.write((x, top + 40 * unit), value, self._value)
        pen.fill((self._margin, self._rule(placed), self._room, 2 * unit), _RULE)

    @property
    def heading_height(self) -> int:
        """Of a block, with the white below it."""
        return round(72 * self._unit)

    def draw_heading(self, pen: _Pen, top: int, block: Block, *, continued: bool) -> None:
        unit = self._unit
        shown = self.fonts.elided(block.title, self._block, self._room * 0.8)
        x = pen.write((self._margin, top + 26 * unit), shown, self._block)
        if continued:
            pen.write((x + 12 * unit, top + 26 * unit), "continued", self._name)
        x = self._margin
        for name, value in block.facts:
            value_shown = self.fonts.elided(value, self._name, self._room * 0.4)
            needed = self.fonts.width(f"{name} {value_shown}", self._name)
            if x + needed > self._right:
                break
            x = pen.write((x, top + 56 * unit), f"{name} ", self._name)
            x = pen.write((x, top + 56 * unit), value_shown, self._name_of_value) + 26 * unit

    @property
    def _name_of_value(self) -> Style:
        return Style(self._name.size, _TEXT)

    @property
    def footer_height(self) -> int:
        """From the last row of tiles to the edge of the page."""
        return round(self._foot.size * 2.4) + self._margin

    def draw_footer(self, pen: _Pen, grid: Grid, marks: Marks) -> None:
        size = self._foot.size
        baseline = grid.height - self._margin
        right = self._right - self.fonts.width(MADE_BY, self._foot)
        pen.write((right, baseline), MADE_BY, self._foot)
        x = float(self._margin)
        for entry in legend(marks):
            needed = size * 6 + self.fonts.width(entry.text, self._foot)
            if x + needed > right:
                break
            for badge in entry.badges:
                x = self._draw_badge(pen, (x, baseline), badge, size) + size * 0.5
            if entry.swatch is not None:
                box = (x, baseline - size * 0.85, size * 2, size)
                if entry.swatch == "gap":
                    pen.hatch(box, size / 2)
                else:
                    pen.fill(box, _MAT)
                pen.frame(box, FRAME, 1)
                x += size * 2.5
            x = pen.write((x, baseline), entry.text, self._foot) + size * 1.8

    def draw_nothing(self, pen: _Pen, grid: Grid) -> None:
        left, top = grid.corner(0)
        pen.fill((left, top, grid.width - 2 * left, self._size[1]), _MAT)
        text = "No shots"
        x = (grid.width - self.fonts.width(text, self._value)) / 2
        pen.write((x, top + self._size[1] / 2), text, self._value)

    # Cells.

    def draw_picture(self, pen: _Pen, corner: tuple[int, int], jpeg: bytes, *, bak: int | None) -> None:
        """Put a picture, whole, into the middle of its tile.  Raises `BadPictureError`, then nothing is drawn."""
        picture = embedded(jpeg, self._layout.tile)
        box = (*corner, *self._size)
        if (picture.width, picture.height) != self._size:
            pen.fill(box, _MAT)
        left = corner[0] + (self._size[0] - picture.width) / 2
        top = corner[1] + (self._size[1] - picture.height) / 2
        pen.pdf.image(BytesIO(picture.jpeg), left, top, picture.width, picture.height)
        pen.frame(box, frame_of(bak), 1 if bak is None else 3)

    def draw_missing(self, pen: _Pen, corner: tuple[int, int], reason: str) -> None:
        box = (*corner, *self._size)
        pen.fill(box, _MAT)
        pen.frame(box, FRAME, 1)
        self._write_inside(pen, corner, "no picture", reason)

    def draw_gap(self, pen: _Pen, corner: tuple[int, int], gap: Gap) -> None:
        box = (*corner, *self._size)
        pen.hatch(box, max(8, self._layout.tile.width / 22))
        pen.frame(box, FRAME, 1)
        self._write_inside(pen, corner, gap_title(gap), gap_note(gap))

    def _write_inside(self, pen: _Pen, corner: tuple[int, int], title: str, note: str) -> None:
        pitch, room = self._layout.line_height, self._size[0] * 0.86
        lines = min(3, self._size[1] // pitch - 2)
        notes = self.fonts.wrapped(note, self._detail, room, lines=lines) if note and lines > 0 else []
        centre = corner[0] + self._size[0] / 2
        y = corner[1] + (self._size[1] - len(notes) * pitch) / 2 + self._inside.size * 0.35
        for index, (text, style) in enumerate([(title, self._inside), *((line, self._detail) for line in notes)]):
            shown = self.fonts.elided(text, style, room)
            pen.write((centre - self.fonts.width(shown, style) / 2, y + index * pitch), shown, style)

    def draw_caption(self, pen: _Pen, corner: tuple[int, int], caption: Caption) -> None:
        fonts, size = self.fonts, self._layout.caption_px
        x, baseline = float(corner[0]), corner[1] + self._size[1] + size * 1.4
        right = float(corner[0] + self._size[0])
        for badge in reversed(caption.badges):
            start = right - self._badge_width(badge, size)
            if start > x:
                self._draw_badge(pen, (start, baseline), badge, size)
                right = start - size / 3
        if caption.text is not None:
            lines = fonts.wrapped(caption.text, self._time, right - x, lines=self._layout.lines)
            for index, line in enumerate(lines):
                pen.write((x, baseline + index * self._layout.line_height), line, self._time)
            return
        time = caption.time
        if caption.date or caption.brief or caption.offset:
            fits = x + fonts.width(f"{caption.date} {time} {caption.offset}", self._date) + size * 0.8 <= right
            if caption.date:
                x = pen.write((x, baseline), caption.date if fits else caption.date[-5:], self._date) + size * 0.5
            time = time if fits else fonts.elided(caption.brief or time, self._time, right - x)
        else:
            time = fonts.elided(time, self._time, right - x)
        x = pen.write((x, baseline), time, self._time)
        if caption.offset:
            offset = fonts.elided(caption.offset, self._detail, right - x - size)
            pen.write((x + size * 0.5, baseline), offset, self._detail)

    def _badge_width(self, badge: Badge, beside: int) -> float:
        shown = Style(max(9, round(beside * 0.82)), badge.ink)
        return min(self.fonts.width(badge.text, shown), self._size[0] / 3) + beside * 0.8

    def _draw_badge(self, pen: _Pen, at: tuple[float, float], badge: Badge, beside: int) -> float:
        x, baseline = at
        wide = self._badge_width(badge, beside)
        style = Style(max(9, round(beside * 0.82)), badge.ink, weight=beside / 50)
        pen.fill((x, baseline - beside * 0.98, wide, beside * 1.26), badge.ground, radius=beside * 0.3)
        shown = self.fonts.elided(badge.text, style, wide - beside * 0.7)
        pen.write((x + beside * 0.4, baseline - beside * 0.06), shown, style)
        return x + wide
