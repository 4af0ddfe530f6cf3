"""Contact sheets: pages of captioned pictures, to look through and to hand on.  Values in, JPEG pages out."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from io import BytesIO
from itertools import islice
from typing import Final

from PIL import Image

from indexer.render.fonts import Fonts
from indexer.render.image import BadPictureError
from indexer.render.sheet_layout import Grid, Layout
from indexer.render.sheet_parts import PAPER, Caption, Cells, Footer, Header, Marks

QUALITY: Final = 88
"""Of the pages.  Below, small letters get halos."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One shot."""

    captured_at: datetime
    """Aware."""
    picture: bytes | None
    """A JPEG of any size, best a thumbnail as large as the tile."""
    note: str | None = None
    """Why there is no picture."""
    bak: int | None = None
    """Number of the failover recorder that took it."""
    label: str | None = None
    """Who it shows, where a sheet has several people (`Layout.labels`)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without shots, from the last one before to the first one after; aware."""

    since: datetime
    until: datetime
    note: str | None = None
    """What is known about its cause."""


@dataclass(frozen=True, slots=True)
class SheetHead:
    """What stands above each page."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, such as ("Channel", "algebra-7b")."""
    since: datetime | None = None
    until: datetime | None = None
    """The period shown; aware."""
    shots: int = 0
    gaps: int = 0
    """How many tiles and gaps there will be, all pages together."""


class ContactSheet:
    """A sheet whose pages are known, but not yet drawn.

    Text from outside stays text: it is escaped and elided to its place.  Letters that no font has are collected in
    `fonts.missing` as they are met, the last ones on the last page.  Raises `ConfigError` if the layout makes pages
    too large.
    """

    def __init__(self, head: SheetHead, *, zone: tzinfo, fonts: Fonts, layout: Layout | None = None) -> None:
        layout = layout or Layout()
        self._zone = zone
        self._promised = head.shots + head.gaps
        width = layout.page_width(layout.columns_for(self._promised))
        self._header = Header(head.title, _facts(head, zone), fonts=fonts, width=width, margin=layout.margin)
        self._footer = Footer(fonts=fonts, width=width, margin=layout.margin)
        self._cells = Cells(layout, fonts)
        self._grid = Grid.of(layout, cells=self._promised, header=self._header.height, footer=self._footer.height)

    @property
    def page_count(self) -> int:
        """How many pages there are; at least one."""
        return self._grid.pages

    @property
    def page_size(self) -> tuple[int, int]:
        """Width and height of every page in pixels."""
        return self._grid.width, self._grid.height

    def pages(self, cells: Iterable[Tile | Gap]) -> Iterator[bytes]:
        """Yield the pages as JPEGs without metadata.  `cells` are read as they are drawn; one page is held at a time.

        The same cells give the same bytes with the same fonts and version of Pillow.  A picture that cannot be read is
        drawn as missing, with the reason.  Raises `ValueError` if there are not as many cells as the head says.
        """
        coming = iter(cells)
        for number in range(self._grid.pages):
            wanted = min(self._grid.per_page, self._promised - number * self._grid.per_page)
            yield self._page(number, islice(coming, wanted), wanted)
        if next(coming, None) is not None:
            raise ValueError(f"the head of the sheet says {self._promised:,} cells, but there are more")

    def _page(self, number: int, cells: Iterator[Tile | Gap], wanted: int) -> bytes:
        page = Image.new("RGB", self.page_size, PAPER)
        self._header.draw(page, f"Page {number + 1:,} of {self._grid.pages:,}")
        clock = _Clock(self._zone)
        marks = Marks()
        drawn = 0
        for cell in cells:
            corner = self._grid.corner(drawn)
            if isinstance(cell, Gap):
                self._draw_gap(page, corner, cell, clock, marks)
            else:
                self._draw_tile(page, corner, cell, clock, marks)
            drawn += 1
        if drawn < wanted:
            raise ValueError(f"the head of the sheet says {self._promised:,} cells, but there are fewer")
        if not wanted:
            self._cells.draw_nothing(page, self._grid, "No shots")
        self._footer.draw(page, marks)
        buffer = BytesIO()
        page.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
        return buffer.getvalue()

    def _draw_tile(self, page: Image.Image, corner: tuple[int, int], tile: Tile, clock: "_Clock", marks: Marks) -> None:
        missing = tile.note or "there is none"
        if tile.picture is not None:
            try:
                self._cells.draw_picture(page, corner, tile.picture, bak=tile.bak)
                missing = ""
            except BadPictureError as exc:
                missing = f"the file {exc}"
        if missing:
            self._cells.draw_missing(page, corner, missing)
            marks.missing = True
        if tile.bak is not None:
            marks.baks.add(tile.bak)
        day, time, offset = clock.read(tile.captured_at)
        caption = Caption(time, date=day, offset=offset, label=tile.label, bak=tile.bak)
        self._cells.draw_caption(page, corner, caption)

    def _draw_gap(self, page: Image.Image, corner: tuple[int, int], gap: Gap, clock: "_Clock", marks: Marks) -> None:
        marks.gap = True
        self._cells.draw_gap(page, corner, _length(gap.until - gap.since), gap.note or "")
        day, since, offset = clock.read(gap.since)
        end_day, until, end_offset = copy(clock).read(gap.until)  # the next tile says them again
        brief = f"{since} to {until}"
        time = " ".join(filter(None, (since, offset, "to", end_day, until, end_offset)))
        self._cells.draw_caption(page, corner, Caption(time, "" if time == brief else brief, day))


