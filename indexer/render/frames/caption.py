"""The lower third of a picture: who, where and when."""

import unicodedata
from bisect import bisect
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from indexer.render.frames.paint import WHITE
from indexer.render.frames.scenes import Person, Scene

_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=64)
def font_of(size: float) -> _Font:
    """Pillow's own font, `size` pixels high but never unreadably small."""
    return ImageFont.load_default(size=max(6.0, size))


def _fitted(text: str, font: _Font, room: float) -> str:
    """The text in the letters of Pillow's font, printable ASCII, and cut short where `room` ends."""
    bare = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in bare)
    if font.getlength(plain) <= room:
        return plain
    fits = bisect(range(len(plain)), False, key=lambda length: font.getlength(f"{plain[:length]}…") > room)
    return f"{plain[: max(0, fits - 1)]}…"


@lru_cache(maxsize=64)
def _band(name: str, channel: str, day: str, width: int, tall: int, scale: float) -> Image.Image:
    """The caption without the time of day."""
    band = Image.new("RGBA", (width, tall), (8, 11, 18))
    band.putalpha(Image.linear_gradient("L").resize(band.size).point([v * 216 // 255 for v in range(256)]))
    draw = ImageDraw.Draw(band)
    draw.rectangle((18 * scale, tall - 50 * scale, 21.5 * scale, tall - 14 * scale), (72, 196, 160))
    large, small, bold = font_of(21 * scale), font_of(14 * scale), 0.3 * scale
    room = width - 72 * scale - large.getlength("00:00:00.000 UTC")
    left, right, upper, lower = 31 * scale, width - 18 * scale, tall - 40 * scale, tall - 19 * scale
    draw.text((left, upper), _fitted(name, large, room), WHITE, large, anchor="lm", stroke_width=bold)
    draw.text((left, lower), _fitted(channel, small, room), (176, 216, 206), small, anchor="lm")
    draw.text((right, lower), day, (196, 206, 214), small, anchor="rm")
    return band


def write_caption(picture: Image.Image, person: Person, channel: str, moment: datetime) -> None:
    """Write name, channel and `moment` (UTC) on the picture, to the millisecond."""
    width, height = picture.size
    scale = min(width / 640, height / 360) if width >= height else width / 430
    tall = round((56 if person.scene is Scene.SLIDES else 112) * scale)  # a slide has a dark foot
    band = _band(person.name, channel, f"{moment:%Y-%m-%d}", width, tall, scale)
    picture.paste(band, (0, height - tall), band)
    at = width - 18 * scale, height - 40 * scale
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    ImageDraw.Draw(picture).text(at, clock, WHITE, font_of(21 * scale), anchor="rm", stroke_width=0.3 * scale)
