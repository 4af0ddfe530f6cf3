"""Contact sheets as pictures: pages to look through and to hand on.  Values in, JPEG or PNG pages out."""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from enum import StrEnum
from io import BytesIO
from typing import Final

from PIL import Image

from indexer.render.fonts import Fonts
from indexer.render.image import BadPictureError
from indexer.render.sheet_layout import Grid, Layout
from indexer.render.sheet_model import Block, Cell, Coming, Gap, Marks, SheetHead, Tile
from indexer.render.sheet_parts import PAPER, Cells, Footer, Header, Heading
from indexer.render.sheet_words import Clock, facts, gap_caption, gap_note, gap_title, tile_caption

QUALITY: Final = 88
"""Of JPEG pages.  Below, small letters get halos."""

_EFFORT: Final = 1
"""Of zlib, 1 to 9: pictures in a PNG hardly get smaller with 6, which takes three times as long."""


class PageFormat(StrEnum):
    """What a page is written as."""

    JPEG = "JPEG"
    PNG = "PNG"


class ContactSheet:
    """A sheet whose pages are known, but not yet drawn; each page is a file of its own.

    Text from outside stays text: it is escaped and elided to its place.  Letters that no font has are collected in
    `fonts.missing` as they are met, the last ones on the last page.  Raises `ConfigError` if the layout makes pages
    too large.
    """

    def __init__(
        self,
        head: SheetHead,
        *,
        zone: tzinfo,
        fonts: Fonts,
        layout: Layout | None = None,
        page_format: PageFormat = PageFormat.JPEG,
    ) -> None:
        layout = layout or Layout()
        self._zone = zone
        self._format = page_format
        self._head = head
        width = layout.page_width(layout.columns_for(head.cells))
        self._header = Header(head.title, facts(head, zone), fonts=fonts, width=width, margin=layout.margin)
        self._heading = Heading(fonts=fonts, width=width, margin=layout.margin)
        self._footer = Footer(fonts=fonts, width=width, margin=layout.margin)
        self._cells = Cells(layout, fonts)
        self._grid = Grid.of(
            layout,
            cells=head.cells,
            header=self._header.height,
            footer=self._footer.height,
            blocks=head.blocks,
            heading=self._heading.height,
        )

    @property
    def file_count(self) -> int:
        """How many pages there are; at least one."""
        return self._grid.pages

    @property
    def page_size(self) -> tuple[int, int]:
        """Width and height of every page in pixels."""
        return self._grid.width, self._grid.height

    def files(self, cells: Iterable[Block | Cell]) -> Iterator[Iterable[bytes]]:
        """As `pages`."""
        return ([page] for page in self.pages(cells))

    def pages(self, cells: Iterable[Block | Cell]) -> Iterator[bytes]:
        """Yield the pages without metadata.  `cells` are read as they are drawn; one page is held at a time.

        The same cells give the same bytes with the same fonts and version of Pillow.  A picture that cannot be read is
        drawn as missing, with the reason.  Raises `BrokenPromiseError` if there are not as many cells as the head says.
        """
        coming = Coming(cells, self._head)
        block: Block | None = None
        for number, bands in enumerate(self._grid.bands(), start=1):
            page = Image.new("RGB", self.page_size, PAPER)
            self._header.draw(page, f"Page {number:,} of {self._grid.pages:,}")
            marks = Marks()
            for band in bands:
                clock = Clock(self._zone)
                if self._grid.heading:
                    block = block if block is not None and band.continued else coming.block()
                    self._heading.draw(page, band.top, block, continued=band.continued)
                for index in range(band.cells):
                    self._draw(page, self._grid.corner(index, band.first_row), coming.cell(), clock, marks)
            if not self._head.cells:
                self._cells.draw_nothing(page, self._grid, "No shots")
            self._footer.draw(page, marks)
            yield self._encoded(page)
        coming.end()

    def _draw(self, page: Image.Image, corner: tuple[int, int], cell: Cell, clock: Clock, marks: Marks) -> None:
        marks.add(cell)
        if isinstance(cell, Gap):
            self._cells.draw_gap(page, corner, gap_title(cell), gap_note(cell))
            self._cells.draw_caption(page, corner, gap_caption(cell, clock))
            return
        if missing := self._draw_picture(page, corner, cell):
            self._cells.draw_missing(page, corner, missing)
            marks.missing = True
        self._cells.draw_caption(page, corner, tile_caption(cell, clock))

    def _draw_picture(self, page: Image.Image, corner: tuple[int, int], tile: Tile) -> str | None:
        """Why there is none."""
        if tile.picture is None:
            return tile.note or "there is none"
        try:
            self._cells.draw_picture(page, corner, tile.picture, bak=tile.bak)
        except BadPictureError as exc:
            return f"the file {exc}"
        return None

    def _encoded(self, page: Image.Image) -> bytes:
        buffer = BytesIO()
        if self._format is PageFormat.PNG:
            page.save(buffer, "PNG", compress_level=_EFFORT)
        else:
            page.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
        return buffer.getvalue()
