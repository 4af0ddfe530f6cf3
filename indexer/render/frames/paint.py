"""Colours, and surfaces to paint shapes on."""

import math
from itertools import chain
from typing import Final, TypeAlias

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from indexer.render.frames.shapes import Point, Shape

Colour: TypeAlias = tuple[int, int, int]
Region: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom, in units."""

FINE: Final = 3
"""Pillow's polygons have hard edges, so what moves is drawn this many times too large."""
BLACK: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (255, 255, 255)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one`, with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def palette(text: str) -> list[Colour]:
    """Colours written as on the web: `f4d0b8 ecc09e`."""
    colours = (bytes.fromhex(colour) for colour in text.split())
    return [(red, green, blue) for red, green, blue in colours]


class Surface:
    """A transparent picture of `region`, painted in units.  Or paints on `image`, which shows that region."""

    def __init__(self, region: Region, scale: float, image: Image.Image | None = None) -> None:
        self.left, self.top, self.right, self.bottom = region
        self.scale = scale
        size = round((self.right - self.left) * scale), round((self.bottom - self.top) * scale)
        self.image = image or Image.new("RGBA", size)

    def _pixels(self, shape: Shape) -> list[Point]:
        return [((x - self.left) * self.scale, (y - self.top) * self.scale) for x, y in shape]

    def mask(self, *shapes: Shape) -> Image.Image:
        """Where `shapes` are, to keep other paint inside of them."""
        mask = Image.new("L", self.image.size)
        for shape in shapes:
            ImageDraw.Draw(mask).polygon(self._pixels(shape), fill=255)
        return mask

    def paint(
        self, colour: Colour, *shapes: Shape, opacity: float = 1.0, blur: float = 0.0, inside: Image.Image | None = None
    ) -> None:
        """Lay one coat of paint over what is there, its edge softened by `blur` units."""
        outlines = [self._pixels(shape) for shape in shapes]
        if opacity == 1.0 and not blur and inside is None:
            for outline in outlines:
                ImageDraw.Draw(self.image).polygon(outline, fill=colour)
            return
        radius = blur * self.scale
        reach = 2.5 * radius + 1
        xs, ys = zip(*chain.from_iterable(outlines), strict=True)
        left, top = (max(0, math.floor(min(line) - reach)) for line in (xs, ys))
        width = min(self.image.width, math.ceil(max(xs) + reach)) - left
        height = min(self.image.height, math.ceil(max(ys) + reach)) - top
        if width <= 0 or height <= 0:
            return
        coarse = max(1, math.floor(radius / 4))  # what is very soft needs few pixels
        mask = Image.new("L", (math.ceil(width / coarse), math.ceil(height / coarse)))
        for outline in outlines:
            shape = [((x - left) / coarse, (y - top) / coarse) for x, y in outline]
            ImageDraw.Draw(mask).polygon(shape, fill=round(255 * opacity))
        mask = mask.filter(ImageFilter.GaussianBlur(radius / coarse))
        mask = mask.resize((width, height), Image.Resampling.BILINEAR, (0, 0, width / coarse, height / coarse))
        if inside is not None:
            mask = ImageChops.multiply(mask, inside.crop((left, top, left + width, top + height)))
        ink = Image.new("RGBA", mask.size, colour)
        ink.putalpha(mask)
        self.image.alpha_composite(ink, (left, top))

    def fade(self, above: Colour, below: Colour) -> None:
        """Fill everything, from one colour at the top to another at the bottom."""
        top, bottom = (Image.new("RGB", self.image.size, colour) for colour in (above, below))
        self.image.paste(Image.composite(bottom, top, Image.linear_gradient("L").resize(self.image.size)))
