"""Frames of a video call, drawn: the pictures of the demo world.

A person in a softly lit room, or a shared screen, with name, channel and capture time on the picture.  What never
moves is drawn once for each person, three times too large, and kept; a frame places it, turns the head, opens eyes
and mouth, and adds sensor noise, which also gives the JPEG its usual size.

Everything is drawn in units: a landscape frame is 360 high, x = 0 is its middle, y = 0 its top; a head has its own
(0, 0) between the eyes.
"""

import math
import unicodedata
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, auto
from functools import lru_cache
from io import BytesIO
from random import Random
from typing import Final, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

QUALITY: Final = 80

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Shape: TypeAlias = Sequence[Point]
Region: TypeAlias = tuple[float, float, float, float]


class Scene(StrEnum):
    """Where a person sits, and what the camera shows of it."""

    WINDOW = auto()
    BOOKSHELF = auto()
    OFFICE = auto()
    EVENING = auto()
    """A dark room, lit by the screen."""
    SLIDES = auto()
    """A shared screen, the person small in its corner."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is on the picture.  Face, hair and clothes follow from `seed`, whatever the scene."""

    name: str
    seed: int
    scene: Scene


def draw_frame(person: Person, *, channel: str, moment: datetime, width: int = 640, height: int = 360) -> bytes:
    """Draw what the camera saw at `moment` (aware) as a JPEG.

    The same arguments give the same bytes with the same version of Pillow; another moment gives another picture.
    """
    moment = moment.astimezone(UTC)
    draw = _shared_screen if person.scene is Scene.SLIDES else _camera
    picture = draw(person, moment, width, height)
    _write_caption(picture, person, channel, moment)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return buffer.getvalue()


# --- Shapes and paint ---------------------------------------------------------------------------------------------

