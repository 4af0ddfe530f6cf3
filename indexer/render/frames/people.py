"""People, without what moves in their faces."""

import math
from typing import Final

from indexer.render.frames.hair import paint_hair
from indexer.render.frames.looks import DEVICE, Hair, Looks
from indexer.render.frames.paint import BLACK, WHITE, Region, Surface, mix
from indexer.render.frames.shapes import both, curve, moved, oval, points, rect, symmetric

HEAD: Final[Region] = (-100, -125, 100, 150)
"""A head with its hair, and room to turn.  (0, 0) is between the eyes."""


def paint_torso(surface: Surface, looks: Looks, light: int) -> None:
    """What is below the chin, which is at y = 228, lit from a side: -1 left, 1 right."""
    paint, half = surface.paint, 30 * looks.jaw
    covered = looks.style is Hair.SCARF
    neck = symmetric([(0, 205), (half - 3, 205), (half, 246), (46, 264), (20, 296), (0, 296)])
    throat = surface.mask(neck)
    paint(mix(looks.cover, BLACK, 0.3) if covered else looks.skin, neck)
    if not covered:
        paint(looks.shade, oval(-light * 6, 230, 40, 19), opacity=0.9, blur=6, inside=throat)
        paint(looks.shade, oval(-light * 34, 250, 16, 40), opacity=0.6, blur=8, inside=throat)
    shirt = symmetric(points("0,279 15,274 27,262 34,249 66,261 112,275 146,298 162,340 176,430 180,620 0,640"))
    cloth = surface.mask(shirt)
    dark, bright = mix(looks.shirt, (12, 10, 26), 0.55), mix(looks.shirt, (255, 246, 230), 0.35)
    paint(BLACK, moved(shirt, 0, -3), opacity=0.25, blur=4, inside=throat)
    paint(looks.shirt, shirt)
    paint(dark, oval(-light * 150, 350, 80, 120), opacity=0.75, blur=24, inside=cloth)
    paint(bright, oval(light * 92, 282, 66, 20), opacity=0.65, blur=13, inside=cloth)
    if looks.collar:
        opening = curve(points("-20,262 0,276 20,262 9,296 0,308 -9,296"))
        flaps = both(points("34,244 45,262 29,301 3,284 22,268"))
        paint(dark if covered else looks.skin, opening)
        paint(looks.shade, oval(0, 268, 24, 16), opacity=0.7, blur=6, inside=surface.mask(opening))
        paint(dark, rect(-1, 306, 1, 640), opacity=0.7, blur=0.6, inside=cloth)
        paint(BLACK, *(moved(flap, 0, 3) for flap in flaps), opacity=0.4, blur=3, inside=cloth)
        paint(mix(looks.shirt, WHITE, 0.12), *flaps)
    else:
        seam = points("-35,249 -27,263 -15,275 0,280 15,275 27,263 35,249")
        edge = [(x * 1.16, y + 6) for x, y in reversed(seam)]
        paint(dark, [*seam, *edge], opacity=0.4, blur=0.8, inside=cloth)


def paint_head(surface: Surface, looks: Looks, light: int) -> None:
    """The head and a headset, lit from a side: -1 left, 1 right."""
    paint, skin, shade = surface.paint, looks.skin, looks.shade
    right_half = points("0,-77 27,-74 47,-54 55,-20 54,12 49,38 37,60 18,75 0,79")
    outline = symmetric([(x * (looks.jaw if y > 0 else 1), y) for x, y in right_half])
    face = surface.mask(outline)
    if looks.style is Hair.SCARF:
        scarf = symmetric(points("0,-92 40,-84 63,-48 66,4 60,50 44,86 26,108 0,114"))
        paint(looks.cover, scarf)
        paint(BLACK, oval(0, 92, 40, 14), opacity=0.3, blur=7, inside=surface.mask(scarf))
    else:
        paint(mix(skin, shade, 0.3), *both(oval(56, 7, 8, 16)))
        paint(shade, *both(oval(57, 7, 3.5, 9)), opacity=0.6, blur=2)
    paint(skin, outline)
    paint(shade, oval(-light * 64, 6, 36, 96), opacity=0.75, blur=15, inside=face)
    paint(looks.glow, oval(light * 24, -16, 30, 62), opacity=0.6, blur=16, inside=face)
    paint(shade, oval(0, 90, 54, 17), opacity=0.6, blur=8, inside=face)
    paint(mix(skin, (206, 62, 62), skin[0] / 600), *both(oval(31, 27, 15, 11)), opacity=0.4, blur=8, inside=face)
    paint(shade, *both(oval(22.5, -7, 17, 10)), opacity=0.42, blur=6, inside=face)
    nose = [(-light * 2, -14), (-light * 9, 18), (-light * 12, 27), (-light * 2, 31), (0, -14)]
    paint(shade, nose, oval(0, 31, 11, 2.6), opacity=0.6, blur=2.8)
    paint(mix(shade, BLACK, 0.45), *both(oval(6, 29, 2.8, 1.7)), opacity=0.75, blur=0.9)
    paint(looks.glow, oval(light * 2, 19, 3.6, 8), opacity=0.8, blur=3)
    paint(shade, oval(0, 60, 13, 2.6), opacity=0.45, blur=3)
    paint_hair(surface, looks, light, face)
    if looks.headset:
        turns = [turn / 10 for turn in range(-15, 16)]
        band = [(64 * math.sin(turn), 4 - 100 * math.cos(turn)) for turn in turns]
        inner = [(59 * math.sin(turn), 4 - 93 * math.cos(turn)) for turn in reversed(turns)]
        boom = points("-62,22 -58,44 -46,57 -30,61 -30,64 -48,61 -61,47 -66,24")
        paint(DEVICE, [*band, *inner], *both(oval(61, 8, 11, 22)), boom, oval(-27, 62, 7, 4.5))
        paint(mix(DEVICE, WHITE, 0.3), *both(oval(63, 4, 4, 13)), opacity=0.7, blur=3)
