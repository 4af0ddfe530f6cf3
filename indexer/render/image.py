"""The border between bytes and pixels: JPEG in, JPEG out, and what we refuse to decode.

Pictures come from buckets that others write to, so a file is read twice: its markers here, with limits on everything
that costs memory or time, then its pixels by libjpeg.  Pillow gets the markers that libjpeg needs and no others; it
never parses EXIF, ICC, XMP or comments, and none of them can reach a picture that we make.

What is refused or fails is a `BadPictureError` with a reason; no other exception leaves this module because of what
is in a file.  Not everything broken is noticed: libjpeg turns damaged scan data (zeroed blocks, the middle of another
file) into wrong pixels and says nothing that Pillow passes on.  Size and digest of the object are the only guard.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final, NamedTuple, TypeAlias

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from indexer.errors import LivestillsError

QUALITY: Final = 80

# A screenshot of a 4K stream takes 1 to 3 MB at q80.
MAX_BYTES: Final = 32 * 1024 * 1024

# 8K UHD is 33.2 Mpx.  The worst file of this size, progressive without subsampling and wanted unscaled, takes 4 bytes
# a pixel for the picture and 6 for coefficients: 360 MB.  Usual ones take 0.3 bytes.
MAX_PIXELS: Final = 36_000_000

# Usual progressive files have 10 scans.  libjpeg walks all blocks again for each of them, also when it holds no data
# and only an eighth of the size is wanted: up to 0.6 ns a pixel, so 500 scans of 16 Mpx take 5 s and 110 KB.
MAX_SCANS: Final = 100
MAX_SCANNED_PIXELS: Final = 16 * MAX_PIXELS

# Each costs Pillow a turn of a Python loop.  An ICC profile or extended XMP has a segment for every 64 KB.
MAX_SEGMENTS: Final = 1_000
# All quantization and Huffman tables of a usual file take 0.6 KB; Pillow makes a list of every one.
MAX_TABLE_BYTES: Final = 64 * 1024

Box: TypeAlias = tuple[float, float, float, float]


class Flaw(StrEnum):
    """Why a picture could not be used.  The texts are stored and scripted against: never change one."""

    EMPTY = "empty"
    """No bytes at all."""
    WRONG_SIZE = "wrong-size"
    """Not as many bytes as the listing said."""
    NOT_JPEG = "not-jpeg"
    """Another format, whatever its name says."""
    TRUNCATED = "truncated"
    """The end is missing."""
    UNSUPPORTED = "unsupported"
    """A kind of JPEG that no camera or browser writes: lossless, arithmetic, 12 bits, 2 channels."""
    TOO_LARGE = "too-large"
    """More bytes or pixels than we are ready to hold."""
    TOO_MANY_SCANS = "too-many-scans"
    """Made to take long."""
    CORRUPT = "corrupt"
    """Markers or data that contradict each other."""


class BadPictureError(LivestillsError):
    """A picture cannot be used; `reason` is for programs, the text for people."""

    def __init__(self, reason: Flaw, text: str) -> None:
        super().__init__(reason, text)  # both, so that it can be pickled
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels in RGB, and where in them the whole source lies: the last row or column may be partly outside."""

    picture: Image.Image
    box: Box


def open_jpeg(data: bytes, *, listed_size: int | None = None) -> JpegImageFile:
    """A JPEG within our limits, its pixels not yet decoded; `size` is that of the source, as stored.

    With `listed_size`, it must have that many bytes.
    """
    if listed_size is not None and len(data) != listed_size:
        raise BadPictureError(Flaw.WRONG_SIZE, f"has {len(data):,} bytes where {listed_size:,} were listed")
    useful = _checked(data)
    try:
        # Image.open would look for other formats, follow an index of several pictures (MPO), and could only be told
        # to refuse bombs by changing the warning filters of the whole process.
        return JpegImageFile(BytesIO(useful))
    except (OSError, SyntaxError, ValueError) as exc:
        raise BadPictureError(Flaw.CORRUPT, f"its header is broken ({exc})") from exc


