"""Where things go on a contact sheet: arithmetic, no pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from indexer.errors import ConfigError
from indexer.render.thumbnail import ThumbSpec

USUAL_TILE: Final = ThumbSpec(320, 180)

LONGEST_SIDE: Final = 4096
"""Pixels.  What viewers, chats and mail programs still show in full, and 50 MB of memory for the page being drawn."""

_USUAL_WIDTH: Final = 2096  # six tiles of 320: about 180 dots an inch on A4, and tiles are still legible on a laptop
_NARROWEST_TILE: Final = 120  # below, time and failover mark no longer fit under it
_FEWEST_COLUMNS: Final = 3  # that the header has room for, also above a single picture
PROPORTION: Final = 2**0.5
"""A4 lying on its side."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet is divided.  What is None follows from the rest, so that pages are about A4 lying on its side."""

    tile: ThumbSpec = USUAL_TILE
    columns: int | None = None
    rows: int | None = None
    lines: int = 1
    """Of text under each tile."""

    def __post_init__(self) -> None:
        if self.tile.width < _NARROWEST_TILE:
            raise ConfigError(f"size {self.tile}: tiles of a contact sheet are at least {_NARROWEST_TILE} pixels wide")
        if any(number is not None and number < 1 for number in (self.columns, self.rows, self.lines)):
            raise ConfigError("a contact sheet has at least one column, one row and one line under its tiles")

    @property
    def margin(self) -> int:
        """White around the page."""
        return min(max(24, round(self.tile.width * 0.15)), 64)

    @property
    def gutter(self) -> int:
        """White between tiles."""
        return max(8, self.tile.width // 20)

    @property
    def caption_px(self) -> int:
        """Size of the text under a tile."""
        return min(max(round(self.tile.width / 19), 11), 22)

    @property
    def line_height(self) -> int:
        """Height of one line under a tile."""
        return round(self.caption_px * 1.4)

    @property
    def cell_height(self) -> int:
        """A tile with what is written under it."""
        return self.tile.height + round(self.caption_px * 0.4) + self.line_height * self.lines

    def columns_for(self, cells: int) -> int:
        """How many stand side by side: fewer where there are not enough for a row, so that little is left blank."""
        usual = round((_USUAL_WIDTH - 2 * self.margin + self.gutter) / (self.tile.width + self.gutter))
        return min(self.columns or max(1, usual), max(cells, _FEWEST_COLUMNS))

    def page_width(self, columns: int) -> int:
        """Pixels.  Raises `ConfigError` if that is wider than a page may be."""
        width = columns * (self.tile.width + self.gutter) - self.gutter + 2 * self.margin
        if width > LONGEST_SIDE:
            raise ConfigError(
                f"{columns} columns of {self.tile} make pages {width:,} pixels wide, more than {LONGEST_SIDE:,}: "
                "take fewer columns or smaller tiles"
            )
        return width


class Band(NamedTuple):
    """The part of a block that is on one page."""

    top: int
    """Where its heading begins, or its first row if there is none."""
    first_row: int
    cells: int
    continued: bool
    """The block began on a page before."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each cell of a sheet is."""

    layout: Layout
    columns: int
    rows: int
    """Of a page with one heading, or none if there are no blocks."""
    pages: int
    """At least one: a sheet of nothing says so."""
    width: int
    height: int
    top: int
    """Where the first heading or row begins."""
    body: int
    """Pixels between header and footer."""
    heading: int
    """Height of the heading of a block; none if there are no blocks."""
    blocks: tuple[int, ...]
    """How many cells each has."""

    @classmethod
    def of(
        cls,
        layout: Layout,
        *,
        cells: int,
        header: int,
        footer: int,
        blocks: Sequence[int] = (),
        heading: int = 0,
        paper: float | None = None,
    ) -> "Grid":
        """Divide pages with a header and a footer of so many pixels (their white included).

        With `blocks`, each gets a heading that is that high, and again on each page that it goes on.  All pages are of
        one size; a sheet of a single page ends with its last row.  With `paper`, pages are as much wider than high.
        Raises `ConfigError` if a page would be larger than it may be.
        """
        columns = layout.columns_for(cells if paper is None else cells + LONGEST_SIDE)
        width = layout.page_width(columns)
        pitch = layout.cell_height + layout.gutter
        above = heading if blocks else 0

        def fitting(height: float) -> float:
            return (height - header - footer + layout.gutter) / pitch

        if paper is None:
            # The nearest number, because one row less can be much squatter than A4 where tiles are large.
            usual = min(round(fitting(width / PROPORTION - above)), int(fitting(LONGEST_SIDE - above)))
            rows = layout.rows or max(1, usual)
            body = above + rows * pitch - layout.gutter
            height = header + body + footer
        else:
            height = round(width / paper)
            body = height - header - footer
            rows = min(layout.rows or LONGEST_SIDE, int(fitting(height - above)))
            if rows < 1:
                raise ConfigError(
                    f"no row of {layout.tile} fits on a page of {columns} columns: take more columns or smaller tiles"
                )
            if layout.rows is not None:
                body = above + rows * pitch - layout.gutter
        grid = cls(layout, columns, rows, 1, width, height, header, body, above, tuple(blocks) or (cells,))
        pages, last = 0, None
        for page in grid.bands():
            pages, last = pages + 1, page[-1]
        if pages == 1 and last is not None and paper is None:
            body = last.first_row + max(1, -(-last.cells // columns)) * pitch - layout.gutter - header
            rows = (body - above + layout.gutter) // pitch
            height = header + body + footer
        if height > LONGEST_SIDE:
            raise ConfigError(
                f"{rows} rows of {layout.tile} make pages {height:,} pixels high, more than {LONGEST_SIDE:,}: "
                "take fewer rows or smaller tiles"
            )
        return replace(grid, rows=rows, pages=pages, height=height, body=body)

    @property
    def per_page(self) -> int:
        """Cells on a full page of one block."""
        return self.columns * self.rows

    def corner(self, index: int, first_row: int | None = None) -> tuple[int, int]:
        """Left and top of a cell, counted from 0 in its band, in reading order."""
        row, column = divmod(index, self.columns)
        x = self.layout.margin + column * (self.layout.tile.width + self.layout.gutter)
        y = self.top if first_row is None else first_row
        return x, y + row * (self.layout.cell_height + self.layout.gutter)

    def bands(self) -> Iterator[list[Band]]:
        """What is on each page: blocks one after the other, and never a heading without a row."""
        pitch = self.layout.cell_height + self.layout.gutter
        page: list[Band] = []
        y, end = self.top, self.top + self.body
        for cells in self.blocks:
            left, continued = cells, False
            while left or not continued:
                first_row = y + self.heading
                rows = (end - first_row + self.layout.gutter) // pitch
                if page and rows < 1:
                    yield page
                    page, y = [], self.top
                    continue
                here = min(left, max(1, rows) * self.columns)
                page.append(Band(y, first_row, here, continued))
                left, continued = left - here, True
                y = first_row + max(1, -(-here // self.columns)) * pitch
        yield page
