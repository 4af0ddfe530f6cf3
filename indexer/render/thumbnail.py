"""Thumbnails: small JPEGs of shots, several sizes from one decode.

libjpeg decodes straight to 1/2, 1/4 or 1/8 of the size, so the usual sources (640x360, 1280x720) come out at 320x180
exactly and nothing is resampled; for other sizes one bicubic step follows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from indexer.errors import ConfigError
from indexer.render.image import Decoded, decode, encode, open_jpeg
from indexer.render.signature import signature
from indexer.timeline.looks import Sight

SMALLEST: Final = 16
LARGEST: Final = 4096

# A larger gap makes no visible difference (Pillow documents 3.0 as indistinguishable), a smaller one does.
_REDUCING_GAP: Final = 2.0


@dataclass(frozen=True, slots=True)
class ThumbSpec:
    """A thumbnail size: the whole picture inside so many pixels.

    Its text is part of object keys: never change what an old spec prints.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        if not (SMALLEST <= self.width <= LARGEST and SMALLEST <= self.height <= LARGEST):
            raise ConfigError(f"size {self}: width and height must be from {SMALLEST} to {LARGEST}")

    @classmethod
    def from_string(cls, text: str) -> "ThumbSpec":
        """Inverse of `str`."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text)
        if not found:
            raise ConfigError(f"size {text!r} is not a width and a height; write for example 320x180")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def inside(self, width: int, height: int) -> tuple[int, int]:
        """The size that a picture of this size gets: as large as fits, but no larger than it is."""
        if width <= self.width and height <= self.height:
            return width, height
        if width * self.height >= height * self.width:
            return self.width, max(1, (2 * height * self.width + width) // (2 * width))
        return max(1, (2 * width * self.height + height) // (2 * height)), self.height


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One that was made."""

    spec: ThumbSpec
    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """All that were made of one picture, in the order they were asked for."""

    source_width: int
    source_height: int
    made: tuple[Thumbnail, ...]


def thumbnails(data: bytes, specs: Sequence[ThumbSpec], *, listed_size: int | None = None) -> Thumbnails:
    """Make a JPEG for each spec, all from one decode.  Raises `BadPictureError`, then none is made.

    Bytes follow from `data` and the largest spec: a small thumbnail made beside a large one has passed through another
    scale of the decoder than one made alone, and differs by what the eye does not see.  Metadata is dropped; EXIF
    orientation is not applied (Agora writes upright frames and no EXIF), nor are ICC profiles.
    """
    jpeg = open_jpeg(data, listed_size=listed_size)
    width, height = jpeg.size
    sizes = [spec.inside(width, height) for spec in specs]
    if not sizes:
        return Thumbnails(width, height, ())
    return Thumbnails(width, height, _made(_decoded(jpeg, sizes), specs, sizes))


def thumbnails_with_sight(
    data: bytes, specs: Sequence[ThumbSpec], *, listed_size: int | None = None
) -> tuple[Thumbnails, Sight]:
    """The same of at least one spec, and what the picture looks like, from the same decode."""
    jpeg = open_jpeg(data, listed_size=listed_size)
    width, height = jpeg.size
    sizes = [spec.inside(width, height) for spec in specs]
    decoded = _decoded(jpeg, sizes)
    return Thumbnails(width, height, _made(decoded, specs, sizes)), signature(decoded)


def _decoded(jpeg: JpegImageFile, sizes: Sequence[tuple[int, int]]) -> Decoded:
    return decode(jpeg, at_least=(max(wide for wide, _ in sizes), max(high for _, high in sizes)))


def _made(decoded: Decoded, specs: Sequence[ThumbSpec], sizes: Sequence[tuple[int, int]]) -> tuple[Thumbnail, ...]:
    encoded: dict[tuple[int, int], bytes] = {}
    for size in sizes:
        if size not in encoded:
            picture = decoded.picture
            if size != picture.size:
                picture = picture.resize(size, Image.Resampling.BICUBIC, decoded.box, _REDUCING_GAP)
            encoded[size] = encode(picture)
    return tuple(Thumbnail(spec, *size, encoded[size]) for spec, size in zip(specs, sizes, strict=True))