def decode(jpeg: JpegImageFile, *, at_least: tuple[int, int]) -> Decoded:
    """Decode what `open_jpeg` returned, once, at the smallest of 1/1, 1/2, 1/4 and 1/8 that is not below `at_least`."""
    try:
        drafted = jpeg.draft(None, at_least)
        jpeg.load()
        picture = jpeg if jpeg.mode == "RGB" else jpeg.convert("RGB")
    except MemoryError as exc:
        raise BadPictureError(Flaw.TOO_LARGE, f"{jpeg.width} x {jpeg.height} pixels do not fit in memory") from exc
    except (OSError, SyntaxError, ValueError) as exc:
        raise BadPictureError(Flaw.CORRUPT, f"cannot be decoded ({exc})") from exc
    return Decoded(picture, drafted[1] if drafted else (0, 0, *picture.size))


def encode(picture: Image.Image) -> bytes:
    """A baseline JPEG without metadata.  The same pixels give the same bytes with the same version of Pillow."""
    buffer = BytesIO()
    # Pillow would copy the comment of the source, had `open_jpeg` left it one.
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0", comment=b"")
    return buffer.getvalue()


# --- Markers --------------------------------------------------------------------------------------------------------

_START: Final = b"\xff\xd8\xff"
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_PROGRESSIVE: Final = 0xC2
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDD})
_OTHER_FRAMES: Final = frozenset({0xC3, *range(0xC5, 0xD0), 0xDE})
_METADATA: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
_JFIF: Final = 0xE0
_ADOBE: Final = 0xEE
_KNOWN: Final = _FRAMES | _OTHER_FRAMES | _TABLES | _METADATA | {_SCAN}
_FILLING: Final = re.compile(rb"\xff+")
"""Any number of FF may stand before the code of a marker."""
_NEXT_MARKER: Final = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
"""The next one with a length, or the end: FF00 is how picture data writes FF, FFD0 to FFD7 and FF01 stand alone."""

