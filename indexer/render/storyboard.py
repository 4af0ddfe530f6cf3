"""Sprites: many small pictures in one JPEG, for players that show one while somebody moves over the time line.

A hundred tiles in a sprite are one object to store and one request to load, where a hundred thumbnails are a hundred.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from indexer.errors import ConfigError
from indexer.render.fonts import Fonts, Style
from indexer.render.image import BadPictureError, decode, open_jpeg
from indexer.render.thumbnail import ThumbSpec
from indexer.render.webvtt import Box

QUALITY: Final = 75
"""Of sprites: a tile of 160x90 takes 3.3 KB."""

LONGEST_SIDE: Final = 4096
"""Pixels.  Phones hold no larger texture."""

USUAL_TILE: Final = ThumbSpec(160, 90)

_GROUND: Final = "#16181d"
_HATCH: Final = "#262a32"
_TITLE: Final = "#d0d5dd"
_DETAIL: Final = "#98a2b3"
_REDUCING_GAP: Final = 2.0  # as of thumbnails
_LEGIBLE_PX: Final = 8


@dataclass(frozen=True, slots=True)
class Board:
    """How sprites are divided.  Its text is part of file names: never change what an old one prints."""

    tile: ThumbSpec = USUAL_TILE
    columns: int = 10
    rows: int = 10

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 1:
            raise ConfigError(f"grid {self.columns}x{self.rows}: a sprite has at least one column and one row")
        width, height = self.columns * self.tile.width, self.rows * self.tile.height
        if max(width, height) > LONGEST_SIDE:
            raise ConfigError(
                f"grid {self.columns}x{self.rows} of tiles of {self.tile} makes sprites of {width}x{height} pixels; "
                f"not every player shows more than {LONGEST_SIDE} a side"
            )

    @classmethod
    def from_strings(cls, tile: str, grid: str) -> "Board":
        """Of texts such as `160x90` and `10x10`.  Raises `ConfigError`."""
        found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", grid)
        if found is None:
            raise ConfigError(f"grid {grid!r} is no number of columns and rows; write for example 10x10")
        return cls(ThumbSpec.from_string(tile), int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.tile}-{self.columns}x{self.rows}-q{QUALITY}"

    @property
    def capacity(self) -> int:
        """Tiles in a sprite."""
        return self.columns * self.rows

    def box(self, slot: int) -> Box:
        """Where a tile is: row by row from the upper left."""
        row, column = divmod(slot, self.columns)
        width, height = self.tile.width, self.tile.height
        return Box(column * width, row * height, width, height)

    def size(self, tiles: int) -> tuple[int, int]:
        """Width and height of a sprite of so many tiles: no larger than they need."""
        rows = -(-tiles // self.columns)
        return min(tiles, self.columns) * self.tile.width, rows * self.tile.height


@dataclass(frozen=True, slots=True)
class NoPicture:
    """Why a tile has none: drawn in it."""

    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sprite:
    """One that was drawn."""

    jpeg: bytes
    width: int
    height: int
    flawed: dict[int, str] = field(default_factory=dict)
    """Tiles whose picture could not be used, with the reason."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG for a tile, of any size."""

    jpeg: bytes
    listed_size: int | None = None
    """Bytes that it must have."""


def draw_sprite(board: Board, tiles: Iterable[Picture | NoPicture], *, count: int) -> Sprite:
    """Draw `count` tiles, which are read as they are drawn.

    A picture that cannot be read is drawn as missing, with the reason.  One that is smaller than its tile, or has
    another shape, stands in the middle of it.  The same tiles give the same bytes with the same version of Pillow.
    """
    painter = _Painter(board)
    sprite = Image.new("RGB", board.size(count), _GROUND)
    flawed: dict[int, str] = {}
    for slot, tile in enumerate(tiles):
        box = board.box(slot)
        if isinstance(tile, Picture):
            try:
                painter.paste(sprite, box, tile)
                continue
            except BadPictureError as exc:
                flawed[slot] = str(exc.reason)
                tile = NoPicture("no picture", str(exc.reason))
        painter.missing(sprite, box, tile)
    buffer = BytesIO()
    sprite.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return Sprite(buffer.getvalue(), *sprite.size, flawed)


class _Painter:
    def __init__(self, board: Board) -> None:
        self._tile = board.tile
        self._fonts = Fonts()
        self._hatched: Image.Image | None = None

    def paste(self, sprite: Image.Image, box: Box, picture: Picture) -> None:
        """Decode a picture straight to the size that it has in its tile."""
        jpeg = open_jpeg(picture.jpeg, listed_size=picture.listed_size)
        size = self._tile.inside(*jpeg.size)
        decoded = decode(jpeg, at_least=size)
        pixels = decoded.picture
        if size != pixels.size:
            pixels = pixels.resize(size, Image.Resampling.BICUBIC, decoded.box, _REDUCING_GAP)
        sprite.paste(pixels, (box.x + (box.width - size[0]) // 2, box.y + (box.height - size[1]) // 2))

    def missing(self, sprite: Image.Image, box: Box, reason: NoPicture) -> None:
        """Hatch a tile and write into it why, as far as that fits."""
        if self._hatched is None:
            self._hatched = _hatched(box.width, box.height)
        sprite.paste(self._hatched, (box.x, box.y))
        canvas = ImageDraw.Draw(sprite)
        title_px, detail_px = max(_LEGIBLE_PX, box.height // 6), max(_LEGIBLE_PX, box.height // 8)
        lines = [(reason.title, Style(title_px, _TITLE)), (reason.detail, Style(detail_px, _DETAIL))]
        baseline = box.y + box.height / 2 + (0 if reason.detail else title_px * 0.35)
        for text, style in lines:
            if text and baseline + style.size * 0.3 <= box.y + box.height:
                fitting = self._fonts.elided(text, style, box.width * 0.92)
                start = box.x + (box.width - self._fonts.width(fitting, style)) / 2
                self._fonts.draw(canvas, (start, baseline), fitting, style)
            baseline += detail_px * 1.5


def _hatched(width: int, height: int) -> Image.Image:
    """Slanted lines on a dark ground."""
    pitch = max(8, width // 14)
    picture = Image.new("RGB", (width * 2, height * 2), _GROUND)
    canvas = ImageDraw.Draw(picture)
    for x in range(0, 2 * (width + height), 2 * pitch):
        canvas.line((x, 0, x - 2 * height, 2 * height), _HATCH, width=max(2, pitch // 2))
    return picture.reduce(2)
