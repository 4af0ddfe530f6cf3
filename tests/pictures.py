"""Pictures made for tests and benchmarks: photographs, and files that nobody should have to decode.

Everything follows from sizes and seeds.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SVG: Final = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="90000" height="90000"/>'
HTML: Final = b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body>No.</body></html>\n"

# How strong, by height: so that the median JPEG at q80 has the 40, 108 and 196 KB that 300 real photographic frames
# had at 640x360, 1280x720 and 1920x1080.
_GRAIN: Final = {360: 9.5, 720: 6.7, 1080: 4.5}


def as_jpeg(picture: Image.Image, *, quality: int = 80, progressive: bool = False) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", progressive=progressive)
    return buffer.getvalue()


def as_png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def photo(width: int = 640, height: int = 360, seed: int = 0) -> Image.Image:
    """Something that compresses like a photograph: light and shade, soft and hard edges, textures, grain."""
    chance = Random(f"{width}x{height}/{seed}")
    picture = _clouds(width, height, chance, finest=min(width, 48))
    picture.paste(_clouds(width, height, chance, finest=width // 2), mask=_shapes(width, height, chance, 12))
    for _ in range(5):
        tint = Image.new("RGB", (width, height), (chance.randrange(256), chance.randrange(256), chance.randrange(256)))
        picture = Image.composite(Image.blend(picture, tint, 0.55), picture, _shapes(width, height, chance, 4))
    picture = Image.blend(picture, picture.convert("L").convert("RGB"), 0.6)  # rooms are less colourful than chance
    strength = _GRAIN.get(min(width, height), 8) * chance.uniform(0.8, 1.2)
    grain = Image.frombytes("L", (width, height), chance.randbytes(width * height))
    grain = grain.filter(ImageFilter.GaussianBlur(0.6)).point(
        [128 + round((v - 128) * strength / 64) for v in range(256)]
    )
    return ImageChops.add(picture, Image.merge("RGB", (grain, grain, grain)), offset=-128)


@lru_cache(maxsize=64)
def photo_jpeg(width: int = 640, height: int = 360, seed: int = 0) -> bytes:
    """The photograph as a screenshot is written: baseline, q80, 4:2:0."""
    return as_jpeg(photo(width, height, seed))


def _clouds(width: int, height: int, chance: Random, *, finest: int) -> Image.Image:
    """Noise in octaves, each twice as fine and half as strong as the one before."""
    picture, cells = Image.new("RGB", (width, height), (128, 128, 128)), 3
    strength = 1.0
    while cells <= finest:
        size = cells, max(2, cells * height // width)
        layer = Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1]))
        layer = layer.resize((width, height), Image.Resampling.BICUBIC)
        layer = layer.point([round((v - 128) * strength) + 128 for v in range(256)] * 3)
        picture = ImageChops.add(picture, layer, offset=-128)
        cells, strength = 2 * cells, strength / 2
    return picture


def _shapes(width: int, height: int, chance: Random, count: int) -> Image.Image:
    """A mask of ovals and polygons, some of them out of focus."""
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(count):
        x, y, reach = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(0.03, 0.2) * width
        corners = chance.choice((3, 4, 5, 60))
        turn = chance.uniform(0, math.tau)
        angles = [turn + math.tau * corner / corners for corner in range(corners)]
        draw.polygon(
            [(x + reach * math.cos(a), y + reach * math.sin(a)) for a in angles], fill=chance.randrange(90, 256)
        )
    return mask.filter(ImageFilter.GaussianBlur(chance.choice((0.7, 0.7, height / 60))))


# --- Files that lie -------------------------------------------------------------------------------------------------


def declaring(jpeg: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its header."""
    at = next(at for marker, at in _markers(jpeg) if marker in {0xC0, 0xC1, 0xC2})
    return jpeg[: at + 5] + height.to_bytes(2) + width.to_bytes(2) + jpeg[at + 9 :]


