"""A shared screen: a lesson on derivatives, and its teacher in the corner."""

import math
from datetime import datetime
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from indexer.render.frames.camera import camera_picture
from indexer.render.frames.caption import font_of
from indexer.render.frames.lights import grainy
from indexer.render.frames.paint import FINE, Colour, Surface
from indexer.render.frames.scenes import Person
from indexer.render.frames.shapes import Point, moved, oval, rect

_DECK: Final = (
    ("Derivatives: the slope of a curve", "How steep is f at x?", "Secants lean to the tangent", "f'(x) is its slope"),
    ("Worked example: f(x) = sin x", "Steepest where it is zero", "Flat at the top: f'(x) = 0", "So f'(x) = cos x"),
    ("For Thursday", "Sheet 7, problems 2 to 5", "Draw f and f' in one picture", "Where is the slope zero, and why?"),
)
_SLIDE_S: Final = 90
_FOOT: Final[Colour] = (26, 30, 40)
_INK: Final[Colour] = (34, 42, 60)
_ACCENT: Final[Colour] = (46, 110, 190)
_POINTER: Final[Colour] = (214, 90, 60)


def _plot(share: float) -> Point:
    """Where the curve of a slide is, from its left (0) to its right end (1)."""
    return 372 + 232 * share, 212 - 52 * math.sin(share * 7.4 - 0.9)


@lru_cache(maxsize=32)
def _slide(number: int, width: int, height: int) -> Image.Image:
    title, *items = _DECK[number]
    scale = width / 640
    surface = Surface((0, 0, 640, 360), scale * FINE)
    surface.fade((252, 252, 250), (240, 242, 246))
    surface.paint(_ACCENT, rect(0, 0, 10, 360), rect(36, 78, 96, 81), *(oval(42, y, 3.4, 3.4) for y in (122, 162, 202)))
    columns = [rect(x, 146, x + 0.6, 282) for x in range(368, 609, 30)]
    rows = [rect(368, y, 608, y + 0.6) for y in range(148, 281, 33)]
    surface.paint(_INK, *columns, *rows, opacity=0.14)
    surface.paint(_INK, rect(364, 213.4, 612, 214.6), rect(399.4, 142, 400.6, 286), opacity=0.7)
    graph = [_plot(step / 60) for step in range(61)]
    surface.paint(_ACCENT, [*graph, *reversed(moved(graph, 0, 2.6))])
    surface.paint(_FOOT, rect(0, 304, 640, 360))
    slide = surface.image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(slide)
    draw.text((36 * scale, 38 * scale), title, _INK, font_of(25 * scale), stroke_width=0.35 * scale)
    for line, item in enumerate(items):
        draw.text((56 * scale, (112 + 40 * line) * scale), item, _INK, font_of(17 * scale))
    return slide


def _tangent(now: float, scale: float) -> Surface:
    """What rolls along the curve."""
    share = 0.5 + 0.45 * math.sin(math.tau * now / 140)
    (x, y), (after_x, after_y) = _plot(share), _plot(share + 0.001)
    slope = math.atan2(after_y - y, after_x - x)
    cos, sin = math.cos(slope), math.sin(slope)
    rod = [(x * cos - y * sin, x * sin + y * cos) for x, y in rect(-48, -1.3, 48, 1.3)]
    left, top = round(x) - 52, round(y) - 52
    surface = Surface((left, top, left + 104, top + 104), scale * FINE)
    surface.paint(_POINTER, moved(rod, x, y + 1.3), oval(x, y + 1.3, 5, 5))
    return surface


def shared_screen(person: Person, moment: datetime, width: int, height: int) -> Image.Image:
    """The slide of the moment, as large as fits, without caption."""
    scale, now = min(width / 640, height / 360), moment.timestamp()
    size = round(640 * scale), round(360 * scale)
    slide = _slide(int(now // _SLIDE_S) % len(_DECK), *size).copy()
    tangent = _tangent(now, scale)
    rod = tangent.image.reduce(FINE)
    slide.paste(rod, (round(tangent.left * scale), round(tangent.top * scale)), rod)
    tile = camera_picture(person, moment, round(156 * scale), round(104 * scale))
    corners = Image.new("L", (tile.width * FINE, tile.height * FINE))
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, corners.width - 1, corners.height - 1), 26 * scale, fill=255)
    slide.paste(tile, (round(468 * scale), round(16 * scale)), corners.reduce(FINE))
    picture = Image.new("RGB", (width, height), _FOOT)
    picture.paste(grainy(slide, 2, moment), ((width - size[0]) // 2, (height - size[1]) // 2))
    return picture
