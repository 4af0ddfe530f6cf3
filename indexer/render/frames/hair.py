"""Hair, beards and scarves."""

import math
from random import Random
from typing import Final

from PIL import Image

from indexer.render.frames.looks import Hair, Looks
from indexer.render.frames.paint import BLACK, WHITE, Surface, mix
from indexer.render.frames.shapes import both, curve, moved, oval, points, stroke, symmetric

_CAP: Final = points("-58,2 -61,-32 -53,-64 -29,-85 0,-91 29,-85 53,-64 61,-32 58,2")
_HAIRLINES: Final = {
    Hair.CROP: points("51,-8 49,-30 37,-47 14,-52 -12,-51 -37,-46 -49,-30 -51,-8"),
    Hair.PARTED: points("51,-6 50,-26 38,-38 12,-44 -10,-54 -22,-66 -34,-52 -48,-30 -51,-6"),
    Hair.CURLS: points("50,-10 46,-34 30,-46 0,-50 -30,-46 -46,-34 -50,-10"),
    Hair.LONG: points("52,10 51,-20 38,-44 14,-60 2,-70 -10,-58 -36,-42 -51,-20 -52,10"),
    Hair.BOB: points("52,8 51,-18 40,-34 14,-40 -14,-40 -38,-36 -51,-18 -52,8"),
    Hair.BUN: points("51,-8 48,-34 30,-52 0,-58 -30,-52 -48,-34 -51,-8"),
    Hair.SCARF: points("47,0 44,-30 28,-50 0,-55 -28,-50 -44,-30 -47,0"),
}
_BEHIND: Final = {
    Hair.LONG: symmetric(points("0,-92 40,-84 64,-46 68,20 80,76 84,116 60,134 0,138")),
    Hair.BOB: symmetric(points("0,-92 40,-84 64,-46 68,20 66,58 40,74 0,76")),
    Hair.SCARF: symmetric(points("0,-94 40,-86 64,-50 69,4 66,50 72,96 80,130 40,146 0,148")),
}
_OVER: Final = {
    Hair.LONG: both(curve(points("48,-44 61,-24 67,26 74,72 76,108 68,138 57,126 50,96 50,62 50,28 46,-10"))),
    Hair.BOB: both(curve(points("48,-44 62,-24 67,16 68,46 58,64 44,62 50,36 50,4"))),
    Hair.BUN: (oval(0, -96, 25, 21),),
}
_BEARD: Final = symmetric(points("0,37 8,35 20,36 33,38 46,26 49,6 58,0 54,36 40,64 18,82 0,82"))
_STRAND: Final = ((0.55, -92), (1.0, -46), (1.12, 0), (1.18, 46), (1.2, 92), (1.2, 138))


def paint_behind(surface: Surface, looks: Looks) -> None:
    """What lies behind neck and shoulders."""
    if looks.style in _BEHIND:
        surface.paint(mix(looks.cover, BLACK, 0.3), _BEHIND[looks.style])


def paint_hair(surface: Surface, looks: Looks, light: int, face: Image.Image) -> None:
    """Beard, and hair or scarf around `face`, lit from a side: -1 left, 1 right."""
    paint, style = surface.paint, looks.style
    if looks.beard:
        paint(mix(looks.hair, looks.skin, 0.15), _BEARD, opacity=looks.beard, blur=4, inside=face)
    if style is Hair.BALD:
        paint(mix(looks.glow, WHITE, 0.3), oval(light * 16, -58, 22, 10), opacity=0.55, blur=7, inside=face)
        paint(looks.hair, *both(oval(56, -18, 8, 22)), opacity=0.4, blur=4, inside=face)
        return
    chance = Random(style)  # noqa: S311 - looks, not secrets
    dark, bright = mix(looks.cover, BLACK, 0.4), mix(looks.cover, (255, 240, 220), 0.3)
    shapes = [curve([*_CAP, *_HAIRLINES[style]]), *_OVER.get(style, ())]
    paint(looks.shade, moved(shapes[0], 0, 4), opacity=0.7, blur=4, inside=face)
    if style is Hair.CURLS:
        for turn in (math.radians(188 + 164 * step / 45) for step in range(46)):
            reach = chance.uniform(0.94, 1.08)
            shapes.append(oval(60 * reach * math.cos(turn), 64 * reach * math.sin(turn) - 22, 12, 12))
    paint(looks.cover, *shapes)
    hair = surface.mask(*shapes)
    paint(bright, oval(light * 20, -74, 34, 9), opacity=0.6, blur=7, inside=hair)
    if style is Hair.SCARF:
        return
    paint(dark, oval(-light * 52, -40, 26, 60), opacity=0.6, blur=12, inside=hair)
    if style is Hair.CURLS:
        dabs = [oval(x - 12, y, 7, 5) for x, y in (curl[0] for curl in shapes[1::2])]
        paint(bright, *(moved(dab, 0, -3) for dab in dabs), opacity=0.4, blur=2.5, inside=hair)
        paint(dark, *(moved(dab, 3, 6) for dab in dabs), opacity=0.4, blur=2.5, inside=hair)
    else:
        for ink in (dark, bright):
            starts = [chance.uniform(-56, 56) for _ in range(17)]
            strands = (stroke([(start * spread, y) for spread, y in _STRAND], 3) for start in starts)
            paint(ink, *strands, opacity=0.3, blur=1, inside=hair)
