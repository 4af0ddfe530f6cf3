"""Where things go on a contact sheet: arithmetic, no pixels."""

from dataclasses import dataclass
from typing import Final

from indexer.errors import ConfigError
from indexer.render.thumbnail import ThumbSpec

USUAL_TILE: Final = ThumbSpec(320, 180)

LONGEST_SIDE: Final = 4096
"""Pixels.  What viewers, chats and mail programs still show in full, and 50 MB of memory for the page being drawn."""

_USUAL_WIDTH: Final = 2096  # six tiles of 320: about 180 dots an inch on A4, and tiles are still legible on a laptop
_NARROWEST_TILE: Final = 120  # below, time and failover mark no longer fit under it
_FEWEST_COLUMNS: Final = 3  # that the header has room for, also above a single picture
_PROPORTION: Final = 2**0.5  # A4 lying on its side


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet is divided.  What is None follows from the rest, so that pages are about A4 lying on its side."""

    tile: ThumbSpec = USUAL_TILE
    columns: int | None = None
    rows: int | None = None
    labels: bool = False
    """Whether there is a second line under each tile, for `Tile.label`."""

    def __post_init__(self) -> None:
        if self.tile.width < _NARROWEST_TILE:
            raise ConfigError(f"size {self.tile}: tiles of a contact sheet are at least {_NARROWEST_TILE} pixels wide")
        if any(number is not None and number < 1 for number in (self.columns, self.rows)):
            raise ConfigError("a contact sheet has at least one column and one row")

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
        return self.tile.height + round(self.caption_px * 0.4) + self.line_height * (2 if self.labels else 1)

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


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each cell of a sheet is."""

    layout: Layout
    columns: int
    rows: int
    pages: int
    """At least one: a sheet of nothing says so."""
    width: int
    height: int
    top: int
    """Where the first row begins."""

    @classmethod
    def of(cls, layout: Layout, *, cells: int, header: int, footer: int) -> "Grid":
        """Divide pages with a header and a footer of so many pixels (their white included).

        All pages are of one size; a sheet of a single page ends with its last row.  Raises `ConfigError` if a page
        would be larger than it may be.
        """
        columns = layout.columns_for(cells)
        width = layout.page_width(columns)
        pitch = layout.cell_height + layout.gutter

        def fitting(height: float) -> float:
            return (height - header - footer + layout.gutter) / pitch

        # The nearest number, because one row less can be much squatter than A4 where tiles are large.
        rows = layout.rows or max(1, min(round(fitting(width / _PROPORTION)), int(fitting(LONGEST_SIDE))))
        pages = max(1, -(-cells // (columns * rows)))
        if pages == 1:
            rows = max(1, -(-cells // columns))
        height = header + rows * pitch - layout.gutter + footer
        if height > LONGEST_SIDE:
            raise ConfigError(
                f"{rows} rows of {layout.tile} make pages {height:,} pixels high, more than {LONGEST_SIDE:,}: "
                "take fewer rows or smaller tiles"
            )
        return cls(layout, columns, rows, pages, width, height, top=header)

    @property
    def per_page(self) -> int:
        """Cells on a full page."""
        return self.columns * self.rows

    def corner(self, index: int) -> tuple[int, int]:
        """Left and top of a cell, counted from 0 on its page, in reading order."""
        row, column = divmod(index, self.columns)
        x = self.layout.margin + column * (self.layout.tile.width + self.layout.gutter)
        return x, self.top + row * (self.layout.cell_height + self.layout.gutter)