def many_scans(scans: int, width: int = 4000, height: int = 4000) -> bytes:
    """A small progressive file that asks libjpeg to walk all its blocks `scans` times."""
    whole = as_jpeg(Image.new("RGB", (width, height)), progressive=True)
    # All channels, one more bit of each block's mean: libjpeg asks for that bit even where the data has ended.
    refine = b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x00\x10"
    return whole[:-2] + refine * scans + whole[-2:]


def many_baseline_scans(jpeg: bytes, scans: int) -> bytes:
    """The header of a baseline file, then the first channel again and again, always without data."""
    return jpeg[: scan_start(jpeg) - 14] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * scans + b"\xff\xd9"


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The same file with one more segment in front."""
    return jpeg[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body + jpeg[2:]


def zeroed(jpeg: bytes, at: int, count: int = 1024) -> bytes:
    """As after a lost write: the bytes are there, but null."""
    return jpeg[:at] + bytes(min(count, len(jpeg) - at)) + jpeg[at + count :]


def scan_start(jpeg: bytes) -> int:
    """Where the picture data begins."""
    at = next(at for marker, at in _markers(jpeg) if marker == 0xDA)
    return at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])


def _markers(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Code and place of each marker up to the first scan."""
    at = 2
    while True:
        yield jpeg[at + 1], at
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])


def hostile(count: int = 200, seed: int = 200) -> Iterator[tuple[str, bytes]]:
    """`count` files, each with what was done to it; some of the damage is such that a decoder cannot see it."""
    chance = Random(seed)
    good = [photo_jpeg(320, 180, number) for number in range(3)]
    good += [as_jpeg(photo(322, 182, 3), progressive=True), as_jpeg(photo(90, 160, 4).convert("L"))]
    made = (
        ("500 scans", many_scans(500)),
        ("500 baseline scans", many_baseline_scans(good[0], 500)),
        ("declares 50,000 x 50,000", declaring(good[0], 50_000, 50_000)),
        ("declares 0 x 0", declaring(good[0], 0, 0)),
        ("declares 6,000 x 6,000", declaring(good[0], 6_000, 6_000)),
        ("PNG", as_png(Image.new("RGB", (64, 64)))),
        ("SVG", SVG),
        ("HTML", HTML),
        ("empty", b""),
        ("null bytes", bytes(40_000)),
        ("start alone", b"\xff\xd8\xff"),
        ("start and end", b"\xff\xd8\xff\xd9"),
        ("scan before frame", b"\xff\xd8" + good[0][scan_start(good[0]) - 14 :]),
        ("comment of the longest kind", with_segment(good[0], 0xFE, bytes(65_533))),
        ("segments without end", b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100_000),
        ("filling without end", b"\xff\xd8" + b"\xff" * 400_000),
        ("tables without end", b"\xff\xd8" + (b"\xff\xdb\x00\x43\x00" + bytes(range(1, 65))) * 5_000),
        ("frame in frame", good[0][: scan_start(good[0]) - 14] + good[1][2:]),
    )
    yield from made[:count]
    for number in range(count - len(made)):
        jpeg = good[chance.randrange(len(good))]
        start = scan_start(jpeg)
        match number % 6:
            case 0:
                yield "truncated", jpeg[: chance.randrange(3, len(jpeg) - 1)]
            case 1:
                yield "zeroed", zeroed(jpeg, chance.randrange(start, len(jpeg) - 1026))
            case 2:
                other = good[chance.randrange(len(good))]
                yield "spliced", jpeg[: chance.randrange(len(jpeg))] + other[chance.randrange(len(other)) :]
            case 3:
                header = bytearray(jpeg[:start])
                for _ in range(chance.randrange(1, 12)):
                    header[chance.randrange(3, start)] = chance.randrange(256)
                yield "header changed", bytes(header) + jpeg[start:]
            case 4:
                yield "header of noise", b"\xff\xd8\xff" + chance.randbytes(start - 3) + jpeg[start:]
            case _:
                scan = bytearray(jpeg[start:-2])
                for _ in range(chance.randrange(1, 40)):
                    scan[chance.randrange(len(scan))] = chance.randrange(256)
                yield "scan changed", jpeg[:start] + bytes(scan) + jpeg[-2:]