_FINE: Final = 3  # Pillow's polygons have hard edges, so what moves is drawn this many times too large
_BLACK: Final[Colour] = (0, 0, 0)
_WHITE: Final[Colour] = (255, 255, 255)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one`, with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _palette(text: str) -> list[Colour]:
    colours = (bytes.fromhex(colour) for colour in text.split())
    return [(red, green, blue) for red, green, blue in colours]


def _points(text: str) -> list[Point]:
    """Points written as in SVG: `0,-76 27,-73`."""
    return [(float(x), float(y)) for x, y in (point.split(",") for point in text.split())]


_CIRCLE: Final = [(math.cos(math.tau * step / 40), math.sin(math.tau * step / 40)) for step in range(40)]


def _oval(x: float, y: float, rx: float, ry: float) -> Shape:
    return [(x + rx * cos, y + ry * sin) for cos, sin in _CIRCLE]


def _rect(left: float, top: float, right: float, bottom: float) -> Shape:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


_SPLINE: Final = [
    (t * (-1 + t * (2 - t)) / 2, (2 + t * t * (3 * t - 5)) / 2, t * (1 + t * (4 - 3 * t)) / 2, t * t * (t - 1) / 2)
    for t in (step / 8 for step in range(8))
]


def _curve(points: Shape) -> Shape:
    """The smooth closed line through `points` (Catmull-Rom)."""
    ahead = [*points[1:], *points[:2]]
    return [
        (a * p[0] + b * q[0] + c * r[0] + d * s[0], a * p[1] + b * q[1] + c * r[1] + d * s[1])
        for p, q, r, s in zip((points[-1], *points), points, ahead, ahead[1:], strict=False)
        for a, b, c, d in _SPLINE
    ]


def _mirrored(shape: Shape) -> Shape:
    return [(-x, y) for x, y in shape]


def _symmetric(right_half: Shape) -> Shape:
    """A smooth outline from its right half, which starts and ends at x = 0."""
    return _curve([*right_half, *reversed(_mirrored(right_half[1:-1]))])


def _stroke(points: Shape, thickness: float) -> Shape:
    """A brush stroke along `points`, thickest in the middle."""
    last = len(points) - 1
    halves = [thickness / 2 * math.sin(math.pi * (0.1 + 0.8 * index / last)) for index in range(last + 1)]
    upper = [(x, y - half) for (x, y), half in zip(points, halves, strict=True)]
    lower = [(x, y + half) for (x, y), half in zip(points, halves, strict=True)]
    return [*upper, *reversed(lower)]


class _Surface:
    """A transparent picture of the region (left, top, right, bottom), painted in units."""

    def __init__(self, region: Region, scale: float) -> None:
        self.left, self.top, self.right, self.bottom = region
        self.scale = scale
        self.image = Image.new(
            "RGBA", (round((self.right - self.left) * scale), round((self.bottom - self.top) * scale))
        )

    def pixels(self, shape: Shape) -> list[Point]:
        return [((x - self.left) * self.scale, (y - self.top) * self.scale) for x, y in shape]

    def mask(self, *shapes: Shape) -> Image.Image:
        """Where `shapes` are, to keep other paint inside of them."""
        mask = Image.new("L", self.image.size)
        for shape in shapes:
            ImageDraw.Draw(mask).polygon(self.pixels(shape), fill=255)
        return mask

    def paint(
        self,
        shape: Shape,
        colour: Colour,
        opacity: float = 1.0,
        *,
        blur: float = 0.0,
        inside: Image.Image | None = None,
    ) -> None:
        """Lay paint over what is there, its edge softened by `blur` units."""
        points = self.pixels(shape)
        if opacity == 1.0 and not blur and inside is None:
            ImageDraw.Draw(self.image).polygon(points, fill=(*colour, 255))
            return
        radius = blur * self.scale
        left = max(0, math.floor(min(x for x, _ in points) - 2.5 * radius - 1))
        top = max(0, math.floor(min(y for _, y in points) - 2.5 * radius - 1))
        right = min(self.image.width, math.ceil(max(x for x, _ in points) + 2.5 * radius + 1))
        bottom = min(self.image.height, math.ceil(max(y for _, y in points) + 2.5 * radius + 1))
        if left >= right or top >= bottom:
            return
        coarse = max(1, math.floor(radius / 4))  # what is very soft needs few pixels
        mask = Image.new("L", (math.ceil((right - left) / coarse), math.ceil((bottom - top) / coarse)))
        outline = [((x - left) / coarse, (y - top) / coarse) for x, y in points]
        ImageDraw.Draw(mask).polygon(outline, fill=round(255 * opacity))
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(radius / coarse))
        if coarse > 1:
            box = (0, 0, (right - left) / coarse, (bottom - top) / coarse)
            mask = mask.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box)
        if inside is not None:
            mask = ImageChops.multiply(mask, inside.crop((left, top, right, bottom)))
        ink = Image.new("RGBA", mask.size, colour)
        ink.putalpha(mask)
        self.image.alpha_composite(ink, (left, top))

    def fade(self, top_colour: Colour, bottom_colour: Colour) -> None:
        """Fill everything from one colour above to another below."""
        below = Image.linear_gradient("L").resize(self.image.size)
        top, bottom = (Image.new("RGB", below.size, colour) for colour in (top_colour, bottom_colour))
        self.image.paste(Image.composite(bottom, top, below))


# --- What a person looks like ---------------------------------------------------------------------------------------

_SKINS: Final = _palette("f4d0b8 ecc09e deae88 c28e68 9e6c4c 7c523a 624232")
_HAIRS: Final = _palette("241e1e 322520 4a3326 704d32 b28a5c 8e462c 949292")
_CLOTHS: Final = _palette("32507c 924042 3e6a58 d2ccc2 383c48 be9248 725a86 628aa4")
_IRISES: Final = _palette("3c281e 543c28 4e6676 566646")


class _Hair(StrEnum):
    CROP = auto()
    PARTED = auto()
    CURLS = auto()
    BALD = auto()
    LONG = auto()
    BOB = auto()
    BUN = auto()
    SCARF = auto()


_MAY_HAVE_BEARD: Final = {_Hair.CROP, _Hair.PARTED, _Hair.CURLS, _Hair.BALD}


@dataclass(frozen=True, slots=True)
class _Looks:
    skin: Colour
    hair: Colour
    style: _Hair
    shirt: Colour
    scarf: Colour
    iris: Colour
    collar: bool
    glasses: bool
    beard: float  # how dense
    headset: bool
    jaw: float  # how wide the lower face is, about 1

    @property
    def shade(self) -> Colour:
        return _mix(self.skin, (74, 22, 30), 0.42)

    @property
    def glow(self) -> Colour:
        return _mix(self.skin, (255, 246, 232), 0.4)


def _looks(seed: int) -> _Looks:
    chance = Random(seed)  # noqa: S311 - looks, not secrets
    tone = chance.randrange(len(_SKINS))
    darkest_only = 3 if tone > 2 else None  # light hair and eyes are rare on dark skin
    style = chance.choice(list(_Hair))
    beard = chance.choice((0.0, 0.0, 0.35, 0.8))
    shirt, scarf = chance.sample(_CLOTHS, 2)
    return _Looks(
        skin=_SKINS[tone],
        hair=chance.choice(_HAIRS[:darkest_only]),
        style=style,
        shirt=shirt,
        scarf=scarf,
        iris=chance.choice(_IRISES[:2] if darkest_only else _IRISES),
        collar=chance.random() < 0.45,
        glasses=chance.random() < 0.35,
        beard=beard if style in _MAY_HAVE_BEARD else 0.0,
        headset=chance.random() < 0.25 and style is not _Hair.SCARF,
        jaw=chance.uniform(0.95, 1.06) if style in _MAY_HAVE_BEARD else chance.uniform(0.86, 0.96),
    )


_CAP: Final[Shape] = _points("-58,2 -61,-32 -53,-64 -29,-85 0,-91 29,-85 53,-64 61,-32 58,2")
_HAIRLINES: Final[dict[_Hair, Shape]] = {
    _Hair.CROP: _points("51,-8 49,-30 37,-47 14,-52 -12,-51 -37,-46 -49,-30 -51,-8"),
    _Hair.PARTED: _points("51,-6 50,-26 38,-38 12,-44 -10,-54 -22,-66 -34,-52 -48,-30 -51,-6"),
    _Hair.LONG: _points("52,10 51,-20 38,-44 14,-60 2,-70 -10,-58 -36,-42 -51,-20 -52,10"),
    _Hair.BOB: _points("52,8 51,-18 40,-34 14,-40 -14,-40 -38,-36 -51,-18 -52,8"),
    _Hair.BUN: _points("51,-8 48,-34 30,-52 0,-58 -30,-52 -48,-34 -51,-8"),
    _Hair.CURLS: _points("50,-10 46,-34 30,-46 0,-50 -30,-46 -46,-34 -50,-10"),
    _Hair.SCARF: _points("47,0 44,-30 28,-50 0,-55 -28,-50 -44,-30 -47,0"),
}
_LONG_STRAND: Final[Shape] = _curve(_points("48,-44 61,-24 67,26 74,72 76,108 68,138 57,126 50,96 50,62 50,28 46,-10"))
_BOB_STRAND: Final[Shape] = _curve(_points("48,-44 62,-24 67,16 68,46 58,64 44,62 50,36 50,4"))

_HEAD_REGION: Final = (-100.0, -125.0, 100.0, 150.0)
_FACE_REGION: Final = (-48, -40, 48, 72)


def _outline(looks: _Looks) -> Shape:
    right_half = _points("0,-77 27,-74 47,-54 55,-20 54,12 49,38 37,60 18,75 0,79")
    return _symmetric([(x * (looks.jaw if y > 0 else 1), y) for x, y in right_half])


def _back_of_head(looks: _Looks, scale: float) -> _Surface:
    """What lies behind neck and shoulders."""
    surface = _Surface(_HEAD_REGION, scale)
    dark = _mix(looks.hair, _BLACK, 0.3)
    if looks.style is _Hair.LONG:
        half = _points("0,-92 40,-84 64,-46 68,20 80,76 84,116 60,134 0,138")
        surface.paint(_symmetric(half), dark)
    elif looks.style is _Hair.BOB:
        surface.paint(_symmetric(_points("0,-92 40,-84 64,-46 68,20 66,58 40,74 0,76")), dark)
    elif looks.style is _Hair.BUN:
        surface.paint(_oval(0, -96, 25, 21), looks.hair)
        surface.paint(_oval(6, -103, 12, 8), _mix(looks.hair, _WHITE, 0.35), 0.5, blur=5)
        surface.paint(_oval(0, -82, 24, 6), dark, 0.8, blur=3)
    elif looks.style is _Hair.SCARF:
        half = _points("0,-94 40,-86 64,-50 69,4 66,50 72,96 80,130 40,146 0,148")
        surface.paint(_symmetric(half), _mix(looks.scarf, _BLACK, 0.25))
    return surface


def _head(looks: _Looks, light: int, scale: float) -> _Surface:
    """The head without eyes, brows and mouth.  `light` is the side it comes from: -1 left, 1 right."""
    surface = _Surface(_HEAD_REGION, scale)
    paint = surface.paint
    outline = _outline(looks)
    face = surface.mask(outline)
    if looks.style is _Hair.SCARF:
        half = _points("0,-92 40,-84 63,-48 66,4 60,50 44,86 26,108 0,114")
        paint(_symmetric(half), looks.scarf)
        paint(_oval(0, 92, 40, 14), _BLACK, 0.3, blur=7, inside=surface.mask(_symmetric(half)))
    else:
        for side in (-1, 1):
            paint(_oval(side * 56, 7, 8, 16), _mix(looks.skin, looks.shade, 0.3))
            paint(_oval(side * 57, 7, 3.5, 9), looks.shade, 0.6, blur=2)
    paint(outline, looks.skin)
    paint(_oval(-light * 64, 6, 36, 96), looks.shade, 0.75, blur=15, inside=face)
    paint(_oval(light * 24, -16, 30, 62), looks.glow, 0.6, blur=16, inside=face)
    paint(_oval(0, 90, 54, 17), looks.shade, 0.6, blur=8, inside=face)
    for side in (-1, 1):
        paint(
            _oval(side * 31, 27, 15, 11), _mix(looks.skin, (206, 62, 62), looks.skin[0] / 600), 0.4, blur=8, inside=face
        )
        paint(_oval(side * 22.5, -7, 17, 10), looks.shade, 0.42, blur=6, inside=face)
        paint(_oval(side * 6, 29, 2.8, 1.7), _mix(looks.shade, _BLACK, 0.45), 0.75, blur=0.9)
    paint(
        ((-light * 2, -14), (-light * 9, 18), (-light * 12, 27), (-light * 2, 31), (0, -14)), looks.shade, 0.6, blur=3
    )
    paint(_oval(0, 31, 11, 2.6), looks.shade, 0.6, blur=2.2)
    paint(_oval(light * 2, 19, 3.6, 8), looks.glow, 0.8, blur=3)
    paint(_oval(0, 60, 13, 2.6), looks.shade, 0.45, blur=3)
    paint(_oval(light * 2, 67, 11, 5), looks.glow, 0.4, blur=4)
    _add_beard(surface, looks, face)
    _add_hair(surface, looks, light, face)
    return surface


def _add_beard(surface: _Surface, looks: _Looks, face: Image.Image) -> None:
    if not looks.beard:
        return
    outer = _points("-58,0 -54,36 -40,64 -18,82 18,82 40,64 54,36 58,0")
    inner = _points("49,6 46,26 33,38 20,36 8,35 0,37 -8,35 -20,36 -33,38 -46,26 -49,6")
    colour = _mix(looks.hair, looks.skin, 0.15)
    surface.paint(_curve([*outer, *inner]), colour, looks.beard, blur=3 if looks.beard > 0.5 else 5, inside=face)
    surface.paint(_oval(0, 66, 13, 8), _mix(colour, _WHITE, 0.25), looks.beard * 0.4, blur=5, inside=face)


def _add_hair(surface: _Surface, looks: _Looks, light: int, face: Image.Image) -> None:
    chance = Random(looks.style)  # noqa: S311 - looks, not secrets
    if looks.style is _Hair.BALD:
        surface.paint(_oval(light * 16, -58, 22, 10), _mix(looks.glow, _WHITE, 0.3), 0.55, blur=7, inside=face)
        for side in (-1, 1):
            surface.paint(_oval(side * 56, -18, 8, 22), looks.hair, 0.4, blur=4, inside=face)
        return
    cover = _curve([*_CAP, *_HAIRLINES[looks.style]])
    colour = looks.scarf if looks.style is _Hair.SCARF else looks.hair
    dark, bright = _mix(colour, _BLACK, 0.4), _mix(colour, (255, 240, 220), 0.3)
    surface.paint([(x, y + 4) for x, y in cover], looks.shade, 0.7, blur=4, inside=face)
    shapes = [cover]
    if looks.style is _Hair.CURLS:
        for step in range(46):
            turn = math.radians(188 + 164 * step / 45)
            reach = chance.uniform(0.94, 1.08)
            shapes.append(_oval(60 * reach * math.cos(turn), -22 + 64 * reach * math.sin(turn), 12, 12))
    if looks.style in {_Hair.LONG, _Hair.BOB}:
        strand = _LONG_STRAND if looks.style is _Hair.LONG else _BOB_STRAND
        shapes += [strand, _mirrored(strand)]
    for shape in shapes:
        surface.paint(shape, colour)
    hair = surface.mask(*shapes)
    if looks.style is not _Hair.SCARF:
        surface.paint(_oval(-light * 52, -40, 26, 60), dark, 0.6, blur=12, inside=hair)
    surface.paint(_oval(light * 20, -74, 34, 9), bright, 0.6, blur=7, inside=hair)
    if looks.style is _Hair.CURLS:
        for x, y in (shape[0] for shape in shapes[1::2]):
            surface.paint(_oval(x - 12, y - 3, 7, 5), bright, 0.4, blur=2.5, inside=hair)
            surface.paint(_oval(x - 9, y + 6, 7, 4), dark, 0.4, blur=2.5, inside=hair)
    elif looks.style is not _Hair.SCARF:
        for _ in range(34):
            start, ink = chance.uniform(-56, 56), dark if chance.random() < 0.5 else bright
            line = [(start * spread, -92 + 46 * step) for step, spread in enumerate((0.55, 1.0, 1.12, 1.18, 1.2, 1.2))]
            surface.paint(_stroke(line, 3), ink, 0.3, blur=1, inside=hair)
    else:
        for side in (-1, 1):
            surface.paint(
                _stroke([(side * 10, -88), (side * 40, -66), (side * 57, -20)], 6), dark, 0.5, blur=3, inside=hair
            )


def _front_of_head(looks: _Looks, scale: float) -> _Surface:
    """What lies before the face: glasses, a headset."""
    surface = _Surface(_HEAD_REGION, scale)
    rim_colour = (38, 36, 42)
    if looks.glasses:
        for side in (-1, 1):
            lens = _oval(side * 23.5, -4, 18.5, 15)
            rim = surface.mask(lens)
            rim.paste(0, mask=surface.mask(_oval(side * 23.5, -4, 16.2, 12.8)))
            surface.paint(lens, _WHITE, 0.06)
            surface.paint(_stroke([(side * 23.5 - 11, 3), (side * 23.5 + 1, -11)], 7), _WHITE, 0.25, blur=1.5)
            surface.paint(lens, rim_colour, inside=rim)
            end = side * (46 if looks.style is _Hair.SCARF else 56)
            surface.paint([(side * 41, -9), (end, -6), (end, -3), (side * 41, -5)], rim_colour)
        surface.paint(_points("-6,-7 0,-9 6,-7 6,-4.5 0,-6.5 -6,-4.5"), rim_colour)
    if looks.headset:
        band = [(64 * math.sin(turn / 10), 4 - 100 * math.cos(turn / 10)) for turn in range(-15, 16)]
        inner = [(59 * math.sin(turn / 10), 4 - 93 * math.cos(turn / 10)) for turn in range(15, -16, -1)]
        surface.paint([*band, *inner], rim_colour)
        for side in (-1, 1):
            surface.paint(_oval(side * 61, 8, 11, 22), rim_colour)
            surface.paint(_oval(side * 63, 4, 4, 13), _mix(rim_colour, _WHITE, 0.3), 0.7, blur=3)
        boom = _points("-62,22 -58,44 -46,57 -30,61 -30,64 -48,61 -61,47 -66,24")
        surface.paint(boom, rim_colour)
        surface.paint(_oval(-27, 62, 7, 4.5), (24, 22, 26))
    return surface


def _torso(looks: _Looks, light: int, region: Region, scale: float) -> _Surface:
    """Neck and shoulders, in units of the frame: the chin is at y = 228."""
    surface = _Surface(region, scale)
    paint = surface.paint
    half = 30 * looks.jaw
    neck = _curve(
        ((half - 3, 205), (half, 246), (46, 264), (20, 296), (-20, 296), (-46, 264), (-half, 246), (3 - half, 205))
    )
    if looks.style is _Hair.SCARF:
        paint(neck, _mix(looks.scarf, _BLACK, 0.3))
    else:
        paint(neck, looks.skin)
        inside = surface.mask(neck)
        paint(_oval(-light * 6, 230, 40, 19), looks.shade, 0.9, blur=6, inside=inside)
        paint(_oval(-light * 34, 250, 16, 40), looks.shade, 0.6, blur=8, inside=inside)
        for side in (-1, 1):
            paint(_stroke([(side * 6, 275), (side * 20, 270), (side * 40, 264)], 3), looks.shade, 0.5, blur=1.5)
    sleeve = _points("66,261 112,275 146,298 162,340 176,430 180,620")
    shirt = _symmetric(((0, 279), (15, 274), (27, 262), (34, 249), *sleeve, (0, 640)))
    paint([(x, y - 3) for x, y in shirt], _BLACK, 0.25, blur=4, inside=surface.mask(neck))
    paint(shirt, looks.shirt)
    cloth = surface.mask(shirt)
    dark, bright = _mix(looks.shirt, (12, 10, 26), 0.55), _mix(looks.shirt, (255, 246, 230), 0.35)
    paint(_oval(-light * 150, 350, 80, 120), dark, 0.75, blur=24, inside=cloth)
    paint(_oval(light * 92, 282, 66, 20), bright, 0.65, blur=13, inside=cloth)
    paint(_oval(light * 30, 330, 44, 40), bright, 0.25, blur=18, inside=cloth)
    for side in (-1, 1):
        paint(_stroke([(side * 116, 300), (side * 108, 340), (side * 112, 400)], 12), dark, 0.5, blur=5, inside=cloth)
        paint(_stroke([(side * 40, 262), (side * 66, 290), (side * 78, 330)], 9), dark, 0.3, blur=5, inside=cloth)
        paint(_stroke([(side * 20, 300), (side * 34, 330), (side * 30, 380)], 7), dark, 0.25, blur=4, inside=cloth)
    if looks.collar:
        opening = _curve(_points("-20,262 0,276 20,262 9,296 0,308 -9,296"))
        paint(opening, dark if looks.style is _Hair.SCARF else looks.skin)
        paint(_oval(0, 268, 24, 16), looks.shade, 0.7, blur=6, inside=surface.mask(opening))
        paint(_rect(-1, 306, 1, 640), dark, 0.7, blur=0.6, inside=cloth)
        for side in (-1, 1):
            flap = [(side * 34, 244), (side * 45, 262), (side * 29, 301), (side * 3, 284), (side * 22, 268)]
            paint([(x, y + 3) for x, y in flap], _BLACK, 0.4, blur=3, inside=cloth)
            paint(flap, _mix(looks.shirt, _WHITE, 0.12))
    else:
        seam = _points("-35,249 -27,263 -15,275 0,280 15,275 27,263 35,249")
        edge = [(x * 1.16, y + 6) for x, y in reversed(seam)]
        paint([*seam, *edge], dark, 0.4, blur=0.8, inside=cloth)
    return surface


# --- Where a person is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Light:
    side: int  # where it comes from: -1 left, 1 right
    tint: Colour  # what white looks like
    noise: int  # how far a pixel strays, of 255


_LIGHTS: Final[dict[Scene, _Light]] = {
    Scene.WINDOW: _Light(1, (255, 252, 246), 6),
    Scene.BOOKSHELF: _Light(-1, (255, 246, 232), 7),
    Scene.OFFICE: _Light(-1, (248, 252, 255), 6),
    Scene.EVENING: _Light(-1, (146, 142, 170), 7),
    Scene.SLIDES: _Light(-1, (255, 248, 238), 4),
}


def _window_room(surface: _Surface, chance: Random) -> None:
    wall = chance.choice(((206, 200, 190), (188, 198, 202), (210, 196, 184), (190, 200, 186)))
    paint, left, top, bottom = surface.paint, surface.left, surface.top, surface.bottom
    surface.fade(_mix(wall, _WHITE, 0.12), _mix(wall, _BLACK, 0.22))
    paint(_rect(left, top, left + 130, bottom), _mix(wall, (40, 40, 60), 0.8), 0.5, blur=60)
    window = surface.right - 208
    paint(_rect(window, top, 330, 236), (250, 250, 246), 0.5, blur=24)
    paint(_rect(window + 6, top, 330, 232), (246, 246, 242))
    paint(_rect(window + 16, top, 330, 220), (206, 226, 244))
    paint(_rect(window + 16, top, 330, 60), (176, 208, 240), 0.8, blur=30)
    for _ in range(22):
        green = _mix((92, 132, 84), (150, 172, 108), chance.random())
        paint(
            _oval(chance.uniform(window + 16, 330), chance.uniform(150, 226), chance.uniform(14, 30), 20),
            green,
            0.8,
            blur=4,
        )
    paint(_rect(window + 16, 218, 330, 256), wall)
    paint(_rect(window + 102, top, window + 109, 220), (246, 246, 242))
    paint(_rect(window + 16, 96, 330, 102), (246, 246, 242))
    paint(_rect(window - 4, 220, 330, 229), (250, 248, 244))
    for x in (window - 16, window - 4, window + 8):  # the curtain
        paint(_rect(x, top, x + 9, 300), (240, 234, 224), 0.85, blur=2)
        paint(_rect(x + 8, top, x + 12, 300), (168, 160, 150), 0.6, blur=2)
    if window > left + 150:
        _print_on_the_wall(surface, chance, left + 36 + chance.uniform(0, 20), 48)
    _plant(surface, chance, left + 44, 300)


def _print_on_the_wall(surface: _Surface, chance: Random, x: float, y: float) -> None:
    paint = surface.paint
    paint(_rect(x + 3, y + 5, x + 85, y + 104), _BLACK, 0.4, blur=5)
    paint(_rect(x, y, x + 80, y + 98), (66, 54, 46))
    paint(_rect(x + 5, y + 5, x + 75, y + 93), (238, 232, 222))
    hue = chance.choice(((208, 122, 92), (86, 126, 140), (196, 164, 92)))
    paint(_oval(x + 40, y + 36, 16, 16), hue, 0.9)
    hills = ((x + 12, y + 82), (x + 28, y + 54), (x + 48, y + 66), (x + 66, y + 50), (x + 68, y + 82))
    paint(_curve(hills), _mix(hue, _BLACK, 0.45))


def _plant(surface: _Surface, chance: Random, x: float, y: float) -> None:
    for _ in range(26):
        turn, reach = math.radians(chance.uniform(195, 345)), chance.uniform(50, 105)
        tip = (x + reach * math.cos(turn), y + reach * math.sin(turn))
        bend = (x + 0.5 * reach * math.cos(turn) - 6, y + 0.62 * reach * math.sin(turn))
        green = _mix((38, 74, 52), (112, 150, 88), chance.random())
        surface.paint(_curve(((x, y), bend, tip, (bend[0] + 13, bend[1] + 9))), green)
    surface.paint([(x - 28, y - 8), (x + 28, y - 8), (x + 22, y + 60), (x - 22, y + 60)], (196, 186, 174))
    surface.paint(_rect(x + 4, y - 8, x + 28, y + 60), _BLACK, 0.25, blur=6)


def _bookshelf_room(surface: _Surface, chance: Random) -> None:
    wood = chance.choice(((112, 78, 52), (84, 60, 46), (198, 186, 168)))
    paint, left, top, right, bottom = surface.paint, surface.left, surface.top, surface.right, surface.bottom
    surface.fade(_mix(wood, _BLACK, 0.55), _mix(wood, _BLACK, 0.7))
    for y in range(2 + 82 * math.floor(top / 82), math.ceil(bottom) + 82, 82):
        x = left
        while x < right:
            kind = chance.random()
            if kind < 0.07:
                _vase(surface, chance, x + 16, y)
                x += 36
            elif kind < 0.14:
                x += chance.uniform(12, 26)
            else:
                x += _book(surface, chance, x, y)
        paint(_rect(left, y, right, y + 8), wood)
        paint(_rect(left, y + 8, right, y + 16), _BLACK, 0.6, blur=3)
        paint(_rect(left, y, right, y + 1.6), _mix(wood, _WHITE, 0.35), 0.8)
    for x in (left + 8, -112, 120, right - 14):
        paint(_rect(x, top, x + 8, bottom), wood)
        paint(_rect(x + 8, top, x + 14, bottom), _BLACK, 0.5, blur=3)
    paint(_oval(left, 40, 170, 190), (255, 214, 150), 0.3, blur=70)
    paint(_oval(right, bottom, 200, 160), (20, 14, 24), 0.6, blur=60)


def _book(surface: _Surface, chance: Random, x: float, y: float) -> float:
    """Put a book on the shelf at `y`.  Returns how much room it takes."""
    thickness, tall = chance.uniform(6, 14), chance.uniform(42, 66)
    cover = _mix(chance.choice((*_CLOTHS, (40, 44, 58), (226, 216, 198), (168, 94, 62))), (70, 50, 40), 0.25)
    surface.paint(_rect(x, y - tall, x + thickness, y), cover)
    surface.paint(_rect(x + thickness - 2, y - tall, x + thickness, y), _BLACK, 0.4)
    for line in (0.16, 0.22, 0.8):
        if chance.random() < 0.6:
            surface.paint(_rect(x + 1, y - tall * line - 2, x + thickness - 2, y - tall * line), (236, 214, 160), 0.6)
    return thickness + chance.uniform(0.3, 1.2)


def _vase(surface: _Surface, chance: Random, x: float, y: float) -> None:
    colour = chance.choice(((206, 196, 180), (96, 132, 136), (186, 110, 82)))
    surface.paint(
        _curve(((x - 8, y), (x - 13, y - 20), (x - 5, y - 38), (x + 5, y - 38), (x + 13, y - 20), (x + 8, y))), colour
    )
    surface.paint(_oval(x + 7, y - 18, 5, 18), _BLACK, 0.35, blur=4)


def _office(surface: _Surface, chance: Random) -> None:
    wall = chance.choice(((186, 196, 202), (196, 200, 196)))
    paint, left, top, right, bottom = surface.paint, surface.left, surface.top, surface.right, surface.bottom
    surface.fade(_mix(wall, _WHITE, 0.3), _mix(wall, (30, 40, 56), 0.5))
    accent = chance.choice(((44, 98, 128), (68, 116, 104), (190, 112, 74)))
    paint(_rect(left, top, left + 150, bottom), accent, 0.9)
    paint(_rect(left + 110, top, left + 150, bottom), _BLACK, 0.3, blur=14)
    for row in range(3):  # lamps under the ceiling
        y, half = -6 + row * 22, 60 - row * 14
        for x in (40, 190):
            paint(_rect(x - half, y, x + half, y + 7), (255, 255, 250), 0.95, blur=2)
    for x in (60, 130, 200, 270):  # glass doors
        paint(_rect(x, 52, x + 62, 260), (206, 222, 232), 0.75)
        paint(_rect(x + 4, 56, x + 58, 256), (150, 176, 192), 0.5)
        paint([(x + 8, 250), (x + 30, 60), (x + 44, 60), (x + 20, 250)], _WHITE, 0.28, blur=2)
    for x in (96, 180, 262):  # desks with screens
        paint(_rect(x - 36, 250, x + 40, 258), (122, 104, 90))
        paint(_rect(x - 20, 204, x + 26, 238), (34, 38, 46))
        paint(_rect(x - 17, 207, x + 23, 235), _mix((70, 130, 190), (190, 220, 230), chance.random()))
        paint(_rect(x, 238, x + 6, 250), (60, 62, 68))
    paint(_rect(left, 258, right, bottom), (96, 104, 112), 0.75, blur=6)
    _plant(surface, chance, left + 60, 310)


def _dark_room(surface: _Surface, chance: Random) -> None:
    paint = surface.paint
    surface.fade(
        *chance.choice((((24, 24, 40), (10, 10, 18)), ((34, 24, 34), (12, 9, 16)), ((18, 30, 38), (8, 11, 16))))
    )
    side = _LIGHTS[Scene.EVENING].side
    lamp = side * (surface.right - 76)
    paint(_oval(lamp, 120, 130, 120), (226, 136, 62), 0.42, blur=46)
    paint(_oval(lamp, 108, 52, 44), (255, 190, 110), 0.55, blur=16)
    paint([(lamp - 20, 84), (lamp + 20, 84), (lamp + 32, 132), (lamp - 32, 132)], (255, 222, 164), 0.95, blur=2)
    paint(_rect(lamp - 2, 132, lamp + 2, 320), (60, 44, 36))
    for step in range(15):  # a string of lights
        x, y = -side * (60 + step * 19), 46 + 17 * math.sin(step * 0.9) + step * 1.5
        paint(_oval(x, y, 9, 9), (255, 176, 90), 0.3, blur=5)
        paint(_oval(x, y, 4.2, 4.2), (255, 226, 170), 0.85, blur=1.2)
    poster = -side * (surface.right - 120)
    paint(_rect(poster - 46, 110, poster + 46, 230), (30, 32, 52))
    paint(_rect(poster - 42, 114, poster + 42, 226), (16, 18, 32))
    hills = ((poster - 34, 214), (poster - 10, 150), (poster + 14, 176), (poster + 34, 140), (poster + 34, 214))
    paint(_curve(hills), (44, 52, 92))


_ROOMS: Final = {
    Scene.WINDOW: _window_room,
    Scene.BOOKSHELF: _bookshelf_room,
    Scene.OFFICE: _office,
    Scene.EVENING: _dark_room,
    Scene.SLIDES: _bookshelf_room,
}


def _shaded(room: Image.Image) -> Image.Image:
    """Darker towards its corners, as lenses draw it."""
    light = ImageChops.invert(Image.radial_gradient("L")).point([150 + 105 * min(v, 140) // 140 for v in range(256)])
    return ImageChops.multiply(room, light.resize(room.size).convert("RGB"))


def _light_from_screen(surface: _Surface, spot: tuple[float, float, float, float]) -> None:
    """Brighten what is near the screen; the lamp behind leaves a warm rim."""
    body = surface.image.getchannel("A")
    surface.paint(_oval(*spot), (226, 236, 255), 0.34, blur=16, inside=body)
    side = _LIGHTS[Scene.EVENING].side
    rim = ImageChops.subtract(
        body, ImageChops.offset(body, round(-side * 5 * surface.scale), round(1.5 * surface.scale))
    )
    rim = rim.filter(ImageFilter.GaussianBlur(1.6 * surface.scale))
    surface.paint(
        _rect(surface.left, surface.top, surface.right, surface.bottom),
        (255, 176, 96),
        0.75,
        inside=ImageChops.multiply(rim, body),
    )


def _tinted(layer: Image.Image, tint: Colour) -> Image.Image:
    return ImageChops.multiply(layer, Image.new("RGBA", layer.size, (*tint, 255)))


# --- A frame of a camera --------------------------------------------------------------------------------------------

_HEAD_Y: Final = 154


@dataclass(frozen=True, slots=True)
class _Stage:
    """What of a person's picture never changes, and where its units are."""

    scale: float
    left: float
    top: float
    looks: _Looks
    light: _Light
    room: Image.Image
    torso: Image.Image
    back: Image.Image
    head: Image.Image
    front: Image.Image
    face: Image.Image  # a part of the head, still too large
    face_at: tuple[int, int]  # in the head

    def at(self, x: float, y: float) -> tuple[int, int]:
        return round((x - self.left) * self.scale), round((y - self.top) * self.scale)


@lru_cache(maxsize=64)
def _stage(seed: int, scene: Scene, width: int, height: int) -> _Stage:
    looks, light = _looks(seed), _LIGHTS[scene]
    scale = height / 360 if width >= height else width / 300
    tall = height / scale
    left, top = -width / 2 / scale, (360 - tall) / 2
    room = _Surface((left, top, -left, top + tall), scale)
    _ROOMS[scene](room, Random(seed))  # noqa: S311 - looks, not secrets
    fine = scale * _FINE
    torso = _torso(looks, light.side, (-190, 185, 190, top + tall + 12), fine)
    back, head, front = _back_of_head(looks, fine), _head(looks, light.side, fine), _front_of_head(looks, fine)
    if scene is Scene.EVENING:
        _light_from_screen(torso, (0, 280, 120, 50))
        _light_from_screen(head, (4, 8, 30, 54))
    torso_layer, back_layer, head_layer, front_layer = (
        _tinted(surface.image.reduce(_FINE), light.tint) for surface in (torso, back, head, front)
    )
    x, y = (round(value * scale) for value in (_FACE_REGION[0] - head.left, _FACE_REGION[1] - head.top))
    right, bottom = (round(value * scale) for value in (_FACE_REGION[2] - head.left, _FACE_REGION[3] - head.top))
    return _Stage(
        scale=scale,
        left=left,
        top=top,
        looks=looks,
        light=light,
        room=_shaded(room.image.convert("RGB").filter(ImageFilter.GaussianBlur(1.7 * scale))),
        torso=torso_layer,
        back=back_layer,
        head=head_layer,
        front=front_layer,
        face=head.image.crop((x * _FINE, y * _FINE, right * _FINE, bottom * _FINE)),
        face_at=(x, y),
    )


@dataclass(frozen=True, slots=True)
class _Pose:
    """How somebody sits and looks for the moment.  Lengths are units, angles radians."""

    sway: float
    nod: float
    tilt: float
    lean: float
    gaze: Point
    lids: float  # 0 closed, 1 open
    brows: float
    mouth: float  # 0 closed, 1 wide open
    smile: float
    cloud: int  # how much darker the light is, of 255


def _pose(seed: int, moment: datetime) -> _Pose:
    chance = Random(f"{seed}/{moment.isoformat()}")  # noqa: S311 - looks, not secrets
    phases = Random(seed)  # noqa: S311 - looks, not secrets
    now = moment.timestamp()

    def wave(period_s: float) -> float:
        return math.sin(math.tau * (now / period_s + phases.random()))

    looks_down, looks_aside, blinks = chance.random() < 0.14, chance.random() < 0.16, chance.random() < 0.04
    side = chance.choice((-1, 1))
    talks = wave(140) > 0.15 and chance.random() < 0.75
    return _Pose(
        sway=9 * wave(210) + 4 * wave(47) + chance.gauss(0, 1.5),
        nod=3 * wave(160) + chance.gauss(0, 1.2) + (7 if looks_down else 0),
        tilt=math.radians(3.2 * wave(120) + chance.gauss(0, 1.2) + (3 * side if looks_aside else 0)),
        lean=1.0 + 0.035 * wave(330) + chance.gauss(0, 0.004),
        gaze=(4.5 * side if looks_aside else chance.gauss(0, 0.8), 3.0 if looks_down else chance.gauss(0.3, 0.5)),
        lids=0.0 if blinks else (0.55 if looks_down else chance.uniform(0.85, 1.0)),
        brows=2.5 * max(0.0, wave(75)) + (1 if talks else 0),
        mouth=chance.uniform(0.15, 0.85) if talks else 0.0,
        smile=max(0.0, wave(260)),
        cloud=round(5 * wave(900)),
    )


def _camera(person: Person, moment: datetime, width: int, height: int) -> Image.Image:
    stage, pose = _stage(person.seed, person.scene, width, height), _pose(person.seed, moment)
    head = stage.head.copy()
    head.paste(_tinted(_face(stage, pose).reduce(_FINE), stage.light.tint), stage.face_at)
    head.alpha_composite(stage.front)
    picture = stage.room.copy()
    at = stage.at(_HEAD_REGION[0] + pose.sway, _HEAD_REGION[1] + _HEAD_Y + pose.nod)
    _place(picture, stage.back, at, stage, pose)
    picture.paste(stage.torso, stage.at(-190 + 0.6 * pose.sway, 175 + 0.3 * pose.nod), stage.torso)
    _place(picture, head, at, stage, pose)
    return _grainy(picture, stage.light.noise, pose.cloud, moment)


def _place(picture: Image.Image, layer: Image.Image, at: tuple[int, int], stage: _Stage, pose: _Pose) -> None:
    """Put a layer of the head on the picture, turned and grown about the neck."""
    x, y = -_HEAD_REGION[0] * stage.scale, (95 - _HEAD_REGION[1]) * stage.scale
    box = layer.getbbox()
    if box is None:
        return
    margin = round(16 * stage.scale)  # turning moves the outermost pixels by less
    left, top = max(0, box[0] - margin), max(0, box[1] - margin)
    size = min(layer.width, box[2] + margin) - left, min(layer.height, box[3] + margin) - top
    cos, sin = math.cos(pose.tilt) / pose.lean, math.sin(pose.tilt) / pose.lean
    origin = x + cos * (left - x) + sin * (top - y), y - sin * (left - x) + cos * (top - y)
    matrix = (cos, sin, origin[0], -sin, cos, origin[1])
    turned = layer.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    picture.paste(turned, (at[0] + left, at[1] + top), turned)


def _face(stage: _Stage, pose: _Pose) -> Image.Image:
    """The part of the head with eyes, brows and mouth, three times too large."""
    looks, face = stage.looks, stage.face.copy()
    draw, fine = ImageDraw.Draw(face), stage.scale * _FINE

    def pixels(shape: Shape) -> list[Point]:
        return [((x - _FACE_REGION[0]) * fine, (y - _FACE_REGION[1]) * fine) for x, y in shape]

    def fill(shape: Shape, colour: Colour) -> None:
        draw.polygon(pixels(shape), fill=colour)

    if pose.lids:
        # Only what lies between the lids is seen of an eyeball
        opening = Image.new("L", face.size)
        eyes = Image.new("RGB", face.size, _mix((236, 232, 228), looks.shade, 0.16))
        iris, (gaze_x, gaze_y) = ImageDraw.Draw(eyes), pose.gaze
        for side in (-1, 1):
            x, y = side * 22.5 + gaze_x, -4.4 + gaze_y
            iris.polygon(pixels(_oval(x, y, 6.3, 6.3)), fill=_mix(looks.iris, _BLACK, 0.45))
            iris.polygon(pixels(_oval(x, y + 0.6, 5.2, 5.2)), fill=looks.iris)
            iris.polygon(pixels(_oval(x, y, 2.7, 2.7)), fill=(14, 12, 14))
            iris.polygon(pixels(_oval(x + stage.light.side * 2, y - 2.2, 1.5, 1.5)), fill=_WHITE)
            ImageDraw.Draw(opening).polygon(pixels(_curve([*_upper_lid(side, pose), *_lower_lid(side)])), fill=255)
        face.paste(eyes, mask=opening)
    lash, crease = _mix(looks.shade, (36, 18, 20), 0.6), _mix(looks.skin, looks.shade, 0.75)
    brow_colour = _mix(looks.hair, looks.skin, 0.25) if looks.hair[0] < 140 else _mix(looks.hair, looks.shade, 0.5)
    for side in (-1, 1):
        upper = _upper_lid(side, pose)
        if pose.lids:
            fill(_stroke(upper, 2.6), lash)
            fill(_stroke([(x, y - 4.2) for x, y in upper[1:]], 1.2), crease)
        else:
            fill(_stroke([upper[0], *reversed(_lower_lid(side)), upper[-1]], 2.4), lash)
        brow = [(side * 9, -18.0), (side * 16, -21.5), (side * 25, -22.5), (side * 36, -17.5)]
        fill(_stroke([(x, y - pose.brows) for x, y in brow], 4.4), brow_colour)
    _draw_mouth(fill, looks, pose)
    return face


def _upper_lid(side: int, pose: _Pose) -> list[Point]:
    line = ((10.5, -2.5, 0), (16.5, -4, -4.6), (24.5, -4, -6.2), (31.5, -4, -4), (35.5, -4.5, 0))
    return [(side * x, y + opened * pose.lids) for x, y, opened in line]


def _lower_lid(side: int) -> list[Point]:
    return [(side * 29.5, 0.4), (side * 21.5, 1.2), (side * 14.5, -0.1)]


def _draw_mouth(fill: Callable[[Shape, Colour], None], looks: _Looks, pose: _Pose) -> None:
    lips = _mix(looks.skin, (156, 52, 60), 0.42)
    half, lift, drop = 18 + 3 * pose.smile - 4 * pose.mouth, 3.5 * pose.smile, 11 * pose.mouth
    left, right = (-half, 47 - lift), (half, 47 - lift)
    fill(_curve((left, (-5, 43.6), (0, 44.6), (5, 43.6), right, (9, 53 + drop), (0, 55 + drop), (-9, 53 + drop))), lips)
    lower_lip = _mix(lips, _WHITE, 0.12)
    fill(_curve(((-9, 51 + drop), (0, 51.5 + drop), (9, 51 + drop), (6, 53.2 + drop), (-6, 53.2 + drop))), lower_lip)
    if pose.mouth:
        gap = (
            (-half + 2, 47 - lift),
            (0, 46.8),
            (half - 2, 47 - lift),
            (half * 0.55, 49 + drop),
            (-half * 0.55, 49 + drop),
        )
        fill(_curve(gap), (64, 22, 26))
        bite = 47 + min(3.4, 0.6 * drop)
        teeth = ((-half + 5, 47.4 - lift), (0, 47.2), (half - 5, 47.4 - lift), (half * 0.5, bite), (-half * 0.5, bite))
        fill(_curve(teeth), (232, 226, 218))
    else:
        line = [left, (-half * 0.5, 48.2 - lift * 0.2), (0, 48.8), (half * 0.5, 48.2 - lift * 0.2), right]
        fill(_stroke(line, 1.7), _mix(lips, (50, 12, 18), 0.6))


_NOISE_MARGIN: Final = 64


@lru_cache(maxsize=8)
def _noise(width: int, height: int, strength: int) -> Image.Image:
    size = width + _NOISE_MARGIN, height + _NOISE_MARGIN
    grain = Image.frombytes("L", size, Random(strength).randbytes(size[0] * size[1]))  # noqa: S311 - looks, not secrets
    grain = grain.filter(ImageFilter.GaussianBlur(0.6)).point(
        [128 + round((v - 128) * strength / 64) for v in range(256)]
    )
    return Image.merge("RGB", (grain, grain, grain))


def _grainy(picture: Image.Image, strength: int, cloud: int, moment: datetime) -> Image.Image:
    """The picture with the noise of a small sensor, never twice the same."""
    chance = Random(moment.isoformat())  # noqa: S311 - looks, not secrets
    left, top = chance.randrange(_NOISE_MARGIN), chance.randrange(_NOISE_MARGIN)
    noise = _noise(*picture.size, strength).crop((left, top, left + picture.width, top + picture.height))
    return ImageChops.add(picture, noise, offset=-128 - cloud)


# --- A shared screen ------------------------------------------------------------------------------------------------

_DECK: Final = (
    (
        "Derivatives: the slope of a curve",
        ("How fast does f change at x?", "Secants lean towards the tangent", "f'(x) is where their slopes go"),
    ),
    (
        "Worked example: f(x) = sin x",
        ("Steepest where it crosses zero", "Flat at the top: f'(x) = 0", "So f'(x) = cos x"),
    ),
    (
        "For Thursday",
        ("Sheet 7, problems 2 to 5", "Draw f and f' in one picture", "Where is the slope zero, and why?"),
    ),
)
_SLIDE_S: Final = 90
_INK: Final[Colour] = (34, 42, 60)
_ACCENT: Final[Colour] = (46, 110, 190)
_POINTER: Final[Colour] = (214, 90, 60)


@lru_cache(maxsize=32)
def _slide(number: int, width: int, height: int) -> Image.Image:
    title, points = _DECK[number]
    scale = width / 640
    surface = _Surface((0, 0, 640, 360), scale * _FINE)
    surface.fade((252, 252, 250), (240, 242, 246))
    surface.paint(_rect(0, 0, 10, 360), _ACCENT)
    surface.paint(_rect(36, 78, 96, 81), _ACCENT)
    for line in range(len(points)):
        surface.paint(_oval(42, 122 + 40 * line, 3.4, 3.4), _ACCENT)
    for step in range(9):
        surface.paint(_rect(368 + 30 * step, 146, 368.6 + 30 * step, 282), _INK, 0.14)
    for step in range(5):
        surface.paint(_rect(368, 148 + 33 * step, 608, 148.6 + 33 * step), _INK, 0.14)
    surface.paint(_rect(364, 213.4, 612, 214.6), _INK, 0.7)
    surface.paint(_rect(399.4, 142, 400.6, 286), _INK, 0.7)
    graph = [(_plot(step / 60)) for step in range(61)]
    surface.paint([*graph, *((x, y + 2.6) for x, y in reversed(graph))], _ACCENT)
    surface.paint(_rect(0, 304, 640, 360), (26, 30, 40))
    slide = surface.image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(slide)
    draw.text((36 * scale, 38 * scale), title, _INK, _font(25 * scale), stroke_width=0.35 * scale)
    for line, point in enumerate(points):
        draw.text((56 * scale, (112 + 40 * line) * scale), point, _INK, _font(17 * scale))
    return slide


def _plot(share: float) -> Point:
    """Where the curve of a slide is, from its left (0) to its right end (1)."""
    return 372 + 232 * share, 212 - 52 * math.sin(share * 7.4 - 0.9)


def _shared_screen(person: Person, moment: datetime, width: int, height: int) -> Image.Image:
    scale = min(width / 640, height / 360)
    size = round(640 * scale), round(360 * scale)
    now = moment.timestamp()
    slide = _slide(int(now // _SLIDE_S) % len(_DECK), *size).copy()
    # A tangent rolls along the curve
    share = 0.5 + 0.45 * math.sin(math.tau * now / 140)
    (x, y), (after_x, after_y) = _plot(share), _plot(share + 0.001)
    slope = (after_y - y) / (after_x - x)
    across, along = (part / math.hypot(1, slope) for part in (1.0, slope))
    surface = _Surface((364, 130, 616, 300), scale * _FINE)
    (from_x, from_y), (to_x, to_y) = ((x + reach * across, y + 1.3 + reach * along) for reach in (-48, 48))
    aside, down = -1.3 * along, 1.3 * across
    line = (
        (from_x + aside, from_y + down),
        (to_x + aside, to_y + down),
        (to_x - aside, to_y - down),
        (from_x - aside, from_y - down),
    )
    surface.paint(line, _POINTER)
    surface.paint(_oval(x, y + 1.3, 5, 5), _POINTER)
    tangent = surface.image.reduce(_FINE)
    slide.paste(tangent, (round(364 * scale), round(130 * scale)), tangent)
    tile = _camera(person, moment, round(156 * scale), round(104 * scale))
    at = round(468 * scale), round(16 * scale)
    corners = _rounded(*tile.size)
    slide.paste(tile, at, corners)
    picture = Image.new("RGB", (width, height), (26, 30, 40))
    picture.paste(_grainy(slide, 2, 0, moment), ((width - size[0]) // 2, (height - size[1]) // 2))
    return picture


@lru_cache(maxsize=8)
def _rounded(width: int, height: int) -> Image.Image:
    mask = Image.new("L", (width * _FINE, height * _FINE))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), mask.height / 12, fill=255)
    return mask.reduce(_FINE)


# --- The caption ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=max(6.0, size))
    if not isinstance(font, ImageFont.FreeTypeFont):  # pragma: no cover - Pillow's wheels all have FreeType
        raise TypeError("this Pillow was built without FreeType, which the demo needs to write on its pictures")
    return font


def _plain(text: str) -> str:
    """The text in letters that Pillow's own font has: printable ASCII."""
    bare = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in bare)


def _fitted(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    plain = _plain(text)
    if font.getlength(plain) <= room:
        return plain
    fits = bisect(range(len(plain)), False, key=lambda length: font.getlength(f"{plain[:length]}…") > room)
    return f"{plain[: max(0, fits - 1)]}…"


@lru_cache(maxsize=64)
def _caption(name: str, channel: str, day: str, width: int, tall: int, scale: float) -> Image.Image:
    """The lower third without the time of day."""
    dark = Image.linear_gradient("L").resize((width, tall)).point([v * 216 // 255 for v in range(256)])
    band = Image.new("RGBA", (width, tall), (8, 11, 18))
    band.putalpha(dark)
    draw = ImageDraw.Draw(band)
    draw.rectangle((18 * scale, tall - 50 * scale, 21.5 * scale, tall - 14 * scale), (72, 196, 160))
    large, small = _font(21 * scale), _font(14 * scale)
    room = width - (18 + 12 + 18 + 24) * scale - large.getlength("00:00:00.000 UTC")
    draw.text(
        (31 * scale, tall - 40 * scale),
        _fitted(name, large, room),
        _WHITE,
        large,
        anchor="lm",
        stroke_width=0.3 * scale,
    )
    draw.text((31 * scale, tall - 19 * scale), _fitted(channel, small, room), (176, 216, 206), small, anchor="lm")
    draw.text((width - 18 * scale, tall - 19 * scale), day, (196, 206, 214), small, anchor="rm")
    return band


def _write_caption(picture: Image.Image, person: Person, channel: str, moment: datetime) -> None:
    width, height = picture.size
    scale = min(width / 640, height / 360) if width >= height else width / 430
    tall = round((56 if person.scene is Scene.SLIDES else 112) * scale)  # a slide has a dark foot
    band = _caption(person.name, channel, f"{moment:%Y-%m-%d}", width, tall, scale)
    picture.paste(band, (0, height - band.height), band)
    at = width - 18 * scale, height - 40 * scale
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    ImageDraw.Draw(picture).text(at, clock, _WHITE, _font(21 * scale), anchor="rm", stroke_width=0.3 * scale)
