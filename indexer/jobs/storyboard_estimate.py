"""What storyboards would ask, weigh and cost, before they are made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import Terms
from indexer.jobs.media import playlists_of
from indexer.jobs.storyboard_plan import Places, Wishes, plans, sheets, thumbnails_of, unreadable
from indexer.model import Selection

GET_PRICE_USD: Final = 0.0004
PUT_PRICE_USD: Final = 0.005
"""For 1,000 requests: S3 Standard in us-east-1, and most regions (https://aws.amazon.com/s3/pricing/)."""

TRANSFER_PRICE_USD: Final = 0.09
"""For a GB out of AWS, to the internet; nothing inside a region (the same page)."""

BYTES_PER_PIXEL: Final = 0.232
"""Of sprites of photographic frames at q75: 334 KB for 1600x900."""

_THUMB_BYTES_PER_PIXEL: Final = 0.25
_TEXT_BYTES: Final = 420
"""Of a tile in JSON and WebVTT."""


@dataclass(slots=True)
class Estimate:
    """What a run would ask and write."""

    series: int = 0
    tiles: int = 0
    gaps: int = 0
    sprites: int = 0
    from_thumbnails: int = 0
    without_picture: int = 0
    """Shots that would not be fetched: archived, too large, or of a source that is not configured."""
    gets: int = 0
    bytes_read: int = 0
    files: int = 0
    bytes_written: int = 0

    @property
    def usd_gets(self) -> float:
        """For the requests."""
        return self.gets / 1000 * GET_PRICE_USD

    @property
    def usd_transfer(self) -> float:
        """If the bytes leave the region."""
        return self.bytes_read / 1e9 * TRANSFER_PRICE_USD

    @property
    def usd_puts(self) -> float:
        """If the files are put into a bucket."""
        return self.files / 1000 * PUT_PRICE_USD

    @property
    def usd_single(self) -> float:
        """What it would cost to put each tile into a bucket as an object."""
        return self.tiles / 1000 * PUT_PRICE_USD


def estimate(
    catalog: Catalog,
    selection: Selection,
    wishes: Wishes,
    places: Places,
    *,
    terms: Terms,
    check: Callable[[], None] = lambda: None,
) -> Estimate:
    """Tell what `make` would do, from the catalog alone, as if no earlier run had done a part of it."""
    found = Estimate()
    board = wishes.board
    for plan in plans(catalog, selection, wishes, terms):
        found.series += 1
        playlists = playlists_of(catalog, plan.series) if wishes.media else 0
        found.gets += playlists
        found.files += 2 + min(playlists, 1)
        for sheet in sheets(plan.cells(), board):
            check()
            thumbnails = thumbnails_of(plan, sheet, places)
            width, height = board.size(len(sheet.tiles))
            found.sprites += 1
            found.files += 1
            found.gaps += sum(cell.gap is not None for cell in sheet.cells)
            found.bytes_written += round(width * height * BYTES_PER_PIXEL) + _TEXT_BYTES * len(sheet.cells)
            for tile in sheet.tiles:
                if isinstance(tile, str):
                    continue
                found.tiles += 1
                spec = thumbnails.get((tile.source, tile.key))
                if spec is not None:
                    found.from_thumbnails += 1
                    found.gets += 1
                    found.bytes_read += round(spec.width * spec.height * _THUMB_BYTES_PER_PIXEL)
                elif unreadable(tile, places) is None:
                    found.gets += 1
                    found.bytes_read += tile.size
                else:
                    found.without_picture += 1
    return found