# --- Time -----------------------------------------------------------------------------------------------------------


class _Clock:
    """Says of each tile of a page what the one before did not: the date when it changes, the offset when that does."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._date: date | None = None
        self._offset: timedelta | None = None

    def read(self, moment: datetime) -> tuple[str, str, str]:
        """Date, time to the second, and offset from UTC; the first and last empty where nothing changed."""
        local = moment.astimezone(self._zone)
        day = "" if local.date() == self._date else f"{local:%Y-%m-%d}"
        offset = "" if self._offset in {None, local.utcoffset()} else _offset(local)
        self._date, self._offset = local.date(), local.utcoffset()
        return day, f"{local:%H:%M:%S}", offset


def _facts(head: SheetHead, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield from head.facts
    if period := _period(head.since, head.until, zone):
        yield "Period", period
    yield "Time zone", _zone_name(zone, head.since, head.until)
    yield "Shots", f"{head.shots:,}"
    if head.gaps:
        yield "Gaps", f"{head.gaps:,}"


def _period(since: datetime | None, until: datetime | None, zone: tzinfo) -> str:
    first = since and since.astimezone(zone)
    last = until and until.astimezone(zone)
    if first and last and first != last:
        end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
        return f"{first:%Y-%m-%d %H:%M:%S} to {end}"
    if first:
        return f"{'' if last else 'from '}{first:%Y-%m-%d %H:%M:%S}"
    return f"until {last:%Y-%m-%d %H:%M:%S}" if last else ""


def _zone_name(zone: tzinfo, *moments: datetime | None) -> str:
    """The name of a zone, with the offsets that it has at these moments."""
    name = str(zone)
    offsets = dict.fromkeys(_offset(moment.astimezone(zone)) for moment in moments if moment)
    return f"{name} ({', '.join(offsets)})" if offsets and [*offsets] != [name] else name


def _offset(local: datetime) -> str:
    minutes = (local.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


def _length(span: timedelta) -> str:
    """A length of time in its largest unit and the next, as in "2m 10s"."""
    minutes, seconds = divmod(max(0, round(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    largest = next((index for index, (count, _) in enumerate(units) if count), 3)
    return " ".join(f"{count}{unit}" for count, unit in units[largest : largest + 2] if count) or "0s"