_KINDS: Final = (
    (b"\x89png", "a PNG"),
    (b"gif8", "a GIF"),
    (b"riff", "a WebP or another RIFF file"),
    (b"%pdf", "a PDF"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<", "an XML document (an SVG, or an error of a storage)"),
)


class _Segment(NamedTuple):
    """A marker with a length.  `start` is where its last FF is, `body` the first byte behind the length."""

    marker: int
    start: int
    body: int
    end: int


def _checked(data: bytes) -> bytes:
    """What libjpeg needs of `data`, if it is within our limits."""
    if not data:
        raise BadPictureError(Flaw.EMPTY, "is empty")
    if not data.startswith(_START):
        head = data[:256].lstrip(b"\xef\xbb\xbf\t\r\n ").lower()
        kind = next((kind for magic, kind in _KINDS if head.startswith(magic)), "something else")
        raise BadPictureError(Flaw.NOT_JPEG, f"is {kind}, not a JPEG")
    if len(data) > MAX_BYTES:
        raise BadPictureError(Flaw.TOO_LARGE, f"has {len(data):,} bytes, more than {MAX_BYTES:,}")
    frame: _Segment | None = None
    kept, length = [data[:2]], 2
    for segment in _segments(data):
        if segment.marker in _FRAMES:
            if frame:
                raise BadPictureError(Flaw.CORRUPT, "declares two frames")
            frame = segment
        elif segment.marker == _SCAN:
            if not frame:
                raise BadPictureError(Flaw.CORRUPT, "has picture data before it says of what size")
            _check_frame(data, frame, scan=segment)
            return data if length == segment.start else b"".join([*kept, data[segment.start :]])
        elif segment.marker not in _TABLES and not _says_colours(data, segment):
            continue
        kept.append(data[segment.start : segment.end])
        length += segment.end - segment.start
        if length > MAX_TABLE_BYTES:
            raise BadPictureError(Flaw.CORRUPT, f"has more than {MAX_TABLE_BYTES:,} bytes of tables")
    raise BadPictureError(Flaw.CORRUPT, f"has more than {MAX_SEGMENTS:,} segments before its picture data")


def _segments(data: bytes) -> Iterator[_Segment]:
    """The first segments, at most `MAX_SEGMENTS`, in order; all are inside the data and may stand in a header."""
    start = 2
    for _ in range(MAX_SEGMENTS):
        filling = _FILLING.match(data, start)
        marker = filling.end() if filling else start
        if marker + 3 > len(data):
            raise BadPictureError(Flaw.TRUNCATED, "ends within its header")
        code = data[marker]
        if not filling or code not in _KNOWN:
            raise BadPictureError(Flaw.CORRUPT, f"has no valid marker at byte {start:,}")
        if code in _OTHER_FRAMES:
            raise BadPictureError(Flaw.UNSUPPORTED, f"is a kind of JPEG that is not supported (marker FF{code:02X})")
        end = marker + 1 + int.from_bytes(data[marker + 1 : marker + 3])
        if end < marker + 3:
            raise BadPictureError(Flaw.CORRUPT, f"has a segment without length at byte {start:,}")
        if end > len(data):
            raise BadPictureError(Flaw.TRUNCATED, "ends within its header")
        yield _Segment(code, marker - 1, marker + 3, end)
        start = end


def _says_colours(data: bytes, segment: _Segment) -> bool:
    """Whether libjpeg takes from it how colours are stored."""
    if segment.marker == _JFIF:
        return data.startswith(b"JFIF\0", segment.body) and segment.end - segment.body >= 14
    return segment.marker == _ADOBE and data.startswith(b"Adobe", segment.body) and segment.end - segment.body >= 12


def _check_frame(data: bytes, frame: _Segment, *, scan: _Segment) -> None:
    """What the picture declares to be, and how much work that is."""
    head = data[frame.body : frame.end]
    if len(head) < 6 or len(head) != 6 + 3 * head[5] or scan.body == scan.end:
        raise BadPictureError(Flaw.CORRUPT, "has a frame or scan of impossible length")
    bits, height, width, channels = head[0], int.from_bytes(head[1:3]), int.from_bytes(head[3:5]), head[5]
    if bits != 8 or channels not in {1, 3, 4}:
        raise BadPictureError(Flaw.UNSUPPORTED, f"has {channels} channels of {bits} bits, which is not supported")
    if not width or not height:
        raise BadPictureError(Flaw.CORRUPT, f"declares {width} x {height} pixels")
    pixels = width * height
    if pixels > MAX_PIXELS:
        text = f"declares {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are decoded"
        raise BadPictureError(Flaw.TOO_LARGE, text)
    if not data.endswith(_END) and data.rfind(_END, scan.end) < 0:
        raise BadPictureError(Flaw.TRUNCATED, "ends before its end marker")
    # One scan with all channels is all that libjpeg reads of a baseline picture; others are collected from many.
    if frame.marker == _PROGRESSIVE or data[scan.body] < channels:
        scans = _scans(data, scan)
        if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS:
            raise BadPictureError(Flaw.TOO_MANY_SCANS, f"has {scans:,} scans of {width:,} x {height:,} pixels")


def _scans(data: bytes, scan: _Segment) -> int:
    """How many scans libjpeg will read, counting from the first; never fewer."""
    at_most = data.count(b"\xff\xda", scan.start)
    if at_most <= 10:
        return at_most
    # The same two bytes may stand in a table between scans, or in another picture behind the end.
    found, at = 1, scan.end
    for _ in range(10 * MAX_SCANS):
        marker = _NEXT_MARKER.search(data, at)
        if not marker or marker[0] == _END:
            return found
        found += marker[1] == b"\xda"
        at = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
    return at_most
